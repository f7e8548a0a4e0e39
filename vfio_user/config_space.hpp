// SPDX-License-Identifier: Apache-2.0
#pragma once
// The card's PCI Express configuration space: 4096 bytes with the capabilities that a driver needs
// [device 1]: PCI Express, MSI-X, power management, and in the extended space AER and the
// Device Serial Number.
//
// INTERPRETATION: the layout of the space and the sizes of the BARs are ours. BAR0 (registers)
// and BAR4 (firmware) are 64-bit memory; the MSI-X table and its pending bits are in BAR2, so that
// the other two hold registers only.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "device/card.hpp"

namespace hni::device::vfio_user {

inline constexpr std::uint16_t kVendorId = 0x1d9b;
inline constexpr std::uint16_t kDeviceId = 0x0013;

inline constexpr std::uint64_t kBar0Bytes = 2 << 20;
inline constexpr std::uint64_t kBar2Bytes = 8 << 10;
inline constexpr std::uint64_t kBar4Bytes = 128 << 10;
/// In BAR2: the MSI-X table of 16 bytes a vector, and one pending bit a vector.
inline constexpr std::uint32_t kMsixTableOffset = 0;
inline constexpr std::uint32_t kMsixPendingOffset = 4096;

/// Bytes of a BAR's region; 0 for those that the card does not have.
constexpr std::uint64_t bar_bytes(std::uint32_t bar) {
  return bar == 0 ? kBar0Bytes : bar == 2 ? kBar2Bytes : bar == 4 ? kBar4Bytes : 0;
}

class ConfigSpace {
 public:
  static constexpr std::size_t kBytes = 4096;

  explicit ConfigSpace(const CardConfig& config);

  /// As after a function-level reset.
  void reset();

  /// Any range inside the space: offset + size <= kBytes.
  void read(std::size_t offset, std::span<std::byte> to) const;
  /// Read-only bits keep their value. Returns true if the write asked for a function-level reset;
  /// the caller then resets the card and calls reset().
  bool write(std::size_t offset, std::span<const std::byte> from);

  /// A read of the card was answered with Unsupported Request: Status says so until software
  /// clears it. It is the requester's only trace; AER belongs to who refused. (A write is posted:
  /// nobody tells the card of its end.)
  void note_master_abort() { now_[0x07] |= std::byte{0x20}; }

  /// The driver allowed the card to use host memory (Command.Bus Master Enable).
  bool bus_master() const { return (now_[4] & std::byte{4}) != std::byte{0}; }

 private:
  using Space = std::array<std::byte, kBytes>;

  void set(std::size_t offset, std::uint32_t value, unsigned bytes, std::uint32_t writable = 0);
  void header();
  void capabilities(const CardConfig& config);
  void extended(const CardConfig& config);

  Space first_{};           ///< the values after reset
  Space writable_{};        ///< bits that a write changes
  Space write_1_clears_{};  ///< bits that writing 1 clears
  Space now_{};
};

}  // namespace hni::device::vfio_user
