// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Generates manual pages and docs/probes.md from the probe list and from the programs' header
/// comments.

#include <string>
#include <string_view>
#include <vector>

namespace hni::trace {

/// docs/probes.md.
std::string probes_markdown();
/// hni-probes(7).
std::string probes_manual();
/// Returns hni-trace(8): the command, and all tools, whose programs are given.
std::string overview_manual(const std::vector<std::string>& programs);
/// Returns hni-trace-NAME(8); empty if the program has no header comment.
std::string tool_manual(std::string_view program);

}  // namespace hni::trace
