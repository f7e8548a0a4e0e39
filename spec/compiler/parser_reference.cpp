// SPDX-License-Identifier: Apache-2.0
// Names in expressions: enumerators, structs, parameters, and references to instances and their
// properties.
#include <fmt/format.h>

#include <algorithm>

#include "spec/compiler/parser_impl.hpp"
#include "spec/compiler/properties.hpp"

namespace hni::rdl {

const Expr* Parser::parse_scoped(const Token& first) {
  const Named* named = lookup(first.text);
  if (named == nullptr || named->enumeration == nullptr) {
    fail("undefined-name", first.span, fmt::format("no enumeration '{}' is defined", first.text),
         "define the enum above, or correct the name");
    return nullptr;
  }
  const EnumDef& def = *named->enumeration;
  next();
  std::string_view name;
  Span span;
  if (!take_name(name, span, "an enumerator")) return nullptr;
  auto& index = enumerators_[&def];
  if (index.empty()) {
    for (std::size_t i = 0; i < def.members.size(); ++i) {
      index.emplace(def.members[i].name, def.values[i]);
    }
  }
  if (const auto found = index.find(name); found != index.end()) {
    Type type{ValueType::kEnum};
    type.enumeration = &def;
    Expr& expr = make(ExprOp::kEnumerator, span, type);
    expr.enumeration = &def;
    expr.number = found->second;
    return &expr;
  }
  fail("undefined-name", span, fmt::format("'{}' is not an enumerator of '{}'", name, def.name),
       "correct the name");
  return nullptr;
}

bool Parser::parse_struct_member(const StructDef& def, Expr& expr) {
  std::string_view name;
  Span span;
  if (!take_name(name, span, "a member")) return false;
  const auto member = std::find_if(def.members.begin(), def.members.end(),
                                   [&](const StructMember& m) { return m.name == name; });
  if (member == def.members.end()) {
    return fail("undefined-name", span,
                fmt::format("'{}' is not a member of the struct '{}'", name, def.name),
                "correct the name");
  }
  const Expr*& slot = (*expr.items)[static_cast<std::size_t>(member - def.members.begin())];
  if (slot != nullptr) {
    return fail("duplicate-name", span, fmt::format("the member '{}' is given twice", name),
                "remove one of the two");
  }
  if (!expect(":", "the member's name")) return false;
  slot = parse_expression();
  if (slot == nullptr) return false;
  if (is_castable(type_of(*slot), member->type)) return true;
  return fail("type", slot->span,
              fmt::format("the member '{}' is of type {}", name, type_name(member->type)),
              "write a value of that type");
}

const Expr* Parser::parse_struct_literal(const Token& first) {
  const Named* named = lookup(first.text);
  if (named == nullptr || named->structure == nullptr || named->structure->abstract) {
    fail("undefined-name", first.span,
         named != nullptr && named->structure != nullptr
             ? fmt::format("the struct '{}' is abstract: it has no values", first.text)
             : fmt::format("no struct '{}' is defined", first.text),
         "name a struct that is defined above");
    return nullptr;
  }
  const StructDef& def = *named->structure;
  Type type{ValueType::kStruct};
  type.structure = &def;
  Expr& expr = make(ExprOp::kStruct, first.span, type);
  expr.structure = &def;
  expr.items = std::make_unique<std::vector<const Expr*>>(def.members.size(), nullptr);
  next();  // '{
  if (!accept("}")) {
    do {
      if (!parse_struct_member(def, expr)) return nullptr;
    } while (accept(","));
    if (!expect("}", "the members")) return nullptr;
  }
  for (std::size_t i = 0; i < def.members.size(); ++i) {
    const Type& member = def.members[i].type;
    // SystemRDL 6.3.2.3.2: these properties have a default.
    const bool has_default =
        member.list || member.kind == ValueType::kBoolean || member.kind == ValueType::kString ||
        member.kind == ValueType::kAccess || member.kind == ValueType::kAddressing;
    if ((*expr.items)[i] != nullptr || has_default) continue;
    fail("missing-member", first.span,
         fmt::format("the member '{}' has no value", def.members[i].name), "give it one");
    return nullptr;
  }
  return &expr;
}

const Expr* Parser::parse_name_expression() {
  const Token first = now();
  next();
  if (is("::")) return parse_scoped(first);
  if (is("'{")) return parse_struct_literal(first);
  if (is("'")) {
    unsupported(now().span, "a cast to a user-defined type", "write the value itself");
    return nullptr;
  }
  const Definition* owner = nullptr;
  std::int32_t parameter = -1;
  std::int32_t instance = -1;
  if (!lookup_element(first.text, first.span, owner, parameter, instance)) return nullptr;
  if (parameter >= 0) return parse_parameter_use(*owner, parameter, first.span);
  return parse_reference(*owner, first);
}

// P, P[i], P.member and combinations.
const Expr* Parser::parse_parameter_use(const Definition& owner, std::int32_t index, Span span) {
  const Type& type = owner.parameters[static_cast<std::size_t>(index)].type;
  Expr& use = make(ExprOp::kParameter, span, type);
  use.owner = &owner;
  use.number = static_cast<std::uint64_t>(index);
  const Expr* value = &use;
  while (is("[") || is(".")) {
    const Span at = now().span;
    Type inner = type_of(*value);
    if (accept("[")) {
      const Expr* element = parse_number();
      if (element == nullptr || !expect("]", "the index")) return nullptr;
      if (!inner.list) {
        fail("type", at, "only a list can be indexed", "remove the index");
        return nullptr;
      }
      inner.list = false;
      Expr& expr = make(ExprOp::kIndex, at, inner);
      expr.items = std::make_unique<std::vector<const Expr*>>(
          std::initializer_list<const Expr*>{value, element});
      value = &expr;
      continue;
    }
    next();
    std::string_view name;
    Span name_span;
    if (!take_name(name, name_span, "a member")) return nullptr;
    const StructDef* def = inner.list ? nullptr : inner.structure;
    std::size_t i = 0;
    while (def != nullptr && i < def->members.size() && def->members[i].name != name) ++i;
    if (def == nullptr || i == def->members.size()) {
      fail("undefined-name", name_span, fmt::format("there is no member '{}'", name),
           "correct the name");
      return nullptr;
    }
    Expr& expr = make(ExprOp::kMember, name_span, def->members[i].type);
    expr.number = i;
    expr.items =
        std::make_unique<std::vector<const Expr*>>(std::initializer_list<const Expr*>{value});
    value = &expr;
  }
  return value;
}

bool Parser::parse_path_step(PathStep& step) {
  while (accept("[")) {
    const Expr* index = parse_number();
    if (index == nullptr || !expect("]", "the index")) return false;
    step.indices.push_back(index);
  }
  return true;
}

// Moves from the definition `at` to that of the instance that `step` names.
bool Parser::follow(const Definition*& at, const PathStep& step, Component& component) {
  const std::int32_t index = at->find_instance(step.name);
  if (index < 0) {
    return fail("undefined-name", step.span,
                fmt::format("no instance '{}' stands there", step.name), "correct the path");
  }
  const Instantiation& instance = at->instances[static_cast<std::size_t>(index)];
  at = instance.definition;
  component = at->component;
  const bool vector = component == Component::kField || component == Component::kSignal;
  const std::size_t dims = vector ? 0 : instance.dims.size();
  if (dims == step.indices.size()) return true;
  return fail("reference", step.span,
              fmt::format("'{}' has {} dimension{}, but {} {} given", step.name, dims,
                          dims == 1 ? "" : "s", step.indices.size(),
                          step.indices.size() == 1 ? "index is" : "indices are"),
              "state one index for each dimension of an array");
}

const Expr* Parser::parse_reference(const Definition& owner, const Token& first) {
  ReferenceExpr& reference = ast_.references.emplace_back();
  reference.owner = &owner;
  const Definition* at = &owner;
  Component component = Component::kField;
  PathStep step{first.text, first.span, {}};
  for (;;) {
    if (!parse_path_step(step) || !follow(at, step, component)) return nullptr;
    reference.path.push_back(std::move(step));
    if (!accept(".")) break;
    step = {};
    if (!take_name(step.name, step.span, "an instance")) return nullptr;
  }
  Type type{ValueType::kInstance, false, component};
  if (accept("->")) {
    const Token property = now();
    if (property.kind != TokenKind::kName && property.kind != TokenKind::kKeyword) {
      return unexpected("a property"), nullptr;
    }
    next();
    const PropertyReference* known = find_property_reference(property.text);
    if (known == nullptr || known->component != component) {
      const bool exists = ast_.properties.find(property.text) >= 0;
      fail(exists ? "reference" : "undefined-name", property.span,
           exists ? fmt::format("'{}' of {} cannot be referred to", property.text,
                                with_article(component_name(component)))
                  : fmt::format("no property '{}' is defined", property.text),
           "refer to a property that represents a signal");
      return nullptr;
    }
    reference.property = property.text;
    type.kind = ValueType::kPropertyRef;
  }
  Expr& expr = make(ExprOp::kReference, first.span, type);
  expr.reference = &reference;
  return &expr;
}

}  // namespace hni::rdl
