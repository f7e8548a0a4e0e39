// SPDX-License-Identifier: Apache-2.0
// device_table.hpp and .cpp: the properties of every register that the emulated card needs.
#include <fmt/format.h>

#include "spec/compiler/emit.hpp"

namespace hni::speclib {
namespace {

constexpr std::string_view kTypes = R"(
// One register or register array. Addresses and strides are bytes; masks are in the register's own
// bits. Bits whose reset value no source states count as 0 in `reset`.
struct RegInfo {
  struct Dim {
    std::uint32_t count;
    std::uint32_t stride_bytes;
  };
  const char* name;  // as Linux has it, without FBNIC_
  Bar bar;
  std::uint32_t byte_offset;  // element 0
  Dim dims[3];                // outermost first
  std::uint8_t dim_count;     // 0: no array
  std::uint8_t width_bits;
  std::uint64_t reset;
  std::uint64_t sw_read;        // software can read these bits
  std::uint64_t sw_write;       // software can write these bits
  std::uint64_t w1c;            // writing 1 clears the bit
  std::uint64_t w1s;            // writing 1 sets the bit
  std::uint64_t clear_on_read;  // reading clears the bits
  std::uint64_t single_pulse;   // a written 1 acts once and reads as 0 again
  bool known_only_by_name;      // dump decoder only: a use of it is a use of a partly modelled one
  const char* source;           // source of the fact
};

// Every register of the spec, by BAR, then address. Indices are stable within a build.
extern std::span<const RegInfo> registers();

// A write to register `reg` is legal only while (cond_reg[same array element] & cond_mask) ==
// cond_value. A condition register without dimensions is the same for all elements.
struct ActionRule {
  const char* name;
  const char* text;
  std::uint16_t reg;       // index into registers()
  std::uint16_t cond_reg;  // index into registers()
  std::uint32_t cond_mask;
  std::uint32_t cond_value;
  bool on_nonzero_only;
};
extern std::span<const ActionRule> action_rules();
)";

std::string pascal(std::string_view snake) {
  std::string out = "k";
  bool upper = true;
  for (const char c : snake) {
    if (c == '_') {
      upper = true;
      continue;
    }
    out += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = false;
  }
  return out;
}

std::string register_row(const Register& reg) {
  const Masks masks = masks_of(reg.fields);
  std::string dims;
  for (std::size_t i = 0; i < 3; ++i) {
    const Dim dim = i < reg.dims.size() ? reg.dims[i] : Dim{1, 0};
    dims += fmt::format("{}{{{}, {:#x}}}", i == 0 ? "" : ", ", dim.count, dim.stride);
  }
  return fmt::format(
      "    {{\"{}\", {}, {:#x}, {{{}}}, {}, {}, {:#x}, {:#x}, {:#x}, {:#x}, {:#x}, {:#x}, {:#x}, "
      "{}, {}}},\n",
      reg.name, reg.bar == 0 ? "Bar::kBar0" : "Bar::kBar4", reg.byte_offset, dims, reg.dims.size(),
      reg.width, masks.reset, masks.read, masks.write, masks.w1c, masks.w1s, masks.clear_on_read,
      masks.pulse, reg.dump_only, quoted(reg.provenance.source));
}

}  // namespace

std::string emit_device_table_header(const Card& card) {
  std::string out = generated_banner(
      card, "//", "What the emulated card knows of every register, and the actions.");
  out +=
      "#pragma once\n\n#include <cstdint>\n#include <span>\n\n"
      "#include \"openhni/spec/word.hpp\"\n\nnamespace hni::spec {\n";
  out += kTypes;
  out +=
      "\n// Rules about order and content that no condition on one register can say; code of the "
      "card\n// checks them.\nenum class ProtocolAction : std::uint8_t {\n";
  std::string names;
  std::string texts;
  for (const ProtocolRule& rule : card.protocol) {
    const std::string name = pascal(rule.name);
    out += wrapped(fmt::format("{} ({})", rule.text, rule.where), "  // ");
    out += fmt::format("  {},\n", name);
    names += fmt::format("    case ProtocolAction::{}: return \"{}\";\n", name, rule.name);
    texts += fmt::format("    case ProtocolAction::{}: return {};\n", name, quoted(rule.text));
  }
  out += fmt::format("}};\ninline constexpr std::size_t kProtocolActionCount = {};\n",
                     card.protocol.size());
  out += fmt::format(
      "// The rule's name in the spec.\nconstexpr const char* to_string(ProtocolAction action) "
      "{{\n"
      "  switch (action) {{\n{}  }}\n  return \"?\";\n}}\n"
      "// Who must do what.\nconstexpr const char* text_of(ProtocolAction action) {{\n"
      "  switch (action) {{\n{}  }}\n  return \"?\";\n}}\n",
      names, texts);
  return out + "\n}  // namespace hni::spec\n";
}

std::string emit_device_table_source(const Card& card) {
  std::string out = generated_banner(card, "//", "Tables behind device_table.hpp.");
  out +=
      "#include \"openhni/spec/device_table.hpp\"\n\n#include <array>\n\nnamespace hni::spec {\n"
      "namespace {\n\n";
  out +=
      fmt::format("constexpr std::array<RegInfo, {}> kRegisters = {{{{\n", card.registers.size());
  for (const Register& reg : card.registers) out += register_row(reg);
  out += "}};\n\n";
  out +=
      fmt::format("constexpr std::array<ActionRule, {}> kActionRules = {{{{\n", card.rules.size());
  for (const ActionRule& rule : card.rules) {
    out += fmt::format("    {{\"{}\", {}, {}, {}, {:#x}, {:#x}, false}},\n", rule.name,
                       quoted(rule.text), rule.target, rule.condition, rule.mask, rule.value);
  }
  out +=
      "}};\n\n}  // namespace\n\n"
      "std::span<const RegInfo> registers() { return kRegisters; }\n"
      "std::span<const ActionRule> action_rules() { return kActionRules; }\n\n"
      "}  // namespace hni::spec\n";
  return out;
}

}  // namespace hni::speclib
