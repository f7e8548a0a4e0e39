// SPDX-License-Identifier: Apache-2.0
// The parser of firmware messages on arbitrary bytes, compared with a second, straightforward
// parser written from [device 5]: both must accept the same messages, and accepted attributes must
// lie inside the buffer. Every decoder then runs on accepted messages.
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "driver/firmware/firmware_log.hpp"
#include "driver/firmware/firmware_transfers.hpp"
#include "driver/firmware/messages.hpp"
#include "fuzz/script/finding.hpp"
#include "fuzz/script/mutator.hpp"
#include "fuzz/script/run_context.hpp"
#include "fuzz/script/target.hpp"

namespace hni::fuzz {
namespace {

using Input = std::span<const std::byte>;

std::uint32_t word_at(Input bytes, std::size_t at) {
  std::uint32_t word = 0;
  for (unsigned i = 0; i < 4; ++i)
    word |= std::to_integer<std::uint32_t>(bytes[at + i]) << (8 * i);
  return word;
}

bool value_fits(const spec::FwAttribute& declared, Input value) {
  using enum spec::TlvType;
  const bool sized = !value.empty() && value.size() <= declared.max_bytes;
  if (declared.type == kFlag) return value.empty();
  if (declared.type == kNested || declared.type == kArray) return value.size() % 4 == 0;
  if (declared.type == kString) return sized && value.back() == std::byte{0};
  if (declared.type == kBinary) return sized;
  return sized && value.size() <= 8;
}

/// Returns why the message is not well-formed or may not be sent by the firmware; empty if it is
/// accepted.
std::string_view reference_refuses(Input bytes) {
  if (bytes.size() < 4) return "no header";
  const std::uint32_t header = word_at(bytes, 0);
  const std::size_t end = std::size_t{header >> 16} * 4;
  if ((header & 0x8000) == 0) return "no message";
  if (end < 4 || end > bytes.size()) return "a message past its descriptor";
  const auto* info = spec::find_fw_message(static_cast<std::uint16_t>(header & 0xfff));
  if (info == nullptr || !info->fw_to_host) return "an unknown type";
  std::array<bool, 32> seen{};
  for (std::size_t at = 4; at < end;) {
    const std::uint32_t attribute = word_at(bytes, at);
    const std::uint32_t id = attribute & 0xfff;
    const std::size_t length = attribute >> 16;
    if ((attribute & 0x8000) != 0) return "a message inside a message";
    if (id >= 32) return "an attribute of no number";
    if (seen[id]) return "an attribute twice";
    if (length < 4) return "an attribute shorter than its header";
    if (at + length > end) return "an attribute past its message";
    seen[id] = true;
    const auto declared = std::find_if(info->attributes.begin(), info->attributes.end(),
                                       [&](auto& d) { return d.known_to_linux && d.id == id; });
    if (declared == info->attributes.end()) {
      if ((attribute & 0x4000) != 0) return "an unknown attribute that must be known";
    } else if (!value_fits(*declared, bytes.subspan(at + 4, length - 4))) {
      return declared->type == spec::TlvType::kString ? "an invalid string" : "an invalid value";
    }
    at += (length + 3) / 4 * 4;
  }
  const bool all = std::all_of(info->attributes.begin(), info->attributes.end(), [&](auto& d) {
    return !d.mandatory || (d.known_to_linux && seen[d.id]);
  });
  return all ? "" : "a mandatory attribute is missing";
}

void check_inside(const FirmwareMessage& message, Input bytes) {
  require(!message.attributes.has(kTlvIds), "geometry", "an attribute of no number");
  const std::size_t end = std::size_t{word_at(bytes, 0) >> 16} * 4;
  for (std::uint16_t id = 0; id < kTlvIds; ++id) {
    if (!message.attributes.has(id)) continue;
    const auto& attribute = *message.attributes.at(id);
    require(attribute.offset >= 8 && attribute.offset + attribute.length <= end, "geometry",
            "an attribute outside of its message", attribute.offset, attribute.length);
    require((word_at(bytes, attribute.offset - 4) & 0xfff) == id, "geometry",
            "an attribute under another's number", id);
  }
}

/// One response in the middle of a transfer must not access memory outside the caller's heap
/// buffer.
void transfers(const FirmwareMessage& message) {
  if (message.type == FwMessage::COREDUMP_READ_RESP) {
    std::vector<std::byte> dump(8);
    CoreDumpSession session;
    session.begin(dump);
    const bool accepted = session.accept(message.attributes).has_value();
    require(session.offset() == (accepted ? dump.size() : 0), "range", "an offset of its own",
            session.offset());
  }
  if (message.type == FwMessage::FW_WRITE_CHUNK_REQ) {
    const std::vector<std::byte> image(100);
    FlashSession session;
    session.begin(image);
    session.started();
    if (!session.accept(message.attributes)) return;
    require(!session.complete(), "geometry", "an image is complete before it was sent");
    const auto piece = session.piece();
    require(session.is_valid() && !piece.empty() && piece.data() >= image.data() &&
                piece.size() <= image.size(),
            "geometry", "a piece outside of the image", session.offset(), piece.size());
  }
}

void decode_all(const FirmwareMessage& message, Input bytes) {
  const Attributes& a = message.attributes;
  std::uint64_t soft = 0;
  if (const auto caps = decode_capabilities(a, [&](const Refusal&) { ++soft; })) {
    require(caps->running.version >= kMinFirmwareVersion, "range", "a version below the least",
            caps->running.version);
    require(static_cast<std::uint32_t>(caps->link_speed) <= 4, "range", "an invalid speed",
            static_cast<std::uint32_t>(caps->link_speed));
    require(caps->bmc_mac_count <= kMaxBmcMacs, "range", "more BMC addresses than fit",
            caps->bmc_mac_count);
  }
  (void)decode_sensors(a);
  if (message.type == FwMessage::QSFP_READ_RESP) {
    const auto data = decode_data(a, fw::QSFP_READ_RESP::DATA, 64);
    if (data) {
      require(data->size() == 64, "geometry", "other data than asked for", data->size());
      require(data->data() >= bytes.data() && data->data() + 64 <= bytes.data() + bytes.size(),
              "geometry", "data outside of the message");
    }
    (void)decode_module_echo(a, {0, 0, 0, 64});
  }
  transfers(message);
  if (message.type == FwMessage::LOG_MSG_REQ) {
    std::uint32_t records = 0;
    std::vector<LogRecord> kept(2);
    FirmwareLog log(kept);
    const auto count = decode_log(a, [&](const LogRecord& record) {
      ++records;
      for (int i = 0; i < 3; ++i) log.add(record);
      require(log.size() == 2 && log.at(1).index == record.index, "log", "the newest is not kept",
              log.size(), log.at(1).index);
      for (const char c : record.text.view())
        require(c >= 0x20 && c < 0x7f, "range", "a character that a terminal obeys",
                static_cast<unsigned char>(c));
    });
    require(records <= kMaxLogRecords && (!count || *count == records), "range",
            "more log records than allowed", records);
  }
  if (message.type == FwMessage::TEST) {
    std::array<std::byte, 512> sent;
    (void)same_attributes(a, encode_test(sent));
  }
}

/// Builds a message of the same attributes in memory of any size: either all of it fits or nothing
/// is written. Arrays are built as arrays, and are cut off when the memory ends.
void rebuild(const FirmwareMessage& message, std::size_t room) {
  std::vector<std::byte> into(room);
  TlvBuilder builder(into, message.type);
  for (std::uint16_t id = 0; id < kTlvIds; ++id) {
    if (!message.attributes.has(id)) continue;
    const auto& a = *message.attributes.at(id);
    const auto part = message.attributes.bytes().part(a.offset, a.length);
    const std::span<const std::byte> bytes(part.data(), part.size());
    switch (id % 4) {
      case 0:
        builder.binary(id, bytes);
        break;
      case 1:
        builder.string(id, std::string_view(reinterpret_cast<const char*>(bytes.data()),
                                            std::min<std::size_t>(bytes.size(), 40)));
        break;
      case 2:
        builder.open(id).open(id).open(id).u32(id, a.length).close().close().close();
        break;
      default:
        builder.open(id).flag(id).u32(id, a.length).close();
        builder.close();  // of nothing
        break;
    }
  }
  const auto built = builder.finish();
  require(built.size() <= room && built.size() % 4 == 0, "geometry",
          "a message of another size than its memory", built.size(), room);
  if (built.empty()) return;
  require((word_at(built, 0) >> 16) * 4 == built.size(), "geometry",
          "a message that names another length", word_at(built, 0) >> 16, built.size());
}

void run(const std::uint8_t* data, std::size_t size) {
  // An exact copy on the heap, so that a read beyond it is detected.
  const auto copy = std::make_unique<std::byte[]>(size == 0 ? 1 : size);
  if (size != 0) std::memcpy(copy.get(), data, size);
  const Input bytes(copy.get(), size);
  const auto message = decode_message(bytes);
  ++work().events;
  const std::string_view why = reference_refuses(bytes);
  if (message) run_context.cause = why;
  require(message.has_value() == why.empty(), "verdict", "the two parsers disagree",
          message.has_value(), size);
  if (!message) return;
  check_inside(*message, bytes);
  decode_all(*message, bytes);
  for (const std::size_t room : {std::size_t{4}, size / 2 + 4, size | 1U, std::size_t{4096}})
    rebuild(*message, room);
}

}  // namespace

const Target& tlv_target() {
  static constexpr Target kTarget{
      "tlv",         "the parser of firmware messages, against a second one", {}, run, 4096, true,
      mutate_message};
  return kTarget;
}

}  // namespace hni::fuzz
