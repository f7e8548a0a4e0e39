// SPDX-License-Identifier: Apache-2.0
// Arithmetic: computes the width of each expression, and its value in that width.
#include <fmt/format.h>

#include <algorithm>

#include "spec/compiler/evaluate.hpp"

namespace hni::rdl {
namespace {

bool is_comparison(std::string_view op) {
  return op == "==" || op == "!=" || op == "<" || op == ">" || op == "<=" || op == ">=";
}

bool is_logical(std::string_view op) {
  return op == "&&" || op == "||";
}

// The right operand does not affect the width.
bool is_shift(std::string_view op) {
  return op == "<<" || op == ">>" || op == "**";
}

Bits truth(bool value) {
  return Bits(value ? 1 : 0);
}

}  // namespace

bool evaluate_constant(const Expr& expr, Diagnostics& diagnostics, Bits& value) {
  return Evaluator(nullptr, diagnostics).numeric(expr, nullptr, value);
}

bool Evaluator::number(const Expr& expr, const Environment* env, std::uint64_t& value) {
  Bits bits;
  if (!numeric(expr, env, bits)) return false;
  if (!bits.fits64()) {
    return fail("too-large", expr.span, "this number does not fit 64 bits", "correct the number");
  }
  value = bits.low();
  return true;
}

bool Evaluator::Step::allowed(const Expr& expr) {
  constexpr std::size_t kMaxSteps = 100'000;
  if (++evaluator_.steps_ <= kMaxSteps) return true;
  return evaluator_.fail("too-large", expr.span, "this expression takes too long to evaluate",
                         "write its value");
}

bool Evaluator::numeric(const Expr& expr, const Environment* env, Bits& value) {
  unsigned width = 0;
  return width_of(expr, env, width) && in_width(expr, env, width, value);
}

bool Evaluator::count(const Expr& expr, const Environment* env, unsigned limit, unsigned& value) {
  Bits bits;
  if (!numeric(expr, env, bits)) return false;
  if (bits > Bits(limit)) {
    return fail("too-large", expr.span, fmt::format("{} is more than {}", bits.decimal(), limit),
                "correct the number");
  }
  value = static_cast<unsigned>(bits.low());
  return true;
}

bool Evaluator::repeated_width(const Expr& expr, const Environment* env, unsigned& width) {
  unsigned times = 1;
  std::uint64_t sum = 0;
  if (expr.op == ExprOp::kReplicate) {
    if (!count(expr.operand(0), env, Bits::kMaxBits, times)) return false;
    if (!width_of(expr.operand(1), env, width)) return false;
    sum = std::uint64_t{width} * times;
  } else {
    for (const Expr* item : *expr.items) {
      if (!width_of(*item, env, width)) return false;
      sum += width;
    }
  }
  if (sum > Bits::kMaxBits) {
    return fail("too-large", expr.span, fmt::format("a number of {} bits is not supported", sum),
                fmt::format("at most {} bits are supported", Bits::kMaxBits));
  }
  width = static_cast<unsigned>(sum);
  return true;
}

bool Evaluator::width_of(const Expr& expr, const Environment* env, unsigned& width) {
  Step step(*this);
  if (!step.allowed(expr)) return false;
  switch (expr.op) {
    case ExprOp::kNumber:
    case ExprOp::kBoolean:
      width = expr.width;
      return true;
    case ExprOp::kUnary:
      width = 1;
      if (expr.text != "-" && expr.text != "+" && expr.text != "~") return true;
      return width_of(expr.operand(0), env, width);
    case ExprOp::kBinary: {
      width = 1;
      if (is_comparison(expr.text) || is_logical(expr.text)) return true;
      unsigned other = 0;
      if (!width_of(expr.operand(0), env, width)) return false;
      if (is_shift(expr.text)) return true;
      if (!width_of(expr.operand(1), env, other)) return false;
      width = std::max(width, other);
      return true;
    }
    case ExprOp::kConditional: {
      unsigned other = 0;
      if (!width_of(expr.operand(1), env, width) || !width_of(expr.operand(2), env, other)) {
        return false;
      }
      width = std::max(width, other);
      return true;
    }
    case ExprOp::kConcat:
    case ExprOp::kReplicate:
      return repeated_width(expr, env, width);
    case ExprOp::kCastType:
      width = expr.type_kind == ValueType::kBoolean ? 1 : expr.width;
      return width != 0 || width_of(expr.operand(0), env, width);
    case ExprOp::kCastWidth:
      if (!count(expr.operand(0), env, Bits::kMaxBits, width)) return false;
      if (width != 0) return true;
      return fail("type", expr.span, "a cast to 0 bits has no value", "correct the width");
    default: {
      Value value;
      if (!evaluate(expr, env, value)) return false;
      width = value.width == 0 ? 64 : value.width;
      return true;
    }
  }
}

bool Evaluator::in_width(const Expr& expr, const Environment* env, unsigned width, Bits& value) {
  Step step(*this);
  if (!step.allowed(expr)) return false;
  switch (expr.op) {
    case ExprOp::kNumber:
      value = expr.wide != nullptr ? *expr.wide : Bits(expr.number);
      return true;
    case ExprOp::kBoolean:
      value = Bits(expr.number);
      return true;
    case ExprOp::kUnary:
      return unary(expr, env, width, value);
    case ExprOp::kBinary:
      return binary(expr, env, width, value);
    case ExprOp::kConditional: {
      Bits test, other;  // the other branch must have a value, too
      if (!numeric(expr.operand(0), env, test)) return false;
      return in_width(expr.operand(test.is_zero() ? 1 : 2), env, width, other) &&
             in_width(expr.operand(test.is_zero() ? 2 : 1), env, width, value);
    }
    case ExprOp::kConcat:
    case ExprOp::kReplicate:
      return concatenate(expr, env, value);
    case ExprOp::kCastType: {
      unsigned own = 0;
      if (!width_of(expr.operand(0), env, own) ||
          !in_width(expr.operand(0), env, std::max(own, expr.width), value)) {
        return false;
      }
      if (expr.type_kind == ValueType::kBoolean) value = truth(!value.is_zero());
      if (expr.width != 0) value = value.truncated(expr.width);
      return true;
    }
    case ExprOp::kCastWidth:
      return cast_width(expr, env, value);
    default: {
      Value result;
      if (!evaluate(expr, env, result)) return false;
      value = result.bits();
      return true;
    }
  }
}

// The value is computed in its own width or in that of the cast, whichever is larger, and then
// truncated.
bool Evaluator::cast_width(const Expr& expr, const Environment* env, Bits& value) {
  unsigned width = 0;
  unsigned own = 0;
  if (!width_of(expr, env, width) || !width_of(expr.operand(1), env, own)) return false;
  if (!in_width(expr.operand(1), env, std::max(width, own), value)) return false;
  value = value.truncated(width);
  return true;
}

bool Evaluator::unary(const Expr& expr, const Environment* env, unsigned width, Bits& value) {
  const std::string_view op = expr.text;
  const Expr& operand = expr.operand(0);
  if (op == "-" || op == "+" || op == "~") {
    if (!in_width(operand, env, width, value)) return false;
    if (op == "-") value = Bits(0).subtract(value, width);
    if (op == "~") value = value.invert(width);
    value = value.truncated(width);
    return true;
  }
  unsigned own = 0;
  Bits inner;
  if (!width_of(operand, env, own) || !in_width(operand, env, own, inner)) return false;
  const bool all = inner.invert(own).is_zero();
  const bool any = !inner.is_zero();
  if (op == "!") value = truth(!any);
  if (op == "&") value = truth(all);
  if (op == "~&") value = truth(!all);
  if (op == "|") value = truth(any);
  if (op == "~|") value = truth(!any);
  if (op == "^") value = truth(inner.odd_parity());
  if (op == "~^" || op == "^~") value = truth(!inner.odd_parity());
  return true;
}

bool Evaluator::compare(const Expr& expr, const Environment* env, Bits& value) {
  const Expr& left = expr.operand(0);
  const Expr& right = expr.operand(1);
  const auto is_text = [](ValueType kind) {
    return kind != ValueType::kNumber && kind != ValueType::kBoolean && kind != ValueType::kEnum;
  };
  if (is_text(left.type_kind)) {
    Value a, b;
    if (!evaluate(left, env, a) || !evaluate(right, env, b)) return false;
    value = truth((*a.text == *b.text) == (expr.text == "=="));
    return true;
  }
  unsigned width = 0, other = 0;
  Bits a, b;
  if (!width_of(left, env, width) || !width_of(right, env, other)) return false;
  width = std::max(width, other);
  if (!in_width(left, env, width, a) || !in_width(right, env, width, b)) return false;
  if (expr.text == "==") value = truth(a == b);
  if (expr.text == "!=") value = truth(!(a == b));
  if (expr.text == "<") value = truth(a < b);
  if (expr.text == ">") value = truth(a > b);
  if (expr.text == "<=") value = truth(a <= b);
  if (expr.text == ">=") value = truth(a >= b);
  return true;
}

bool Evaluator::binary(const Expr& expr, const Environment* env, unsigned width, Bits& value) {
  const std::string_view op = expr.text;
  if (is_comparison(op)) return compare(expr, env, value);
  Bits a, b;
  if (is_logical(op)) {
    if (!numeric(expr.operand(0), env, a) || !numeric(expr.operand(1), env, b)) return false;
    value = truth(op == "&&" ? !a.is_zero() && !b.is_zero() : !a.is_zero() || !b.is_zero());
    return true;
  }
  if (!in_width(expr.operand(0), env, width, a)) return false;
  const bool good =
      is_shift(op) ? numeric(expr.operand(1), env, b) : in_width(expr.operand(1), env, width, b);
  return good && arithmetic(expr, a, b, width, value);
}

bool Evaluator::arithmetic(const Expr& expr, const Bits& a, const Bits& b, unsigned width,
                           Bits& value) {
  const std::string_view op = expr.text;
  if (op == "/" || op == "%") {
    if (b.is_zero()) return fail("type", expr.span, "division by zero", "correct the divisor");
    Bits quotient, remainder;
    a.divide(b, quotient, remainder);
    value = op == "/" ? quotient : remainder;
  }
  const std::uint64_t places = b.fits64() ? b.low() : ~std::uint64_t{0};
  if (op == "+") value = a.add(b, width);
  if (op == "-") value = a.subtract(b, width);
  if (op == "*") value = a.multiply(b, width);
  if (op == "**") value = a.power(b, width);
  if (op == "<<") value = a.shift_left(places, width);
  if (op == ">>") value = a.shift_right(places);
  if (op == "&") value = a & b;
  if (op == "|") value = a | b;
  if (op == "^") value = a ^ b;
  if (op == "~^" || op == "^~") value = (a ^ b).invert(width);
  value = value.truncated(width);
  return true;
}

bool Evaluator::concatenate(const Expr& expr, const Environment* env, Bits& value) {
  unsigned total = 0;
  if (!width_of(expr, env, total)) return false;
  if (total == 0) {
    value = {};
    return true;
  }
  unsigned times = static_cast<unsigned>(expr.items->size());
  Bits part;
  unsigned width = 0;
  const bool repeats = expr.op == ExprOp::kReplicate;
  if (repeats) {
    if (!count(expr.operand(0), env, Bits::kMaxBits, times) ||
        !width_of(expr.operand(1), env, width) || !numeric(expr.operand(1), env, part)) {
      return false;
    }
  }
  Bits joined;
  for (unsigned i = 0; i < times; ++i) {
    const Expr& item = repeats ? expr.operand(1) : expr.operand(i);
    if (!repeats && (!width_of(item, env, width) || !numeric(item, env, part))) return false;
    joined = joined.shift_left(width, total) | part.truncated(width);
  }
  value = joined;
  return true;
}

}  // namespace hni::rdl
