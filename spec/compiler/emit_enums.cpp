// SPDX-License-Identifier: Apache-2.0
// enums.hpp and firmware.hpp.
#include <fmt/format.h>

#include "spec/compiler/emit.hpp"

namespace hni::speclib {
namespace {

std::string emit_enum(const rdl::EnumDef& def) {
  const std::string name = cpp_name(def.name);
  std::string out = fmt::format("\nenum class {} : std::uint32_t {{\n", name);
  std::string cases;
  for (std::size_t i = 0; i < def.members.size(); ++i) {
    const std::string member = cpp_name(def.members[i].name);
    out += wrapped(def.members[i].desc, "  // ");
    out += fmt::format("  {} = {},\n", member, def.values[i]);
    cases += fmt::format("    case {}::{}: return \"{}\";\n", name, member, def.members[i].name);
  }
  out += fmt::format(
      "}};\n// \"?\" for a value that the enumeration does not name.\n"
      "constexpr const char* to_string({} value) {{\n  switch (value) {{\n{}  }}\n"
      "  return \"?\";\n}}\n",
      name, cases);
  return out;
}

const char* tlv_type(std::string_view type) {
  if (type == "flag") return "TlvType::kFlag";
  if (type == "unsigned") return "TlvType::kUnsigned";
  if (type == "signed") return "TlvType::kSigned";
  if (type == "string") return "TlvType::kString";
  if (type == "binary") return "TlvType::kBinary";
  return type == "nested" ? "TlvType::kNested" : "TlvType::kArray";
}

constexpr std::string_view kFirmwareTypes = R"(
enum class TlvType : std::uint8_t { kFlag, kUnsigned, kSigned, kString, kBinary, kNested, kArray };

// One attribute of a message. max_bytes is its largest payload (a string's includes its NUL, a
// flag's is 0); element_id and max_elements belong to arrays; since_fw is the firmware version
// that introduced it, major[31:24] minor[23:16] patch[15:8] build[7:0], 0 if unknown.
struct FwAttribute {
  std::uint16_t id;
  TlvType type;
  std::uint16_t max_bytes;
  bool mandatory;
  const char* name;
  std::uint16_t element_id;
  std::uint16_t max_elements;
  std::uint32_t since_fw;
  bool known_to_linux;
};

struct FwMessageInfo {
  FwMessage id;
  const char* name;
  bool host_to_fw;
  bool fw_to_host;
  std::span<const FwAttribute> attributes;  // by rising id
  std::uint32_t since_fw;
  FwMessage response;
  bool has_response;
};
)";

constexpr std::string_view kFirmwareFunctions = R"(
// Null if no message has this number.
constexpr const FwMessageInfo* find_fw_message(std::uint16_t id) {
  for (const FwMessageInfo& info : kFwMessages) {
    if (static_cast<std::uint16_t>(info.id) == id) return &info;
  }
  return nullptr;
}
// "?" if no message has this number.
constexpr const char* fw_message_name(std::uint16_t id) {
  const FwMessageInfo* info = find_fw_message(id);
  return info == nullptr ? "?" : info->name;
}
// Null if the message has no such attribute.
constexpr const FwAttribute* find_fw_attribute(const FwMessageInfo& message, std::uint16_t id) {
  for (const FwAttribute& attribute : message.attributes) {
    if (attribute.id == id) return &attribute;
  }
  return nullptr;
}
)";

std::string attribute_table(const Message& message) {
  if (message.attributes.empty()) return {};
  std::string out =
      fmt::format("inline constexpr std::array<FwAttribute, {}> k{}Attributes = {{{{\n",
                  message.attributes.size(), message.name);
  for (const Attribute& attr : message.attributes) {
    out += fmt::format("    {{{}, {}, {}, {}, \"{}\", {}, {}, {:#x}, {}}},\n", attr.id,
                       tlv_type(attr.type), attr.max_bytes, attr.mandatory, attr.name,
                       attr.element_id, attr.max_elements, attr.since_fw, attr.known_to_linux);
  }
  return out + "}};\n";
}

std::string message_row(const Message& message) {
  const std::string name = cpp_name(message.name);
  const std::string attributes =
      message.attributes.empty() ? "{}" : fmt::format("detail::k{}Attributes", message.name);
  const std::string response =
      message.response ? fmt::format("static_cast<FwMessage>({:#x})", *message.response)
                       : fmt::format("FwMessage::{}", name);
  return fmt::format("    {{FwMessage::{}, \"{}\", {}, {}, {}, {:#x}, {}, {}}},\n", name,
                     message.name, message.host_to_fw, message.fw_to_host, attributes,
                     message.since_fw, response, message.response.has_value());
}

std::string attribute_enum(const Message& message) {
  if (message.attributes.empty()) return {};
  std::string out =
      fmt::format("namespace {} {{\nenum Attr : std::uint16_t {{\n", cpp_name(message.name));
  for (const Attribute& attr : message.attributes) {
    out += wrapped(attr.desc, "  // ");
    out += fmt::format("  {} = {},\n", cpp_name(attr.name), attr.id);
  }
  return out + fmt::format("}};\n}}  // namespace {}\n", cpp_name(message.name));
}

}  // namespace

std::string emit_enums(const Card& card) {
  std::string out = generated_banner(card, "//", "Enumerations of fields, with their names.");
  out += "#pragma once\n\n#include <cstdint>\n\nnamespace hni::spec {\n";
  for (const rdl::EnumDef* def : card.enums) out += emit_enum(*def);
  return out + "\n}  // namespace hni::spec\n";
}

std::string emit_firmware(const Card& card) {
  std::string out = generated_banner(card, "//", "The firmware's messages and their attributes.");
  out +=
      "#pragma once\n\n#include <array>\n#include <cstdint>\n#include <span>\n\n"
      "namespace hni::spec {\n\nenum class FwMessage : std::uint16_t {\n";
  for (const Message& message : card.messages) {
    std::string note(message.desc);
    if (!message.provenance.source.empty()) {
      note += fmt::format(" Source: {}.", message.provenance.source);
    }
    out += wrapped(note, "  // ");
    out += fmt::format("  {} = {:#x},\n", cpp_name(message.name), message.id);
  }
  out += "};\n";
  out += kFirmwareTypes;
  out += "\nnamespace detail {\n";
  for (const Message& message : card.messages) out += attribute_table(message);
  out += "}  // namespace detail\n\n";
  out += fmt::format("inline constexpr std::array<FwMessageInfo, {}> kFwMessages = {{{{\n",
                     card.messages.size());
  for (const Message& message : card.messages) out += message_row(message);
  out += "}};\n";
  out += kFirmwareFunctions;
  out += "\n// Attribute numbers, one namespace a message.\nnamespace fw {\n";
  for (const Message& message : card.messages) out += attribute_enum(message);
  return out + "}  // namespace fw\n\n}  // namespace hni::spec\n";
}

}  // namespace hni::speclib
