// SPDX-License-Identifier: Apache-2.0
#pragma once
// Firmware that is not this card's own: somebody else answers for the mailbox. The card keeps the
// words that the host wrote, so that it goes on as one whose firmware died when nobody answers any
// more.

#include <cstdint>
#include <optional>

namespace hni::device {

/// Called in the middle of the card's work; it may call Card::firmware_write() and nothing else.
class FirmwareBackend {
 public:
  virtual ~FirmwareBackend() = default;
  /// The host reads a dword of BAR4. Nothing: nobody answers; the host sees the card's memory.
  virtual std::optional<std::uint32_t> read(std::uint32_t byte_offset) = 0;
  /// The host wrote a mailbox dword, which is in the card's memory already.
  virtual void write(std::uint32_t byte_offset, std::uint32_t value) = 0;
};

}  // namespace hni::device
