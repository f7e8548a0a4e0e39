// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace hni::device {

/// The header before each frame of a TAP, as the virtio specification lays it out.
struct VnetHeader {
  static constexpr std::uint8_t kNeedsChecksum = 1;  ///< flags: L4 holds its pseudo-header sum
  static constexpr std::uint8_t kDataValid = 2;      ///< flags: L4 checksum was verified
  static constexpr std::uint8_t kGsoNone = 0;
  static constexpr std::uint8_t kGsoTcp4 = 1;
  static constexpr std::uint8_t kGsoTcp6 = 4;
  static constexpr std::uint8_t kGsoUdp = 5;
  static constexpr std::uint8_t kGsoEcn = 0x80;

  std::uint8_t flags = 0;
  std::uint8_t gso_type = kGsoNone;
  std::uint16_t header_bytes = 0;
  std::uint16_t gso_bytes = 0;
  std::uint16_t checksum_start = 0;
  std::uint16_t checksum_offset = 0;
};
static_assert(sizeof(VnetHeader) == 10);

}  // namespace hni::device
