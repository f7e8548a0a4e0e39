// SPDX-License-Identifier: Apache-2.0
// Responses of the firmware to each message [device 6]. The transport is in firmware.cpp.
#include <algorithm>
#include <cstring>

#include "device/firmware.hpp"
#include "device/firmware_storage.hpp"
#include "device/fw_tlv.hpp"
#include "openhni/spec/firmware.hpp"

namespace hni::device {

namespace fw = spec::fw;
using spec::FwMessage;

namespace {

constexpr std::size_t kMaxCommitChars = 18;  // 19 with NUL
constexpr std::size_t kMaxBmcMacs = 4;
constexpr std::size_t kMaxLogRecords = 14;  // one record and at most 13 extra ones

std::uint32_t u32_of(const TlvTable& table, std::uint16_t id) {
  return static_cast<std::uint32_t>(table[id].unsigned_or(0));
}

void put_commit(TlvWriter& out, std::uint16_t id, const std::string& commit) {
  if (commit.empty()) return;
  out.text(id, std::string_view{commit}.substr(0, kMaxCommitChars));
}

std::span<const std::byte> bytes_of(const MacBytes& mac) {
  return std::as_bytes(std::span{mac});
}

}  // namespace

// Parses a request against the catalogue and calls its handler [device 5, 6].
bool Firmware::handle(std::span<const std::byte> bytes, std::uint64_t now_ns) {
  struct Entry {
    FwMessage id;
    Handler handler;
  };
  static constexpr std::array kEntries{
      Entry{FwMessage::TEST, &Firmware::on_test},
      Entry{FwMessage::HOST_CAP_REQ, &Firmware::on_capabilities},
      Entry{FwMessage::OWNERSHIP_REQ, &Firmware::on_ownership},
      Entry{FwMessage::HEARTBEAT_REQ, &Firmware::on_heartbeat},
      Entry{FwMessage::COREDUMP_GET_INFO_REQ, &Firmware::on_core_dump_info},
      Entry{FwMessage::COREDUMP_READ_REQ, &Firmware::on_core_dump_read},
      Entry{FwMessage::FW_START_UPGRADE_REQ, &Firmware::on_flash_start},
      Entry{FwMessage::FW_WRITE_CHUNK_RESP, &Firmware::on_flash_chunk},
      Entry{FwMessage::EEPROM_READ_REQ, &Firmware::on_eeprom_read},
      Entry{FwMessage::EEPROM_WRITE_REQ, &Firmware::on_eeprom_write},
      Entry{FwMessage::QSFP_READ_REQ, &Firmware::on_qsfp_read},
      Entry{FwMessage::TSENE_READ_REQ, &Firmware::on_sensors},
      Entry{FwMessage::COMPHY_SET_MODE_REQ, &Firmware::on_comphy_mode},
      Entry{FwMessage::LOG_SEND_LOGS_REQ, &Firmware::on_logs},
      Entry{FwMessage::RPC_MAC_SYNC_REQ, &Firmware::on_mac_sync},
  };
  const std::optional<std::uint16_t> id = tlv_message_id(bytes);
  if (!id) {
    ++counters_.malformed;
    return false;
  }
  TlvTable table;
  for (const Entry& entry : kEntries) {
    if (static_cast<std::uint16_t>(entry.id) != *id) continue;
    // The self test is echoed with any content [device 20.3]; all other messages must follow the
    // catalogue.
    if (entry.id != FwMessage::TEST &&
        parse_tlv_message(bytes, spec::find_fw_message(*id)->attributes, table) !=
            TlvError::kNone) {
      ++counters_.malformed;
      return false;
    }
    (this->*entry.handler)({bytes, table, now_ns});
    return true;
  }
  ++counters_.unknown_messages;  // consumed, as the mock does
  return true;
}

// Only the header must be valid [device 20.3].
void Firmware::on_test(const Request& request) {
  const std::size_t dwords = std::to_integer<std::size_t>(request.bytes[2]) |
                             std::to_integer<std::size_t>(request.bytes[3]) << 8;
  enqueue(request.bytes.first(std::min(request.bytes.size(), dwords * 4)));
}

// FW_CAP_RESP [device 6.1].
void Firmware::send_capabilities() {
  TlvWriter out(storage_->scratch, FwMessage::FW_CAP_RESP);
  out.u32(fw::FW_CAP_RESP::VERSION, config_.running.version);
  if (config_.bmc_present) {
    out.flag(fw::FW_CAP_RESP::BMC_PRESENT);
    const std::size_t array = out.open(fw::FW_CAP_RESP::BMC_MAC_ARRAY);
    for (std::size_t i = 0; i < std::min(config_.bmc_macs.size(), kMaxBmcMacs); ++i) {
      out.binary(fw::FW_CAP_RESP::BMC_MAC_ADDR, bytes_of(config_.bmc_macs[i]));
    }
    out.close(array);
    out.u32(fw::FW_CAP_RESP::BMC_ALL_MULTI, config_.bmc_all_multi ? 1 : 0);
  }
  out.u32(fw::FW_CAP_RESP::STORED_VERSION, config_.stored.version);
  out.u32(fw::FW_CAP_RESP::ACTIVE_FW_SLOT, config_.active_slot);
  put_commit(out, fw::FW_CAP_RESP::VERSION_COMMIT_STR, config_.running.commit);
  out.u32(fw::FW_CAP_RESP::FW_LINK_SPEED, config_.link_speed);
  out.u32(fw::FW_CAP_RESP::FW_LINK_FEC, config_.link_fec);
  put_commit(out, fw::FW_CAP_RESP::STORED_COMMIT_STR, config_.stored.commit);
  out.u32(fw::FW_CAP_RESP::CMRT_VERSION, config_.bootloader.version);
  out.u32(fw::FW_CAP_RESP::STORED_CMRT_VERSION, config_.stored_bootloader.version);
  put_commit(out, fw::FW_CAP_RESP::CMRT_COMMIT_STR, config_.bootloader.commit);
  put_commit(out, fw::FW_CAP_RESP::STORED_CMRT_COMMIT_STR, config_.stored_bootloader.commit);
  out.u32(fw::FW_CAP_RESP::UEFI_VERSION, config_.uefi.version);
  put_commit(out, fw::FW_CAP_RESP::UEFI_COMMIT_STR, config_.uefi.commit);
  out.u32(fw::FW_CAP_RESP::ANTI_ROLLBACK_VERSION, config_.anti_rollback_version);
  enqueue(out.finish());
}

void Firmware::announce_capabilities(std::uint64_t now_ns) {
  send_capabilities();
  tick(now_ns);
}

// Programs speed and FEC into SIG_PCS_IN0/1 [device 10.1].
void Firmware::program_lanes() {
  constexpr std::array<std::uint32_t, 5> kIn0{0, 0x203, 0, 0x60000, 0x60040};
  constexpr std::array<std::uint32_t, 4> kIn1{0xf, 0, 0xf, 0x0f000000};
  const bool known = config_.link_speed >= 1 && config_.link_speed < kIn0.size();
  if (!known) return;  // without a known speed the lanes stay unprogrammed and the link down
  const bool rs_forced = config_.link_speed >= 3;
  const std::size_t fec = rs_forced || config_.link_fec >= kIn1.size() ? 2 : config_.link_fec;
  port_.set_pcs_in(kIn0[config_.link_speed], kIn1[fec]);
}

void Firmware::on_capabilities(const Request&) {
  program_lanes();
  send_capabilities();
}

std::uint64_t Firmware::reported_uptime_ms(std::uint64_t now_ns) {
  std::uint64_t uptime = uptime_ms(now_ns);
  if (faults_.backwards_uptime) uptime = last_uptime_ms_ != 0 ? last_uptime_ms_ - 1 : 0;
  last_uptime_ms_ = uptime;
  return uptime;
}

// OWNERSHIP_REQ claims or releases the card [device 6.2].
void Firmware::on_ownership(const Request& request) {
  owned_ = request.attributes[fw::OWNERSHIP_REQ::FLAG].present;
  if (owned_) record("host claims the card");
  TlvWriter out(storage_->scratch, FwMessage::OWNERSHIP_RESP);
  enqueue(out.u64(fw::OWNERSHIP_RESP::TIME, reported_uptime_ms(request.now_ns)).finish());
}

// HEARTBEAT_REQ returns the uptime [device 6.2].
void Firmware::on_heartbeat(const Request& request) {
  ++counters_.heartbeats;
  TlvWriter out(storage_->scratch, FwMessage::HEARTBEAT_RESP);
  enqueue(out.u64(fw::HEARTBEAT_RESP::UPTIME, reported_uptime_ms(request.now_ns)).finish());
}

// COREDUMP_GET_INFO_REQ [device 6.4].
void Firmware::on_core_dump_info(const Request&) {
  TlvWriter out(storage_->scratch, FwMessage::COREDUMP_GET_INFO_RESP);
  if (!storage_->core_dump.empty()) {
    out.flag(fw::COREDUMP_GET_INFO_RESP::AVAILABLE);
    out.u32(fw::COREDUMP_GET_INFO_RESP::SIZE,
            static_cast<std::uint32_t>(storage_->core_dump.size()));
  }
  enqueue(out.finish());
}

// COREDUMP_READ_REQ [device 6.4].
void Firmware::on_core_dump_read(const Request& request) {
  const std::uint32_t offset = u32_of(request.attributes, fw::COREDUMP_READ_RESP::OFFSET);
  const std::uint32_t length = u32_of(request.attributes, fw::COREDUMP_READ_RESP::LENGTH);
  const std::span<const std::byte> dump = storage_->core_dump;
  TlvWriter out(storage_->scratch, FwMessage::COREDUMP_READ_RESP);
  out.u32(fw::COREDUMP_READ_RESP::OFFSET, offset).u32(fw::COREDUMP_READ_RESP::LENGTH, length);
  if (length == 0 || length > kTlvMaxData || offset > dump.size() ||
      length > dump.size() - offset) {
    out.s32(fw::COREDUMP_READ_RESP::ERROR, kErrInvalid);
  } else {
    out.binary(fw::COREDUMP_READ_RESP::DATA, dump.subspan(offset, length));
  }
  enqueue(out.finish());
}

// FW_START_UPGRADE_REQ [device 6.5].
void Firmware::on_flash_start(const Request& request) {
  Storage& s = *storage_;
  const std::uint32_t section = u32_of(request.attributes, fw::FW_START_UPGRADE_REQ::SECTION);
  const std::uint32_t bytes = u32_of(request.attributes, fw::FW_START_UPGRADE_REQ::IMAGE_LENGTH);
  std::int32_t error = 0;
  if (section >= kFlashSections || bytes == 0) error = kErrInvalid;
  if (bytes > config_.flash_max_bytes) error = kErrTooLarge;

  TlvWriter out(s.scratch, FwMessage::FW_START_UPGRADE_RESP);
  if (error != 0) out.s32(fw::FW_START_UPGRADE_RESP::ERROR, error);
  enqueue(out.finish());
  s.upgrade = {};  // INTERPRETATION: a new start replaces an abandoned upgrade
  if (error != 0) return;
  s.upgrade.active = true;
  s.upgrade.section = section;
  s.upgrade.image_bytes = bytes;
  s.incoming_image.assign(bytes, std::byte{0});
  request_flash_chunk();
}

// Requests the next piece of the image [device 6.5].
void Firmware::request_flash_chunk() {
  Storage::Upgrade& upgrade = storage_->upgrade;
  const auto limit = static_cast<std::uint32_t>(kTlvMaxData);
  const std::uint32_t chunk = std::clamp(config_.flash_chunk_bytes, 1u, limit);
  upgrade.awaited = std::min(chunk, upgrade.image_bytes - upgrade.offset);
  TlvWriter out(storage_->scratch, FwMessage::FW_WRITE_CHUNK_REQ);
  out.u32(fw::FW_WRITE_CHUNK_RESP::OFFSET, upgrade.offset)
      .u32(fw::FW_WRITE_CHUNK_RESP::LENGTH, upgrade.awaited);
  enqueue(out.finish());
}

// Completes an upgrade with FINISH [device 6.5].
void Firmware::finish_flash(std::int32_t error) {
  Storage& s = *storage_;
  if (error == 0) {
    s.flash[s.upgrade.section].swap(s.incoming_image);
    send_capabilities();  // as the mock: new versions before FINISH [device 22]
  }
  record(error == 0 ? "upgrade stored" : "upgrade failed");
  s.upgrade = {};
  TlvWriter out(s.scratch, FwMessage::FW_FINISH_UPGRADE_REQ);
  if (error != 0) out.s32(fw::FW_FINISH_UPGRADE_REQ::ERROR, error);
  enqueue(out.finish());
}

// FW_WRITE_CHUNK_RESP must continue the image at the requested offset [device 6.5].
void Firmware::on_flash_chunk(const Request& request) {
  Storage::Upgrade& upgrade = storage_->upgrade;
  const TlvTable& in = request.attributes;
  if (!upgrade.active) return finish_flash(kErrInvalid);
  if (in[fw::FW_WRITE_CHUNK_RESP::ERROR].present) {
    const std::int64_t error = in[fw::FW_WRITE_CHUNK_RESP::ERROR].signed_or(kErrInvalid);
    return finish_flash(error < 0 ? static_cast<std::int32_t>(error) : kErrInvalid);
  }
  const std::span<const std::byte> data = in[fw::FW_WRITE_CHUNK_RESP::DATA].bytes;
  if (data.empty()) return finish_flash(kErrNoData);
  if (u32_of(in, fw::FW_WRITE_CHUNK_RESP::OFFSET) != upgrade.offset ||
      u32_of(in, fw::FW_WRITE_CHUNK_RESP::LENGTH) != upgrade.awaited ||
      data.size() != upgrade.awaited) {
    return finish_flash(kErrInvalid);
  }
  std::copy(data.begin(), data.end(),
            storage_->incoming_image.begin() + static_cast<std::ptrdiff_t>(upgrade.offset));
  upgrade.offset += upgrade.awaited;
  if (upgrade.offset < upgrade.image_bytes) return request_flash_chunk();
  finish_flash(faults_.flash_error);
}

namespace {

std::int32_t eeprom_range_error(std::uint32_t offset, std::uint32_t length, std::size_t size) {
  if (offset >= size || length == 0) return kErrInvalid;
  return length > size - offset ? kErrOverflow : 0;
}

}  // namespace

void Firmware::on_eeprom_read(const Request& request) {
  const std::uint32_t offset = u32_of(request.attributes, fw::EEPROM_READ_RESP::OFFSET);
  const std::uint32_t length = u32_of(request.attributes, fw::EEPROM_READ_RESP::LENGTH);
  const std::span<const std::byte> eeprom = storage_->eeprom;
  TlvWriter out(storage_->scratch, FwMessage::EEPROM_READ_RESP);
  out.u32(fw::EEPROM_READ_RESP::OFFSET, offset).u32(fw::EEPROM_READ_RESP::LENGTH, length);
  if (const std::int32_t error = eeprom_range_error(offset, length, eeprom.size())) {
    out.s32(fw::EEPROM_READ_RESP::ERROR, error);
  } else {
    out.binary(fw::EEPROM_READ_RESP::DATA, eeprom.subspan(offset, length));
  }
  enqueue(out.finish());
}

void Firmware::on_eeprom_write(const Request& request) {
  const std::uint32_t offset = u32_of(request.attributes, fw::EEPROM_READ_RESP::OFFSET);
  const std::uint32_t length = u32_of(request.attributes, fw::EEPROM_READ_RESP::LENGTH);
  const std::span<const std::byte> data = request.attributes[fw::EEPROM_READ_RESP::DATA].bytes;
  std::int32_t error = eeprom_range_error(offset, length, storage_->eeprom.size());
  if (error == 0 && data.size() != length) error = kErrInvalid;
  if (error == 0) std::copy(data.begin(), data.end(), storage_->eeprom.begin() + offset);
  TlvWriter out(storage_->scratch, FwMessage::EEPROM_WRITE_RESP);
  out.u32(fw::EEPROM_READ_RESP::OFFSET, offset).u32(fw::EEPROM_READ_RESP::LENGTH, length);
  if (error != 0) out.s32(fw::EEPROM_READ_RESP::ERROR, error);
  enqueue(out.finish());
}

std::int32_t Firmware::read_module(std::uint32_t bank, std::uint32_t page, std::uint32_t offset,
                                   std::span<std::byte> out) const {
  const Storage& s = *storage_;
  constexpr std::uint32_t kHalf = Storage::kQsfpPageBytes;
  if (faults_.qsfp_error != 0) return faults_.qsfp_error;
  if (!s.module_present || bank != 0) return kErrNoDevice;
  if (out.empty() || offset >= 2 * kHalf || out.size() > 2 * kHalf - offset) return kErrInvalid;
  const bool upper = offset + out.size() > kHalf;
  if (upper && !s.has_qsfp_page(page)) return kErrNoDevice;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t at = offset + i;
    out[i] = at < kHalf ? s.qsfp_lower[at] : s.qsfp_upper[page][at - kHalf];
  }
  return 0;
}

// QSFP_READ_REQ [device 6.6].
void Firmware::on_qsfp_read(const Request& request) {
  const TlvTable& in = request.attributes;
  const std::uint32_t bank = u32_of(in, fw::QSFP_READ_RESP::BANK);
  const std::uint32_t page = u32_of(in, fw::QSFP_READ_RESP::PAGE);
  const std::uint32_t offset = u32_of(in, fw::QSFP_READ_RESP::OFFSET);
  const std::uint32_t length = u32_of(in, fw::QSFP_READ_RESP::LENGTH);
  std::array<std::byte, 2 * Storage::kQsfpPageBytes> data;
  const std::span<std::byte> wanted =
      std::span{data}.first(std::min<std::size_t>(length, data.size()));
  const std::int32_t error =
      length > data.size() ? kErrInvalid : read_module(bank, page, offset, wanted);
  TlvWriter out(storage_->scratch, FwMessage::QSFP_READ_RESP);
  out.u32(fw::QSFP_READ_RESP::BANK, bank).u32(fw::QSFP_READ_RESP::PAGE, page);
  out.u32(fw::QSFP_READ_RESP::OFFSET, offset)
      .u32(fw::QSFP_READ_RESP::LENGTH, length);  // echoed exactly [device 23 trap 16]
  if (error != 0) {
    out.s32(fw::QSFP_READ_RESP::ERROR, error);
  } else {
    out.binary(fw::QSFP_READ_RESP::DATA, wanted);
  }
  enqueue(out.finish());
}

// TSENE_READ_REQ [device 6.7].
void Firmware::on_sensors(const Request&) {
  TlvWriter out(storage_->scratch, FwMessage::TSENE_READ_RESP);
  if (faults_.sensor_error != 0) {
    out.s32(fw::TSENE_READ_RESP::ERROR, faults_.sensor_error);
  } else {
    out.s32(fw::TSENE_READ_RESP::THERM, config_.temperature_mdeg);
    out.s32(fw::TSENE_READ_RESP::VOLT, config_.voltage_mv);
  }
  enqueue(out.finish());
}

void Firmware::set_temperature(std::int32_t millidegrees) {
  config_.temperature_mdeg = millidegrees;
  check_sensors();
}

void Firmware::set_voltage(std::int32_t millivolts) {
  config_.voltage_mv = millivolts;
  check_sensors();
}

void Firmware::check_sensors() {
  namespace attr = fw::SENSOR_THRESHOLD_EXCEEDED_RESP;
  const bool hot = config_.temperature_mdeg < config_.temperature_min_mdeg ||
                   config_.temperature_mdeg > config_.temperature_max_mdeg;
  const bool volt =
      config_.voltage_mv < config_.voltage_min_mv || config_.voltage_mv > config_.voltage_max_mv;
  if (!config_.threshold_messages || (!hot && !volt)) return;
  TlvWriter out(storage_->scratch, FwMessage::SENSOR_THRESHOLD_EXCEEDED_RESP);
  if (hot) out.flag(attr::THERM_EXCEEDED);
  if (volt) out.flag(attr::VOLT_EXCEEDED);
  out.s32(attr::THERM, config_.temperature_mdeg).s32(attr::VOLT, config_.voltage_mv);
  enqueue(out.finish());
}

// Only the mock firmware has this message [device 22]; the Linux driver never sends it.
void Firmware::on_comphy_mode(const Request& request) {
  TlvWriter out(storage_->scratch, FwMessage::COMPHY_SET_MODE_RESP);
  if (!owned_) {
    out.s32(fw::COMPHY_SET_MODE_RESP::ERROR, kErrPermission);
  } else {
    const bool pam4 = u32_of(request.attributes, fw::COMPHY_SET_MODE_REQ::PAM4) != 0;
    const bool two_lanes = u32_of(request.attributes, fw::COMPHY_SET_MODE_REQ::LANE_MASK) == 3;
    config_.link_speed = two_lanes ? (pam4 ? 4 : 2) : (pam4 ? 3 : 1);
    program_lanes();
  }
  enqueue(out.finish());
}

// LOG_SEND_LOGS_REQ enables or disables log messages [device 6.3].
void Firmware::on_logs(const Request& request) {
  Storage& s = *storage_;
  logs_enabled_ = request.attributes[fw::LOG_SEND_LOGS_REQ::SEND_LOGS].present;
  if (!logs_enabled_) return;
  const bool history = request.attributes[fw::LOG_SEND_LOGS_REQ::HISTORY].present;
  const std::uint64_t oldest = s.log_next > s.log.size() ? s.log_next - s.log.size() : 0;
  s.log_cursor = history ? oldest : s.log_next;
}

// Sends one LOG_MSG_REQ with up to 14 records from the cursor on, oldest first. The first record
// is in the plain attributes, the others in three arrays of equal length [device 6.3].
void Firmware::send_logs() {
  Storage& s = *storage_;
  if (!logs_enabled_ || s.log_cursor == s.log_next) return;
  if (s.log_next - s.log_cursor > s.log.size()) s.log_cursor = s.log_next - s.log.size();
  const auto record = [&s](std::uint64_t index) -> const Storage::StoredLogRecord& {
    return s.log[index % s.log.size()];
  };
  const std::uint64_t first = s.log_cursor;
  const std::uint64_t last = std::min<std::uint64_t>(s.log_next, first + kMaxLogRecords);
  TlvWriter out(s.scratch, FwMessage::LOG_MSG_REQ);
  out.u32(fw::LOG_MSG_REQ::MSEC, record(first).milliseconds);
  out.u64(fw::LOG_MSG_REQ::INDEX, first);
  out.text(fw::LOG_MSG_REQ::MSG, record(first).view());
  if (last - first > 1) {
    out.u32(fw::LOG_MSG_REQ::LENGTH, static_cast<std::uint32_t>(last - first - 1));
    const std::size_t msec = out.open(fw::LOG_MSG_REQ::MSEC_ARRAY);
    for (auto i = first + 1; i < last; ++i) out.u32(fw::LOG_MSG_REQ::MSEC, record(i).milliseconds);
    out.close(msec);
    const std::size_t indices = out.open(fw::LOG_MSG_REQ::INDEX_ARRAY);
    for (auto i = first + 1; i < last; ++i) out.u64(fw::LOG_MSG_REQ::INDEX, i);
    out.close(indices);
    const std::size_t texts = out.open(fw::LOG_MSG_REQ::MSG_ARRAY);
    for (auto i = first + 1; i < last; ++i) out.text(fw::LOG_MSG_REQ::MSG, record(i).view());
    out.close(texts);
  }
  enqueue(out.finish());
  s.log_cursor = last;
}

// RPC_MAC_SYNC_REQ [device 6.8].
void Firmware::on_mac_sync(const Request& request) {
  const auto take = [&](std::uint16_t id, std::array<MacBytes, 8>& macs, unsigned& count) {
    std::array<std::span<const std::byte>, 8> found;
    const auto elements = parse_tlv_array(request.attributes[id].bytes,
                                          fw::RPC_MAC_SYNC_REQ::MAC_ADDR, macs[0].size(), found);
    if (!elements) return false;
    count = static_cast<unsigned>(*elements);
    for (unsigned i = 0; i < count; ++i) std::memcpy(macs[i].data(), found[i].data(), 6);
    return true;
  };
  MacSyncRequest sync;
  sync.rx_flags = u32_of(request.attributes, fw::RPC_MAC_SYNC_REQ::RX_FLAGS);
  if (!take(fw::RPC_MAC_SYNC_REQ::UC_ARRAY, sync.unicast, sync.unicast_count) ||
      !take(fw::RPC_MAC_SYNC_REQ::MC_ARRAY, sync.multicast, sync.multicast_count)) {
    ++counters_.malformed;
    return;
  }
  ++counters_.mac_syncs;
  mac_sync_ = sync;
}

}  // namespace hni::device
