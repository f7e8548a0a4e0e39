// SPDX-License-Identifier: Apache-2.0
// hni-fuzz: the program that `hni fuzz` executes. Its words are parsed here; what they do is in
// fuzz_main.cpp.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "fuzz/engine/fuzz_main.hpp"
#include "fuzz/script/target.hpp"
#include "tools/hni/finish.hpp"
#include "tools/hni/words.hpp"

namespace {

namespace tools = hni::tools;

struct Words {
  std::vector<std::string> positionals;
  bool json = false;
  bool quiet = false;
};

/// A verb of this program: its positional words, `least` to `most` of them.
struct Verb {
  const char* name;
  const char* words;
  int least, most;
  const char* help;
};

constexpr const char* kFileHelp =
    "TARGET can be left out where the file's folder names it; FILE is a script's bytes, its text "
    "(*.script), or a finding's folder";

constexpr Verb kVerbs[] = {
    {"list", "", 0, 0, "the targets"},
    {"show", "[TARGET] FILE", 1, 2, "a script or a message as text"},
    {"build", "TARGET TEXT FILE", 3, 3, "a script from text"},
    {"replay", "[TARGET] FILE", 1, 2, "runs it, shows what it does; status 1: a finding"},
    {"min", "[TARGET] FILE SMALLER", 2, 3, "removes what the finding does not need"},
    {"record", "RECORDING SCRIPT [PORT [QUEUE]]", 2, 4, "a script from hni trace record"},
    {"seeds", "FOLDER", 1, 1, "writes the systematic corpus"},
    {"speed", "TARGET FILE [SECONDS]", 2, 3, "runs a second, without an engine"},
};

/// Verbs that scripts carry out, which parse their own options.
constexpr Verb kScripts[] = {
    {"run", "", 0, 0, "a campaign of all engines"},
    {"status", "", 0, 0, "figures of a campaign, also a running one"},
    {"report", "", 0, 0, "a report on a campaign: HTML, SARIF, JUnit"},
    {"merge", "", 0, 0, "several campaigns into one, minimised"},
    {"cover", "", 0, 0, "coverage of the corpus, as HTML"},
    {"bugs", "", 0, 0, "the seeded bugs"},
};

void add_verbs(CLI::App& app, Words& words) {
  app.require_subcommand(0, 1);
  for (const Verb& verb : kVerbs) {
    CLI::App* sub = app.add_subcommand(verb.name, verb.help);
    if (verb.most == 0) continue;
    // CLI11 wants one word as the name of what may be several.
    sub->add_option("WORDS", words.positionals, fmt::format("{}: {}", verb.words, kFileHelp))
        ->expected(0, verb.most);
  }
  for (const Verb& verb : kScripts) app.add_subcommand(verb.name, verb.help);
  app.get_subcommand("list")->add_flag("-j,--json", words.json, "JSON, one object a line");
  app.get_subcommand("replay")->add_flag("-q,--quiet", words.quiet, "only the verdict");
}

int list_as_json() {
  for (const hni::fuzz::Target* target : hni::fuzz::targets())
    fmt::print("{{\"target\":\"{}\",\"shows\":\"{}\"}}\n", target->name, target->text);
  return tools::kExitDone;
}

/// PORT, QUEUE and SECONDS are numbers.
bool are_numbers(const std::vector<std::string>& words) {
  return std::all_of(words.begin(), words.end(), [](const std::string& word) {
    return !word.empty() && word.find_first_not_of("0123456789.") == std::string::npos;
  });
}

int run(int argc, char** argv) {
  const std::string word = argc > 1 ? argv[1] : "";
  for (const Verb& verb : kScripts) {
    if (word == verb.name) return hni::fuzz::fuzz_main(argc, argv);
  }
  Words words;
  CLI::App app{"Fault scripts and fuzz targets: show, replay, minimise; campaigns.", "hni fuzz"};
  add_verbs(app, words);
  if (const auto status = tools::parse(app, "hni fuzz", argc, argv)) return *status;
  if (app.get_subcommands().empty()) {
    fmt::print(stderr, "{}", app.help());
    return tools::kExitUsage;
  }
  const std::string name = app.get_subcommands().front()->get_name();
  if (words.json) return list_as_json();
  const auto verb = std::ranges::find(kVerbs, name, &Verb::name);
  if (words.positionals.size() < static_cast<std::size_t>(verb->least))
    return tools::complain("hni fuzz " + name,
                           {fmt::format("{} is required", verb->words), tools::kExitUsage});
  const std::size_t fixed = name == "record" || name == "speed" ? 2 : words.positionals.size();
  const std::vector<std::string> numbers(
      words.positionals.begin() + static_cast<std::ptrdiff_t>(fixed), words.positionals.end());
  if (!are_numbers(numbers))
    return tools::complain("hni fuzz " + name, {fmt::format("invalid number '{}'", numbers.back()),
                                                tools::kExitUsage});
  std::vector<std::string> all{argv[0], name};
  if (words.quiet) all.emplace_back("--quiet");
  all.insert(all.end(), words.positionals.begin(), words.positionals.end());
  std::vector<char*> arguments;
  for (std::string& text : all) arguments.push_back(text.data());
  return hni::fuzz::fuzz_main(static_cast<int>(arguments.size()), arguments.data());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return hni::tools::finish("hni fuzz", run(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "hni fuzz: %s\n", error.what());
    return hni::tools::kExitFailed;
  }
}
