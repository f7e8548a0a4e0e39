// SPDX-License-Identifier: Apache-2.0
/// Toeplitz hash with the card's 425-bit key [device 14.8].
///
/// Bit i (most significant first) of the input selects the 32 key bits that start at bit i. For
/// each input byte position a table of 256 partial hashes is built when the key changes, so that
/// hashing costs one lookup per byte. Inputs longer than kMaxInputBytes are cut; key bits from the
/// 425th on are 0.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace hni::device {

/// A Toeplitz hash with a key.
class Toeplitz {
 public:
  static constexpr std::size_t kKeyWords = 14;  ///< 32-bit words of a key
  static constexpr unsigned kKeyBits = 425;     ///< bits of a key
  /// Two IPv6 addresses, two ports and every optional field of the RSS enable mask.
  static constexpr std::size_t kMaxInputBytes = 56;

  /// Creates a hash with a zero key, which hashes everything to 0.
  Toeplitz() = default;
  /// Creates a hash.
  /// @param key `key[0]` bits 31:24 are byte 0 of the ethtool key; of the last word only 31:23 are
  ///     used
  explicit Toeplitz(const std::array<std::uint32_t, kKeyWords>& key) { set_key(key); }

  /// Replaces the key.
  /// @param key as in the constructor
  void set_key(const std::array<std::uint32_t, kKeyWords>& key);

  /// Hashes an input.
  /// @param input network byte order
  /// @return the hash
  std::uint32_t hash(std::span<const std::uint8_t> input) const {
    std::uint32_t result = 0;
    const std::size_t bytes = input.size() < kMaxInputBytes ? input.size() : kMaxInputBytes;
    for (std::size_t i = 0; i < bytes; ++i) result ^= table_[i][input[i]];
    return result;
  }

 private:
  std::array<std::array<std::uint32_t, 256>, kMaxInputBytes> table_{};
};

}  // namespace hni::device
