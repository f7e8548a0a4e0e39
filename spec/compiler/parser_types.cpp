// SPDX-License-Identifier: Apache-2.0
// Definitions of types other than components: enumerations, structs, and properties.
#include <fmt/format.h>

#include <algorithm>

#include "spec/compiler/evaluate.hpp"
#include "spec/compiler/parser_impl.hpp"

namespace hni::rdl {

bool Parser::parse_enum() {
  next();
  EnumDef& def = ast_.enums.emplace_back();
  if (!take_name(def.name, def.span, "an enumeration")) return false;
  if (!expect("{", "the enumeration's name")) return false;
  std::unordered_set<std::string_view> names;
  std::unordered_map<std::uint64_t, std::string_view> by_value;
  // An enumeration cannot depend on parameters, as it has one value for all instances.
  scopes_.emplace_back();
  scopes_.back().definition = &ast_.root;
  scopes_.back().hides_parameters = true;
  while (!is("}")) {
    if (!parse_enumerator(def, names, by_value)) return false;
  }
  scopes_.pop_back();
  if (def.members.empty()) return unexpected("an enumerator");
  next();
  declare_type(def.name, {nullptr, &def, nullptr, def.span});
  return expect_semicolon("the enumeration");
}

bool Parser::constant_text(const Expr& expr, std::string& text) {
  if (expr.op == ExprOp::kString) {
    text += unescape(expr.text);
    return true;
  }
  if (expr.op == ExprOp::kConcat && expr.type_kind == ValueType::kString) {
    for (const Expr* item : *expr.items) {
      if (!constant_text(*item, text)) return false;
    }
    return true;
  }
  return fail("type", expr.span, "a text in quotes is needed here", "write the text itself");
}

bool Parser::parse_enumerator_texts(Enumerator& member) {
  bool has_title = false;
  bool has_desc = false;
  while (!accept("}")) {
    const Token property = now();
    const bool title = property.text == "name";
    if (!title && property.text != "desc") return unexpected("name or desc");
    bool& given = title ? has_title : has_desc;
    if (given) {
      return fail("duplicate-name", property.span,
                  fmt::format("'{}' is assigned twice", property.text), "remove one of the two");
    }
    given = true;
    next();
    if (!expect("=", "the property")) return false;
    const Expr* value = parse_expression();
    if (value == nullptr || !constant_text(*value, title ? member.title : member.desc) ||
        !expect_semicolon("the property")) {
      return false;
    }
  }
  return true;
}

bool Parser::parse_enumerator(EnumDef& def, std::unordered_set<std::string_view>& names,
                              std::unordered_map<std::uint64_t, std::string_view>& by_value) {
  Enumerator member;
  if (!take_name(member.name, member.span, "an enumerator")) return false;
  if (!names.insert(member.name).second) {
    fail("duplicate-enumerator", member.span,
         fmt::format("the enumerator '{}' stands twice in '{}'", member.name, def.name),
         "rename one of the two");
  }
  std::uint64_t value = def.values.empty() ? 0 : def.values.back() + 1;
  if (accept("=")) {
    const Expr* expr = parse_number();
    Bits bits;
    if (expr == nullptr || !evaluate_constant(*expr, diagnostics_, bits)) return false;
    if (!bits.fits64()) {
      return fail("too-large", expr->span, "an enumerator of more than 64 bits is not supported",
                  "write a smaller value");
    }
    value = bits.low();
  }
  const auto [first, fresh] = by_value.emplace(value, member.name);
  if (!fresh) {
    fail("duplicate-enumerator", member.span,
         fmt::format("'{}' and '{}' have the same value {}", first->second, member.name, value),
         "give each enumerator a value of its own");
  }
  if (accept("{") && !parse_enumerator_texts(member)) return false;
  def.members.push_back(std::move(member));
  def.values.push_back(value);
  return expect_semicolon("the enumerator");
}

bool Parser::parse_struct() {
  StructDef& def = ast_.structs.emplace_back();
  if (is_keyword("abstract")) {
    def.abstract = true;
    next();
    if (!is_keyword("struct")) return unexpected("struct");
  }
  next();
  Span span;
  if (!take_name(def.name, span, "a struct")) return false;
  if (accept(":")) {
    const Named* base = lookup(now().text);
    if (now().kind != TokenKind::kName || base == nullptr || base->structure == nullptr) {
      return fail("undefined-name", now().span,
                  fmt::format("no struct '{}' is defined before this line", now().text),
                  "define it above, or correct the name");
    }
    def.base = base->structure;
    def.members = base->structure->members;
    next();
  }
  if (!expect("{", "the struct's name")) return false;
  while (!accept("}")) {
    if (!parse_struct_element(def)) return false;
  }
  declare_type(def.name, {nullptr, nullptr, &def, span});
  return expect_semicolon("the struct");
}

bool Parser::parse_struct_element(StructDef& def) {
  StructMember member;
  Span span;
  if (!parse_type(member.type, TypePlace::kStruct) || !take_name(member.name, span, "a member"))
    return false;
  if (accept("[")) {
    member.type.list = true;
    if (!expect("]", "[")) return false;
  }
  const bool known = std::any_of(def.members.begin(), def.members.end(),
                                 [&](const StructMember& m) { return m.name == member.name; });
  if (known) {
    return fail("duplicate-name", span, fmt::format("the member '{}' stands twice", member.name),
                "rename one of the two");
  }
  def.members.push_back(member);
  if (def.members.size() > limits_.parameters) {
    return fail("too-large", span, "this struct has too many members",
                fmt::format("at most {} are supported", limits_.parameters));
  }
  return expect_semicolon("the member");
}

bool Parser::parse_property_definition() {
  next();
  PropertyInfo info;
  info.user = true;
  Span span;
  if (!take_name(info.name, span, "a property")) return false;
  if (!at_top()) {
    return unsupported(span, "a property definition inside a component",
                       "define properties at the top level");
  }
  if (!expect("{", "the property's name")) return false;
  std::vector<std::string_view> seen;
  while (!accept("}")) {
    if (!parse_property_attribute(info, seen)) return false;
  }
  const auto states = [&](std::string_view attribute) {
    return std::find(seen.begin(), seen.end(), attribute) != seen.end();
  };
  if (!states("type")) {
    return fail("syntax", span, fmt::format("the property '{}' has no type", info.name),
                "add type = string; (or boolean, number, ref, ...)");
  }
  if (!states("component")) {
    return fail("syntax", span,
                fmt::format("the property '{}' has no component that it is for", info.name),
                "add component = reg; (or field, regfile, addrmap, mem, signal, all)");
  }
  if (!check_property_definition(info, span)) return false;
  info.stored_as = static_cast<std::uint16_t>(ast_.properties.items.size());
  ast_.properties.ids.emplace(info.name, info.stored_as);
  ast_.properties.items.push_back(info);
  return expect_semicolon("the property definition");
}

bool Parser::check_property_definition(const PropertyInfo& info, Span span) {
  const int known = ast_.properties.find(info.name);
  if (known >= 0) {
    const bool user = ast_.properties.items[static_cast<std::size_t>(known)].user;
    return fail("duplicate-name", span,
                user ? fmt::format("the property '{}' is defined twice", info.name)
                     : fmt::format("'{}' is a property of the standard", info.name),
                "give the user-defined property another name");
  }
  if (ast_.properties.items.size() > limits_.properties) {
    return fail("too-large", span, "the input defines too many properties", "remove some");
  }
  if (info.component_width && (info.type.kind != ValueType::kNumber || info.type.list)) {
    return fail("type", span, "componentwidth constrains numbers only",
                "use type = bit, or remove the constraint");
  }
  if (info.default_value == nullptr || is_castable(type_of(*info.default_value), info.type)) {
    return true;
  }
  return fail("type", info.default_value->span,
              fmt::format("the property '{}' is of type {}", info.name, type_name(info.type)),
              "write a default of that type");
}

bool Parser::parse_property_attribute(PropertyInfo& info, std::vector<std::string_view>& seen) {
  const Token attribute = now();
  if (!(attribute.text == "component" || attribute.text == "type" || attribute.text == "default" ||
        attribute.text == "constraint")) {
    if (attribute.kind == TokenKind::kEnd) return unexpected("an attribute");
    return fail(
        "syntax", attribute.span,
        fmt::format("a property definition has no attribute '{}'", attribute.text.substr(0, 40)),
        "use component, type, default and constraint");
  }
  next();
  if (std::find(seen.begin(), seen.end(), attribute.text) != seen.end()) {
    return fail("duplicate-name", attribute.span,
                fmt::format("the attribute '{}' stands twice", attribute.text),
                "remove one of the two");
  }
  seen.push_back(attribute.text);
  if (!expect("=", "the attribute")) return false;
  if (attribute.text == "constraint") return parse_property_constraint(info);
  if (attribute.text == "component") return parse_property_components(info);
  if (attribute.text == "type") return parse_property_type(info);
  info.default_value = parse_expression();
  return info.default_value != nullptr && expect_semicolon("the default");
}

bool Parser::parse_property_constraint(PropertyInfo& info) {
  if (!is_keyword("componentwidth")) return unexpected("componentwidth");
  next();
  info.component_width = true;
  return expect_semicolon("the constraint");
}

bool Parser::parse_property_components(PropertyInfo& info) {
  do {
    const auto component = component_of(now().text);
    if (component) {
      info.components = static_cast<ComponentSet>(info.components | set_of(*component));
    } else if (is_keyword("all")) {
      info.components = kAllComponents;
    } else if (is_keyword("constraint")) {
      return unsupported(now().span, "a property of a constraint", "leave it out");
    } else {
      return unexpected("a component kind");
    }
    next();
  } while (accept("|"));
  return expect_semicolon("the component list");
}

bool Parser::parse_property_type(PropertyInfo& info) {
  const std::string_view word = now().text;
  if (keyword_is_access_type(word)) {
    return unsupported(now().span, fmt::format("a property of type {}", word),
                       "use string or an enumeration");
  }
  if (!parse_type(info.type, TypePlace::kProperty)) return false;
  if (accept("[")) {
    info.type.list = true;
    if (!expect("]", "[")) return false;
  }
  return expect_semicolon("the type");
}

bool keyword_is_access_type(std::string_view word) {
  return word == "accesstype" || word == "addressingtype" || word == "onreadtype" ||
         word == "onwritetype" || word == "precedencetype";
}

bool Parser::parse_type(Type& type, TypePlace place) {
  static constexpr std::pair<std::string_view, ValueType> kTypes[] = {
      {"boolean", ValueType::kBoolean},     {"string", ValueType::kString},
      {"longint", ValueType::kNumber},      {"bit", ValueType::kNumber},
      {"accesstype", ValueType::kAccess},   {"onreadtype", ValueType::kOnRead},
      {"onwritetype", ValueType::kOnWrite}, {"addressingtype", ValueType::kAddressing},
  };
  const Token token = now();
  if (token.kind == TokenKind::kName) {
    const Named* named = lookup(token.text);
    if (named == nullptr || named->definition != nullptr) {
      return fail("undefined-name", token.span,
                  fmt::format("no enumeration or struct '{}' is defined", token.text),
                  "define it above, or use boolean, string, longint unsigned or bit");
    }
    type.kind = named->enumeration != nullptr ? ValueType::kEnum : ValueType::kStruct;
    type.enumeration = named->enumeration;
    type.structure = named->structure;
    next();
    return true;
  }
  const auto* found = std::find_if(std::begin(kTypes), std::end(kTypes),
                                   [&](const auto& entry) { return entry.first == token.text; });
  const auto component = component_of(token.text);
  if (token.kind == TokenKind::kKeyword && found != std::end(kTypes)) {
    type.kind = found->second;
  } else if (place != TypePlace::kParameter && component &&
             (place != TypePlace::kProperty || *component != Component::kSignal)) {
    type.kind = ValueType::kInstance;
    type.component = *component;
  } else if (place == TypePlace::kProperty && (is_keyword("ref") || is_keyword("number"))) {
    type.kind = is_keyword("ref") ? ValueType::kRef : ValueType::kNumber;
  } else {
    return unexpected("a type");
  }
  next();
  const bool may_be_unsigned = token.text == "longint" || token.text == "bit";
  if (may_be_unsigned && is_keyword("unsigned")) next();
  return true;
}

}  // namespace hni::rdl
