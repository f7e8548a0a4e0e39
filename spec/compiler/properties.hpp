// SPDX-License-Identifier: Apache-2.0
// The standard's properties: the components that may have each of them, the types of its value,
// and the keyword values of its enumerated types.
#pragma once

#include <string_view>

#include "spec/compiler/model.hpp"

namespace hni::rdl {

// The ids of the standard's properties. The order is that of the table in properties.cpp.
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
  kPropIntrType,
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
  kPropMsb0,
  kPropLittleEndian,
  kPropBigEndian,
  kPropRsvdSet,
  kPropRsvdSetX,
  kPropBridge,
  kPropShared,
  kPropSharedExtBus,
  kPropErrExtBus,
  kPropIsPresent,
  kPropHdlPath,
  kPropHdlPathGate,
  kPropHdlPathSlice,
  kPropHdlPathGateSlice,
  kPropParityCheck,
  kPropSignalWidth,
  kPropSync,
  kPropAsync,
  kPropCpuifReset,
  kPropFieldReset,
  kPropActiveLow,
  kPropActiveHigh,
  kPropNext,
  kPropResetSignal,
  kPropWe,
  kPropWel,
  kPropSwWe,
  kPropSwWel,
  kPropHwEnable,
  kPropHwMask,
  kPropEnable,
  kPropMask,
  kPropHaltEnable,
  kPropHaltMask,
  kPropIncr,
  kPropIncrValue,
  kPropIncrWidth,
  kPropIncrSaturate,
  kPropIncrThreshold,
  kPropOverflow,
  kPropDecr,
  kPropDecrValue,
  kPropDecrWidth,
  kPropDecrSaturate,
  kPropDecrThreshold,
  kPropUnderflow,
  // Alternative spellings, whose values are stored under the ids above.
  kPropRclr,
  kPropRset,
  kPropWoclr,
  kPropWoset,
  kPropSaturate,
  kPropThreshold,
  kPropCount,
};

// The table of the standard's properties, to which user-defined ones are added.
PropertyTable standard_properties();

// Bits of PropertyInfo::types.
constexpr std::uint32_t type_set(ValueType type) {
  return std::uint32_t{1} << static_cast<unsigned>(type);
}
inline constexpr std::uint32_t kFieldReference = std::uint32_t{1} << 30;
inline constexpr std::uint32_t kSignalReference = std::uint32_t{1} << 31;

// rclr, rset, woclr, woset: alternative spellings of "onread = rclr" and so on.
bool is_shorthand(std::uint16_t id);

// A property that may be referenced as "instance->property": the components that have it, and its
// width.
struct PropertyReference {
  std::string_view name;
  Component component = Component::kField;
  // 1, the field's width, or unknown.
  enum class Width : std::uint8_t { kOne, kField, kUnknown } width = Width::kOne;
  // Precondition on the instance whose property is referenced.
  enum class Rule : std::uint8_t {
    kNone,
    kCounter,
    kThreshold,  // a counter that has this property
    kOverflow,   // a counter that does not saturate upwards
    kUnderflow,
    kValue,   // the property has been assigned
    kSignal,  // the property, or its opposite, is not false
    kIntr,    // a register with an interrupt field
    kHalt,    // a register with haltenable or haltmask in a field
  } rule = Rule::kNone;
};
// Returns null if a property of that name cannot be referenced.
const PropertyReference* find_property_reference(std::string_view name);

std::string_view standard_property_name(std::uint16_t id);
// Returns the name under which a property's value is stored: saturate is a synonym of
// incrsaturate.
std::string_view canonical_property(std::string_view name);

// Returns the type of a keyword value (r, rclr, woset, compact, hw, ...), or kNone for any other
// keyword.
ValueType keyword_type(std::string_view word);

// Returns the access of a field in the standard's words; `rw` if the field states none.
std::string_view sw_access(const Node& field);
std::string_view hw_access(const Node& field);
bool can_read(std::string_view access);
bool can_write(std::string_view access);
// "" if absent.
std::string_view on_read(const Node& field);
std::string_view on_write(const Node& field);
bool flag(const Node& node, Prop id);
std::uint64_t number(const Node& node, Prop id, std::uint64_t otherwise);
// Returns the reset value of a field if it is a number (not a reference) of at most 64 bits.
std::optional<std::uint64_t> reset_number(const Node& field);
// Returns the reset value as decimal text: "-" if absent, the path of a reference.
std::string reset_text(const Node& field);
// Widths in bits, from the properties with the standard's defaults.
unsigned reg_width(const Node& reg);
unsigned access_width(const Node& reg);
// Returns whether a register, register file or map is external (SystemRDL 13.3, 12.2).
bool is_external(const Node& node);

}  // namespace hni::rdl
