// SPDX-License-Identifier: Apache-2.0
// The door of every fuzzing engine (libFuzzer, AFL++, honggfuzz, centipede) to one target, which
// the build names. Scripts are mutated by a mutator that knows their grammar, half of the time.
#include <cstdlib>

#include "fuzz/mutator.hpp"
#include "fuzz/target.hpp"

#define HNI_JOIN(a, b) a##b
#define HNI_TARGET_OF(name) HNI_JOIN(name, _target)

namespace {

const hni::fuzz::Target& the_target() {
  static const hni::fuzz::Target& target = hni::fuzz::HNI_TARGET_OF(HNI_FUZZ_TARGET)();
  return target;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hni::fuzz::run_target(the_target(), data, size);
  return 0;
}

#ifdef HNI_FUZZ_MUTATOR
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size,
                                        std::size_t max_size);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  const hni::fuzz::OpList ops = the_target().ops;
  if (ops.empty() || seed % 2 == 0) return LLVMFuzzerMutate(data, size, max_size);
  return hni::fuzz::mutate_script(ops, data, size, max_size, seed);
}
#endif
