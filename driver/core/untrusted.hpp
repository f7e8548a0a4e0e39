// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Untrusted<T>: a value that the card controls.
///
/// It can be cut into fields (shift, mask), compared, and checked against a limit; it cannot
/// become an index, a length, a count or an address in any other way. The checks return the plain
/// value only when it is inside its limit, so the unchecked use does not compile. `as_data()` is
/// the one named way out for values that are only handed on (a hash, a checksum, a counter, a
/// timestamp) and never steer memory; grep for it to review all of them.
///
/// T is std::uint32_t or std::uint64_t in production and a symbolic integer in proofs/.

#include <cstdint>
#include <optional>
#include <utility>

namespace hni {

template <class T>
class Untrusted {
 public:
  constexpr Untrusted() = default;
  explicit constexpr Untrusted(T value) : value_(std::move(value)) {}

  // Cutting fields keeps the taint.
  friend constexpr Untrusted operator>>(const Untrusted& a, unsigned n) {
    return Untrusted(T(a.value_ >> n));
  }
  friend constexpr Untrusted operator<<(const Untrusted& a, unsigned n) {
    return Untrusted(T(a.value_ << n));
  }
  friend constexpr Untrusted operator&(const Untrusted& a, const T& b) {
    return Untrusted(T(a.value_ & b));
  }
  friend constexpr Untrusted operator|(const Untrusted& a, const Untrusted& b) {
    return Untrusted(T(a.value_ | b.value_));
  }

  // A comparison is a decision, not a value.
  constexpr bool equals(const T& other) const { return static_cast<bool>(value_ == other); }
  /// True when any of `bits` is set.
  constexpr bool any(const T& bits) const { return !static_cast<bool>((value_ & bits) == T(0)); }
  /// True when all of `bits` are set.
  constexpr bool all(const T& bits) const { return static_cast<bool>((value_ & bits) == bits); }
  constexpr bool nonzero() const { return !static_cast<bool>(value_ == T(0)); }

  /// The value if it is < limit.
  constexpr std::optional<T> below(const T& limit) const {
    if (value_ < limit) return value_;
    return std::nullopt;
  }
  /// The value if it is <= limit.
  constexpr std::optional<T> at_most(const T& limit) const {
    if (value_ <= limit) return value_;
    return std::nullopt;
  }
  /// The value if lo <= value <= hi.
  constexpr std::optional<T> between(const T& lo, const T& hi) const {
    if (lo <= value_ && value_ <= hi) return value_;
    return std::nullopt;
  }

  // The same checks for the packet path: true, and the value in `out`, if it is inside its limit.
  // (The optional costs a dozen instructions a check with today's compilers.)
  [[nodiscard]] constexpr bool below(const T& limit, T& out) const {
    if (!(value_ < limit)) return false;
    out = value_;
    return true;
  }
  [[nodiscard]] constexpr bool at_most(const T& limit, T& out) const {
    if (!(value_ <= limit)) return false;
    out = value_;
    return true;
  }

  /// The value as opaque data: may be stored, shown or handed on, never used as index, length,
  /// count or address.
  constexpr T as_data() const { return value_; }

  /// A field of this word as an untrusted value of a narrower type. The field must fit (it was
  /// masked before).
  template <class U>
  constexpr Untrusted<U> narrowed() const {
    return Untrusted<U>(static_cast<U>(value_));
  }

 private:
  T value_{};
};

}  // namespace hni
