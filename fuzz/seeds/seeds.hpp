// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The systematic part of the committed corpus: for each target and each input site that it
/// reaches, one script per class of value, in a context in which the value is read. Regenerate
/// with `hni fuzz seeds <folder>` when a list of operations changes.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hni::fuzz {

struct Seed {
  std::string target;
  std::string name;  ///< of the file; describes its content
  std::vector<std::uint8_t> bytes;
};

/// Makes all seeds. Does not throw; a script that does not parse is a bug of this file and ends
/// the program.
std::vector<Seed> make_seeds();

}  // namespace hni::fuzz
