// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Internet checksum arithmetic on bytes in memory order: 16-bit words are loaded as on a
/// little-endian machine, so a folded sum can be stored without swapping.

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace hni::device {

/// Bytes per block of sum_blocks().
inline constexpr std::size_t kSumBlockBytes = 32;

/// How sum_blocks() computes. All methods return sums that fold to the same value.
enum class SumMethod : std::uint8_t {
  kPortable,  ///< instructions of any machine
  kBaseline,  ///< vector instructions that every processor of this architecture has
  kBest,      ///< vector instructions of this processor
};

/// Sums the 16-bit words of whole blocks.
/// @param data first byte
/// @param blocks number of blocks of kSumBlockBytes
/// @param method instructions to use
/// @return a number that folds to the ones-complement sum; 0 only if all bytes are 0
std::uint64_t sum_blocks(const std::byte* data, std::size_t blocks,
                         SumMethod method = SumMethod::kBest);

/// A ones-complement sum in progress. Adding several spans is correct only if every span but the
/// last has an even length. Holds at least 4 GiB.
class Sum {
 public:
  /// Adds a 16-bit word.
  /// @param word the word
  void add_word(std::uint16_t word) { total_ += word; }

  /// Adds a 32-bit word.
  /// @param word the word
  void add_word32(std::uint32_t word) { total_ += word; }

  /// Adds bytes.
  /// @param data first byte
  /// @param bytes number of bytes
  void add(const std::byte* data, std::size_t bytes) {
    if (bytes >= 2 * kSumBlockBytes) {
      const std::size_t blocks = bytes / kSumBlockBytes;
      total_ += sum_blocks(data, blocks);
      data += blocks * kSumBlockBytes;
      bytes %= kSumBlockBytes;
    }
    for (; bytes >= 8; bytes -= 8, data += 8) {
      std::uint64_t word;
      std::memcpy(&word, data, sizeof word);
      add64(word);
    }
    if (bytes != 0) add64(load_last(data, bytes));
  }

  /// Adds another sum.
  /// @param other sum of a span at an even distance
  void add(const Sum& other) { total_ += other.total_; }

  /// Folds the sum to 16 bits.
  /// @return ones-complement sum, not inverted; 0 only if all bytes were 0
  std::uint16_t fold() const {
    std::uint64_t sum = (total_ & 0xffffffffu) + (total_ >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(sum);
  }

 private:
  // 32-bit words are congruent to the sums of their 16-bit words, and need no carry.
  void add64(std::uint64_t word) { total_ += (word & 0xffffffffu) + (word >> 32); }
  // Loads 1 to 7 bytes; a copy of variable length would be a call.
  static std::uint64_t load_last(const std::byte* at, std::size_t bytes) {
    std::uint64_t word = 0;
    std::size_t shift = 0;
    if ((bytes & 4) != 0) {
      std::uint32_t part;
      std::memcpy(&part, at, sizeof part);
      word = part;
      shift = 32;
      at += 4;
    }
    if ((bytes & 2) != 0) {
      std::uint16_t part;
      std::memcpy(&part, at, sizeof part);
      word |= std::uint64_t{part} << shift;
      shift += 16;
      at += 2;
    }
    if ((bytes & 1) != 0) word |= std::uint64_t{std::to_integer<std::uint8_t>(*at)} << shift;
    return word;
  }

  std::uint64_t total_ = 0;
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
/// Loads a 64-bit field in network order.
/// @param at first byte
/// @return its value
inline std::uint64_t load_be64(const std::byte* at) {
  return std::uint64_t{load_be32(at)} << 32 | load_be32(at + 4);
}
/// Stores a 64-bit field in network order.
/// @param at first byte
/// @param value the value
inline void store_be64(std::byte* at, std::uint64_t value) {
  store_be32(at, static_cast<std::uint32_t>(value >> 32));
  store_be32(at + 4, static_cast<std::uint32_t>(value));
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
