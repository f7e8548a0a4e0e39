// SPDX-License-Identifier: Apache-2.0
#include "spec/compiler/evaluate.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "spec/compiler/properties.hpp"

namespace hni::rdl {
namespace {

using Kind = Value::Kind;

bool is_numeric(const Value& value) {
  return value.kind == Kind::kNumber || value.kind == Kind::kBoolean;
}

}  // namespace

const Value* Environment::find(std::string_view name) const {
  for (const Environment* env = this; env != nullptr; env = env->outer) {
    for (const auto& [key, value] : env->values) {
      if (key == name) return &value;
    }
  }
  return nullptr;
}

bool Evaluator::evaluate(const Expr& expr, const Environment* env, Value& value) {
  switch (expr.op) {
    case ExprOp::kNumber:
    case ExprOp::kBoolean:
      value.kind = expr.op == ExprOp::kNumber ? Kind::kNumber : Kind::kBoolean;
      value.number = expr.number;
      value.width = expr.width;
      return true;
    case ExprOp::kString:
      value.kind = Kind::kString;
      value.text = model_.intern(unescape(expr.text));
      return true;
    case ExprOp::kName: {
      const Value* found = env == nullptr ? nullptr : env->find(expr.text);
      if (found == nullptr) {
        return fail("undefined-name", expr.span,
                    fmt::format("no parameter '{}' is known", expr.text),
                    "correct the name, or write the value");
      }
      value = *found;
      return true;
    }
    case ExprOp::kScoped:
      return scoped(expr, value);
    case ExprOp::kUnary:
      return unary(expr, env, value);
    case ExprOp::kBinary:
      return binary(expr, env, value);
    case ExprOp::kConditional: {
      Value condition;
      if (!evaluate(expr.operand(0), env, condition)) return false;
      if (!is_numeric(condition)) {
        return fail("type", expr.span, "a condition must be a number or boolean", "compare it");
      }
      return evaluate(expr.operand(condition.number != 0 ? 1 : 2), env, value);
    }
    case ExprOp::kPath:
    case ExprOp::kList:
      break;
  }
  return fail("type", expr.span, "a number, boolean or string is needed here", "write a value");
}

bool Evaluator::number(const Expr& expr, const Environment* env, std::uint64_t& value) {
  Value result;
  if (!evaluate(expr, env, result)) return false;
  if (!is_numeric(result)) {
    return fail("type", expr.span, "a number is needed here", "write a number");
  }
  value = result.number;
  return true;
}

bool Evaluator::scoped(const Expr& expr, Value& value) {
  const EnumDef& def = *expr.enumeration;
  for (std::size_t i = 0; i < def.members.size() && i < def.values.size(); ++i) {
    if (def.members[i].name != expr.text) continue;
    value.kind = Kind::kNumber;
    value.number = def.values[i];
    return true;
  }
  return fail("undefined-name", expr.span,
              fmt::format("'{}' is no enumerator of '{}'", expr.text, def.name),
              "correct the name");
}

bool Evaluator::unary(const Expr& expr, const Environment* env, Value& value) {
  if (!evaluate(expr.operand(0), env, value)) return false;
  if (!is_numeric(value)) {
    return fail("type", expr.span, fmt::format("'{}' needs a number", expr.text),
                "write a number");
  }
  if (expr.text == "!") {
    value.kind = Kind::kBoolean;
    value.number = value.number == 0 ? 1 : 0;
    return true;
  }
  value.kind = Kind::kNumber;
  if (expr.text == "-") value.number = ~value.number + 1;
  if (expr.text == "~") value.number = ~value.number;
  if (value.width > 0 && value.width < 64) value.number &= (std::uint64_t{1} << value.width) - 1;
  return true;
}

namespace {

std::uint64_t power(std::uint64_t base, std::uint64_t exponent) {
  std::uint64_t result = 1;
  for (; exponent != 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result *= base;
    base *= base;
  }
  return result;
}

}  // namespace

bool Evaluator::arithmetic(const Expr& expr, const Value& left, const Value& right, Value& value) {
  const std::string_view op = expr.text;
  const std::uint64_t a = left.number;
  const std::uint64_t b = right.number;
  if ((op == "/" || op == "%") && b == 0) {
    return fail("type", expr.span, "division by zero", "correct the divisor");
  }
  const auto truth = [&](bool result) {
    value.kind = Kind::kBoolean;
    value.number = result ? 1 : 0;
    return true;
  };
  if (op == "==") return truth(a == b);
  if (op == "!=") return truth(a != b);
  if (op == "<") return truth(a < b);
  if (op == ">") return truth(a > b);
  if (op == "<=") return truth(a <= b);
  if (op == ">=") return truth(a >= b);
  if (op == "&&") return truth(a != 0 && b != 0);
  if (op == "||") return truth(a != 0 || b != 0);
  value.kind = Kind::kNumber;
  value.width = 0;
  if (op == "+") value.number = a + b;
  if (op == "-") value.number = a - b;
  if (op == "*") value.number = a * b;
  if (op == "/") value.number = a / b;
  if (op == "%") value.number = a % b;
  if (op == "**") value.number = power(a, b);
  if (op == "<<") value.number = b < 64 ? a << b : 0;
  if (op == ">>") value.number = b < 64 ? a >> b : 0;
  if (op == "&") value.number = a & b;
  if (op == "|") value.number = a | b;
  if (op == "^") value.number = a ^ b;
  if (op == "~^" || op == "^~") value.number = ~(a ^ b);
  return true;
}

bool Evaluator::binary(const Expr& expr, const Environment* env, Value& value) {
  // A long sum is a chain to the left: walk it in a loop, so that its length is no depth.
  std::vector<const Expr*> chain;
  const Expr* at = &expr;
  while (at->op == ExprOp::kBinary) {
    chain.push_back(at);
    at = &at->operand(0);
  }
  if (!evaluate(*at, env, value)) return false;
  for (auto link = chain.rbegin(); link != chain.rend(); ++link) {
    const Value left = value;
    Value right;
    if (!evaluate((*link)->operand(1), env, right)) return false;
    if (!is_numeric(left) || !is_numeric(right)) {
      return fail("type", (*link)->span, fmt::format("'{}' needs two numbers", (*link)->text),
                  "write numbers");
    }
    if (!arithmetic(**link, left, right, value)) return false;
  }
  return true;
}

bool Evaluator::reference(const Expr& expr, const Node& node, Value& value) {
  std::vector<PathStep> path;
  if (expr.path != nullptr) path = *expr.path;
  if (expr.op == ExprOp::kName) path.push_back({expr.text, expr.span});
  if (path.empty()) return fail("type", expr.span, "an instance is needed here", "write its path");
  // Looked up beside the node that carries the property, then further out.
  for (const Node* scope = &node; scope != nullptr; scope = scope->parent) {
    const Node* at = scope;
    for (const PathStep& step : path) {
      const auto child = std::find_if(at->children.begin(), at->children.end(),
                                      [&](const Node* c) { return c->name == step.name; });
      at = child == at->children.end() ? nullptr : *child;
      if (at == nullptr) break;
    }
    if (at == nullptr) continue;
    value.kind = Kind::kRef;
    value.node = at;
    return true;
  }
  return fail("undefined-name", expr.span, fmt::format("no instance '{}' is known", path[0].name),
              "refer to an instance that stands before this line");
}

bool Evaluator::scalar(const Expr& expr, const PropertyInfo& info, const Node& node,
                       const Environment* env, Value& value) {
  const auto wrong = [&] {
    return fail(
        "type", expr.span,
        fmt::format("the property '{}' is of type {}", info.name, value_type_name(info.type)),
        "write a value of that type");
  };
  if (info.type == ValueType::kRef) return reference(expr, node, value);
  if (info.type == ValueType::kEnum) return wrong();
  const bool keyword = info.type == ValueType::kAccess || info.type == ValueType::kOnRead ||
                       info.type == ValueType::kOnWrite || info.type == ValueType::kAddressing ||
                       info.type == ValueType::kPrecedence;
  if (keyword) {
    if (expr.op != ExprOp::kName || !is_keyword_value(info.type, expr.text)) return wrong();
    value.kind = Kind::kKeyword;
    value.text = model_.intern(expr.text == "wr" ? "rw" : expr.text);
    return true;
  }
  if (!evaluate(expr, env, value)) return false;
  if (info.type == ValueType::kString) return value.kind == Kind::kString ? true : wrong();
  if (!is_numeric(value)) return wrong();
  value.kind = info.type == ValueType::kBoolean ? Kind::kBoolean : Kind::kNumber;
  if (value.kind == Kind::kBoolean) value.number = value.number != 0 ? 1 : 0;
  return true;
}

bool Evaluator::property_value(const Expr& expr, const PropertyInfo& info, const Node& node,
                               const Environment* env, Value& value) {
  if (!info.list) return scalar(expr, info, node, env, value);
  if (expr.op != ExprOp::kList) {
    return fail("type", expr.span, fmt::format("the property '{}' is a list", info.name),
                "write '{ value, value }");
  }
  auto& list = model_.lists.emplace_back();
  for (const Expr* item : *expr.items) {
    if (!scalar(*item, info, node, env, list.emplace_back())) return false;
  }
  value.kind = Kind::kList;
  value.list = &list;
  return true;
}

bool Evaluator::bind(const ParameterDef& parameter, const ParameterValue* given,
                     const Environment& outer, Environment& env) {
  const Expr* expr = given != nullptr ? given->value : parameter.default_value;
  if (expr == nullptr) {
    return fail("missing-parameter", parameter.span,
                fmt::format("the parameter '{}' has no value", parameter.name),
                "give it a default value");
  }
  Value value;
  if (!evaluate(*expr, given != nullptr ? &outer : &env, value)) return false;
  const bool text = value.kind == Kind::kString;
  if (text != (parameter.type == ValueType::kString)) {
    return fail("type", expr->span,
                fmt::format("the parameter '{}' is of type {}", parameter.name,
                            value_type_name(parameter.type)),
                "write a value of that type");
  }
  env.values.emplace_back(parameter.name, value);
  return true;
}

}  // namespace hni::rdl
