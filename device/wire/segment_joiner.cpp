// SPDX-License-Identifier: Apache-2.0
#include "device/wire/segment_joiner.hpp"

#include <cstring>

namespace hni::device {

bool SegmentJoiner::add(std::span<const std::byte> frame) {
  TcpSegment segment;
  if (!parse_segment(frame, frame.size(), segment) || !tcp_checksum_good(frame, segment))
    return false;
  const std::size_t payload = frame.size() - segment.payload;
  const std::uint32_t sequence = sequence_of(frame.data(), segment);
  if (empty()) {
    if (segment.push) return false;  // the last of its run: no segment could follow
    std::memcpy(bytes_.data(), frame.data(), frame.size());
    first_ = segment;
    size_ = frame.size();
    segment_bytes_ = payload;
    next_sequence_ = sequence;
  } else {
    if (complete_ || segment.ip6 != first_.ip6 || segment.payload != first_.payload ||
        sequence != next_sequence_ || payload > segment_bytes_ ||
        size_ + payload > kMaxJoinedBytes ||
        !same_headers(bytes_.data(), frame.data(), segment, frames_))
      return false;
    std::memcpy(bytes_.data() + size_, frame.data() + segment.payload, payload);
    size_ += payload;
    if (segment.push) set_push(bytes_.data(), first_);
  }
  next_sequence_ += static_cast<std::uint32_t>(payload);
  ++frames_;
  complete_ = segment.push || payload < segment_bytes_ || size_ + segment_bytes_ > kMaxJoinedBytes;
  return true;
}

SegmentJoiner::JoinedPacket SegmentJoiner::packet() {
  if (frames_ > 1) finish_headers(bytes_.data(), first_, size_);
  return {std::span(bytes_).first(size_),
          frames_,
          static_cast<std::uint16_t>(segment_bytes_),
          static_cast<std::uint16_t>(first_.payload),
          static_cast<std::uint16_t>(first_.tcp),
          first_.ip6};
}

}  // namespace hni::device
