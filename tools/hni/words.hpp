// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What every command line of openhni shares: parsing, with helpful errors.

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tools/hni/problem.hpp"

namespace hni::tools {

/// Returns the candidate that continues `word`, or the one that differs least from it and shares
/// the longest prefix with it; empty if none is similar.
std::string nearest(const std::string& word, const std::vector<std::string>& candidates);

/// Formats "unknown NOUN 'word'", with the nearest candidate or the list of all.
std::string unknown(const std::string& noun, const std::string& word,
                    const std::vector<std::string>& candidates);

/// Prints one line on stderr: "hni run: TEXT". Returns the problem's exit status.
int complain(const std::string& command, const Problem& why);

/// Parses; on a usage error prints one line, on --help the help. Empty: continue.
std::optional<int> parse(CLI::App& app, const std::string& command, int argc, char** argv);

}  // namespace hni::tools
