// SPDX-License-Identifier: Apache-2.0
#pragma once
/// External firmware backend. Mailbox words are mirrored in the card's memory, so that the card
/// behaves as if its firmware crashed when the backend goes away.

#include <cstdint>
#include <optional>

namespace hni::device {

/// Firmware outside of the card. Called during the card's work; it may call Card::firmware_write()
/// only.
class FirmwareBackend {
 public:
  /// Destroys the backend.
  virtual ~FirmwareBackend() = default;
  /// Handles a host read of a dword of BAR4.
  /// @param byte_offset offset in BAR4
  /// @return nullopt if the backend is not connected; the host then reads the card's memory
  virtual std::optional<std::uint32_t> read(std::uint32_t byte_offset) = 0;
  /// Handles a host write of a mailbox dword, which is in the card's memory already.
  /// @param byte_offset offset in BAR4
  /// @param value the value
  virtual void write(std::uint32_t byte_offset, std::uint32_t value) = 0;
};

}  // namespace hni::device
