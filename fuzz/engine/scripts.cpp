// SPDX-License-Identifier: Apache-2.0
#include "fuzz/engine/scripts.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace hni::fuzz {
namespace {

namespace fs = std::filesystem;

fs::path own_folder() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path();
}

bool is_program(const fs::path& path) {
  return access(path.c_str(), X_OK) == 0;
}

}  // namespace

std::optional<fs::path> shared_folder() {
  std::vector<fs::path> places;
  if (const char* set = std::getenv("HNI_SOURCE"); set != nullptr) places.emplace_back(set);
  // <prefix>/bin and <prefix>/libexec/openhni.
  const fs::path here = own_folder();
  places.push_back(here / ".." / "share" / "openhni");
  places.push_back(here / ".." / ".." / "share" / "openhni");
  places.emplace_back(HNI_FUZZ_SOURCE);
  for (const fs::path& place : places)
    if (is_program(place / "fuzz" / "campaign" / "campaign.py")) return place.lexically_normal();
  return std::nullopt;
}

int become(const fs::path& program, const std::vector<std::string>& words) {
  std::string name = program.string();
  std::vector<std::string> copies = words;
  std::vector<char*> line{name.data()};
  for (std::string& word : copies) line.push_back(word.data());
  line.push_back(nullptr);
  std::fflush(nullptr);
  execv(program.c_str(), line.data());
  std::fprintf(stderr, "cannot run '%s': check that it is there and executable\n",
               program.c_str());
  return 2;
}

int run_script(const char* name, const std::vector<std::string>& first, Arguments arguments) {
  const auto folder = shared_folder();
  if (!folder) {
    std::fprintf(stderr,
                 "the scripts of fuzz/ are missing: install them beside this program, or set "
                 "HNI_SOURCE to the source tree\n");
    return 2;
  }
  std::vector<std::string> words = first;
  words.insert(words.end(), arguments.begin(), arguments.end());
  return become(*folder / "fuzz" / name, words);
}

std::optional<fs::path> sanitized_tool() {
  if (const char* set = std::getenv("HNI_FUZZ_SANITIZED"); set != nullptr) return fs::path(set);
  const auto root = shared_folder();
  if (!root) return std::nullopt;
  for (const char* name :
       {"build/fuzz/libexec/openhni/hni-fuzz", "build/asan/libexec/openhni/hni-fuzz"})
    if (is_program(*root / name)) return *root / name;
  return std::nullopt;
}

}  // namespace hni::fuzz
