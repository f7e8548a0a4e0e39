// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What a TAP says about a frame (its virtio_net_hdr), and what the card is asked to do with it.
/// Pure functions on bytes.

#include <cstddef>
#include <cstdint>
#include <span>

#include "driver/packet.hpp"

namespace hni::tools {

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

enum class OffloadVerdict : std::uint8_t {
  kReady,     ///< `offload` says it all
  kSoftware,  ///< a checksum at a place that the card cannot be told: compute it here
  kRefused,   ///< the header contradicts the frame
};

struct OffloadPlan {
  OffloadVerdict verdict = OffloadVerdict::kReady;
  TxOffload offload;
  std::uint32_t frames = 1;  ///< how many frames will leave the card
};

/// Translates the header of a frame of `length` bytes that starts with `head` (all headers are in
/// it). For segmentation the L4 length is taken out of the pseudo-header sum in `head`, as the
/// card wants it (fbnic reference 12.5).
OffloadPlan plan_offload(const VnetHeader& header, std::span<std::byte> head,
                         std::uint32_t length);

/// The header for a received frame.
constexpr VnetHeader received_header(const RxInfo& info, bool offload) {
  VnetHeader header;
  if (offload && info.l4_checksum_good()) header.flags = VnetHeader::kDataValid;
  return header;
}

}  // namespace hni::tools
