// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Type-length-value messages of the firmware [device 5]: a builder, and a parser that is total on
/// arbitrary bytes.
///
/// The parser is generic over its byte source, so that proofs can run it on symbolic bytes and a
/// symbolic length. It always works on a private copy, reads every header once, and ensures
///
/// attribute  within  message  within  descriptor length.
///
/// A walk ends after at most (end - begin) / 4 attributes: each step advances by at least one
/// header.

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <tl/expected.hpp>

#include "driver/core/input_sites.hpp"
#include "driver/core/untrusted.hpp"
#include "openhni/spec/firmware.hpp"

namespace hni {

inline constexpr std::uint32_t kTlvHeaderBytes = 4;   ///< bytes of a header
inline constexpr std::uint32_t kTlvIds = 32;          ///< attribute ids are 0 .. 31
inline constexpr std::uint32_t kTlvMaxBytes = 4096;   ///< longest message
inline constexpr std::uint32_t kTlvMaxData = 3584;    ///< longest raw data attribute
inline constexpr std::uint32_t kTlvTypeMask = 0xfff;  ///< type of a message, id of an attribute
/// flag: refuse the message if the attribute is unknown
inline constexpr std::uint32_t kTlvCannotIgnore = 1U << 14;
inline constexpr std::uint32_t kTlvIsMessage = 1U << 15;  ///< flag: the header of a message
inline constexpr std::uint32_t kMacBytes = 6;             ///< bytes of an Ethernet address

/// A violated limit: site, offending value and limit, the arguments of CheckedIo::refuse().
struct Refusal {
  Site site{};              ///< input site
  std::uint64_t value = 0;  ///< offending value
  std::uint64_t limit = 0;  ///< violated limit
};
/// A value or a Refusal.
/// @tparam T value type
template <class T>
using Decoded = tl::expected<T, Refusal>;

/// Makes a failed Decoded.
/// @param site input site
/// @param value offending value
/// @param limit violated limit
/// @return convertible to any Decoded
constexpr tl::unexpected<Refusal> refusal(Site site, std::uint64_t value, std::uint64_t limit) {
  return tl::unexpected<Refusal>(Refusal{site, value, limit});
}

/// Returns the offending value for a Refusal. (proofs/ overloads it for symbolic values.)
/// @param value the value
/// @return its number
template <std::integral W>
constexpr std::uint64_t reported(const Untrusted<W>& value) {
  return value.as_data();
}

/// A source of bytes. `Word` counts bytes, `Wide` holds a 64-bit value; bytes are Words of 0 ..
/// 255.
template <class B>
concept ByteSource = requires(const B& bytes, typename B::Word index) {
  typename B::Wide;
  { bytes.size() } -> std::convertible_to<typename B::Word>;
  { bytes[index] } -> std::convertible_to<typename B::Word>;
};

/// The byte source of production code: a private copy of a message.
class PrivateBytes {
 public:
  using Word = std::uint32_t;  ///< counts bytes
  using Wide = std::uint64_t;  ///< a 64-bit value

  /// Makes an empty source.
  constexpr PrivateBytes() = default;
  /// Makes a source.
  /// @param bytes must outlive it
  explicit constexpr PrivateBytes(std::span<const std::byte> bytes) : bytes_(bytes) {}
  /// @return number of bytes
  [[nodiscard]] constexpr Word size() const { return static_cast<Word>(bytes_.size()); }
  /// Returns a byte.
  /// @param index its number, < size()
  /// @return 0 .. 255
  constexpr Word operator[](Word index) const { return std::to_integer<Word>(bytes_[index]); }
  /// Returns a range.
  /// @param offset first byte
  /// @param length bytes
  /// @return view of the range
  [[nodiscard]] constexpr std::span<const std::byte> part(Word offset, Word length) const {
    return bytes_.subspan(offset, length);
  }

 private:
  std::span<const std::byte> bytes_;
};

/// Reads a 32-bit header once. Requires offset + 4 <= size.
/// @param bytes the message
/// @param offset first byte
/// @return the header
template <ByteSource Bytes>
constexpr Untrusted<typename Bytes::Word> tlv_header(const Bytes& bytes,
                                                     const typename Bytes::Word& offset) {
  using W = typename Bytes::Word;
  const W low = W(bytes[offset] | W(bytes[W(offset + W(1))] << 8));
  const W high = W(bytes[W(offset + W(2))] | W(bytes[W(offset + W(3))] << 8));
  return Untrusted<W>(W(low | W(high << 16)));
}

/// A checked message header.
template <class W>
struct TlvMessage {
  W type{};  ///< 12 bits; may be unknown
  W end{};   ///< bytes of the message, a multiple of 4, within the byte source
};

/// Decodes the header of a message. Bytes after `end` are not part of it.
/// @param bytes the message
/// @return the header, or why it was refused
template <ByteSource Bytes>
constexpr tl::expected<TlvMessage<typename Bytes::Word>, Refusal> tlv_message(const Bytes& bytes) {
  using W = typename Bytes::Word;
  if (bytes.size() < W(kTlvHeaderBytes)) return refusal(Site::kMessageHeader, 0, kTlvHeaderBytes);
  const Untrusted<W> header = tlv_header(bytes, W(0));
  if (!header.any(W(kTlvIsMessage)))
    return refusal(Site::kMessageHeader, reported(header), kTlvIsMessage);
  const std::optional<W> words = (header >> 16).between(W(1), W(W(bytes.size()) >> 2));
  if (!words) return refusal(Site::kMessageHeader, reported(header >> 16), kTlvMaxBytes / 4);
  return TlvMessage<W>{(header & W(kTlvTypeMask)).as_data(), W(*words << 2)};
}

/// An attribute whose bytes lie inside its message.
template <class W>
struct TlvAttribute {
  W id{};                      ///< 0 .. 31
  W offset{};                  ///< first byte of the value
  W length{};                  ///< bytes of the value
  bool cannot_ignore = false;  ///< the message must be refused if the id is unknown
};

/// Walks the attributes in a range of a byte source.
template <ByteSource Bytes>
class TlvWalk {
 public:
  using W = typename Bytes::Word;  ///< counts bytes

  /// Starts a walk of [begin, end). Requires begin <= end <= size, both multiples of 4.
  /// @param bytes must outlive the walk
  /// @param begin first byte
  /// @param end byte after the last
  constexpr TlvWalk(const Bytes& bytes, const W& begin, const W& end)
      : bytes_(&bytes), at_(begin), end_(end) {}

  /// Checks the invariant.
  /// @return true if the rest of the range is aligned and inside the source
  constexpr bool is_valid() const {
    return at_ <= end_ && end_ <= W(bytes_->size()) && W(W(at_ | end_) & W(3)) == W(0);
  }
  /// @return true if there is another attribute
  constexpr bool more() const { return at_ < end_; }
  /// @return bytes left: the ranking function of the walk
  constexpr W left() const { return W(end_ - at_); }

  /// Decodes the next attribute. Requires more(); a refusal ends the walk.
  /// @return the attribute, or why it was refused
  constexpr tl::expected<TlvAttribute<W>, Refusal> next() {
    const Untrusted<W> header = tlv_header(*bytes_, at_);
    if (header.any(W(kTlvIsMessage)))
      return refusal(Site::kAttributeHeader, reported(header), kTlvIsMessage);
    const std::optional<W> id = (header & W(kTlvTypeMask)).below(W(kTlvIds));
    if (!id) return refusal(Site::kAttributeHeader, reported(header), kTlvIds);
    const std::optional<W> length = (header >> 16).between(W(kTlvHeaderBytes), left());
    if (!length) return refusal(Site::kAttributeHeader, reported(header >> 16), kTlvMaxBytes);
    const TlvAttribute<W> attribute{*id, W(at_ + W(kTlvHeaderBytes)),
                                    W(*length - W(kTlvHeaderBytes)),
                                    header.any(W(kTlvCannotIgnore))};
    // Both bounds are multiples of 4, so the padding of the last attribute is inside too.
    at_ = W(at_ + W(W(*length + W(3)) & W(~3U)));
    return attribute;
  }

 private:
  const Bytes* bytes_;
  W at_;
  W end_;
};

/// Checks the size (and, for text, the terminator) of a value against its declared type. The
/// content of a nested attribute or an array is checked when it is walked.
/// @param bytes the message
/// @param attribute the attribute
/// @param declared its declaration
/// @return true if it fits
template <ByteSource Bytes>
constexpr bool tlv_fits(const Bytes& bytes, const TlvAttribute<typename Bytes::Word>& attribute,
                        const spec::FwAttribute& declared) {
  using W = typename Bytes::Word;
  const W max = W(std::uint32_t{declared.max_bytes});
  const bool sized = W(1) <= attribute.length && attribute.length <= max;
  switch (declared.type) {
    case spec::TlvType::kFlag:
      return static_cast<bool>(attribute.length == W(0));
    case spec::TlvType::kUnsigned:
    case spec::TlvType::kSigned:
      return sized && attribute.length <= W(8);
    case spec::TlvType::kString:
      return sized && bytes[W(W(attribute.offset + attribute.length) - W(1))] == W(0);
    case spec::TlvType::kBinary:
      return sized;
    case spec::TlvType::kNested:
    case spec::TlvType::kArray:
      return static_cast<bool>(W(attribute.length & W(3)) == W(0));
  }
  return false;
}

/// Decodes an integer attribute of 1 .. 8 bytes, zero-extended.
/// @param bytes the message
/// @param attribute the attribute
/// @return its value
template <ByteSource Bytes>
constexpr Untrusted<typename Bytes::Wide> tlv_unsigned(
    const Bytes& bytes, const TlvAttribute<typename Bytes::Word>& attribute) {
  using W = typename Bytes::Word;
  using V = typename Bytes::Wide;
  V value(0);
  for (std::uint32_t i = 0; i < 8; ++i) {
    if (!(W(i) < attribute.length)) break;
    value = V(value | V(V(bytes[W(attribute.offset + W(i))]) << (8 * i)));
  }
  return Untrusted<V>(value);
}

/// Decodes an integer attribute of 1 .. 8 bytes, sign-extended from its actual length.
/// @param bytes the message
/// @param attribute the attribute
/// @return its value in two's complement
template <ByteSource Bytes>
constexpr Untrusted<typename Bytes::Wide> tlv_signed(
    const Bytes& bytes, const TlvAttribute<typename Bytes::Word>& attribute) {
  using W = typename Bytes::Word;
  using V = typename Bytes::Wide;
  V value(0);
  bool negative = false;
  for (std::uint32_t i = 0; i < 8; ++i) {
    if (W(i) < attribute.length) {
      const W byte = bytes[W(attribute.offset + W(i))];
      negative = static_cast<bool>(W(128) <= byte);
      value = V(value | V(V(byte) << (8 * i)));
    } else if (negative) {
      value = V(value | V(V(255) << (8 * i)));
    }
  }
  return Untrusted<V>(value);
}

/// The attributes of one message (or of one nested attribute) that the catalogue declares, each at
/// most once and of its declared type.
template <ByteSource Bytes>
class TlvAttributes {
 public:
  using W = typename Bytes::Word;                    ///< counts bytes
  using Wide = typename Bytes::Wide;                 ///< a 64-bit value
  using Known = std::span<const spec::FwAttribute>;  ///< the catalogue's declarations

  /// Parses [begin, end). An unknown attribute is skipped if it may be ignored; otherwise, and for
  /// a repeated one, the whole message is refused.
  /// @param bytes the message
  /// @param begin first byte
  /// @param end byte after the last
  /// @param known declarations
  /// @return the attributes, or why they were refused
  static constexpr tl::expected<TlvAttributes, Refusal> parse(const Bytes& bytes, const W& begin,
                                                              const W& end, Known known) {
    TlvAttributes result(bytes);
    W seen(0);
    for (TlvWalk<Bytes> walk(bytes, begin, end); walk.more();) {
      const auto attribute = walk.next();
      if (!attribute) return tl::unexpected<Refusal>(attribute.error());
      const W bit = W(W(1) << attribute->id);
      if (W(seen & bit) != W(0))
        return refusal(Site::kAttributeHeader, reported(Untrusted<W>(attribute->id)), kTlvIds);
      seen = W(seen | bit);
      const spec::FwAttribute* declared = find(known, attribute->id);
      if (declared == nullptr) {
        if (attribute->cannot_ignore)
          return refusal(Site::kAttributeHeader, reported(Untrusted<W>(attribute->id)),
                         kTlvCannotIgnore);
        continue;
      }
      if (!tlv_fits(bytes, *attribute, *declared))
        return refusal(Site::kAttributeValue, declared->id, declared->max_bytes);
      result.found_[declared->id] = *attribute;
    }
    return result;
  }

  /// Tests for an attribute.
  /// @param id its id
  /// @return true if present
  constexpr bool has(std::uint16_t id) const { return id < kTlvIds && found_[id].has_value(); }
  /// Returns an attribute.
  /// @param id its id, < kTlvIds
  /// @return nullopt if absent
  constexpr const std::optional<TlvAttribute<W>>& at(std::uint16_t id) const { return found_[id]; }
  /// @return the message
  constexpr const Bytes& bytes() const { return bytes_; }

  /// Decodes an integer attribute, zero-extended; absent means 0 [device 6.6].
  /// @param id its id
  /// @return its value
  constexpr Untrusted<Wide> unsigned_at(std::uint16_t id) const {
    return has(id) ? tlv_unsigned(bytes_, *found_[id]) : Untrusted<Wide>();
  }
  /// Decodes an integer attribute, sign-extended; absent means 0.
  /// @param id its id
  /// @return its value in two's complement
  constexpr Untrusted<Wide> signed_at(std::uint16_t id) const {
    return has(id) ? tlv_signed(bytes_, *found_[id]) : Untrusted<Wide>();
  }
  /// Starts a walk inside a nested attribute or an array. Requires has(id).
  /// @param id its id
  /// @return the walk
  constexpr TlvWalk<Bytes> inside(std::uint16_t id) const {
    const TlvAttribute<W>& outer = *found_[id];
    return TlvWalk<Bytes>(bytes_, outer.offset, W(outer.offset + outer.length));
  }

 private:
  explicit constexpr TlvAttributes(const Bytes& bytes) : bytes_(bytes) {}

  /// Attributes that Linux does not know have a guessed type, so they are skipped.
  static constexpr const spec::FwAttribute* find(Known known, const W& id) {
    for (const spec::FwAttribute& declared : known)
      if (declared.known_to_linux && id == W(std::uint32_t{declared.id})) return &declared;
    return nullptr;
  }

  Bytes bytes_;
  std::array<std::optional<TlvAttribute<W>>, kTlvIds> found_{};
};

/// The parser of production code.
using Attributes = TlvAttributes<PrivateBytes>;

/// Writes one message into a fixed span. After running out of room finish() returns an empty span.
/// The builder writes every byte of the result.
class TlvBuilder {
 public:
  /// Starts a message.
  /// @param into room for at least a header; at most one page is used
  /// @param type kind of message
  TlvBuilder(std::span<std::byte> into, spec::FwMessage type)
      : to_(into.first(std::min<std::size_t>(into.size(), kTlvMaxBytes))) {
    header(static_cast<std::uint32_t>(type) | kTlvIsMessage);
  }

  /// Appends a flag.
  /// @param id attribute
  /// @return this builder
  TlvBuilder& flag(std::uint16_t id) {
    header(id | kTlvHeaderBytes << 16);
    return *this;
  }
  /// Appends an integer of 4 bytes.
  /// @param id attribute
  /// @param value the number
  /// @return this builder
  TlvBuilder& u32(std::uint16_t id, std::uint32_t value) { return integer(id, value, 4); }
  /// Appends an integer of 8 bytes.
  /// @param id attribute
  /// @param value the number
  /// @return this builder
  TlvBuilder& u64(std::uint16_t id, std::uint64_t value) { return integer(id, value, 8); }
  /// Appends a signed integer of 4 bytes.
  /// @param id attribute
  /// @param value the number
  /// @return this builder
  TlvBuilder& s32(std::uint16_t id, std::int32_t value) {
    return integer(id, static_cast<std::uint32_t>(value), 4);
  }
  /// Appends a signed integer of 8 bytes.
  /// @param id attribute
  /// @param value the number
  /// @return this builder
  TlvBuilder& s64(std::uint16_t id, std::int64_t value) {
    return integer(id, static_cast<std::uint64_t>(value), 8);
  }
  /// Appends text with its terminating NUL.
  /// @param id attribute
  /// @param text the characters
  /// @return this builder
  TlvBuilder& string(std::uint16_t id, std::string_view text) {
    if (!room(kTlvHeaderBytes + text.size() + 1)) return *this;
    header(id | static_cast<std::uint32_t>(kTlvHeaderBytes + text.size() + 1) << 16);
    std::memcpy(to_.data() + at_, text.data(), text.size());
    to_[at_ + text.size()] = std::byte{0};
    at_ += text.size() + 1;
    pad();
    return *this;
  }
  /// Appends bytes.
  /// @param id attribute
  /// @param value the bytes
  /// @return this builder
  TlvBuilder& binary(std::uint16_t id, std::span<const std::byte> value) {
    if (!room(kTlvHeaderBytes + value.size())) return *this;
    header(id | static_cast<std::uint32_t>(kTlvHeaderBytes + value.size()) << 16);
    if (!value.empty()) std::memcpy(to_.data() + at_, value.data(), value.size());
    at_ += value.size();
    pad();
    return *this;
  }
  /// Opens a nested attribute or an array: what is appended until close() lies inside. At most two
  /// levels deep.
  /// @param id attribute
  /// @return this builder
  TlvBuilder& open(std::uint16_t id) {
    overflow_ = overflow_ || depth_ == outer_.size();
    if (overflow_) return *this;
    outer_[depth_++] = {at_, id};
    header(id);
    return *this;
  }
  /// Closes the innermost open() attribute; an empty one is removed.
  /// @return this builder
  TlvBuilder& close() {
    if (overflow_ || depth_ == 0) return *this;
    const auto [begin, id] = outer_[--depth_];
    if (at_ == begin + kTlvHeaderBytes) {
      at_ = begin;
    } else {
      put(begin, id | static_cast<std::uint32_t>(at_ - begin) << 16);
    }
    return *this;
  }

  /// Completes the message.
  /// @return its bytes, a multiple of 4; empty if it did not fit
  [[nodiscard]] std::span<const std::byte> finish() {
    if (overflow_) return {};
    to_[2] = static_cast<std::byte>(at_ / 4 & 0xff);
    to_[3] = static_cast<std::byte>(at_ / 4 >> 8);
    return to_.first(at_);
  }

 private:
  bool room(std::size_t bytes) {
    overflow_ = overflow_ || bytes > to_.size() - at_;
    return !overflow_;
  }
  void put(std::size_t offset, std::uint64_t value, std::size_t bytes = 4) {
    for (std::size_t i = 0; i < bytes; ++i)
      to_[offset + i] = static_cast<std::byte>(value >> (8 * i) & 0xff);
  }
  void header(std::uint32_t word) {
    if (!room(kTlvHeaderBytes)) return;
    put(at_, word);
    at_ += kTlvHeaderBytes;
  }
  TlvBuilder& integer(std::uint16_t id, std::uint64_t value, std::size_t bytes) {
    if (!room(kTlvHeaderBytes + bytes)) return *this;
    header(id | static_cast<std::uint32_t>(kTlvHeaderBytes + bytes) << 16);
    put(at_, value, bytes);
    at_ += bytes;
    return *this;
  }
  void pad() {
    while (at_ % 4 != 0 && room(1)) to_[at_++] = std::byte{0};
  }

  std::span<std::byte> to_;
  std::size_t at_ = 0;
  struct Outer {
    std::size_t begin = 0;
    std::uint32_t id = 0;
  };
  std::array<Outer, 2> outer_{};
  std::size_t depth_ = 0;
  bool overflow_ = false;
};

}  // namespace hni
