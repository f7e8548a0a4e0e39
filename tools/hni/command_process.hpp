// SPDX-License-Identifier: Apache-2.0
#pragma once

/// CommandProcess: a shell command whose descendants all end with it, including background
/// children and those that left its session. A supervisor process adopts every orphan and ends all
/// of them when the command ends, on request, or when the process that started it dies.

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>

#include "tools/hni/problem.hpp"

namespace hni::tools {

class CommandProcess {
 public:
  CommandProcess() = default;
  CommandProcess(const CommandProcess&) = delete;
  CommandProcess& operator=(const CommandProcess&) = delete;
  ~CommandProcess() { stop(); }

  /// Starts `/bin/sh -c command`; calls `prepare` in the child first. The caller must have SIGCHLD
  /// blocked or ignored.
  Outcome<> start(const std::string& command, const std::function<void()>& prepare);
  [[nodiscard]] bool running() const { return pid_ != 0; }
  /// Returns the exit status if the command ended since the last call (128 + the signal that ended
  /// it).
  std::optional<int> reap();
  /// Ends the command within a bounded time: SIGTERM, and SIGKILL half a second later.
  void stop();

 private:
  pid_t pid_ = 0;
};

}  // namespace hni::tools
