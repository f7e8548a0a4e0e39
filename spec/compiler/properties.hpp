// SPDX-License-Identifier: Apache-2.0
// The standard's properties: which of them this compiler knows, where they may stand, and the
// keyword values of its enumerated types. Properties of the standard that are missing here are
// listed by name too, so that they are refused as unsupported and not as typing errors.
#pragma once

#include <array>
#include <string_view>

#include "spec/compiler/model.hpp"

namespace hni::rdl {

// The ids of the standard's properties. The order is that of kStandardProperties.
enum Prop : std::uint16_t {
  kPropName,
  kPropDesc,
  kPropDontTest,
  kPropDontCompare,
  kPropSw,
  kPropHw,
  kPropOnRead,
  kPropOnWrite,
  kPropSinglePulse,
  kPropReset,
  kPropEncode,
  kPropFieldWidth,
  kPropSwMod,
  kPropSwAcc,
  kPropHwSet,
  kPropHwClr,
  kPropAnded,
  kPropOred,
  kPropXored,
  kPropCounter,
  kPropIntr,
  kPropSticky,
  kPropStickyBit,
  kPropPrecedence,
  kPropRegWidth,
  kPropAccessWidth,
  kPropMemEntries,
  kPropMemWidth,
  kPropAlignment,
  kPropAddressing,
  kPropLsb0,
  kPropLittleEndian,
  kPropRsvdSet,
  kPropCount,
};

extern const std::array<PropertyInfo, kPropCount> kStandardProperties;

// A property of the standard that this compiler refuses.
bool is_refused_property(std::string_view name);

// Short forms: rclr, rset, woclr, woset stand for onread and onwrite values. Returns the id that
// the short form sets, or -1.
int shorthand_property(std::string_view name);

// True if `word` is a value of the enumerated type.
bool is_keyword_value(ValueType type, std::string_view word);

// Access of a field, as the standard's words. `rw` if the field states none.
std::string_view sw_access(const Node& field);
std::string_view hw_access(const Node& field);
bool can_read(std::string_view access);
bool can_write(std::string_view access);
// "" if absent.
std::string_view on_read(const Node& field);
std::string_view on_write(const Node& field);
bool flag(const Node& node, Prop id);
std::uint64_t number(const Node& node, Prop id, std::uint64_t otherwise);
// Bits, from the properties with the standard's defaults.
unsigned reg_width(const Node& reg);
unsigned access_width(const Node& reg);

}  // namespace hni::rdl
