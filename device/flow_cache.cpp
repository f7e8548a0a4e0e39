// SPDX-License-Identifier: Apache-2.0
#include "device/flow_cache.hpp"

#include <bit>
#include <cstring>

#include "device/checksum.hpp"

namespace hni::device {
namespace {

static_assert(std::endian::native == std::endian::little, "the masks below are little endian");

constexpr std::size_t kL3At = 14;
constexpr std::size_t kIpv4Bytes = 20;
constexpr std::size_t kIpv6Bytes = 40;
constexpr std::size_t kUdpBytes = 8;
constexpr std::size_t kTcpBytes = 20;
constexpr std::size_t kStampedTcpBytes = 32;
constexpr std::uint16_t kTcp = 6;
constexpr std::uint16_t kUdp = 17;

// IPv4: bytes 16 to 47, by word. Not compared: total length, identification, fragment word
// (checked), time to live; header checksum; sequence number or UDP length.
constexpr std::uint64_t kIpv4Protocol = 0xff00'0000'0000'0000;
constexpr std::uint64_t kIpv4Addresses = 0xffff'ffff'ffff'0000;
constexpr std::uint64_t kIpv4Ports = 0x0000'ffff'ffff'ffff;
// IPv6: bytes 16 to 23. Not compared: payload length, hop limit.
constexpr std::uint64_t kIpv6Flow = 0xffff'00ff'0000'ffff;

std::uint64_t load64(const std::byte* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}
std::uint32_t load32(const std::byte* at) {
  std::uint32_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}
unsigned load8(const std::byte* at) {
  return std::to_integer<unsigned>(*at);
}

// Tests the transport header; `available` bytes of the datagram follow the network header. Adds the
// length of the TCP header, which decides where headers are split, to the last word of the key.
bool usual_transport(const std::byte* l4, std::size_t available, std::uint64_t& word,
                     const UsualFrame& usual) {
  if (usual.udp) {
    // The frame has 8 bytes more if the datagram has.
    if (available < kUdpBytes) return false;
    const std::size_t length = load_be16(l4 + 4);
    return length >= kUdpBytes && length <= available;
  }
  if (available < kTcpBytes) return false;
  const std::size_t header = load8(l4 + 12) / 16 * 4;
  word |= std::uint64_t{header} << 56;
  if (header == kTcpBytes) return true;
  // Two paddings and a timestamp.
  return header == kStampedTcpBytes && available >= kStampedTcpBytes &&
         load32(l4 + kTcpBytes) == 0x0a08'0101;
}

bool usual_ipv4(std::span<const std::byte> frame, UsualFrame& usual) {
  const std::byte* const at = frame.data();
  const unsigned protocol = load8(at + 23);
  const std::size_t total = load_be16(at + 16);
  if ((load_be16(at + 20) & 0x3fff) != 0 || (protocol != kTcp && protocol != kUdp) ||
      total < kIpv4Bytes || kL3At + total > frame.size()) {
    return false;
  }
  usual.udp = protocol == kUdp;
  usual.v6 = false;
  usual.l4_offset = kL3At + kIpv4Bytes;
  usual.payload_end = static_cast<std::uint16_t>(kL3At + total);
  usual.key = {load64(at),
               load64(at + 8),
               load64(at + 16) & kIpv4Protocol,
               load64(at + 24) & kIpv4Addresses,
               load64(at + 32) & kIpv4Ports,
               0,
               0,
               0};
  return usual_transport(at + usual.l4_offset, total - kIpv4Bytes, usual.key[5], usual);
}

bool usual_ipv6(std::span<const std::byte> frame, UsualFrame& usual) {
  const std::byte* const at = frame.data();
  const unsigned protocol = load8(at + 20);
  const std::size_t payload = load_be16(at + 18);
  if (load8(at + kL3At) / 16 != 6 || (protocol != kTcp && protocol != kUdp) ||
      kL3At + kIpv6Bytes + payload > frame.size() || payload < kUdpBytes) {
    return false;
  }
  usual.udp = protocol == kUdp;
  usual.v6 = true;
  usual.l4_offset = kL3At + kIpv6Bytes;
  usual.payload_end = static_cast<std::uint16_t>(usual.l4_offset + payload);
  usual.key = {load64(at),      load64(at + 8),       load64(at + 16) & kIpv6Flow,
               load64(at + 24), load64(at + 32),      load64(at + 40),
               load64(at + 48), load32(at + 54) >> 16};
  return usual_transport(at + usual.l4_offset, payload, usual.key[7], usual);
}

}  // namespace

bool usual_form(std::span<const std::byte> frame, UsualFrame& usual) {
  // Long enough for the words of an IPv4 key; usual_ipv6() checks its length before it loads.
  constexpr std::size_t kShortest = kL3At + kIpv4Bytes + kUdpBytes;
  if (frame.size() < kShortest) return false;
  const std::uint32_t type = load32(frame.data() + 12) & 0xff'ffff;  // with version and length
  if (type == 0x45'0008) return usual_ipv4(frame, usual);
  if ((type & 0xffff) == 0xdd86) return usual_ipv6(frame, usual);
  return false;
}

// Collects what the completions report about the frame [device 13.2].
RxVerdict::RxVerdict(const ParsedFrame& parsed, const Decision& decision)
    : to_host(decision.to_host()), to_bmc(decision.to_bmc()) {
  info.bytes = static_cast<std::uint32_t>(parsed.bytes.size());
  info.hash = decision.hash;
  info.header_bytes = decision.header_bytes;
  info.l2_csum = parsed.l2_csum;
  info.queue = decision.queue;
  info.l3_type = static_cast<std::uint8_t>(parsed.l3);
  info.l4_type = static_cast<std::uint8_t>(parsed.l4);
  info.hint = decision.hint_used;
  info.action_index = decision.action_index;
  info.checksum_good = parsed.l4_checksum_verified;
  info.parser_error = parsed.parser_error;
  info.ecn = parsed.ecn_ce;
  info.want_timestamp = decision.timestamp;
  info.want_action = decision.report_action;
  info.action_hit = decision.action_hit;
}

FrameSums sums_of(std::span<const std::byte> frame, const UsualFrame& usual) {
  const std::byte* const at = frame.data();
  Sum addresses;
  Sum head;
  if (usual.v6) {
    addresses.add(at + 22, 32);
    head.add(at + 14, 8);
  } else {
    addresses.add(at + 26, 8);
    head.add(at + 14, 12);
  }
  head.add(addresses);
  const bool header_bad = !usual.v6 && head.fold() != 0xffff;

  const std::byte* const l4 = at + usual.l4_offset;
  const std::size_t length = std::size_t{usual.payload_end} - usual.l4_offset;
  Sum payload;
  payload.add(l4, length);

  FrameSums out;
  Sum all = head;
  all.add(payload);
  if (usual.payload_end != frame.size()) {
    Sum tail;
    tail.add(at + usual.payload_end, frame.size() - usual.payload_end);
    const std::uint16_t folded = tail.fold();
    // A datagram of odd length: the words of what follows are shifted by one byte.
    all.add_word(length % 2 != 0 ? network_word(folded) : folded);
  }
  out.l2_csum = all.fold();
  const bool absent = usual.udp && (load_be16(l4 + 6) == 0 || load_be16(l4 + 4) != length);
  if (header_bad || absent) return out;
  payload.add(addresses);
  payload.add_word(network_word(static_cast<std::uint16_t>(length)));
  payload.add_word(network_word(usual.udp ? kUdp : kTcp));
  out.l4_verified = payload.fold() == 0xffff;
  return out;
}

}  // namespace hni::device
