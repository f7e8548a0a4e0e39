// SPDX-License-Identifier: Apache-2.0
// The receive parser: from the bytes of a frame to where its headers are, and to its checksums.
//
// Total on any bytes: whatever the frame says, no offset in the result lies beyond the frame, and
// the number of headers walked is bounded by kMaxHeaderBytes. It reads each header once and the
// payload once (for the sum), and allocates nothing.
//
// What [device 14] leaves open is decided here and marked in parser.cpp: INTERPRETATION.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "openhni/spec/enums.hpp"

namespace hni::device {

/// INTERPRETATION: the parser looks at this many bytes of a frame; headers that go on behind them
/// count as OUT_OF_HDR_ERR. 256 is the smallest MAX_HDR that the driver programs [device 13.5].
inline constexpr std::size_t kMaxHeaderBytes = 256;

struct ParsedFrame {
  std::span<const std::byte> bytes;  ///< the frame without FCS, borrowed from the caller

  std::uint16_t ethertype = 0;  ///< after all VLAN tags
  std::uint8_t vlan_tags = 0;
  std::uint16_t l3_offset = 0;     ///< outer (or only) network header; end of L2
  std::uint16_t inner_offset = 0;  ///< inner IPv6 header of IPv6-in-IPv6, else equal to l3_offset
  /// End of L3: the transport header, or the first byte after the L3 headers.
  std::uint16_t l4_offset = 0;
  std::uint16_t l4_end = 0;       ///< first byte behind the TCP/UDP header; l4_offset without L4
  std::uint16_t payload_end = 0;  ///< end of the datagram by its IP length; frame end without IP

  spec::L3_TYPE l3 = spec::L3_TYPE::OTHER;
  spec::L4_TYPE l4 = spec::L4_TYPE::OTHER;
  std::uint8_t ip_protocol = 0;   ///< of the innermost header reached
  std::uint16_t source_port = 0;  ///< host order; 0 without L4
  std::uint16_t destination_port = 0;

  bool fragment = false;         ///< any fragment, also the first; never has an l4
  bool ipv4_header_bad = false;  ///< IPv4 header checksum wrong
  bool ecn_ce = false;           ///< congestion experienced in the (inner) IP header
  bool esp = false;
  bool unknown_ethertype = false;
  bool unknown_extension = false;
  bool tcp_option_error = false;
  bool out_of_header = false;  ///< headers end behind the frame or behind kMaxHeaderBytes
  bool parser_error = false;   ///< lengths that contradict each other; RCD META.ERR_PARSER

  /// RCD META.L4_CSUM_UNNECESSARY: computed, present and right
  bool l4_checksum_verified = false;
  /// Folded ones-complement sum, not inverted, of everything behind the 14-byte Ethernet header,
  /// in little-endian representation: RCD META.L2_CSUM [device 13.3].
  std::uint16_t l2_csum = 0;

  bool is_ip() const { return l3 != spec::L3_TYPE::OTHER; }
  bool is_tunnel() const { return l3 == spec::L3_TYPE::V6V6; }
  bool inner_is_v6() const { return l3 == spec::L3_TYPE::IPV6 || l3 == spec::L3_TYPE::V6V6; }
  bool has_l4() const { return l4 != spec::L4_TYPE::OTHER; }
};

/// Parses `frame`. A frame shorter than an Ethernet header gives parser_error and no headers.
ParsedFrame parse_frame(std::span<const std::byte> frame);

/// Adds two folded sums.
constexpr std::uint16_t ones_complement_add(std::uint16_t a, std::uint16_t b) {
  const std::uint32_t sum = std::uint32_t{a} + b;
  return static_cast<std::uint16_t>(sum + (sum >> 16));
}

}  // namespace hni::device
