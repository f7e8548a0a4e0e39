// SPDX-License-Identifier: Apache-2.0
// Output for other tools: field decoders for bpftrace, dictionaries for fuzzers.
#include <fmt/format.h>

#include <set>

#include "spec/compiler/emit.hpp"

namespace hni::speclib {
namespace {

// bpftrace 0.17 supports object-like macros from included headers, but neither functions nor
// statements: fields become pairs of constants, and names go into maps that a BEGIN block fills.
std::string field_constants(std::string_view owner, const std::vector<Field>& fields) {
  std::string out;
  for (const Field& field : fields) {
    out += fmt::format("#define {0}_{1}_SHIFT {2}\n#define {0}_{1}_BITS {3:#x}\n", owner,
                       field.name, field.lsb, field.mask() >> field.lsb);
  }
  return out;
}

// Formats little-endian bytes as a dictionary entry.
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

std::string emit_bpftrace_header(const Card& card) {
  std::string out = generated_banner(card, "//", "Constants for bpftrace programs and C: fields.");
  out +=
      "// (word >> NAME_FIELD_SHIFT) & NAME_FIELD_BITS cuts a field out; NAME_AT is the byte "
      "offset\n"
      "// of element 0 in its BAR, FW_NAME the number of a firmware message.\n\n";
  for (const Register& reg : card.registers) {
    if (reg.dump_only) continue;
    out += fmt::format("#define {}_AT {:#x}\n", reg.name, reg.byte_offset);
    out += field_constants(reg.name, reg.fields);
  }
  for (const Layout& layout : card.layouts) out += field_constants(layout.name, layout.fields);
  for (const Message& message : card.messages) {
    out += fmt::format("#define FW_{} {:#x}\n", message.name, message.id);
  }
  return out;
}

std::string emit_bpftrace(const Card& card) {
  std::string out = generated_banner(
      card, "//", "Names for bpftrace programs: statements for their BEGIN block.");
  out +=
      "// bpftrace 0.17 supports one BEGIN and no functions, so copy the lines that a program\n"
      "// needs: all of them take seconds to compile. @hni_msg[id] is a firmware "
      "message,\n"
      "// @hni_reg[bar, byte offset] a register, element 0 of an array. An END block clears "
      "them.\n";
  for (const Message& message : card.messages) {
    out += fmt::format("@hni_msg[{:#x}] = \"{}\";\n", message.id, message.name);
  }
  for (const Register& reg : card.registers) {
    if (reg.dump_only) continue;
    out += fmt::format("@hni_reg[{}, {:#x}] = \"{}\";\n", reg.bar, reg.byte_offset, reg.name);
  }
  return out;
}

}  // namespace hni::speclib
