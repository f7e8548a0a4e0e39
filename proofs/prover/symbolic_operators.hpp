// SPDX-License-Identifier: Apache-2.0
// The operators of the symbolic integer: one template each, for symbolic and built-in operands in
// any mixture. The result types come from the compiler itself (decltype of the built-in
// operation), so there is no second copy of the promotion rules that could be wrong.
#pragma once

#include "proofs/prover/symbolic.hpp"

namespace hni::proofs {
namespace detail {

template <class B, class X>
typename B::Bits bits_of(const X& x) {
  if constexpr (OperandOf<X>::kSymbolic) {
    return x.bits();
  } else {
    return B::constant(kWidth<X>, constant_bits(x));
  }
}

/// An operand after the usual arithmetic conversions to C.
template <class B, class C, class X>
typename B::Bits operand_as(const X& x) {
  using From = ValueOf<X>;
  const auto bits = bits_of<B>(x);
  if constexpr (kSigned<From> && !kSigned<C>) {
    B::check(Defect::kSignChange, B::template apply<Op::kNot>(0, is_negative<B, From>(bits)));
  }
  return convert<B, C, From>(bits);
}

template <class B>
typename B::Bits logical_not(const typename B::Bits& x) {
  return B::template apply<Op::kNot>(0, x);
}
template <class B>
typename B::Bits either(const typename B::Bits& a, const typename B::Bits& b) {
  return B::template apply<Op::kOr>(0, a, b);
}

/// Signed addition and subtraction overflow when the sign of the result contradicts those of the
/// operands.
template <class B, class C, Op kOp>
void check_signed_sum(const typename B::Bits& a, const typename B::Bits& b,
                      const typename B::Bits& result) {
  const auto a_negative = is_negative<B, C>(a);
  const auto b_negative = is_negative<B, C>(b);
  const auto result_kept = B::template apply<Op::kEqual>(0, is_negative<B, C>(result), a_negative);
  auto signs_differ = logical_not<B>(B::template apply<Op::kEqual>(0, a_negative, b_negative));
  if constexpr (kOp == Op::kSub) signs_differ = logical_not<B>(signs_differ);
  B::check(Defect::kSignedOverflow, either<B>(signs_differ, result_kept));
}

template <class B, class C>
typename B::Bits divide_overflows(const typename B::Bits& a, const typename B::Bits& b) {
  constexpr unsigned width = kWidth<C>;
  const auto lowest = B::constant(width, constant_bits(std::numeric_limits<C>::min()));
  const auto minus_one = B::constant(width, mask_of(width));
  return B::template apply<Op::kAnd>(0, B::template apply<Op::kEqual>(width, a, lowest),
                                     B::template apply<Op::kEqual>(width, b, minus_one));
}

/// a * b fits if dividing the result by a yields b. At 32 bits the product is computed in 64 bits
/// instead.
template <class B, class C>
void check_signed_product(const typename B::Bits& a, const typename B::Bits& b,
                          const typename B::Bits& result) {
  constexpr unsigned width = kWidth<C>;
  if constexpr (width <= 32) {
    const auto wide =
        B::template apply<Op::kMul>(64, B::template apply<Op::kSignExtend>(64, a, width),
                                    B::template apply<Op::kSignExtend>(64, b, width));
    const auto extended = B::template apply<Op::kSignExtend>(64, result, width);
    B::check(Defect::kSignedOverflow, B::template apply<Op::kEqual>(64, wide, extended));
  } else {
    const auto a_zero = B::template apply<Op::kEqual>(width, a, B::constant(width, 0));
    const auto quotient = B::template apply<Op::kSdiv>(width, result, a);
    const auto fits =
        B::template apply<Op::kAnd>(0, B::template apply<Op::kEqual>(width, quotient, b),
                                    logical_not<B>(either<B>(divide_overflows<B, C>(result, a),
                                                             divide_overflows<B, C>(b, a))));
    B::check(Defect::kSignedOverflow, either<B>(a_zero, fits));
  }
}

template <class B, class C>
void check_divisor(const typename B::Bits& a, const typename B::Bits& b) {
  constexpr unsigned width = kWidth<C>;
  B::check(Defect::kDivideByZero,
           logical_not<B>(B::template apply<Op::kEqual>(width, b, B::constant(width, 0))));
  if constexpr (kSigned<C>) {
    B::check(Defect::kDivideOverflow, logical_not<B>(divide_overflows<B, C>(a, b)));
  }
}

template <Op kOp, class L, class R>
auto binary(const L& l, const R& r) {
  using B = BackendOf<L, R>;
  using C = Common<ValueOf<L>, ValueOf<R>>;
  const auto a = operand_as<B, C>(l);
  const auto b = operand_as<B, C>(r);
  if constexpr (kOp == Op::kUdiv || kOp == Op::kUrem) {
    check_divisor<B, C>(a, b);
    constexpr Op actual = kOp == Op::kUdiv ? (kSigned<C> ? Op::kSdiv : Op::kUdiv)
                                           : (kSigned<C> ? Op::kSrem : Op::kUrem);
    return Integer<C, B>::from_bits(B::template apply<actual>(kWidth<C>, a, b));
  } else {
    const auto result = B::template apply<kOp>(kWidth<C>, a, b);
    if constexpr (kSigned<C> && (kOp == Op::kAdd || kOp == Op::kSub)) {
      check_signed_sum<B, C, kOp>(a, b, result);
    } else if constexpr (kSigned<C> && kOp == Op::kMul) {
      check_signed_product<B, C>(a, b, result);
    }
    return Integer<C, B>::from_bits(result);
  }
}

/// Bitwise operators: the usual conversions, no overflow.
template <Op kOp, class L, class R>
auto bitwise(const L& l, const R& r) {
  using B = BackendOf<L, R>;
  using C = Common<ValueOf<L>, ValueOf<R>>;
  return Integer<C, B>::from_bits(
      B::template apply<kOp>(kWidth<C>, operand_as<B, C>(l), operand_as<B, C>(r)));
}

/// Each operand of a shift is promoted separately; the result has the type of the left one.
template <bool kLeft, class L, class R>
auto shift(const L& l, const R& r) {
  using B = BackendOf<L, R>;
  using P = Promoted<ValueOf<L>>;
  using Q = Promoted<ValueOf<R>>;
  constexpr unsigned width = kWidth<P>;
  const auto value = convert<B, P, ValueOf<L>>(bits_of<B>(l));
  const auto count = convert<B, Q, ValueOf<R>>(bits_of<B>(r));
  // Compared as unsigned, a negative count is far above the width.
  B::check(Defect::kShiftCount,
           B::template apply<Op::kUnsignedLess>(kWidth<Q>, count, B::constant(kWidth<Q>, width)));
  const auto same_width = convert<B, P, Q>(count);
  constexpr Op op = kLeft ? Op::kShl : kSigned<P> ? Op::kAshr : Op::kLshr;
  return Integer<P, B>::from_bits(B::template apply<op>(width, value, same_width));
}

template <Op kSignedOp, Op kUnsignedOp, class L, class R>
auto compare(const L& l, const R& r) {
  using B = BackendOf<L, R>;
  using C = Common<ValueOf<L>, ValueOf<R>>;
  constexpr Op op = kSigned<C> ? kSignedOp : kUnsignedOp;
  const auto a = operand_as<B, C>(l);
  const auto b = operand_as<B, C>(r);
  return Integer<bool, B>::from_bits(B::template apply<op>(kWidth<C>, a, b));
}

}  // namespace detail

template <class L, class R>
requires detail::Mixed<L, R>
auto operator+(const L& l, const R& r) {
  return detail::binary<Op::kAdd>(l, r);
}
template <class L, class R>
requires detail::Mixed<L, R>
auto operator-(const L& l, const R& r) {
  return detail::binary<Op::kSub>(l, r);
}
template <class L, class R>
requires detail::Mixed<L, R>
auto operator*(const L& l, const R& r) {
  return detail::binary<Op::kMul>(l, r);
}
template <class L, class R>
requires detail::Mixed<L, R>
auto operator/(const L& l, const R& r) {
  return detail::binary<Op::kUdiv>(l, r);
}
template <class L, class R>
requires detail::Mixed<L, R>
auto operator%(const L& l, const R& r) {
  return detail::binary<Op::kUrem>(l, r);
}
template <class L, class R>
requires detail::Mixed<L, R>
auto operator&(const L& l, const R& r) {
  return detail::bitwise<Op::kAnd>(l, r);
}
template <class L, class R>
requires detail::Mixed<L, R>
auto operator|(const L& l, const R& r) {
  return detail::bitwise<Op::kOr>(l, r);
}
template <class L, class R>
requires detail::Mixed<L, R>
auto operator^(const L& l, const R& r) {
  return detail::bitwise<Op::kXor>(l, r);
}
template <class L, class R>
requires detail::Mixed<L, R>
auto operator<<(const L& l, const R& r) {
  return detail::shift<true>(l, r);
}
template <class L, class R>
requires detail::Mixed<L, R>
auto operator>>(const L& l, const R& r) {
  return detail::shift<false>(l, r);
}

template <class L, class R>
requires detail::Mixed<L, R>
auto operator==(const L& l, const R& r) {
  return detail::compare<Op::kEqual, Op::kEqual>(l, r);
}
template <class L, class R>
requires detail::Mixed<L, R>
auto operator!=(const L& l, const R& r) {
  return !detail::compare<Op::kEqual, Op::kEqual>(l, r);
}
template <class L, class R>
requires detail::Mixed<L, R>
auto operator<(const L& l, const R& r) {
  return detail::compare<Op::kSignedLess, Op::kUnsignedLess>(l, r);
}
template <class L, class R>
requires detail::Mixed<L, R>
auto operator<=(const L& l, const R& r) {
  return detail::compare<Op::kSignedLessEqual, Op::kUnsignedLessEqual>(l, r);
}
template <class L, class R>
requires detail::Mixed<L, R>
auto operator>(const L& l, const R& r) {
  return !detail::compare<Op::kSignedLessEqual, Op::kUnsignedLessEqual>(l, r);
}
template <class L, class R>
requires detail::Mixed<L, R>
auto operator>=(const L& l, const R& r) {
  return !detail::compare<Op::kSignedLess, Op::kUnsignedLess>(l, r);
}

/// The built-in ! converts to bool first; this one needs no decision and is equivalent.
template <class T, class B>
Integer<bool, B> operator!(const Integer<T, B>& x) {
  return Integer<bool, B>::from_bits(
      detail::logical_not<B>(detail::convert<B, bool, T>(x.bits())));
}
template <class T, class B>
auto operator+(const Integer<T, B>& x) {
  using P = detail::Promoted<T>;
  return Integer<P, B>::from_bits(detail::convert<B, P, T>(x.bits()));
}
template <class T, class B>
auto operator~(const Integer<T, B>& x) {
  using P = detail::Promoted<T>;
  return Integer<P, B>::from_bits(
      B::template apply<Op::kNot>(detail::kWidth<P>, detail::convert<B, P, T>(x.bits())));
}
template <class T, class B>
auto operator-(const Integer<T, B>& x) {
  return detail::Promoted<T>{0} - x;
}

}  // namespace hni::proofs
