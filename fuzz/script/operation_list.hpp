// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A target's list of operations as text, for mutators outside the target's program:
///     target <name> <script|message|bytes> <max bytes>
///     op <kind of a> <32-bit words of value>          one line per operation, in their order

#include <string>
#include <string_view>
#include <vector>

#include "fuzz/script/target.hpp"

namespace hni::fuzz {

std::string list_operations(const Target& target);

struct OperationList {
  bool messages = false;  ///< firmware messages, not scripts
  std::size_t max_bytes = 0;
  std::vector<OpInfo> ops;  ///< without names; empty: not a script
};
/// Parses the output of list_operations(). Returns false if `text` is not of that form.
bool read_operations(std::string_view text, OperationList& list);

}  // namespace hni::fuzz
