// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Reads inputs in any form: bytes of a script, its text (*.script), or the folder of a campaign's
/// finding. Determines the target that they are for.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fuzz/script/target.hpp"

namespace hni::fuzz {

using Bytes = std::vector<std::uint8_t>;
using Arguments = std::span<char* const>;

struct Input {
  const Target* target = nullptr;
  Bytes bytes;
  std::filesystem::path file;  ///< path of the bytes or of the text
};

/// Returns the content of a regular file, or nothing and a message.
std::optional<Bytes> read_file(const std::filesystem::path& path);
bool write_file(const std::filesystem::path& path, std::span<const std::uint8_t> bytes);

/// Returns the target of that name, or nullptr and a message.
const Target* named_target(std::string_view name);

/// Reads `[TARGET] PATH`. Without TARGET, a line `# target: NAME` of a text selects the target, or
/// else the innermost folder of the path that has the name of a target. Returns nothing and a
/// message on failure, or if the text is not a script of the target.
std::optional<Input> read_input(Arguments arguments);

/// Returns the text form of an input: a script's operations, a message's attributes, or bytes in
/// hexadecimal.
std::string input_text(const Target& target, const Bytes& bytes);

}  // namespace hni::fuzz
