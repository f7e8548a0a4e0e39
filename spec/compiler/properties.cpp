// SPDX-License-Identifier: Apache-2.0
#include "spec/compiler/properties.hpp"

#include <algorithm>

namespace hni::rdl {
namespace {

constexpr ComponentSet kAny = (1u << kComponentCount) - 1;
constexpr ComponentSet kField = set_of(Component::kField);
constexpr ComponentSet kReg = set_of(Component::kReg);
constexpr ComponentSet kMem = set_of(Component::kMem);
constexpr ComponentSet kMap = set_of(Component::kAddrmap);
constexpr ComponentSet kGroup = kMap | set_of(Component::kRegfile);

}  // namespace

const std::array<PropertyInfo, kPropCount> kStandardProperties = {{
    {"name", kAny, ValueType::kString, false, nullptr},
    {"desc", kAny, ValueType::kString, false, nullptr},
    {"donttest", kAny, ValueType::kBoolean, false, nullptr},
    {"dontcompare", kAny, ValueType::kBoolean, false, nullptr},
    {"sw", kField | kMem, ValueType::kAccess, false, nullptr},
    {"hw", kField, ValueType::kAccess, false, nullptr},
    {"onread", kField, ValueType::kOnRead, false, nullptr},
    {"onwrite", kField, ValueType::kOnWrite, false, nullptr},
    {"singlepulse", kField, ValueType::kBoolean, false, nullptr},
    {"reset", kField, ValueType::kNumber, false, nullptr},
    {"encode", kField, ValueType::kEnum, false, nullptr},
    {"fieldwidth", kField, ValueType::kNumber, false, nullptr},
    {"swmod", kField, ValueType::kBoolean, false, nullptr},
    {"swacc", kField, ValueType::kBoolean, false, nullptr},
    {"hwset", kField, ValueType::kBoolean, false, nullptr},
    {"hwclr", kField, ValueType::kBoolean, false, nullptr},
    {"anded", kField, ValueType::kBoolean, false, nullptr},
    {"ored", kField, ValueType::kBoolean, false, nullptr},
    {"xored", kField, ValueType::kBoolean, false, nullptr},
    {"counter", kField, ValueType::kBoolean, false, nullptr},
    {"intr", kField, ValueType::kBoolean, false, nullptr},
    {"sticky", kField, ValueType::kBoolean, false, nullptr},
    {"stickybit", kField, ValueType::kBoolean, false, nullptr},
    {"precedence", kField, ValueType::kPrecedence, false, nullptr},
    {"regwidth", kReg, ValueType::kNumber, false, nullptr},
    {"accesswidth", kReg, ValueType::kNumber, false, nullptr},
    {"mementries", kMem, ValueType::kNumber, false, nullptr},
    {"memwidth", kMem, ValueType::kNumber, false, nullptr},
    {"alignment", kGroup, ValueType::kNumber, false, nullptr},
    {"addressing", kMap, ValueType::kAddressing, false, nullptr},
    {"lsb0", kMap, ValueType::kBoolean, false, nullptr},
    {"littleendian", kMap, ValueType::kBoolean, false, nullptr},
    {"rsvdset", kMap, ValueType::kBoolean, false, nullptr},
}};

bool is_refused_property(std::string_view name) {
  static constexpr std::string_view kRefused[] = {
      "activehigh",
      "activelow",
      "async",
      "bigendian",
      "bridge",
      "cpuif_reset",
      "decr",
      "decrsaturate",
      "decrthreshold",
      "decrvalue",
      "decrwidth",
      "enable",
      "errextbus",
      "field_reset",
      "haltenable",
      "haltmask",
      "hdl_path",
      "hdl_path_gate",
      "hdl_path_gate_slice",
      "hdl_path_slice",
      "hwenable",
      "hwmask",
      "incr",
      "incrsaturate",
      "incrthreshold",
      "incrvalue",
      "incrwidth",
      "ispresent",
      "mask",
      "msb0",
      "next",
      "overflow",
      "paritycheck",
      "resetsignal",
      "rsvdsetX",
      "saturate",
      "shared",
      "sharedextbus",
      "signalwidth",
      "swwe",
      "swwel",
      "sync",
      "threshold",
      "underflow",
      "we",
      "wel",
  };
  return std::find(std::begin(kRefused), std::end(kRefused), name) != std::end(kRefused);
}

int shorthand_property(std::string_view name) {
  if (name == "rclr" || name == "rset") return kPropOnRead;
  if (name == "woclr" || name == "woset") return kPropOnWrite;
  return -1;
}

bool is_keyword_value(ValueType type, std::string_view word) {
  const auto one_of = [word](std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
  };
  switch (type) {
    case ValueType::kAccess:
      return one_of({"na", "r", "w", "rw", "wr", "rw1", "w1"});
    case ValueType::kOnRead:
      return one_of({"rclr", "rset", "ruser"});
    case ValueType::kOnWrite:
      return one_of({"woset", "woclr", "wot", "wzs", "wzc", "wzt", "wclr", "wset", "wuser"});
    case ValueType::kAddressing:
      return one_of({"compact", "regalign", "fullalign"});
    case ValueType::kPrecedence:
      return one_of({"hw", "sw"});
    default:
      return false;
  }
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
  return value != nullptr && value->number != 0;
}

std::uint64_t number(const Node& node, Prop id, std::uint64_t otherwise) {
  const Value* value = property(node, id);
  return value == nullptr ? otherwise : value->number;
}

unsigned reg_width(const Node& reg) {
  return static_cast<unsigned>(number(reg, kPropRegWidth, 32));
}
unsigned access_width(const Node& reg) {
  return static_cast<unsigned>(number(reg, kPropAccessWidth, reg_width(reg)));
}

}  // namespace hni::rdl
