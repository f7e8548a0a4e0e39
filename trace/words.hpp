// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The words that numbers in probes and recordings stand for.

#include <string>
#include <string_view>
#include <vector>

namespace hni::trace {

/// Words for numbers: `name` is what tools call the table, `words[i]` says what i means.
struct WordTable {
  std::string_view name;
  std::string_view what;
  std::vector<std::string> words;
};
std::vector<WordTable> word_tables();

}  // namespace hni::trace
