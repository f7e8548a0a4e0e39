// SPDX-License-Identifier: Apache-2.0
// One case of the symbolic integer, compared with the compiler: the same operation on the same two
// values, once with built-in types and once with Integer over some back end. An operation that is
// undefined for the built-in types must be reported instead.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "proofs/prover/concrete.hpp"

namespace hni::proofs::fidelity {

template <class... T>
struct TypeList {};
using SmallTypes = TypeList<bool, std::int8_t, std::uint8_t>;
using WideTypes = TypeList<std::int16_t, std::uint16_t, std::int32_t, std::uint32_t, std::int64_t,
                           std::uint64_t>;

/// The compiler's result of one operation.
struct Expected {
  bool defined = true;
  std::uint64_t bits = 0;  ///< when defined
  unsigned defects = 0;    ///< one bit a kind
};

constexpr unsigned bit(Defect d) {
  return 1u << static_cast<unsigned>(d);
}

/// Returns whether the value is representable. std::in_range does not accept bool.
template <class To, class From>
constexpr bool fits(From value) {
  if constexpr (std::is_same_v<To, bool>) {
    return true;  // tests the value; nothing is narrowed
  } else if constexpr (std::is_same_v<From, bool>) {
    return true;
  } else {
    return std::in_range<To>(value);
  }
}

/// The usual arithmetic conversions make a negative operand unsigned.
template <class R, class A, class C>
constexpr unsigned sign_change(A a, C c) {
  const bool changes = std::is_unsigned_v<R> && (a < A{} || c < C{});
  return changes ? bit(Defect::kSignChange) : 0;
}

#define HNI_ARITHMETIC(Name, op, builtin)                                                       \
  struct Name {                                                                                 \
    template <class A, class C>                                                                 \
    static auto apply(const A& a, const C& c) {                                                 \
      return a op c;                                                                            \
    }                                                                                           \
    template <class A, class C>                                                                 \
    static void assign(A& a, const C& c) {                                                      \
      a op## = c;                                                                               \
    }                                                                                           \
    template <class R, class A, class C>                                                        \
    static unsigned undefined(A a, C c) {                                                       \
      R ignored{};                                                                              \
      return std::is_signed_v<R> && builtin(a, c, &ignored) ? bit(Defect::kSignedOverflow) : 0; \
    }                                                                                           \
    template <class R, class A, class C>                                                        \
    static unsigned conversions(A a, C c) {                                                     \
      return sign_change<R>(a, c);                                                              \
    }                                                                                           \
  };
HNI_ARITHMETIC(Add, +, __builtin_add_overflow)
HNI_ARITHMETIC(Subtract, -, __builtin_sub_overflow)
HNI_ARITHMETIC(Multiply, *, __builtin_mul_overflow)
#undef HNI_ARITHMETIC

#define HNI_DIVISION(Name, op)                                                                \
  struct Name {                                                                               \
    template <class A, class C>                                                               \
    static auto apply(const A& a, const C& c) {                                               \
      return a op c;                                                                          \
    }                                                                                         \
    template <class A, class C>                                                               \
    static void assign(A& a, const C& c) {                                                    \
      a op## = c;                                                                             \
    }                                                                                         \
    template <class R, class A, class C>                                                      \
    static unsigned undefined(A a, C c) {                                                     \
      if (c == C{}) return bit(Defect::kDivideByZero);                                        \
      const bool overflow = std::is_signed_v<R> && static_cast<R>(c) == static_cast<R>(-1) && \
                            static_cast<R>(a) == std::numeric_limits<R>::min();               \
      return overflow ? bit(Defect::kDivideOverflow) : 0;                                     \
    }                                                                                         \
    template <class R, class A, class C>                                                      \
    static unsigned conversions(A a, C c) {                                                   \
      return sign_change<R>(a, c);                                                            \
    }                                                                                         \
  };
HNI_DIVISION(Divide, /)
HNI_DIVISION(Remainder, %)
#undef HNI_DIVISION

#define HNI_BITWISE(Name, op)                   \
  struct Name {                                 \
    template <class A, class C>                 \
    static auto apply(const A& a, const C& c) { \
      return a op c;                            \
    }                                           \
    template <class A, class C>                 \
    static void assign(A& a, const C& c) {      \
      a op## = c;                               \
    }                                           \
    template <class R, class A, class C>        \
    static unsigned undefined(A, C) {           \
      return 0;                                 \
    }                                           \
    template <class R, class A, class C>        \
    static unsigned conversions(A a, C c) {     \
      return sign_change<R>(a, c);              \
    }                                           \
  };
HNI_BITWISE(And, &)
HNI_BITWISE(Or, |)
HNI_BITWISE(ExclusiveOr, ^)
#undef HNI_BITWISE

#define HNI_SHIFT(Name, op)                                                           \
  struct Name {                                                                       \
    template <class A, class C>                                                       \
    static auto apply(const A& a, const C& c) {                                       \
      return a op c;                                                                  \
    }                                                                                 \
    template <class A, class C>                                                       \
    static void assign(A& a, const C& c) {                                            \
      a op## = c;                                                                     \
    }                                                                                 \
    template <class R, class A, class C>                                              \
    static unsigned undefined(A, C c) {                                               \
      const bool outside = c < C{} || static_cast<std::uint64_t>(c) >= sizeof(R) * 8; \
      return outside ? bit(Defect::kShiftCount) : 0;                                  \
    }                                                                                 \
    template <class R, class A, class C>                                              \
    static unsigned conversions(A, C) {                                               \
      return 0;                                                                       \
    }                                                                                 \
  };
HNI_SHIFT(ShiftLeft, <<)
HNI_SHIFT(ShiftRight, >>)
#undef HNI_SHIFT

#define HNI_COMPARISON(Name, op)                     \
  struct Name {                                      \
    template <class A, class C>                      \
    static auto apply(const A& a, const C& c) {      \
      return a op c;                                 \
    }                                                \
    template <class R, class A, class C>             \
    static unsigned undefined(A, C) {                \
      return 0;                                      \
    }                                                \
    template <class R, class A, class C>             \
    static unsigned conversions(A a, C c) {          \
      return sign_change<decltype(A{} + C{})>(a, c); \
    }                                                \
  };
HNI_COMPARISON(Equal, ==)
HNI_COMPARISON(Different, !=)
HNI_COMPARISON(Less, <)
HNI_COMPARISON(LessEqual, <=)
HNI_COMPARISON(Greater, >)
HNI_COMPARISON(GreaterEqual, >=)
#undef HNI_COMPARISON

using Arithmetic = TypeList<Add, Subtract, Multiply, Divide, Remainder, And, Or, ExclusiveOr,
                            ShiftLeft, ShiftRight>;
using Comparisons = TypeList<Equal, Different, Less, LessEqual, Greater, GreaterEqual>;

template <class Op, class A, class C>
Expected expected(A a, C c) {
  using R = decltype(Op::apply(A{}, C{1}));
  Expected e;
  e.defects = Op::template conversions<R>(a, c);
  const unsigned undefined = Op::template undefined<R>(a, c);
  e.defined = undefined == 0;
  e.defects |= undefined;
  if (e.defined) e.bits = detail::constant_bits<R>(Op::apply(a, c));
  return e;
}

/// Hides the value from the optimiser, which would otherwise prove both sides equal and run
/// neither.
template <class T>
T opaque(T value) {
  asm volatile("" : "+r"(value));
  return value;
}

/// Performs the operation on integers of the concrete back end. Returns nothing if it agrees with
/// the compiler, else the deviating result.
template <class Op, class A, class C>
bool agrees(A a, C c) {
  using R = decltype(Op::apply(A{}, C{1}));
  const Expected e = expected<Op>(a, c);
  ConcreteBits::defects = 0;
  const auto both = Op::apply(Concrete<A>(opaque(a)), Concrete<C>(opaque(c)));
  static_assert(std::is_same_v<typename decltype(both)::value_type, R>,
                "promotion or conversion differs");
  const unsigned defects = ConcreteBits::defects;
  const auto left = Op::apply(Concrete<A>(opaque(a)), opaque(c));  // one built-in operand
  const auto right = Op::apply(opaque(a), Concrete<C>(opaque(c)));
  if (defects != e.defects) return false;
  if (!e.defined) return true;
  return both.bits() == e.bits && left.bits() == e.bits && right.bits() == e.bits;
}

/// a op= c, including the implicit conversion back.
template <class Op, class A, class C>
bool assignment_agrees(A a, C c) {
  if constexpr (std::is_same_v<A, bool>) {
    return true;  // compound assignment to bool is not used and not modelled
  } else {
    const Expected e = expected<Op>(a, c);
    ConcreteBits::defects = 0;
    Concrete<A> x(opaque(a));
    Op::assign(x, Concrete<C>(opaque(c)));
    if (!e.defined) return (ConcreteBits::defects & e.defects) == e.defects;
    const auto value = Op::apply(a, c);
    const unsigned narrowing = fits<A>(value) ? 0 : bit(Defect::kImplicitNarrowing);
    return ConcreteBits::defects == (e.defects | narrowing) &&
           x.bits() == detail::constant_bits<A>(static_cast<A>(value));
  }
}

/// Converts a to C, explicitly and implicitly.
template <class A, class C>
bool conversion_agrees(A a) {
  const std::uint64_t bits = detail::constant_bits<C>(static_cast<C>(a));
  const bool kept = fits<C>(a);
  ConcreteBits::defects = 0;
  const auto explicitly = static_cast<Concrete<C>>(Concrete<A>(opaque(a)));
  const bool explicit_ok = explicitly.bits() == bits &&
                           ConcreteBits::defects == (kept ? 0 : bit(Defect::kExplicitNarrowing));
  ConcreteBits::defects = 0;
  const Concrete<A> source(opaque(a));
  const Concrete<C> implicitly = source;
  const bool implicit_ok = implicitly.bits() == bits &&
                           ConcreteBits::defects == (kept ? 0 : bit(Defect::kImplicitNarrowing));
  ConcreteBits::defects = 0;
  const Concrete<C> from_built_in = opaque(a);
  const bool built_in_ok = from_built_in.bits() == bits &&
                           ConcreteBits::defects == (kept ? 0 : bit(Defect::kImplicitNarrowing));
  const bool as_condition = Concrete<A>(a) ? true : false;
  return explicit_ok && implicit_ok && built_in_ok && as_condition == (a != A{});
}

template <class A>
bool unary_agrees(A a) {
  using P = decltype(+a);
  ConcreteBits::defects = 0;
  const Concrete<A> x(opaque(a));
  bool ok = (+x).bits() == detail::constant_bits<P>(static_cast<P>(a)) &&
            (~x).bits() == detail::constant_bits<P>(static_cast<P>(~static_cast<P>(a))) &&
            (!x).bits() == (a == A{} ? 1u : 0u) && ConcreteBits::defects == 0;
  const auto negated = -x;
  if (std::is_signed_v<P> && static_cast<P>(a) == std::numeric_limits<P>::min()) {
    ok = ok && ConcreteBits::defects == bit(Defect::kSignedOverflow);
  } else {
    ok = ok && ConcreteBits::defects == 0 &&
         negated.bits() == detail::constant_bits<P>(static_cast<P>(P{} - static_cast<P>(a)));
  }
  if constexpr (!std::is_same_v<A, bool>) {
    // Increment past the maximum: wraps for unsigned types without promotion, narrows after
    // promotion, overflows for signed types without promotion.
    const auto step = [&ok, a](auto move, A limit, A wrapped) {
      ConcreteBits::defects = 0;
      Concrete<A> y(opaque(a));
      move(y);
      const unsigned over =
          std::is_signed_v<P>
              ? bit(sizeof(A) < sizeof(P) ? Defect::kImplicitNarrowing : Defect::kSignedOverflow)
              : 0;
      ok = ok && y.bits() == detail::constant_bits<A>(wrapped) &&
           ConcreteBits::defects == (a == limit ? over : 0);
    };
    using U = std::make_unsigned_t<A>;
    const auto up = static_cast<A>(static_cast<U>(static_cast<U>(a) + 1u));
    const auto down = static_cast<A>(static_cast<U>(static_cast<U>(a) - 1u));
    step([](Concrete<A>& y) { ++y; }, std::numeric_limits<A>::max(), up);
    step([](Concrete<A>& y) { y++; }, std::numeric_limits<A>::max(), up);
    step([](Concrete<A>& y) { --y; }, std::numeric_limits<A>::min(), down);
    step([](Concrete<A>& y) { y--; }, std::numeric_limits<A>::min(), down);
  }
  return ok;
}

}  // namespace hni::proofs::fidelity
