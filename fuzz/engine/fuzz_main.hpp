// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace hni::fuzz {

/// `hni fuzz`: argv[0] is the name to show, argv[1] the command; no command shows them. Gives the
/// exit code: 0 good, 1 a finding, 2 wrong use.
int fuzz_main(int argc, char** argv);

/// The words that fuzz_main() takes as a command.
std::vector<std::string> fuzz_commands();

}  // namespace hni::fuzz
