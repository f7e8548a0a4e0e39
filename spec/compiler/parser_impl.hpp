// SPDX-License-Identifier: Apache-2.0
// The parser's class, shared by parser.cpp (components) and parser_expr.cpp (expressions, enums,
// property definitions). Private to the two.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "spec/compiler/parser.hpp"

namespace hni::rdl {

class Parser {
 public:
  Parser(TokenStream& tokens, Ast& ast, Diagnostics& diagnostics, const ParseLimits& limits)
      : tokens_(tokens), ast_(ast), diagnostics_(diagnostics), limits_(limits) {}
  bool run();

 private:
  // One lexical level of names. Types, enums and components share one name space.
  struct Named {
    const Definition* definition = nullptr;
    const EnumDef* enumeration = nullptr;
    Span span;
  };
  struct Scope {
    std::unordered_map<std::string_view, Named> types;
    std::vector<std::string_view> elements;     // instances, while they are few
    std::unordered_set<std::string_view> many;  // instances, once they are many
    const DefaultLink* defaults = nullptr;
    Definition* definition = nullptr;  // null at the top level
  };

  // Tokens.
  const Token& now() const { return tokens_.now(); }
  void next() { tokens_.next(); }
  bool is(std::string_view punct) const {
    return now().kind == TokenKind::kPunct && now().text == punct;
  }
  bool is_keyword(std::string_view word) const {
    return now().kind == TokenKind::kKeyword && now().text == word;
  }
  bool accept(std::string_view punct) {
    if (!is(punct)) return false;
    next();
    return true;
  }
  bool expect(std::string_view punct, const char* after);
  bool expect_semicolon(const char* after);
  bool fail(const char* code, Span span, std::string message, std::string remedy);
  bool unsupported(Span span, const std::string& what, const std::string& instead);
  bool unexpected(const char* wanted);
  bool take_name(std::string_view& name, Span& span, const char* what);

  // Names.
  const Named* lookup(std::string_view name) const;
  bool declare_type(std::string_view name, Named entry);
  bool declare_element(std::string_view name, Span span);

  // Components (parser.cpp).
  bool parse_item();
  bool parse_refused();
  bool parse_definition_and_instances(bool external);
  Definition* parse_definition();
  bool parse_body(Definition& definition);
  bool parse_parameters(Definition& definition);
  bool parse_instances(const Definition& definition, bool external);
  bool parse_parameter_values(std::vector<ParameterValue>& values);
  bool parse_instance_suffix(Instantiation& inst);
  bool parse_brackets(Instantiation& inst);
  bool parse_type_use(bool external);
  bool parse_assignment();
  bool parse_assignment_value(Assignment& assignment);
  bool parse_default();
  bool parse_dynamic(Assignment& assignment);

  // Expressions and small definitions (parser_expr.cpp).
  bool parse_enum();
  bool parse_enumerator(EnumDef& def, std::unordered_set<std::string_view>& names);
  bool parse_property_definition();
  bool parse_property_attribute(PropertyDef& def);
  bool parse_property_components(PropertyDef& def);
  bool parse_property_type(PropertyDef& def);
  bool parse_value_type(ValueType& type);
  const Expr* parse_expression();
  const Expr* parse_binary(int min_level);
  const Expr* parse_unary();
  const Expr* parse_primary();
  const Expr* parse_name_expression();
  const Expr* parse_list();
  Expr& make(ExprOp op, Span span);

  TokenStream& tokens_;
  Ast& ast_;
  Diagnostics& diagnostics_;
  const ParseLimits& limits_;
  std::vector<Scope> scopes_;
  unsigned expression_depth_ = 0;
};

std::optional<Component> component_of(std::string_view word);

}  // namespace hni::rdl
