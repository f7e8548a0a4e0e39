// SPDX-License-Identifier: Apache-2.0
// The bit-vector operations of SMT-LIB and their semantics.
//
// The symbolic integer uses only these operations. A back end either evaluates them (concrete.hpp:
// the fidelity tests and the replay of counterexamples) or builds terms from them (term.hpp: the
// proofs). evaluate() is the one definition of their meaning in this project; the tests compare it
// with Z3 and, through the integer, with the compiler.
//
// A width of 0 is the sort Bool (values 0 and 1); other widths are 1 to 64 bits, values are kept
// zero-extended.
#pragma once

#include <cstdint>

namespace hni::proofs {

enum class Op : std::uint8_t {
  kConstant,  // a value
  kInput,     // a free variable
  kArray,     // a free array from index width to element width
  kAdd,
  kSub,
  kMul,
  kUdiv,
  kUrem,
  kSdiv,
  kSrem,
  kAnd,
  kOr,
  kXor,
  kNot,
  kShl,
  kLshr,
  kAshr,
  kZeroExtend,  // result width > operand width
  kSignExtend,
  kTruncate,  // keeps the low bits
  kEqual,     // result Bool, as for all comparisons
  kUnsignedLess,
  kUnsignedLessEqual,
  kSignedLess,
  kSignedLessEqual,
  kIfThenElse,
  kSelect,  // array, index
  kStore,   // array, index, element
};

/// Returns all bits of a width; Bool counts as one bit.
constexpr std::uint64_t mask_of(unsigned width) {
  return width == 0 ? 1u : width >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1;
}

/// Returns the low `width` bits as a two's complement number.
constexpr std::int64_t signed_value(unsigned width, std::uint64_t bits) {
  const unsigned unused = 64 - width;
  return static_cast<std::int64_t>(bits << unused) >> unused;
}

namespace detail {

constexpr std::uint64_t signed_divide(unsigned width, std::uint64_t a, std::uint64_t b) {
  const std::int64_t x = signed_value(width, a);
  const std::int64_t y = signed_value(width, b);
  if (y == 0) return x < 0 ? 1u : ~std::uint64_t{0};
  if (y == -1) return std::uint64_t{0} - a;  // the overflowing quotient wraps
  return static_cast<std::uint64_t>(x / y);
}

constexpr std::uint64_t signed_remainder(unsigned width, std::uint64_t a, std::uint64_t b) {
  const std::int64_t y = signed_value(width, b);
  if (y == 0) return a;
  if (y == -1) return 0;
  return static_cast<std::uint64_t>(signed_value(width, a) % y);
}

}  // namespace detail

/// Returns the value of an operation with one or two operands. `width` is that of the first
/// operand, except for the three conversions, where it is the width of the result and `b` that of
/// the operand.
constexpr std::uint64_t evaluate(Op op, unsigned width, std::uint64_t a, std::uint64_t b = 0) {
  std::uint64_t raw = 0;
  switch (op) {
    case Op::kAdd:
      raw = a + b;
      break;
    case Op::kSub:
      raw = a - b;
      break;
    case Op::kMul:
      raw = a * b;
      break;
    case Op::kUdiv:
      raw = b == 0 ? ~std::uint64_t{0} : a / b;
      break;
    case Op::kUrem:
      raw = b == 0 ? a : a % b;
      break;
    case Op::kSdiv:
      raw = detail::signed_divide(width, a, b);
      break;
    case Op::kSrem:
      raw = detail::signed_remainder(width, a, b);
      break;
    case Op::kAnd:
      raw = a & b;
      break;
    case Op::kOr:
      raw = a | b;
      break;
    case Op::kXor:
      raw = a ^ b;
      break;
    case Op::kNot:
      raw = ~a;
      break;
    case Op::kShl:
      raw = b >= width ? 0 : a << b;
      break;
    case Op::kLshr:
      raw = b >= width ? 0 : a >> b;
      break;
    case Op::kAshr: {
      const std::uint64_t count = b >= width ? width - 1 : b;
      raw = static_cast<std::uint64_t>(signed_value(width, a) >> count);
      break;
    }
    case Op::kZeroExtend:
      raw = a;
      break;
    case Op::kSignExtend:
      raw = static_cast<std::uint64_t>(signed_value(static_cast<unsigned>(b), a));
      break;
    case Op::kTruncate:
      raw = a;
      break;
    case Op::kEqual:
      return a == b ? 1 : 0;
    case Op::kUnsignedLess:
      return a < b ? 1 : 0;
    case Op::kUnsignedLessEqual:
      return a <= b ? 1 : 0;
    case Op::kSignedLess:
      return signed_value(width, a) < signed_value(width, b) ? 1 : 0;
    case Op::kSignedLessEqual:
      return signed_value(width, a) <= signed_value(width, b) ? 1 : 0;
    default:
      break;  // leaves, if-then-else and arrays are not evaluated here
  }
  return raw & mask_of(width);
}

}  // namespace hni::proofs
