// SPDX-License-Identifier: Apache-2.0
// The parser's class, shared by parser.cpp (components), parser_instance.cpp (instances and their
// parameters), parser_assign.cpp (properties), parser_expr.cpp (expressions) and parser_types.cpp
// (enums, structs, property definitions). Private to them.
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
  const Expr* run_constant();

 private:
  // One lexical scope of names. Types, enums, structs and components share a name space; instances
  // and parameters have another.
  struct Named {
    const Definition* definition = nullptr;
    const EnumDef* enumeration = nullptr;
    const StructDef* structure = nullptr;
    Span span;
  };
  struct Scope {
    std::unordered_map<std::string_view, Named> types;
    const DefaultLink* defaults = nullptr;
    Definition* definition = nullptr;
    bool hides_parameters = false;  // includes the enclosing scopes: in an enumeration
    // Properties that were assigned in this component, by name and by group, and to instances.
    std::unordered_set<std::string> assigned;
  };
  enum class Place : std::uint8_t { kLocal, kDefault, kDynamic };

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
  void warn(const char* code, Span span, std::string message, std::string remedy);
  bool unsupported(Span span, const std::string& what, const std::string& instead);
  bool unexpected(const char* wanted);
  bool take_name(std::string_view& name, Span& span, const char* what);

  // Names.
  Definition& here() { return *scopes_.back().definition; }
  bool at_top() const { return scopes_.size() == 1; }
  const Named* lookup(std::string_view name) const;
  bool declare_type(std::string_view name, Named entry);
  bool declare_instance(Instantiation instance);
  // Finds a parameter or instance that an expression may name here. Returns false after a
  // diagnostic.
  bool lookup_element(std::string_view name, Span span, const Definition*& owner,
                      std::int32_t& parameter, std::int32_t& instance);

  // Components (parser.cpp).
  bool parse_item();
  bool parse_refused();
  bool parse_definition_and_instances(std::optional<InstanceType> type);
  bool allowed_here(Component component, Span span, bool instance);
  Definition* parse_definition();
  bool parse_body(Definition& definition);
  bool parse_interrupt_modifier(Place place);
  bool is_instance_type() const { return is_keyword("external") || is_keyword("internal"); }
  std::optional<InstanceType> take_instance_type();

  // Instances (parser_instance.cpp).
  bool parse_parameters(Definition& definition);
  bool parse_instances(const Definition& definition, std::optional<InstanceType> type,
                       std::int32_t alias_of);
  bool parse_parameter_values(const Definition& definition, std::vector<ParameterValue>& values);
  bool parse_instance_suffix(Instantiation& inst);
  bool parse_brackets(Instantiation& inst);
  bool check_suffix(const Instantiation& inst);
  bool check_instance_type(const Definition& definition, std::optional<InstanceType> type,
                           Span span);
  bool parse_type_use(std::optional<InstanceType> type);
  bool parse_alias(std::int32_t& primary);
  const Expr* parse_number();

  // Properties (parser_assign.cpp).
  bool parse_assignment();
  bool parse_default();
  bool parse_dynamic();
  bool parse_target(std::vector<PathStep>& path, const Definition*& target);
  bool parse_assignment_value(Assignment& assignment, Component component, Place place);
  bool find_property(Assignment& assignment);
  bool check_component(const Assignment& assignment, Component component);
  bool check_value(const Assignment& assignment);
  bool check_once(const Assignment& assignment, Place place);
  void check_default_applies(const Assignment& assignment, Component scope);
  void add_default(Assignment assignment);

  // Expressions (parser_expr.cpp). All return null after a diagnostic.
  const Expr* parse_expression();
  const Expr* parse_binary(int min_level);
  const Expr* parse_unary();
  const Expr* parse_primary();
  const Expr* parse_postfix_cast(const Expr* value, Span span);
  const Expr* parse_literal(const Token& token);
  const Expr* parse_name_expression();
  const Expr* parse_scoped(const Token& first);
  const Expr* parse_struct_literal(const Token& first);
  bool parse_struct_member(const StructDef& def, Expr& expr);
  const Expr* parse_parameter_use(const Definition& owner, std::int32_t index, Span span);
  const Expr* parse_reference(const Definition& owner, const Token& first);
  const Expr* parse_list();
  const Expr* parse_braces(bool may_repeat);
  const Expr* parse_cast_type();
  bool parse_path_step(PathStep& step);
  bool follow(const Definition*& at, const PathStep& step, Component& component);
  Expr& make(ExprOp op, Span span, Type type);
  const Expr* typed_binary(const Token& op, const Expr* left, const Expr* right);
  const Expr* typed_conditional(Span span, const Expr* test, const Expr* yes, const Expr* no);
  bool want_numeric(const Expr& expr, const char* what);

  // Types (parser_types.cpp).
  bool parse_enum();
  bool parse_enumerator(EnumDef& def, std::unordered_set<std::string_view>& names,
                        std::unordered_map<std::uint64_t, std::string_view>& by_value);
  bool parse_enumerator_texts(Enumerator& member);
  bool parse_struct();
  bool parse_struct_element(StructDef& def);
  bool parse_property_definition();
  bool parse_property_attribute(PropertyInfo& info, std::vector<std::string_view>& seen);
  bool parse_property_components(PropertyInfo& info);
  bool parse_property_type(PropertyInfo& info);
  bool parse_property_constraint(PropertyInfo& info);
  bool check_property_definition(const PropertyInfo& info, Span span);
  // Members of structs may also be components, properties also `ref` and `number`.
  enum class TypePlace : std::uint8_t { kParameter, kStruct, kProperty };
  bool parse_type(Type& type, TypePlace place);
  bool constant_text(const Expr& expr, std::string& text);

  TokenStream& tokens_;
  Ast& ast_;
  Diagnostics& diagnostics_;
  const ParseLimits& limits_;
  std::vector<Scope> scopes_;
  // Values by name, of all enumerations that were used.
  std::unordered_map<const EnumDef*, std::unordered_map<std::string_view, std::uint64_t>>
      enumerators_;
  unsigned expression_depth_ = 0;
  unsigned expression_size_ = 0;
};

// accesstype, onreadtype, ...
bool keyword_is_access_type(std::string_view word);
std::optional<Component> component_of(std::string_view word);
// Returns the full type of an expression.
Type type_of(const Expr& expr);
// Returns the set of component kinds that a component of this kind may contain.
ComponentSet components_below(Component component);

}  // namespace hni::rdl
