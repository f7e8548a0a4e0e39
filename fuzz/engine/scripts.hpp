// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Programs that go with this one: scripts of fuzz/, and a sanitizer build of the fuzz commands.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/engine/fuzz_input.hpp"

namespace hni::fuzz {

/// The folder that fuzz/ and corpus/ lie in: HNI_SOURCE if it is set; share/openhni of the
/// installation that this program is part of; or else the source tree that it was built from.
std::optional<std::filesystem::path> shared_folder();

/// Becomes fuzz/<name> with `first` and `arguments`. Returns 2 if that is not possible.
int run_script(const char* name, const std::vector<std::string>& first, Arguments arguments);

/// The fuzz commands with sanitizers: HNI_FUZZ_SANITIZED if it is set, or build/fuzz or build/asan
/// of the source tree.
std::optional<std::filesystem::path> sanitized_tool();

/// Becomes `program` with these words. Returns 2 if that is not possible.
int become(const std::filesystem::path& program, const std::vector<std::string>& words);

}  // namespace hni::fuzz
