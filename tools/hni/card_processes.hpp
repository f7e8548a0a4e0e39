// SPDX-License-Identifier: Apache-2.0
#pragma once

/// CardProcesses: `hni device` with several cards, one process per card, so that no client can
/// access another one's card or memory. This process starts them, merges their output into one
/// log, forwards signals, and reports a card whose process died. The other cards continue.

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "tools/hni/device_runner.hpp"
#include "tools/hni/log_queue.hpp"
#include "tools/hni/poller.hpp"

namespace hni::tools {

class CardProcesses {
 public:
  CardProcesses(const DeviceOptions& options, ScriptLoader load);

  /// Returns the exit status of the whole run: that of the worst card.
  Outcome<int> run();

 private:
  struct Process {
    pid_t pid = 0;     ///< 0: it has ended
    Fd log;            ///< what it prints
    std::string text;  ///< an incomplete line
  };

  Outcome<> set_up();
  /// Starts the process of one card and waits until its socket exists.
  Outcome<> start(std::size_t index);
  [[noreturn]] void be_card(std::size_t index, const Fd& log, const Fd& ready);
  Outcome<> wait_until_ready(std::size_t index, const Fd& ready);
  void read_log(Process& process);
  void read_signals();
  void reap();
  void note_end(std::size_t index, int status);
  void signal_all(int signal) const;
  bool running() const;
  int conclude();

  DeviceOptions options_;
  ScriptLoader load_;
  LogQueue log_;
  LogQueue errors_;
  std::optional<Poller> poller_;
  Fd signals_;
  std::vector<Process> processes_;
  bool stopping_ = false;
  int status_ = kExitDone;
};

}  // namespace hni::tools
