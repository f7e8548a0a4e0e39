// SPDX-License-Identifier: Apache-2.0
/// Joins consecutive TCP segments into one long packet, which crosses to the host's stack once
/// instead of fifty times. A network card's receive offload or the stack would do the same later.
/// Only whole segments with correct checksums and matching headers are joined, so that cutting the
/// packet restores the frames.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "device/wire/tcp_segment.hpp"

namespace hni::device {

/// Joins TCP segments.
class SegmentJoiner {
 public:
  /// The joined segments as one packet. Its TCP checksum field has the pseudo-header sum only.
  struct JoinedPacket {
    /// Valid until the next add() or clear().
    std::span<const std::byte> bytes;
    /// Number of frames; 1: the frame as received, including its checksums.
    std::uint32_t frames = 0;
    /// Payload of each frame but the last.
    std::uint16_t segment_bytes = 0;
    /// Ethernet, IP and TCP.
    std::uint16_t header_bytes = 0;
    /// First byte of the TCP header.
    std::uint16_t tcp_offset = 0;
    /// IPv6.
    bool ip6 = false;
  };

  /// Adds a frame that continues the joined ones, or, if there are none, one that others may
  /// continue.
  /// @param frame the bytes
  /// @return false if it is neither; the joined packet must be sent first
  bool add(std::span<const std::byte> frame);

  /// @return true if there is no frame
  [[nodiscard]] bool empty() const { return frames_ == 0; }
  /// @return true if no frame can follow
  [[nodiscard]] bool complete() const { return complete_; }
  /// Returns the packet assembled so far. Idempotent. Requires !empty().
  /// @return the packet
  JoinedPacket packet();
  /// Removes the joined frames.
  void clear() { frames_ = 0; }

 private:
  std::array<std::byte, kMaxJoinedBytes> bytes_;
  std::size_t size_ = 0;
  TcpSegment first_;
  std::size_t segment_bytes_ = 0;
  std::uint32_t next_sequence_ = 0;
  std::uint32_t frames_ = 0;
  bool complete_ = false;
};

}  // namespace hni::device
