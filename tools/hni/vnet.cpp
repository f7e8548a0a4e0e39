// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/vnet.hpp"

#include <algorithm>
#include <optional>

#include "device/checksum.hpp"

namespace hni::tools {
namespace {

using device::load_be16;
using device::store_be16;

constexpr std::uint32_t kEthernetBytes = 14;
constexpr std::uint32_t kVlanBytes = 4;
constexpr std::uint32_t kUdpBytes = 8;
constexpr std::uint32_t kTcpBytes = 20;
constexpr std::uint32_t kMaxL2Bytes = 126;
constexpr std::uint32_t kMaxL3Bytes = 510;
constexpr std::uint32_t kMaxChecksumOffset = 30;
constexpr std::uint32_t kMaxMss = (1U << 14) - 1;

bool is_vlan(std::uint16_t ethertype) {
  return ethertype == 0x8100 || ethertype == 0x88a8;
}

struct Layer2 {
  std::uint32_t bytes = 0;
  std::uint16_t ethertype = 0;
};

std::optional<Layer2> parse_layer2(std::span<const std::byte> head) {
  std::uint32_t bytes = kEthernetBytes;
  while (bytes <= head.size()) {
    const std::uint16_t type = load_be16(head.data() + bytes - 2);
    if (!is_vlan(type)) return Layer2{bytes, type};
    bytes += kVlanBytes;
  }
  return std::nullopt;
}

/// Subtracts the length from the sum in one's complement.
void take_length_out(std::byte* sum, std::uint32_t length) {
  std::uint32_t value = load_be16(sum) + (0xffffU - (length & 0xffffU));
  value = (value & 0xffffU) + (value >> 16);
  store_be16(sum, static_cast<std::uint16_t>(value));
}

OffloadPlan refused() {
  OffloadPlan plan;
  plan.verdict = OffloadVerdict::kRefused;
  return plan;
}

/// Adds segmentation to a plan that already has the checksum.
OffloadPlan plan_segmentation(OffloadPlan plan, const VnetHeader& header,
                              std::span<std::byte> head, std::uint32_t length,
                              std::uint16_t ethertype) {
  const std::uint32_t l4 = header.checksum_start;
  const std::uint8_t type = header.gso_type & static_cast<std::uint8_t>(~VnetHeader::kGsoEcn);
  const bool tcp = type == VnetHeader::kGsoTcp4 || type == VnetHeader::kGsoTcp6;
  if (!tcp && type != VnetHeader::kGsoUdp) return refused();
  if (l4 + (tcp ? kTcpBytes : kUdpBytes) > head.size()) return refused();
  std::uint32_t l4_bytes = kUdpBytes;
  if (tcp) l4_bytes = std::to_integer<std::uint32_t>(head[l4 + 12]) >> 4 << 2;
  if (tcp && l4_bytes < kTcpBytes) return refused();
  if (l4 + l4_bytes > length || header.gso_bytes == 0 || header.gso_bytes > kMaxMss)
    return refused();

  TxOffload& offload = plan.offload;
  offload.flags |= TxOffload::kSegment;
  offload.l4_bytes = static_cast<std::uint8_t>(l4_bytes);
  offload.mss = header.gso_bytes;
  offload.l3_type = ethertype == 0x0800 ? spec::L3_TYPE::IPV4 : spec::L3_TYPE::IPV6;
  offload.l4_type = tcp ? spec::L4_TYPE::TCP : spec::L4_TYPE::UDP;
  take_length_out(head.data() + l4 + header.checksum_offset, length - l4);
  const std::uint32_t payload = length - l4 - l4_bytes;
  plan.frames = std::max(1U, (payload + header.gso_bytes - 1) / header.gso_bytes);
  return plan;
}

}  // namespace

OffloadPlan plan_offload(const VnetHeader& header, std::span<std::byte> head,
                         std::uint32_t length) {
  OffloadPlan plan;
  const bool segment = header.gso_type != VnetHeader::kGsoNone;
  if ((header.flags & VnetHeader::kNeedsChecksum) == 0) return segment ? refused() : plan;

  const std::uint32_t start = header.checksum_start;
  const std::uint32_t field = start + header.checksum_offset;
  if (field + 2 > head.size() || start > length) return refused();
  const auto l2 = parse_layer2(head);
  const bool described = l2 && l2->bytes <= kMaxL2Bytes && start >= l2->bytes &&
                         start - l2->bytes <= kMaxL3Bytes && (start - l2->bytes) % 2 == 0 &&
                         header.checksum_offset <= kMaxChecksumOffset &&
                         header.checksum_offset % 2 == 0;
  if (!described) {
    plan.verdict = segment ? OffloadVerdict::kRefused : OffloadVerdict::kSoftware;
    return plan;
  }
  plan.offload.flags = TxOffload::kChecksum;
  plan.offload.l2_bytes = static_cast<std::uint8_t>(l2->bytes);
  plan.offload.l3_bytes = static_cast<std::uint16_t>(start - l2->bytes);
  plan.offload.checksum_offset = static_cast<std::uint8_t>(header.checksum_offset);
  return segment ? plan_segmentation(plan, header, head, length, l2->ethertype) : plan;
}

}  // namespace hni::tools
