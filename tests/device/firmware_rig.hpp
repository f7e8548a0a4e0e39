// SPDX-License-Identifier: Apache-2.0
// Shared by the firmware tests: a firmware with its host, and a decoder of the messages that it
// sends.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "openhni/spec/firmware.hpp"
#include "tests/device/firmware_host.hpp"

namespace hni::test {

using Words = std::vector<std::uint32_t>;

struct FirmwareRig {
  explicit FirmwareRig(device::FirmwareConfig config = {}) : firmware(config, host) {
    host.firmware = &firmware;
    firmware.start(0);
  }
  void up() { host.bring_up(); }

  FirmwareHost host;
  device::Firmware firmware;
};

/// Returns the value of attribute `id` of a message from the firmware; the catalogue must contain
/// the attribute.
inline device::TlvValue attribute(std::span<const std::byte> message, std::uint16_t id) {
  const spec::FwMessageInfo* info =
      spec::find_fw_message(device::tlv_message_id(message).value_or(0xfff));
  device::TlvTable table;
  if (info == nullptr) {
    ADD_FAILURE() << "no message";
    return {};
  }
  EXPECT_EQ(device::parse_tlv_message(message, info->attributes, table), device::TlvError::kNone)
      << info->name;
  return table[id];
}

inline bool is(std::span<const std::byte> message, spec::FwMessage id) {
  return device::tlv_message_id(message) == static_cast<std::uint16_t>(id);
}

inline std::string text_of(const device::TlvValue& value) {
  std::string out;
  for (const std::byte b : value.bytes) out += static_cast<char>(b);
  return out;
}

}  // namespace hni::test
