// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Packet: what rx_burst() hands out and tx_burst() takes. It is a small value that names
/// fragments of the port's pool; the bytes stay where the card put them. Whoever has the Packet
/// holds one reference to each of its segments' fragments: rx_burst() gives them, tx_burst() takes
/// those of the packets that it accepted, Port::release() gives the rest back.

#include <array>
#include <cstdint>

#include "driver/types.hpp"
#include "openhni/spec/enums.hpp"

namespace hni {

/// Most segments of one packet: a header buffer and 17 payload buffers (fbnic
/// reference 12.2, 13.2), and enough 4 KiB fragments for a 64 KiB segmentation request.
inline constexpr std::uint32_t kMaxSegments = 18;

/// Bytes [offset, offset + length) of one fragment; offset + length <= 4096.
struct Segment {
  FragmentId fragment{};
  std::uint16_t offset = 0;
  std::uint16_t length = 0;
};

/// What the card says of a received packet. Data, not fact: a hostile card may lie in all of it.
struct RxInfo {
  std::uint32_t rss_hash = 0;
  std::uint16_t l2_checksum =
      0;  ///< folded sum of all behind the Ethernet header, little-endian words (13.3)
  spec::L3_TYPE l3_type{};
  spec::L4_TYPE l4_type{};
  bool l4_checksum_good = false;  ///< the card verified it
  bool parser_error = false;
  bool ecn = false;
  bool has_timestamp = false;
  std::uint64_t timestamp_ns = 0;  ///< card time, extended to 64 bits; valid with has_timestamp
};

/// What the card shall do to a packet on its way out. Lengths are in bytes; L2 and L3 lengths
/// even, L4 length a multiple of 4 (they travel in units of 2 and 4 bytes, fbnic reference 12.1).
/// All zero: send as it is.
struct TxOffload {
  bool checksum = false;   ///< sum from the L4 header on, into l4 header + checksum_offset
  bool segment = false;    ///< cut into `mss` bytes of payload each
  bool timestamp = false;  ///< report the time of transmission as an event that carries `cookie`
  std::uint8_t l2_bytes = 0;         ///< 0 .. 126
  std::uint16_t outer_l3_bytes = 0;  ///< 0 .. 510
  std::uint16_t l3_bytes = 0;        ///< 0 .. 510
  std::uint8_t l4_bytes = 0;         ///< 0 .. 60; segmentation only
  std::uint8_t checksum_offset = 0;  ///< 0 .. 30: 16 for TCP, 6 for UDP
  std::uint16_t mss = 0;             ///< 1 .. 16383; segmentation only
  spec::L3_TYPE l3_type{};           ///< segmentation only
  spec::L4_TYPE l4_type{};           ///< segmentation only
  std::uint32_t cookie = 0;

  [[nodiscard]] constexpr bool any() const { return checksum || segment || timestamp; }
};

struct Packet {
  std::uint32_t length = 0;  ///< bytes, the sum of its segments, without FCS
  std::uint32_t segment_count = 0;
  RxInfo rx;
  TxOffload tx;
  std::array<Segment, kMaxSegments> segments;  ///< the first segment_count are valid
};

}  // namespace hni
