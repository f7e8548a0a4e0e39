// SPDX-License-Identifier: Apache-2.0
// registers.hpp, registers_dump_only.hpp, descriptors.hpp and proofs.hpp: every word of the card
// as a type over any word type.
#include <fmt/format.h>

#include <algorithm>

#include "spec/compiler/emit.hpp"

namespace hni::speclib {
namespace {

constexpr std::string_view kNamespaceOpen = "\nnamespace hni::spec {\n";
constexpr std::string_view kNamespaceClose = "\n}  // namespace hni::spec\n";

std::string provenance_comment(const Provenance& provenance, std::string_view prefix) {
  std::string text = "Source: ";
  text += provenance.source.empty() ? "unstated" : provenance.source;
  if (!provenance.reference.empty()) text += fmt::format(", {}", provenance.reference);
  text += '.';
  if (!provenance.interpretation.empty()) {
    text += fmt::format(" INTERPRETATION: {}", provenance.interpretation);
  }
  return wrapped(text, prefix);
}

std::string access_text(const Field& field) {
  std::string text = fmt::format("sw={} hw={}", field.sw, field.hw);
  if (!field.on_read.empty()) text += fmt::format(" onread={}", field.on_read);
  if (!field.on_write.empty()) text += fmt::format(" onwrite={}", field.on_write);
  if (field.pulse) text += " singlepulse";
  if (field.reset) text += fmt::format(" reset={:#x}", *field.reset);
  return text;
}

std::string field_comment(const Field& field) {
  std::string text = field.msb == field.lsb
                         ? fmt::format("[{}] {}.", field.msb, access_text(field))
                         : fmt::format("[{}:{}] {}.", field.msb, field.lsb, access_text(field));
  if (field.enumeration != nullptr) text += fmt::format(" Values: {}.", field.enumeration->name);
  if (!field.desc.empty()) text += fmt::format(" {}", field.desc);
  if (!field.provenance.interpretation.empty()) {
    text += fmt::format(" INTERPRETATION: {}", field.provenance.interpretation);
  }
  return wrapped(text, "  // ");
}

std::string accessors(const std::vector<Field>& fields, const std::string& type) {
  std::string out;
  for (const Field& field : fields) {
    const std::string getter = cpp_name(field.name);
    out += field_comment(field);
    out += fmt::format("  constexpr W {}() const {{ return get_field<{}, {}, Word>(raw); }}\n",
                       getter, field.msb, field.lsb);
    out += fmt::format(
        "  constexpr {0}& set_{1}(const W& v) {{\n"
        "    raw = with_field<{2}, {3}, Word>(raw, v);\n    return *this;\n  }}\n",
        type, field.name, field.msb, field.lsb);
  }
  return out;
}

std::string address_functions(const Register& reg) {
  const char* bar = reg.bar == 0 ? "Bar::kBar0" : "Bar::kBar4";
  std::string out;
  out += fmt::format("  static constexpr Bar kBar = {};\n", bar);
  out += fmt::format("  static constexpr std::uint32_t kByteOffset = {:#x};\n", reg.byte_offset);
  out +=
      fmt::format("  static constexpr std::uint32_t kWordIndex = {:#x};\n", reg.byte_offset / 4);
  out += fmt::format("  static constexpr std::uint32_t kCount = {};\n", reg.elements());
  std::string parameters;
  std::string offset = "kByteOffset";
  for (std::size_t i = 0; i < reg.dims.size(); ++i) {
    out += fmt::format("  static constexpr std::uint32_t kCount{} = {};\n", i, reg.dims[i].count);
    const char letter = static_cast<char>('i' + i);
    parameters += fmt::format("{}std::uint32_t {}", i == 0 ? "" : ", ", letter);
    offset += fmt::format(" + {:#x}u * {}", reg.dims[i].stride, letter);
  }
  out += fmt::format("  static constexpr RegAddr at({}) {{ return {{kBar, {}}}; }}\n", parameters,
                     offset);
  return out;
}

std::string class_head(const std::string& name, unsigned width, std::string_view linux_name) {
  return fmt::format(
      "template <class W>\nstruct Basic_{0} {{\n  W raw{{}};\n"
      "  using Word = std::uint{1}_t;\n  template <class V>\n  using of = Basic_{0}<V>;\n"
      "  static constexpr const char* kName = \"{2}\";\n",
      name, width, linux_name);
}

std::string masks_text(const std::vector<Field>& fields) {
  const Masks masks = masks_of(fields);
  return fmt::format(
      "  static constexpr Word kReset = {:#x};\n  static constexpr Word kReadMask = {:#x};\n"
      "  static constexpr Word kWriteMask = {:#x};\n",
      masks.reset, masks.read, masks.write);
}

// What a reader of a counter must know: where its high half is, and which bits a read clears.
std::string counter_text(const Card& card, const Register& reg) {
  std::string out;
  const auto high = std::find_if(card.registers.begin(), card.registers.end(),
                                 [&](const Register& r) { return r.name == reg.high_half; });
  if (!reg.high_half.empty() && high != card.registers.end()) {
    out += fmt::format("  static constexpr std::uint32_t kHighHalf = {:#x};  // {}\n",
                       high->byte_offset - reg.byte_offset, reg.high_half);
  }
  if (const auto clears = masks_of(reg.fields).clear_on_read; clears != 0)
    out += fmt::format("  static constexpr Word kClearOnRead = {:#x};\n", clears);
  return out;
}

std::string emit_register(const Card& card, const Register& reg) {
  const std::string name = cpp_name(reg.name);
  std::string text(reg.title);
  if (!text.empty() && !reg.desc.empty()) text += ". ";
  text += reg.desc;
  std::string out = "\n" + wrapped(text, "// ");
  if (!reg.when_text.empty()) out += wrapped(fmt::format("Writes: {}", reg.when_text), "// ");
  out += provenance_comment(reg.provenance, "// ");
  out += class_head(name, reg.width, reg.name);
  out += address_functions(reg);
  out += masks_text(reg.fields);
  out += counter_text(card, reg);
  out += accessors(reg.fields, "Basic_" + name);
  out += "  // The word with the bits that software may not write masked off.\n";
  out += "  constexpr W to_write() const { return static_cast<W>(raw & kWriteMask); }\n";
  out += "};\n";
  out += fmt::format("using {0} = Basic_{0}<std::uint{1}_t>;\n", name, reg.width);
  for (const std::string& alias : reg.aliases) {
    out += fmt::format("using {} = {};\n", cpp_name(alias), name);
  }
  return out;
}

std::string emit_layout(const Layout& layout) {
  const std::string name = cpp_name(layout.name);
  std::string text(layout.title);
  if (!text.empty() && !layout.desc.empty()) text += ". ";
  text += layout.desc;
  std::string out = "\n" + wrapped(text, "// ");
  if (!layout.when.empty()) {
    out += wrapped(fmt::format("Applies when {}.", layout.when), "// ");
  }
  out += provenance_comment(layout.provenance, "// ");
  out += class_head(name, layout.width, layout.name);
  out += accessors(layout.fields, "Basic_" + name);
  out += "};\n";
  out += fmt::format("using {0} = Basic_{0}<std::uint{1}_t>;\n", name, layout.width);
  return out;
}

}  // namespace

std::string emit_registers(const Card& card, RegisterSet set) {
  const bool dump_only = set == RegisterSet::kDumpOnly;
  std::string out = generated_banner(
      card, "//",
      dump_only ? "Registers known by name, index and bits from the dump decoder only."
                : "Every register whose behaviour a source states, as a type.");
  out += "#pragma once\n\n#include <cstdint>\n\n#include \"openhni/spec/word.hpp\"\n";
  out += kNamespaceOpen;
  constexpr std::size_t kUsualBytes = 1280;  // avoids copying the text of a large map as it grows
  out.reserve(out.size() + card.registers.size() * kUsualBytes);
  for (const Register& reg : card.registers) {
    if (reg.dump_only == dump_only) out += emit_register(card, reg);
  }
  out += kNamespaceClose;
  return out;
}

std::string emit_descriptors(const Card& card) {
  std::string out = generated_banner(
      card, "//", "Layouts of descriptors and of TCAM words, over any word type.");
  out += "#pragma once\n\n#include <cstdint>\n\n#include \"openhni/spec/word.hpp\"\n";
  out += kNamespaceOpen;
  for (const Layout& layout : card.layouts) out += emit_layout(layout);
  out += kNamespaceClose;
  return out;
}

std::string emit_proofs(const Card& card) {
  std::string out = generated_banner(
      card, "//", "Visitors over layouts and their fields: one obligation for all of them.");
  out +=
      "#pragma once\n\n#include <cstdint>\n\n#include \"openhni/spec/descriptors.hpp\"\n"
      "#include \"openhni/spec/registers.hpp\"\n";
  out += kNamespaceOpen;
  out +=
      "\n// visit_fields_of(layout, f) calls f(name, msb, lsb, get, set) for each field: "
      "get(const "
      "L&)\n// returns W, set(L&, const W&) stores it. visit_layouts_64<W>(f) and _32 call\n"
      "// f.template operator()<Layout over W>(name) for every layout and register of that "
      "width.\n";
  std::string table32;
  std::string table64;
  const auto add = [&](const std::string& name, unsigned width, const std::vector<Field>& fields) {
    out += fmt::format(
        "\ntemplate <class W, class F>\nconstexpr void visit_fields_of(const Basic_{}<W>&, F&& f) "
        "{{\n  using L = Basic_{}<W>;\n  using U = W;\n",
        name, name);
    if (fields.empty()) out += "  static_cast<void>(f);\n";
    for (const Field& field : fields) {
      out += fmt::format(
          "  f(\"{0}\", {1}u, {2}u, [](const L& l) -> U {{ return l.{3}(); }},\n"
          "    [](L& l, const U& v) {{ l.set_{0}(v); }});\n",
          field.name, field.msb, field.lsb, cpp_name(field.name));
    }
    out += "}\n";
    (width == 64 ? table64 : table32) +=
        fmt::format("  f.template operator()<Basic_{}<W>>(\"{}\");\n", name, name);
  };
  for (const Layout& layout : card.layouts) {
    add(cpp_name(layout.name), layout.width, layout.fields);
  }
  for (const Register& reg : card.registers) {
    if (!reg.dump_only) add(cpp_name(reg.name), reg.width, reg.fields);
  }
  out += "\ntemplate <class W, class F>\nconstexpr void visit_layouts_64(F&& f) {\n" + table64;
  out += "}\n\ntemplate <class W, class F>\nconstexpr void visit_layouts_32(F&& f) {\n" + table32;
  out += "}\n";
  out += kNamespaceClose;
  return out;
}

}  // namespace hni::speclib
