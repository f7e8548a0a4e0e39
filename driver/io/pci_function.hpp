// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What a backend for a device in another process or on the PCI bus reads from its configuration
/// space [device 1].

#include <cstdint>
#include <string>
#include <tl/expected.hpp>

#include "driver/port_config.hpp"

namespace hni::io {

/// smallest BAR 0: the registers extend this far
inline constexpr std::uint64_t kBar0Bytes = 0x180000;
inline constexpr std::uint64_t kBar4Bytes = 0x18100;    ///< smallest BAR 4
inline constexpr std::uint32_t kFbnicId = 0x00131d9b;   ///< vendor and device id
inline constexpr std::uint32_t kCommandOffset = 4;      ///< offset of the command register
inline constexpr std::uint32_t kMemoryAndMaster = 0x6;  ///< memory space and bus master enabled

/// Facts that the driver needs before the first register access.
struct PciFunction {
  MacAddress mac{};  ///< from the serial number; zero if the device has none
  PcieLimits pcie;  ///< as the host configured them; the defaults without a PCI Express capability
};

/// Reads Device Control of the PCI Express capability: the limits that the host set.
/// @param read `expected<uint32_t, string> read(offset)`: a 32-bit word of the configuration
///     space, or an error of one line
/// @return the limits, or the error
template <class Read>
tl::expected<PcieLimits, std::string> pcie_limits(Read&& read) {
  constexpr std::uint32_t kFirstCapability = 0x34;
  constexpr std::uint32_t kExpressCapability = 0x10;
  constexpr std::uint32_t kDeviceControl = 8;
  const tl::expected<std::uint32_t, std::string> first = read(kFirstCapability);
  if (!first) return tl::unexpected(first.error());
  // Bounded by the number of capabilities that fit, so that a cyclic list ends.
  std::uint32_t at = *first & 0xfc;
  for (int looks = 0; at >= 0x40 && looks < 48; ++looks) {
    const auto head = read(at);
    if (!head) return tl::unexpected(head.error());
    if ((*head & 0xff) != kExpressCapability) {
      at = *head >> 8 & 0xfc;
      continue;
    }
    if (at + kDeviceControl > 0xfc) break;
    const auto control = read(at + kDeviceControl);
    if (!control) return tl::unexpected(control.error());
    return PcieLimits{.max_payload = 128U << (*control >> 5 & 7),
                      .max_read_request = 128U << (*control >> 12 & 7),
                      .relaxed_ordering = (*control & 1U << 4) != 0};
  }
  return PcieLimits{};
}

/// Checks that the function is an fbnic and reads its description.
/// @param read as in pcie_limits()
/// @return the description, or an error of one line
template <class Read>
tl::expected<PciFunction, std::string> identify_function(Read&& read) {
  constexpr std::uint16_t kSerialCapability = 0x0003;
  const tl::expected<std::uint32_t, std::string> id = read(0U);
  if (!id) return tl::unexpected(id.error());
  if (*id != kFbnicId) return tl::unexpected(std::string("not an fbnic"));
  PciFunction function;
  const auto pcie = pcie_limits(read);
  if (!pcie) return tl::unexpected(pcie.error());
  function.pcie = *pcie;
  MacAddress& mac = function.mac;
  // Bounded by the number of capabilities that fit, so that a cyclic list ends.
  std::uint32_t at = 0x100;
  for (int looks = 0; at >= 0x100 && looks < 64; ++looks) {
    const auto head = read(at);
    if (!head) return tl::unexpected(head.error());
    if ((*head & 0xffff) == kSerialCapability) {
      const auto low = read(at + 4);
      const auto high = read(at + 8);
      if (!low || !high) return tl::unexpected(low ? high.error() : low.error());
      for (unsigned i = 0; i < 3; ++i) {
        mac[i] = static_cast<std::uint8_t>(*high >> (24 - 8 * i));
        mac[3 + i] = static_cast<std::uint8_t>(*low >> (16 - 8 * i));
      }
      break;
    }
    at = *head >> 20 & ~3U;
  }
  return function;
}

}  // namespace hni::io
