// SPDX-License-Identifier: Apache-2.0
// The hand-written base of the generated headers: the address of a register, and extraction and
// replacement of a field in a word.
//
// The field helpers work over any word type W: std::uint32_t, std::uint64_t, a checked value of
// the card, or a symbolic integer of the proofs. Of W they use only >> << & | with plain unsigned
// constants of type Word, the unsigned integer as wide as the word.
#pragma once

#include <cstdint>
#include <type_traits>

namespace hni::spec {

// The two memory windows of the card: BAR0 holds the registers, BAR4 belongs to the firmware
// [device 1, 2].
enum class Bar : std::uint8_t { kBar0 = 0, kBar4 = 4 };

// A 32-bit register: its window and its offset in bytes, always a multiple of 4.
struct RegAddr {
  Bar bar;
  std::uint32_t byte_offset;
  friend constexpr bool operator==(const RegAddr&, const RegAddr&) = default;
};

// kBits ones at the low end. kBits is 1 to the width of Word.
template <class Word, unsigned kBits>
constexpr Word low_mask() {
  static_assert(std::is_unsigned_v<Word> && kBits >= 1 && kBits <= 8 * sizeof(Word));
  return static_cast<Word>(static_cast<Word>(~Word{0}) >> (8 * sizeof(Word) - kBits));
}

namespace detail {
// Word for a W that is a plain integer; other word types name it explicitly.
template <class Word, class W>
using WordOf = std::conditional_t<std::is_void_v<Word>, W, Word>;
}  // namespace detail

// Bits kMsb..kLsb of `raw`, moved to the low end.
template <unsigned kMsb, unsigned kLsb, class Word = void, class W>
constexpr W get_field(const W& raw) {
  using U = detail::WordOf<Word, W>;
  static_assert(kMsb >= kLsb && kMsb < 8 * sizeof(U));
  return static_cast<W>((raw >> kLsb) & low_mask<U, kMsb - kLsb + 1>());
}

// `raw` with bits kMsb..kLsb replaced by `value`; bits of `value` beyond the field are dropped.
template <unsigned kMsb, unsigned kLsb, class Word = void, class W>
constexpr W with_field(const W& raw, const W& value) {
  using U = detail::WordOf<Word, W>;
  static_assert(kMsb >= kLsb && kMsb < 8 * sizeof(U));
  constexpr U kMask = low_mask<U, kMsb - kLsb + 1>();
  constexpr U kKeep = static_cast<U>(~static_cast<U>(kMask << kLsb));
  return static_cast<W>((raw & kKeep) | ((value & kMask) << kLsb));
}

// Bytes from a register to the one that holds the high half of its 64-bit value; 0 if the value has
// no high half.
template <class Reg>
constexpr std::uint32_t high_half_of() {
  if constexpr (requires { Reg::kHighHalf; }) {
    return Reg::kHighHalf;
  } else {
    return 0;
  }
}

// Whether reading the register clears bits of it.
template <class Reg>
constexpr bool clears_on_read() {
  return requires {
    Reg::kClearOnRead;
  };
}

}  // namespace hni::spec
