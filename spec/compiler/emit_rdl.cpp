// SPDX-License-Identifier: Apache-2.0
// The elaborated model as SystemRDL again: every type anonymous, every address, stride, bit and
// property written out. Compiling it gives the same model, which is what the round-trip test
// checks.
#include <fmt/format.h>

#include <map>
#include <set>

#include "spec/compiler/emit.hpp"
#include "spec/compiler/properties.hpp"

namespace hni::speclib {
namespace {

using rdl::Component;
using rdl::Node;
using rdl::Value;

std::string name_text(std::string_view name) {
  return (rdl::is_reserved_word(name) ? "\\" : "") + std::string(name);
}

std::string string_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// Path from the root's children down, as an expression inside the root names it.
std::string inner_path(const Node& node) {
  std::string path = name_text(node.name);
  for (const Node* at = node.parent; at != nullptr && at->parent != nullptr; at = at->parent) {
    path = name_text(at->name) + "." + path;
  }
  return path;
}

// One text of an enumerator, if it has it.
std::string member_text(const char* property, const std::string& text) {
  return text.empty() ? std::string() : fmt::format(" {} = {};", property, string_text(text));
}

class Printer {
 public:
  explicit Printer(const rdl::Compilation& compilation) : compilation_(compilation) {}
  std::string run();

 private:
  void enums();
  void properties();
  void node(const Node& node, unsigned depth);
  void node_properties(const Node& node, const std::string& indent);
  std::string value_text(const Value& value) const;
  std::string suffix(const Node& node) const;
  void references(const Node& node);

  const rdl::Compilation& compilation_;
  std::map<const rdl::EnumDef*, std::string> enum_names_;
  std::string out_;
};

void Printer::enums() {
  std::set<std::string_view> taken;
  for (const Node* root : compilation_.model.roots) taken.insert(root->name);
  unsigned number = 0;
  for (const rdl::EnumDef& def : compilation_.ast.enums) {
    std::string name = name_text(def.name);
    if (!taken.insert(def.name).second) name = fmt::format("{}_scope_{}", def.name, ++number);
    enum_names_[&def] = name;
    out_ += fmt::format("enum {} {{\n", name);
    for (std::size_t i = 0; i < def.members.size(); ++i) {
      const rdl::Enumerator& member = def.members[i];
      out_ += fmt::format("  {} = {}", name_text(member.name), def.values[i]);
      std::string texts = member_text("name", member.title) + member_text("desc", member.desc);
      if (!texts.empty()) out_ += fmt::format(" {{{} }}", texts);
      out_ += ";\n";
    }
    out_ += "};\n";
  }
}

void Printer::properties() {
  for (const rdl::PropertyInfo& info : compilation_.model.properties) {
    if (info.user == nullptr) continue;
    std::string components;
    for (std::size_t i = 0; i < rdl::kComponentCount; ++i) {
      const auto component = static_cast<Component>(i);
      if ((info.components & rdl::set_of(component)) == 0) continue;
      components += components.empty() ? "" : " | ";
      components += rdl::component_name(component);
    }
    std::string_view type = rdl::value_type_name(info.type);
    if (info.type == rdl::ValueType::kNumber) type = "longint unsigned";
    out_ += fmt::format("property {} {{ type = {}{}; component = {}; }};\n", name_text(info.name),
                        type, info.list ? "[]" : "", components);
  }
}

std::string Printer::value_text(const Value& value) const {
  switch (value.kind) {
    case Value::Kind::kBoolean:
      return value.number != 0 ? "true" : "false";
    case Value::Kind::kNumber:
      return fmt::format("{:#x}", value.number);
    case Value::Kind::kString:
      return string_text(*value.text);
    case Value::Kind::kKeyword:
      return *value.text;
    case Value::Kind::kEnum:
      return enum_names_.at(value.enumeration);
    case Value::Kind::kRef:
      return inner_path(*value.node);
    case Value::Kind::kList: {
      std::string out = "'{";
      for (std::size_t i = 0; i < value.list->size(); ++i) {
        out += (i == 0 ? "" : ", ") + value_text((*value.list)[i]);
      }
      return out + "}";
    }
    case Value::Kind::kNone:
      break;
  }
  return {};
}

bool is_reference(const rdl::PropertyInfo& info) {
  return info.type == rdl::ValueType::kRef;
}

void Printer::node_properties(const Node& node, const std::string& indent) {
  for (const rdl::Property& entry : node.properties) {
    const rdl::PropertyInfo& info = compilation_.model.properties[entry.id];
    if (is_reference(info)) continue;
    const std::string name = info.user != nullptr ? name_text(info.name) : std::string(info.name);
    out_ += fmt::format("{}{} = {};\n", indent, name, value_text(entry.value));
  }
}

std::string Printer::suffix(const Node& node) const {
  if (node.component == Component::kField) return fmt::format("[{}:{}]", node.msb, node.lsb);
  std::string out;
  for (const std::uint32_t dim : node.dims) out += fmt::format("[{}]", dim);
  out += fmt::format(" @{:#x}", node.address);
  if (!node.dims.empty()) out += fmt::format(" += {:#x}", node.stride);
  return out;
}

void Printer::node(const Node& node, unsigned depth) {
  const std::string indent(std::size_t{2} * depth, ' ');
  const bool root = node.parent == nullptr;
  out_ += fmt::format("{}{}{}{} {{\n", indent, node.external ? "external " : "",
                      rdl::component_name(node.component),
                      root ? " " + name_text(node.name) : std::string());
  node_properties(node, indent + "  ");
  for (const Node* child : node.children) this->node(*child, depth + 1);
  if (root) {
    references(node);
    out_ += "};\n";
  } else {
    out_ += fmt::format("{}}} {}{};\n", indent, name_text(node.name), suffix(node));
  }
}

// References go last in the root, where all that they may name exists.
void Printer::references(const Node& node) {
  for (const rdl::Property& entry : node.properties) {
    const rdl::PropertyInfo& info = compilation_.model.properties[entry.id];
    if (!is_reference(info) || node.parent == nullptr) continue;
    out_ += fmt::format("  {}->{} = {};\n", inner_path(node), name_text(info.name),
                        value_text(entry.value));
  }
  for (const Node* child : node.children) references(*child);
}

std::string Printer::run() {
  out_ =
      "// Printed by hni-spec from an elaborated model.\n// SPDX-License-Identifier: Apache-2.0\n";
  enums();
  properties();
  for (const Node* root : compilation_.model.roots) node(*root, 0);
  return std::move(out_);
}

}  // namespace

std::string emit_rdl(const rdl::Compilation& compilation) {
  return Printer(compilation).run();
}

}  // namespace hni::speclib
