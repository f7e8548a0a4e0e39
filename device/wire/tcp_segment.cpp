// SPDX-License-Identifier: Apache-2.0
#include "device/wire/tcp_segment.hpp"

#include <cstring>

#include "device/checksum.hpp"

namespace hni::device {
namespace {

constexpr std::size_t kEthernet = 14;
constexpr std::uint16_t kIp4Type = 0x0800, kIp6Type = 0x86dd;
constexpr std::byte kTcp{6};
constexpr std::size_t kIp4Bytes = 20, kIp6Bytes = 40, kTcpBytes = 20;
constexpr unsigned kAck = 0x10, kPush = 0x08;
constexpr unsigned kDontFragment = 0x4000;

// Offsets in an IPv4, IPv6 and TCP header.
constexpr std::size_t kIp4Length = 2, kIp4Id = 4, kIp4Fragment = 6, kIp4Ttl = 8, kIp4Protocol = 9,
                      kIp4Checksum = 10, kIp4Addresses = 12;
constexpr std::size_t kIp6Length = 4, kIp6Next = 6, kIp6Addresses = 8;
constexpr std::size_t kSequence = 4, kAcknowledgement = 8, kDataOffset = 12, kFlags = 13,
                      kWindow = 14, kChecksum = 16, kUrgent = 18;

unsigned flags_of(const std::byte* tcp) {
  return std::to_integer<unsigned>(tcp[kFlags]);
}

std::uint16_t pseudo_header_sum(const std::byte* frame, const TcpSegment& segment,
                                std::size_t tcp_bytes) {
  Sum sum;
  const std::byte* ip = frame + kEthernet;
  if (segment.ip6) {
    sum.add(ip + kIp6Addresses, 32);
  } else {
    sum.add(ip + kIp4Addresses, 8);
  }
  sum.add_word(network_word(static_cast<std::uint16_t>(tcp_bytes)));
  sum.add_word(network_word(std::to_integer<std::uint16_t>(kTcp)));
  return sum.fold();
}

}  // namespace

bool parse_segment(std::span<const std::byte> head, std::size_t frame_bytes, TcpSegment& segment) {
  if (head.size() < kEthernet + kIp4Bytes + kTcpBytes || frame_bytes > kMaxJoinedBytes ||
      head.size() > frame_bytes)
    return false;
  const std::byte* ip = head.data() + kEthernet;
  const std::uint16_t type = load_be16(ip - 2);
  segment.ip6 = type == kIp6Type;
  if (segment.ip6) {
    segment.tcp = kEthernet + kIp6Bytes;
    if (head.size() < segment.tcp + kTcpBytes || ip[kIp6Next] != kTcp ||
        kEthernet + kIp6Bytes + load_be16(ip + kIp6Length) != frame_bytes)
      return false;
  } else {
    segment.tcp = kEthernet + kIp4Bytes;
    if (type != kIp4Type || ip[0] != std::byte{0x45} || ip[kIp4Protocol] != kTcp ||
        kEthernet + load_be16(ip + kIp4Length) != frame_bytes ||
        (load_be16(ip + kIp4Fragment) & ~kDontFragment) != 0)
      return false;
    Sum header;
    header.add(ip, kIp4Bytes);
    if (header.fold() != 0xffff) return false;
  }
  const std::byte* tcp = head.data() + segment.tcp;
  const std::size_t header = std::to_integer<std::size_t>(tcp[kDataOffset] >> 4) * 4;
  segment.payload = segment.tcp + header;
  if (header < kTcpBytes || segment.payload > head.size() || segment.payload >= frame_bytes)
    return false;
  segment.push = (flags_of(tcp) & kPush) != 0;
  return (flags_of(tcp) & ~kPush) == kAck;
}

bool tcp_checksum_good(std::span<const std::byte> frame, const TcpSegment& segment) {
  const std::size_t tcp_bytes = frame.size() - segment.tcp;
  Sum all;
  all.add_word(pseudo_header_sum(frame.data(), segment, tcp_bytes));
  all.add(frame.data() + segment.tcp, tcp_bytes);
  return all.fold() == 0xffff;
}

bool same_headers(const std::byte* first, const std::byte* next, const TcpSegment& segment,
                  std::uint32_t index) {
  const auto same = [&](std::size_t at, std::size_t bytes) {
    return std::memcmp(next + at, first + at, bytes) == 0;
  };
  constexpr std::size_t ip = kEthernet;
  if (segment.ip6) {
    if (!same(ip, kIp6Length) || !same(ip + kIp6Next, kIp6Bytes - kIp6Next)) return false;
  } else {
    static_assert(kIp4Ttl > kIp4Fragment && kIp4Protocol < kIp4Checksum);
    const std::uint32_t expected = load_be16(first + ip + kIp4Id) + index;
    const bool id_unused = (load_be16(first + ip + kIp4Fragment) & kDontFragment) != 0;
    if (!same(ip, kIp4Length) || !same(ip + kIp4Fragment, kIp4Checksum - kIp4Fragment) ||
        !same(ip + kIp4Addresses, 8) ||
        (!id_unused && load_be16(next + ip + kIp4Id) != (expected & 0xffff)))
      return false;
  }
  const std::size_t tcp = segment.tcp;
  return same(0, kEthernet) && same(tcp, kSequence) &&
         same(tcp + kAcknowledgement, kFlags - kAcknowledgement) &&
         same(tcp + kWindow, kChecksum - kWindow) &&
         same(tcp + kUrgent, segment.payload - tcp - kUrgent);
}

void finish_headers(std::byte* head, const TcpSegment& segment, std::size_t packet_bytes) {
  std::byte* const ip = head + kEthernet;
  if (segment.ip6) {
    store_be16(ip + kIp6Length, static_cast<std::uint16_t>(packet_bytes - kEthernet - kIp6Bytes));
  } else {
    store_be16(ip + kIp4Length, static_cast<std::uint16_t>(packet_bytes - kEthernet));
    store_be16(ip + kIp4Checksum, 0);
    Sum header;
    header.add(ip, kIp4Bytes);
    store_sum(ip + kIp4Checksum, static_cast<std::uint16_t>(~header.fold()));
  }
  store_sum(head + segment.tcp + kChecksum,
            pseudo_header_sum(head, segment, packet_bytes - segment.tcp));
}

std::uint32_t sequence_of(const std::byte* head, const TcpSegment& segment) {
  return load_be32(head + segment.tcp + kSequence);
}

void set_push(std::byte* head, const TcpSegment& segment) {
  head[segment.tcp + kFlags] |= std::byte{kPush};
}

}  // namespace hni::device
