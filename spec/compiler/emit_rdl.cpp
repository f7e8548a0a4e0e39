// SPDX-License-Identifier: Apache-2.0
// Writes the elaborated model as SystemRDL: every type is anonymous, every address, stride, bit
// and property is written out. Compiling it yields the same model, which the round-trip test
// checks.
#include <fmt/format.h>

#include <algorithm>
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

// Returns one text of an enumerator, if present.
std::string member_text(const char* property, const std::string& text) {
  return text.empty() ? std::string() : fmt::format(" {} = {};", property, string_text(text));
}

// Returns the first object that a property refers to, or null.
const rdl::Reference* first_reference(const Value& value) {
  if (value.kind == Value::Kind::kRef) return value.reference;
  const std::vector<Value>* items = nullptr;
  if (value.kind == Value::Kind::kList) items = value.list;
  if (value.kind == Value::Kind::kStruct) items = &value.structure->members;
  if (items == nullptr) return nullptr;
  for (const Value& item : *items) {
    if (const rdl::Reference* found = first_reference(item)) return found;
  }
  return nullptr;
}

// Returns the path of an instance inside `owner`, as an expression in the owner names it.
std::string path_below(const Node& node, const Node& owner) {
  std::string path;
  for (const Node* at = &node; at != &owner; at = at->parent) {
    path = name_text(at->name) + (path.empty() ? "" : ".") + path;
  }
  return path;
}

std::string reference_path(const rdl::Reference& reference) {
  std::string out;
  for (const rdl::Reference::Step& step : reference.path) {
    out += (out.empty() ? "" : ".") + name_text(step.name);
    for (const std::uint64_t index : step.indices) out += fmt::format("[{}]", index);
  }
  if (!reference.property.empty()) out += "->" + std::string(reference.property);
  return out;
}

class Printer {
 public:
  explicit Printer(const rdl::Compilation& compilation) : compilation_(compilation) {}
  std::string run();

 private:
  void enums();
  void structs();
  void properties();
  void collect(const Node& node);
  void node(const Node& node, unsigned depth);
  void body(const Node& node, unsigned depth);
  void alias(const Node& node, unsigned depth);
  void signals(const std::vector<Node*>& list, const std::string& indent);
  void node_properties(const Node& node, const std::string& indent);
  void references(const Node& node, const std::string& indent);
  std::string type_text(const rdl::Type& type) const;
  std::string value_text(const Value& value) const;
  std::string suffix(const Node& node) const;

  struct Referring {
    const Node* node;
    const rdl::Property* property;
  };
  const rdl::Compilation& compilation_;
  std::map<const rdl::EnumDef*, std::string> enum_names_;
  std::map<const rdl::StructDef*, std::string> struct_names_;
  std::set<std::string, std::less<>> taken_;
  // grouped by the owner of the reference
  std::map<const Node*, std::vector<Referring>> referring_;
  unsigned aliases_ = 0;
  std::string out_;
};

void Printer::enums() {
  for (const Node* root : compilation_.model.roots) taken_.emplace(root->name);
  unsigned number = 0;
  for (const rdl::EnumDef& def : compilation_.ast.enums) {
    std::string name = name_text(def.name);
    if (!taken_.emplace(def.name).second) name = fmt::format("{}_scope_{}", def.name, ++number);
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

void Printer::structs() {
  unsigned number = 0;
  for (const rdl::StructDef& def : compilation_.ast.structs) {
    std::string name = name_text(def.name);
    if (!taken_.emplace(def.name).second) name = fmt::format("{}_struct_{}", def.name, ++number);
    struct_names_[&def] = name;
    out_ += fmt::format("{}struct {}", def.abstract ? "abstract " : "", name);
    const std::size_t inherited = def.base == nullptr ? 0 : def.base->members.size();
    if (def.base != nullptr) out_ += " : " + struct_names_.at(def.base);
    out_ += " {\n";
    for (std::size_t i = inherited; i < def.members.size(); ++i) {
      out_ += fmt::format("  {} {}{};\n", type_text(def.members[i].type),
                          name_text(def.members[i].name), def.members[i].type.list ? "[]" : "");
    }
    out_ += "};\n";
  }
}

std::string Printer::type_text(const rdl::Type& type) const {
  switch (type.kind) {
    case rdl::ValueType::kNumber:
      return "longint unsigned";
    case rdl::ValueType::kEnum:
      return enum_names_.at(type.enumeration);
    case rdl::ValueType::kStruct:
      return struct_names_.at(type.structure);
    case rdl::ValueType::kRef:
      return "ref";
    case rdl::ValueType::kAccess:
      return "accesstype";
    case rdl::ValueType::kOnRead:
      return "onreadtype";
    case rdl::ValueType::kOnWrite:
      return "onwritetype";
    case rdl::ValueType::kAddressing:
      return "addressingtype";
    default: {
      rdl::Type plain = type;
      plain.list = false;
      return rdl::type_name(plain);
    }
  }
}

void Printer::properties() {
  for (const rdl::PropertyInfo& info : compilation_.model.properties) {
    if (!info.user) continue;
    std::string components;
    for (std::size_t i = 0; i < rdl::kComponentCount; ++i) {
      const auto component = static_cast<Component>(i);
      if ((info.components & rdl::set_of(component)) == 0) continue;
      components += components.empty() ? "" : " | ";
      components += rdl::component_name(component);
    }
    out_ += fmt::format("property {} {{ type = {}{}; component = {};{} }};\n",
                        name_text(info.name), type_text(info.type), info.type.list ? "[]" : "",
                        components, info.component_width ? " constraint = componentwidth;" : "");
  }
}

std::string Printer::value_text(const Value& value) const {
  const auto list = [&](const std::vector<Value>& items, auto name) {
    std::string out = "'{";
    for (std::size_t i = 0; i < items.size(); ++i) {
      out += (i == 0 ? "" : ", ") + name(i) + value_text(items[i]);
    }
    return out + "}";
  };
  switch (value.kind) {
    case Value::Kind::kBoolean:
      return value.number != 0 ? "true" : "false";
    case Value::Kind::kNumber:
      if (value.bits().fits64()) return fmt::format("{:#x}", value.number);
      return fmt::format("{}'h{}", value.bits().length(), value.hex().substr(2));
    case Value::Kind::kString:
      return string_text(*value.text);
    case Value::Kind::kKeyword:
      return *value.text;
    case Value::Kind::kEncoding:
      return enum_names_.at(value.enumeration);
    case Value::Kind::kEnumerator: {
      const auto& values = value.enumeration->values;
      const auto at = std::find(values.begin(), values.end(), value.number) - values.begin();
      return enum_names_.at(value.enumeration) +
             "::" + name_text(value.enumeration->members[static_cast<std::size_t>(at)].name);
    }
    case Value::Kind::kRef:
      return reference_path(*value.reference);
    case Value::Kind::kList:
      return list(*value.list, [](std::size_t) { return std::string(); });
    case Value::Kind::kStruct: {
      const rdl::StructDef& def = *value.structure->definition;
      return struct_names_.at(&def) + list(value.structure->members, [&](std::size_t i) {
               return name_text(def.members[i].name) + ": ";
             });
    }
    case Value::Kind::kNone:
      break;
  }
  return {};
}

void Printer::node_properties(const Node& node, const std::string& indent) {
  if (const Value* edge = rdl::property(node, rdl::kPropIntrType)) {
    out_ += fmt::format("{}{} intr;\n", indent, *edge->text);
  }
  for (const rdl::Property& entry : node.properties) {
    const rdl::PropertyInfo& info = compilation_.model.properties[entry.id];
    const rdl::Reference* reference = first_reference(entry.value);
    if (entry.id == rdl::kPropIntrType) continue;
    if (reference != nullptr && reference->owner != nullptr) continue;
    const std::string name = info.user ? name_text(info.name) : std::string(info.name);
    if (entry.value.kind == Value::Kind::kNone) {
      out_ += fmt::format("{}{};\n", indent, name);
    } else {
      out_ += fmt::format("{}{} = {};\n", indent, name, value_text(entry.value));
    }
  }
}

std::string Printer::suffix(const Node& node) const {
  if (node.component == Component::kField) {
    return node.msb0 ? fmt::format("[{}:{}]", node.lsb, node.msb)
                     : fmt::format("[{}:{}]", node.msb, node.lsb);
  }
  std::string out;
  for (const std::uint32_t dim : node.dims) out += fmt::format("[{}]", dim);
  out += fmt::format(" @{:#x}", node.address);
  if (!node.dims.empty()) out += fmt::format(" += {:#x}", node.stride);
  return out;
}

void Printer::signals(const std::vector<Node*>& list, const std::string& indent) {
  for (const Node* signal : list) {
    out_ += fmt::format("{}signal {{\n", indent);
    node_properties(*signal, indent + "  ");
    out_ += fmt::format("{}}} {}[{}];\n", indent, name_text(signal->name), signal->size);
  }
}

void Printer::body(const Node& node, unsigned depth) {
  const std::string indent(std::size_t{2} * depth, ' ');
  out_ += "{\n";
  node_properties(node, indent + "  ");
  signals(node.signals, indent + "  ");
  // Absent components occupy space, so they are printed in their position.
  std::vector<const Node*> all(node.children.begin(), node.children.end());
  all.insert(all.end(), node.absent.begin(), node.absent.end());
  for (const Node* child : all) this->node(*child, depth + 1);
  references(node, indent + "  ");
  out_ += indent + "}";
}

// An alias cannot be anonymous.
void Printer::alias(const Node& node, unsigned depth) {
  const std::string indent(std::size_t{2} * depth, ' ');
  const std::string type = fmt::format("alias_type_{}", ++aliases_);
  out_ += fmt::format("{}reg {} ", indent, type);
  body(node, depth);
  out_ += ";\n";
  out_ += fmt::format("{}{}alias {} {} {}{};\n", indent, node.external() ? "external " : "",
                      name_text(node.alias_of->name), type, name_text(node.name), suffix(node));
}

void Printer::node(const Node& node, unsigned depth) {
  if (node.alias_of != nullptr) return alias(node, depth);
  const std::string indent(std::size_t{2} * depth, ' ');
  const bool root = node.parent == nullptr;
  const char* type = node.external() ? "external " : "";
  if (node.instance_type == rdl::InstanceType::kInternal) type = "internal ";
  out_ += fmt::format("{}{}{} {}", indent, type, rdl::component_name(node.component),
                      root ? name_text(node.name) + " " : std::string());
  body(node, depth);
  out_ += root ? ";\n" : fmt::format(" {}{};\n", name_text(node.name), suffix(node));
}

void Printer::collect(const Node& node) {
  for (const rdl::Property& entry : node.properties) {
    const rdl::Reference* reference = first_reference(entry.value);
    if (reference == nullptr || reference->owner == nullptr) continue;
    referring_[reference->owner].push_back({&node, &entry});
  }
  for (const auto* list : {&node.children, &node.signals}) {
    for (const Node* child : *list) collect(*child);
  }
}

// References are written last in the component that they are relative to, where all their targets
// exist.
void Printer::references(const Node& node, const std::string& indent) {
  const auto found = referring_.find(&node);
  if (found == referring_.end()) return;
  for (const Referring& entry : found->second) {
    const rdl::PropertyInfo& info = compilation_.model.properties[entry.property->id];
    const std::string name = info.user ? name_text(info.name) : std::string(info.name);
    const std::string target =
        entry.node == &node ? std::string() : path_below(*entry.node, node) + "->";
    out_ += fmt::format("{}{}{} = {};\n", indent, target, name, value_text(entry.property->value));
  }
}

std::string Printer::run() {
  out_ =
      "// Printed by hni-spec from an elaborated model.\n// SPDX-License-Identifier: Apache-2.0\n";
  enums();
  structs();
  properties();
  for (const Node* root : compilation_.model.roots) collect(*root);
  signals(compilation_.model.root_signals, "");
  for (const Node* root : compilation_.model.roots) node(*root, 0);
  return std::move(out_);
}

}  // namespace

std::string emit_rdl(const rdl::Compilation& compilation) {
  return Printer(compilation).run();
}

}  // namespace hni::speclib
