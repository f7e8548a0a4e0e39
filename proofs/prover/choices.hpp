// SPDX-License-Identifier: Apache-2.0
// Exhaustive enumeration of nondeterministic choices: each run returns one alternative per choice,
// until every combination has been used. For code over plain integers whose environment is
// arbitrary.
#pragma once

#include <cstddef>
#include <vector>

namespace hni::proofs {

class Choices {
 public:
  /// Returns one of 0 .. count - 1. The sequence depends only on the earlier choices.
  unsigned pick(unsigned count) {
    if (next_ == taken_.size()) taken_.push_back({0, count});
    return taken_[next_++].answer;
  }
  bool flip() { return pick(2) != 0; }

  /// Advances to the next combination; returns false if there is none.
  bool advance() {
    next_ = 0;
    while (!taken_.empty() && taken_.back().answer + 1 == taken_.back().count) taken_.pop_back();
    if (taken_.empty()) return false;
    ++taken_.back().answer;
    return true;
  }

 private:
  struct Answer {
    unsigned answer, count;
  };
  std::vector<Answer> taken_;
  std::size_t next_ = 0;
};

}  // namespace hni::proofs
