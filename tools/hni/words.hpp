// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Shared by all command lines of openhni: parsing, with helpful errors.

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tools/hni/problem.hpp"

namespace hni::tools {

/// Returns the candidate that starts with `word`, or the one that differs least from it and shares
/// the longest prefix with it; empty if none is similar.
std::string nearest(const std::string& word, const std::vector<std::string>& candidates);

/// Formats "unknown NOUN 'word'", with the nearest candidate or the list of all candidates.
std::string unknown(const std::string& noun, const std::string& word,
                    const std::vector<std::string>& candidates);

/// Prints one line on stderr: "hni run: TEXT". Returns the problem's exit status.
int complain(const std::string& command, const Problem& why);

/// Parses the arguments. On a usage error prints one line, on --help the help, and returns the
/// exit status; returns nothing to continue.
std::optional<int> parse(CLI::App& app, const std::string& command, int argc, char** argv);

}  // namespace hni::tools
