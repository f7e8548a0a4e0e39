// SPDX-License-Identifier: Apache-2.0
#include "device/segmentation.hpp"

#include <algorithm>
#include <cstring>

#include "device/checksum.hpp"
#include "openhni/spec/enums.hpp"

namespace hni::device {
namespace {

constexpr std::size_t kIpv4HeaderBytes = 20;
constexpr std::size_t kIpv6HeaderBytes = 40;
constexpr std::size_t kTcpHeaderBytes = 20;
constexpr std::size_t kUdpHeaderBytes = 8;
constexpr std::size_t kTcpChecksumAt = 16;
constexpr std::size_t kUdpChecksumAt = 6;

std::uint32_t value(spec::L3_TYPE type) {
  return static_cast<std::uint32_t>(type);
}
std::uint32_t value(spec::L4_TYPE type) {
  return static_cast<std::uint32_t>(type);
}

std::size_t bytes2(std::uint64_t field) {
  return static_cast<std::size_t>(2 * field);
}

}  // namespace

// Adds L4 to the pseudo-header sum and stores the complement [device 12.5].
bool apply_checksum_offload(std::span<std::byte> packet, spec::TWD_META meta,
                            spec::TCE_CSO_CTRL ctrl) {
  const std::size_t start = bytes2(meta.L2_HLEN() + meta.L3_OHLEN() + meta.L3_IHLEN());
  const std::size_t offset = bytes2(meta.CSUM_OFFSET());
  if (start + offset + 2 > packet.size()) return false;
  Sum sum;
  sum.add(packet.data() + start, packet.size() - start);
  std::uint16_t result = static_cast<std::uint16_t>(~sum.fold());
  const bool tcp_may_be_zero = ctrl.TCP_ZERO_CSUM() != 0 && offset == kTcpChecksumAt;
  if (result == 0 && !tcp_may_be_zero) result = 0xffff;
  store_sum(packet.data() + start + offset, result);
  return true;
}

// Checks the header lengths of the metadata against the packet [device 12.1, 12.5].
bool Segmenter::lengths_fit(spec::TWD_META meta, std::size_t packet_bytes) const {
  const std::size_t l4_bytes = static_cast<std::size_t>(4 * meta.L4_HLEN());
  const std::size_t outer_bytes = inner_offset_ - outer_offset_;
  const std::size_t inner_bytes = l4_offset_ - inner_offset_;
  if (mss_ == 0 || header_bytes_ > packet_bytes) return false;
  if (l4_type_ == value(spec::L4_TYPE::TCP)) {
    if (l4_bytes < kTcpHeaderBytes) return false;
  } else if (l4_type_ != value(spec::L4_TYPE::UDP) || l4_bytes < kUdpHeaderBytes) {
    return false;
  }
  if (l3_type_ == value(spec::L3_TYPE::IPV4)) return inner_bytes >= kIpv4HeaderBytes;
  if (l3_type_ == value(spec::L3_TYPE::IPV6)) return inner_bytes >= kIpv6HeaderBytes;
  if (l3_type_ == value(spec::L3_TYPE::V6V6)) {
    return inner_bytes >= kIpv6HeaderBytes && outer_bytes >= kIpv6HeaderBytes;
  }
  return true;
}

// Prepares the headers of all segments [device 12.5].
bool Segmenter::begin(std::span<std::byte> packet, spec::TWD_META meta, spec::TCE_LSO_CTRL ctrl) {
  packet_ = packet;
  ctrl_ = ctrl;
  l3_type_ = static_cast<std::uint32_t>(meta.L3_TYPE());
  l4_type_ = static_cast<std::uint32_t>(meta.L4_TYPE());
  outer_offset_ = bytes2(meta.L2_HLEN());
  inner_offset_ = outer_offset_ + bytes2(meta.L3_OHLEN());
  l4_offset_ = inner_offset_ + bytes2(meta.L3_IHLEN());
  header_bytes_ = l4_offset_ + static_cast<std::size_t>(4 * meta.L4_HLEN());
  mss_ = static_cast<std::size_t>(meta.MSS());
  index_ = 0;
  count_ = 0;
  if (!lengths_fit(meta, packet.size())) return false;
  std::memcpy(header_.data(), packet.data(), header_bytes_);
  const std::size_t payload = packet.size() - header_bytes_;
  count_ = static_cast<std::uint32_t>(std::max<std::size_t>(1, (payload + mss_ - 1) / mss_));
  return true;
}

// Copies the headers before the segment's payload and patches them [device 12.5].
std::span<std::byte> Segmenter::build() {
  const std::size_t begin = index_ * mss_;
  const std::size_t bytes = std::min(header_bytes_ + mss_, packet_.size() - begin);
  std::byte* segment = packet_.data() + begin;
  std::memcpy(segment, header_.data(), header_bytes_);
  patch_l3(segment, bytes);
  patch_l4(segment, bytes);
  return {segment, bytes};
}

// Patches length, identification and header checksum [device 12.5].
void Segmenter::patch_l3(std::byte* segment, std::size_t bytes) const {
  const auto set_v6_length = [&](std::size_t offset) {
    store_be16(segment + offset + 4,
               static_cast<std::uint16_t>(bytes - offset - kIpv6HeaderBytes));
  };
  if (l3_type_ == value(spec::L3_TYPE::IPV4)) {
    std::byte* ip = segment + inner_offset_;
    store_be16(ip + 2, static_cast<std::uint16_t>(bytes - inner_offset_));
    if (ctrl_.IPID_MODE_INC() != 0) {
      store_be16(ip + 4, static_cast<std::uint16_t>(load_be16(ip + 4) + index_));
    }
    store_be16(ip + 10, 0);
    Sum sum;
    sum.add(ip, l4_offset_ - inner_offset_);
    store_sum(ip + 10, static_cast<std::uint16_t>(~sum.fold()));
  } else if (l3_type_ == value(spec::L3_TYPE::IPV6)) {
    set_v6_length(inner_offset_);
  } else if (l3_type_ == value(spec::L3_TYPE::V6V6)) {
    set_v6_length(outer_offset_);
    set_v6_length(inner_offset_);
  }
}

// Returns the TCP flags to clear: first, middle and last segments differ [device 8.4, 12.5].
std::uint32_t Segmenter::flags_to_clear() const {
  // INTERPRETATION: a packet of one segment keeps its flags.
  if (count_ == 1) return 0;
  if (index_ == 0) return ctrl_.TCPF_CLR_1ST();
  return index_ + 1 == count_ ? ctrl_.TCPF_CLR_END() : ctrl_.TCPF_CLR_MID();
}

// Patches sequence number, flags and checksum, or the UDP length [device 12.5].
void Segmenter::patch_l4(std::byte* segment, std::size_t bytes) const {
  std::byte* l4 = segment + l4_offset_;
  const std::size_t l4_bytes = bytes - l4_offset_;
  const auto length = static_cast<std::uint16_t>(l4_bytes);
  const bool tcp = l4_type_ == value(spec::L4_TYPE::TCP);
  if (tcp) {
    store_be32(l4 + 4, load_be32(l4 + 4) + static_cast<std::uint32_t>(index_ * mss_));
    store_be16(l4 + 12, static_cast<std::uint16_t>(load_be16(l4 + 12) & ~flags_to_clear()));
  } else {
    store_be16(l4 + 4, length);
  }
  // The field holds the pseudo-header sum without the L4 length, which each segment adds.
  Sum sum;
  sum.add(l4, l4_bytes);
  sum.add_word(network_word(length));
  std::uint16_t result = static_cast<std::uint16_t>(~sum.fold());
  if (!tcp && result == 0) result = 0xffff;
  store_sum(l4 + (tcp ? kTcpChecksumAt : kUdpChecksumAt), result);
}

}  // namespace hni::device
