// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What `hni trace` attaches to, and whether this machine lets it.

#include <string>
#include <vector>

#include "tools/hni/problem.hpp"

namespace hni::tools {

/// A process, or a command that is yet to be started, and the binary with the probes.
struct TraceTarget {
  int pid = 0;  ///< 0: `command` is started by the tracer
  std::vector<std::string> command;
  std::string binary;
};

/// True if the file has probes of provider hni.
bool has_probes(const std::string& path);
/// The file that a command word means: itself, or found in PATH; empty if there is none.
std::string find_program(const std::string& word);
/// The given process; or the only running `hni run`, if pid is 0 and there is no command.
Outcome<TraceTarget> find_target(int pid, const std::vector<std::string>& command);
/// Root, a kernel with BPF and uprobes, bpftrace at `bpftrace`: or what is missing, and the
/// remedy.
Outcome<> check_machine(const std::string& bpftrace);
/// The folder of the programs: ../share/openhni/trace from where this command lies.
std::string trace_folder();

}  // namespace hni::tools
