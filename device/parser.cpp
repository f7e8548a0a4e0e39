// SPDX-License-Identifier: Apache-2.0
#include "device/parser.hpp"

#include <algorithm>

#include "device/checksum.hpp"

namespace hni::device {
namespace {

constexpr std::size_t kL2Bytes = 14;
constexpr unsigned kMaxVlanTags = 2;  // INTERPRETATION: one customer and one service tag

constexpr std::uint16_t kVlan = 0x8100;
constexpr std::uint16_t kServiceVlan = 0x88a8;
constexpr std::uint16_t kIpv4 = 0x0800;
constexpr std::uint16_t kIpv6 = 0x86dd;
constexpr std::uint16_t kFirstEthertype = 0x0600;  // below: an 802.3 length

enum Protocol : std::uint8_t {
  kHopByHop = 0,
  kTcp = 6,
  kUdp = 17,
  kInnerIpv6 = 41,
  kRouting = 43,
  kFragmentHeader = 44,
  kEsp = 50,
  kAuthentication = 51,
  kDestination = 60,
  kMobility = 135,
  kHip = 139,
  kShim6 = 140,
};

constexpr std::size_t kIpv4Bytes = 20;
constexpr std::size_t kIpv6Bytes = 40;
constexpr std::size_t kTcpBytes = 20;
constexpr std::size_t kUdpBytes = 8;

// A walk over the headers. Every `load` follows a `has` for the same bytes; `limit` is never
// beyond the end of the frame.
class Walk {
 public:
  explicit Walk(ParsedFrame& out)
      : out_(out), data_(out.bytes.data()), limit_(std::min(out.bytes.size(), kMaxHeaderBytes)) {}

  void run();

 private:
  bool has(std::size_t at, std::size_t bytes) {
    if (at + bytes <= limit_) return true;
    out_.out_of_header = true;
    out_.parser_error |= at + bytes > out_.bytes.size();
    return false;
  }
  std::uint8_t load8(std::size_t at) const { return std::to_integer<std::uint8_t>(data_[at]); }
  std::uint16_t load16(std::size_t at) const {
    return static_cast<std::uint16_t>(load8(at) << 8 | load8(at + 1));
  }

  void ethernet();
  void ipv4();
  void ipv6(std::size_t at);
  bool ipv6_extension(std::uint8_t protocol, std::size_t at, std::size_t& bytes);
  void transport();
  void tcp(std::size_t available);
  void udp(std::size_t available);
  bool tcp_options_good(std::size_t at, std::size_t end) const;
  void sums();
  bool l4_sum_good(std::uint16_t l4_sum) const;

  ParsedFrame& out_;
  const std::byte* data_;
  std::size_t limit_;
  bool l4_reached_ = false;  // ip_protocol names a transport header at l4_offset
};

void Walk::run() {
  if (out_.bytes.size() < kL2Bytes) {
    out_.parser_error = out_.out_of_header = true;
    const auto end = static_cast<std::uint16_t>(out_.bytes.size());
    out_.l3_offset = out_.inner_offset = out_.l4_offset = out_.l4_end = out_.payload_end = end;
    return;
  }
  out_.payload_end = static_cast<std::uint16_t>(std::min<std::size_t>(out_.bytes.size(), 0xffff));
  ethernet();
  out_.inner_offset = out_.l4_offset = out_.l3_offset;
  if (out_.ethertype == kIpv4) {
    ipv4();
  } else if (out_.ethertype == kIpv6) {
    ipv6(out_.l3_offset);
  } else {
    out_.unknown_ethertype = out_.ethertype >= kFirstEthertype;
  }
  out_.l4_end = out_.l4_offset;
  if (l4_reached_) transport();
  sums();
}

void Walk::ethernet() {
  std::size_t at = kL2Bytes - 2;
  std::uint16_t type = load16(at);
  while ((type == kVlan || type == kServiceVlan) && out_.vlan_tags < kMaxVlanTags && has(at, 6)) {
    at += 4;
    type = load16(at);
    ++out_.vlan_tags;
  }
  out_.ethertype = type;
  out_.l3_offset = static_cast<std::uint16_t>(at + 2);
}

void Walk::ipv4() {
  const std::size_t at = out_.l3_offset;
  if (!has(at, kIpv4Bytes)) return;
  const std::size_t header = std::size_t{load8(at)} % 16 * 4;
  const std::size_t total = load16(at + 2);
  if (load8(at) / 16 != 4 || header < kIpv4Bytes || total < header) {
    out_.parser_error = true;
    return;
  }
  if (!has(at, header)) return;
  out_.l3 = spec::L3_TYPE::IPV4;
  out_.ip_protocol = load8(at + 9);
  out_.ecn_ce = load8(at + 1) % 4 == 3;
  out_.l4_offset = static_cast<std::uint16_t>(at + header);
  if (at + total <= out_.bytes.size()) {
    out_.payload_end = static_cast<std::uint16_t>(at + total);
  } else {
    out_.parser_error = true;
  }
  Sum sum;
  sum.add(data_ + at, header);
  out_.ipv4_header_bad = sum.fold() != 0xffff;
  out_.fragment = (load16(at + 6) & 0x3fff) != 0;
  out_.esp = out_.ip_protocol == kEsp;
  l4_reached_ = !out_.fragment;
}

// Returns whether the header at `at` is an extension header that can be skipped; sets `bytes` to
// its size.
bool Walk::ipv6_extension(std::uint8_t protocol, std::size_t at, std::size_t& bytes) {
  switch (protocol) {
    case kHopByHop:
    case kRouting:
    case kDestination:
      if (!has(at, 8)) return false;
      bytes = (std::size_t{load8(at + 1)} + 1) * 8;
      return has(at, bytes);
    case kAuthentication:
      if (!has(at, 8)) return false;
      bytes = (std::size_t{load8(at + 1)} + 2) * 4;
      return has(at, bytes);
    case kMobility:  // INTERPRETATION: the parser stops at these
    case kHip:
    case kShim6:
      out_.unknown_extension = true;
      return false;
    default:
      return false;
  }
}

void Walk::ipv6(std::size_t at) {
  if (!has(at, kIpv6Bytes)) return;
  if (load8(at) / 16 != 6) {
    out_.parser_error = true;
    return;
  }
  const bool inner = out_.l3 == spec::L3_TYPE::IPV6;
  out_.l3 = inner ? spec::L3_TYPE::V6V6 : spec::L3_TYPE::IPV6;
  out_.inner_offset = static_cast<std::uint16_t>(at);
  out_.ecn_ce = (load8(at + 1) / 16 & 3) == 3;
  const std::size_t end = at + kIpv6Bytes + load16(at + 4);
  if (end <= out_.payload_end) {
    out_.payload_end = static_cast<std::uint16_t>(end);
  } else {
    out_.parser_error = true;
  }
  std::uint8_t protocol = load8(at + 6);
  at += kIpv6Bytes;
  std::size_t bytes = 0;
  while (ipv6_extension(protocol, at, bytes)) {  // at most kMaxHeaderBytes / 8 steps
    protocol = load8(at);
    at += bytes;
  }
  out_.ip_protocol = protocol;
  out_.l4_offset = static_cast<std::uint16_t>(at);
  out_.esp = protocol == kEsp;
  if (protocol == kFragmentHeader) {
    // INTERPRETATION: includes atomic fragments; the fragment header belongs to the L3 headers.
    out_.fragment = true;
    if (has(at, 8)) {
      out_.ip_protocol = load8(at);
      out_.l4_offset = static_cast<std::uint16_t>(at + 8);
    }
    return;
  }
  if (protocol == kInnerIpv6 && !inner) return ipv6(at);  // once: the inner call has `inner` set
  l4_reached_ = true;
}

void Walk::transport() {
  const std::size_t at = out_.l4_offset;
  const std::size_t available = out_.payload_end > at ? out_.payload_end - at : 0;
  if (out_.ip_protocol == kTcp) tcp(available);
  if (out_.ip_protocol == kUdp) udp(available);
}

bool Walk::tcp_options_good(std::size_t at, std::size_t end) const {
  while (at < end) {
    const std::uint8_t kind = load8(at);
    if (kind == 0) return true;
    if (kind == 1) {
      ++at;
      continue;
    }
    if (at + 2 > end) return false;
    const std::size_t bytes = load8(at + 1);
    if (bytes < 2 || bytes > end - at) return false;
    at += bytes;
  }
  return true;
}

void Walk::tcp(std::size_t available) {
  const std::size_t at = out_.l4_offset;
  if (available < kTcpBytes) {
    out_.parser_error = true;
    return;
  }
  if (!has(at, kTcpBytes)) return;
  const std::size_t header = std::size_t{load8(at + 12)} / 16 * 4;
  if (header < kTcpBytes || header > available) {
    out_.tcp_option_error = out_.parser_error = true;
    return;
  }
  if (!has(at, header)) return;
  out_.l4 = spec::L4_TYPE::TCP;
  out_.source_port = load16(at);
  out_.destination_port = load16(at + 2);
  out_.l4_end = static_cast<std::uint16_t>(at + header);
  out_.tcp_option_error = !tcp_options_good(at + kTcpBytes, at + header);
}

void Walk::udp(std::size_t available) {
  const std::size_t at = out_.l4_offset;
  if (available < kUdpBytes) {
    out_.parser_error = true;
    return;
  }
  if (!has(at, kUdpBytes)) return;
  const std::size_t length = load16(at + 4);
  if (length < kUdpBytes || length > available) out_.parser_error = true;
  out_.l4 = spec::L4_TYPE::UDP;
  out_.source_port = load16(at);
  out_.destination_port = load16(at + 2);
  out_.l4_end = static_cast<std::uint16_t>(at + kUdpBytes);
}

// Checks the L4 checksum; `l4_sum` covers l4_offset to payload_end. False if it is absent or wrong
// [device 13.3].
bool Walk::l4_sum_good(std::uint16_t l4_sum) const {
  if (out_.parser_error || out_.ipv4_header_bad) return false;
  const std::size_t length = std::size_t{out_.payload_end} - out_.l4_offset;
  if (out_.l4 == spec::L4_TYPE::UDP &&
      (load16(out_.l4_offset + 6u) == 0 || load16(out_.l4_offset + 4u) != length)) {
    return false;
  }
  Sum pseudo;
  const bool v4 = out_.l3 == spec::L3_TYPE::IPV4;
  pseudo.add(data_ + out_.inner_offset + (v4 ? 12 : 8), v4 ? 8 : 32);
  pseudo.add_word(network_word(static_cast<std::uint16_t>(length)));
  pseudo.add_word(network_word(out_.ip_protocol));
  return ones_complement_add(pseudo.fold(), l4_sum) == 0xffff;
}

// Sums the bytes after the Ethernet header once, in up to three pieces; the middle one is covered
// by the L4 checksum. Every piece but the last begins at an even distance from byte 14
// [device 13.3].
void Walk::sums() {
  const auto piece = [this](std::size_t from, std::size_t to) {
    Sum sum;
    sum.add(data_ + from, to - from);
    return sum.fold();
  };
  const std::size_t size = out_.bytes.size();
  if (out_.l4 == spec::L4_TYPE::OTHER) {
    out_.l2_csum = piece(kL2Bytes, size);
    return;
  }
  const std::uint16_t head = piece(kL2Bytes, out_.l4_offset);
  const std::uint16_t l4_sum = piece(out_.l4_offset, out_.payload_end);
  std::uint16_t tail = piece(out_.payload_end, size);
  if ((out_.payload_end - kL2Bytes) % 2 != 0) {
    tail = network_word(tail);
  }
  out_.l2_csum = ones_complement_add(ones_complement_add(head, l4_sum), tail);
  out_.l4_checksum_verified = l4_sum_good(l4_sum);
}

}  // namespace

ParsedFrame parse_frame(std::span<const std::byte> frame) {
  ParsedFrame out;
  out.bytes = frame;
  Walk{out}.run();
  return out;
}

}  // namespace hni::device
