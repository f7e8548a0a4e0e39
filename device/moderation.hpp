// SPDX-License-Identifier: Apache-2.0
#pragma once
// Interrupt moderation of the completion queues [device 3.3, 3.4]: one interrupt manager
// a queue, TIM for TCQ q (index q) and RIM for RCQ q (index 128 + q).
//
// A manager's cause is a level: completions not yet acknowledged exist, and either their number
// reached THRESHOLD or TIMEOUT passed since the first of them. The level goes to the vector in CTL
// unless MASK is set. A masked vector keeps the cause pending; an acknowledgement of everything
// drops it. INTERPRETATION: a level and not an edge, so that a poll that has taken everything is
// not interrupted again, and nothing can be lost between the last poll and the unmask.
// An acknowledgement of a part restarts the time, since the age of the rest is not kept.

#include <array>
#include <cstdint>

#include "device/interrupts.hpp"

namespace hni::device {

class InterruptModerator {
 public:
  static constexpr unsigned kManagers = 256;
  static constexpr unsigned kFirstRx = 128;

  explicit InterruptModerator(InterruptBlock& interrupts) : interrupts_(interrupts) { reset(); }

  /// All managers quiet, timeouts 0 (which means at once).
  void reset();

  /// The queue now has `outstanding` unacknowledged completions, more than before.
  void completed(unsigned manager, std::uint32_t outstanding, std::uint64_t now_ns) {
    Manager& m = managers_[manager];
    if (m.outstanding == 0) start(manager, now_ns);
    m.outstanding = outstanding;
    if (!m.raised) evaluate(manager, now_ns);
  }
  /// The host acknowledged; `outstanding` remain.
  void acknowledged(unsigned manager, std::uint32_t outstanding, std::uint64_t now_ns);

  void set_vector(unsigned manager, std::uint32_t ctl, std::uint64_t now_ns);
  void set_threshold(unsigned manager, std::uint32_t threshold, std::uint64_t now_ns);
  void set_masked(unsigned manager, bool masked, std::uint64_t now_ns);
  /// TIM_SET / RIM_SET: a cause by hand, until CLEAR.
  void set_forced(unsigned manager, bool forced, std::uint64_t now_ns);

  /// Timeouts belong to the vector, one for Rx managers and one for Tx managers, in ticks.
  void set_timeout(bool rx, unsigned vector, std::uint32_t ticks, std::uint64_t now_ns);
  std::uint32_t timeout(bool rx, unsigned vector) const { return timeouts_[rx ? 1 : 0][vector]; }
  /// Length of a tick: QM_TCQ_CTL0 / QM_RCQ_CTL0.TICK_CYCLES of 600 MHz. 0 makes all timeouts 0.
  void set_tick_cycles(bool rx, std::uint32_t cycles, std::uint64_t now_ns);
  /// CQ_REARM.INTR_RELOAD: the timers of this vector start again.
  void reload(unsigned vector, std::uint64_t now_ns);

  void tick(std::uint64_t now_ns) {
    if (now_ns >= deadline_) expire(now_ns);
  }
  std::uint64_t next_deadline_ns() const { return deadline_; }

  /// TIM_TIMER / RIM_COAL_STATUS: ticks left to the timeout, and the count.
  std::uint32_t timer_ticks(unsigned manager, std::uint64_t now_ns) const;
  std::uint32_t outstanding(unsigned manager) const { return managers_[manager].outstanding; }

 private:
  struct Manager {
    std::uint64_t since_ns = 0;
    std::uint32_t outstanding = 0;
    std::uint32_t threshold = 0;
    std::uint8_t vector = 0;
    bool masked = false;
    bool forced = false;
    bool raised = false;
  };

  void start(unsigned manager, std::uint64_t now_ns);
  void evaluate(unsigned manager, std::uint64_t now_ns);
  void evaluate_all(std::uint64_t now_ns);
  void expire(std::uint64_t now_ns);
  std::uint64_t timeout_ns(unsigned manager) const;

  InterruptBlock& interrupts_;
  std::array<Manager, kManagers> managers_{};
  std::array<std::array<std::uint16_t, InterruptBlock::kVectors>, 2> timeouts_{};
  std::array<std::uint32_t, 2> tick_cycles_{};
  std::array<std::uint64_t, kManagers / 64> running_{};  // managers whose time counts
  std::uint64_t deadline_ = ~0ull;
};

}  // namespace hni::device
