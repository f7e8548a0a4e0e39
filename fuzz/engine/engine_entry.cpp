// SPDX-License-Identifier: Apache-2.0
// The entry point of every fuzzing engine (libFuzzer, AFL++, honggfuzz, centipede) for one target,
// which the build selects. The grammar-aware mutator makes half of the mutations.
#include <cstdio>
#include <cstdlib>

#include "fuzz/engine/event_counter.hpp"
#include "fuzz/script/mutator.hpp"
#include "fuzz/script/operation_list.hpp"
#include "fuzz/script/target.hpp"

#define HNI_JOIN(a, b) a##b
#define HNI_TARGET_OF(name) HNI_JOIN(name, _target)

namespace {

hni::fuzz::EventCounter& counter() {
  static hni::fuzz::EventCounter the_counter;
  return the_counter;
}

void at_end() {
  counter().flush();
  std::fprintf(stderr, "stat::card_events: %llu\n",
               static_cast<unsigned long long>(hni::fuzz::work().events));
}

const hni::fuzz::Target& the_target() {
  static const hni::fuzz::Target& target = []() -> const hni::fuzz::Target& {
    (void)counter();
    (void)std::atexit(at_end);
    return hni::fuzz::HNI_TARGET_OF(HNI_FUZZ_TARGET)();
  }();
  return target;
}

}  // namespace

/// With HNI_FUZZ_LIST_OPS in the environment the program prints its list of operations, which
/// AFL++'s mutator (fuzz/engine/afl_mutator.cpp) reads, and exits.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  if (std::getenv("HNI_FUZZ_LIST_OPS") != nullptr) {
    std::fputs(hni::fuzz::list_operations(the_target()).c_str(), stdout);
    std::fflush(stdout);
    std::_Exit(0);
  }
  (void)the_target();  // initialises now, as the first run would otherwise differ from the others
#ifndef HNI_FUZZ_MUTATOR
  // For engines that fork after this: a world is constructed on the heap and then in its arena, so
  // that every input starts from a restored one. libFuzzer must install its handler of SIGSEGV
  // before the arena does (fuzz/worlds/world_arena.cpp), which happens at the first input.
  for (int turn = 0; turn != 2; ++turn) hni::fuzz::run_target(the_target(), nullptr, 0);
#endif
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hni::fuzz::run_target(the_target(), data, size);
  counter().ran();
  return 0;
}

#ifdef HNI_FUZZ_MUTATOR
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size,
                                        std::size_t max_size);

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
  const hni::fuzz::OpList ops = the_target().ops;
  const auto own = the_target().mutate;
  if ((ops.empty() && own == nullptr) || seed % 2 == 0)
    return LLVMFuzzerMutate(data, size, max_size);
  if (own != nullptr) return own(data, size, max_size, seed);
  return hni::fuzz::mutate_script(ops, data, size, max_size, seed);
}
#endif
