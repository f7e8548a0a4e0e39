// SPDX-License-Identifier: Apache-2.0
// Minimises a failing input of one target, which the build selects, as `hni fuzz min` does:
// `program INPUT OUTPUT`. For programs with a seeded bug (fuzz/bugs/keys.py).
#include <cstdio>
#include <fstream>
#include <iterator>

#include "fuzz/engine/minimise.hpp"

#define HNI_JOIN(a, b) a##b
#define HNI_TARGET_OF(name) HNI_JOIN(name, _target)

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s INPUT OUTPUT\n", argv[0]);
    return 2;
  }
  std::ifstream in(argv[1], std::ios::binary);
  const hni::fuzz::Bytes bytes((std::istreambuf_iterator<char>(in)), {});
  const hni::fuzz::Target& target = hni::fuzz::HNI_TARGET_OF(HNI_FUZZ_TARGET)();
  const std::string cause = hni::fuzz::cause_of(hni::fuzz::run_apart(target, bytes));
  if (cause.empty()) {
    std::fprintf(stderr, "%s: the input '%s' does not fail\n", argv[0], argv[1]);
    return 1;
  }
  const hni::fuzz::Bytes small = hni::fuzz::minimise(target, bytes, cause);
  std::ofstream out(argv[2], std::ios::binary);
  out.write(reinterpret_cast<const char*>(small.data()),
            static_cast<std::streamsize>(small.size()));
  return out.flush() ? 0 : 1;
}
