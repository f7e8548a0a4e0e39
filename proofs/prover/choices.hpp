// SPDX-License-Identifier: Apache-2.0
// Answers that nobody decides: each run of a call takes one answer to each question, until every
// combination was taken. For code over plain integers, whose surroundings may do anything.
#pragma once

#include <cstddef>
#include <vector>

namespace hni::proofs {

class Choices {
 public:
  /// One of 0 .. count - 1. Which ones come after each other depends only on the answers before.
  unsigned pick(unsigned count) {
    if (next_ == taken_.size()) taken_.push_back({0, count});
    return taken_[next_++].answer;
  }
  bool flip() { return pick(2) != 0; }

  /// Goes on to the next combination; false when there is none.
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
