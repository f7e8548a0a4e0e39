// SPDX-License-Identifier: Apache-2.0
#include "spec/compiler/elaborate.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "spec/compiler/elaborate_impl.hpp"

namespace hni::rdl {

bool elaborate(const Ast& ast, Model& model, Diagnostics& diagnostics, const Limits& limits,
               const TopChoice& top) {
  return Elaborator(ast, model, diagnostics, limits).run(top);
}

bool Elaborator::run(const TopChoice& top) {
  model_.properties = ast_.properties.items;
  model_.property_ids = ast_.properties.ids;
  Environment root;
  root.definition = &ast_.root;
  if (!build_root_signals(root)) return false;
  std::vector<const Definition*> chosen;
  if (!choose_roots(top, chosen)) return false;
  bool good = check_given(top, chosen);
  for (const Definition* definition : chosen) good = build_root(*definition, top, root) && good;
  return resolve_references() && good && diagnostics_.empty();
}

bool Elaborator::choose_roots(const TopChoice& top, std::vector<const Definition*>& chosen) {
  for (const Definition* root : ast_.roots) {
    if (top.name.empty() ? !root->used : root->name == top.name) chosen.push_back(root);
  }
  if (!chosen.empty()) return true;
  const Span span = ast_.definitions.empty() ? Span{} : ast_.definitions.front().span;
  if (!top.name.empty()) {
    return fail("no-addrmap", span, fmt::format("no addrmap '{}' at the top level", top.name),
                "name one that is defined, with --top");
  }
  return fail("no-addrmap", span, "there is no addrmap at the top level",
              "define addrmap name { ... }; as the last thing");
}

bool Elaborator::check_given(const TopChoice& top, const std::vector<const Definition*>& chosen) {
  bool good = true;
  for (const auto& [name, value] : top.parameters) {
    bool known = false;
    for (const Definition* definition : chosen) {
      for (const ParameterDef& parameter : definition->parameters) {
        if (parameter.name != name) continue;
        known = true;
        if (is_castable(type_of(*value), parameter.type)) continue;
        good =
            fail("type", value->span,
                 fmt::format("the parameter '{}' is of type {}", name, type_name(parameter.type)),
                 "give it a value of that type");
      }
    }
    if (known) continue;
    good = fail("undefined-name", value->span, fmt::format("no top has a parameter '{}'", name),
                "correct the name after -P");
  }
  return good;
}

bool Elaborator::build_root_signals(const Environment& env) {
  for (const Instantiation& inst : ast_.root.instances) {
    Node* node = instantiate(inst, nullptr, env);
    if (node == nullptr) return false;
    model_.root_signals.push_back(node);
  }
  for (const Assignment& assignment : ast_.root.assignments) {
    for (Node* node : model_.root_signals) {
      if (node->name == assignment.target.front().name && !assign(*node, assignment, env)) {
        return false;
      }
    }
  }
  return true;
}

bool Elaborator::build_root(const Definition& definition, const TopChoice& top,
                            const Environment& outer) {
  Environment env;
  env.definition = &definition;
  env.outer = &outer;
  for (const ParameterDef& parameter : definition.parameters) {
    const Expr* value = parameter.default_value;
    for (const auto& [name, given] : top.parameters) {
      if (name == parameter.name) value = given;
    }
    if (!bind(parameter, value, env, env)) return false;
  }
  // A library block that needs parameters is not a map of its own.
  const bool last = &definition == ast_.roots.back() || !top.name.empty();
  for (std::size_t i = 0; i < env.values.size(); ++i) {
    if (env.values[i].kind != Value::Kind::kNone) continue;
    const ParameterDef& parameter = definition.parameters[i];
    if (last) {
      return fail("missing-parameter", parameter.span,
                  fmt::format("the parameter '{}' has no value", parameter.name),
                  fmt::format("give it a default, or use -P {}=VALUE", parameter.name));
    }
    diagnostics_.warn("not-elaborated", definition.span,
                      fmt::format("'{}' is left out: its parameter '{}' has no value",
                                  definition.name, parameter.name),
                      "give it a default, or instantiate it");
    return true;
  }
  Node* node = build(definition, definition.name, definition.span, nullptr, env);
  if (node == nullptr) return false;
  model_.roots.push_back(node);
  return true;
}

Node* Elaborator::build(const Definition& definition, std::string_view name, Span span,
                        Node* parent, const Environment& env) {
  if (model_.nodes.size() >= limits_.nodes) {
    fail("too-large", span, "the map has too many instances",
         fmt::format("keep it under {}, use arrays", limits_.nodes));
    return nullptr;
  }
  Node& node = model_.nodes.emplace_back();
  node.component = definition.component;
  node.name = name;
  node.span = span;
  node.definition = &definition;
  node.parent = parent;
  return fill(node, env) ? &node : nullptr;
}

bool Elaborator::apply_defaults(Node& node, const Environment& env) {
  const DefaultLink* link = node.definition->defaults;
  if (link == nullptr) return true;
  std::vector<const DefaultLink*> chain;
  for (; link != nullptr; link = link->outer) chain.push_back(link);
  for (auto it = chain.rbegin(); it != chain.rend(); ++it) {
    const Assignment& assignment = (*it)->assignment;
    const ComponentSet kinds = model_.properties[assignment.id].components;
    if ((kinds & set_of(node.component)) == 0) continue;
    if (!assign(node, assignment, env)) return false;
  }
  return true;
}

bool Elaborator::fill(Node& node, const Environment& env) {
  const Definition& definition = *node.definition;
  bool good = apply_defaults(node, env);
  for (const Assignment& assignment : definition.assignments) {
    if (assignment.target.empty()) good = assign(node, assignment, env) && good;
  }
  node.children.reserve(definition.instances.size());
  std::vector<Node*> built;  // one an instance
  built.reserve(definition.instances.size());
  for (const Instantiation& inst : definition.instances) {
    Node* child = instantiate(inst, &node, env);
    if (child == nullptr) return false;
    built.push_back(child);
    if (inst.alias_of >= 0) child->alias_of = built[static_cast<std::size_t>(inst.alias_of)];
    (child->component == Component::kSignal ? node.signals : node.children).push_back(child);
  }
  for (const Assignment& assignment : definition.assignments) {
    if (assignment.target.empty()) continue;
    const std::int32_t first = definition.find_instance(assignment.target.front().name);
    Node* target = descend(built[static_cast<std::size_t>(first)], assignment);
    good = target != nullptr && assign(*target, assignment, env) && good;
  }
  return good;
}

Node* Elaborator::descend(Node* at, const Assignment& assignment) {
  for (std::size_t i = 1; i < assignment.target.size(); ++i) {
    at = find_child(*at, assignment.target[i].name);
    if (at == nullptr) {
      fail("undefined-name", assignment.target[i].span,
           fmt::format("no instance '{}' stands there", assignment.target[i].name),
           "correct the path");
      return nullptr;
    }
  }
  return at;
}

namespace {

bool holds_reference(const Value& value) {
  const auto any = [](const std::vector<Value>& items) {
    return std::any_of(items.begin(), items.end(), holds_reference);
  };
  if (value.kind == Value::Kind::kList) return any(*value.list);
  if (value.kind == Value::Kind::kStruct) return any(value.structure->members);
  return value.kind == Value::Kind::kRef;
}

}  // namespace

bool Elaborator::bind(const ParameterDef& parameter, const Expr* given, const Environment& outer,
                      Environment& env) {
  Value value;
  if (given != nullptr) {
    if (!evaluator_.evaluate(*given, &outer, value)) return false;
    if (!parameter.type.list) evaluator_.convert(value, parameter.type.kind);
    if (holds_reference(value)) {
      return fail("type", given->span,
                  fmt::format("the parameter '{}' cannot hold a reference", parameter.name),
                  "assign the reference to a property");
    }
  }
  env.values.push_back(value);
  return true;
}

bool Elaborator::bind_parameters(const Instantiation& inst, const Environment& outer,
                                 Environment& env) {
  const auto& parameters = inst.definition->parameters;
  for (std::uint32_t i = 0; i < parameters.size(); ++i) {
    const Expr* given = nullptr;
    if (inst.parameters != nullptr) {
      for (const ParameterValue& candidate : *inst.parameters) {
        if (candidate.index == i) given = candidate.value;
      }
    }
    const bool by_default = given == nullptr;
    const Expr* value = by_default ? parameters[i].default_value : given;
    if (value == nullptr) {
      return fail("missing-parameter", inst.span,
                  fmt::format("the parameter '{}' has no value", parameters[i].name),
                  fmt::format("instantiate with #(.{}(value))", parameters[i].name));
    }
    if (!bind(parameters[i], value, by_default ? env : outer, env)) return false;
  }
  return true;
}

Node* Elaborator::instantiate(const Instantiation& inst, Node* parent, const Environment& outer) {
  Environment env;
  env.definition = inst.definition;
  env.outer = &outer;
  if (!bind_parameters(inst, outer, env)) return nullptr;
  Node* node = build(*inst.definition, inst.name, inst.span, parent, env);
  if (node == nullptr) return nullptr;
  node->instance_type = inst.type;
  return shape(inst, *node, outer) ? node : nullptr;
}

// A component has at most one property of a group, and rclr is a spelling of onread = rclr.
bool Elaborator::assign(Node& node, const Assignment& assignment, const Environment& env) {
  const PropertyInfo& info = model_.properties[assignment.id];
  Value value;
  if (!property_value(assignment, info, env, value)) return false;
  if (info.group != '\0') {
    std::erase_if(node.properties, [&](const Property& entry) {
      return entry.id != info.stored_as && model_.properties[entry.id].group == info.group;
    });
  }
  const auto existing = std::find_if(node.properties.begin(), node.properties.end(),
                                     [&](const Property& p) { return p.id == info.stored_as; });
  const bool remove = is_shorthand(assignment.id) && value.number == 0;
  if (is_shorthand(assignment.id) && !remove) {
    value = {};
    value.kind = Value::Kind::kKeyword;
    value.text = model_.intern(assignment.property);
  }
  if (existing == node.properties.end()) {
    if (!remove) node.properties.push_back({info.stored_as, value});
  } else if (remove) {
    node.properties.erase(existing);
  } else {
    existing->value = value;
  }
  return true;
}

bool Elaborator::property_value(const Assignment& assignment, const PropertyInfo& info,
                                const Environment& env, Value& value) {
  if (assignment.enumeration != nullptr) {
    value.kind = Value::Kind::kEncoding;
    value.enumeration = assignment.enumeration;
    return true;
  }
  const Expr* expr = assignment.value;
  if (expr == nullptr) {
    const bool boolean = info.user ? info.type.kind == ValueType::kBoolean && !info.type.list
                                   : (info.types & type_set(ValueType::kBoolean)) != 0;
    if (boolean) {
      value.kind = Value::Kind::kBoolean;
      value.number = 1;
      return true;
    }
    expr = info.default_value;
    if (expr == nullptr) return true;  // bound without a value (SystemRDL 15.2.2)
  }
  if (!evaluator_.evaluate(*expr, &env, value)) return false;
  if (info.type.list) return true;
  const bool number = info.user ? info.type.kind == ValueType::kNumber
                                : (info.types & type_set(ValueType::kNumber)) != 0;
  const bool boolean = info.user ? info.type.kind == ValueType::kBoolean
                                 : (info.types & type_set(ValueType::kBoolean)) != 0;
  const bool numeric = value.kind == Value::Kind::kNumber || value.kind == Value::Kind::kBoolean ||
                       value.kind == Value::Kind::kEnumerator;
  if (!numeric) return true;
  if (boolean && !(number && value.kind != Value::Kind::kBoolean)) {
    evaluator_.convert(value, ValueType::kBoolean);
  } else if (number) {
    evaluator_.convert(value, ValueType::kNumber);
  }
  return true;
}

Node* find_child(const Node& node, std::string_view name) {
  const std::int32_t index = node.definition->find_instance(name);
  if (index < 0) return nullptr;
  for (const auto* list : {&node.children, &node.signals}) {
    for (std::size_t i = std::min<std::size_t>(static_cast<std::size_t>(index) + 1, list->size());
         i-- > 0;) {
      if ((*list)[i]->name == name) return (*list)[i];
    }
  }
  return nullptr;
}

}  // namespace hni::rdl
