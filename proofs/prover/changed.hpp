// SPDX-License-Identifier: Apache-2.0
// Which obligations depend on what changed: by the files that their source includes.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>

namespace hni::proofs {

/// The files of the repository at `tree` that differ from `revision`, not committed ones too;
/// nothing if git does not know it.
std::optional<std::set<std::string>> changed_files(const std::filesystem::path& tree,
                                                   const std::string& revision);

/// Whether `file` is, or includes at any depth, a changed file. What is generated from spec/
/// counts
/// as changed with any file there, and everything does with the prover itself.
bool depends_on(const std::filesystem::path& tree, const std::string& file,
                const std::set<std::string>& changed);

}  // namespace hni::proofs
