// SPDX-License-Identifier: Apache-2.0
// Unsigned numbers of up to kMaxBits bits. SystemRDL counts the width of a number in bits and lets
// a literal have any width; nearly all numbers of a map fit 64 bits and need no memory of their
// own.
//
// Every operation takes the width of its context and wraps there, as the standard's expressions
// do.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

namespace hni::rdl {

class Bits {
 public:
  static constexpr unsigned kMaxBits = 4096;

  Bits() = default;
  explicit Bits(std::uint64_t value) : low_(value) {}

  bool fits64() const { return high_.empty(); }
  std::uint64_t low() const { return low_; }
  bool is_zero() const { return low_ == 0 && high_.empty(); }
  // Returns the number of bits up to the highest set one.
  unsigned length() const;
  bool bit(unsigned index) const;
  bool odd_parity() const;

  Bits truncated(unsigned width) const;
  Bits add(const Bits& other, unsigned width) const;
  Bits subtract(const Bits& other, unsigned width) const;
  Bits multiply(const Bits& other, unsigned width) const;
  // Returns quotient and remainder. `divisor` must not be 0.
  void divide(const Bits& divisor, Bits& quotient, Bits& remainder) const;
  Bits power(const Bits& exponent, unsigned width) const;
  Bits shift_left(std::uint64_t count, unsigned width) const;
  Bits shift_right(std::uint64_t count) const;
  Bits operator&(const Bits& other) const;
  Bits operator|(const Bits& other) const;
  Bits operator^(const Bits& other) const;
  Bits invert(unsigned width) const;

  bool operator==(const Bits& other) const = default;
  std::strong_ordering operator<=>(const Bits& other) const;

  // Appends a digit: value * base + digit. Returns false if the result has more than kMaxBits
  // bits.
  bool append_digit(unsigned base, unsigned digit);
  std::string hex() const;  // "0x..." without leading zeros
  std::string decimal() const;

 private:
  std::size_t words() const { return 1 + high_.size(); }
  std::uint64_t word(std::size_t i) const {
    return i == 0 ? low_ : i <= high_.size() ? high_[i - 1] : 0;
  }
  static Bits from_words(const std::vector<std::uint64_t>& words, unsigned width);
  static constexpr std::size_t words_for(unsigned width) { return (width + 63) / 64; }

  std::uint64_t low_ = 0;
  std::vector<std::uint64_t> high_;  // the higher words, without leading zeros
};

}  // namespace hni::rdl
