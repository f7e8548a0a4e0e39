// SPDX-License-Identifier: Apache-2.0
// Expressions: operators, literals and lists. References to parameters and instances are in
// parser_reference.cpp.
#include <fmt/format.h>

#include "spec/compiler/parser_impl.hpp"
#include "spec/compiler/properties.hpp"

namespace hni::rdl {
namespace {

std::unique_ptr<std::vector<const Expr*>> operands(std::initializer_list<const Expr*> list) {
  return std::make_unique<std::vector<const Expr*>>(list);
}

// Returns the precedence of a binary operator, or 0 for any other token.
int level_of(std::string_view op) {
  static constexpr std::pair<std::string_view, int> kLevels[] = {
      {"||", 1}, {"&&", 2}, {"|", 3}, {"^", 4},  {"~^", 4}, {"^~", 4}, {"&", 5},
      {"==", 6}, {"!=", 6}, {"<", 7}, {">", 7},  {"<=", 7}, {">=", 7}, {"<<", 8},
      {">>", 8}, {"+", 9},  {"-", 9}, {"*", 10}, {"/", 10}, {"%", 10}, {"**", 11},
  };
  for (const auto& [spelling, level] : kLevels) {
    if (op == spelling) return level;
  }
  return 0;
}

bool is_numeric(const Type& type) {
  return is_castable(type, {ValueType::kNumber});
}

bool is_equality(std::string_view op) {
  return op == "==" || op == "!=";
}

bool gives_boolean(std::string_view op) {
  return is_equality(op) || op == "<" || op == ">" || op == "<=" || op == ">=" || op == "&&" ||
         op == "||";
}

}  // namespace

Expr& Parser::make(ExprOp op, Span span, Type type) {
  Expr& expr = ast_.exprs.emplace_back();
  expr.op = op;
  expr.span = span;
  expr.type_kind = type.kind;
  expr.type_list = type.list;
  expr.type_component = type.component;
  if (type.kind == ValueType::kEnum) expr.type_def = type.enumeration;
  if (type.kind == ValueType::kStruct) expr.type_def = type.structure;
  return expr;
}

bool Parser::want_numeric(const Expr& expr, const char* what) {
  if (is_numeric(type_of(expr))) return true;
  return fail(
      "type", expr.span,
      fmt::format("a number is needed {}, not {}", what, with_article(type_name(type_of(expr)))),
      "write a number");
}

const Expr* Parser::parse_expression() {
  if (expression_depth_ >= limits_.expression_depth) {
    fail("too-deep", now().span, "this expression is nested too deeply",
         fmt::format("at most {} levels are supported", limits_.expression_depth));
    return nullptr;
  }
  if (expression_depth_ == 0) expression_size_ = 0;
  ++expression_depth_;
  const Expr* result = parse_binary(1);
  if (result != nullptr && is("?")) {
    const Span span = now().span;
    next();
    const Expr* yes = parse_expression();
    const Expr* no =
        yes != nullptr && expect(":", "the first choice") ? parse_expression() : nullptr;
    result = no == nullptr ? nullptr : typed_conditional(span, result, yes, no);
  }
  --expression_depth_;
  return result;
}

const Expr* Parser::typed_conditional(Span span, const Expr* test, const Expr* yes,
                                      const Expr* no) {
  if (!want_numeric(*test, "before ?")) return nullptr;
  const Type a = type_of(*yes);
  const Type b = type_of(*no);
  Type type = a;
  if (is_numeric(a) && is_numeric(b)) {
    type = {ValueType::kNumber};
  } else if (!is_castable(a, b) || !is_castable(b, a)) {
    fail("type", span,
         fmt::format("the choices are of different types, {} and {}", type_name(a), type_name(b)),
         "write two values of one type");
    return nullptr;
  }
  Expr& expr = make(ExprOp::kConditional, span, type);
  expr.items = operands({test, yes, no});
  return &expr;
}

const Expr* Parser::parse_binary(int min_level) {
  const Expr* left = parse_unary();
  while (left != nullptr && now().kind == TokenKind::kPunct) {
    const Token op = now();
    const int level = level_of(op.text);
    if (level == 0 || level < min_level) break;
    if (++expression_size_ > limits_.expression_size) {
      fail("too-large", op.span, "this expression is too long",
           fmt::format("at most {} operators are supported", limits_.expression_size));
      return nullptr;
    }
    next();
    const Expr* right = parse_binary(level + 1);
    if (right == nullptr) return nullptr;
    left = typed_binary(op, left, right);
  }
  return left;
}

const Expr* Parser::typed_binary(const Token& op, const Expr* left, const Expr* right) {
  const Type a = type_of(*left);
  const Type b = type_of(*right);
  const bool numeric = is_numeric(a) && is_numeric(b);
  const bool same = is_equality(op.text) && is_castable(a, b) && is_castable(b, a) && !a.list &&
                    !is_castable(a, {ValueType::kRef});
  if (!numeric && !same) {
    fail("type", op.span,
         fmt::format("'{}' cannot be used with {} and {}", op.text, type_name(a), type_name(b)),
         is_equality(op.text) ? "compare two values of one type" : "write numbers");
    return nullptr;
  }
  const ValueType type = gives_boolean(op.text) ? ValueType::kBoolean : ValueType::kNumber;
  Expr& expr = make(ExprOp::kBinary, op.span, {type});
  expr.text = op.text;
  expr.items = operands({left, right});
  return &expr;
}

const Expr* Parser::parse_unary() {
  static constexpr std::string_view kSigns[] = {"-", "+",  "~",  "!",  "&", "|",
                                                "^", "~&", "~|", "~^", "^~"};
  const Token sign = now();
  bool found = false;
  for (const std::string_view spelling : kSigns) found = found || is(spelling);
  if (!found) return parse_primary();
  next();
  for (const std::string_view spelling : kSigns) {
    if (!is(spelling)) continue;
    fail("syntax", now().span, "two signs stand before one value", "put the inner one in ()");
    return nullptr;
  }
  const Expr* value = parse_primary();
  if (value == nullptr || !want_numeric(*value, "after the sign")) return nullptr;
  const ValueType type = sign.text == "!" ? ValueType::kBoolean : ValueType::kNumber;
  Expr& expr = make(ExprOp::kUnary, sign.span, {type});
  expr.text = sign.text;
  expr.items = operands({value});
  return &expr;
}

const Expr* Parser::parse_list() {
  Expr& list = make(ExprOp::kList, now().span, {ValueType::kNone, true});
  list.items = std::make_unique<std::vector<const Expr*>>();
  next();
  if (accept("}")) return &list;
  Type element;
  do {
    const Expr* item = parse_expression();
    if (item == nullptr) return nullptr;
    const Type type = type_of(*item);
    if (type.list) {
      fail("type", item->span, "a list cannot hold lists", "write plain values");
      return nullptr;
    }
    const Type reference{ValueType::kRef};
    if (list.items->empty() || is_castable(element, type)) {
      // A number in place of a boolean is not more general: the first type counts.
      const bool first = list.items->empty() || type.kind == ValueType::kStruct;
      if (first || type.kind == ValueType::kRef) element = type;
    } else if (is_castable(element, reference) && is_castable(type, reference)) {
      element = reference;
    } else if (!is_castable(type, element)) {
      fail("type", item->span, "the elements of a list are of one type", "correct the element");
      return nullptr;
    }
    list.items->push_back(item);
  } while (accept(","));
  list.type_kind = element.kind;
  list.type_component = element.component;
  if (element.kind == ValueType::kEnum) list.type_def = element.enumeration;
  if (element.kind == ValueType::kStruct) list.type_def = element.structure;
  return expect("}", "the list") ? &list : nullptr;
}

// { a, b } and { n { a, b } }.
const Expr* Parser::parse_braces(bool may_repeat) {
  const Span span = now().span;
  next();
  const Expr* first = parse_expression();
  if (first == nullptr) return nullptr;
  if (may_repeat && is("{")) {
    if (!want_numeric(*first, "before the repeated values")) return nullptr;
    const Expr* inner = parse_braces(false);
    if (inner == nullptr || !expect("}", "the repeated values")) return nullptr;
    Expr& expr = make(ExprOp::kReplicate, span, type_of(*inner));
    expr.items = operands({first, inner});
    return &expr;
  }
  const bool text = type_of(*first).kind == ValueType::kString && !type_of(*first).list;
  Expr& expr = make(ExprOp::kConcat, span, {text ? ValueType::kString : ValueType::kNumber});
  expr.items = operands({first});
  while (accept(",")) {
    const Expr* item = parse_expression();
    if (item == nullptr) return nullptr;
    expr.items->push_back(item);
  }
  for (const Expr* item : *expr.items) {
    const Type type = type_of(*item);
    const bool good = text ? type.kind == ValueType::kString && !type.list : is_numeric(type);
    if (good) continue;
    fail("type", item->span, "a concatenation joins numbers, or texts", "correct the element");
    return nullptr;
  }
  return expect("}", "the concatenation") ? &expr : nullptr;
}

// boolean'(x), bit'(x), longint'(x)
const Expr* Parser::parse_cast_type() {
  const Token word = now();
  next();
  if (!expect("'", "the type") || !expect("(", "'")) return nullptr;
  const Expr* value = parse_expression();
  if (value == nullptr || !expect(")", "the value") || !want_numeric(*value, "in a cast")) {
    return nullptr;
  }
  const bool boolean = word.text == "boolean";
  Expr& expr =
      make(ExprOp::kCastType, word.span, {boolean ? ValueType::kBoolean : ValueType::kNumber});
  expr.keyword = expr.type_kind;
  expr.width = word.text == "longint" ? 64 : 0;
  expr.items = operands({value});
  return &expr;
}

// Parses 8'(x) and (n)'(x), after the width was read.
const Expr* Parser::parse_postfix_cast(const Expr* width, Span span) {
  if (!is("'")) return width;
  next();
  if (!want_numeric(*width, "before '")) return nullptr;
  if (!expect("(", "'")) return nullptr;
  const Expr* value = parse_expression();
  if (value == nullptr || !expect(")", "the value") || !want_numeric(*value, "in a cast")) {
    return nullptr;
  }
  Expr& expr = make(ExprOp::kCastWidth, span, {ValueType::kNumber});
  expr.items = operands({width, value});
  return &expr;
}

const Expr* Parser::parse_literal(const Token& token) {
  if (token.kind == TokenKind::kString) {
    Expr& expr = make(ExprOp::kString, token.span, {ValueType::kString});
    expr.text = token.text;
    next();
    return &expr;
  }
  Expr& expr = make(ExprOp::kNumber, token.span, {ValueType::kNumber});
  expr.number = token.number;
  expr.width = token.width;
  if (token.wide) {
    ast_.wide_numbers.push_back(wide_number(token.text));
    expr.wide = &ast_.wide_numbers.back();
  }
  next();
  return parse_postfix_cast(&expr, token.span);
}

const Expr* Parser::parse_primary() {
  const Token token = now();
  if (token.kind == TokenKind::kNumber || token.kind == TokenKind::kString) {
    return parse_literal(token);
  }
  if (is_keyword("true") || is_keyword("false")) {
    Expr& expr = make(ExprOp::kBoolean, token.span, {ValueType::kBoolean});
    expr.number = token.text == "true" ? 1 : 0;
    expr.width = 1;
    next();
    return parse_postfix_cast(&expr, token.span);
  }
  if (accept("(")) {
    const Expr* inner = parse_expression();
    if (inner == nullptr || !expect(")", "the expression")) return nullptr;
    return parse_postfix_cast(inner, token.span);
  }
  if (is("'{")) return parse_list();
  if (is("{")) return parse_braces(true);
  if (is_keyword("this")) {
    unsupported(token.span, "'this'", "refer to the instance by its name");
    return nullptr;
  }
  if (is_keyword("boolean") || is_keyword("bit") || is_keyword("longint")) {
    return parse_cast_type();
  }
  if (token.kind == TokenKind::kKeyword && keyword_type(token.text) != ValueType::kNone) {
    Expr& expr = make(ExprOp::kKeyword, token.span, {keyword_type(token.text)});
    expr.keyword = keyword_type(token.text);
    expr.text = token.text == "wr" ? "rw" : token.text;
    next();
    return &expr;
  }
  if (token.kind == TokenKind::kName) return parse_name_expression();
  unexpected("a value");
  return nullptr;
}

}  // namespace hni::rdl
