// SPDX-License-Identifier: Apache-2.0
// Selects the obligations that depend on changed files, by the files that their source includes.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>

namespace hni::proofs {

/// Returns the files of the repository at `tree` that differ from `revision`, including
/// uncommitted ones; nothing if git does not know the revision.
std::optional<std::set<std::string>> changed_files(const std::filesystem::path& tree,
                                                   const std::string& revision);

/// Returns whether `file` is a changed file or includes one at any depth. Code generated from
/// spec/ counts as changed with any file there, and everything counts as changed with the prover
/// itself.
bool depends_on(const std::filesystem::path& tree, const std::string& file,
                const std::set<std::string>& changed);

}  // namespace hni::proofs
