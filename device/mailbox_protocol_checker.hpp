// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Checks the host's side of the firmware mailbox against the order of [device 4.2 to 4.5]. It
/// only counts (spec::ProtocolAction::kMailbox...); the firmware has its own checks.

#include <array>
#include <cstdint>

#include "device/events.hpp"

namespace hni::device {

/// Checks the writes to both mailboxes.
class MailboxProtocolChecker {
 public:
  static constexpr unsigned kMailboxes = 2;     ///< Rx and Tx
  static constexpr unsigned kDescriptors = 16;  ///< per mailbox

  /// State around a descriptor before a write.
  struct View {
    /// Low half.
    std::uint32_t low = 0;
    /// High half.
    std::uint32_t high = 0;
    /// Low half of the next slot.
    std::uint32_t next_low = 0;
    /// DMA enabled: AW.BME for mailbox 0, AR.BME for mailbox 1.
    bool gate_open = false;
  };

  /// Clears the state, as a reset does.
  void reset() { slots_ = {}; }

  /// Handles a host read of the first mailbox word, which flushes all earlier writes.
  void flushed();
  /// Handles a host write of one half of a descriptor.
  /// @param mailbox 0 or 1
  /// @param descriptor 0..15
  /// @param high_half true: high
  /// @param value the value
  /// @param before state before the write
  /// @param events receives the violations
  void written(unsigned mailbox, unsigned descriptor, bool high_half, std::uint32_t value,
               const View& before, CardEvents& events);

 private:
  /// The newest write to a half, and whether a flush followed it.
  enum class Half : std::uint8_t { kQuiet, kWritten, kFlushed };
  struct MailboxSlot {
    Half low = Half::kQuiet;
    Half high = Half::kQuiet;
  };

  std::array<std::array<MailboxSlot, kDescriptors>, kMailboxes> slots_{};
};

}  // namespace hni::device
