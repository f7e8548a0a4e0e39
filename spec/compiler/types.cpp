// SPDX-License-Identifier: Apache-2.0
// Types: names, assignability, and small lookups in the syntax tree.
#include <fmt/format.h>

#include "spec/compiler/parser_impl.hpp"

namespace hni::rdl {

const char* component_name(Component component) {
  static constexpr const char* kNames[kComponentCount] = {"addrmap", "regfile", "reg",
                                                          "field",   "mem",     "signal"};
  return kNames[static_cast<std::size_t>(component)];
}

std::string with_article(std::string_view noun) {
  const bool vowel = !noun.empty() && std::string_view("aeio").find(noun[0]) != noun.npos;
  return fmt::format("{} {}", vowel ? "an" : "a", noun);
}

std::optional<Component> component_of(std::string_view word) {
  for (std::size_t i = 0; i < kComponentCount; ++i) {
    const auto component = static_cast<Component>(i);
    if (word == component_name(component)) return component;
  }
  return std::nullopt;
}

ComponentSet components_below(Component component) {
  constexpr ComponentSet kField = set_of(Component::kField) | set_of(Component::kSignal);
  constexpr ComponentSet kReg = kField | set_of(Component::kReg);
  switch (component) {
    case Component::kAddrmap:
      return kAllComponents;
    case Component::kRegfile:
      return kReg | set_of(Component::kRegfile);
    case Component::kMem:
      return kReg;
    case Component::kReg:
      return kField;
    case Component::kField:
      return set_of(Component::kSignal);
    case Component::kSignal:
      break;
  }
  return 0;
}

std::string type_name(const Type& type) {
  static constexpr const char* kNames[] = {
      "boolean",    "number",     "string",         "access",      "onread",     "onwrite",
      "addressing", "precedence", "interrupt edge", "enumeration", "enumerator", "struct",
      "instance",   "property",   "reference",      "empty list"};
  std::string name = kNames[static_cast<std::size_t>(type.kind)];
  if (type.kind == ValueType::kEnum && type.enumeration != nullptr) name = type.enumeration->name;
  if (type.kind == ValueType::kStruct && type.structure != nullptr) name = type.structure->name;
  if (type.kind == ValueType::kInstance) name = component_name(type.component);
  return type.list ? "list of " + name : name;
}

namespace {

bool is_number_type(ValueType kind) {
  return kind == ValueType::kNumber || kind == ValueType::kBoolean;
}

bool derives_from(const StructDef* structure, const StructDef* base) {
  for (; structure != nullptr; structure = structure->base) {
    if (structure == base) return true;
  }
  return false;
}

bool same_type(const Type& a, const Type& b) {
  return a.kind == b.kind && (a.kind != ValueType::kEnum || a.enumeration == b.enumeration) &&
         (a.kind != ValueType::kInstance || a.component == b.component);
}

}  // namespace

bool is_castable(const Type& from, const Type& to) {
  if (from.list != to.list) return false;
  if (from.list && from.kind == ValueType::kNone) return true;
  if (is_number_type(to.kind)) return is_number_type(from.kind) || from.kind == ValueType::kEnum;
  if (to.kind == ValueType::kStruct) {
    return from.kind == ValueType::kStruct && derives_from(from.structure, to.structure);
  }
  if (to.kind == ValueType::kRef) {
    return from.kind == ValueType::kInstance || from.kind == ValueType::kPropertyRef ||
           from.kind == ValueType::kRef;
  }
  return same_type(from, to);
}

Type type_of(const Expr& expr) {
  Type type;
  type.kind = expr.type_kind;
  type.list = expr.type_list;
  type.component = expr.type_component;
  if (type.kind == ValueType::kEnum) type.enumeration = static_cast<const EnumDef*>(expr.type_def);
  if (type.kind == ValueType::kStruct) {
    type.structure = static_cast<const StructDef*>(expr.type_def);
  }
  return type;
}

std::int32_t Definition::find_instance(std::string_view instance) const {
  constexpr std::size_t kFew = 12;
  if (instances.size() <= kFew) {
    for (std::size_t i = 0; i < instances.size(); ++i) {
      if (instances[i].name == instance) return static_cast<std::int32_t>(i);
    }
    return -1;
  }
  for (; indexed_ < instances.size(); ++indexed_) {
    index_.emplace(instances[indexed_].name, static_cast<std::int32_t>(indexed_));
  }
  const auto found = index_.find(instance);
  return found == index_.end() ? -1 : found->second;
}

int PropertyTable::find(std::string_view name) const {
  const auto found = ids.find(name);
  return found == ids.end() ? -1 : static_cast<int>(found->second);
}

}  // namespace hni::rdl
