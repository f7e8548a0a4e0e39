// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Content of the firmware's messages [device 6]: pure functions from checked attributes to
/// values, and from values to messages. Nothing here keeps state or accesses the device.
///
/// Each decoder checks what it uses: numbers before they are narrowed, sizes exactly, text for
/// printable characters. It returns either a value or the Refusal with the violated limit. A
/// violation that affects only one field is passed to the `soft` functor (as a Refusal), and the
/// field reads as unknown.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "driver/firmware/tlv.hpp"
#include "openhni/spec/enums.hpp"
#include "openhni/spec/firmware.hpp"

namespace hni {

using spec::FwMessage;
/// Attribute ids, one namespace per message.
namespace fw = spec::fw;

/// 0.10.6.0 [device 6.1]
inline constexpr std::uint32_t kMinFirmwareVersion = 0x000a0600;
inline constexpr std::uint32_t kLogFirmwareVersion = 0x000c0900;      ///< 0.12.9: log messages
inline constexpr std::uint32_t kHistoryFirmwareVersion = 0x19050700;  ///< 25.5.7: log history
inline constexpr std::uint32_t kMaxLogRecords = 14;                   ///< per message [device 6.3]
inline constexpr std::uint32_t kMaxBmcMacs = 4;                       ///< addresses of the BMC
/// per module page request [device 6.6]
inline constexpr std::uint32_t kMaxModuleBytes = 128;
inline constexpr std::uint32_t kMaxSyncMacs = 8;  ///< per kind of address [device 6.8]

using MacAddress = std::array<std::uint8_t, kMacBytes>;  ///< an Ethernet address, first byte first

/// Text from the firmware: at most N - 1 printable characters, always terminated.
template <std::size_t N>
struct FirmwareText {
  /// The characters, terminated by NUL.
  std::array<char, N> chars{};
  /// @return the text
  [[nodiscard]] constexpr std::string_view view() const { return {chars.data()}; }
  /// @return number of characters
  [[nodiscard]] constexpr std::uint32_t length() const {
    return static_cast<std::uint32_t>(view().size());
  }
};
using CommitText = FirmwareText<20>;  ///< commit string of an image
using LogText = FirmwareText<256>;    ///< text of a log record

/// Mapped error codes of the firmware. The raw number does not leave this file: in another driver
/// a positive one was taken for a length and leaked memory [trust-boundary A88].
enum class FirmwareFault : std::uint8_t {
  kNone,          ///< success
  kNotPermitted,  ///< EPERM, EACCES
  kNotFound,      ///< ENOENT
  kInputOutput,   ///< EIO
  kBusy,          ///< EAGAIN, EBUSY
  kNoDevice,      ///< ENXIO, ENODEV
  kInvalid,       ///< EINVAL
  kNoSpace,       ///< ENOMEM, ENOSPC
  kUnsupported,   ///< EOPNOTSUPP
  kTimedOut,      ///< ETIMEDOUT
  kOther,         ///< any other negative errno
  kWrongSign,     ///< a positive number, which is not an errno
};

/// Returns the name of a fault.
/// @param fault the fault
/// @return a static string
constexpr std::string_view to_string(FirmwareFault fault) {
  constexpr auto kNames = std::to_array<std::string_view>(
      {"none", "not permitted", "not found", "input/output error", "busy", "no device",
       "invalid request", "no space", "not supported", "timed out", "other error",
       "error code of the wrong sign"});
  return kNames[static_cast<std::size_t>(fault)];
}

/// Maps an error code of the firmware.
/// @param two_complement sign-extended code
/// @return the fault
constexpr FirmwareFault firmware_fault(const Untrusted<std::uint64_t>& two_complement) {
  if (!two_complement.nonzero()) return FirmwareFault::kNone;
  const std::uint64_t value = two_complement.as_data();
  if (value >> 63 == 0) return FirmwareFault::kWrongSign;
  switch (std::uint64_t{0} - value) {  // Linux errno numbers
    case 1:
    case 13:
      return FirmwareFault::kNotPermitted;
    case 2:
      return FirmwareFault::kNotFound;
    case 5:
      return FirmwareFault::kInputOutput;
    case 11:
    case 16:
      return FirmwareFault::kBusy;
    case 6:
    case 19:
      return FirmwareFault::kNoDevice;
    case 22:
      return FirmwareFault::kInvalid;
    case 12:
    case 28:
      return FirmwareFault::kNoSpace;
    case 95:
      return FirmwareFault::kUnsupported;
    case 110:
      return FirmwareFault::kTimedOut;
    default:
      return FirmwareFault::kOther;
  }
}

// ---- Firmware to host --------------------------------------------------------------------------

/// A well-formed message of a kind that the firmware may send.
struct FirmwareMessage {
  FwMessage type{};       ///< kind
  Attributes attributes;  ///< attributes
};

/// Decodes a received message.
/// @param bytes private copy, as long as the descriptor stated
/// @return the message, or why it was refused
inline Decoded<FirmwareMessage> decode_message(std::span<const std::byte> bytes) {
  const PrivateBytes source(bytes);
  const auto message = tlv_message(source);
  if (!message) return tl::unexpected<Refusal>(message.error());
  const spec::FwMessageInfo* info =
      spec::find_fw_message(static_cast<std::uint16_t>(message->type));
  if (info == nullptr || !info->fw_to_host)
    return refusal(Site::kMessageType, message->type, kTlvTypeMask);
  const auto attributes =
      Attributes::parse(source, kTlvHeaderBytes, message->end, info->attributes);
  if (!attributes) return tl::unexpected<Refusal>(attributes.error());
  for (const spec::FwAttribute& declared : info->attributes)
    if (declared.mandatory && !attributes->has(declared.id))
      return refusal(Site::kMessageMandatory, declared.id, message->type);
  return FirmwareMessage{info->id, *attributes};
}

/// Looks an attribute up in the catalogue; an unknown one does not compile.
/// @param message kind of message
/// @param id attribute
/// @return its declaration
consteval const spec::FwAttribute& declared_attribute(FwMessage message, std::uint16_t id) {
  return *spec::find_fw_attribute(*spec::find_fw_message(static_cast<std::uint16_t>(message)), id);
}

/// Collects the elements of an array. Each must be of the kind `element`; more than `out` holds
/// are refused. An absent array is empty.
/// @param attributes of the message
/// @param array_id the array
/// @param element declaration of its elements
/// @param out filled from the front
/// @return number of elements, or why the array was refused
inline Decoded<std::uint32_t> decode_array(const Attributes& attributes, std::uint16_t array_id,
                                           const spec::FwAttribute& element,
                                           std::span<TlvAttribute<std::uint32_t>> out) {
  std::uint32_t count = 0;
  if (!attributes.has(array_id)) return count;
  for (auto walk = attributes.inside(array_id); walk.more(); ++count) {
    const auto attribute = walk.next();
    if (!attribute) return tl::unexpected<Refusal>(attribute.error());
    if (attribute->id != element.id)
      return refusal(Site::kAttributeHeader, attribute->id, element.id);
    if (count == out.size()) return refusal(Site::kAttributeValue, count + 1, out.size());
    if (!tlv_fits(attributes.bytes(), *attribute, element))
      return refusal(Site::kAttributeValue, attribute->length, element.id);
    out[count] = *attribute;
  }
  return count;
}

/// Copies a string attribute whose size was checked; unprintable characters become '?'.
/// @param bytes the message
/// @param from the attribute
/// @return the text
template <std::size_t N>
FirmwareText<N> decode_text(const PrivateBytes& bytes, const TlvAttribute<std::uint32_t>& from) {
  FirmwareText<N> text;
  const std::uint32_t length =
      std::min<std::uint32_t>(from.length, static_cast<std::uint32_t>(N) - 1);
  for (std::uint32_t i = 0; i < length; ++i) {
    const std::uint32_t character = bytes[from.offset + i];
    if (character == 0) break;
    text.chars[i] = character >= 0x20 && character < 0x7f ? static_cast<char>(character) : '?';
  }
  return text;
}

/// Copies a string attribute.
/// @param attributes of the message
/// @param id the attribute
/// @return the text; empty if absent
template <std::size_t N>
FirmwareText<N> decode_text(const Attributes& attributes, std::uint16_t id) {
  return attributes.has(id) ? decode_text<N>(attributes.bytes(), *attributes.at(id))
                            : FirmwareText<N>{};
}

/// A stored or running image. Version: major[31:24] minor[23:16] patch[15:8] build[7:0].
struct ImageVersion {
  std::uint32_t version = 0;  ///< version number
  CommitText commit;          ///< commit string
};

/// Content of FW_CAP_RESP [device 6.1].
struct Capabilities {
  ImageVersion running;             ///< running firmware
  ImageVersion stored;              ///< stored firmware
  ImageVersion boot_running;        ///< running boot code
  ImageVersion boot_stored;         ///< stored boot code
  ImageVersion option_rom;          ///< option ROM
  std::uint8_t active_slot = 0;     ///< active firmware slot
  std::uint32_t anti_rollback = 0;  ///< oldest version that may be flashed
  /// Value 0: the firmware named no valid speed.
  spec::FW_LINK_SPEED link_speed{};
  spec::FW_LINK_FEC link_fec{};                    ///< forward error correction
  bool bmc_present = false;                        ///< a management controller shares the port
  bool bmc_all_multi = false;                      ///< the BMC receives all multicast
  std::uint8_t bmc_mac_count = 0;                  ///< number of valid bmc_macs
  std::array<MacAddress, kMaxBmcMacs> bmc_macs{};  ///< addresses of the BMC
  /// Increases with each accepted response; the BMC's filter entries must then be written again.
  std::uint32_t generation = 0;

  /// @return true if the firmware named a valid speed
  [[nodiscard]] bool has_link_speed() const { return static_cast<std::uint32_t>(link_speed) != 0; }
};

/// Decodes the BMC's addresses: exactly six bytes each; zero addresses are skipped, multicast ones
/// refused.
/// @param attributes of the message
/// @param to receives the addresses
/// @param soft receives violations that affect one field
/// @return why the message was refused
template <class Soft>
Decoded<void> decode_bmc(const Attributes& attributes, Capabilities& to, Soft&& soft) {
  namespace A = fw::FW_CAP_RESP;
  to.bmc_present = attributes.has(A::BMC_PRESENT);
  if (!to.bmc_present) return {};
  if (!attributes.has(A::BMC_MAC_ARRAY))
    return refusal(Site::kMessageMandatory, A::BMC_MAC_ARRAY, 0);
  std::array<TlvAttribute<std::uint32_t>, kMaxBmcMacs> macs;
  const auto count =
      decode_array(attributes, A::BMC_MAC_ARRAY,
                   declared_attribute(FwMessage::FW_CAP_RESP, A::BMC_MAC_ADDR), macs);
  if (!count) return tl::unexpected<Refusal>(count.error());
  for (std::uint32_t i = 0; i < *count; ++i) {
    if (macs[i].length != kMacBytes)
      return refusal(Site::kAttributeValue, macs[i].length, kMacBytes);
    MacAddress mac;
    for (std::uint32_t b = 0; b < kMacBytes; ++b)
      mac[b] = static_cast<std::uint8_t>(attributes.bytes()[macs[i].offset + b]);
    if (mac == MacAddress{}) continue;
    if ((mac[0] & 1) != 0) {
      soft(Refusal{Site::kAttributeValue, mac[0], 0});
      continue;
    }
    to.bmc_macs[to.bmc_mac_count++] = mac;
  }
  const auto all_multi = attributes.unsigned_at(A::BMC_ALL_MULTI);
  if (const auto flag = all_multi.at_most(1)) {
    to.bmc_all_multi = *flag != 0;
  } else {
    soft(Refusal{Site::kAttributeValue, all_multi.as_data(), 1});
  }
  return {};
}

/// Decodes FW_CAP_RESP.
/// @param attributes of the message
/// @param soft receives violations that affect one field
/// @return the capabilities, or why the message was refused
template <class Soft>
Decoded<Capabilities> decode_capabilities(const Attributes& attributes, Soft&& soft) {
  namespace A = fw::FW_CAP_RESP;
  const auto image = [&](std::uint16_t version, std::uint16_t commit) {
    return ImageVersion{static_cast<std::uint32_t>(attributes.unsigned_at(version).as_data()),
                        decode_text<20>(attributes, commit)};
  };
  Capabilities to;
  const auto version = attributes.unsigned_at(A::VERSION);
  if (!version.between(kMinFirmwareVersion, 0xffffffffU))
    return refusal(Site::kFwVersion, version.as_data(), kMinFirmwareVersion);
  to.running = image(A::VERSION, A::VERSION_COMMIT_STR);
  to.stored = image(A::STORED_VERSION, A::STORED_COMMIT_STR);
  to.boot_running = image(A::CMRT_VERSION, A::CMRT_COMMIT_STR);
  to.boot_stored = image(A::STORED_CMRT_VERSION, A::STORED_CMRT_COMMIT_STR);
  to.option_rom = image(A::UEFI_VERSION, A::UEFI_COMMIT_STR);
  to.anti_rollback =
      static_cast<std::uint32_t>(attributes.unsigned_at(A::ANTI_ROLLBACK_VERSION).as_data());
  const auto slot = attributes.unsigned_at(A::ACTIVE_FW_SLOT);
  if (const auto number = slot.at_most(0xff)) {
    to.active_slot = static_cast<std::uint8_t>(*number);
  } else {
    soft(Refusal{Site::kAttributeValue, slot.as_data(), 0xff});
  }
  // Checked as 32-bit numbers before they become an enum: 0x104 is not 4 [trust-boundary A78].
  const auto speed = attributes.unsigned_at(A::FW_LINK_SPEED);
  if (const auto code = speed.between(1, 4)) {
    to.link_speed = static_cast<spec::FW_LINK_SPEED>(*code);
  } else {
    soft(Refusal{Site::kFwLinkSpeed, speed.as_data(), 4});
  }
  const auto fec = attributes.unsigned_at(A::FW_LINK_FEC).between(1, 3);
  to.link_fec = fec ? static_cast<spec::FW_LINK_FEC>(*fec) : spec::FW_LINK_FEC::RS;
  if (const auto bmc = decode_bmc(attributes, to, soft); !bmc)
    return tl::unexpected<Refusal>(bmc.error());
  return to;
}

/// Content of TSENE_READ_RESP [device 6.7].
struct Sensors {
  std::int32_t temperature_mdeg = 0;  ///< thousandths of a degree Celsius
  std::int32_t voltage_mv = 0;        ///< millivolts
};

/// Decodes TSENE_READ_RESP.
/// @param attributes of the message
/// @return the values, or why the message was refused
inline Decoded<Sensors> decode_sensors(const Attributes& attributes) {
  namespace A = fw::TSENE_READ_RESP;
  for (const std::uint16_t id : {A::THERM, A::VOLT})
    if (!attributes.has(id)) return refusal(Site::kMessageMandatory, id, 0);
  // Declared as at most 4 bytes, so the low half holds the whole number.
  const auto value = [&](std::uint16_t id) {
    return static_cast<std::int32_t>(
        static_cast<std::uint32_t>(attributes.signed_at(id).as_data() & 0xffffffffU));
  };
  return Sensors{value(A::THERM), value(A::VOLT)};
}

/// A range of a module's EEPROM: offsets 0 .. 127 are the lower half, 128 .. 255 the upper half of
/// a page.
struct ModuleRange {
  std::uint8_t bank = 0;    ///< bank
  std::uint8_t page = 0;    ///< page
  std::uint8_t offset = 0;  ///< first byte
  std::uint8_t length = 0;  ///< 1 .. 128
  /// Compares all members.
  /// @return true if equal
  friend constexpr bool operator==(const ModuleRange&, const ModuleRange&) = default;
};

/// Checks that a response echoes a number; absent means 0.
/// @param attributes of the message
/// @param id the attribute
/// @param wanted number in the request
/// @return why the message was refused
inline Decoded<void> decode_echo(const Attributes& attributes, std::uint16_t id,
                                 std::uint64_t wanted) {
  const auto value = attributes.unsigned_at(id);
  if (!value.equals(wanted)) return refusal(Site::kFwPayload, value.as_data(), wanted);
  return {};
}

/// Returns the first bytes of a data attribute; refused if the attribute is shorter.
/// @param attributes of the message
/// @param id the attribute
/// @param length bytes
/// @return the bytes, or why the message was refused
inline Decoded<std::span<const std::byte>> decode_data(const Attributes& attributes,
                                                       std::uint16_t id, std::uint32_t length) {
  if (!attributes.has(id)) return refusal(Site::kMessageMandatory, id, 0);
  const TlvAttribute<std::uint32_t>& data = *attributes.at(id);
  if (data.length < length) return refusal(Site::kFwPayload, data.length, length);
  return attributes.bytes().part(data.offset, length);
}

/// Checks that a QSFP_READ_RESP echoes the request; required also with an error [device 6.6].
/// @param attributes of the message
/// @param asked range of the request
/// @return why the message was refused
inline Decoded<void> decode_module_echo(const Attributes& attributes, const ModuleRange& asked) {
  namespace A = fw::QSFP_READ_RESP;
  const std::array<std::pair<std::uint16_t, std::uint8_t>, 4> echoes = {
      {{A::BANK, asked.bank},
       {A::PAGE, asked.page},
       {A::OFFSET, asked.offset},
       {A::LENGTH, asked.length}}};
  for (const auto& [id, wanted] : echoes)
    if (const auto echo = decode_echo(attributes, id, wanted); !echo) return echo;
  return {};
}

/// One record of the firmware's log.
struct LogRecord {
  std::uint32_t msec = 0;   ///< firmware time, milliseconds
  std::uint64_t index = 0;  ///< running number
  LogText text;             ///< text
};

/// Decodes LOG_MSG_REQ [device 6.3]: checks the whole message, then passes each record to `each`,
/// in order.
/// @param attributes of the message
/// @param each called with each LogRecord
/// @return number of records, or why the message was refused
template <class Each>
Decoded<std::uint32_t> decode_log(const Attributes& attributes, Each&& each) {
  namespace A = fw::LOG_MSG_REQ;
  const auto extra = attributes.unsigned_at(A::LENGTH).below(kMaxLogRecords);
  if (!extra)
    return refusal(Site::kFwPayload, attributes.unsigned_at(A::LENGTH).as_data(),
                   kMaxLogRecords - 1);
  using Elements = std::array<TlvAttribute<std::uint32_t>, kMaxLogRecords>;
  const auto collect = [&](const spec::FwAttribute& element, std::uint16_t array,
                           Elements& out) -> Decoded<void> {
    out[0] = *attributes.at(element.id);  // mandatory, so it is present
    if (*extra == 0) return {};
    const auto count = decode_array(attributes, array, element, std::span(out).subspan(1));
    if (!count) return tl::unexpected<Refusal>(count.error());
    if (*count != *extra) return refusal(Site::kFwPayload, *count, *extra);
    return {};
  };
  Elements msec;
  Elements index;
  Elements text;
  for (const auto& checked :
       {collect(declared_attribute(FwMessage::LOG_MSG_REQ, A::MSEC), A::MSEC_ARRAY, msec),
        collect(declared_attribute(FwMessage::LOG_MSG_REQ, A::INDEX), A::INDEX_ARRAY, index),
        collect(declared_attribute(FwMessage::LOG_MSG_REQ, A::MSG), A::MSG_ARRAY, text)})
    if (!checked) return tl::unexpected<Refusal>(checked.error());
  const PrivateBytes& bytes = attributes.bytes();
  const auto count = static_cast<std::uint32_t>(*extra + 1);
  for (std::uint32_t i = 0; i < count; ++i)
    each(
        LogRecord{static_cast<std::uint32_t>(tlv_unsigned(bytes, msec[i]).as_data() & 0xffffffffU),
                  tlv_unsigned(bytes, index[i]).as_data(), decode_text<256>(bytes, text[i])});
  return count;
}

// ---- Host to firmware --------------------------------------------------------------------------

using SmallMessage = std::array<std::byte, 64>;  ///< room for the messages without payload
/// Room for a flash chunk.
using LargeMessage = std::array<std::byte, kTlvMaxData + 64>;

/// Encodes a message without attributes: HOST_CAP_REQ, HEARTBEAT_REQ, TSENE_READ_REQ.
/// @param into buffer
/// @param type message
/// @return the message in `into`
inline std::span<const std::byte> encode_plain(SmallMessage& into, FwMessage type) {
  return TlvBuilder(into, type).finish();
}

/// Encodes OWNERSHIP_REQ.
/// @param into buffer
/// @param take true: claim, false: release
/// @return the message in `into`
inline std::span<const std::byte> encode_ownership(SmallMessage& into, bool take) {
  TlvBuilder message(into, FwMessage::OWNERSHIP_REQ);
  if (take) message.flag(fw::OWNERSHIP_REQ::FLAG);
  return message.finish();
}

/// Encodes LOG_SEND_LOGS_REQ.
/// @param into buffer
/// @param enable true: send log messages
/// @param history also send the records from before
/// @return the message in `into`
inline std::span<const std::byte> encode_logs(SmallMessage& into, bool enable, bool history) {
  namespace A = fw::LOG_SEND_LOGS_REQ;
  TlvBuilder message(into, FwMessage::LOG_SEND_LOGS_REQ);
  if (enable) message.flag(A::SEND_LOGS).u32(A::VERSION, 1);
  if (enable && history) message.flag(A::HISTORY);
  return message.finish();
}

/// Encodes QSFP_READ_REQ.
/// @param into buffer
/// @param range bytes to read
/// @return the message in `into`
inline std::span<const std::byte> encode_module_read(SmallMessage& into,
                                                     const ModuleRange& range) {
  namespace A = fw::QSFP_READ_REQ;
  return TlvBuilder(into, FwMessage::QSFP_READ_REQ)
      .u32(A::BANK, range.bank)
      .u32(A::PAGE, range.page)
      .u32(A::OFFSET, range.offset)
      .u32(A::LENGTH, range.length)
      .finish();
}

/// Encodes COREDUMP_GET_INFO_REQ.
/// @param into buffer
/// @param create make a core dump first
/// @return the message in `into`
inline std::span<const std::byte> encode_core_dump_info(SmallMessage& into, bool create) {
  TlvBuilder message(into, FwMessage::COREDUMP_GET_INFO_REQ);
  if (create) message.flag(fw::COREDUMP_GET_INFO_REQ::CREATE);
  return message.finish();
}

/// Encodes COREDUMP_READ_REQ; an offset of 0 is omitted [device 6.4].
/// @param into buffer
/// @param offset first byte
/// @param length bytes
/// @return the message in `into`
inline std::span<const std::byte> encode_core_dump_read(SmallMessage& into, std::uint32_t offset,
                                                        std::uint32_t length) {
  namespace A = fw::COREDUMP_READ_REQ;
  TlvBuilder message(into, FwMessage::COREDUMP_READ_REQ);
  if (offset != 0) message.u32(A::OFFSET, offset);
  return message.u32(A::LENGTH, length).finish();
}

/// Encodes FW_START_UPGRADE_REQ.
/// @param into buffer
/// @param section flash section
/// @param bytes length of the image
/// @return the message in `into`
inline std::span<const std::byte> encode_flash_start(SmallMessage& into, std::uint32_t section,
                                                     std::uint32_t bytes) {
  namespace A = fw::FW_START_UPGRADE_REQ;
  return TlvBuilder(into, FwMessage::FW_START_UPGRADE_REQ)
      .u32(A::SECTION, section)
      .u32(A::IMAGE_LENGTH, bytes)
      .finish();
}

/// Encodes FW_WRITE_CHUNK_RESP.
/// @param into buffer
/// @param offset first byte in the image
/// @param data the piece
/// @return the message in `into`
inline std::span<const std::byte> encode_flash_chunk(LargeMessage& into, std::uint32_t offset,
                                                     std::span<const std::byte> data) {
  namespace A = fw::FW_WRITE_CHUNK_RESP;
  return TlvBuilder(into, FwMessage::FW_WRITE_CHUNK_RESP)
      .u32(A::OFFSET, offset)
      .u32(A::LENGTH, static_cast<std::uint32_t>(data.size()))
      .binary(A::DATA, data)
      .finish();
}

/// Encodes the FW_WRITE_CHUNK_RESP that cancels an upgrade: EFAULT, as the Linux driver sends.
/// @param into buffer
/// @return the message in `into`
inline std::span<const std::byte> encode_flash_cancel(SmallMessage& into) {
  return TlvBuilder(into, FwMessage::FW_WRITE_CHUNK_RESP)
      .s32(fw::FW_WRITE_CHUNK_RESP::ERROR, -14)
      .finish();
}

/// What the host's receive filter accepts, for a BMC that shares the port [device 6.8].
struct MacSync {
  static constexpr std::uint32_t kPromiscuous = 1;   ///< flag: everything
  static constexpr std::uint32_t kAllMulticast = 2;  ///< flag: all multicast
  static constexpr std::uint32_t kBroadcast = 4;     ///< flag: broadcast
  std::span<const MacAddress> unicast;               ///< more than eight are sent as kPromiscuous
  std::span<const MacAddress> multicast;             ///< more than eight are sent as kAllMulticast
  std::uint32_t flags = 0;                           ///< flags above
};

/// Encodes RPC_MAC_SYNC_REQ.
/// @param into buffer
/// @param sync addresses and flags
/// @return the message in `into`
inline std::span<const std::byte> encode_mac_sync(std::span<std::byte, 512> into,
                                                  const MacSync& sync) {
  namespace A = fw::RPC_MAC_SYNC_REQ;
  std::uint32_t flags = sync.flags;
  TlvBuilder message(into, FwMessage::RPC_MAC_SYNC_REQ);
  const auto list = [&](std::uint16_t array, std::span<const MacAddress> macs,
                        std::uint32_t overflow) {
    if (macs.size() > kMaxSyncMacs) flags |= overflow;
    message.open(array);
    for (const MacAddress& mac : macs.first(std::min<std::size_t>(macs.size(), kMaxSyncMacs)))
      message.binary(A::MAC_ADDR, std::as_bytes(std::span(mac)));
    message.close();
  };
  list(A::UC_ARRAY, sync.unicast, MacSync::kPromiscuous);
  list(A::MC_ARRAY, sync.multicast, MacSync::kAllMulticast);
  return message.u32(A::RX_FLAGS, flags).finish();
}

// ---- Self test [device 20.3] --------------------------------------------------------

namespace detail {
/// Appends one attribute of each type.
/// @param message message under construction
inline void put_test_set(TlvBuilder& message) {
  namespace A = fw::TEST;
  static constexpr std::array<MacAddress, 4> kMacs = {{{0x02, 0x11, 0x22, 0x33, 0x44, 0x55},
                                                       {0x06, 0xff, 0x00, 0xff, 0x00, 0xff},
                                                       {0x0a, 0x01, 0x02, 0x03, 0x04, 0x05},
                                                       {0x0e, 0xa5, 0x5a, 0xa5, 0x5a, 0xa5}}};
  message.u64(A::U64, 0xfedcba9876543210U)
      .s64(A::S64, -0x0123456789abcdef)
      .u32(A::U32, 0xdeadbeefU)
      .s32(A::S32, -0x01234567)
      .u32(A::U16, 0xbeefU)
      .s32(A::S16, -0x1234)
      .binary(A::MAC_ADDR, std::as_bytes(std::span(kMacs[0])));
  message.open(A::ARRAY);
  for (const MacAddress& mac : kMacs) message.binary(A::MAC_ADDR, std::as_bytes(std::span(mac)));
  message.close().flag(A::FLAG_TRUE).string(A::STRING, "THE_QUICK_BROWN_FOX_JUMPS_OVER!");
}
}  // namespace detail

/// Encodes TEST: one attribute of each type, and the same nested.
/// @param into buffer
/// @return the message in `into`
inline std::span<const std::byte> encode_test(std::span<std::byte, 512> into) {
  TlvBuilder message(into, FwMessage::TEST);
  detail::put_test_set(message);
  message.open(fw::TEST::NESTED);
  detail::put_test_set(message);
  message.close();
  return message.finish();
}

/// Compares two messages: the same attributes with the same bytes, in any order.
/// @param answer attributes of the response
/// @param sent bytes of the request
/// @return true if they are equal
inline bool same_attributes(const Attributes& answer, std::span<const std::byte> sent) {
  const spec::FwMessageInfo* info =
      spec::find_fw_message(static_cast<std::uint16_t>(FwMessage::TEST));
  const auto expected =
      Attributes::parse(PrivateBytes(sent), kTlvHeaderBytes,
                        static_cast<std::uint32_t>(sent.size()), info->attributes);
  if (!expected) return false;
  for (std::uint16_t id = 0; id < kTlvIds; ++id) {
    if (answer.has(id) != expected->has(id)) return false;
    if (!answer.has(id)) continue;
    const auto part = [id](const Attributes& of) {
      return of.bytes().part(of.at(id)->offset, of.at(id)->length);
    };
    if (!std::ranges::equal(part(answer), part(*expected))) return false;
  }
  return true;
}

}  // namespace hni
