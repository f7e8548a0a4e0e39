// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What a TAP says about a frame (its virtio_net_hdr), and what the card is asked to do with it.
/// Pure functions on bytes.

#include <cstddef>
#include <cstdint>
#include <span>

#include "device/wire/vnet_header.hpp"
#include "driver/core/packet.hpp"

namespace hni::tools {

using device::VnetHeader;

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
/// card wants it [device 12.5].
OffloadPlan plan_offload(const VnetHeader& header, std::span<std::byte> head,
                         std::uint32_t length);

/// The header for a received frame.
constexpr VnetHeader received_header(const RxInfo& info, bool offload) {
  VnetHeader header;
  if (offload && info.l4_checksum_good()) header.flags = VnetHeader::kDataValid;
  return header;
}

}  // namespace hni::tools
