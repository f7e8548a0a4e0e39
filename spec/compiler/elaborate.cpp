// SPDX-License-Identifier: Apache-2.0
#include "spec/compiler/elaborate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "spec/compiler/evaluate.hpp"
#include "spec/compiler/properties.hpp"

namespace hni::rdl {
namespace {

class Elaborator {
 public:
  Elaborator(const Ast& ast, Model& model, Diagnostics& diagnostics, const Limits& limits)
      : ast_(ast),
        model_(model),
        diagnostics_(diagnostics),
        limits_(limits),
        evaluator_(model, diagnostics) {}
  bool run();

 private:
  bool fail(const char* code, Span span, std::string message, std::string remedy) {
    diagnostics_.add(code, span, std::move(message), std::move(remedy));
    return false;
  }
  void register_properties();
  void evaluate_enums();
  void evaluate_enum(const EnumDef& def);
  Node* build(const Definition& definition, std::string_view name, Span span, Node* parent,
              const Environment& env);
  Node* instantiate(const Instantiation& inst, Node& parent, const Environment& outer);
  bool fill(Node& node, const Environment& env);
  bool bind_parameters(const Instantiation& inst, const Environment& outer, Environment& env);
  bool shape(const Instantiation& inst, Node& node, const Environment& outer);
  bool shape_field(const Instantiation& inst, Node& node, const Environment& outer);
  bool shape_array(const Instantiation& inst, Node& node, const Environment& outer);
  bool assign(Node& node, const Assignment& assignment, const Environment& env, bool weak);
  bool assign_value(Node& node, std::uint16_t id, const Assignment& assignment,
                    const Environment& env);
  bool apply_defaults(Node& node);
  bool check_nesting(const Node& parent, const Definition& child, Span span);
  Node* resolve(Node& node, const Assignment& assignment);

  const Ast& ast_;
  Model& model_;
  Diagnostics& diagnostics_;
  const Limits& limits_;
  Evaluator evaluator_;
};

void Elaborator::register_properties() {
  for (const PropertyInfo& info : kStandardProperties) model_.add_property(info);
  for (const PropertyDef& def : ast_.properties) {
    if (model_.find_property(def.name) >= 0 || shorthand_property(def.name) >= 0) {
      fail("duplicate-name", def.span, fmt::format("'{}' is a property of the standard", def.name),
           "give the user-defined property another name");
      continue;
    }
    model_.add_property({def.name, def.components, def.type, def.list, &def});
  }
}

void Elaborator::evaluate_enum(const EnumDef& def) {
  std::uint64_t next = 0;
  std::unordered_map<std::uint64_t, std::string_view> names;  // by value
  for (const Enumerator& member : def.members) {
    Value value;
    if (member.value != nullptr) {
      if (!evaluator_.evaluate(*member.value, nullptr, value)) value.number = next;
    } else {
      value.number = next;
    }
    const auto [first, fresh] = names.emplace(value.number, member.name);
    if (!fresh) {
      fail("duplicate-enumerator", member.span,
           fmt::format("'{}' and '{}' have the same value {}", first->second, member.name,
                       value.number),
           "give each enumerator a value of its own");
    }
    def.values.push_back(value.number);
    next = value.number + 1;
  }
}

void Elaborator::evaluate_enums() {
  for (const EnumDef& def : ast_.enums) evaluate_enum(def);
}

bool Elaborator::run() {
  register_properties();
  evaluate_enums();
  if (!diagnostics_.empty()) return false;
  bool good = true;
  for (const Definition* root : ast_.roots) {
    if (root->used) continue;
    Environment env;
    env.definition = root;
    for (const ParameterDef& parameter : root->parameters) {
      good = evaluator_.bind(parameter, nullptr, env, env) && good;
    }
    Node* node = build(*root, root->name, root->span, nullptr, env);
    if (node == nullptr) return false;
    model_.roots.push_back(node);
    good = place(*node, diagnostics_, limits_) && good;
  }
  if (model_.roots.empty()) {
    const Span span = ast_.definitions.empty() ? Span{} : ast_.definitions.front().span;
    return fail("no-addrmap", span, "there is no addrmap at the top level",
                "define addrmap name { ... }; as the last thing");
  }
  return good && diagnostics_.empty();
}

bool Elaborator::check_nesting(const Node& parent, const Definition& child, Span span) {
  const auto allowed = [&]() -> ComponentSet {
    switch (parent.component) {
      case Component::kAddrmap:
        return set_of(Component::kAddrmap) | set_of(Component::kRegfile) |
               set_of(Component::kReg) | set_of(Component::kMem);
      case Component::kRegfile:
        return set_of(Component::kRegfile) | set_of(Component::kReg);
      case Component::kReg:
        return set_of(Component::kField);
      case Component::kMem:
        return set_of(Component::kReg);
      default:
        return 0;
    }
  }();
  if ((allowed & set_of(child.component)) != 0) return true;
  return fail("misplaced", span,
              fmt::format("a {} cannot stand in a {}", component_name(child.component),
                          component_name(parent.component)),
              "move it to a component that may hold it");
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

bool Elaborator::apply_defaults(Node& node) {
  for (const DefaultLink* link = node.definition->defaults; link != nullptr; link = link->outer) {
    const int shorthand = shorthand_property(link->assignment.property);
    const int id = shorthand >= 0 ? shorthand : model_.find_property(link->assignment.property);
    if (id < 0) return assign(node, link->assignment, {}, true);  // reports the unknown name
    const auto kinds = model_.properties[static_cast<std::size_t>(id)].components;
    if ((kinds & set_of(node.component)) == 0) continue;
    if (property(node, static_cast<std::uint16_t>(id)) != nullptr) continue;
    if (!assign(node, link->assignment, {}, true)) return false;
  }
  return true;
}

bool Elaborator::fill(Node& node, const Environment& env) {
  const Definition& definition = *node.definition;
  bool good = true;
  for (const Assignment& assignment : definition.assignments) {
    if (assignment.target.empty()) good = assign(node, assignment, env, false) && good;
  }
  good = apply_defaults(node) && good;
  node.children.reserve(definition.instances.size());
  for (const Instantiation& inst : definition.instances) {
    Node* child = instantiate(inst, node, env);
    if (child == nullptr) return false;
    node.children.push_back(child);
  }
  for (const Assignment& assignment : definition.assignments) {
    if (assignment.target.empty()) continue;
    Node* target = resolve(node, assignment);
    good = target != nullptr && assign(*target, assignment, env, true) && good;
  }
  return good;
}

Node* Elaborator::resolve(Node& node, const Assignment& assignment) {
  Node* at = &node;
  for (const PathStep& step : assignment.target) {
    const auto child = std::find_if(at->children.begin(), at->children.end(),
                                    [&](const Node* c) { return c->name == step.name; });
    if (child == at->children.end()) {
      fail("undefined-name", step.span,
           fmt::format("'{}' is no instance in '{}'", step.name, at->name),
           "correct the path; it counts from the component that the assignment stands in");
      return nullptr;
    }
    at = *child;
  }
  return at;
}

bool Elaborator::bind_parameters(const Instantiation& inst, const Environment& outer,
                                 Environment& env) {
  const Definition& definition = *inst.definition;
  for (const ParameterValue& given : inst.parameters) {
    const bool known =
        std::any_of(definition.parameters.begin(), definition.parameters.end(),
                    [&](const ParameterDef& parameter) { return parameter.name == given.name; });
    if (!known) {
      return fail("undefined-name", given.span,
                  fmt::format("the definition has no parameter '{}'", given.name),
                  "correct the name or add the parameter");
    }
  }
  for (const ParameterDef& parameter : definition.parameters) {
    const ParameterValue* given = nullptr;
    for (const ParameterValue& candidate : inst.parameters) {
      if (candidate.name == parameter.name) given = &candidate;
    }
    if (given == nullptr && parameter.default_value == nullptr) {
      return fail("missing-parameter", inst.span,
                  fmt::format("the parameter '{}' has no value", parameter.name),
                  fmt::format("instantiate with #(.{}(value))", parameter.name));
    }
    if (!evaluator_.bind(parameter, given, outer, env)) return false;
  }
  return true;
}

Node* Elaborator::instantiate(const Instantiation& inst, Node& parent, const Environment& outer) {
  if (!check_nesting(parent, *inst.definition, inst.span)) return nullptr;
  Environment env;
  env.definition = inst.definition;
  // A definition sees the parameters of the one it is written in, which may be further out than
  // the one that instantiates it.
  env.outer = &outer;
  while (env.outer != nullptr && env.outer->definition != inst.definition->outer) {
    env.outer = env.outer->outer;
  }
  if (!bind_parameters(inst, outer, env)) return nullptr;
  Node* node = build(*inst.definition, inst.name, inst.span, &parent, env);
  if (node == nullptr) return nullptr;
  node->external = inst.external;
  return shape(inst, *node, outer) ? node : nullptr;
}

bool Elaborator::shape(const Instantiation& inst, Node& node, const Environment& outer) {
  return node.component == Component::kField ? shape_field(inst, node, outer)
                                             : shape_array(inst, node, outer);
}

bool Elaborator::shape_field(const Instantiation& inst, Node& node, const Environment& outer) {
  if (inst.address != nullptr || inst.stride != nullptr || inst.align != nullptr) {
    return fail("misplaced", inst.span, "a field has no byte address",
                "state its bits: name[msb:lsb]");
  }
  std::uint64_t width = number(node, kPropFieldWidth, 1);
  node.size = 0;
  if (inst.msb != nullptr) {
    std::uint64_t msb = 0;
    std::uint64_t lsb = 0;
    if (!evaluator_.number(*inst.msb, &outer, msb) || !evaluator_.number(*inst.lsb, &outer, lsb)) {
      return false;
    }
    if (msb < lsb) {
      return fail("bit-order", inst.msb->span,
                  fmt::format("the bits of '{}' stand in the wrong order", node.name),
                  fmt::format("write [{}:{}]: the most significant bit comes first", lsb, msb));
    }
    if (msb > 63) {
      return fail("field-range", inst.msb->span,
                  fmt::format("bit {} is beyond the widest register (64 bits)", msb),
                  "correct the bit numbers");
    }
    node.msb = static_cast<std::uint8_t>(msb);
    node.lsb = static_cast<std::uint8_t>(lsb);
    node.has_address = true;
    width = msb - lsb + 1;
  } else if (inst.dims.size() == 1) {
    if (!evaluator_.number(*inst.dims[0], &outer, width)) return false;
  } else if (inst.dims.size() > 1) {
    return fail("syntax", inst.span, "a field has one width", "write name[width]");
  }
  if (width == 0 || width > 64) {
    return fail("field-range", inst.span, fmt::format("a field of {} bits is impossible", width),
                "a field has 1 to 64 bits");
  }
  const Value* stated = property(node, kPropFieldWidth);
  if (stated != nullptr && stated->number != width) {
    return fail("field-range", inst.span,
                fmt::format("'{}' has {} bits here but fieldwidth says {}", node.name, width,
                            stated->number),
                "make the two agree");
  }
  node.size = width;  // bits until the field is placed
  if (inst.reset == nullptr) return true;
  Assignment assignment;
  assignment.property = "reset";
  assignment.span = inst.reset->span;
  assignment.value = inst.reset;
  return assign(node, assignment, outer, true);
}

bool Elaborator::shape_array(const Instantiation& inst, Node& node, const Environment& outer) {
  if (inst.msb != nullptr || inst.reset != nullptr) {
    return fail("misplaced", inst.span, "only a field has bits and a reset value",
                "write [count] for an array and @ for its address");
  }
  std::uint64_t elements = 1;
  for (const Expr* dim : inst.dims) {
    std::uint64_t count = 0;
    if (!evaluator_.number(*dim, &outer, count)) return false;
    if (count == 0 || count > limits_.array_elements ||
        elements * count > limits_.array_elements) {
      return fail("array-too-large", dim->span,
                  fmt::format("an array of {} elements is not supported", count),
                  fmt::format("an array has 1 to {} elements in all", limits_.array_elements));
    }
    elements *= count;
    node.dims.push_back(static_cast<std::uint32_t>(count));
  }
  if (inst.address != nullptr) {
    if (!evaluator_.number(*inst.address, &outer, node.address)) return false;
    node.has_address = true;
  }
  if (inst.align != nullptr) {
    if (inst.address != nullptr) {
      return fail("misplaced", inst.align->span, "@ and %= exclude each other", "keep one");
    }
    if (!evaluator_.number(*inst.align, &outer, node.align)) return false;
    if (node.align == 0 || (node.align & (node.align - 1)) != 0) {
      return fail("misaligned", inst.align->span, "an alignment is a power of two", "correct it");
    }
  }
  if (inst.stride != nullptr) {
    if (node.dims.empty()) {
      return fail("misplaced", inst.stride->span, "+= belongs to an array",
                  "add [count] or remove +=");
    }
    if (!evaluator_.number(*inst.stride, &outer, node.stride)) return false;
  }
  const std::uint64_t space = limits_.address_space;
  if (node.address > space || node.stride > space || node.align > space) {
    return fail("array-too-large", inst.span, "this address does not fit the address space",
                fmt::format("addresses are below {:#x}", space));
  }
  return true;
}

bool Elaborator::assign(Node& node, const Assignment& assignment, const Environment& env,
                        bool again) {
  const std::string_view name = assignment.property;
  const int shorthand = shorthand_property(name);
  const int id = shorthand >= 0 ? shorthand : model_.find_property(name);
  if (id < 0) {
    if (is_refused_property(name)) {
      return fail("unsupported", assignment.span,
                  fmt::format("the property '{}' is not supported", name),
                  "leave it out, or describe the effect in desc");
    }
    return fail("undefined-name", assignment.span,
                fmt::format("no property '{}' is defined", name),
                "correct the name or define the property");
  }
  const PropertyInfo& info = model_.properties[static_cast<std::size_t>(id)];
  if ((info.components & set_of(node.component)) == 0) {
    return fail("property-component", assignment.span,
                fmt::format("a {} has no property '{}'", component_name(node.component), name),
                "move it to a component that has it");
  }
  const auto key = static_cast<std::uint16_t>(id);
  if (!again && property(node, key) != nullptr) {
    return fail("duplicate-name", assignment.span,
                fmt::format("'{}' is assigned twice in this component", name),
                "remove one of the two");
  }
  return assign_value(node, key, assignment, env);
}

bool Elaborator::assign_value(Node& node, std::uint16_t id, const Assignment& assignment,
                              const Environment& env) {
  const PropertyInfo& info = model_.properties[id];
  Value value;
  if (shorthand_property(assignment.property) >= 0) {
    Value on;
    on.number = 1;
    if (assignment.value != nullptr && !evaluator_.evaluate(*assignment.value, &env, on)) {
      return false;
    }
    if (on.number == 0) return true;
    value.kind = Value::Kind::kKeyword;
    value.text = model_.intern(assignment.property);
  } else if (assignment.enumeration != nullptr) {
    value.kind = Value::Kind::kEnum;
    value.enumeration = assignment.enumeration;
  } else if (assignment.value == nullptr) {
    if (info.type == ValueType::kBoolean) {
      value.kind = Value::Kind::kBoolean;
      value.number = 1;
    } else if (info.user != nullptr && info.user->default_value != nullptr) {
      if (!evaluator_.property_value(*info.user->default_value, info, node, nullptr, value)) {
        return false;
      }
    } else {
      return fail("property-value", assignment.span,
                  fmt::format("the property '{}' needs a value", info.name),
                  fmt::format("write {} = ...;", info.name));
    }
  } else if (!evaluator_.property_value(*assignment.value, info, node, &env, value)) {
    return false;
  }
  for (Property& existing : node.properties) {
    if (existing.id == id) {
      existing.value = value;
      return true;
    }
  }
  node.properties.push_back({id, value});
  return true;
}

}  // namespace

bool elaborate(const Ast& ast, Model& model, Diagnostics& diagnostics, const Limits& limits) {
  return Elaborator(ast, model, diagnostics, limits).run();
}

}  // namespace hni::rdl
