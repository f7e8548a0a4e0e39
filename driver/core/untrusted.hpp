// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Untrusted<T>: a value that the device controls.
///
/// It can be split into fields (shift, mask), compared, and checked against a limit; it cannot
/// become an index, a length, a count or an address in any other way. A check returns the plain
/// value only when it is within its limit, so an unchecked use does not compile. `as_data()` is
/// the one named way out for values that are only passed on (a hash, a checksum, a counter, a
/// timestamp) and never steer memory accesses; grep for it to review all of them.
///
/// T is std::uint32_t or std::uint64_t in production and a symbolic integer in proofs/.

#include <cstdint>
#include <optional>
#include <utility>

namespace hni {

/// A value that the device controls.
/// @tparam T integer type
template <class T>
class Untrusted {
 public:
  /// Makes an untrusted zero.
  constexpr Untrusted() = default;
  /// Marks a value as untrusted.
  /// @param value the value
  explicit constexpr Untrusted(T value) : value_(std::move(value)) {}

  /// Shifts right; the result stays untrusted.
  /// @param a value
  /// @param n bits
  /// @return the shifted value
  friend constexpr Untrusted operator>>(const Untrusted& a, unsigned n) {
    return Untrusted(T(a.value_ >> n));
  }
  /// Shifts left; the result stays untrusted.
  /// @param a value
  /// @param n bits
  /// @return the shifted value
  friend constexpr Untrusted operator<<(const Untrusted& a, unsigned n) {
    return Untrusted(T(a.value_ << n));
  }
  /// Masks; the result stays untrusted.
  /// @param a value
  /// @param b mask
  /// @return the masked value
  friend constexpr Untrusted operator&(const Untrusted& a, const T& b) {
    return Untrusted(T(a.value_ & b));
  }
  /// Combines two values; the result stays untrusted.
  /// @param a value
  /// @param b value
  /// @return the bits of both
  friend constexpr Untrusted operator|(const Untrusted& a, const Untrusted& b) {
    return Untrusted(T(a.value_ | b.value_));
  }

  /// Compares; the result is a decision, not a value.
  /// @param other trusted value
  /// @return true if equal
  constexpr bool equals(const T& other) const { return static_cast<bool>(value_ == other); }
  /// Tests bits.
  /// @param bits mask
  /// @return true if at least one of them is set
  constexpr bool any(const T& bits) const { return !static_cast<bool>((value_ & bits) == T(0)); }
  /// Tests bits.
  /// @param bits mask
  /// @return true if all of them are set
  constexpr bool all(const T& bits) const { return static_cast<bool>((value_ & bits) == bits); }
  /// @return true unless the value is 0
  constexpr bool nonzero() const { return !static_cast<bool>(value_ == T(0)); }

  /// Checks an exclusive limit.
  /// @param limit one more than the largest valid value
  /// @return the value if it is < limit, otherwise nullopt
  constexpr std::optional<T> below(const T& limit) const {
    if (value_ < limit) return value_;
    return std::nullopt;
  }
  /// Checks an inclusive limit.
  /// @param limit largest valid value
  /// @return the value if it is <= limit, otherwise nullopt
  constexpr std::optional<T> at_most(const T& limit) const {
    if (value_ <= limit) return value_;
    return std::nullopt;
  }
  /// Checks a range.
  /// @param lo smallest valid value
  /// @param hi largest valid value
  /// @return the value if lo <= value <= hi, otherwise nullopt
  constexpr std::optional<T> between(const T& lo, const T& hi) const {
    if (lo <= value_ && value_ <= hi) return value_;
    return std::nullopt;
  }

  /// Checks an exclusive limit on the packet path (an optional costs a dozen instructions per
  /// check with today's compilers).
  /// @param limit one more than the largest valid value
  /// @param out set to the value if it is valid
  /// @return true if the value is < limit
  [[nodiscard]] constexpr bool below(const T& limit, T& out) const {
    if (!(value_ < limit)) return false;
    out = value_;
    return true;
  }
  /// Checks an inclusive limit on the packet path.
  /// @param limit largest valid value
  /// @param out set to the value if it is valid
  /// @return true if the value is <= limit
  [[nodiscard]] constexpr bool at_most(const T& limit, T& out) const {
    if (!(value_ <= limit)) return false;
    out = value_;
    return true;
  }

  /// Returns the value as opaque data: it may be stored, shown or passed on, but never used as
  /// index, length, count or address.
  /// @return the value
  constexpr T as_data() const { return value_; }

  /// Narrows a field of this word. The field must fit: it was masked before.
  /// @tparam U narrower type
  /// @return the field, untrusted
  template <class U>
  constexpr Untrusted<U> narrowed() const {
    return Untrusted<U>(static_cast<U>(value_));
  }

 private:
  T value_{};
};

}  // namespace hni
