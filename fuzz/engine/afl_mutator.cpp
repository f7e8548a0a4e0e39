// SPDX-License-Identifier: Apache-2.0
// The grammar-aware mutators of scripts and firmware messages, as a library for AFL++
// (AFL_CUSTOM_MUTATOR_LIBRARY). HNI_FUZZ_OPS names the file with the target's list of operations,
// which `hni fuzz run` writes. AFL++'s own mutations remain enabled.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "fuzz/script/mutator.hpp"
#include "fuzz/script/operation_list.hpp"

namespace {

struct State {
  hni::fuzz::OperationList list;
  std::vector<std::uint8_t> out;
  std::uint32_t random = 1;
};

}  // namespace

extern "C" {

void* afl_custom_init(void* /*afl*/, unsigned seed) {
  const char* path = std::getenv("HNI_FUZZ_OPS");
  if (path == nullptr) {
    std::fprintf(stderr, "afl_mutator: HNI_FUZZ_OPS names no list of operations\n");
    return nullptr;
  }
  std::ifstream in(path);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  auto* state = new State;
  state->random = seed | 1U;
  if (hni::fuzz::read_operations(text, state->list)) return state;
  std::fprintf(stderr, "afl_mutator: invalid list of operations '%s'\n", path);
  delete state;
  return nullptr;
}

std::size_t afl_custom_fuzz(void* data, std::uint8_t* input, std::size_t size,
                            std::uint8_t** output, std::uint8_t* /*other*/,
                            std::size_t /*other_size*/, std::size_t max_size) {
  auto& state = *static_cast<State*>(data);
  const std::size_t room = std::min(max_size, state.list.max_bytes);
  size = std::min(size, room);
  // The mutators work in place and may need space for inserted operations.
  state.out.resize(std::max<std::size_t>(room, 16));
  std::copy_n(input, size, state.out.begin());
  state.random = state.random * 1664525U + 1013904223U;
  *output = state.out.data();
  if (state.list.messages)
    return hni::fuzz::mutate_message(state.out.data(), size, room, state.random);
  if (state.list.ops.empty()) return size;
  return hni::fuzz::mutate_script(state.list.ops, state.out.data(), size, room, state.random);
}

void afl_custom_deinit(void* data) {
  delete static_cast<State*>(data);
}
}
