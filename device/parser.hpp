// SPDX-License-Identifier: Apache-2.0
/// The receive parser: from the bytes of a frame to the position of its headers, and to its
/// checksums.
///
/// Total on arbitrary bytes: no offset in the result is beyond the frame, and the headers walked
/// are bounded by kMaxHeaderBytes. It reads each header once and the payload once (for the sum),
/// and allocates nothing.
///
/// What [device 14] leaves open is decided here and marked in parser.cpp: INTERPRETATION.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "openhni/spec/enums.hpp"

namespace hni::device {

/// INTERPRETATION: the parser reads this many bytes of a frame; headers that continue beyond them
/// count as OUT_OF_HDR_ERR. 256 is the smallest MAX_HDR that the driver programs [device 13.5].
inline constexpr std::size_t kMaxHeaderBytes = 256;

/// What the parser found.
struct ParsedFrame {
  /// The frame without FCS, borrowed from the caller.
  std::span<const std::byte> bytes;

  /// After all VLAN tags.
  std::uint16_t ethertype = 0;
  /// Number of VLAN tags.
  std::uint8_t vlan_tags = 0;
  /// Outer (or only) network header; end of L2.
  std::uint16_t l3_offset = 0;
  /// Inner IPv6 header of IPv6-in-IPv6, otherwise l3_offset.
  std::uint16_t inner_offset = 0;
  /// End of L3: the transport header, or the first byte after the L3 headers.
  std::uint16_t l4_offset = 0;
  /// First byte after the TCP/UDP header; l4_offset without L4.
  std::uint16_t l4_end = 0;
  /// End of the datagram by its IP length; end of the frame without IP.
  std::uint16_t payload_end = 0;

  /// Network protocol.
  spec::L3_TYPE l3 = spec::L3_TYPE::OTHER;
  /// Transport protocol.
  spec::L4_TYPE l4 = spec::L4_TYPE::OTHER;
  /// Protocol of the innermost header reached.
  std::uint8_t ip_protocol = 0;
  /// Host order; 0 without L4.
  std::uint16_t source_port = 0;
  /// Host order; 0 without L4.
  std::uint16_t destination_port = 0;

  /// A fragment, also the first; it never has an l4.
  bool fragment = false;
  /// Wrong IPv4 header checksum.
  bool ipv4_header_bad = false;
  /// Congestion experienced in the (inner) IP header.
  bool ecn_ce = false;
  /// An ESP header.
  bool esp = false;
  /// Unknown EtherType.
  bool unknown_ethertype = false;
  /// Unknown IPv6 extension header.
  bool unknown_extension = false;
  /// Malformed TCP options.
  bool tcp_option_error = false;
  /// Headers continue beyond the frame or beyond kMaxHeaderBytes.
  bool out_of_header = false;
  /// Lengths contradict each other; RCD META.ERR_PARSER.
  bool parser_error = false;

  /// RCD META.L4_CSUM_UNNECESSARY: computed, present and correct.
  bool l4_checksum_verified = false;
  /// Folded ones-complement sum, not inverted, of everything after the 14-byte Ethernet header, in
  /// little-endian representation: RCD META.L2_CSUM [device 13.3].
  std::uint16_t l2_csum = 0;

  /// @return true for IPv4 and IPv6
  bool is_ip() const { return l3 != spec::L3_TYPE::OTHER; }
  /// @return true for IPv6-in-IPv6
  bool is_tunnel() const { return l3 == spec::L3_TYPE::V6V6; }
  /// @return true if the innermost IP header is IPv6
  bool inner_is_v6() const { return l3 == spec::L3_TYPE::IPV6 || l3 == spec::L3_TYPE::V6V6; }
  /// @return true for TCP and UDP
  bool has_l4() const { return l4 != spec::L4_TYPE::OTHER; }
};

/// Parses a frame. A frame shorter than an Ethernet header yields parser_error and no headers.
/// @param frame bytes without FCS
/// @return what was found
ParsedFrame parse_frame(std::span<const std::byte> frame);

/// Adds two folded sums.
/// @param a folded sum
/// @param b folded sum
/// @return folded sum
constexpr std::uint16_t ones_complement_add(std::uint16_t a, std::uint16_t b) {
  const std::uint32_t sum = std::uint32_t{a} + b;
  return static_cast<std::uint16_t>(sum + (sum >> 16));
}

}  // namespace hni::device
