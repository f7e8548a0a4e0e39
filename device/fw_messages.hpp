// SPDX-License-Identifier: Apache-2.0
// Numbers of the firmware messages that the card's firmware speaks (fbnic reference 6).
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "device/fw_tlv.hpp"

namespace hni::device::fw {

enum Message : std::uint16_t {
  kTest = 0x00,
  kHostCapReq = 0x10,
  kFwCapResp = 0x11,
  kOwnershipReq = 0x12,
  kOwnershipResp = 0x13,
  kHeartbeatReq = 0x14,
  kHeartbeatResp = 0x15,
  kCoredumpGetInfoReq = 0x18,
  kCoredumpGetInfoResp = 0x19,
  kCoredumpReadReq = 0x20,
  kCoredumpReadResp = 0x21,
  kStartUpgradeReq = 0x22,
  kStartUpgradeResp = 0x23,
  kWriteChunkReq = 0x24,
  kWriteChunkResp = 0x25,
  kFinishUpgradeReq = 0x28,
  kFinishUpgradeResp = 0x29,
  kEepromReadReq = 0x2a,
  kEepromReadResp = 0x2b,
  kEepromWriteReq = 0x2c,
  kEepromWriteResp = 0x2d,
  kQsfpReadReq = 0x38,
  kQsfpReadResp = 0x39,
  kTseneReadReq = 0x3c,
  kTseneReadResp = 0x3d,
  kSetComphyModeReq = 0x3e,
  kSetComphyModeResp = 0x3f,
  kSensorThresholdResp = 0x40,
  kLogSendLogsReq = 0x43,
  kLogMsgReq = 0x44,
  kLogMsgResp = 0x45,
  kRpcMacSyncReq = 0x46,
};

// Attribute ids, one block a message family.
namespace cap {
enum : std::uint16_t {
  kVersion = 0x00,
  kBmcPresent = 0x01,
  kBmcMacAddr = 0x02,
  kBmcMacArray = 0x03,
  kStoredVersion = 0x04,
  kActiveFwSlot = 0x05,
  kVersionCommit = 0x06,
  kBmcAllMulti = 0x08,
  kLinkSpeed = 0x0a,
  kLinkFec = 0x0b,
  kStoredCommit = 0x0c,
  kCmrtVersion = 0x0d,
  kStoredCmrtVersion = 0x0e,
  kCmrtCommit = 0x0f,
  kStoredCmrtCommit = 0x10,
  kUefiVersion = 0x11,
  kUefiCommit = 0x12,
  kAntiRollback = 0x15,
};
}
namespace ownership {
enum : std::uint16_t { kFlag = 0, kTime = 1 };
}
namespace heartbeat {
enum : std::uint16_t { kUptime = 0 };
}
namespace core_info {
enum : std::uint16_t { kCreate = 0, kAvailable = 0, kSize = 1, kError = 2 };
}
namespace core_read {
enum : std::uint16_t { kOffset = 0, kLength = 1, kData = 2, kError = 3 };
}
namespace upgrade {
enum : std::uint16_t { kError = 0, kSection = 1, kImageLength = 2 };
}
namespace chunk {
enum : std::uint16_t { kOffset = 0, kLength = 1, kData = 2, kError = 3 };
}
namespace eeprom {
enum : std::uint16_t { kOffset = 0, kLength = 1, kError = 3, kData = 4 };
}
namespace qsfp {
enum : std::uint16_t { kBank = 0, kPage = 1, kOffset = 2, kLength = 3, kError = 4, kData = 5 };
}
namespace tsene {
enum : std::uint16_t { kTherm = 0, kVolt = 1, kError = 2 };
}
namespace comphy {
enum : std::uint16_t { kPam4 = 0, kError = 1, kLaneMask = 4 };
}
namespace sensor {
enum : std::uint16_t { kThermFlag = 0, kVoltFlag = 1, kTherm = 2, kVolt = 3 };
}
namespace send_logs {
enum : std::uint16_t { kEnable = 0, kVersion = 1, kHistory = 2 };
}
namespace log_msg {
enum : std::uint16_t {
  kMsec = 0,
  kIndex = 1,
  kText = 2,
  kLength = 3,
  kMsecArray = 4,
  kIndexArray = 5,
  kTextArray = 6
};
}
namespace mac_sync {
enum : std::uint16_t { kRxFlags = 0, kUnicastArray = 1, kMulticastArray = 2, kMacAddr = 3 };
}

// What each request from the host may carry.
inline constexpr TlvRule flag_rule(std::uint16_t id) {
  return {id, 0, 0};
}
inline constexpr TlvRule u32_rule(std::uint16_t id) {
  return {id, 1, 4};
}
inline constexpr TlvRule data_rule(std::uint16_t id) {
  return {id, 1, static_cast<std::uint16_t>(kTlvMaxData)};
}
inline constexpr TlvRule array_rule(std::uint16_t id) {
  return {id, 0, static_cast<std::uint16_t>(kTlvMaxMessageBytes)};
}

inline constexpr std::array<TlvRule, 0> kNoRules{};
inline constexpr std::array kOwnershipRules{flag_rule(ownership::kFlag)};
inline constexpr std::array kCoreInfoRules{flag_rule(core_info::kCreate)};
inline constexpr std::array kCoreReadRules{u32_rule(core_read::kOffset),
                                           u32_rule(core_read::kLength)};
inline constexpr std::array kUpgradeRules{u32_rule(upgrade::kSection),
                                          u32_rule(upgrade::kImageLength)};
inline constexpr std::array kChunkRules{u32_rule(chunk::kOffset), u32_rule(chunk::kLength),
                                        data_rule(chunk::kData), u32_rule(chunk::kError)};
inline constexpr std::array kEepromRules{u32_rule(eeprom::kOffset), u32_rule(eeprom::kLength),
                                         data_rule(eeprom::kData)};
inline constexpr std::array kQsfpRules{u32_rule(qsfp::kBank), u32_rule(qsfp::kPage),
                                       u32_rule(qsfp::kOffset), u32_rule(qsfp::kLength)};
inline constexpr std::array kComphyRules{u32_rule(comphy::kPam4), u32_rule(comphy::kLaneMask)};
inline constexpr std::array kSendLogsRules{
    flag_rule(send_logs::kEnable), u32_rule(send_logs::kVersion), flag_rule(send_logs::kHistory)};
inline constexpr std::array kMacSyncRules{u32_rule(mac_sync::kRxFlags),
                                          array_rule(mac_sync::kUnicastArray),
                                          array_rule(mac_sync::kMulticastArray)};

}  // namespace hni::device::fw
