// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace hni::device {

/// The header of each frame of a TAP, as defined by the virtio specification.
struct VnetHeader {
  /// Flag: L4 holds its pseudo-header sum.
  static constexpr std::uint8_t kNeedsChecksum = 1;
  /// Flag: the L4 checksum was verified.
  static constexpr std::uint8_t kDataValid = 2;
  /// GSO type: none.
  static constexpr std::uint8_t kGsoNone = 0;
  /// GSO type: TCP over IPv4.
  static constexpr std::uint8_t kGsoTcp4 = 1;
  /// GSO type: TCP over IPv6.
  static constexpr std::uint8_t kGsoTcp6 = 4;
  /// GSO type: UDP.
  static constexpr std::uint8_t kGsoUdp = 5;
  /// GSO type: ECN flag.
  static constexpr std::uint8_t kGsoEcn = 0x80;

  /// Flags above.
  std::uint8_t flags = 0;
  /// GSO type above.
  std::uint8_t gso_type = kGsoNone;
  /// Length of all headers.
  std::uint16_t header_bytes = 0;
  /// Payload per segment.
  std::uint16_t gso_bytes = 0;
  /// Where the checksummed part starts.
  std::uint16_t checksum_start = 0;
  /// Offset of the checksum from there.
  std::uint16_t checksum_offset = 0;
};
static_assert(sizeof(VnetHeader) == 10);

}  // namespace hni::device
