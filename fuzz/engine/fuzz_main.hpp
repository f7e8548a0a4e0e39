// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace hni::fuzz {

/// Runs `hni fuzz`: argv[0] is the program's name for messages, argv[1] the command; without a
/// command it lists them. Returns the exit code: 0 success, 1 a finding, 2 usage error.
int fuzz_main(int argc, char** argv);

}  // namespace hni::fuzz
