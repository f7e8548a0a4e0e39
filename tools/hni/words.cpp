// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "tools/hni/help.hpp"
#include "tools/hni/printable.hpp"

namespace hni::tools {
namespace {

/// Counts the insertions, deletions and substitutions that turn one word into the other.
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t exchange = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({exchange, row[j + 1] + 1, row[j] + 1});
    }
  }
  return row.back();
}

std::size_t common_prefix(const std::string& a, const std::string& b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

/// Returns all words of the command: subcommands and options.
std::vector<std::string> words_of(const CLI::App& app, bool options) {
  std::vector<std::string> words;
  if (!options) {
    for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
      words.push_back(sub->get_name());
    return words;
  }
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
    for (const std::string& name : option->get_snames()) words.push_back("-" + name);
  }
  return words;
}

/// CLI11's messages may have several lines and end with a hint at --help.
std::string first_line(std::string text) {
  return text.substr(0, text.find('\n'));
}

}  // namespace

std::string nearest(const std::string& word, const std::vector<std::string>& candidates) {
  // A truncated word matches the shortest one that starts with it.
  std::string best;
  for (const std::string& candidate : candidates) {
    if (word.size() >= 2 && candidate.starts_with(word) &&
        (best.empty() || candidate.size() < best.size()))
      best = candidate;
  }
  if (!best.empty()) return best;
  std::size_t least = std::max<std::size_t>(2, word.size() / 2);
  std::size_t prefix = 0;
  for (const std::string& candidate : candidates) {
    const std::size_t d = distance(word, candidate);
    const std::size_t shared = common_prefix(word, candidate);
    if (d < least || (d == least && (best.empty() || shared > prefix))) {
      least = d;
      prefix = shared;
      best = candidate;
    }
  }
  return best;
}

std::string unknown(const std::string& noun, const std::string& word,
                    const std::vector<std::string>& candidates) {
  const std::string near = nearest(word, candidates);
  if (!near.empty()) return fmt::format("unknown {} '{}': did you mean '{}'?", noun, word, near);
  return fmt::format("unknown {} '{}': there are {}", noun, word, fmt::join(candidates, ", "));
}

int complain(const std::string& command, const Problem& why) {
  fmt::print(stderr, "{}: {}\n", command, printable(why.text));
  return why.status;
}

std::optional<int> parse(CLI::App& app, const std::string& command, int argc, char** argv) {
  // Unknown words get a more helpful message than CLI11's.
  app.allow_extras();
  fold_help_of(app);
  for (CLI::App* sub : app.get_subcommands([](CLI::App*) { return true; })) sub->allow_extras();
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wanted) {
    return app.exit(wanted);
  } catch (const CLI::RequiredError& error) {
    // A word in the place of the verb that is missing.
    const std::vector<std::string> extras = app.remaining();
    const std::vector<std::string> verbs = words_of(app, false);
    if (extras.empty() || verbs.empty() || !app.get_subcommands().empty())
      return complain(command, {first_line(error.what()), kExitUsage});
    return complain(command, {unknown("word", extras.front(), verbs), kExitUsage});
  } catch (const CLI::ParseError& error) {
    return complain(command, {first_line(error.what()), kExitUsage});
  }
  const CLI::App* innermost = &app;
  while (!innermost->get_subcommands().empty()) innermost = innermost->get_subcommands().back();
  const std::vector<std::string> extras = app.remaining(true);
  if (extras.empty()) return std::nullopt;
  const std::string& word = extras.front();
  const bool option = word.size() > 1 && word[0] == '-';
  const std::vector<std::string> known = words_of(*innermost, option);
  if (known.empty())
    return complain(command, {fmt::format("unexpected argument '{}'", word), kExitUsage});
  return complain(
      command,
      {unknown(option ? "option" : "word", word.substr(0, word.find('=')), known), kExitUsage});
}

}  // namespace hni::tools
