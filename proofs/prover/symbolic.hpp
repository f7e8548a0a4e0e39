// SPDX-License-Identifier: Apache-2.0
// An integer that obeys the rules of C++ for the built-in type T while its value stays symbolic.
//
// Integer<T, B> stands for T wherever a template of the driver is generic over its word type. It
// follows the standard exactly: integral promotion before every arithmetic operator, the usual
// arithmetic conversions between mixed operands, modular conversion (C++20), modular unsigned
// arithmetic. What the standard leaves undefined is reported to the back end as a check, and so is
// every conversion that changes a value:
//
//   signed overflow, shift counts out of range, division by zero   undefined behaviour
//   copy-initialisation, compound assignment, ++ and --            "implicit" narrowing
//   static_cast and other direct initialisation                    "explicit" narrowing
//   a negative operand that the usual conversions make unsigned    sign change
//
// Conversion to bool asks the back end to decide, which is where path exploration forks. && and ||
// are not overloaded: they keep their evaluation order, through that conversion.
//
// The back end B supplies
//   Bits                                      a value or a term
//   constant(width, value)                    width 0 is Bool, as in bits.hpp
//   apply<Op>(width, a[, b])                  arguments as for evaluate()
//   if_then_else(width, condition, a, b)
//   decide(condition) -> bool
//   check(defect, condition)                  condition must hold here
//
// Two limits. `c ? x : 1` has the type of the symbolic x, where the built-in operator would
// promote the constant; the value is the same, and a constant that does not fit is reported as
// implicit narrowing. A switch over an Integer does not compile.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "proofs/prover/bits.hpp"

namespace hni::proofs {

enum class Defect : std::uint8_t {
  kSignedOverflow,
  kShiftCount,
  kDivideByZero,
  kDivideOverflow,
  kImplicitNarrowing,
  kExplicitNarrowing,
  kSignChange,
};
inline constexpr unsigned kDefectKinds = 7;

template <class T, class B>
class Integer;

namespace detail {

/// Bits of a built-in integer; bool is the sort Bool.
template <class T>
inline constexpr unsigned kWidth = std::same_as<T, bool> ? 0u
                                                         : static_cast<unsigned>(sizeof(T) * 8);

template <class T>
inline constexpr bool kSigned = std::is_signed_v<T>;

/// Every value of From is a value of To.
template <class To, class From>
inline constexpr bool kHoldsAll = kSigned<From> ? (kSigned<To>&& kWidth<To> >= kWidth<From>)
                                                : (kWidth<To> > kWidth<From> ||
                                                   (!kSigned<To> && kWidth<To> == kWidth<From>));

template <class T>
constexpr std::uint64_t constant_bits(T value) {
  return static_cast<std::uint64_t>(value) & mask_of(kWidth<T>);
}

template <class X>
struct OperandOf {};
template <class T, class B>
struct OperandOf<Integer<T, B>> {
  using Value = T;
  using Backend = B;
  static constexpr bool kSymbolic = true;
};
template <std::integral T>
struct OperandOf<T> {
  using Value = T;
  using Backend = void;
  static constexpr bool kSymbolic = false;
};

template <class X>
concept Operand = requires {
  typename OperandOf<X>::Value;
};

/// At least one operand is symbolic; two symbolic ones share their back end.
template <class L, class R>
concept Mixed = Operand<L> && Operand<R> &&(OperandOf<L>::kSymbolic || OperandOf<R>::kSymbolic) &&
                (!OperandOf<L>::kSymbolic || !OperandOf<R>::kSymbolic ||
                 std::same_as<typename OperandOf<L>::Backend, typename OperandOf<R>::Backend>);

template <class L, class R>
using BackendOf = std::conditional_t<OperandOf<L>::kSymbolic, typename OperandOf<L>::Backend,
                                     typename OperandOf<R>::Backend>;
template <class X>
using ValueOf = typename OperandOf<X>::Value;

/// The type that results from integral promotion.
template <class T>
using Promoted = decltype(+T{});
/// The type that results from the usual arithmetic conversions.
template <class A, class C>
using Common = decltype(A{} + C{});

/// Converts as the standard defines: modulo 2^N, or "not zero" for bool.
template <class B, class To, class From>
typename B::Bits convert(const typename B::Bits& x) {
  constexpr unsigned to = kWidth<To>;
  constexpr unsigned from = kWidth<From>;
  if constexpr (std::same_as<To, From> || (to == from && to != 0)) {
    return x;
  } else if constexpr (to == 0) {
    return B::template apply<Op::kNot>(
        0, B::template apply<Op::kEqual>(from, x, B::constant(from, 0)));
  } else if constexpr (from == 0) {
    return B::if_then_else(to, x, B::constant(to, 1), B::constant(to, 0));
  } else if constexpr (to < from) {
    return B::template apply<Op::kTruncate>(to, x, from);
  } else if constexpr (kSigned<From>) {
    return B::template apply<Op::kSignExtend>(to, x, from);
  } else {
    return B::template apply<Op::kZeroExtend>(to, x, from);
  }
}

template <class B, class T>
typename B::Bits is_negative(const typename B::Bits& x) {
  if constexpr (kSigned<T>) {
    return B::template apply<Op::kSignedLess>(kWidth<T>, x, B::constant(kWidth<T>, 0));
  } else {
    return B::constant(0, 0);
  }
}

/// Reports the conversion of x to To if it changes the value. Conversion to bool is a comparison,
/// not a narrowing.
template <class B, class To, class From>
void check_value_kept(Defect defect, const typename B::Bits& x) {
  if constexpr (!std::same_as<To, bool> && !kHoldsAll<To, From>) {
    const auto converted = convert<B, To, From>(x);
    const auto back = convert<B, From, To>(converted);
    const auto same_bits = B::template apply<Op::kEqual>(kWidth<From>, back, x);
    const auto same_sign =
        B::template apply<Op::kEqual>(0, is_negative<B, To>(converted), is_negative<B, From>(x));
    B::check(defect, B::template apply<Op::kAnd>(0, same_bits, same_sign));
  }
}

}  // namespace detail

template <class T, class B>
class Integer {
 public:
  static_assert(std::integral<T>);
  using value_type = T;
  using Bits = typename B::Bits;
  static constexpr unsigned kWidth = detail::kWidth<T>;

  Integer() : bits_(B::constant(kWidth, 0)) {}

  /// Converts from a built-in value, like the built-in conversion.
  template <std::integral A>
  Integer(A value)  // implicit, as between built-in types
      : bits_(B::constant(kWidth, detail::constant_bits(static_cast<T>(value)))) {
    if constexpr (!std::same_as<T, bool> && !detail::kHoldsAll<T, A>) {
      detail::check_value_kept<B, T, A>(
          Defect::kImplicitNarrowing,
          B::constant(detail::kWidth<A>, detail::constant_bits(value)));
    }
  }

  /// Direct initialisation and static_cast: explicit narrowing.
  template <class U>
  requires(!std::same_as<U, T>) explicit Integer(const Integer<U, B>& other)
      : bits_(detail::convert<B, T, U>(other.bits())) {
    detail::check_value_kept<B, T, U>(Defect::kExplicitNarrowing, other.bits());
  }

  /// Copy initialisation of another type: implicit narrowing.
  template <class U>
  requires(!std::same_as<U, T>) operator Integer<U, B>() const {
    detail::check_value_kept<B, U, T>(Defect::kImplicitNarrowing, bits_);
    return Integer<U, B>::from_bits(detail::convert<B, U, T>(bits_));
  }

  /// Converts to bool and to nothing else, so that no built-in conversion can follow unnoticed.
  template <std::same_as<bool> U>
  operator U() const {
    return B::decide(detail::convert<B, bool, T>(bits_));
  }

  static Integer from_bits(Bits bits) {
    Integer result{Unset{}};
    result.bits_ = bits;
    return result;
  }
  const Bits& bits() const { return bits_; }

  template <class R>
  requires detail::Mixed<Integer, R> Integer& operator+=(const R& r) { return assign(*this + r); }
  template <class R>
  requires detail::Mixed<Integer, R> Integer& operator-=(const R& r) { return assign(*this - r); }
  template <class R>
  requires detail::Mixed<Integer, R> Integer& operator*=(const R& r) { return assign(*this * r); }
  template <class R>
  requires detail::Mixed<Integer, R> Integer& operator/=(const R& r) { return assign(*this / r); }
  template <class R>
  requires detail::Mixed<Integer, R> Integer& operator%=(const R& r) { return assign(*this % r); }
  template <class R>
  requires detail::Mixed<Integer, R> Integer& operator&=(const R& r) { return assign(*this & r); }
  template <class R>
  requires detail::Mixed<Integer, R> Integer& operator|=(const R& r) { return assign(*this | r); }
  template <class R>
  requires detail::Mixed<Integer, R> Integer& operator^=(const R& r) { return assign(*this ^ r); }
  template <class R>
  requires detail::Mixed<Integer, R> Integer& operator<<=(const R& r) {
    return assign(*this << r);
  }
  template <class R>
  requires detail::Mixed<Integer, R> Integer& operator>>=(const R& r) {
    return assign(*this >> r);
  }

  Integer& operator++() requires(!std::same_as<T, bool>) { return assign(*this + 1); }
  Integer& operator--() requires(!std::same_as<T, bool>) { return assign(*this - 1); }
  Integer operator++(int) requires(!std::same_as<T, bool>) {
    const Integer before = *this;
    assign(*this + 1);
    return before;
  }
  Integer operator--(int) requires(!std::same_as<T, bool>) {
    const Integer before = *this;
    assign(*this - 1);
    return before;
  }

 private:
  struct Unset {};
  explicit Integer(Unset) {}

  template <class U>
  Integer& assign(const Integer<U, B>& value) {
    detail::check_value_kept<B, T, U>(Defect::kImplicitNarrowing, value.bits());
    bits_ = detail::convert<B, T, U>(value.bits());
    return *this;
  }

  Bits bits_;
};

}  // namespace hni::proofs

#include "proofs/prover/symbolic_operators.hpp"  // IWYU pragma: export

/// Templates of the driver may ask for the limits of their word type. The values are built-in
/// ones.
template <class T, class B>
class std::numeric_limits<hni::proofs::Integer<T, B>> : public std::numeric_limits<T> {};
