// SPDX-License-Identifier: Apache-2.0
// The firmware's side of the TLV format [device 5]: a builder into a caller's buffer and
// a parser that is total on any bytes.
//
// Header, 4 bytes little endian: TYPE [11:0], CANNOT_IGNORE [14], IS_MSG [15], LEN [31:16]. A
// message counts LEN in dwords, an attribute in bytes, both with their header; attributes start on
// 4-byte boundaries. Nothing here allocates.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "openhni/spec/firmware.hpp"

namespace hni::device {

/// Attribute ids are smaller than this.
inline constexpr std::size_t kTlvMaxAttributes = 32;
inline constexpr std::size_t kTlvHeaderBytes = 4;
/// Largest message in either direction: one 4 KiB page.
inline constexpr std::size_t kTlvMaxMessageBytes = 4096;
/// Largest binary payload, TLV_MAX_DATA for 4 KiB pages.
inline constexpr std::size_t kTlvMaxData = 3584;

/// Why bytes are no message. The numbers follow the errno that Linux gives [device 5].
enum class TlvError : std::int32_t {
  kNone = 0,
  kUnknownAttribute = -2,  ///< id unknown to the schema and CANNOT_IGNORE set
  kMalformed = -22,        ///< lengths, header bits or value sizes that no message has
  kDuplicate = -98,        ///< one id twice
};

/// One attribute's value, borrowed from the message.
struct TlvValue {
  bool present = false;
  std::span<const std::byte> bytes;

  /// Little-endian number of 1..8 bytes; `fallback` when absent.
  std::uint64_t unsigned_or(std::uint64_t fallback) const;
  std::int64_t signed_or(std::int64_t fallback) const;
};

/// Attributes by id.
using TlvTable = std::array<TlvValue, kTlvMaxAttributes>;

/// The message id in a header, nothing when `bytes` does not begin with a whole message.
std::optional<std::uint16_t> tlv_message_id(std::span<const std::byte> bytes);

/// Parses the message in `bytes` (which may be longer than the message) against the attributes
/// that the catalogue gives it. Missing mandatory ones and values of a wrong size are kMalformed.
TlvError parse_tlv_message(std::span<const std::byte> bytes,
                           std::span<const spec::FwAttribute> catalogue, TlvTable& table);

/// Walks an array attribute's elements, each of which must have
/// `element_id` and a value of exactly `element_bytes`. Nothing when an
/// element is something else or when `out` is too short.
std::optional<std::size_t> parse_tlv_array(std::span<const std::byte> value,
                                           std::uint16_t element_id, std::size_t element_bytes,
                                           std::span<std::span<const std::byte>> out);

/// Builds one message. After an overflow every call does nothing and `finish` gives no bytes.
class TlvWriter {
 public:
  TlvWriter(std::span<std::byte> buffer, spec::FwMessage message);

  TlvWriter& flag(std::uint16_t id) { return binary(id, {}); }
  TlvWriter& u32(std::uint16_t id, std::uint32_t value) { return integer(id, value, 4); }
  TlvWriter& s32(std::uint16_t id, std::int32_t value) {
    return integer(id, static_cast<std::uint32_t>(value), 4);
  }
  TlvWriter& u64(std::uint16_t id, std::uint64_t value) { return integer(id, value, 8); }
  /// Writes a terminating NUL. An empty text is written as a lone NUL.
  TlvWriter& text(std::uint16_t id, std::string_view value);
  TlvWriter& binary(std::uint16_t id, std::span<const std::byte> value);
  /// Opens an array or nested attribute; everything until `close` goes into it.
  std::size_t open(std::uint16_t id);
  void close(std::size_t opened);

  /// The finished message, empty after an overflow.
  std::span<const std::byte> finish();
  std::size_t room() const { return buffer_.size() - used_; }

 private:
  TlvWriter& integer(std::uint16_t id, std::uint64_t value, std::size_t bytes);
  std::byte* reserve(std::uint16_t id, std::size_t value_bytes);
  void put_header(std::size_t at, std::uint32_t header);

  std::span<std::byte> buffer_;
  std::size_t used_ = 0;
  std::uint16_t message_id_;
  bool overflow_ = false;
};

}  // namespace hni::device
