// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Selects one mutant of a program at run time; fuzz/mutants/run.py includes this header first.
/// HNI_MUTANT is the number of the mutant; HNI_MUTANTS_REACHED names a file that receives a byte
/// per mutant whose place was executed.

#include <array>
#include <cstdio>
#include <cstdlib>
#include <type_traits>

namespace hni::mutants {

inline constexpr int kMax = 1 << 16;

struct State {
  int active = -1;
  const char* reached_file = nullptr;
  std::array<char, kMax> reached{};

  State() {
    if (const char* number = std::getenv("HNI_MUTANT")) active = std::atoi(number);
    reached_file = std::getenv("HNI_MUTANTS_REACHED");
  }
  ~State() {
    std::FILE* file = reached_file == nullptr ? nullptr : std::fopen(reached_file, "wb");
    if (file == nullptr) return;
    (void)std::fwrite(reached.data(), 1, reached.size(), file);
    (void)std::fclose(file);
  }
};
inline State state;

constexpr bool is(int number) {
  if (std::is_constant_evaluated()) return false;
  state.reached[static_cast<unsigned>(number)] = 1;
  return state.active == number;
}

}  // namespace hni::mutants
