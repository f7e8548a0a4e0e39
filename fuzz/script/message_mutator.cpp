// SPDX-License-Identifier: Apache-2.0
// Generates and mutates firmware messages that keep the structure of their type [device 5] and
// occasionally have one fault. Random bytes would not get past the first check.
#include <algorithm>
#include <array>
#include <vector>

#include "fuzz/script/mutator.hpp"
#include "openhni/spec/firmware.hpp"

namespace hni::fuzz {
namespace {

using Octets = std::vector<std::uint8_t>;

class MessageMaker {
 public:
  explicit MessageMaker(std::uint32_t seed) : state_(seed * 2654435761U + 0x9e3779b9U) {}

  /// Generates a message of any type that the firmware may send, with most of its attributes.
  Octets fresh() {
    const spec::FwMessageInfo* info = nullptr;
    while (info == nullptr || !info->fw_to_host)
      info = &spec::kFwMessages[below(spec::kFwMessages.size())];
    Octets bytes;
    put(bytes, static_cast<std::uint32_t>(info->id) | 0x8000U, 4);
    for (const spec::FwAttribute& attribute : info->attributes)
      if (below(8) < (attribute.mandatory ? 7U : 4U)) add(bytes, *info, attribute);
    return bytes;
  }
  /// Appends an attribute.
  void append(Octets& bytes) {
    if (bytes.size() < 4) return;
    const auto* info =
        spec::find_fw_message(static_cast<std::uint16_t>(bytes[0] | (bytes[1] & 0xf) << 8));
    if (info == nullptr || info->attributes.empty()) return;
    add(bytes, *info, info->attributes[below(info->attributes.size())]);
  }
  /// Sets the header's length to the actual one; occasionally one word more or less.
  void settle(Octets& bytes) {
    if (bytes.size() < 4) return;
    std::size_t words = bytes.size() / 4;
    if (below(16) == 0) words += below(3) - 1;
    bytes[2] = static_cast<std::uint8_t>(words & 0xff);
    bytes[3] = static_cast<std::uint8_t>(words >> 8 & 0xff);
  }
  std::size_t below(std::size_t n) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return state_ % n;
  }

 private:
  static void put(Octets& to, std::uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i)
      to.push_back(static_cast<std::uint8_t>(value >> (8 * i) & 0xff));
  }
  std::uint64_t value() {
    static constexpr auto kKnown = std::to_array<std::uint64_t>(
        {0, 1, 2, 3, 4, 8, 13, 14, 64, 100, 255, 256, 0x10000, 0x19071902, 0xffffffff});
    return below(4) == 0 ? std::uint64_t{below(1U << 31)} << below(33)
                         : kKnown[below(kKnown.size())];
  }

  void add(Octets& bytes, const spec::FwMessageInfo& info, const spec::FwAttribute& attribute) {
    const std::size_t begin = bytes.size();
    put(bytes, attribute.id, 4);
    fill(bytes, info, attribute);
    std::size_t length = bytes.size() - begin;
    if (below(16) == 0) length += below(3) - 1;
    bytes[begin + 2] = static_cast<std::uint8_t>(length & 0xff);
    bytes[begin + 3] = static_cast<std::uint8_t>(length >> 8 & 0xff);
    while (bytes.size() % 4 != 0) bytes.push_back(0);
  }

  void fill(Octets& bytes, const spec::FwMessageInfo& info, const spec::FwAttribute& attribute) {
    const std::size_t most = std::clamp<std::size_t>(attribute.max_bytes, 1, 128);
    switch (attribute.type) {
      case spec::TlvType::kFlag:
      case spec::TlvType::kNested:
        return;
      case spec::TlvType::kUnsigned:
      case spec::TlvType::kSigned:
        return put(bytes, value(),
                   below(4) == 0 ? 1 : static_cast<unsigned>(std::min<std::size_t>(most, 8)));
      case spec::TlvType::kString:
      case spec::TlvType::kBinary: {
        std::size_t n = below(4) == 0 ? most : 1 + below(most);
        for (; n > 1; --n) bytes.push_back(static_cast<std::uint8_t>(below(256)));
        bytes.push_back(0);
        return;
      }
      case spec::TlvType::kArray:
        // A small number of elements, or one close to the maximum of any array.
        for (std::size_t n = below(4) == 0 ? 3 + below(14) : below(5); n != 0; --n)
          for (const spec::FwAttribute& element : info.attributes)
            if (element.id == attribute.element_id && element.type != spec::TlvType::kArray)
              add(bytes, info, element);
        return;
    }
  }

  std::uint32_t state_;
};

}  // namespace

std::size_t mutate_message(std::uint8_t* data, std::size_t size, std::size_t max_size,
                           std::uint32_t seed) {
  MessageMaker maker(seed);
  Octets bytes(data, data + size);
  if (maker.below(2) == 0) {
    bytes = maker.fresh();
  } else {
    maker.append(bytes);
  }
  maker.settle(bytes);
  const std::size_t length = std::min(bytes.size(), max_size);
  std::copy_n(bytes.begin(), length, data);
  return length;
}

}  // namespace hni::fuzz
