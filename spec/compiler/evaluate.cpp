// SPDX-License-Identifier: Apache-2.0
// Values that are not numbers; arithmetic is in evaluate_number.cpp.
#include "spec/compiler/evaluate.hpp"

#include <fmt/format.h>

#include "spec/compiler/parser_impl.hpp"

namespace hni::rdl {
namespace {

using Kind = Value::Kind;

}  // namespace

Value Evaluator::make_number(const Bits& bits, unsigned width) {
  Value value;
  value.kind = Kind::kNumber;
  value.width = width;
  value.number = bits.low();
  if (!bits.fits64() && model_ != nullptr) {
    model_->wide_numbers.push_back(bits);
    value.wide = &model_->wide_numbers.back();
  }
  return value;
}

void Evaluator::convert(Value& value, ValueType type) const {
  if (type == ValueType::kBoolean) {
    const bool truth = value.is_true();
    value = {};
    value.kind = Kind::kBoolean;
    value.width = 1;
    value.number = truth ? 1 : 0;
  } else if (type == ValueType::kNumber && value.kind != Kind::kNumber) {
    const unsigned width = value.kind == Kind::kBoolean ? 1 : 64;
    const std::uint64_t number = value.number;
    value = {};
    value.kind = Kind::kNumber;
    value.width = width;
    value.number = number;
  }
}

bool Evaluator::parameter(const Expr& expr, const Environment* env, Value& value) {
  while (env != nullptr && env->definition != expr.owner) env = env->outer;
  if (env != nullptr && expr.number < env->values.size()) {
    value = env->values[expr.number];
    if (value.kind != Kind::kNone) return true;
  }
  return fail(
      "missing-parameter", expr.span,
      fmt::format("the parameter '{}' has no value", expr.owner->parameters[expr.number].name),
      "give it a default, or instantiate with #(.name(value))");
}

bool Evaluator::evaluate(const Expr& expr, const Environment* env, Value& value) {
  Step step(*this);
  if (!step.allowed(expr)) return false;
  value = {};
  switch (expr.op) {
    case ExprOp::kString:
      value.kind = Kind::kString;
      value.text = model_->intern(unescape(expr.text));
      return true;
    case ExprOp::kKeyword:
      value.kind = Kind::kKeyword;
      value.text = model_->intern(expr.text);
      return true;
    case ExprOp::kEnumerator:
      value.kind = Kind::kEnumerator;
      value.number = expr.number;
      value.width = 64;
      value.enumeration = expr.enumeration;
      return true;
    case ExprOp::kParameter:
      return parameter(expr, env, value);
    case ExprOp::kReference:
      return reference(expr, env, value);
    case ExprOp::kList:
      return list(expr, env, value);
    case ExprOp::kStruct:
      return structure(expr, env, value);
    case ExprOp::kIndex:
      return index(expr, env, value);
    case ExprOp::kMember:
      if (!evaluate(expr.operand(0), env, value)) return false;
      value = value.structure->members[expr.number];
      return true;
    case ExprOp::kConcat:
    case ExprOp::kReplicate:
      if (expr.type_kind != ValueType::kString) break;
      {
        std::string joined;
        if (!text(expr, env, joined)) return false;
        value.kind = Kind::kString;
        value.text = model_->intern(joined);
      }
      return true;
    case ExprOp::kConditional:
      if (expr.type_kind == ValueType::kNumber) break;
      {
        Bits test;
        Value other;  // must have a value, too
        if (!numeric(expr.operand(0), env, test)) return false;
        return evaluate(expr.operand(test.is_zero() ? 1 : 2), env, other) &&
               evaluate(expr.operand(test.is_zero() ? 2 : 1), env, value);
      }
    default:
      break;
  }
  unsigned width = 0;
  Bits bits;
  if (!width_of(expr, env, width) || !in_width(expr, env, width, bits)) return false;
  value = make_number(bits, width);
  if (expr.type_kind == ValueType::kBoolean) convert(value, ValueType::kBoolean);
  return true;
}

bool Evaluator::list(const Expr& expr, const Environment* env, Value& value) {
  std::vector<Value> items;
  for (const Expr* item : *expr.items) {
    if (!evaluate(*item, env, items.emplace_back())) return false;
    if (expr.type_kind == ValueType::kBoolean || expr.type_kind == ValueType::kNumber) {
      convert(items.back(), expr.type_kind);
    }
  }
  model_->lists.push_back(std::move(items));
  value.kind = Kind::kList;
  value.list = &model_->lists.back();
  return true;
}

bool Evaluator::structure(const Expr& expr, const Environment* env, Value& value) {
  StructValue result;
  result.definition = expr.structure;
  for (std::size_t i = 0; i < expr.items->size(); ++i) {
    const Type& type = expr.structure->members[i].type;
    Value& member = result.members.emplace_back();
    if (const Expr* given = (*expr.items)[i]) {
      if (!evaluate(*given, env, member)) return false;
      if (!type.list) convert(member, type.kind);
    } else if (type.list) {
      model_->lists.emplace_back();
      member.kind = Kind::kList;
      member.list = &model_->lists.back();
    } else if (type.kind == ValueType::kBoolean) {
      member.kind = Kind::kBoolean;
    } else if (type.kind == ValueType::kString) {
      member.kind = Kind::kString;
      member.text = model_->intern("");
    } else {
      member.kind = Kind::kKeyword;
      member.text = model_->intern(type.kind == ValueType::kAccess ? "rw" : "regalign");
    }
  }
  model_->structures.push_back(std::move(result));
  value.kind = Kind::kStruct;
  value.structure = &model_->structures.back();
  return true;
}

bool Evaluator::reference(const Expr& expr, const Environment* env, Value& value) {
  Reference result;
  result.property = expr.reference->property;
  result.span = expr.span;
  for (const PathStep& step : expr.reference->path) {
    Reference::Step out{step.name, {}};
    for (const Expr* at : step.indices) {
      if (!number(*at, env, out.indices.emplace_back())) return false;
    }
    result.path.push_back(std::move(out));
  }
  result.definition = expr.reference->owner;
  model_->references.push_back(std::move(result));
  value.kind = Kind::kRef;
  value.reference = &model_->references.back();
  return true;
}

bool Evaluator::index(const Expr& expr, const Environment* env, Value& value) {
  Value whole;
  std::uint64_t at = 0;
  if (!evaluate(expr.operand(0), env, whole) || !number(expr.operand(1), env, at)) return false;
  if (at >= whole.list->size()) {
    return fail(
        "index", expr.span,
        fmt::format("the list has {} elements, there is no element {}", whole.list->size(), at),
        "correct the index");
  }
  value = (*whole.list)[at];
  return true;
}

bool Evaluator::text(const Expr& expr, const Environment* env, std::string& out) {
  constexpr std::size_t kMaxText = std::size_t{1} << 20;
  if (expr.op == ExprOp::kReplicate) {
    unsigned times = 0;
    std::string once;
    if (!count(expr.operand(0), env, Bits::kMaxBits, times) || !text(expr.operand(1), env, once)) {
      return false;
    }
    if (once.size() * times > kMaxText) {
      return fail("too-large", expr.span, "this text is too long", "repeat it less often");
    }
    for (unsigned i = 0; i < times; ++i) out += once;
    return true;
  }
  if (expr.op == ExprOp::kConcat) {
    for (const Expr* item : *expr.items) {
      if (!text(*item, env, out)) return false;
    }
    return true;
  }
  Value value;
  if (!evaluate(expr, env, value)) return false;
  out += *value.text;
  return true;
}

}  // namespace hni::rdl
