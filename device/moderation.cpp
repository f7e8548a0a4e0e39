// SPDX-License-Identifier: Apache-2.0
#include "device/moderation.hpp"

#include <algorithm>
#include <bit>

namespace hni::device {
namespace {

constexpr std::uint32_t kTimeoutMask = 0x3fff;  // 14 bits
constexpr std::uint32_t kThresholdMask = 0x7fff;

}  // namespace

void InterruptModerator::reset() {
  for (Manager& m : managers_) {
    if (m.raised) interrupts_.lower(m.vector);
    m = Manager{};
  }
  for (auto& table : timeouts_) table.fill(0);
  for (auto& table : timeouts_ns_) table.fill(0);
  tick_cycles_.fill(600);
  running_.fill(0);
  deadline_ = ~0ull;
}

void InterruptModerator::compute_timeout(unsigned side, unsigned vector) {
  const std::uint64_t ticks = timeouts_[side][vector];
  // A cycle of 600 MHz is 5/3 ns.
  timeouts_ns_[side][vector] = ticks * tick_cycles_[side] * 5 / 3;
}

void InterruptModerator::start(unsigned manager, std::uint64_t now_ns) {
  managers_[manager].since_ns = now_ns;
  running_[manager / 64] |= 1ull << (manager % 64);
  deadline_ = std::min(deadline_, now_ns + timeout_ns(manager));
}

// Recomputes the level of a manager [device 3.4]: count reached, or timeout expired.
void InterruptModerator::evaluate(unsigned manager, std::uint64_t now_ns) {
  Manager& m = managers_[manager];
  const bool due = m.outstanding != 0 && is_due(manager, now_ns);
  const bool want = !m.masked && (m.forced || due);
  if (want == m.raised) return;
  m.raised = want;
  if (want) {
    interrupts_.raise(m.vector);
  } else {
    interrupts_.lower(m.vector);
  }
}

// Acknowledging everything clears the cause [device 3.4].
void InterruptModerator::acknowledged(unsigned manager, std::uint32_t outstanding,
                                      std::uint64_t now_ns) {
  Manager& m = managers_[manager];
  m.outstanding = outstanding;
  if (outstanding == 0) {
    running_[manager / 64] &= ~(1ull << (manager % 64));
  } else {
    start(manager, now_ns);
  }
  evaluate(manager, now_ns);
}

void InterruptModerator::set_vector(unsigned manager, std::uint32_t ctl, std::uint64_t now_ns) {
  Manager& m = managers_[manager];
  if (m.raised) interrupts_.lower(m.vector);
  m.raised = false;
  m.vector = static_cast<std::uint8_t>(ctl & 0xff);
  if (m.outstanding != 0) start(manager, m.since_ns);
  evaluate(manager, now_ns);
}

void InterruptModerator::set_threshold(unsigned manager, std::uint32_t threshold,
                                       std::uint64_t now_ns) {
  managers_[manager].threshold = threshold & kThresholdMask;
  evaluate(manager, now_ns);
}

void InterruptModerator::set_masked(unsigned manager, bool masked, std::uint64_t now_ns) {
  managers_[manager].masked = masked;
  evaluate(manager, now_ns);
}

void InterruptModerator::set_forced(unsigned manager, bool forced, std::uint64_t now_ns) {
  managers_[manager].forced = forced;
  evaluate(manager, now_ns);
}

void InterruptModerator::set_timeout(bool rx, unsigned vector, std::uint32_t ticks,
                                     std::uint64_t now_ns) {
  timeouts_[rx ? 1 : 0][vector] = static_cast<std::uint16_t>(ticks & kTimeoutMask);
  compute_timeout(rx ? 1 : 0, vector);
  evaluate_all(now_ns);
}

void InterruptModerator::set_tick_cycles(bool rx, std::uint32_t cycles, std::uint64_t now_ns) {
  tick_cycles_[rx ? 1 : 0] = cycles;
  for (unsigned vector = 0; vector < InterruptBlock::kVectors; ++vector)
    compute_timeout(rx ? 1 : 0, vector);
  evaluate_all(now_ns);
}

void InterruptModerator::reload(unsigned vector, std::uint64_t now_ns) {
  for (unsigned manager = 0; manager < kManagers; ++manager) {
    Manager& m = managers_[manager];
    if (m.vector == vector && m.outstanding != 0) m.since_ns = now_ns;
  }
  evaluate_all(now_ns);
}

void InterruptModerator::evaluate_all(std::uint64_t now_ns) {
  expire(now_ns);
}

// Raises the managers whose timeout expired and finds the next deadline.
void InterruptModerator::expire(std::uint64_t now_ns) {
  deadline_ = ~0ull;
  for (unsigned word = 0; word < running_.size(); ++word) {
    for (std::uint64_t left = running_[word]; left != 0; left &= left - 1) {
      const unsigned manager = 64 * word + static_cast<unsigned>(std::countr_zero(left));
      evaluate(manager, now_ns);
      const Manager& m = managers_[manager];
      if (!m.raised && !m.masked) {
        deadline_ = std::min(deadline_, std::max(now_ns + 1, m.since_ns + timeout_ns(manager)));
      }
    }
  }
}

std::uint32_t InterruptModerator::timer_ticks(unsigned manager, std::uint64_t now_ns) const {
  const Manager& m = managers_[manager];
  const unsigned side = manager >= kFirstRx ? 1 : 0;
  const std::uint64_t total = timeout_ns(manager);
  const std::uint64_t gone = now_ns - m.since_ns;
  if (m.outstanding == 0 || gone >= total || tick_cycles_[side] == 0) return 0;
  const std::uint64_t ticks = (total - gone) * 3 / (std::uint64_t{tick_cycles_[side]} * 5);
  return static_cast<std::uint32_t>(ticks) & kTimeoutMask;
}

}  // namespace hni::device
