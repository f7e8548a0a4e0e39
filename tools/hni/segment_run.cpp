// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/segment_run.hpp"

#include <cstring>

namespace hni::tools {

using device::VnetHeader;

bool SegmentRun::add(std::span<const std::byte> head, std::uint32_t bytes) {
  device::TcpSegment segment;
  if ((frames_ != 0 && complete_) || !device::parse_segment(head, bytes, segment)) return false;
  const std::size_t payload = bytes - segment.payload;
  const std::uint32_t sequence = device::sequence_of(head.data(), segment);
  if (frames_ == 0) {
    std::memcpy(head_.data(), head.data(), segment.payload);
    first_ = segment;
    bytes_ = segment.payload;
    segment_bytes_ = payload;
  } else if (segment.ip6 != first_.ip6 || segment.payload != first_.payload ||
             sequence != next_sequence_ || payload > segment_bytes_ ||
             bytes_ + payload > device::kMaxJoinedBytes ||
             !device::same_headers(head_.data(), head.data(), segment, frames_)) {
    return false;
  }
  bytes_ += payload;
  next_sequence_ = sequence + static_cast<std::uint32_t>(payload);
  ++frames_;
  if (segment.push) device::set_push(head_.data(), first_);
  complete_ = segment.push || payload < segment_bytes_ ||
              bytes_ + segment_bytes_ > device::kMaxJoinedBytes;
  return true;
}

std::span<std::byte> SegmentRun::finish(VnetHeader& vnet) {
  constexpr std::uint16_t kTcpChecksum = 16;
  device::finish_headers(head_.data(), first_, bytes_);
  vnet = VnetHeader{};
  vnet.flags = VnetHeader::kNeedsChecksum;
  vnet.gso_type = first_.ip6 ? VnetHeader::kGsoTcp6 : VnetHeader::kGsoTcp4;
  vnet.header_bytes = static_cast<std::uint16_t>(first_.payload);
  vnet.gso_bytes = static_cast<std::uint16_t>(segment_bytes_);
  vnet.checksum_start = static_cast<std::uint16_t>(first_.tcp);
  vnet.checksum_offset = kTcpChecksum;
  return std::span(head_).first(first_.payload);
}

}  // namespace hni::tools
