// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Determines what `hni trace` attaches to, and whether this machine permits it.

#include <string>
#include <vector>

#include "tools/hni/problem.hpp"

namespace hni::tools {

/// A process, or a command to start, and the binary with the probes.
struct TraceTarget {
  int pid = 0;  ///< 0: `command` is started by the tracer
  std::vector<std::string> command;
  std::string binary;
};

/// Returns whether the file has probes of provider hni.
bool has_probes(const std::string& path);
/// Finds the file of a command word: itself, or in PATH; empty if there is none.
std::string find_program(const std::string& word);
/// Returns the given process; or the only running `hni run` if pid is 0 and there is no command.
Outcome<TraceTarget> find_target(int pid, const std::vector<std::string>& command);
/// Checks the requirements: root, a kernel with BPF and uprobes, bpftrace at `bpftrace`. The
/// problem names what is missing and the remedy.
Outcome<> check_machine(const std::string& bpftrace);
/// Returns the folder of the programs: ../share/openhni/trace, relative to this command.
std::string trace_folder();

}  // namespace hni::tools
