// SPDX-License-Identifier: Apache-2.0
// What the parser hands to the elaborator: definitions and instantiations as written, nothing
// evaluated yet. Names that refer to types are already resolved, because SystemRDL wants a type
// defined before it is used.
//
// All nodes live in the Ast's arenas and point at each other freely; they die together.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "spec/compiler/source.hpp"

namespace hni::rdl {

enum class Component : std::uint8_t { kAddrmap, kRegfile, kReg, kField, kMem };
inline constexpr std::size_t kComponentCount = 5;
const char* component_name(Component component);

// Bit set over Component, for properties that may be given to some kinds only.
using ComponentSet = std::uint8_t;
constexpr ComponentSet set_of(Component c) {
  return static_cast<ComponentSet>(1u << static_cast<unsigned>(c));
}

enum class ExprOp : std::uint8_t {
  kNumber,
  kBoolean,
  kString,
  kName,    // parameter, keyword value, enumerator or instance: decided where it is used
  kPath,    // instance path, in `path`
  kScoped,  // Enum::member
  kUnary,
  kBinary,
  kConditional,
  kList,  // '{ a, b }
};

struct EnumDef;

struct PathStep {
  std::string_view name;
  Span span;
};

struct Expr {
  ExprOp op = ExprOp::kNumber;
  std::uint8_t width = 0;  // of a sized number
  Span span;
  std::uint64_t number = 0;              // kNumber, kBoolean
  std::string_view text;                 // kString, kName, operator's spelling, member of kScoped
  const EnumDef* enumeration = nullptr;  // kScoped
  // Most expressions are one literal and have neither.
  std::unique_ptr<std::vector<PathStep>> path;      // of kPath
  std::unique_ptr<std::vector<const Expr*>> items;  // operands, elements of kList
  const Expr& operand(std::size_t i) const { return *(*items)[i]; }
};

struct Enumerator {
  std::string_view name;
  Span span;
  const Expr* value = nullptr;  // null: one more than the one before
  std::string title;            // name = "..."
  std::string desc;
};

struct EnumDef {
  std::string_view name;
  Span span;
  std::vector<Enumerator> members;
  mutable std::vector<std::uint64_t> values;  // filled by the elaborator, one a member
};

enum class ValueType : std::uint8_t {
  kBoolean,
  kNumber,
  kString,
  kAccess,
  kOnRead,
  kOnWrite,
  kAddressing,
  kPrecedence,
  kEnum,
  kRef,
};
const char* value_type_name(ValueType type);

struct PropertyDef {
  std::string_view name;
  Span span;
  ComponentSet components = 0;
  ValueType type = ValueType::kString;
  bool list = false;
  const Expr* default_value = nullptr;
};

struct ParameterDef {
  std::string_view name;
  Span span;
  ValueType type = ValueType::kNumber;
  const Expr* default_value = nullptr;
};

struct Assignment {
  std::string_view property;
  Span span;
  const Expr* value = nullptr;           // null: "property;"
  const EnumDef* enumeration = nullptr;  // encode = E
  std::vector<PathStep> target;          // empty: the component itself
};

// Default assignments form a list that shares its tails: a definition keeps the head that was in
// force where it began, which is exactly what the standard makes visible to it.
struct DefaultLink {
  Assignment assignment;
  const DefaultLink* outer = nullptr;
};

struct ParameterValue {
  std::string_view name;
  Span span;
  const Expr* value = nullptr;
};

struct Definition;

struct Instantiation {
  const Definition* definition = nullptr;
  std::vector<ParameterValue> parameters;
  std::string_view name;
  Span span;
  std::vector<const Expr*> dims;  // [a][b]
  const Expr* msb = nullptr;      // [msb:lsb]
  const Expr* lsb = nullptr;
  const Expr* reset = nullptr;    // = value
  const Expr* address = nullptr;  // @ value
  const Expr* stride = nullptr;   // += value
  const Expr* align = nullptr;    // %= value
  bool external = false;
};

struct Definition {
  Component component = Component::kAddrmap;
  std::string_view name;  // empty if anonymous
  Span span;
  const Definition* outer = nullptr;
  const DefaultLink* defaults = nullptr;  // in force outside
  std::vector<ParameterDef> parameters;
  std::vector<Instantiation> instances;  // source order
  std::vector<Assignment> assignments;   // source order
  mutable bool used = false;             // instantiated somewhere
};

struct Ast {
  std::deque<Expr> exprs;
  std::deque<EnumDef> enums;
  std::deque<Definition> definitions;
  std::deque<DefaultLink> defaults;
  std::deque<PropertyDef> properties;  // user-defined, in source order
  std::map<std::string_view, const PropertyDef*> property_by_name;
  std::vector<const Definition*> roots;  // named addrmaps at the top level, in source order
};

}  // namespace hni::rdl
