// SPDX-License-Identifier: Apache-2.0
// The parser's output for the elaborator: definitions and instantiations as written, nothing
// evaluated yet. Names are already resolved to types, parameters and instances, because SystemRDL
// requires each of them to be declared before it is used, and the types of all expressions are
// checked.
//
// All nodes live in the Ast's arenas and point to each other freely; all are freed together.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "spec/compiler/bits.hpp"
#include "spec/compiler/source.hpp"

namespace hni::rdl {

enum class Component : std::uint8_t { kAddrmap, kRegfile, kReg, kField, kMem, kSignal };
inline constexpr std::size_t kComponentCount = 6;
const char* component_name(Component component);
// "an addrmap", "a reg": for messages.
std::string with_article(std::string_view noun);

// Bit set over Component, for properties that are restricted to some kinds.
using ComponentSet = std::uint8_t;
constexpr ComponentSet set_of(Component c) {
  return static_cast<ComponentSet>(1u << static_cast<unsigned>(c));
}
inline constexpr ComponentSet kAllComponents = (1u << kComponentCount) - 1;

// The types of the language. The first nine are those of values, then the references.
enum class ValueType : std::uint8_t {
  kBoolean,
  kNumber,
  kString,
  kAccess,
  kOnRead,
  kOnWrite,
  kAddressing,
  kPrecedence,
  kInterrupt,  // posedge, negedge, bothedge, level
  kEncoding,   // an enumeration itself, for `encode`
  kEnum,       // one enumerator
  kStruct,
  kInstance,     // reference to an instance of one kind of component
  kPropertyRef,  // reference to a property of an instance
  kRef,          // any reference
  kNone,         // of an empty list
};

struct EnumDef;
struct StructDef;
struct Definition;

struct Type {
  ValueType kind = ValueType::kNone;
  bool list = false;
  Component component = Component::kField;  // of kInstance
  const EnumDef* enumeration = nullptr;     // of kEnum
  const StructDef* structure = nullptr;     // of kStruct
};
std::string type_name(const Type& type);
// Returns whether a value of type `from` may be assigned where `to` is required.
bool is_castable(const Type& from, const Type& to);

enum class ExprOp : std::uint8_t {
  kNumber,
  kBoolean,
  kString,
  kKeyword,     // r, woclr, compact, ...: `keyword` is its type
  kParameter,   // parameter `number` of `owner`
  kReference,   // instance or property of an instance, in `reference`
  kEnumerator,  // member `number` of `enumeration`
  kUnary,
  kBinary,
  kConditional,
  kList,       // '{ a, b }
  kStruct,     // S'{ member: value }, one operand per member, null where the default applies
  kConcat,     // { a, b }
  kReplicate,  // boolean'(x), longint'(x), bit'(x): `keyword` and `width` give the target type
  kCastType,   // boolean'(x), longint'(x), bit'(x): `keyword` and `width` give the target type
  kCastWidth,  // 8'(x)
  kIndex,      // list[i]
  kMember,     // struct.member
};

struct Expr;

struct PathStep {
  std::string_view name;
  Span span;
  std::vector<const Expr*> indices;
};

// a.b[3]->intr. Resolved from an instance of `owner`, in which the first step is looked up.
struct ReferenceExpr {
  const Definition* owner = nullptr;
  std::vector<PathStep> path;
  std::string_view property;  // empty: the instance itself
};

struct Expr {
  ExprOp op = ExprOp::kNumber;
  ValueType keyword = ValueType::kNone;
  // The type of its value; see type_of().
  ValueType type_kind = ValueType::kNone;
  bool type_list = false;
  Component type_component = Component::kField;
  std::uint32_t width = 64;  // of a number
  Span span;
  std::uint64_t number = 0;
  std::string_view text;  // kString, kKeyword, spelling of the operator, name of the member
  union {
    const void* none = nullptr;
    const Bits* wide;  // value of a kNumber beyond 64 bits
    const EnumDef* enumeration;
    const StructDef* structure;
    const Definition* owner;
    const ReferenceExpr* reference;
  };
  const void* type_def = nullptr;                   // EnumDef or StructDef of the type
  std::unique_ptr<std::vector<const Expr*>> items;  // operands, elements
  const Expr& operand(std::size_t i) const { return *(*items)[i]; }
};

struct Enumerator {
  std::string_view name;
  Span span;
  std::string title;  // name = "..."
  std::string desc;
};

struct EnumDef {
  std::string_view name;
  Span span;
  std::vector<Enumerator> members;
  std::vector<std::uint64_t> values;  // one a member
};

struct StructMember {
  std::string_view name;
  Type type;
};

struct StructDef {
  std::string_view name;
  const StructDef* base = nullptr;
  bool abstract = false;
  std::vector<StructMember> members;  // members, those of the base first
};

struct ParameterDef {
  std::string_view name;
  Span span;
  Type type;
  const Expr* default_value = nullptr;
};

struct Assignment {
  std::uint16_t id = 0;  // id of the property, an index into Ast::properties
  std::string_view property;
  Span span;
  const Expr* value = nullptr;           // null: "property;"
  const EnumDef* enumeration = nullptr;  // encode = E
  bool modifier = false;                 // derived from an interrupt modifier
  std::vector<PathStep> target;          // empty: the component itself
};

// Default assignments form a list with shared tails: a definition keeps the head that was in
// effect at its start, which is exactly what the standard makes visible to it.
struct DefaultLink {
  Assignment assignment;
  const Definition* scope = nullptr;
  const DefaultLink* outer = nullptr;
};

struct ParameterValue {
  std::uint32_t index = 0;  // index into the definition's parameters
  const Expr* value = nullptr;
};

enum class InstanceType : std::uint8_t { kUnstated, kInternal, kExternal };

struct Instantiation {
  const Definition* definition = nullptr;
  std::shared_ptr<std::vector<ParameterValue>> parameters;  // shared by a, b in "type a, b;"
  std::string_view name;
  Span span;
  std::vector<const Expr*> dims;  // [a][b]
  const Expr* msb = nullptr;      // [msb:lsb]
  const Expr* lsb = nullptr;
  const Expr* reset = nullptr;    // = value
  const Expr* address = nullptr;  // @ value
  const Expr* stride = nullptr;   // += value
  const Expr* align = nullptr;    // %= value
  InstanceType type = InstanceType::kUnstated;
  std::int32_t alias_of = -1;  // index of the primary register in the same definition
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
  mutable bool used = false;             // instantiated at least once

  // Returns the index of an instance by its name, or -1.
  std::int32_t find_instance(std::string_view instance) const;

 private:
  mutable std::unordered_map<std::string_view, std::int32_t> index_;
  mutable std::size_t indexed_ = 0;
};

// One standard or user-defined property. Ids of the standard's properties are fixed (see
// properties.hpp), user-defined ones follow in source order.
struct PropertyInfo {
  std::string_view name;
  ComponentSet components = 0;
  std::uint32_t types = 0;      // set over ValueType, see type_set()
  Type type;                    // default of a user-defined property, or the main type
  bool dynamic = true;          // may be assigned from outside the component
  char group = '\0';            // a component has at most one property of a group
  std::uint16_t stored_as = 0;  // the property that stores its value: onread stores rclr
  bool user = false;
  bool component_width = false;         // constraint = componentwidth
  const Expr* default_value = nullptr;  // of a user-defined property
};

struct PropertyTable {
  std::vector<PropertyInfo> items;
  std::unordered_map<std::string_view, std::uint16_t> ids;
  // Returns the id of a property, or -1.
  int find(std::string_view name) const;
};

struct Ast {
  std::deque<Expr> exprs;
  std::deque<ReferenceExpr> references;
  std::deque<Bits> wide_numbers;
  std::deque<EnumDef> enums;
  std::deque<StructDef> structs;
  std::deque<Definition> definitions;
  std::deque<DefaultLink> defaults;
  PropertyTable properties;
  Definition root;                       // contains the signals of the top level
  std::vector<const Definition*> roots;  // named addrmaps at the top level, in source order
};

}  // namespace hni::rdl
