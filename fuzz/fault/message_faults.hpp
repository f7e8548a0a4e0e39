// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Faults in firmware messages: the position that each input site of kind kMessage reads, so that
/// faulty firmware can be wrong in one field of an otherwise correct message.

#include <cstdint>
#include <optional>
#include <span>

#include "driver/core/input_sites.hpp"
#include "fuzz/script/field_faults.hpp"
#include "openhni/spec/firmware.hpp"

namespace hni::fuzz {

/// Bytes [at, at + bytes) of a message hold the value of the site; `unit_bits` are its bits from
/// `shift` on.
struct MessagePlace {
  std::size_t at = 0;
  std::size_t bytes = 4;
  unsigned shift = 0;
  std::uint64_t mask = 0xffffffff;
};

inline std::uint64_t message_word(std::span<const std::byte> message, std::size_t at,
                                  std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes && at + i < message.size(); ++i)
    value |= std::to_integer<std::uint64_t>(message[at + i]) << (8 * i);
  return value;
}

/// Returns the header position of the `skip`-th attribute whose id `wanted` accepts.
template <class Wanted>
std::optional<std::size_t> find_attribute(std::span<const std::byte> message, Wanted&& wanted,
                                          unsigned skip) {
  std::size_t at = 4;
  while (at + 4 <= message.size()) {
    const std::uint64_t header = message_word(message, at, 4);
    const std::size_t length = (header >> 16) & 0xffff;
    if (wanted(static_cast<std::uint16_t>(header & 0xfff)) && skip-- == 0) return at;
    if (length < 4) return std::nullopt;
    at += (length + 3) / 4 * 4;
  }
  return std::nullopt;
}

/// Returns the position of `site` in this message; nullopt if it has none. `which` selects among
/// attributes.
inline std::optional<MessagePlace> message_place(Site site, std::span<const std::byte> message,
                                                 unsigned which) {
  using spec::FwMessage;
  namespace fw = spec::fw;
  if (message.size() < 4) return std::nullopt;
  const auto type = static_cast<FwMessage>(message_word(message, 0, 2) & 0xfff);
  const auto value_of = [&](auto wanted) -> std::optional<MessagePlace> {
    const auto at = find_attribute(message, wanted, 0);
    if (!at || *at + 8 > message.size()) return std::nullopt;
    return MessagePlace{*at + 4, 4, 0, 0xffffffff};
  };
  const auto any = [](std::uint16_t) { return true; };
  const auto is = [](std::uint16_t wanted) {
    return [wanted](std::uint16_t id) { return id == wanted; };
  };
  switch (site) {
    case Site::kMessageBytes:
      return MessagePlace{which % message.size(), 1, 0, 0xff};
    case Site::kMessageHeader:
      return MessagePlace{2, 2, 0, 0xffff};
    case Site::kMessageType:
    case Site::kFwUnsolicited:
      return MessagePlace{0, 2, 0, 0xfff};
    case Site::kAttributeHeader:
      if (const auto at = find_attribute(message, any, which % 8))
        return MessagePlace{*at + (which & 8 ? 0U : 2U), 2, 0, which & 8 ? 0x4fffU : 0xffffU};
      return std::nullopt;
    case Site::kAttributeValue:
      if (const auto at = find_attribute(message, any, which % 8); at && *at + 8 <= message.size())
        return MessagePlace{*at + 4, 4, 0, 0xffffffff};
      return std::nullopt;
    case Site::kMessageMandatory:
      if (const auto at = find_attribute(message, any, which % 2))
        return MessagePlace{*at, 2, 0, 0x1f};
      return std::nullopt;
    case Site::kFwVersion:
      if (type != FwMessage::FW_CAP_RESP) return std::nullopt;
      return value_of(is(fw::FW_CAP_RESP::VERSION));
    case Site::kFwLinkSpeed:
      if (type != FwMessage::FW_CAP_RESP) return std::nullopt;
      return value_of(is(fw::FW_CAP_RESP::FW_LINK_SPEED));
    case Site::kFwUptime:
      if (type == FwMessage::OWNERSHIP_RESP) return value_of(is(fw::OWNERSHIP_RESP::TIME));
      if (type == FwMessage::HEARTBEAT_RESP) return value_of(is(fw::HEARTBEAT_RESP::UPTIME));
      return std::nullopt;
    case Site::kFwError:
      if (type == FwMessage::TSENE_READ_RESP) return value_of(is(fw::TSENE_READ_RESP::ERROR));
      if (type == FwMessage::QSFP_READ_RESP) return value_of(is(fw::QSFP_READ_RESP::ERROR));
      return std::nullopt;
    case Site::kFwPayload:
      if (type == FwMessage::QSFP_READ_RESP)
        return value_of(
            is(which % 2 == 0 ? fw::QSFP_READ_RESP::LENGTH : fw::QSFP_READ_RESP::OFFSET));
      if (type == FwMessage::COREDUMP_READ_RESP)
        return value_of(
            is(which % 2 == 0 ? fw::COREDUMP_READ_RESP::LENGTH : fw::COREDUMP_READ_RESP::OFFSET));
      if (type == FwMessage::FW_WRITE_CHUNK_REQ)
        return value_of(
            is(which % 2 == 0 ? fw::FW_WRITE_CHUNK_REQ::LENGTH : fw::FW_WRITE_CHUNK_REQ::OFFSET));
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

/// Puts a value of class `c` into the message. Returns false if the site reads nothing from it.
inline bool put_fault_in_message(Site site, ValueClass c, std::uint32_t random,
                                 std::uint64_t& stale, std::span<std::byte> message) {
  const auto place = message_place(site, message, random);
  if (!place) return false;
  const std::uint64_t honest = message_word(message, place->at, place->bytes);
  const Range range{.honest = honest & place->mask,
                    .low = honest & place->mask,
                    .high = honest & place->mask,
                    .stale = stale,
                    .mask = place->mask};
  stale = honest & place->mask;
  const std::uint64_t value = (honest & ~place->mask) | faulty_value(c, range, random >> 4);
  for (std::size_t i = 0; i < place->bytes && place->at + i < message.size(); ++i)
    message[place->at + i] = static_cast<std::byte>(value >> (8 * i) & 0xff);
  return true;
}

}  // namespace hni::fuzz
