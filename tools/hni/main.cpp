// SPDX-License-Identifier: Apache-2.0
// hni: one command for all that openhni can do. `hni OBJECT VERB ...`; each object parses its own
// words.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "spec/compiler/spec_main.hpp"
#include "tools/hni/commands.hpp"
#include "tools/hni/words.hpp"
#ifdef HNI_HAS_FUZZ
#include "fuzz/engine/fuzz_main.hpp"
#include "fuzz/fault/fault_script_player.hpp"
#endif
#ifdef HNI_HAS_PROOFS
#include "proofs/prover/prove_main.hpp"
#endif

namespace hni::tools {
namespace {

struct Object {
  const char* name;
  const char* help;
  int (*run)(int argc, char** argv);
};

int serve_cards(int argc, char** argv) {
#ifdef HNI_HAS_FUZZ
  return device_command(argc, argv, fuzz::FaultScriptPlayer::load);
#else
  return device_command(argc, argv, {});
#endif
}

#ifdef HNI_HAS_FUZZ
int fuzz_command(int argc, char** argv) {
  const std::string word = argc > 1 ? argv[1] : "--help";
  const std::vector<std::string> names = fuzz::fuzz_commands();
  if (word[0] != '-' && std::find(names.begin(), names.end(), word) == names.end())
    return complain("hni fuzz", {unknown("command", word, names), kExitUsage});
  return fuzz::fuzz_main(argc, argv);
}
#endif

constexpr Object kObjects[] = {
    {"run", "two cards, a cable and two drivers: real traffic, live figures", run_command},
    {"attach", "our driver on a card in another process", attach_command},
    {"device", "emulated cards behind vfio-user sockets, for virtual machines", serve_cards},
    {"port", "ask the ports of a running `hni run`: stats, link, regs, rings, fw", port_command},
#ifdef HNI_HAS_TRACE
    {"trace", "watch a running driver with bpftrace: latencies, drops, firmware, recorder",
     trace_command},
#endif
    {"spec", "the card's registers, descriptors and messages: look up, decode, generate",
     speclib::spec_main},
#ifdef HNI_HAS_FUZZ
    {"fuzz", "hostile scripts: replay, show, build, minimise, campaigns, seeded bugs",
     fuzz_command},
#endif
#ifdef HNI_HAS_PROOFS
    {"prove", "decide the proofs about rings, mailbox, counters and clock", proofs::prove_main},
#endif
};

void print_help(std::FILE* to) {
  fmt::print(to,
             "hni: a driver and an emulated card for Meta's fbnic\n\n"
             "Usage: hni OBJECT [VERB] [OPTIONS]\n\nObjects:\n");
  for (const Object& object : kObjects) fmt::print(to, "  {:<8}{}\n", object.name, object.help);
  fmt::print(to,
             "\n  hni OBJECT --help    says more\n"
             "  hni --version        prints the version\n\n"
             "Exit status: 0 done, 1 could not be done, 2 the command line makes no sense.\n");
}

int dispatch(int argc, char** argv) {
  const std::string word = argc > 1 ? argv[1] : "";
  if (word == "--help" || word == "-h" || word == "help") {
    print_help(stdout);
    return kExitDone;
  }
  if (word == "--version" || word == "version") {
    fmt::print("hni {}\n", HNI_VERSION);
    return kExitDone;
  }
  if (word.empty()) {
    print_help(stderr);
    return kExitUsage;
  }
  std::vector<std::string> names;
  for (const Object& object : kObjects) {
    if (word == object.name) {
      std::string program = "hni " + word;
      argv[1] = program.data();
      return object.run(argc - 1, argv + 1);
    }
    names.emplace_back(object.name);
  }
  if (word[0] == '-') names = {"--help", "--version"};
  return complain("hni", {unknown(word[0] == '-' ? "option" : "object", word, names), kExitUsage});
}

}  // namespace
}  // namespace hni::tools

int main(int argc, char** argv) {
  try {
    return hni::tools::dispatch(argc, argv);
  } catch (const std::exception& error) {
    // What a library throws: no memory, or a stream that is gone.
    fmt::print(stderr, "hni: {}\n", error.what());
    return hni::tools::kExitFailed;
  }
}
