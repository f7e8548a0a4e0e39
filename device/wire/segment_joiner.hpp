// SPDX-License-Identifier: Apache-2.0
// TCP segments that follow each other, joined into one long packet: what crosses to the host's
// stack once instead of fifty times. The same is done by a network card's receive offload or by
// the stack itself, later; only whole segments are joined whose checksums are right and whose
// headers say the same, so that cutting the packet gives the frames back.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace hni::device {

class SegmentJoiner {
 public:
  /// What is held, as one packet. Its TCP checksum field has the pseudo-header sum only.
  struct JoinedPacket {
    std::span<const std::byte> bytes;  ///< valid until the next add() or clear()
    std::uint32_t frames = 0;          ///< 1: the frame as it came, checksums and all
    std::uint16_t segment_bytes = 0;   ///< payload of each frame but the last
    std::uint16_t header_bytes = 0;    ///< Ethernet, IP and TCP
    std::uint16_t tcp_offset = 0;
    bool ip6 = false;
  };

  /// Takes a frame that continues what is held, or, if nothing is held, one that others may
  /// continue. False: it is neither; what is held must leave first.
  bool add(std::span<const std::byte> frame);

  [[nodiscard]] bool empty() const { return frames_ == 0; }
  /// Nothing can follow what is held.
  [[nodiscard]] bool complete() const { return complete_; }
  /// The packet so far; may be asked for again. Not while empty().
  JoinedPacket packet();
  void clear() { frames_ = 0; }

 private:
  static constexpr std::size_t kEthernet = 14;
  static constexpr std::size_t kMaxBytes = kEthernet + 65535;

  /// Where the headers of a TCP segment with payload are; false if it is something else, or
  /// broken.
  struct Layout {
    bool ip6 = false;
    std::size_t tcp = 0;
    std::size_t payload = 0;
    bool push = false;
  };
  static bool parse(std::span<const std::byte> frame, Layout& layout);
  static std::uint16_t pseudo_header_sum(const std::byte* frame, const Layout& layout,
                                         std::size_t tcp_bytes);
  [[nodiscard]] bool continues(std::span<const std::byte> frame, const Layout& layout) const;

  std::array<std::byte, kMaxBytes> bytes_;
  std::size_t size_ = 0;
  Layout layout_;
  std::size_t segment_bytes_ = 0;
  std::uint32_t next_sequence_ = 0;
  std::uint32_t frames_ = 0;
  bool complete_ = false;
};

}  // namespace hni::device
