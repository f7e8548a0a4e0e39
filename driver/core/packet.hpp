// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Packet: what rx_burst() returns and tx_burst() accepts. It is a small value that names
/// fragments of the port's pool; the bytes stay where the device put them. The owner of a Packet
/// owns one reference to the fragment of each segment. rx_burst() passes ownership to the caller,
/// tx_burst() takes it for the packets that it accepted, and Port::release() drops it for all
/// others.

#include <array>
#include <cstdint>

#include "driver/core/types.hpp"
#include "openhni/spec/descriptors.hpp"
#include "openhni/spec/enums.hpp"

namespace hni {

/// Most segments of one packet: a header buffer and 17 payload buffers [device 12.2, 13.2]. Also
/// enough 4 KiB fragments for a 64 KiB segmentation request.
inline constexpr std::uint32_t kMaxSegments = 18;

/// Bytes [offset, offset + length) of one fragment; offset + length <= 4096.
struct Segment {
  /// Fragment of the port's pool.
  FragmentId fragment{};
  /// First byte.
  std::uint16_t offset = 0;
  /// Number of bytes.
  std::uint16_t length = 0;
};

/// What the device reports about a received packet. Data, not fact: a faulty device may report
/// anything.
struct RxInfo {
  /// The RCD_META word, decoded by the functions below.
  std::uint64_t meta = 0;
  /// The device reported a timestamp.
  bool has_timestamp = false;
  /// Receive time in nanoseconds of the device's clock; valid with has_timestamp.
  std::uint64_t timestamp_ns = 0;

  /// @return the RSS hash
  [[nodiscard]] constexpr std::uint32_t rss_hash() const {
    return static_cast<std::uint32_t>(view().RSS_HASH());
  }
  /// Returns the folded checksum of everything after the Ethernet header, over little-endian
  /// words, not inverted [device 13.3].
  /// @return the checksum
  [[nodiscard]] constexpr std::uint16_t l2_checksum() const {
    return static_cast<std::uint16_t>(view().L2_CSUM());
  }
  /// @return true if the device verified the L4 checksum
  [[nodiscard]] constexpr bool l4_checksum_good() const {
    return view().L4_CSUM_UNNECESSARY() != 0;
  }
  /// @return L3 type that the parser found
  [[nodiscard]] constexpr spec::L3_TYPE l3_type() const {
    return static_cast<spec::L3_TYPE>(view().L3_TYPE());
  }
  /// @return L4 type that the parser found
  [[nodiscard]] constexpr spec::L4_TYPE l4_type() const {
    return static_cast<spec::L4_TYPE>(view().L4_TYPE());
  }
  /// @return true if the parser gave up on the packet
  [[nodiscard]] constexpr bool parser_error() const { return view().ERR_PARSER() != 0; }
  /// @return true if the packet carries an ECN mark
  [[nodiscard]] constexpr bool ecn() const { return view().ECN() != 0; }

 private:
  [[nodiscard]] constexpr spec::RCD_META view() const { return spec::RCD_META{meta}; }
};

/// Offloads of a packet to send; no effect while no flag is set. L2 and L3 lengths are even and
/// the L4 length is a multiple of 4, because descriptors hold them in units of 2 and 4 bytes
/// [device 12.1].
struct TxOffload {
  /// Flag: checksum from the L4 header on, stored at L4 header + checksum_offset.
  static constexpr std::uint32_t kChecksum = 1;
  /// Flag: cut into segments of `mss` bytes of payload.
  static constexpr std::uint32_t kSegment = 2;
  /// Flag: report the transmit time as an event with `cookie`.
  static constexpr std::uint32_t kTimestamp = 4;

  /// The flags above; 0: no offload.
  std::uint32_t flags = 0;
  /// L2 header bytes, 0 .. 126.
  std::uint8_t l2_bytes = 0;
  /// L4 header bytes, 0 .. 60; segmentation only.
  std::uint8_t l4_bytes = 0;
  /// Outer L3 header bytes, 0 .. 510.
  std::uint16_t outer_l3_bytes = 0;
  /// L3 header bytes, 0 .. 510.
  std::uint16_t l3_bytes = 0;
  /// Payload bytes per segment, 1 .. 16383; segmentation only.
  std::uint16_t mss = 0;
  /// Offset of the checksum in the L4 header, 0 .. 30: 16 for TCP, 6 for UDP.
  std::uint8_t checksum_offset = 0;
  /// L3 type; segmentation only.
  spec::L3_TYPE l3_type{};
  /// L4 type; segmentation only.
  spec::L4_TYPE l4_type{};
  /// Identifies the timestamp event of this packet.
  std::uint32_t cookie = 0;

  /// @return true if an offload is requested
  [[nodiscard]] constexpr bool any() const { return flags != 0; }
  /// Tests for an offload.
  /// @param flag one of the flags above
  /// @return true if it is requested
  [[nodiscard]] constexpr bool wants(std::uint32_t flag) const { return (flags & flag) != 0; }
};

/// A packet: its segments and what the device reports about it or is to do with it.
struct Packet {
  /// Bytes without FCS: the sum of the segments.
  std::uint32_t length = 0;
  /// Number of valid segments.
  std::uint32_t segment_count = 0;
  /// Receive metadata.
  RxInfo rx;
  /// Transmit offloads.
  TxOffload tx;
  /// The first segment_count are valid.
  std::array<Segment, kMaxSegments> segments;
};

}  // namespace hni
