// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Interrupt moderation of the completion queues [device 3.3, 3.4]: one interrupt manager per
/// queue, TIM for TCQ q (index q) and RIM for RCQ q (index 128 + q).
///
/// A manager's cause is a level: unacknowledged completions exist, and either their number reached
/// THRESHOLD or TIMEOUT passed since the first of them. The level drives the vector in CTL unless
/// MASK is set. A masked vector keeps the cause pending; acknowledging everything clears it.
/// INTERPRETATION: a level and not an edge, so that a poll that processed everything is not
/// interrupted again, and nothing is lost between the last poll and the unmask. Acknowledging a
/// part restarts the time, because the age of the rest is not kept.

#include <array>
#include <cstdint>

#include "device/interrupts.hpp"

namespace hni::device {

/// The interrupt managers of all queues.
class InterruptModerator {
 public:
  static constexpr unsigned kManagers = 256;  ///< TIM, then RIM
  static constexpr unsigned kFirstRx = 128;   ///< index of RIM 0

  /// Creates idle managers.
  /// @param interrupts must outlive it
  explicit InterruptModerator(InterruptBlock& interrupts) : interrupts_(interrupts) { reset(); }

  /// Idles all managers and sets timeouts to 0 (immediately).
  void reset();

  /// Handles new completions.
  /// @param manager index
  /// @param outstanding unacknowledged completions
  /// @param now_ns virtual time
  void completed(unsigned manager, std::uint32_t outstanding, std::uint64_t now_ns) {
    Manager& m = managers_[manager];
    if (m.outstanding == 0) start(manager, now_ns);
    m.outstanding = outstanding;
    // Otherwise nothing changed that evaluate() depends on.
    if (!m.raised && is_due(manager, now_ns)) evaluate(manager, now_ns);
  }
  /// Handles an acknowledgement.
  /// @param manager index
  /// @param outstanding unacknowledged completions that remain
  /// @param now_ns virtual time
  void acknowledged(unsigned manager, std::uint32_t outstanding, std::uint64_t now_ns);

  /// Writes TIM_CTL / RIM_CTL.
  /// @param manager index
  /// @param ctl the value
  /// @param now_ns virtual time
  void set_vector(unsigned manager, std::uint32_t ctl, std::uint64_t now_ns);
  /// Writes TIM_THRESHOLD / RIM_THRESHOLD.
  /// @param manager index
  /// @param threshold completions
  /// @param now_ns virtual time
  void set_threshold(unsigned manager, std::uint32_t threshold, std::uint64_t now_ns);
  /// Writes TIM_MASK / RIM_MASK.
  /// @param manager index
  /// @param masked true: mask
  /// @param now_ns virtual time
  void set_masked(unsigned manager, bool masked, std::uint64_t now_ns);
  /// Writes TIM_SET / RIM_SET or CLEAR: forces the cause.
  /// @param manager index
  /// @param forced true until CLEAR
  /// @param now_ns virtual time
  void set_forced(unsigned manager, bool forced, std::uint64_t now_ns);

  /// Sets a timeout. Timeouts belong to the vector, one for Rx managers and one for Tx managers.
  /// @param rx true: Rx
  /// @param vector the vector
  /// @param ticks timeout
  /// @param now_ns virtual time
  void set_timeout(bool rx, unsigned vector, std::uint32_t ticks, std::uint64_t now_ns);
  /// Returns a timeout.
  /// @param rx true: Rx
  /// @param vector the vector
  /// @return ticks
  std::uint32_t timeout(bool rx, unsigned vector) const { return timeouts_[rx ? 1 : 0][vector]; }
  /// Sets the length of a tick: QM_TCQ_CTL0 / QM_RCQ_CTL0.TICK_CYCLES of 600 MHz; 0 makes all
  /// timeouts 0.
  /// @param rx true: Rx
  /// @param cycles length
  /// @param now_ns virtual time
  void set_tick_cycles(bool rx, std::uint32_t cycles, std::uint64_t now_ns);
  /// Handles CQ_REARM.INTR_RELOAD: restarts the timers of a vector.
  /// @param vector the vector
  /// @param now_ns virtual time
  void reload(unsigned vector, std::uint64_t now_ns);

  /// Handles expired timeouts.
  /// @param now_ns virtual time
  void tick(std::uint64_t now_ns) {
    if (now_ns >= deadline_) expire(now_ns);
  }
  /// @return when the next timeout expires; ~0 for never
  std::uint64_t next_deadline_ns() const { return deadline_; }

  /// Reads TIM_TIMER / RIM_COAL_STATUS.
  /// @param manager index
  /// @param now_ns virtual time
  /// @return ticks left
  std::uint32_t timer_ticks(unsigned manager, std::uint64_t now_ns) const;
  /// Returns the unacknowledged completions.
  /// @param manager index
  /// @return number
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
  std::uint64_t timeout_ns(unsigned manager) const {
    return timeouts_ns_[manager >= kFirstRx ? 1 : 0][managers_[manager].vector];
  }
  // Count reached, or timeout expired; requires outstanding completions.
  bool is_due(unsigned manager, std::uint64_t now_ns) const {
    const Manager& m = managers_[manager];
    return m.outstanding >= m.threshold || now_ns - m.since_ns >= timeout_ns(manager);
  }
  void compute_timeout(unsigned side, unsigned vector);

  InterruptBlock& interrupts_;
  std::array<Manager, kManagers> managers_{};
  std::array<std::array<std::uint16_t, InterruptBlock::kVectors>, 2> timeouts_{};
  std::array<std::array<std::uint64_t, InterruptBlock::kVectors>, 2> timeouts_ns_{};
  std::array<std::uint32_t, 2> tick_cycles_{};
  std::array<std::uint64_t, kManagers / 64> running_{};  // managers with a running timeout
  std::uint64_t deadline_ = ~0ull;
};

}  // namespace hni::device
