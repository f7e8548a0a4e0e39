// SPDX-License-Identifier: Apache-2.0
/// The firmware's side of the TLV format [device 5]: a builder into a caller's buffer, and a
/// parser that is total on arbitrary bytes.
///
/// Header, 4 bytes little endian: TYPE [11:0], CANNOT_IGNORE [14], IS_MSG [15], LEN [31:16]. A
/// message counts LEN in dwords, an attribute in bytes, both including their header; attributes
/// start on 4-byte boundaries. Nothing here allocates.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "openhni/spec/firmware.hpp"

namespace hni::device {

inline constexpr std::size_t kTlvMaxAttributes = 32;  ///< attribute ids are smaller than this
inline constexpr std::size_t kTlvHeaderBytes = 4;     ///< bytes of a header
/// largest message in either direction: one 4 KiB page
inline constexpr std::size_t kTlvMaxMessageBytes = 4096;
/// largest binary payload: TLV_MAX_DATA for 4 KiB pages
inline constexpr std::size_t kTlvMaxData = 3584;

/// Why a message is invalid. The numbers are the errno that Linux uses [device 5].
enum class TlvError : std::int32_t {
  kNone = 0,               ///< valid
  kUnknownAttribute = -2,  ///< id unknown to the schema and CANNOT_IGNORE set
  kMalformed = -22,        ///< invalid lengths, header bits or value sizes
  kDuplicate = -98,        ///< an id occurs twice
};

/// Value of an attribute, borrowed from the message.
struct TlvValue {
  bool present = false;              ///< the message has the attribute
  std::span<const std::byte> bytes;  ///< its value

  /// Decodes a little-endian number of 1..8 bytes.
  /// @param fallback result if the attribute is absent
  /// @return the number, zero-extended
  std::uint64_t unsigned_or(std::uint64_t fallback) const;
  /// Decodes a little-endian number of 1..8 bytes.
  /// @param fallback result if the attribute is absent
  /// @return the number, sign-extended
  std::int64_t signed_or(std::int64_t fallback) const;
};

using TlvTable = std::array<TlvValue, kTlvMaxAttributes>;  ///< attributes by id

/// Reads the message id from a header.
/// @param bytes received bytes
/// @return nullopt unless they start with a whole message
std::optional<std::uint16_t> tlv_message_id(std::span<const std::byte> bytes);

/// Parses a message. Missing mandatory attributes and values of a wrong size are kMalformed.
/// @param bytes the message; may be longer
/// @param catalogue its attributes
/// @param table receives the attributes
/// @return kNone, or what is wrong
TlvError parse_tlv_message(std::span<const std::byte> bytes,
                           std::span<const spec::FwAttribute> catalogue, TlvTable& table);

/// Splits an array attribute.
/// @param value its bytes
/// @param element_id id that each element must have
/// @param element_bytes size that each element must have
/// @param out receives the elements
/// @return number of elements; nullopt if one is invalid or `out` is too short
std::optional<std::size_t> parse_tlv_array(std::span<const std::byte> value,
                                           std::uint16_t element_id, std::size_t element_bytes,
                                           std::span<std::span<const std::byte>> out);

/// Builds one message. After an overflow every call has no effect and `finish` returns no bytes.
class TlvWriter {
 public:
  /// Starts a message.
  /// @param buffer receives the bytes
  /// @param message kind
  TlvWriter(std::span<std::byte> buffer, spec::FwMessage message);

  /// Appends a flag.
  /// @param id attribute
  /// @return this writer
  TlvWriter& flag(std::uint16_t id) { return binary(id, {}); }
  /// Appends a 32-bit number.
  /// @param id attribute
  /// @param value the number
  /// @return this writer
  TlvWriter& u32(std::uint16_t id, std::uint32_t value) { return integer(id, value, 4); }
  /// Appends a signed 32-bit number.
  /// @param id attribute
  /// @param value the number
  /// @return this writer
  TlvWriter& s32(std::uint16_t id, std::int32_t value) {
    return integer(id, static_cast<std::uint32_t>(value), 4);
  }
  /// Appends a 64-bit number.
  /// @param id attribute
  /// @param value the number
  /// @return this writer
  TlvWriter& u64(std::uint16_t id, std::uint64_t value) { return integer(id, value, 8); }
  /// Appends text with a terminating NUL; an empty text is a lone NUL.
  /// @param id attribute
  /// @param value the characters
  /// @return this writer
  TlvWriter& text(std::uint16_t id, std::string_view value);
  /// Appends bytes.
  /// @param id attribute
  /// @param value the bytes
  /// @return this writer
  TlvWriter& binary(std::uint16_t id, std::span<const std::byte> value);
  /// Opens an array or nested attribute: everything until `close` goes into it.
  /// @param id attribute
  /// @return handle for close()
  std::size_t open(std::uint16_t id);
  /// Closes an array or nested attribute.
  /// @param opened result of open()
  void close(std::size_t opened);

  /// Completes the message.
  /// @return its bytes; empty after an overflow
  std::span<const std::byte> finish();
  /// @return bytes left in the buffer
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
