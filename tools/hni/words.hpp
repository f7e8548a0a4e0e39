// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What every command line of openhni shares: parsing, with errors that help.

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tools/hni/problem.hpp"

namespace hni::tools {

/// The candidate that continues `word`, or else the one that differs least from it and shares the
/// longest prefix with it; empty if none is near.
std::string nearest(const std::string& word, const std::vector<std::string>& candidates);

/// "unknown NOUN 'word'", with the nearest candidate or the list of all.
std::string unknown(const std::string& noun, const std::string& word,
                    const std::vector<std::string>& candidates);

/// Prints one line on stderr: "hni run: TEXT". Returns the problem's exit status.
int complain(const std::string& command, const Problem& why);

/// Parses; on a usage error complains in one line, on --help prints the help. Empty: go on.
std::optional<int> parse(CLI::App& app, const std::string& command, int argc, char** argv);

}  // namespace hni::tools
