// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The card's PCI Express configuration space: 4096 bytes with the capabilities that a driver
/// needs [device 1]: PCI Express, MSI-X, power management, and in the extended space AER and the
/// Device Serial Number.
///
/// INTERPRETATION: the layout of the space and the sizes of the BARs are ours. BAR0 (registers)
/// and BAR4 (firmware) are 64-bit memory; the MSI-X table and its pending bits are in BAR2, so
/// that the other two hold registers only.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "device/card.hpp"

namespace hni::device::vfio_user {

inline constexpr std::uint16_t kVendorId = 0x1d9b;  ///< PCI vendor id
inline constexpr std::uint16_t kDeviceId = 0x0013;  ///< PCI device id

inline constexpr std::uint64_t kBar0Bytes = 2 << 20;    ///< registers
inline constexpr std::uint64_t kBar2Bytes = 8 << 10;    ///< MSI-X table and pending bits
inline constexpr std::uint64_t kBar4Bytes = 128 << 10;  ///< firmware mailbox
/// in BAR2: the MSI-X table, 16 bytes per vector
inline constexpr std::uint32_t kMsixTableOffset = 0;
inline constexpr std::uint32_t kMsixPendingOffset = 4096;  ///< in BAR2: one pending bit per vector

/// Returns the size of a BAR's region.
/// @param bar 0..5
/// @return bytes; 0 if the card does not have it
constexpr std::uint64_t bar_bytes(std::uint32_t bar) {
  return bar == 0 ? kBar0Bytes : bar == 2 ? kBar2Bytes : bar == 4 ? kBar4Bytes : 0;
}

/// The configuration space of one card.
class ConfigSpace {
 public:
  static constexpr std::size_t kBytes = 4096;  ///< size of the space

  /// Creates the space after power-on.
  /// @param config properties of the card
  explicit ConfigSpace(const CardConfig& config);

  /// Resets the values, as a function-level reset does.
  void reset();

  /// Reads a range inside the space: offset + size <= kBytes.
  /// @param offset first byte
  /// @param to receives the bytes
  void read(std::size_t offset, std::span<std::byte> to) const;
  /// Writes a range inside the space. Read-only bits keep their value.
  /// @param offset first byte
  /// @param from the bytes
  /// @return true if the write requests a function-level reset; the caller then resets the card
  ///     and calls reset()
  bool write(std::size_t offset, std::span<const std::byte> from);

  /// Records that a read of the card completed with Unsupported Request: Status shows it until
  /// software clears it. No other register of the requester records it; AER logs it at the
  /// completer. (A write is posted, so the card does not learn its outcome.)
  void note_master_abort() { now_[0x07] |= std::byte{0x20}; }

  /// @return MSI-X Message Control: bit 15 enables it, bit 14 masks all vectors
  std::uint16_t msix_control() const {
    return static_cast<std::uint16_t>(static_cast<unsigned>(now_[kMsix + 2]) |
                                      static_cast<unsigned>(now_[kMsix + 3]) << 8);
  }

  /// @return true if the driver allowed the card to use host memory (Command.Bus Master Enable)
  bool bus_master() const { return (now_[4] & std::byte{4}) != std::byte{0}; }

 private:
  static constexpr std::size_t kMsix = 0x50;  ///< the MSI-X capability

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
