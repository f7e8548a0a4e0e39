// SPDX-License-Identifier: Apache-2.0
#include "spec/compiler/bits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace hni::rdl {
namespace {

std::uint64_t mask_of(unsigned bits) {
  return bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
}

// Multiplies 64 x 64 bits to 128 bits, in two words.
void multiply_words(std::uint64_t a, std::uint64_t b, std::uint64_t& high, std::uint64_t& low) {
  const std::uint64_t a0 = a & 0xffffffff, a1 = a >> 32;
  const std::uint64_t b0 = b & 0xffffffff, b1 = b >> 32;
  const std::uint64_t p00 = a0 * b0, p01 = a0 * b1, p10 = a1 * b0, p11 = a1 * b1;
  const std::uint64_t middle = (p00 >> 32) + (p01 & 0xffffffff) + (p10 & 0xffffffff);
  low = (p00 & 0xffffffff) | (middle << 32);
  high = p11 + (p01 >> 32) + (p10 >> 32) + (middle >> 32);
}

}  // namespace

Bits Bits::from_words(const std::vector<std::uint64_t>& words, unsigned width) {
  Bits out;
  std::size_t count = std::min(words.size(), words_for(width));
  std::uint64_t top_mask = width % 64 == 0 ? ~std::uint64_t{0} : mask_of(width % 64);
  if (count < words_for(width)) top_mask = ~std::uint64_t{0};
  const auto at = [&](std::size_t i) { return i + 1 == count ? words[i] & top_mask : words[i]; };
  while (count > 1 && at(count - 1) == 0) {
    --count;
    top_mask = ~std::uint64_t{0};
  }
  if (count == 0) return out;
  out.low_ = at(0);
  for (std::size_t i = 1; i < count; ++i) out.high_.push_back(at(i));
  return out;
}

unsigned Bits::length() const {
  const std::size_t count = words();
  const auto top = static_cast<unsigned>(64 - std::countl_zero(word(count - 1)));
  return static_cast<unsigned>(64 * (count - 1)) + top;
}

bool Bits::bit(unsigned index) const {
  return (word(index / 64) >> (index % 64) & 1) != 0;
}

bool Bits::odd_parity() const {
  int ones = 0;
  for (std::size_t i = 0; i < words(); ++i) ones += std::popcount(word(i));
  return ones % 2 != 0;
}

Bits Bits::truncated(unsigned width) const {
  if (high_.empty()) return Bits(low_ & mask_of(width));
  std::vector<std::uint64_t> all;
  for (std::size_t i = 0; i < words(); ++i) all.push_back(word(i));
  return from_words(all, width);
}

Bits Bits::add(const Bits& other, unsigned width) const {
  if (width <= 64) return Bits((low_ + other.low_) & mask_of(width));
  std::vector<std::uint64_t> sum(words_for(width));
  std::uint64_t carry = 0;
  for (std::size_t i = 0; i < sum.size(); ++i) {
    const std::uint64_t part = word(i) + carry;
    carry = part < carry ? 1u : 0u;
    sum[i] = part + other.word(i);
    carry += sum[i] < part ? 1u : 0u;
  }
  return from_words(sum, width);
}

Bits Bits::subtract(const Bits& other, unsigned width) const {
  if (width <= 64) return Bits((low_ - other.low_) & mask_of(width));
  return add(other.invert(width), width).add(Bits(1), width);
}

Bits Bits::multiply(const Bits& other, unsigned width) const {
  if (width <= 64) return Bits((low_ * other.low_) & mask_of(width));
  std::vector<std::uint64_t> product(words_for(width));
  for (std::size_t i = 0; i < words() && i < product.size(); ++i) {
    std::uint64_t carry = 0;
    for (std::size_t j = 0; i + j < product.size(); ++j) {
      std::uint64_t high = 0, low = 0;
      multiply_words(word(i), other.word(j), high, low);
      low += carry;
      high += low < carry ? 1u : 0u;
      product[i + j] += low;
      carry = high + (product[i + j] < low ? 1u : 0u);
      if (carry == 0 && j >= other.words()) break;
    }
  }
  return from_words(product, width);
}

void Bits::divide(const Bits& divisor, Bits& quotient, Bits& remainder) const {
  if (fits64() && divisor.fits64()) {
    const std::uint64_t dividend = low_;
    quotient = Bits(dividend / divisor.low_);
    remainder = Bits(dividend % divisor.low_);
    return;
  }
  Bits rest;
  std::vector<std::uint64_t> result(words());
  const Bits dividend = *this;
  for (unsigned i = dividend.length(); i-- > 0;) {
    rest = rest.shift_left(1, kMaxBits + 1);
    if (dividend.bit(i)) rest.low_ |= 1;
    if (rest < divisor) continue;
    rest = rest.subtract(divisor, kMaxBits + 1);
    result[i / 64] |= std::uint64_t{1} << (i % 64);
  }
  quotient = from_words(result, kMaxBits);
  remainder = rest;
}

Bits Bits::power(const Bits& exponent, unsigned width) const {
  Bits base = truncated(width);
  Bits result = Bits(1).truncated(width);
  const unsigned bits = exponent.length();
  for (unsigned i = 0; i < bits; ++i) {
    if (exponent.bit(i)) result = result.multiply(base, width);
    base = base.multiply(base, width);
  }
  return result;
}

Bits Bits::shift_left(std::uint64_t count, unsigned width) const {
  if (count >= width) return {};
  if (width <= 64) return Bits((low_ << count) & mask_of(width));
  std::vector<std::uint64_t> out(words_for(width));
  const std::size_t skip = count / 64;
  const unsigned shift = count % 64;
  for (std::size_t i = skip; i < out.size(); ++i) {
    out[i] = word(i - skip) << shift;
    if (shift != 0 && i > skip) out[i] |= word(i - skip - 1) >> (64 - shift);
  }
  return from_words(out, width);
}

Bits Bits::shift_right(std::uint64_t count) const {
  if (count >= 64 * words()) return {};
  const std::size_t skip = count / 64;
  const unsigned shift = count % 64;
  std::vector<std::uint64_t> out(words() - skip);
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = word(i + skip) >> shift;
    if (shift != 0) out[i] |= word(i + skip + 1) << (64 - shift);
  }
  return from_words(out, static_cast<unsigned>(64 * out.size()));
}

Bits Bits::operator&(const Bits& other) const {
  std::vector<std::uint64_t> out(std::max(words(), other.words()));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = word(i) & other.word(i);
  return from_words(out, static_cast<unsigned>(64 * out.size()));
}

Bits Bits::operator|(const Bits& other) const {
  std::vector<std::uint64_t> out(std::max(words(), other.words()));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = word(i) | other.word(i);
  return from_words(out, static_cast<unsigned>(64 * out.size()));
}

Bits Bits::operator^(const Bits& other) const {
  std::vector<std::uint64_t> out(std::max(words(), other.words()));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = word(i) ^ other.word(i);
  return from_words(out, static_cast<unsigned>(64 * out.size()));
}

Bits Bits::invert(unsigned width) const {
  std::vector<std::uint64_t> out(words_for(width));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = ~word(i);
  return from_words(out, width);
}

std::strong_ordering Bits::operator<=>(const Bits& other) const {
  if (words() != other.words()) return words() <=> other.words();
  for (std::size_t i = words(); i-- > 0;) {
    if (word(i) != other.word(i)) return word(i) <=> other.word(i);
  }
  return std::strong_ordering::equal;
}

bool Bits::append_digit(unsigned base, unsigned digit) {
  if (high_.empty() && low_ <= (~std::uint64_t{0} - digit) / base) {
    low_ = low_ * base + digit;
    return true;
  }
  *this = multiply(Bits(base), kMaxBits + 64).add(Bits(digit), kMaxBits + 64);
  return length() <= kMaxBits;
}

std::string Bits::hex() const {
  std::string out = fmt::format("{:#x}", word(words() - 1));
  for (std::size_t i = words() - 1; i-- > 0;) out += fmt::format("{:016x}", word(i));
  return out;
}

std::string Bits::decimal() const {
  if (fits64()) return fmt::format("{}", low_);
  constexpr std::uint64_t kChunk = 10'000'000'000'000'000'000u;
  std::string out;
  Bits rest = *this;
  while (!rest.fits64() || rest.low_ >= kChunk) {
    Bits quotient, remainder;
    rest.divide(Bits(kChunk), quotient, remainder);
    out = fmt::format("{:019}", remainder.low_) + out;
    rest = quotient;
  }
  return fmt::format("{}", rest.low_) + out;
}

}  // namespace hni::rdl
