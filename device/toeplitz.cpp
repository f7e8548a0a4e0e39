// SPDX-License-Identifier: Apache-2.0
#include "device/toeplitz.hpp"

namespace hni::device {

void Toeplitz::set_key(const std::array<std::uint32_t, kKeyWords>& key) {
  // One word more than the key, so that the last windows read zeros.
  std::array<std::uint32_t, kMaxInputBytes / 4 + 2> words{};
  for (std::size_t i = 0; i < kKeyWords; ++i) words[i] = key[i];
  constexpr unsigned kLastBits = kKeyBits % 32;
  words[kKeyWords - 1] &= ~std::uint32_t{0} << (32 - kLastBits);

  for (std::size_t byte = 0; byte < kMaxInputBytes; ++byte) {
    std::array<std::uint32_t, 8> window{};  // [b] = the 32 key bits from bit 8 * byte + b on
    for (std::size_t bit = 0; bit < 8; ++bit) {
      const std::size_t start = 8 * byte + bit;
      const std::uint64_t pair = std::uint64_t{words[start / 32]} << 32 | words[start / 32 + 1];
      window[bit] = static_cast<std::uint32_t>(pair >> (32 - start % 32));
    }
    auto& row = table_[byte];
    row[0] = 0;
    for (unsigned value = 1; value < 256; ++value) {
      const unsigned lowest = value & (~value + 1);  // clear one bit: the rest is known already
      unsigned position = 7;
      while ((1u << (7 - position)) != lowest) --position;
      row[value] = row[value & (value - 1)] ^ window[position];
    }
  }
}

}  // namespace hni::device
