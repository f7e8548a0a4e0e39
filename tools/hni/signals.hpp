// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Signals as events of a descriptor, for the loops of the commands.

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <initializer_list>
#include <optional>

#include "tools/hni/fd.hpp"
#include "tools/hni/problem.hpp"

namespace hni::tools {

inline sigset_t signal_set(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int s : signals) sigaddset(&set, s);
  return set;
}

/// Blocks the signals and ignores SIGPIPE, for the rest of the process.
/// @return a non-blocking descriptor that next_signal() reads
inline Outcome<Fd> watch_signals(const sigset_t& signals) {
  if (::sigprocmask(SIG_BLOCK, &signals, nullptr) != 0) return system_problem("signals");
  (void)::signal(SIGPIPE, SIG_IGN);
  Fd fd(::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd) return system_problem("signals");
  return fd;
}

/// Reads the next signal.
/// @return nullopt if none is pending
inline std::optional<signalfd_siginfo> next_signal(const Fd& signals) {
  signalfd_siginfo info{};
  if (::read(signals.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info))
    return std::nullopt;
  return info;
}

}  // namespace hni::tools
