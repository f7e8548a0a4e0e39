// SPDX-License-Identifier: Apache-2.0
#pragma once

/// CommandProcess: a shell command whose whole family ends with it: children in the background,
/// and those that left its session. A supervisor process adopts every orphan and ends them all
/// when
/// the command ends, when it is asked to, or when the process that started it dies.

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

  /// Starts `/bin/sh -c command`; `prepare` runs in its process before. Needs SIGCHLD to be
  /// blocked or ignored by the caller.
  Outcome<> start(const std::string& command, const std::function<void()>& prepare);
  [[nodiscard]] bool running() const { return pid_ != 0; }
  /// The exit status if it ended since the last call (128 + the signal that ended it).
  std::optional<int> reap();
  /// Ends it within a bounded time: SIGTERM, and SIGKILL half a second later.
  void stop();

 private:
  pid_t pid_ = 0;
};

}  // namespace hni::tools
