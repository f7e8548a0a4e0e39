// SPDX-License-Identifier: Apache-2.0
#pragma once
// The card's MSI-X table and pending bits with the semantics of a PCI function: a vector that
// fires while it is masked stays pending, and its message is sent when it is unmasked. The owner
// fetches messages with next_message() and sends them.

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "device/dma_memory.hpp"
#include "device/interrupts.hpp"
#include "vfio_user/config_space.hpp"

namespace hni::device::vhost_user {

struct MsiMessage {
  std::uint64_t address = 0;
  std::uint32_t data = 0;
};

class MsixTable final : public InterruptSink {
 public:
  /// `dma` must outlive this object. It is flushed before each interrupt, so that the host sees
  /// what the card wrote.
  MsixTable(unsigned vectors, DmaMemory& dma);

  void msix(std::uint16_t vector) override;

  /// Sets the function's MSI-X Message Control: Enable (bit 15) and Function Mask (bit 14).
  void set_control(std::uint16_t control);
  /// Resets as a function-level reset does: all vectors masked, none pending.
  void reset();

  /// Any range of BAR2.
  void read(std::uint32_t offset, std::span<std::byte> to) const;
  /// Writes to the table. Writes outside the table are ignored.
  void write(std::uint32_t offset, std::span<const std::byte> from);

  /// Returns whether a vector is pending and neither it nor the function is masked.
  bool ready() const;
  /// Returns the message of the lowest such vector and clears its pending bit.
  std::optional<MsiMessage> next_message();

  unsigned vectors() const { return vectors_; }
  std::uint64_t sent() const { return sent_; }
  /// Interrupts that fired while MSI-X was disabled and were therefore lost.
  std::uint64_t dropped() const { return dropped_; }

 private:
  static constexpr std::size_t kEntry = 16;
  static constexpr std::size_t kControl = 12;  ///< of an entry; bit 0: masked

  std::optional<unsigned> first_ready() const;

  unsigned vectors_;
  DmaMemory& dma_;
  std::vector<std::byte> table_;
  std::bitset<InterruptBlock::kVectors> pending_;
  bool enabled_ = false;
  bool masked_ = false;
  std::uint64_t sent_ = 0;
  std::uint64_t dropped_ = 0;
};

}  // namespace hni::device::vhost_user
