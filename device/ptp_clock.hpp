// SPDX-License-Identifier: Apache-2.0
/// The card's time-of-day counter [device 17].
///
/// A 64-bit nanosecond counter with 32 bits of fraction that grows by PTP_ADD_VAL per cycle of 600
/// MHz. The cycles follow virtual time: exactly 3 cycles every 5 ns. The counter changes only in
/// `advance`, so PTP_CTR_VAL_HI is stable within one instant, as the driver's read loop needs.
#pragma once

#include <cstdint>
#include <optional>

#include "openhni/spec/word.hpp"

namespace hni::device {

/// The PTP clock of one card.
class PtpClock {
 public:
  /// Creates the clock after reset, at virtual time 0.
  PtpClock() : PtpClock(0) {}

  /// Reads a register.
  /// @param addr address
  /// @return nullopt if it does not belong to the clock
  std::optional<std::uint32_t> read(spec::RegAddr addr) const;
  /// Writes a register.
  /// @param addr address
  /// @param value the value
  /// @return false if it does not belong to the clock
  bool write(spec::RegAddr addr, std::uint32_t value);

  /// Advances the counter; an earlier time than before changes nothing.
  /// @param now_ns virtual time
  void advance(std::uint64_t now_ns);
  /// Advances the counter.
  /// @param now_ns virtual time
  void tick(std::uint64_t now_ns) { advance(now_ns); }

  /// @return the counter in nanoseconds
  std::uint64_t now_ns() const { return static_cast<std::uint64_t>(counter_ >> 32); }
  /// @return its low 40 bits, as descriptors carry them
  std::uint64_t now40() const { return now_ns() & ((std::uint64_t{1} << 40) - 1); }
  /// @return true while the counter is enabled
  bool enabled() const { return (ctrl_ & 1u) != 0; }

  /// Resets registers and counters; virtual time is kept.
  void reset();

 private:
  __extension__ using Wide = unsigned __int128;  // Q64.32 needs 96 bits

  explicit PtpClock(std::uint64_t last_ns);
  void adjust(std::uint32_t value);

  std::uint64_t last_ns_ = 0;
  std::uint64_t cycle_remainder_ = 0;  // in fifths of a cycle
  Wide counter_ = 0;                   // Q64.32 ns
  Wide mono_ = 0;                      // same rate, never set or adjusted
  std::uint64_t addend_ = 0;           // Q16.32 ns per cycle, in effect
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
