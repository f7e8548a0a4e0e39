// SPDX-License-Identifier: Apache-2.0
// Assignments of properties: in a component, as a default, and to an instance from outside.
#include <fmt/format.h>

#include "spec/compiler/parser_impl.hpp"
#include "spec/compiler/properties.hpp"

namespace hni::rdl {
namespace {

// Returns whether a value of a type may be assigned to a property.
bool takes_type(const PropertyInfo& info, const Type& type) {
  if (info.user) return is_castable(type, info.type);
  if (type.list != info.type.list) return false;
  if (type.list) return type.kind == ValueType::kNone || is_castable(type, info.type);
  if (type.kind == ValueType::kInstance) {
    const std::uint32_t wanted = type.component == Component::kField    ? kFieldReference
                                 : type.component == Component::kSignal ? kSignalReference
                                                                        : 0;
    return (info.types & wanted) != 0;
  }
  if ((info.types & type_set(type.kind)) != 0) return true;
  const bool numeric = type.kind == ValueType::kNumber || type.kind == ValueType::kBoolean ||
                       type.kind == ValueType::kEnum;
  const std::uint32_t numbers = type_set(ValueType::kNumber) | type_set(ValueType::kBoolean);
  return numeric && (info.types & numbers) != 0;
}

std::string wanted_types(const PropertyInfo& info) {
  std::string out = type_name(info.type);
  if (info.user || info.type.list) return out;
  if ((info.types & (kFieldReference | kSignalReference)) != 0 &&
      info.type.kind != ValueType::kPropertyRef) {
    out += " or reference";
  }
  return info.type.kind == ValueType::kPropertyRef || info.type.kind == ValueType::kRef
             ? "reference"
             : out;
}

}  // namespace

bool Parser::find_property(Assignment& assignment) {
  const int id = ast_.properties.find(assignment.property);
  if (id < 0) {
    return fail("undefined-name", assignment.span,
                fmt::format("no property '{}' is defined", assignment.property),
                "correct the name or define the property");
  }
  assignment.id = static_cast<std::uint16_t>(id);
  return true;
}

bool Parser::check_component(const Assignment& assignment, Component component) {
  const PropertyInfo& info = ast_.properties.items[assignment.id];
  if ((info.components & set_of(component)) != 0) return true;
  return fail("property-component", assignment.span,
              fmt::format("{} has no property '{}'", with_article(component_name(component)),
                          assignment.property),
              "move it to a component that has it");
}

bool Parser::check_value(const Assignment& assignment) {
  const PropertyInfo& info = ast_.properties.items[assignment.id];
  const auto wrong = [&](Span span) {
    return fail("type", span,
                fmt::format("the property '{}' is of type {}", info.name, wanted_types(info)),
                "write a value of that type");
  };
  if (assignment.enumeration != nullptr) {
    return info.type.kind == ValueType::kEncoding || wrong(assignment.span);
  }
  if (assignment.value == nullptr) {
    if (info.user || (info.types & type_set(ValueType::kBoolean)) != 0) return true;
    return fail("property-value", assignment.span,
                fmt::format("the property '{}' needs a value", info.name),
                fmt::format("write {} = ...;", info.name));
  }
  return takes_type(info, type_of(*assignment.value)) || wrong(assignment.value->span);
}

// SystemRDL 5.1.3: in a scope a property is assigned once, and of mutually exclusive properties
// only one.
bool Parser::check_once(const Assignment& assignment, Place place) {
  const PropertyInfo& info = ast_.properties.items[assignment.id];
  std::string prefix = place == Place::kDefault ? "default " : "";
  for (const PathStep& step : assignment.target) prefix += std::string(step.name) + ".";
  auto& assigned = scopes_.back().assigned;
  const std::string_view name = assignment.property;
  const bool repeatable = name == "intr" && place != Place::kDynamic &&
                          (place == Place::kLocal || assignment.modifier);
  if (!assigned.insert(prefix + std::string(name)).second && !repeatable) {
    return fail("duplicate-name", assignment.span,
                fmt::format("'{}' is assigned twice in this component", name),
                "remove one of the two");
  }
  if (info.group == '\0' || place == Place::kDefault) return true;
  for (std::size_t id = 0; id < kPropCount; ++id) {  // user-defined properties belong to no group
    const PropertyInfo& other = ast_.properties.items[id];
    if (other.group != info.group || other.name == name) continue;
    if (!assigned.contains(prefix + std::string(other.name))) continue;
    return fail("exclusive", assignment.span,
                fmt::format("'{}' and '{}' exclude each other", other.name, name),
                "remove one of the two");
  }
  return true;
}

bool Parser::parse_assignment_value(Assignment& assignment, Component component, Place place) {
  if (!find_property(assignment)) return false;
  if (place != Place::kDefault && !check_component(assignment, component)) return false;
  if (!accept("=")) {
    if (is("[")) {
      return unsupported(now().span, "an assignment to one element of an array",
                         "assign to the whole array, or give the element its own instance");
    }
    return check_value(assignment) && check_once(assignment, place) &&
           expect_semicolon("the property");
  }
  if (assignment.property == "encode") {
    const Named* named = lookup(now().text);
    if (now().kind != TokenKind::kName || named == nullptr || named->enumeration == nullptr) {
      return fail("undefined-name", now().span,
                  fmt::format("no enumeration '{}' is defined before this line", now().text),
                  "define the enum above, or correct the name");
    }
    assignment.enumeration = named->enumeration;
    next();
  } else {
    assignment.value = parse_expression();
    if (assignment.value == nullptr) return false;
  }
  return check_value(assignment) && check_once(assignment, place) &&
         expect_semicolon("the property");
}

bool Parser::parse_assignment() {
  Assignment assignment;
  assignment.property = now().text;
  assignment.span = now().span;
  next();
  if (at_top()) {
    return fail("misplaced", assignment.span, "a property cannot be assigned at the top level",
                "put it into a component, or write default before it");
  }
  if (!parse_assignment_value(assignment, here().component, Place::kLocal)) return false;
  here().assignments.push_back(std::move(assignment));
  return true;
}

void Parser::check_default_applies(const Assignment& assignment, Component scope) {
  const PropertyInfo& info = ast_.properties.items[assignment.id];
  if (at_top() || (info.components & components_below(scope)) != 0) return;
  warn("default-without-effect", assignment.span,
       fmt::format("a default of '{}' in {} applies to nothing: it counts for the components "
                   "inside",
                   assignment.property, with_article(component_name(scope))),
       (info.components & set_of(scope)) != 0
           ? fmt::format("write '{} = ...' without default", assignment.property)
           : "remove it");
}

void Parser::add_default(Assignment assignment) {
  ast_.defaults.push_back({std::move(assignment), &here(), scopes_.back().defaults});
  scopes_.back().defaults = &ast_.defaults.back();
}

bool Parser::parse_default() {
  next();
  if (is_keyword("posedge") || is_keyword("negedge") || is_keyword("bothedge") ||
      is_keyword("level") || is_keyword("nonsticky")) {
    return parse_interrupt_modifier(Place::kDefault);
  }
  Assignment assignment;
  if (now().kind != TokenKind::kName && now().kind != TokenKind::kKeyword) {
    return unexpected("a property");
  }
  assignment.property = now().text;
  assignment.span = now().span;
  next();
  if (!parse_assignment_value(assignment, here().component, Place::kDefault)) return false;
  check_default_applies(assignment, here().component);
  add_default(std::move(assignment));
  return true;
}

// "posedge intr": intr is true, and its edge is a separate property without a name.
bool Parser::parse_interrupt_modifier(Place place) {
  const Token modifier = now();
  next();
  if (now().kind != TokenKind::kName || now().text != "intr") {
    return unexpected(fmt::format("intr after '{}'", modifier.text).c_str());
  }
  Assignment intr;
  intr.property = "intr";
  intr.span = now().span;
  intr.modifier = true;
  Assignment edge;
  edge.span = modifier.span;
  next();
  Expr& value = modifier.text == "nonsticky"
                    ? make(ExprOp::kBoolean, modifier.span, {ValueType::kBoolean})
                    : make(ExprOp::kKeyword, modifier.span, {ValueType::kInterrupt});
  value.keyword = ValueType::kInterrupt;
  value.text = modifier.text;
  value.width = 1;
  edge.property = modifier.text == "nonsticky" ? "stickybit" : "intr type";
  edge.value = &value;
  if (place == Place::kLocal && at_top()) {
    return fail("misplaced", intr.span, "a property cannot be assigned at the top level",
                "put it into a component, or write default before it");
  }
  for (Assignment* assignment : {&intr, &edge}) {
    if (!find_property(*assignment)) return false;
    if (place == Place::kLocal && !check_component(*assignment, here().component)) return false;
    if (!check_once(*assignment, place)) return false;
  }
  if (!expect_semicolon("the property")) return false;
  if (place == Place::kDefault) {
    check_default_applies(intr, here().component);
    add_default(std::move(intr));
    add_default(std::move(edge));
  } else {
    here().assignments.push_back(std::move(intr));
    here().assignments.push_back(std::move(edge));
  }
  return true;
}

// Parses "a.b->", the path to an instance that is declared before this line.
bool Parser::parse_target(std::vector<PathStep>& path, const Definition*& target) {
  target = &here();
  for (;;) {
    PathStep step;
    if (!take_name(step.name, step.span, "an instance")) return false;
    const std::int32_t index = target->find_instance(step.name);
    if (index < 0) {
      return fail(
          "undefined-name", step.span,
          fmt::format("no instance '{}' stands here before this line", step.name),
          "correct the path; it is relative to the component that contains the assignment");
    }
    target = target->instances[static_cast<std::size_t>(index)].definition;
    path.push_back(std::move(step));
    if (is("[")) {
      return unsupported(now().span, "an assignment to one element of an array",
                         "assign to the whole array, or give the element its own instance");
    }
    if (accept("->")) return true;
    if (!expect(".", "the instance name")) return false;
  }
}

bool Parser::parse_dynamic() {
  Assignment assignment;
  const Definition* target = nullptr;
  if (!parse_target(assignment.target, target)) return false;
  if (now().kind != TokenKind::kName && now().kind != TokenKind::kKeyword) {
    return unexpected("a property");
  }
  assignment.property = now().text;
  assignment.span = now().span;
  next();
  if (!find_property(assignment)) return false;
  if (!check_component(assignment, target->component)) return false;
  if (!ast_.properties.items[assignment.id].dynamic) {
    return fail(
        "dynamic-assignment", assignment.span,
        fmt::format("'{}' cannot be assigned from outside of the component", assignment.property),
        "assign it in the definition");
  }
  if (!parse_assignment_value(assignment, target->component, Place::kDynamic)) return false;
  here().assignments.push_back(std::move(assignment));
  return true;
}

}  // namespace hni::rdl
