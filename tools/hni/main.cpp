// SPDX-License-Identifier: Apache-2.0
// hni: one command for all functions of openhni. `hni OBJECT VERB ...`; each object parses its own
// arguments.

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "tools/hni/commands.hpp"
#include "tools/hni/finish.hpp"
#include "tools/hni/words.hpp"

namespace hni::tools {
namespace {

struct Object {
  const char* name;
  const char* help;
  int (*run)(int argc, char** argv) = nullptr;  // nullptr: the program hni-NAME implements it
};

constexpr Object kObjects[] = {
    {"run", "two cards, a cable and two drivers: real traffic, live figures", run_command},
    {"attach", "our driver on a card in another process"},
    {"device", "emulated cards behind vfio-user sockets, for virtual machines"},
    {"linux", "Linux's own driver on our cards, without root or a virtual machine"},
    {"port", "inspect the ports of a running `hni run`: stats, link, regs, rings, fw",
     port_command},
    {"trace", "watch a running driver with bpftrace: latencies, drops, firmware"},
    {"spec", "registers, descriptors and messages: look up, decode, generate"},
    {"fuzz", "fault scripts: replay, show, minimise, campaigns, seeded bugs"},
    {"prove", "decide the proofs about rings, mailbox, counters and clock"},
};

/// Replaces this process by the program hni-OBJECT of ../libexec/openhni, relative to this one.
/// The prover and the fuzz targets are large and need libraries that traffic does not need.
int execute(const std::string& object, char** argv) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string name = "hni-" + object;
  const auto program = self.parent_path().parent_path() / "libexec" / "openhni" / name;
  std::fflush(stdout);
  if (!error) execv(program.c_str(), argv);
  return complain(
      "hni", {fmt::format("cannot execute '{}': {}: build or install the target {}",
                          program.string(), error ? error.message() : std::strerror(errno), name),
              kExitFailed});
}

void print_help(std::FILE* to) {
  fmt::print(to,
             "hni: a driver and an emulated card for Meta's fbnic\n\n"
             "Usage: hni OBJECT [VERB] [OPTIONS]\n\nObjects:\n");
  for (const Object& object : kObjects) fmt::print(to, "  {:<8}{}\n", object.name, object.help);
  fmt::print(to,
             "\n  hni help OBJECT      explains an object and its verbs\n"
             "  hni --version        prints the version\n\n"
             "Exit status: 0 success, 1 failure, 2 usage error.\n");
}

int dispatch(int argc, char** argv) {
  std::string word = argc > 1 ? argv[1] : "";
  // `hni help OBJECT [VERB]` is `hni OBJECT [VERB] --help`.
  std::vector<char*> asked(argv, argv + argc);
  std::string help = "--help";
  if (word == "help" && argc > 2) {
    asked.erase(asked.begin() + 1);
    asked.push_back(help.data());
    word = asked[1];
    argc = static_cast<int>(asked.size());
  }
  asked.push_back(nullptr);
  argv = asked.data();
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
      return object.run != nullptr ? object.run(argc - 1, argv + 1) : execute(word, argv + 1);
    }
    names.emplace_back(object.name);
  }
  if (word[0] == '-') names = {"--help", "--version"};
  return complain("hni", {unknown(word[0] == '-' ? "option" : "object", word, names), kExitUsage});
}

/// A closed standard stream would be reused for the next file or pipe that is opened.
void fill_standard_streams() {
  for (const int fd : {0, 1, 2}) {
    // Opened for reading, so that writing to a closed output still fails.
    if (::fcntl(fd, F_GETFD) < 0) (void)::open("/dev/null", O_RDONLY);
  }
}

}  // namespace
}  // namespace hni::tools

int main(int argc, char** argv) {
  hni::tools::fill_standard_streams();
  try {
    return hni::tools::finish("hni", hni::tools::dispatch(argc, argv));
  } catch (const std::exception& error) {
    // Thrown by a library: out of memory, or a closed stream.
    fmt::print(stderr, "hni: {}\n", error.what());
    return hni::tools::kExitFailed;
  }
}
