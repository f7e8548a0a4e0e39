// SPDX-License-Identifier: Apache-2.0
#include "device/fw_tlv.hpp"

#include <cstring>

namespace hni::device {
namespace {

constexpr std::uint32_t kTypeMask = 0xfff;
constexpr std::uint32_t kCannotIgnore = 1u << 14;
constexpr std::uint32_t kIsMessage = 1u << 15;

constexpr std::size_t round_up4(std::size_t bytes) {
  return (bytes + 3) & ~std::size_t{3};
}

std::uint32_t header_at(std::span<const std::byte> bytes, std::size_t at) {
  std::uint32_t word = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    word |= std::to_integer<std::uint32_t>(bytes[at + i]) << (8 * i);
  }
  return word;
}

// Returns the length in bytes of the message at the front; 0 without a whole message.
std::size_t message_bytes(std::span<const std::byte> bytes) {
  if (bytes.size() < kTlvHeaderBytes) return 0;
  const std::uint32_t header = header_at(bytes, 0);
  const std::size_t length = std::size_t{header >> 16} * 4;
  if ((header & kIsMessage) == 0 || length < kTlvHeaderBytes || length > bytes.size()) return 0;
  return length;
}

struct Attribute {
  std::uint32_t header = 0;
  std::span<const std::byte> value;
  std::uint16_t id() const { return static_cast<std::uint16_t>(header & kTypeMask); }
};

// Removes one attribute from the front of `rest`; false if `rest` does not start with a whole one.
bool take_attribute(std::span<const std::byte>& rest, Attribute& out) {
  if (rest.size() < kTlvHeaderBytes) return false;
  out.header = header_at(rest, 0);
  const std::size_t length = out.header >> 16;
  if ((out.header & kIsMessage) != 0 || length < kTlvHeaderBytes) return false;
  if (round_up4(length) > rest.size()) return false;
  out.value = rest.subspan(kTlvHeaderBytes, length - kTlvHeaderBytes);
  rest = rest.subspan(round_up4(length));
  return true;
}

const spec::FwAttribute* find_attribute(std::span<const spec::FwAttribute> catalogue,
                                        std::uint16_t id) {
  for (const spec::FwAttribute& attribute : catalogue) {
    if (attribute.id == id) return &attribute;
  }
  return nullptr;
}

// Checks the size of a value [device 5]: flags are empty, arrays may be empty.
bool size_fits(const spec::FwAttribute& attribute, std::size_t bytes) {
  using spec::TlvType;
  const bool container = attribute.type == TlvType::kNested || attribute.type == TlvType::kArray;
  const bool may_be_empty = container || attribute.type == TlvType::kFlag;
  return bytes <= attribute.max_bytes && (bytes != 0 || may_be_empty) &&
         (!container || bytes % 4 == 0);
}

}  // namespace

std::uint64_t TlvValue::unsigned_or(std::uint64_t fallback) const {
  if (!present) return fallback;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size() && i < 8; ++i) {
    value |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
  }
  return value;
}

std::int64_t TlvValue::signed_or(std::int64_t fallback) const {
  if (!present) return fallback;
  const std::size_t count = bytes.size() < 8 ? bytes.size() : 8;
  if (count == 0) return 0;
  const unsigned shift = static_cast<unsigned>(64 - 8 * count);
  return static_cast<std::int64_t>(unsigned_or(0) << shift) >> shift;
}

std::optional<std::uint16_t> tlv_message_id(std::span<const std::byte> bytes) {
  if (message_bytes(bytes) == 0) return std::nullopt;
  return static_cast<std::uint16_t>(header_at(bytes, 0) & kTypeMask);
}

TlvError parse_tlv_message(std::span<const std::byte> bytes,
                           std::span<const spec::FwAttribute> catalogue, TlvTable& table) {
  table = {};
  const std::size_t length = message_bytes(bytes);
  if (length == 0) return TlvError::kMalformed;
  std::span<const std::byte> rest = bytes.subspan(kTlvHeaderBytes, length - kTlvHeaderBytes);
  while (!rest.empty()) {
    Attribute attribute;
    if (!take_attribute(rest, attribute)) return TlvError::kMalformed;
    const std::uint16_t id = attribute.id();
    const spec::FwAttribute* known =
        id < kTlvMaxAttributes ? find_attribute(catalogue, id) : nullptr;
    if (known == nullptr) {
      if ((attribute.header & kCannotIgnore) != 0) return TlvError::kUnknownAttribute;
      continue;
    }
    if (!size_fits(*known, attribute.value.size())) return TlvError::kMalformed;
    if (table[id].present) return TlvError::kDuplicate;
    table[id] = {true, attribute.value};
  }
  for (const spec::FwAttribute& wanted : catalogue) {
    if (wanted.mandatory && wanted.id < kTlvMaxAttributes && !table[wanted.id].present) {
      return TlvError::kMalformed;
    }
  }
  return TlvError::kNone;
}

std::optional<std::size_t> parse_tlv_array(std::span<const std::byte> value,
                                           std::uint16_t element_id, std::size_t element_bytes,
                                           std::span<std::span<const std::byte>> out) {
  std::size_t count = 0;
  while (!value.empty()) {
    Attribute element;
    if (!take_attribute(value, element) || element.id() != element_id ||
        element.value.size() != element_bytes || count == out.size()) {
      return std::nullopt;
    }
    out[count++] = element.value;
  }
  return count;
}

TlvWriter::TlvWriter(std::span<std::byte> buffer, spec::FwMessage message)
    : buffer_(buffer), message_id_(static_cast<std::uint16_t>(message)) {
  if (buffer_.size() < kTlvHeaderBytes) {
    overflow_ = true;
  } else {
    used_ = kTlvHeaderBytes;
  }
}

void TlvWriter::put_header(std::size_t at, std::uint32_t header) {
  for (std::size_t i = 0; i < 4; ++i) {
    buffer_[at + i] = static_cast<std::byte>(header >> (8 * i) & 0xff);
  }
}

std::byte* TlvWriter::reserve(std::uint16_t id, std::size_t value_bytes) {
  const std::size_t total = kTlvHeaderBytes + round_up4(value_bytes);
  if (overflow_ || value_bytes > 0xffff - kTlvHeaderBytes || total > room()) {
    overflow_ = true;
    return nullptr;
  }
  const auto length = static_cast<std::uint32_t>(kTlvHeaderBytes + value_bytes);
  put_header(used_, (id & kTypeMask) | length << 16);
  std::byte* value = buffer_.data() + used_ + kTlvHeaderBytes;
  std::memset(value, 0, total - kTlvHeaderBytes);
  used_ += total;
  return value;
}

TlvWriter& TlvWriter::integer(std::uint16_t id, std::uint64_t value, std::size_t bytes) {
  if (std::byte* out = reserve(id, bytes)) {
    for (std::size_t i = 0; i < bytes; ++i) {
      out[i] = static_cast<std::byte>(value >> (8 * i) & 0xff);
    }
  }
  return *this;
}

TlvWriter& TlvWriter::text(std::uint16_t id, std::string_view value) {
  std::byte* out = reserve(id, value.size() + 1);
  if (out != nullptr && !value.empty()) std::memcpy(out, value.data(), value.size());
  return *this;
}

TlvWriter& TlvWriter::binary(std::uint16_t id, std::span<const std::byte> value) {
  std::byte* out = reserve(id, value.size());
  if (out != nullptr && !value.empty()) std::memcpy(out, value.data(), value.size());
  return *this;
}

std::size_t TlvWriter::open(std::uint16_t id) {
  const std::size_t at = used_;
  reserve(id, 0);
  return at;
}

void TlvWriter::close(std::size_t opened) {
  if (overflow_) return;
  const std::uint32_t id = header_at(buffer_, opened) & kTypeMask;
  put_header(opened, id | static_cast<std::uint32_t>(used_ - opened) << 16);
}

std::span<const std::byte> TlvWriter::finish() {
  if (overflow_) return {};
  const auto dwords = static_cast<std::uint32_t>(used_ / 4);
  put_header(0, (message_id_ & kTypeMask) | kIsMessage | dwords << 16);
  return buffer_.first(used_);
}

}  // namespace hni::device
