// SPDX-License-Identifier: Apache-2.0
#include "fuzz/engine/fuzz_main.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "fuzz/engine/fuzz_input.hpp"
#include "fuzz/engine/minimise.hpp"
#include "fuzz/engine/scripts.hpp"
#include "fuzz/script/target.hpp"
#include "fuzz/seeds/seeds.hpp"
#include "fuzz/worlds/recorded.hpp"

namespace hni::fuzz {
namespace {

namespace fs = std::filesystem;

int list(Arguments) {
  for (const Target* target : targets())
    std::printf("%-12s %s\n", std::string(target->name).c_str(),
                std::string(target->text).c_str());
  return 0;
}

int show(Arguments arguments) {
  const auto input = read_input(arguments);
  if (!input) return 2;
  std::fputs(input_text(*input->target, input->bytes).c_str(), stdout);
  return 0;
}

int build(Arguments arguments) {
  if (arguments.size() != 3) return 2;
  const Target* target = named_target(arguments[0]);
  const auto text = target != nullptr ? read_file(arguments[1]) : std::nullopt;
  if (!text) return 2;
  const ParsedScript parsed =
      script_from_text({reinterpret_cast<const char*>(text->data()), text->size()}, target->ops);
  if (!parsed.error.empty()) {
    std::fprintf(stderr, "%s: %s\n", arguments[1], parsed.error.c_str());
    return 2;
  }
  return write_file(arguments[2], encode_script(parsed.script, target->ops)) ? 0 : 2;
}

/// Without sanitizers a run without a finding proves little, as memory errors go undetected.
/// Repeats the run in a sanitizer build if there is one; returns 0 if not.
int replay_with_sanitizers(Arguments arguments) {
  std::printf("this build has no sanitizers: only the oracles are checked\n");
  const auto tool = sanitized_tool();
  if (!tool) {
    std::printf(
        "for the sanitizers: cmake --preset fuzz && cmake --build --preset fuzz, then replay "
        "again\n");
    return 0;
  }
  std::printf("replayed by the sanitizer build %s:\n", tool->c_str());
  std::vector<std::string> words{"replay", "--quiet"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return become(*tool, words);
}

/// replay [--quiet] [TARGET] FILE: 0 no finding, 1 a finding.
int replay(Arguments arguments) {
  const bool quiet = !arguments.empty() && std::string_view(arguments[0]) == "--quiet";
  if (quiet) arguments = arguments.subspan(1);
  const auto input = read_input(arguments);
  if (!input) return 2;
  if (!quiet && !input->target->ops.empty() && input->bytes.size() <= input->target->max_bytes)
    std::fputs(input_text(*input->target, input->bytes).c_str(), stdout);
  const Outcome outcome = run_apart(*input->target, input->bytes);
  std::fputs(outcome.output.c_str(), stderr);
  std::printf("%s\n", outcome.fails ? "finding" : "no finding");
  if (outcome.fails) return 1;
  return kHasSanitizers ? 0 : replay_with_sanitizers(arguments);
}

/// min [TARGET] FILE SMALLER: writes SMALLER as text if its name ends in .script.
int min(Arguments arguments) {
  if (arguments.size() < 2) return 2;
  const auto input = read_input(arguments.first(arguments.size() - 1));
  if (!input) return 2;
  // Printing a stack per attempt would take most of the time.
  if (kHasSanitizers && std::getenv("ASAN_OPTIONS") == nullptr) {
    (void)setenv("ASAN_OPTIONS", "symbolize=0:detect_leaks=0", 0);
    (void)setenv("UBSAN_OPTIONS", "symbolize=0", 0);
    std::vector<std::string> words{"min"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return become("/proc/self/exe", words);
  }
  const std::string cause = cause_of(run_apart(*input->target, input->bytes));
  if (cause.empty()) {
    std::fprintf(stderr, "'%s' has no finding in this build%s\n", input->file.c_str(),
                 kHasSanitizers ? "" : ", which has no sanitizers: only the oracles are checked");
    return 2;
  }
  const Bytes small = minimise(*input->target, input->bytes, cause);
  std::printf("%zu bytes of %zu: %s\n", small.size(), input->bytes.size(), cause.c_str());
  const fs::path to(arguments.back());
  if (to.extension() != ".script") return write_file(to, small) ? 0 : 2;
  const std::string text = input_text(*input->target, small);
  return write_file(to, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}) ? 0 : 2;
}

/// Converts a recording of a live driver to a script and replays it.
int record(Arguments arguments) {
  if (arguments.size() < 2 || arguments.size() > 4) return 2;
  std::ifstream in(arguments[0], std::ios::binary);
  if (!in) {
    std::fprintf(stderr, "cannot read %s\n", arguments[0]);
    return 2;
  }
  const auto number = [&](std::size_t i) {
    return i < arguments.size() ? static_cast<unsigned>(std::atoi(arguments[i])) : 0U;
  };
  trace::RecordingReader recording(in);
  const auto recorded = script_of(recording, number(2), number(3));
  if (!recorded) {
    std::fprintf(stderr, "%s: %s\n", arguments[0], recorded.error().c_str());
    return 2;
  }
  const Target& target = *find_target("traffic");
  if (!write_file(arguments[1], encode_script(recorded->script, target.ops))) return 2;
  const std::string difference = replay_exactly(*recorded);
  if (!difference.empty()) {
    std::printf("%s\n", difference.c_str());
    return 1;
  }
  std::printf("%zu completions replayed, each as recorded; no finding\n", recorded->words.size());
  return 0;
}

int seeds(Arguments arguments) {
  if (arguments.size() != 1) return 2;
  const fs::path folder(arguments[0]);
  for (const Seed& seed : make_seeds()) {
    fs::create_directories(folder / seed.target);
    if (!write_file(folder / seed.target / seed.name, seed.bytes)) return 2;
  }
  return 0;
}

/// Measures how fast files run without an engine, over SECONDS of processor time, which does not
/// depend on other load.
int speed(Arguments arguments) {
  if (arguments.size() < 2) return 2;
  const auto bytes = read_file(arguments[1]);
  const Target* target = find_target(arguments[0]);
  if (!bytes || target == nullptr) return 2;
  const double seconds = arguments.size() > 2 ? std::strtod(arguments[2], nullptr) : 1.0;
  const std::clock_t begin = std::clock();
  work().events = 0;
  std::uint64_t runs = 0;
  double spent = 0;
  while (spent < seconds) {
    for (int i = 0; i < 64; ++i) run_target(*target, bytes->data(), bytes->size());
    runs += 64;
    spent = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  }
  std::printf("%-12s %6zu bytes %12.0f exec/s %14.0f events/s\n", arguments[0], bytes->size(),
              static_cast<double>(runs) / spent, static_cast<double>(work().events) / spent);
  return 0;
}

/// Commands that are implemented by scripts of fuzz/.
int campaign(Arguments arguments) {
  return run_script("campaign/campaign.py", {"run"}, arguments);
}
int status(Arguments arguments) {
  return run_script("campaign/campaign.py", {"status"}, arguments);
}
int report(Arguments arguments) {
  return run_script("campaign/campaign.py", {"report"}, arguments);
}
int merge(Arguments arguments) {
  return run_script("campaign/campaign.py", {"merge"}, arguments);
}
int cover(Arguments arguments) {
  return run_script("campaign/cover.sh", {}, arguments);
}
int bugs(Arguments arguments) {
  return run_script("bugs/run.py", {}, arguments);
}

struct Command {
  std::string_view name;
  int (*run)(Arguments);
  const char* usage;
};

constexpr Command kCommands[] = {
    {"list", list, "list                              the targets"},
    {"show", show, "show [TARGET] FILE                a script or a message as text"},
    {"build", build, "build TARGET TEXT FILE            a script from text"},
    {"replay", replay, "replay [TARGET] FILE              runs it, shows what it does"},
    {"min", min, "min [TARGET] FILE SMALLER         removes what the finding does not need"},
    {"record", record, "record RECORDING SCRIPT [PORT [QUEUE]]  a script from hni trace record"},
    {"seeds", seeds, "seeds FOLDER                      writes the systematic corpus"},
    {"speed", speed, "speed TARGET FILE [SECONDS]       runs a second, without an engine"},
    {"run", campaign, "run [--time S] [--jobs N] [TARGET...]  a campaign of all engines"},
    {"status", status,
     "status [DIR] [--json]             figures of a campaign, also a running one"},
    {"report", report, "report DIR [-o HTML] [--sarif F] [--junit F]  a report on a campaign"},
    {"merge", merge, "merge OUT DIR...                  several campaigns into one, minimised"},
    {"cover", cover, "cover FOLDER                      coverage of the corpus, as HTML"},
    {"bugs", bugs, "bugs [--time S] [NAME...]         the seeded bugs"},
};

}  // namespace

int fuzz_main(int argc, char** argv) {
  const Arguments arguments(argv, static_cast<std::size_t>(std::max(argc, 0)));
  const std::string_view word = arguments.size() > 1 ? arguments[1] : "";
  for (const Command& command : kCommands) {
    if (command.name != word) continue;
    const int code = command.run(arguments.subspan(2));
    if (code == 2) std::fprintf(stderr, "usage: %s %s\n", arguments[0], command.usage);
    return code;
  }
  const bool asked = word == "--help" || word == "-h";
  std::FILE* to = asked ? stdout : stderr;
  std::fprintf(to, "usage: %s COMMAND\n", arguments.empty() ? "fuzz" : arguments[0]);
  for (const Command& command : kCommands) std::fprintf(to, "  %s\n", command.usage);
  std::fprintf(to, "FILE is a script's bytes, its text (*.script), or a finding's folder.\n");
  return asked ? 0 : 2;
}

}  // namespace hni::fuzz
