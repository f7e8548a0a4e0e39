// SPDX-License-Identifier: Apache-2.0
#include "proofs/mutation/mutation_switch.hpp"

#include <cstdlib>
#include <fstream>
#include <vector>

namespace hni::mutation {
namespace {

unsigned number_from_environment() {
  const char* text = std::getenv("HNI_MUTANT");
  return text == nullptr ? ~0U : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
}

/// The mutant numbers that the code queried.
struct Seen {
  std::vector<bool> numbers;
  ~Seen() {
    const char* file = std::getenv("HNI_MUTANTS_SEEN");
    if (file == nullptr) return;
    std::ofstream out(file);
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (numbers[i]) out << i << '\n';
    }
  }
};

}  // namespace

const unsigned active = number_from_environment();
const bool watched = std::getenv("HNI_MUTANTS_SEEN") != nullptr;

bool chosen(unsigned number) {
  static Seen seen;
  if (number >= seen.numbers.size()) seen.numbers.resize(number + 1U);
  seen.numbers[number] = true;
  return number == active;
}

}  // namespace hni::mutation
