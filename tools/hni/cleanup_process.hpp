// SPDX-License-Identifier: Apache-2.0
#pragma once

/// CleanupProcess: a process that removes what this one leaves behind when it is killed.

#include <sys/types.h>

#include <string>

#include "tools/hni/fd.hpp"
#include "tools/hni/problem.hpp"

namespace hni::tools {

class CleanupProcess {
 public:
  /// Starts the process; early, so that it inherits nothing.
  static Outcome<CleanupProcess> hire();
  CleanupProcess(CleanupProcess&& other) noexcept
      : pipe_(std::move(other.pipe_)), pid_(std::exchange(other.pid_, 0)) {}
  CleanupProcess& operator=(CleanupProcess&&) = delete;
  /// Ends the process: everything was removed in order.
  ~CleanupProcess();

  /// Registers a path to be unmounted, if anything is mounted on it, and removed when this process
  /// dies.
  void remember(const std::string& path) const;

 private:
  CleanupProcess(Fd pipe, pid_t pid) : pipe_(std::move(pipe)), pid_(pid) {}

  Fd pipe_;
  pid_t pid_ = 0;
};

}  // namespace hni::tools
