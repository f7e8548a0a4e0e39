// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Checks the life cycle that the spec prescribes for every queue [device 11.3, 18]: RESET, set
/// up, ENABLE, run, disable, wait until idle, RESET. The card executes whatever is written; this
/// class only counts violations.

#include "device/events.hpp"

namespace hni::device {

/// Checks one queue.
class QueueLifecycleChecker {
 public:
  /// Handles a write to the control register, before it takes effect.
  /// @param reset its RESET bit
  /// @param enable its ENABLE bit
  /// @param events receives the violations
  void control(bool reset, bool enable, CardEvents& events) {
    if (reset) {
      if (running_) events.note(spec::ProtocolAction::kResetWhileEnabled);
      if (!idle_seen_) events.note(spec::ProtocolAction::kResetBeforeIdle);
      running_ = false;
      idle_seen_ = true;
      in_reset_ = true;
      return;
    }
    if (enable && !running_ && !in_reset_) events.note(spec::ProtocolAction::kEnableWithoutReset);
    if (enable) in_reset_ = false;
    if (running_ && !enable) idle_seen_ = false;
    running_ = enable;
  }

  /// Handles a read of the queue's idle bit that returned idle.
  void seen_idle() {
    if (!running_) idle_seen_ = true;
  }

 private:
  bool running_ = false;
  bool in_reset_ = false;
  bool idle_seen_ = true;  // a queue that never ran is idle
};

}  // namespace hni::device
