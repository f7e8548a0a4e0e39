// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Janitor: a process that removes what this one leaves behind when it is killed without a chance
/// to do so itself.

#include <sys/types.h>

#include <string>

#include "tools/hni/fd.hpp"
#include "tools/hni/problem.hpp"

namespace hni::tools {

class Janitor {
 public:
  /// Starts it; early, so that it inherits nothing.
  static Outcome<Janitor> hire();
  Janitor(Janitor&& other) noexcept
      : pipe_(std::move(other.pipe_)), pid_(std::exchange(other.pid_, 0)) {}
  Janitor& operator=(Janitor&&) = delete;
  /// All was removed in order: nothing is left for it to do.
  ~Janitor();

  /// To be unmounted, if anything is mounted on it, and removed when this process dies.
  void remember(const std::string& path) const;

 private:
  Janitor(Fd pipe, pid_t pid) : pipe_(std::move(pipe)), pid_(pid) {}

  Fd pipe_;
  pid_t pid_ = 0;
};

}  // namespace hni::tools
