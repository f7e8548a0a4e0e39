// SPDX-License-Identifier: Apache-2.0
// The card's time-of-day counter [device 17].
//
// A 64-bit nanosecond counter with 32 bits of fraction that grows by PTP_ADD_VAL each cycle of
// 600 MHz. The cycles come from virtual time: 3 cycles every 5 ns, exactly. The counter changes
// only in `advance`, so PTP_CTR_VAL_HI is stable within one instant (the driver's read loop needs
// that).
#pragma once

#include <cstdint>
#include <optional>

#include "openhni/spec/word.hpp"

namespace hni::device {

class PtpClock {
 public:
  PtpClock() : PtpClock(0) {}

  std::optional<std::uint32_t> read(spec::RegAddr addr) const;
  /// False: not a register of the clock.
  bool write(spec::RegAddr addr, std::uint32_t value);

  /// Moves the counter to `now_ns`. A `now_ns` before the last one changes nothing.
  void advance(std::uint64_t now_ns);
  void tick(std::uint64_t now_ns) { advance(now_ns); }

  /// The counter in nanoseconds, and what descriptors carry: its low 40 bits.
  std::uint64_t now_ns() const { return static_cast<std::uint64_t>(counter_ >> 32); }
  std::uint64_t now40() const { return now_ns() & ((std::uint64_t{1} << 40) - 1); }
  bool enabled() const { return (ctrl_ & 1u) != 0; }

  /// Registers to their reset values, counters to zero; virtual time is kept.
  void reset();

 private:
  __extension__ using Wide = unsigned __int128;  // Q64.32 needs 96 bits

  explicit PtpClock(std::uint64_t last_ns);
  void adjust(std::uint32_t value);

  std::uint64_t last_ns_ = 0;
  std::uint64_t cycle_remainder_ = 0;  // in fifths of a cycle
  Wide counter_ = 0;                   // Q64.32 ns
  Wide mono_ = 0;                      // same rate, never set or nudged
  std::uint64_t addend_ = 0;           // Q16.32 ns a cycle, in force
  std::uint32_t ctrl_ = 0;
  std::uint32_t init_hi_ = 0;
  std::uint32_t init_lo_ = 0;
  std::uint32_t nudge_ns_ = 0;
  std::uint32_t nudge_subns_ = 0;
  std::uint32_t add_ns_ = 0;
  std::uint32_t add_subns_ = 0;
  std::uint32_t spare_ = 0;
};

}  // namespace hni::device
