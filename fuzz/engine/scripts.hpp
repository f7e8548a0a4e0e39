// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Locates and executes related programs: scripts of fuzz/, and a sanitizer build of the fuzz
/// commands.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/engine/fuzz_input.hpp"

namespace hni::fuzz {

/// Returns the folder that contains fuzz/ and corpus/: HNI_SOURCE if it is set, share/openhni of
/// the installation that this program belongs to, or else the source tree that it was built from.
std::optional<std::filesystem::path> shared_folder();

/// Executes fuzz/<name> with `first` and `arguments` in place of this process. Returns 2 if that
/// fails.
int run_script(const char* name, const std::vector<std::string>& first, Arguments arguments);

/// Returns the fuzz commands with sanitizers: HNI_FUZZ_SANITIZED if it is set, or build/fuzz or
/// build/asan of the source tree.
std::optional<std::filesystem::path> sanitized_tool();

/// Executes `program` with these arguments in place of this process. Returns 2 if that fails.
int become(const std::filesystem::path& program, const std::vector<std::string>& words);

}  // namespace hni::fuzz
