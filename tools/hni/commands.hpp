// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The objects of `hni`. Each function receives the arguments from its own name on and returns the
/// exit status.

namespace hni::tools {

int attach_command(int argc, char** argv);
int device_command(int argc, char** argv);
int linux_command(int argc, char** argv);
int run_command(int argc, char** argv);
int port_command(int argc, char** argv);
int trace_command(int argc, char** argv);

}  // namespace hni::tools
