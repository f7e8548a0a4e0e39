// SPDX-License-Identifier: Apache-2.0
#pragma once
// Watches the host's side of the firmware mailbox for the order that [device 4.2 to 4.5]
// prescribes. It only counts (spec::ProtocolAction::kMailbox...); the firmware has its own
// defence.

#include <array>
#include <cstdint>

#include "device/events.hpp"

namespace hni::device {

class MailboxProtocolChecker {
 public:
  static constexpr unsigned kMailboxes = 2;
  static constexpr unsigned kDescriptors = 16;

  /// What a descriptor holds before the write, and around it.
  struct View {
    std::uint32_t low = 0;
    std::uint32_t high = 0;
    std::uint32_t next_low = 0;  ///< low half of the slot behind it
    bool gate_open = false;      ///< AW.BME for mailbox 0, AR.BME for mailbox 1
  };

  void reset() { slots_ = {}; }

  /// The host read the first mailbox word: all its earlier writes have arrived.
  void flushed();
  /// The host writes one half of a descriptor.
  void written(unsigned mailbox, unsigned descriptor, bool high_half, std::uint32_t value,
               const View& before, CardEvents& events);

 private:
  /// The newest write to one half, and whether a flush followed it.
  enum class Half : std::uint8_t { kQuiet, kWritten, kFlushed };
  struct MailboxSlot {
    Half low = Half::kQuiet;
    Half high = Half::kQuiet;
  };

  std::array<std::array<MailboxSlot, kDescriptors>, kMailboxes> slots_{};
};

}  // namespace hni::device
