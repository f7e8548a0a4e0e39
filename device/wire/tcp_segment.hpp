// SPDX-License-Identifier: Apache-2.0
/// The rules by which TCP segments may be joined to one long packet, as Linux's GRO has them: whole
/// data segments of one flow in order, with equal headers. Cutting the packet restores the frames.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hni::device {

/// Ethernet, IPv6 and the longest TCP header.
inline constexpr std::size_t kMaxTcpHeaders = 14 + 40 + 60;
/// Longest packet: the length field of IPv4 counts to 65535.
inline constexpr std::size_t kMaxJoinedBytes = 14 + 65535;

/// Headers of a frame with a TCP segment.
struct TcpSegment {
  bool ip6 = false;         ///< IPv6, otherwise IPv4 without options
  std::size_t tcp = 0;      ///< begin of the TCP header
  std::size_t payload = 0;  ///< begin of the payload
  bool push = false;        ///< PSH: the last segment of its run
};

/// Parses a data segment that may be joined: no tag, option of IP, fragment or padding, only ACK
/// and PSH set, payload, and a correct IPv4 header checksum. The TCP checksum is not checked.
/// @param head begin of the frame
/// @param frame_bytes length of the frame
/// @param segment set on success
/// @return false for any other frame, and if `head` does not contain all headers
bool parse_segment(std::span<const std::byte> head, std::size_t frame_bytes, TcpSegment& segment);

/// Verifies the TCP checksum.
/// @param frame the whole frame
/// @param segment from parse_segment()
/// @return true if it is correct
bool tcp_checksum_good(std::span<const std::byte> frame, const TcpSegment& segment);

/// Compares the header fields that the joined packet has only once. The identification must count
/// up, unless the packet may not be fragmented and has no use for it.
/// @param first headers of the first segment
/// @param next headers of a later one
/// @param segment positions, equal for both
/// @param index number of segments before `next`
/// @return true if they agree; sequence numbers and lengths are not compared
bool same_headers(const std::byte* first, const std::byte* next, const TcpSegment& segment,
                  std::uint32_t index);

/// Writes lengths and checksums of a joined packet; the TCP checksum field gets the sum of the
/// pseudo-header only.
/// @param head headers of the first segment
/// @param segment positions
/// @param packet_bytes length of the joined packet
void finish_headers(std::byte* head, const TcpSegment& segment, std::size_t packet_bytes);

/// Reads the sequence number.
/// @param head headers
/// @param segment positions
/// @return the number
std::uint32_t sequence_of(const std::byte* head, const TcpSegment& segment);
/// Sets PSH.
/// @param head headers
/// @param segment positions
void set_push(std::byte* head, const TcpSegment& segment);

}  // namespace hni::device
