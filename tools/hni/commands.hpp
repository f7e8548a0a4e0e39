// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The objects that `hni` knows. Each function gets the words from its own name on and returns the
/// exit status.

#include "tools/hni/scripted_card.hpp"

namespace hni::tools {

int attach_command(int argc, char** argv);
/// `load`: reads the scripts of --script; empty: this build has none of the fuzz layer.
int device_command(int argc, char** argv, const ScriptLoader& load);
int run_command(int argc, char** argv);
int port_command(int argc, char** argv);
int trace_command(int argc, char** argv);

}  // namespace hni::tools
