// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Registers by the names of the spec.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "spec/compiler/card.hpp"
#include "tools/hni/problem.hpp"

namespace hni::tools {

/// One 32-bit register, or one element of an array.
struct RegisterElement {
  std::string name;  ///< "QUEUE_TWQ0_CTL[3]"
  unsigned bar = 0;
  std::uint32_t byte_offset = 0;
};

class RegisterNames {
 public:
  /// Reads the built-in spec.
  RegisterNames();

  /// Returns the elements that the patterns select, in address order. '*' and '?' match anything,
  /// letter case is ignored, an array's name selects all its elements. Without patterns: all
  /// registers without read side effects, of the queue blocks the first one.
  [[nodiscard]] Outcome<std::vector<RegisterElement>> find(
      const std::vector<std::string>& patterns) const;
  /// Decodes the fields of a value, several lines.
  [[nodiscard]] std::string decode(const std::string& name, std::uint32_t value) const;

 private:
  std::unique_ptr<rdl::Compilation> compilation_;
  std::unique_ptr<speclib::Card> card_;
};

}  // namespace hni::tools
