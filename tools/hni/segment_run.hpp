// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Joins received TCP segments for the host: consecutive packets of a receive burst become one
/// packet of up to 64 KiB, which crosses the TAP with one system call and passes the host's stack
/// once. The payload is not copied: the packet is written from the fragments of its segments.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "device/wire/tcp_segment.hpp"
#include "device/wire/vnet_header.hpp"

namespace hni::tools {

class SegmentRun {
 public:
  /// Adds a segment whose checksum was verified.
  /// @param head begin of the frame, with all headers; not used after the call
  /// @param bytes length of the frame
  /// @return false if it does not continue the run, or cannot begin one
  bool add(std::span<const std::byte> head, std::uint32_t bytes);

  /// Empties the run.
  void clear() { frames_ = 0; }
  [[nodiscard]] std::uint32_t frames() const { return frames_; }
  /// Returns whether no segment can follow.
  [[nodiscard]] bool complete() const { return complete_; }
  /// Returns the length of the headers of each segment.
  [[nodiscard]] std::uint32_t header_bytes() const {
    return static_cast<std::uint32_t>(first_.payload);
  }

  /// Completes the headers of the joined packet, whose TCP checksum the host computes if it needs
  /// it. Requires frames().
  /// @param vnet set to the description of the packet
  /// @return the headers; the payloads of the segments follow
  std::span<std::byte> finish(device::VnetHeader& vnet);

 private:
  std::array<std::byte, device::kMaxTcpHeaders> head_{};
  device::TcpSegment first_;
  std::size_t bytes_ = 0;
  std::size_t segment_bytes_ = 0;
  std::uint32_t next_sequence_ = 0;
  std::uint32_t frames_ = 0;
  bool complete_ = false;
};

}  // namespace hni::tools
