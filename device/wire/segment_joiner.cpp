// SPDX-License-Identifier: Apache-2.0
#include "device/wire/segment_joiner.hpp"

#include <cstring>

#include "device/checksum.hpp"

namespace hni::device {
namespace {

constexpr std::uint16_t kIp4Type = 0x0800, kIp6Type = 0x86dd;
constexpr std::byte kTcp{6};
constexpr std::size_t kIp4Bytes = 20, kIp6Bytes = 40, kTcpBytes = 20;
constexpr unsigned kAck = 0x10, kPush = 0x08;

// Offsets in an IPv4, IPv6 and TCP header.
constexpr std::size_t kIp4Length = 2, kIp4Fragment = 6, kIp4Ttl = 8, kIp4Protocol = 9,
                      kIp4Checksum = 10, kIp4Addresses = 12;
constexpr std::size_t kIp6Length = 4, kIp6Next = 6, kIp6Addresses = 8;
constexpr std::size_t kSequence = 4, kAcknowledgement = 8, kDataOffset = 12, kFlags = 13,
                      kWindow = 14, kChecksum = 16, kUrgent = 18;

unsigned flags_of(const std::byte* tcp) {
  return std::to_integer<unsigned>(tcp[kFlags]);
}

}  // namespace

std::uint16_t SegmentJoiner::pseudo_header_sum(const std::byte* frame, const Layout& layout,
                                               std::size_t tcp_bytes) {
  Sum sum;
  const std::byte* ip = frame + kEthernet;
  if (layout.ip6) {
    sum.add(ip + kIp6Addresses, 32);
  } else {
    sum.add(ip + kIp4Addresses, 8);
  }
  sum.add_word(network_word(static_cast<std::uint16_t>(tcp_bytes)));
  sum.add_word(network_word(std::to_integer<std::uint16_t>(kTcp)));
  return sum.fold();
}

bool SegmentJoiner::parse(std::span<const std::byte> frame, Layout& layout) {
  if (frame.size() < kEthernet + kIp4Bytes + kTcpBytes || frame.size() > kMaxBytes) return false;
  const std::byte* ip = frame.data() + kEthernet;
  const std::uint16_t type = load_be16(ip - 2);
  layout.ip6 = type == kIp6Type;
  if (layout.ip6) {
    layout.tcp = kEthernet + kIp6Bytes;
    if (frame.size() < layout.tcp + kTcpBytes || ip[kIp6Next] != kTcp ||
        kEthernet + kIp6Bytes + load_be16(ip + kIp6Length) != frame.size())
      return false;
  } else {
    layout.tcp = kEthernet + kIp4Bytes;
    constexpr unsigned kDontFragment = 0x4000;
    if (type != kIp4Type || ip[0] != std::byte{0x45} || ip[kIp4Protocol] != kTcp ||
        kEthernet + load_be16(ip + kIp4Length) != frame.size() ||
        (load_be16(ip + kIp4Fragment) & ~kDontFragment) != 0)
      return false;
    Sum header;
    header.add(ip, kIp4Bytes);
    if (header.fold() != 0xffff) return false;
  }
  const std::byte* tcp = frame.data() + layout.tcp;
  const std::size_t header = std::to_integer<std::size_t>(tcp[kDataOffset] >> 4) * 4;
  layout.payload = layout.tcp + header;
  if (header < kTcpBytes || layout.payload >= frame.size()) return false;
  if ((flags_of(tcp) & ~kPush) != kAck) return false;
  layout.push = (flags_of(tcp) & kPush) != 0;
  const std::size_t tcp_bytes = frame.size() - layout.tcp;
  Sum all;
  all.add_word(pseudo_header_sum(frame.data(), layout, tcp_bytes));
  all.add(tcp, tcp_bytes);
  return all.fold() == 0xffff;
}

/// Checks the header fields that the joined packet has only once: they must be equal in all
/// segments.
bool SegmentJoiner::continues(std::span<const std::byte> frame, const Layout& layout) const {
  if (layout.ip6 != layout_.ip6 || layout.payload != layout_.payload) return false;
  const auto same = [&](std::size_t at, std::size_t bytes) {
    return std::memcmp(frame.data() + at, bytes_.data() + at, bytes) == 0;
  };
  const std::size_t payload = frame.size() - layout.payload;
  if (load_be32(frame.data() + layout.tcp + kSequence) != next_sequence_ ||
      payload > segment_bytes_ || size_ + payload > kMaxBytes)
    return false;
  constexpr std::size_t ip = kEthernet;
  const bool same_ip =
      layout.ip6 ? same(ip, kIp6Length) && same(ip + kIp6Next, kIp6Bytes - kIp6Next)
                 : same(ip, kIp4Length) && same(ip + kIp4Fragment, kIp4Checksum - kIp4Fragment) &&
                       same(ip + kIp4Addresses, 8);
  static_assert(kIp4Ttl > kIp4Fragment && kIp4Protocol < kIp4Checksum);
  const std::size_t tcp = layout.tcp;
  return same_ip && same(0, kEthernet) && same(tcp, kSequence) &&
         same(tcp + kAcknowledgement, kFlags - kAcknowledgement) &&
         same(tcp + kWindow, kChecksum - kWindow) &&
         same(tcp + kUrgent, layout.payload - tcp - kUrgent);
}

bool SegmentJoiner::add(std::span<const std::byte> frame) {
  Layout layout;
  if (!parse(frame, layout)) return false;
  const std::size_t payload = frame.size() - layout.payload;
  if (empty()) {
    if (layout.push) return false;  // the last of its run: no segment could follow
    std::memcpy(bytes_.data(), frame.data(), frame.size());
    layout_ = layout;
    size_ = frame.size();
    segment_bytes_ = payload;
    next_sequence_ = load_be32(frame.data() + layout.tcp + kSequence);
  } else {
    if (complete_ || !continues(frame, layout)) return false;
    std::memcpy(bytes_.data() + size_, frame.data() + layout.payload, payload);
    size_ += payload;
    if (layout.push) bytes_[layout.tcp + kFlags] |= std::byte{kPush};
  }
  next_sequence_ += static_cast<std::uint32_t>(payload);
  ++frames_;
  complete_ = layout.push || payload < segment_bytes_ || size_ + segment_bytes_ > kMaxBytes;
  return true;
}

SegmentJoiner::JoinedPacket SegmentJoiner::packet() {
  std::byte* ip = bytes_.data() + kEthernet;
  if (frames_ > 1) {
    if (layout_.ip6) {
      store_be16(ip + kIp6Length, static_cast<std::uint16_t>(size_ - kEthernet - kIp6Bytes));
    } else {
      store_be16(ip + kIp4Length, static_cast<std::uint16_t>(size_ - kEthernet));
      store_be16(ip + kIp4Checksum, 0);
      Sum header;
      header.add(ip, kIp4Bytes);
      store_sum(ip + kIp4Checksum, static_cast<std::uint16_t>(~header.fold()));
    }
    store_sum(bytes_.data() + layout_.tcp + kChecksum,
              pseudo_header_sum(bytes_.data(), layout_, size_ - layout_.tcp));
  }
  return {std::span(bytes_).first(size_),
          frames_,
          static_cast<std::uint16_t>(segment_bytes_),
          static_cast<std::uint16_t>(layout_.payload),
          static_cast<std::uint16_t>(layout_.tcp),
          layout_.ip6};
}

}  // namespace hni::device
