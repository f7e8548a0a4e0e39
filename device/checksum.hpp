// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Internet checksum arithmetic on bytes in memory order: 16-bit words are loaded as on a
/// little-endian machine, so a folded sum can be stored without swapping.

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace hni::device {

/// A ones-complement sum in progress, in two 64-bit lanes. Adding several spans is correct only if
/// every span but the last has an even length.
class Sum {
 public:
  /// Adds a 16-bit word.
  /// @param word the word
  void add_word(std::uint16_t word) { add64(word); }

  /// Adds bytes.
  /// @param data first byte
  /// @param bytes number of bytes
  void add(const std::byte* data, std::size_t bytes) {
    std::uint64_t a = 0;
    std::uint64_t b = 0;
    while (bytes >= 16) {
      a += add_carry(total_, load64(data));
      b += add_carry(second_, load64(data + 8));
      data += 16;
      bytes -= 16;
    }
    add64(a);
    add64(b);
    if (bytes >= 8) {
      add64(load64(data));
      data += 8;
      bytes -= 8;
    }
    if (bytes != 0) {
      std::uint64_t last = 0;
      std::memcpy(&last, data, bytes);
      add64(last);
    }
  }

  /// Folds the sum to 16 bits.
  /// @return ones-complement sum, not inverted
  std::uint16_t fold() const {
    std::uint64_t sum =
        (total_ & 0xffffffffu) + (total_ >> 32) + (second_ & 0xffffffffu) + (second_ >> 32);
    sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
  }

 private:
  static std::uint64_t load64(const std::byte* at) {
    std::uint64_t word;
    std::memcpy(&word, at, sizeof word);
    return word;
  }
  static std::uint64_t add_carry(std::uint64_t& sum, std::uint64_t word) {
    sum += word;
    return sum < word ? 1 : 0;
  }
  void add64(std::uint64_t word) { total_ += add_carry(total_, word); }

  std::uint64_t total_ = 0;
  std::uint64_t second_ = 0;
};

/// Loads a 16-bit field in network order.
/// @param at first byte
/// @return its value
inline std::uint16_t load_be16(const std::byte* at) {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(at[0]) << 8 |
                                    std::to_integer<unsigned>(at[1]));
}
/// Stores a 16-bit field in network order.
/// @param at first byte
/// @param value the value
inline void store_be16(std::byte* at, std::uint16_t value) {
  at[0] = static_cast<std::byte>(value >> 8);
  at[1] = static_cast<std::byte>(value & 0xff);
}
/// Loads a 32-bit field in network order.
/// @param at first byte
/// @return its value
inline std::uint32_t load_be32(const std::byte* at) {
  return std::uint32_t{load_be16(at)} << 16 | load_be16(at + 2);
}
/// Stores a 32-bit field in network order.
/// @param at first byte
/// @param value the value
inline void store_be32(std::byte* at, std::uint32_t value) {
  store_be16(at, static_cast<std::uint16_t>(value >> 16));
  store_be16(at + 2, static_cast<std::uint16_t>(value & 0xffff));
}
/// Converts a host value to the 16-bit word that its network form is in memory.
/// @param value host value
/// @return byte-swapped value
constexpr std::uint16_t network_word(std::uint16_t value) {
  return static_cast<std::uint16_t>(value << 8 | value >> 8);
}
/// Stores a folded sum into a frame.
/// @param at first byte
/// @param folded the sum
inline void store_sum(std::byte* at, std::uint16_t folded) {
  std::memcpy(at, &folded, sizeof folded);
}

}  // namespace hni::device
