// SPDX-License-Identifier: Apache-2.0
#include "vfio_user/config_space.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace hni::device::vfio_user {
namespace {

// Offsets of the capabilities, besides kMsix; each points to the next.
constexpr std::size_t kPm = 0x40;
constexpr std::size_t kExpress = 0x60;
constexpr std::size_t kAer = 0x100;
constexpr std::size_t kSerial = 0x150;

constexpr std::uint32_t kCapPm = 0x01;
constexpr std::uint32_t kCapMsix = 0x11;
constexpr std::uint32_t kCapExpress = 0x10;

constexpr std::size_t kDeviceControl = kExpress + 0x08;
constexpr std::byte kResetBit{0x80};  // bit 15 of Device Control, in its second byte

/// Max_Payload_Size and Max_Read_Request_Size are coded as log2(bytes) - 7.
std::uint32_t size_code(unsigned bytes) {
  const unsigned clamped = std::clamp(bytes, 128u, 4096u);
  return static_cast<std::uint32_t>(std::bit_width(clamped) - 8);
}

}  // namespace

ConfigSpace::ConfigSpace(const CardConfig& config) {
  header();
  capabilities(config);
  extended(config);
  now_ = first_;
}

void ConfigSpace::reset() {
  now_ = first_;
}

void ConfigSpace::set(std::size_t offset, std::uint32_t value, unsigned bytes,
                      std::uint32_t writable) {
  for (unsigned i = 0; i < bytes; ++i) {
    first_[offset + i] = static_cast<std::byte>(value >> (8 * i));
    writable_[offset + i] = static_cast<std::byte>(writable >> (8 * i));
  }
}

void ConfigSpace::header() {
  set(0x00, kVendorId, 2);
  set(0x02, kDeviceId, 2);
  // Memory space, bus master, parity, SERR#, INTx disable.
  set(0x04, 0, 2, 0x0546);
  set(0x06, 0x0010, 2);  // a list of capabilities
  write_1_clears_[0x07] = std::byte{0xf9};
  set(0x08, 0x020000u << 8, 4);  // Ethernet controller
  set(0x0c, 0, 1, 0xff);         // cache line size: no effect on PCI Express
  for (std::uint32_t bar = 0; bar < 6; bar += 2) {
    const auto mask = static_cast<std::uint32_t>(~(bar_bytes(bar) - 1));
    set(0x10 + 4 * bar, 0x4, 4, mask);  // 64-bit memory
    set(0x14 + 4 * bar, 0, 4, 0xffffffff);
  }
  set(0x2c, kVendorId, 2);
  set(0x2e, kDeviceId, 2);
  set(0x34, kPm, 1);
  set(0x3c, 0, 1, 0xff);  // interrupt line: scratch byte of the host; there is no INTx pin
}

void ConfigSpace::capabilities(const CardConfig& config) {
  set(kPm, kCapPm | kMsix << 8, 2);
  set(kPm + 2, 0x0003, 2);          // version 1.2, D0 and D3hot
  set(kPm + 4, 0x0008, 2, 0x0003);  // the D3hot to D0 transition keeps all state
  const auto vectors = static_cast<std::uint32_t>(std::clamp(config.msix_vectors, 1u, 256u));
  set(kMsix, kCapMsix | kExpress << 8, 2);
  set(kMsix + 2, vectors - 1, 2, 0xc000);  // enable, function mask
  set(kMsix + 4, kMsixTableOffset | 2, 4);
  set(kMsix + 8, kMsixPendingOffset | 2, 4);
  set(kExpress, kCapExpress, 2);
  set(kExpress + 0x02, 0x0002, 2);  // version 2, endpoint
  // Payload up to 512 bytes, extended tags, role-based error reporting, function-level reset.
  set(kExpress + 0x04, 2 | 1u << 5 | 1u << 15 | 1u << 28, 4);
  const std::uint32_t control = (config.relaxed_ordering ? 1u << 4 : 0) |
                                size_code(config.max_payload_bytes) << 5 | 1u << 11 |
                                size_code(config.max_read_request_bytes) << 12;
  set(kExpress + 0x08, control, 2, 0x79ff);
  write_1_clears_[kExpress + 0x0a] = std::byte{0x0f};
  set(kExpress + 0x0c, 4 | 16u << 4, 4);  // 16 GT/s, 16 lanes
  set(kExpress + 0x10, 0, 2, 0x01fb);     // link control
  set(kExpress + 0x12, 4 | 16u << 4, 2);  // link status
  set(kExpress + 0x24, 0x00000012, 4);    // completion timeouts
  set(kExpress + 0x28, 0, 2, 0x001f);     // device control 2
  set(kExpress + 0x2c, 0x1e, 4);          // speeds up to 16 GT/s
  set(kExpress + 0x30, 4, 2, 0x000f);     // link control 2
}

void ConfigSpace::extended(const CardConfig& config) {
  set(kAer, 0x0001 | 2u << 16 | kSerial << 20, 4);
  for (unsigned i = 0; i < 4; ++i) {
    write_1_clears_[kAer + 0x04 + i] = std::byte{0xff};  // uncorrectable errors seen
    write_1_clears_[kAer + 0x10 + i] = std::byte{0xff};  // correctable errors seen
  }
  set(kAer + 0x08, 0, 4, 0x07fff030);           // mask
  set(kAer + 0x0c, 0x00462030, 4, 0x07fff030);  // severity
  set(kAer + 0x14, 0x00002000, 4, 0x0000f1c1);  // correctable mask
  set(kAer + 0x18, 0x000000a0, 4, 0x00000140);  // control: ECRC capable
  set(kSerial, 0x0003 | 1u << 16, 4);
  set(kSerial + 4, static_cast<std::uint32_t>(config.serial_number), 4);
  set(kSerial + 8, static_cast<std::uint32_t>(config.serial_number >> 32), 4);
}

void ConfigSpace::read(std::size_t offset, std::span<std::byte> to) const {
  std::memcpy(to.data(), now_.data() + offset, to.size());
}

bool ConfigSpace::write(std::size_t offset, std::span<const std::byte> from) {
  bool asked = false;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const std::size_t at = offset + i;
    const std::byte clears = write_1_clears_[at] & from[i];
    now_[at] = (now_[at] & ~writable_[at] & ~clears) | (from[i] & writable_[at]);
    if (at == kDeviceControl + 1) asked = asked || (from[i] & kResetBit) != std::byte{0};
  }
  return asked;
}

}  // namespace hni::device::vfio_user
