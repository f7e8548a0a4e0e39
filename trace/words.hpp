// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The names of the numbers in probes and recordings.

#include <string>
#include <string_view>
#include <vector>

namespace hni::trace {

/// Names of numbers: `name` is the table's name in tools, `words[i]` names the number i.
struct WordTable {
  std::string_view name;
  std::string_view what;
  std::vector<std::string> words;
};
std::vector<WordTable> word_tables();

}  // namespace hni::trace
