// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "spec/compiler/parser_impl.hpp"

namespace hni::rdl {

const char* value_type_name(ValueType type) {
  static constexpr const char* kNames[] = {"boolean", "number",  "string",     "access",
                                           "onread",  "onwrite", "addressing", "precedence",
                                           "enum",    "ref"};
  return kNames[static_cast<std::size_t>(type)];
}

Expr& Parser::make(ExprOp op, Span span) {
  Expr& expr = ast_.exprs.emplace_back();
  expr.op = op;
  expr.span = span;
  return expr;
}

bool Parser::parse_enum() {
  next();
  EnumDef& def = ast_.enums.emplace_back();
  if (!take_name(def.name, def.span, "an enumeration")) return false;
  if (!expect("{", "the enumeration's name")) return false;
  std::unordered_set<std::string_view> names;
  while (!is("}")) {
    if (!parse_enumerator(def, names)) return false;
  }
  next();
  declare_type(def.name, {nullptr, &def, def.span});
  return expect_semicolon("the enumeration");
}

bool Parser::parse_enumerator(EnumDef& def, std::unordered_set<std::string_view>& names) {
  Enumerator member;
  if (!take_name(member.name, member.span, "an enumerator")) return false;
  if (!names.insert(member.name).second) {
    fail("duplicate-enumerator", member.span,
         fmt::format("the enumerator '{}' stands twice in '{}'", member.name, def.name),
         "rename one of the two");
  }
  if (accept("=") && (member.value = parse_expression()) == nullptr) return false;
  if (accept("{")) {
    while (!accept("}")) {
      const std::string_view property = now().text;
      const bool known = property == "name" || property == "desc";
      if (!known) return unexpected("name or desc");
      next();
      if (!expect("=", "the property")) return false;
      if (now().kind != TokenKind::kString) return unexpected("a text in quotes");
      (property == "name" ? member.title : member.desc) = unescape(now().text);
      next();
      if (!expect_semicolon("the property")) return false;
    }
  }
  def.members.push_back(member);
  return expect_semicolon("the enumerator");
}

bool Parser::parse_property_definition() {
  next();
  PropertyDef& def = ast_.properties.emplace_back();
  if (!take_name(def.name, def.span, "a property")) return false;
  if (scopes_.size() > 1) {
    return unsupported(def.span, "a property definition inside a component",
                       "define properties at the top level");
  }
  if (!expect("{", "the property's name")) return false;
  while (!accept("}")) {
    if (!parse_property_attribute(def)) return false;
  }
  if (def.components == 0) {
    return fail("syntax", def.span, "this property says not what it is for",
                "add component = reg; (or field, regfile, addrmap, mem, all)");
  }
  if (!ast_.property_by_name.emplace(def.name, &def).second) {
    fail("duplicate-name", def.span, fmt::format("the property '{}' is defined twice", def.name),
         "rename or remove one of the two");
  }
  return expect_semicolon("the property definition");
}

bool Parser::parse_property_attribute(PropertyDef& def) {
  const Token attribute = now();
  next();
  if (!(attribute.text == "component" || attribute.text == "type" || attribute.text == "default" ||
        attribute.text == "constraint")) {
    return fail(
        "syntax", attribute.span,
        fmt::format("a property definition has no attribute '{}'", attribute.text.substr(0, 40)),
        "use component, type and default");
  }
  if (!expect("=", "the attribute")) return false;
  if (attribute.text == "constraint") {
    return unsupported(attribute.span, "a constraint on a property", "leave it out");
  }
  if (attribute.text == "component") return parse_property_components(def);
  if (attribute.text == "type") return parse_property_type(def);
  def.default_value = parse_expression();
  return def.default_value != nullptr && expect_semicolon("the default");
}

bool Parser::parse_property_components(PropertyDef& def) {
  do {
    const auto component = component_of(now().text);
    if (component) {
      def.components = static_cast<ComponentSet>(def.components | set_of(*component));
    } else if (is_keyword("all")) {
      def.components = static_cast<ComponentSet>((1u << kComponentCount) - 1);
    } else if (is_keyword("signal") || is_keyword("constraint")) {
      return unsupported(now().span, fmt::format("a property of a {}", now().text),
                         "leave it out");
    } else {
      return unexpected("a component kind");
    }
    next();
  } while (accept("|"));
  return expect_semicolon("the component list");
}

bool Parser::parse_property_type(PropertyDef& def) {
  if (!parse_value_type(def.type)) return false;
  if (accept("[")) {
    def.list = true;
    if (!expect("]", "[")) return false;
  }
  return expect_semicolon("the type");
}

bool Parser::parse_value_type(ValueType& type) {
  const std::string_view word = now().text;
  if (word == "boolean") {
    type = ValueType::kBoolean;
  } else if (word == "string") {
    type = ValueType::kString;
  } else if (word == "ref") {
    type = ValueType::kRef;
  } else if (word == "longint" || word == "bit" || word == "number") {
    type = ValueType::kNumber;
  } else if (component_of(word)) {
    type = ValueType::kRef;
  } else {
    return unsupported(now().span, fmt::format("the type '{}'", word.substr(0, 40)),
                       "use boolean, string, longint, bit or ref");
  }
  const bool may_be_unsigned = word == "longint" || word == "bit";
  next();
  if (may_be_unsigned && is_keyword("unsigned")) next();
  return true;
}

namespace {

std::unique_ptr<std::vector<const Expr*>> operands(std::initializer_list<const Expr*> list) {
  return std::make_unique<std::vector<const Expr*>>(list);
}

// Binding strength of a binary operator, 0 if it is none.
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

}  // namespace

const Expr* Parser::parse_expression() {
  if (expression_depth_ >= limits_.expression_depth) {
    fail("too-deep", now().span, "this expression is nested too deeply",
         fmt::format("at most {} levels are supported", limits_.expression_depth));
    return nullptr;
  }
  ++expression_depth_;
  const Expr* result = parse_binary(1);
  if (result != nullptr && is("?")) {
    const Span span = now().span;
    next();
    const Expr* yes = parse_expression();
    const Expr* no =
        yes != nullptr && expect(":", "the first choice") ? parse_expression() : nullptr;
    if (no == nullptr) {
      result = nullptr;
    } else {
      Expr& expr = make(ExprOp::kConditional, span);
      expr.items = operands({result, yes, no});
      result = &expr;
    }
  }
  --expression_depth_;
  return result;
}

const Expr* Parser::parse_binary(int min_level) {
  const Expr* left = parse_unary();
  while (left != nullptr && now().kind == TokenKind::kPunct) {
    const Token op = now();
    const int level = level_of(op.text);
    if (level == 0 || level < min_level) break;
    next();
    const Expr* right = parse_binary(level + 1);
    if (right == nullptr) return nullptr;
    Expr& expr = make(ExprOp::kBinary, op.span);
    expr.text = op.text;
    expr.items = operands({left, right});
    left = &expr;
  }
  return left;
}

const Expr* Parser::parse_unary() {
  std::vector<Token> signs;
  while (is("-") || is("+") || is("~") || is("!")) {
    if (signs.size() >= limits_.expression_depth) {
      fail("too-deep", now().span, "too many signs before one value", "remove them");
      return nullptr;
    }
    signs.push_back(now());
    next();
  }
  const Expr* value = parse_primary();
  for (auto sign = signs.rbegin(); value != nullptr && sign != signs.rend(); ++sign) {
    Expr& expr = make(ExprOp::kUnary, sign->span);
    expr.text = sign->text;
    expr.items = operands({value});
    value = &expr;
  }
  return value;
}

const Expr* Parser::parse_list() {
  Expr& list = make(ExprOp::kList, now().span);
  list.items = std::make_unique<std::vector<const Expr*>>();
  next();
  if (accept("}")) return &list;
  do {
    list.items->push_back(parse_expression());
    if (list.items->back() == nullptr) return nullptr;
  } while (accept(","));
  return expect("}", "the list") ? &list : nullptr;
}

const Expr* Parser::parse_name_expression() {
  const Token first = now();
  next();
  if (is("::")) {
    const Named* named = lookup(first.text);
    if (named == nullptr || named->enumeration == nullptr) {
      fail("undefined-name", first.span, fmt::format("no enumeration '{}' is defined", first.text),
           "define the enum above, or correct the name");
      return nullptr;
    }
    next();
    Expr& expr = make(ExprOp::kScoped, now().span);
    expr.enumeration = named->enumeration;
    Span span;
    return take_name(expr.text, span, "an enumerator") ? &expr : nullptr;
  }
  if (is("'")) {
    unsupported(now().span, "a cast", "write the value with its size");
    return nullptr;
  }
  if (!is(".") && !is("->") && !is("[")) {
    Expr& expr = make(ExprOp::kName, first.span);
    expr.text = first.text;
    return &expr;
  }
  Expr& expr = make(ExprOp::kPath, first.span);
  expr.path = std::make_unique<std::vector<PathStep>>();
  expr.path->push_back({first.text, first.span});
  while (accept(".")) {
    PathStep step;
    if (!take_name(step.name, step.span, "an instance")) return nullptr;
    expr.path->push_back(step);
  }
  if (is("[") || is("->")) {
    unsupported(now().span, "a reference to an array element or to a property",
                "refer to the whole instance");
    return nullptr;
  }
  return &expr;
}

const Expr* Parser::parse_primary() {
  const Token token = now();
  if (token.kind == TokenKind::kNumber || token.kind == TokenKind::kString) {
    Expr& expr =
        make(token.kind == TokenKind::kNumber ? ExprOp::kNumber : ExprOp::kString, token.span);
    expr.number = token.number;
    expr.width = token.width;
    expr.text = token.text;
    next();
    return &expr;
  }
  if (is_keyword("true") || is_keyword("false")) {
    Expr& expr = make(ExprOp::kBoolean, token.span);
    expr.number = token.text == "true" ? 1 : 0;
    next();
    return &expr;
  }
  if (accept("(")) {
    const Expr* inner = parse_expression();
    return inner != nullptr && expect(")", "the expression") ? inner : nullptr;
  }
  if (is("'{")) return parse_list();
  if (is("{")) {
    unsupported(token.span, "a concatenation", "write the number out");
    return nullptr;
  }
  if (is_keyword("this")) {
    unsupported(token.span, "'this'", "refer to the instance by its name");
    return nullptr;
  }
  if (is("&") || is("|") || is("^") || is("~&") || is("~|") || is("~^") || is("^~")) {
    unsupported(token.span, "a reduction operator", "write the value out");
    return nullptr;
  }
  if (token.kind == TokenKind::kName || token.kind == TokenKind::kKeyword) {
    return parse_name_expression();
  }
  unexpected("a value");
  return nullptr;
}

}  // namespace hni::rdl
