// SPDX-License-Identifier: Apache-2.0
// Instances, and the parameters of definitions.
#include <fmt/format.h>

#include "spec/compiler/parser_impl.hpp"

namespace hni::rdl {

bool Parser::parse_parameters(Definition& definition) {
  next();
  if (!expect("(", "#")) return false;
  do {
    ParameterDef parameter;
    if (!parse_type(parameter.type, TypePlace::kParameter)) return false;
    if (!take_name(parameter.name, parameter.span, "a parameter")) return false;
    if (accept("[")) {
      parameter.type.list = true;
      if (!expect("]", "[")) return false;
    }
    if (accept("=")) {
      parameter.default_value = parse_expression();
      if (parameter.default_value == nullptr) return false;
      if (!is_castable(type_of(*parameter.default_value), parameter.type)) {
        return fail("type", parameter.default_value->span,
                    fmt::format("the parameter '{}' is of type {}", parameter.name,
                                type_name(parameter.type)),
                    "write a value of that type");
      }
    }
    for (const ParameterDef& other : definition.parameters) {
      if (other.name != parameter.name) continue;
      fail("duplicate-name", parameter.span,
           fmt::format("the parameter '{}' stands twice", parameter.name),
           "rename one of the two");
    }
    definition.parameters.push_back(parameter);
    if (definition.parameters.size() > limits_.parameters) {
      return fail("too-large", parameter.span, "this definition has too many parameters",
                  fmt::format("at most {} are supported", limits_.parameters));
    }
  } while (accept(","));
  return expect(")", "the parameters");
}

bool Parser::parse_alias(std::int32_t& primary) {
  next();
  const Span span = now().span;
  std::string_view name;
  Span name_span;
  if (!take_name(name, name_span, "the primary register")) return false;
  primary = here().find_instance(name);
  if (primary < 0) {
    return fail("undefined-name", span,
                fmt::format("no register '{}' stands before this line", name),
                "name the primary register of this component");
  }
  const Instantiation& instance = here().instances[static_cast<std::size_t>(primary)];
  if (instance.definition->component != Component::kReg || instance.alias_of >= 0) {
    return fail("alias", span, fmt::format("'{}' is not a register, or is an alias itself", name),
                "name the primary register");
  }
  return true;
}

bool Parser::parse_type_use(std::optional<InstanceType> type) {
  std::int32_t primary = -1;
  const Span begin = now().span;
  if (is_keyword("alias") && !parse_alias(primary)) return false;
  if (now().kind != TokenKind::kName) return unexpected("the name of a type");
  const Named* named = lookup(now().text);
  if (named == nullptr) {
    return fail("undefined-name", now().span,
                fmt::format("no type '{}' is defined before this line", now().text),
                "define it above, or correct the name");
  }
  if (named->definition == nullptr) {
    return fail("undefined-name", now().span,
                fmt::format("'{}' is not a component and cannot be instantiated", now().text),
                "use an enumeration with encode, a struct in a property");
  }
  if (primary >= 0 && named->definition->component != Component::kReg) {
    return fail("alias", begin, "only a register can be an alias", "correct the type");
  }
  const Definition& definition = *named->definition;
  next();
  return parse_instances(definition, type, primary);
}

bool Parser::parse_parameter_values(const Definition& definition,
                                    std::vector<ParameterValue>& values) {
  next();
  if (!expect("(", "#")) return false;
  do {
    std::string_view name;
    Span span;
    if (!expect(".", "( or ,") || !take_name(name, span, "a parameter")) return false;
    if (!expect("(", "the parameter's name")) return false;
    const Expr* value = parse_expression();
    if (value == nullptr || !expect(")", "the parameter's value")) return false;
    std::uint32_t index = 0;
    while (index < definition.parameters.size() && definition.parameters[index].name != name) {
      ++index;
    }
    if (index == definition.parameters.size()) {
      return fail("undefined-name", span,
                  fmt::format("the definition has no parameter '{}'", name),
                  "correct the name or add the parameter");
    }
    for (const ParameterValue& other : values) {
      if (other.index != index) continue;
      return fail("duplicate-name", span, fmt::format("the parameter '{}' is given twice", name),
                  "remove one of the two");
    }
    const Type& wanted = definition.parameters[index].type;
    if (!is_castable(type_of(*value), wanted)) {
      return fail("type", value->span,
                  fmt::format("the parameter '{}' is of type {}", name, type_name(wanted)),
                  "write a value of that type");
    }
    values.push_back({index, value});
  } while (accept(","));
  return expect(")", "the parameter values");
}

bool Parser::check_instance_type(const Definition& definition, std::optional<InstanceType> type,
                                 Span span) {
  const Component component = definition.component;
  if (component == Component::kField || component == Component::kSignal) {
    if (!type) return true;
    return fail("instance-type", span,
                fmt::format("{} is neither internal nor external",
                            with_article(component_name(component))),
                "remove the word, or put it before the register");
  }
  if (component == Component::kMem && type != InstanceType::kExternal) {
    return fail("memory-internal", span, "a memory must be instantiated as external",
                "write: external mem { ... } name");
  }
  if (component == Component::kAddrmap && type == InstanceType::kInternal) {
    return fail("instance-type", span, "an addrmap is always external", "remove 'internal'");
  }
  return true;
}

bool Parser::parse_instances(const Definition& definition, std::optional<InstanceType> type,
                             std::int32_t alias_of) {
  auto values = std::make_shared<std::vector<ParameterValue>>();
  if (is("#") && !parse_parameter_values(definition, *values)) return false;
  const bool ignored = at_top() && definition.component == Component::kAddrmap;
  if (!ignored && !allowed_here(definition.component, now().span, true)) return false;
  if (!ignored && !check_instance_type(definition, type, now().span)) return false;
  do {
    if (!parse_refused()) return false;
    Instantiation inst;
    inst.definition = &definition;
    if (!values->empty()) inst.parameters = values;
    inst.type = type.value_or(InstanceType::kUnstated);
    inst.alias_of = alias_of;
    if (!take_name(inst.name, inst.span, "an instance")) return false;
    if (!parse_instance_suffix(inst) || !check_suffix(inst)) return false;
    if (ignored) {
      warn("ignored-instance", inst.span,
           fmt::format("the instance '{}' at the top level is ignored", inst.name),
           "define the addrmap without an instance name");
    } else {
      declare_instance(std::move(inst));
    }
  } while (accept(","));
  return expect_semicolon("the instance");
}

bool Parser::parse_brackets(Instantiation& inst) {
  while (is("[")) {
    const Span open = now().span;
    next();
    const Expr* first = parse_number();
    if (first == nullptr) return false;
    if (accept(":")) {
      if (inst.msb != nullptr || !inst.dims.empty()) {
        return fail("syntax", open, "a bit range stands alone", "keep one [msb:lsb]");
      }
      inst.msb = first;
      inst.lsb = parse_number();
      if (inst.lsb == nullptr) return false;
    } else if (inst.msb != nullptr) {
      return fail("syntax", open, "a bit range stands alone", "keep one [msb:lsb]");
    } else {
      inst.dims.push_back(first);
    }
    if (!expect("]", "the range or dimension")) return false;
  }
  return true;
}

const Expr* Parser::parse_number() {
  const Expr* value = parse_expression();
  if (value == nullptr || want_numeric(*value, "here")) return value;
  return nullptr;
}

bool Parser::parse_instance_suffix(Instantiation& inst) {
  if (!parse_brackets(inst)) return false;
  const std::pair<std::string_view, const Expr**> parts[] = {
      {"=", &inst.reset}, {"@", &inst.address}, {"+=", &inst.stride}, {"%=", &inst.align}};
  for (const auto& [sign, slot] : parts) {
    if (!accept(sign)) continue;
    *slot = parse_number();
    if (*slot == nullptr) return false;
  }
  return true;
}

bool Parser::check_suffix(const Instantiation& inst) {
  const Component component = inst.definition->component;
  const bool vector = component == Component::kField || component == Component::kSignal;
  if (vector) {
    if (inst.address != nullptr || inst.stride != nullptr || inst.align != nullptr) {
      return fail("misplaced", inst.span,
                  fmt::format("a {} has no byte address", component_name(component)),
                  "state its bits: name[msb:lsb]");
    }
    if (inst.dims.size() > 1) {
      return fail("syntax", inst.span,
                  fmt::format("a {} has one width", component_name(component)),
                  "write name[width]");
    }
  }
  if (component != Component::kField && (inst.msb != nullptr || inst.reset != nullptr)) {
    return fail("misplaced", inst.span, "only a field has bits and a reset value",
                "write [count] for an array and @ for its address");
  }
  if (inst.address != nullptr && inst.align != nullptr) {
    return fail("misplaced", inst.align->span, "@ and %= exclude each other", "keep one");
  }
  if (inst.stride != nullptr && inst.dims.empty()) {
    return fail("misplaced", inst.stride->span, "+= belongs to an array",
                "add [count] or remove +=");
  }
  return true;
}

}  // namespace hni::rdl
