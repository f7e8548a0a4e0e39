// SPDX-License-Identifier: Apache-2.0
// hni-fuzz: the program that `hni fuzz` executes.
#include <algorithm>
#include <cstdio>
#include <exception>

#include "fuzz/engine/fuzz_main.hpp"
#include "tools/hni/finish.hpp"
#include "tools/hni/words.hpp"

namespace {

int run(int argc, char** argv) {
  const std::string word = argc > 1 ? argv[1] : "--help";
  const std::vector<std::string> names = hni::fuzz::fuzz_commands();
  if (word[0] != '-' && std::find(names.begin(), names.end(), word) == names.end())
    return hni::tools::complain(
        "hni fuzz", {hni::tools::unknown("command", word, names), hni::tools::kExitUsage});
  return hni::fuzz::fuzz_main(argc, argv);
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
