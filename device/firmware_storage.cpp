// SPDX-License-Identifier: Apache-2.0
#include "device/firmware_storage.hpp"

#include <algorithm>
#include <cstring>

namespace hni::device {
namespace {

void put_text(std::span<std::byte> field, std::string_view text) {
  std::fill(field.begin(), field.end(), std::byte{' '});
  const std::size_t count = std::min(field.size(), text.size());
  for (std::size_t i = 0; i < count; ++i) field[i] = static_cast<std::byte>(text[i]);
}

std::byte byte_sum(std::span<const std::byte> bytes) {
  unsigned sum = 0;
  for (const std::byte value : bytes) sum += std::to_integer<unsigned>(value);
  return static_cast<std::byte>(sum & 0xff);
}

}  // namespace

void fill_default_module(std::span<std::byte> lower, std::span<std::byte> upper) {
  const auto at = [&upper](std::size_t address) -> std::byte& { return upper[address - 128]; };
  lower[0] = std::byte{0x11};  // QSFP28
  lower[1] = std::byte{0x08};  // SFF-8636 revision 2.8
  lower[2] = std::byte{0x04};  // flat memory: page 0 only
  at(128) = std::byte{0x11};
  at(130) = std::byte{0x23};  // no separable connector
  at(131) = std::byte{0x80};  // extended compliance code in byte 192
  at(139) = std::byte{0x05};  // 64B/66B
  at(140) = std::byte{0xff};  // bit rate beyond 25.4 GBd: see byte 222
  at(146) = std::byte{1};     // 1 m of copper
  at(147) = std::byte{0xa0};  // unequalised copper
  put_text(upper.subspan(148 - 128, 16), "openhni");
  put_text(upper.subspan(168 - 128, 16), "HNI-CABLE-1M");
  put_text(upper.subspan(184 - 128, 2), "A");
  at(191) = byte_sum(upper.first(191 - 128));
  at(192) = std::byte{0x0b};  // 100GBASE-CR4 or 25GBASE-CR CA-L
  put_text(upper.subspan(196 - 128, 16), "0001");
  put_text(upper.subspan(212 - 128, 8), "250101");
  at(222) = std::byte{0x67};  // 25.75 GBd
  at(223) = byte_sum(upper.subspan(192 - 128, 223 - 192));
}

Firmware::Storage::Storage(const FirmwareConfig& config)
    : outbound(kOutboundSlots), log(std::max<std::size_t>(config.log_records, 1)) {
  core_dump.resize(config.core_dump_bytes);
  for (std::size_t i = 0; i < core_dump.size(); ++i)
    core_dump[i] = static_cast<std::byte>(i & 0xff);
  constexpr std::array<std::byte, 4> kMark{std::byte{0xef}, std::byte{0xbe}, std::byte{0xad},
                                           std::byte{0xde}};
  if (core_dump.size() >= 2 * kMark.size()) {  // the mock marks both ends [device 22]
    std::copy(kMark.begin(), kMark.end(), core_dump.begin());
    std::copy(kMark.begin(), kMark.end(), core_dump.end() - kMark.size());
  }
  qsfp_present[0] = true;
  fill_default_module(qsfp_lower, qsfp_upper[0]);
}

}  // namespace hni::device
