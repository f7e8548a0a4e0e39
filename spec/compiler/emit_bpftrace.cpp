// SPDX-License-Identifier: Apache-2.0
// What other tools read: field decoders for bpftrace, dictionaries for fuzzers.
#include <fmt/format.h>

#include <set>

#include "spec/compiler/emit.hpp"

namespace hni::speclib {
namespace {

// bpftrace 0.17 has maps and macros of the C preprocessor but no functions: names go into maps
// that BEGIN fills, fields become macros over a word.
std::string field_macros(std::string_view owner, const std::vector<Field>& fields) {
  std::string out;
  for (const Field& field : fields) {
    out += fmt::format("#define {}__{}(w) (((w) >> {}) & {:#x})\n", owner, field.name, field.lsb,
                       field.mask() >> field.lsb);
  }
  return out;
}

// Little-endian bytes as a dictionary entry.
std::string entry(std::string_view name, std::uint64_t value, unsigned bytes) {
  std::string out = fmt::format("{}=\"", name);
  for (unsigned i = 0; i < bytes; ++i) out += fmt::format("\\x{:02x}", (value >> (8 * i)) & 0xff);
  return out + "\"\n";
}

void layout_entries(const Layout& layout, std::string& out) {
  const unsigned bytes = layout.width / 8;
  for (const Field& field : layout.fields) {
    const std::string name = fmt::format("{}_{}", layout.name, field.name);
    out += entry(name, field.mask(), bytes);
    if (field.enumeration == nullptr) continue;
    const auto& members = field.enumeration->members;
    for (std::size_t i = 0; i < members.size(); ++i) {
      out += entry(fmt::format("{}_{}", name, members[i].name),
                   field.enumeration->values[i] << field.lsb, bytes);
    }
  }
}

}  // namespace

std::string emit_fuzz_dictionary(const Card& card) {
  std::string out =
      generated_banner(card, "#", "Dictionary for AFL++ and libFuzzer: little-endian.");
  out += "\n# Byte offsets of registers.\n";
  for (const Register& reg : card.registers) {
    if (!reg.dump_only) out += entry(reg.name + "_AT", reg.byte_offset, 4);
  }
  out += "\n# Fields of registers, all bits set.\n";
  std::set<std::uint64_t> seen;
  for (const Register& reg : card.registers) {
    for (const Field& field : reg.fields) {
      if (reg.dump_only || !seen.insert(field.mask()).second) continue;
      out += entry(fmt::format("{}_{}", reg.name, field.name), field.mask(), 4);
    }
  }
  out += "\n# Fields of descriptors and their enumerators.\n";
  for (const Layout& layout : card.layouts) layout_entries(layout, out);
  out += "\n# Headers of firmware messages and of their attributes.\n";
  for (const Message& message : card.messages) {
    out += entry("MSG_" + message.name, message.id | 0x18000u, 4);
    for (const Attribute& attr : message.attributes) {
      const std::uint32_t length = 4u + attr.max_bytes;
      out +=
          entry(fmt::format("ATTR_{}_{}", message.name, attr.name), attr.id | (length << 16), 4);
    }
  }
  return out;
}

std::string emit_bpftrace(const Card& card) {
  std::string out =
      generated_banner(card, "//", "Include for bpftrace: names of registers, fields of words.");
  out +=
      "// @hni_reg[bar, byte offset of element 0] is a register's name, @hni_reg_step its "
      "element\n"
      "// distance in bytes (0: no array), @hni_msg[id] a firmware message's. NAME__FIELD(word) "
      "cuts\n"
      "// a field out. Call HNI_NAMES in BEGIN, HNI_NAMES_END in END.\n\n";
  for (const Register& reg : card.registers) {
    if (!reg.dump_only) out += field_macros(reg.name, reg.fields);
  }
  for (const Layout& layout : card.layouts) out += field_macros(layout.name, layout.fields);
  out += "\n#define HNI_NAMES \\\n";
  for (const Register& reg : card.registers) {
    if (reg.dump_only) continue;
    out += fmt::format("  @hni_reg[{}, {:#x}] = \"{}\"; \\\n", reg.bar, reg.byte_offset, reg.name);
    const std::uint32_t step = reg.dims.empty() ? 0 : reg.dims.back().stride;
    if (step != 0) {
      out += fmt::format("  @hni_reg_step[{}, {:#x}] = {}; \\\n", reg.bar, reg.byte_offset, step);
    }
  }
  for (const Message& message : card.messages) {
    out += fmt::format("  @hni_msg[{:#x}] = \"{}\"; \\\n", message.id, message.name);
  }
  out += "\n#define HNI_NAMES_END clear(@hni_reg); clear(@hni_reg_step); clear(@hni_msg);\n";
  return out;
}

}  // namespace hni::speclib
