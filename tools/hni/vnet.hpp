// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Translation between a TAP's virtio_net_hdr and the card's offloads. Pure functions on bytes.

#include <cstddef>
#include <cstdint>
#include <span>

#include "device/wire/vnet_header.hpp"
#include "driver/core/packet.hpp"

namespace hni::tools {

using device::VnetHeader;

enum class OffloadVerdict : std::uint8_t {
  kReady,     ///< `offload` is complete
  kSoftware,  ///< a checksum at a position that the card does not support: compute it here
  kRefused,   ///< the header contradicts the frame
};

struct OffloadPlan {
  OffloadVerdict verdict = OffloadVerdict::kReady;
  TxOffload offload;
  std::uint32_t frames = 1;  ///< number of frames that will leave the card
};

/// Translates the header of a frame of `length` bytes that starts with `head` (which holds all
/// headers). For segmentation the L4 length is subtracted from the pseudo-header sum in `head`, as
/// the card requires [device 12.5].
OffloadPlan plan_offload(const VnetHeader& header, std::span<std::byte> head,
                         std::uint32_t length);

/// Builds the header of a received frame.
constexpr VnetHeader received_header(const RxInfo& info, bool offload) {
  VnetHeader header;
  if (offload && info.l4_checksum_good()) header.flags = VnetHeader::kDataValid;
  return header;
}

}  // namespace hni::tools
