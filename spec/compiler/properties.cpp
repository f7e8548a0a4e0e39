// SPDX-License-Identifier: Apache-2.0
#include "spec/compiler/properties.hpp"

#include <algorithm>
#include <array>

namespace hni::rdl {
namespace {

constexpr ComponentSet kField = set_of(Component::kField);
constexpr ComponentSet kReg = set_of(Component::kReg);
constexpr ComponentSet kMem = set_of(Component::kMem);
constexpr ComponentSet kMap = set_of(Component::kAddrmap);
constexpr ComponentSet kSignal = set_of(Component::kSignal);
constexpr ComponentSet kGroup = kMap | set_of(Component::kRegfile);
constexpr ComponentSet kTested = kGroup | kReg | kField;
constexpr ComponentSet kBlock = kGroup | kReg;

constexpr std::uint32_t kBool = type_set(ValueType::kBoolean);
constexpr std::uint32_t kNumber = type_set(ValueType::kNumber);
constexpr std::uint32_t kString = type_set(ValueType::kString);
constexpr std::uint32_t kReferences =
    kFieldReference | kSignalReference | type_set(ValueType::kPropertyRef);

struct Row {
  std::string_view name;
  ComponentSet components;
  std::uint32_t types;
  bool dynamic = true;
  char group = '\0';  // names as in the standard's tables, if listed there
  std::uint16_t stored_as = kPropCount;
  bool list = false;
};

constexpr std::array<Row, kPropCount> kRows = {{
    {"name", kAllComponents, kString},
    {"desc", kAllComponents, kString},
    {"donttest", kTested, kNumber | kBool},
    {"dontcompare", kTested, kNumber | kBool},
    {"sw", kField | kMem, type_set(ValueType::kAccess)},
    {"hw", kField, type_set(ValueType::kAccess), false},
    {"onread", kField, type_set(ValueType::kOnRead), true, 'P'},
    {"onwrite", kField, type_set(ValueType::kOnWrite), true, 'B'},
    {"singlepulse", kField, kBool},
    {"reset", kField, kNumber | kReferences},
    {"encode", kField, type_set(ValueType::kEncoding)},
    {"fieldwidth", kField, kNumber, false},
    {"swmod", kField, kBool},
    {"swacc", kField, kBool},
    {"hwset", kField, kBool | kReferences},
    {"hwclr", kField, kBool | kReferences},
    {"anded", kField, kBool},
    {"ored", kField, kBool},
    {"xored", kField, kBool},
    {"counter", kField, kBool, true, 'E'},
    {"intr", kField, kBool, true, 'E'},
    {"intr type", kField, type_set(ValueType::kInterrupt)},
    {"sticky", kField, kBool, true, 'I'},
    {"stickybit", kField, kBool, true, 'I'},
    {"precedence", kField, type_set(ValueType::kPrecedence)},
    {"regwidth", kReg, kNumber, false},
    {"accesswidth", kReg, kNumber},
    {"mementries", kMem, kNumber, false},
    {"memwidth", kMem, kNumber, false},
    {"alignment", kGroup, kNumber, false},
    {"addressing", kMap, type_set(ValueType::kAddressing), false},
    {"lsb0", kMap, kBool, false, 'M'},
    {"msb0", kMap, kBool, false, 'M'},
    {"littleendian", kMap, kBool, true, 'L'},
    {"bigendian", kMap, kBool, true, 'L'},
    {"rsvdset", kMap, kBool, false, 'Q'},
    {"rsvdsetX", kMap, kBool, false, 'Q'},
    {"bridge", kMap, kBool, false},
    {"shared", kReg, kBool, false},
    {"sharedextbus", kGroup, kBool, false},
    {"errextbus", kBlock, kBool, false},
    {"ispresent", kAllComponents, kBool},
    {"hdl_path", kBlock, kString},
    {"hdl_path_gate", kBlock, kString},
    {"hdl_path_slice", kField | kMem, kString, true, '\0', kPropCount, true},
    {"hdl_path_gate_slice", kField | kMem, kString, true, '\0', kPropCount, true},
    {"paritycheck", kField, kBool, false},
    {"signalwidth", kSignal, kNumber, false},
    {"sync", kSignal, kBool, true, 'N'},
    {"async", kSignal, kBool, true, 'N'},
    {"cpuif_reset", kSignal, kBool},
    {"field_reset", kSignal, kBool},
    {"activelow", kSignal, kBool, true, 'A'},
    {"activehigh", kSignal, kBool, true, 'A'},
    {"next", kField, kReferences},
    {"resetsignal", kField, kSignalReference},
    {"we", kField, kBool | kReferences, true, 'C'},
    {"wel", kField, kBool | kReferences, true, 'C'},
    {"swwe", kField, kBool | kReferences, true, 'R'},
    {"swwel", kField, kBool | kReferences, true, 'R'},
    {"hwenable", kField, kReferences, true, 'D'},
    {"hwmask", kField, kReferences, true, 'D'},
    {"enable", kField, kReferences, true, 'J'},
    {"mask", kField, kReferences, true, 'J'},
    {"haltenable", kField, kReferences, true, 'K'},
    {"haltmask", kField, kReferences, true, 'K'},
    {"incr", kField, kReferences},
    {"incrvalue", kField, kNumber | kReferences, true, 'F'},
    {"incrwidth", kField, kNumber, true, 'F'},
    {"incrsaturate", kField, kNumber | kBool | kReferences, true, 's'},
    {"incrthreshold", kField, kNumber | kBool | kReferences, true, 't'},
    {"overflow", kField, kBool},
    {"decr", kField, kReferences},
    {"decrvalue", kField, kNumber | kReferences, true, 'G'},
    {"decrwidth", kField, kNumber, true, 'G'},
    {"decrsaturate", kField, kNumber | kBool | kReferences},
    {"decrthreshold", kField, kNumber | kBool | kReferences},
    {"underflow", kField, kBool},
    {"rclr", kField, kBool, true, 'P', kPropOnRead},
    {"rset", kField, kBool, true, 'P', kPropOnRead},
    {"woclr", kField, kBool, true, 'B', kPropOnWrite},
    {"woset", kField, kBool, true, 'B', kPropOnWrite},
    {"saturate", kField, kNumber | kBool | kReferences, true, 's', kPropIncrSaturate},
    {"threshold", kField, kNumber | kBool | kReferences, true, 't', kPropIncrThreshold},
}};

using Width = PropertyReference::Width;
using Rule = PropertyReference::Rule;

constexpr PropertyReference kPropertyReferences[] = {
    {"anded", Component::kField, Width::kOne, Rule::kNone},
    {"ored", Component::kField, Width::kOne, Rule::kNone},
    {"xored", Component::kField, Width::kOne, Rule::kNone},
    {"swacc", Component::kField, Width::kOne, Rule::kNone},
    {"swmod", Component::kField, Width::kOne, Rule::kNone},
    {"incr", Component::kField, Width::kOne, Rule::kCounter},
    {"decr", Component::kField, Width::kOne, Rule::kCounter},
    {"incrsaturate", Component::kField, Width::kOne, Rule::kCounter},
    {"saturate", Component::kField, Width::kOne, Rule::kCounter},
    {"decrsaturate", Component::kField, Width::kOne, Rule::kCounter},
    {"incrthreshold", Component::kField, Width::kOne, Rule::kThreshold},
    {"threshold", Component::kField, Width::kOne, Rule::kThreshold},
    {"decrthreshold", Component::kField, Width::kOne, Rule::kThreshold},
    {"overflow", Component::kField, Width::kOne, Rule::kOverflow},
    {"underflow", Component::kField, Width::kOne, Rule::kUnderflow},
    {"incrvalue", Component::kField, Width::kUnknown, Rule::kValue},
    {"decrvalue", Component::kField, Width::kUnknown, Rule::kValue},
    {"swwe", Component::kField, Width::kOne, Rule::kSignal},
    {"swwel", Component::kField, Width::kOne, Rule::kSignal},
    {"we", Component::kField, Width::kOne, Rule::kSignal},
    {"wel", Component::kField, Width::kOne, Rule::kSignal},
    {"hwset", Component::kField, Width::kOne, Rule::kSignal},
    {"hwclr", Component::kField, Width::kOne, Rule::kSignal},
    {"haltenable", Component::kField, Width::kField, Rule::kValue},
    {"haltmask", Component::kField, Width::kField, Rule::kValue},
    {"enable", Component::kField, Width::kField, Rule::kValue},
    {"mask", Component::kField, Width::kField, Rule::kValue},
    {"hwenable", Component::kField, Width::kField, Rule::kValue},
    {"hwmask", Component::kField, Width::kField, Rule::kValue},
    {"next", Component::kField, Width::kField, Rule::kValue},
    {"reset", Component::kField, Width::kField, Rule::kValue},
    {"resetsignal", Component::kField, Width::kOne, Rule::kValue},
    {"intr", Component::kReg, Width::kOne, Rule::kIntr},
    {"halt", Component::kReg, Width::kOne, Rule::kHalt},
};

// Returns the type name for messages and output: the first that the property accepts.
Type main_type(const Row& row) {
  for (unsigned i = 0; i <= static_cast<unsigned>(ValueType::kNone); ++i) {
    const auto type = static_cast<ValueType>(i);
    if ((row.types & type_set(type)) != 0)
      return {type, row.list, Component::kField, nullptr, nullptr};
  }
  return {ValueType::kRef, false, Component::kField, nullptr, nullptr};
}

}  // namespace

PropertyTable standard_properties() {
  PropertyTable table;
  for (std::uint16_t id = 0; id < kPropCount; ++id) {
    const Row& row = kRows[id];
    PropertyInfo info;
    info.name = row.name;
    info.components = row.components;
    info.types = row.types;
    info.type = main_type(row);
    info.dynamic = row.dynamic;
    info.group = row.group;
    info.stored_as = row.stored_as == kPropCount ? id : row.stored_as;
    table.ids.emplace(info.name, id);
    table.items.push_back(info);
  }
  return table;
}

const PropertyReference* find_property_reference(std::string_view name) {
  for (const PropertyReference& entry : kPropertyReferences) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

std::string_view standard_property_name(std::uint16_t id) {
  return kRows[id].name;
}

std::string_view canonical_property(std::string_view name) {
  if (name == "saturate") return "incrsaturate";
  return name == "threshold" ? "incrthreshold" : name;
}

bool is_shorthand(std::uint16_t id) {
  return id == kPropRclr || id == kPropRset || id == kPropWoclr || id == kPropWoset;
}

ValueType keyword_type(std::string_view word) {
  static constexpr std::pair<std::string_view, ValueType> kWords[] = {
      {"na", ValueType::kAccess},
      {"r", ValueType::kAccess},
      {"w", ValueType::kAccess},
      {"rw", ValueType::kAccess},
      {"wr", ValueType::kAccess},
      {"rw1", ValueType::kAccess},
      {"w1", ValueType::kAccess},
      {"rclr", ValueType::kOnRead},
      {"rset", ValueType::kOnRead},
      {"ruser", ValueType::kOnRead},
      {"woset", ValueType::kOnWrite},
      {"woclr", ValueType::kOnWrite},
      {"wot", ValueType::kOnWrite},
      {"wzs", ValueType::kOnWrite},
      {"wzc", ValueType::kOnWrite},
      {"wzt", ValueType::kOnWrite},
      {"wclr", ValueType::kOnWrite},
      {"wset", ValueType::kOnWrite},
      {"wuser", ValueType::kOnWrite},
      {"compact", ValueType::kAddressing},
      {"regalign", ValueType::kAddressing},
      {"fullalign", ValueType::kAddressing},
      {"hw", ValueType::kPrecedence},
      {"sw", ValueType::kPrecedence},
  };
  for (const auto& [spelling, type] : kWords) {
    if (spelling == word) return type;
  }
  return ValueType::kNone;
}

namespace {

std::string_view keyword(const Node& node, Prop id, std::string_view otherwise) {
  const Value* value = property(node, id);
  return value == nullptr ? otherwise : std::string_view(*value->text);
}

}  // namespace

std::string_view sw_access(const Node& field) {
  return keyword(field, kPropSw, "rw");
}
std::string_view hw_access(const Node& field) {
  return keyword(field, kPropHw, "rw");
}
std::string_view on_read(const Node& field) {
  return keyword(field, kPropOnRead, "");
}
std::string_view on_write(const Node& field) {
  return keyword(field, kPropOnWrite, "");
}

bool can_read(std::string_view access) {
  return access == "r" || access == "rw" || access == "rw1";
}
bool can_write(std::string_view access) {
  return access == "w" || access == "rw" || access == "rw1" || access == "w1";
}

bool flag(const Node& node, Prop id) {
  const Value* value = property(node, id);
  return value != nullptr && value->is_true();
}

std::uint64_t number(const Node& node, Prop id, std::uint64_t otherwise) {
  const Value* value = property(node, id);
  return value == nullptr ? otherwise : value->number;
}

std::optional<std::uint64_t> reset_number(const Node& field) {
  const Value* value = property(field, kPropReset);
  if (value == nullptr || value->kind != Value::Kind::kNumber || value->wide != nullptr) return {};
  return value->number;
}

std::string reset_text(const Node& field) {
  const Value* value = property(field, kPropReset);
  if (value == nullptr) return "-";
  return value->kind == Value::Kind::kRef ? reference_text(*value->reference) : value->decimal();
}

unsigned reg_width(const Node& reg) {
  return static_cast<unsigned>(number(reg, kPropRegWidth, 32));
}
unsigned access_width(const Node& reg) {
  return static_cast<unsigned>(number(reg, kPropAccessWidth, reg_width(reg)));
}

bool is_external(const Node& node) {
  if (node.component == Component::kAddrmap || node.component == Component::kMem) return true;
  if (node.component == Component::kField) return is_external(*node.parent);
  // The outermost register file that states a type determines it for everything inside.
  InstanceType type = node.instance_type;
  for (const Node* at = node.parent; at != nullptr && at->component == Component::kRegfile;
       at = at->parent) {
    if (at->instance_type != InstanceType::kUnstated) type = at->instance_type;
  }
  if (type == InstanceType::kUnstated && node.alias_of != nullptr) {
    return is_external(*node.alias_of);
  }
  return type == InstanceType::kExternal;
}

}  // namespace hni::rdl
