// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Packet: what rx_burst() hands out and tx_burst() takes. It is a small value that names
/// fragments of the port's pool; the bytes stay where the card put them. Whoever has the Packet
/// holds one reference to each of its segments' fragments: rx_burst() gives them, tx_burst() takes
/// those of the packets that it accepted, Port::release() gives the rest back.

#include <array>
#include <cstdint>

#include "driver/core/types.hpp"
#include "openhni/spec/descriptors.hpp"
#include "openhni/spec/enums.hpp"

namespace hni {

/// Most segments of one packet: a header buffer and 17 payload buffers
/// [device 12.2, 13.2], and enough 4 KiB fragments for a 64 KiB segmentation request.
inline constexpr std::uint32_t kMaxSegments = 18;

/// Bytes [offset, offset + length) of one fragment; offset + length <= 4096.
struct Segment {
  FragmentId fragment{};
  std::uint16_t offset = 0;
  std::uint16_t length = 0;
};

/// What the card says of a received packet. Data, not fact: a hostile card may lie in all of it.
struct RxInfo {
  std::uint64_t meta = 0;  ///< the RCD_META word, decoded below
  bool has_timestamp = false;
  std::uint64_t timestamp_ns = 0;  ///< card time, valid with has_timestamp

  [[nodiscard]] constexpr std::uint32_t rss_hash() const {
    return static_cast<std::uint32_t>(view().RSS_HASH());
  }
  /// Folded sum of all behind the Ethernet header, over little-endian words, not inverted
  /// [device 13.3].
  [[nodiscard]] constexpr std::uint16_t l2_checksum() const {
    return static_cast<std::uint16_t>(view().L2_CSUM());
  }
  /// The card verified the L4 checksum.
  [[nodiscard]] constexpr bool l4_checksum_good() const {
    return view().L4_CSUM_UNNECESSARY() != 0;
  }
  [[nodiscard]] constexpr spec::L3_TYPE l3_type() const {
    return static_cast<spec::L3_TYPE>(view().L3_TYPE());
  }
  [[nodiscard]] constexpr spec::L4_TYPE l4_type() const {
    return static_cast<spec::L4_TYPE>(view().L4_TYPE());
  }
  [[nodiscard]] constexpr bool parser_error() const { return view().ERR_PARSER() != 0; }
  [[nodiscard]] constexpr bool ecn() const { return view().ECN() != 0; }

 private:
  [[nodiscard]] constexpr spec::RCD_META view() const { return spec::RCD_META{meta}; }
};

/// What the card shall do to a packet on its way out; nothing while no flag is set, whatever the
/// other members say. L2 and L3 lengths are even, the L4 length a multiple of 4 (they travel in
/// units of 2 and 4 bytes) [device 12.1].
struct TxOffload {
  /// sum from the L4 header on, into l4 header + checksum_offset
  static constexpr std::uint32_t kChecksum = 1;
  static constexpr std::uint32_t kSegment = 2;  ///< cut into `mss` bytes of payload each
  /// report the time of transmission as an event that carries `cookie`
  static constexpr std::uint32_t kTimestamp = 4;

  std::uint32_t flags = 0;
  std::uint8_t l2_bytes = 0;         ///< 0 .. 126
  std::uint8_t l4_bytes = 0;         ///< 0 .. 60; segmentation only
  std::uint16_t outer_l3_bytes = 0;  ///< 0 .. 510
  std::uint16_t l3_bytes = 0;        ///< 0 .. 510
  std::uint16_t mss = 0;             ///< 1 .. 16383; segmentation only
  std::uint8_t checksum_offset = 0;  ///< 0 .. 30: 16 for TCP, 6 for UDP
  spec::L3_TYPE l3_type{};           ///< segmentation only
  spec::L4_TYPE l4_type{};           ///< segmentation only
  std::uint32_t cookie = 0;

  [[nodiscard]] constexpr bool any() const { return flags != 0; }
  [[nodiscard]] constexpr bool wants(std::uint32_t flag) const { return (flags & flag) != 0; }
};

struct Packet {
  std::uint32_t length = 0;  ///< bytes, the sum of its segments, without FCS
  std::uint32_t segment_count = 0;
  RxInfo rx;
  TxOffload tx;
  std::array<Segment, kMaxSegments> segments;  ///< the first segment_count are valid
};

}  // namespace hni
