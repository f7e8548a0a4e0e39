// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Registers by the names that the spec gives them.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "spec/compiler/card.hpp"
#include "tools/hni/problem.hpp"

namespace hni::tools {

/// One 32-bit register, of an array one element.
struct RegisterElement {
  std::string name;  ///< "QUEUE_TWQ0_CTL[3]"
  unsigned bar = 0;
  std::uint32_t byte_offset = 0;
};

class RegisterNames {
 public:
  /// Reads the built-in spec.
  RegisterNames();

  /// The elements that the patterns name, in the order of addresses; '*' and '?' stand for
  /// anything, letter case does not count, an array's name stands for all its elements. Without
  /// patterns: all registers whose reading changes nothing, of the queue blocks the first one.
  [[nodiscard]] Outcome<std::vector<RegisterElement>> find(
      const std::vector<std::string>& patterns) const;
  /// What the fields of a value mean, several lines.
  [[nodiscard]] std::string decode(const std::string& name, std::uint32_t value) const;

 private:
  std::unique_ptr<rdl::Compilation> compilation_;
  std::unique_ptr<speclib::Card> card_;
};

}  // namespace hni::tools
