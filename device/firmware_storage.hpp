// SPDX-License-Identifier: Apache-2.0
/// Memory of the firmware, allocated when the card is built: the queue of messages to the host,
/// the log ring, flash, core dump and the two EEPROMs. Private to firmware*.cpp.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "device/firmware.hpp"
#include "device/fw_tlv.hpp"

namespace hni::device {

/// Linux errno values, negative as every ERROR attribute must be [device 5].
enum FwErrno : std::int32_t {
  kErrPermission = -1,
  kErrNoDevice = -6,
  kErrInvalid = -22,
  kErrTooLarge = -27,
  kErrNoData = -61,
  kErrOverflow = -75,
};

struct Firmware::Request {
  std::span<const std::byte> bytes;  ///< the message, header included, as the host wrote it
  const TlvTable& attributes;
  std::uint64_t now_ns;
};

struct Firmware::Storage {
  static constexpr std::size_t kOutboundSlots = 32;
  /// Most messages that one request produces; a request is processed only while so many slots are
  /// free.
  static constexpr std::size_t kMessagesPerRequest = 3;
  static constexpr std::size_t kEepromBytes = 288;   // as in the mock firmware [device 22]
  static constexpr std::size_t kLogTextBytes = 256;  // with NUL
  static constexpr std::size_t kQsfpPageBytes = 128;

  struct Outbound {
    std::size_t bytes = 0;
    std::uint64_t ready_ns = 0;  // not before this instant
    std::array<std::byte, kTlvMaxMessageBytes> data;
  };
  struct StoredLogRecord {
    std::uint32_t milliseconds = 0;
    std::uint16_t bytes = 0;
    std::array<char, kLogTextBytes> text;
    std::string_view view() const { return {text.data(), bytes}; }
  };
  /// The upgrade in progress.
  struct Upgrade {
    bool active = false;
    std::uint32_t section = 0;
    std::uint32_t image_bytes = 0;
    std::uint32_t offset = 0;   // bytes taken so far
    std::uint32_t awaited = 0;  // LENGTH of the newest WRITE_CHUNK_REQ
  };

  explicit Storage(const FirmwareConfig& config);

  std::size_t outbound_free() const { return kOutboundSlots - outbound_count; }
  bool has_qsfp_page(std::uint32_t page) const { return page < 256 && qsfp_present[page]; }

  std::array<std::byte, 65536> inbox;  // one host message; LEN is 16 bits wide
  std::array<std::byte, kTlvMaxMessageBytes> scratch;
  std::vector<Outbound> outbound;
  std::size_t outbound_first = 0;
  std::size_t outbound_count = 0;

  std::vector<StoredLogRecord> log;
  std::uint64_t log_next = 0;    // index of the next record; indices never repeat
  std::uint64_t log_cursor = 0;  // next record to send to the host

  Upgrade upgrade;
  std::array<std::vector<std::byte>, kFlashSections> flash;
  std::vector<std::byte> incoming_image;
  std::vector<std::byte> core_dump;
  std::array<std::byte, kEepromBytes> eeprom{};

  bool module_present = true;
  std::array<std::byte, kQsfpPageBytes> qsfp_lower{};
  std::array<std::array<std::byte, kQsfpPageBytes>, 256> qsfp_upper{};
  std::bitset<256> qsfp_present;
};

/// Fills a Storage's module EEPROM with a passive 100G copper cable (SFF-8636), checksums right.
void fill_default_module(std::span<std::byte> lower, std::span<std::byte> upper_page0);

}  // namespace hni::device
