// SPDX-License-Identifier: Apache-2.0
// `hni spec json`. The schema is documented in spec/README.md; numbers are JSON numbers, unknown
// properties are absent keys.
#include <nlohmann/json.hpp>

#include "spec/compiler/emit.hpp"
#include "spec/compiler/properties.hpp"
#include "spec/compiler/value_text.hpp"

namespace hni::speclib {
namespace {

using Json = nlohmann::ordered_json;
using rdl::Node;
using rdl::Value;

void put_text(Json& json, const char* key, std::string_view text) {
  if (!text.empty()) json[key] = one_line(text);
}

void put_provenance(Json& json, const Provenance& provenance) {
  put_text(json, "source", provenance.source);
  put_text(json, "reference", provenance.reference);
  put_text(json, "interpretation", provenance.interpretation);
}

Json fields_json(std::string_view owner, const std::vector<Field>& fields) {
  Json list = Json::array();
  for (const Field& field : fields) {
    Json json = {{"name", field.name}, {"linux_name", field.linux_name(owner)},
                 {"msb", field.msb},   {"lsb", field.lsb},
                 {"sw", field.sw},     {"hw", field.hw}};
    put_text(json, "onread", field.on_read);
    put_text(json, "onwrite", field.on_write);
    if (field.pulse) json["singlepulse"] = true;
    if (field.reset) {
      json["reset"] = *field.reset;
    } else {
      put_text(json, "reset", field.reset_text);  // wider than 64 bits, or a reference
    }
    if (field.msb0) json["bit_order"] = "msb0";
    if (field.enumeration != nullptr) json["enum"] = field.enumeration->name;
    if (field.dump_only) json["known_only_by_name"] = true;
    put_text(json, "description", field.desc);
    put_provenance(json, field.provenance);
    list.push_back(std::move(json));
  }
  return list;
}

Json masks_json(const std::vector<NamedMask>& masks) {
  Json list = Json::array();
  for (const NamedMask& mask : masks) {
    list.push_back({{"name", mask.name}, {"msb", mask.msb}, {"lsb", mask.lsb}});
  }
  return list;
}

Json register_json(const Card& card, const Register& reg) {
  Json json = {{"name", reg.name}, {"path", rdl::path_of(*reg.node)}};
  if (!card.plain) json["bar"] = reg.bar;
  json["space"] = space_name(card, reg.bar);
  json["byte_offset"] = reg.byte_offset;
  json["word_index"] = reg.byte_offset / 4;
  json["width"] = reg.width;
  json["dims"] = Json::array();
  if (reg.width <= 64) {
    const Masks masks = masks_of(reg.fields);
    json["reset"] = masks.reset;
    json["read_mask"] = masks.read;
    json["write_mask"] = masks.write;
  }
  json["known_only_by_name"] = reg.dump_only;
  if (!reg.masks.empty()) json["linux_masks"] = masks_json(reg.masks);
  for (const Dim& dim : reg.dims) {
    json["dims"].push_back({{"count", dim.count}, {"stride_bytes", dim.stride}});
  }
  if (!reg.aliases.empty()) json["aliases"] = reg.aliases;
  put_text(json, "title", reg.title);
  put_text(json, "description", reg.desc);
  put_provenance(json, reg.provenance);
  json["fields"] = fields_json(reg.name, reg.fields);
  return json;
}

Json layout_json(const Layout& layout) {
  Json json = {{"name", layout.name}, {"family", layout.family}, {"width", layout.width}};
  put_text(json, "when", layout.when);
  put_text(json, "description", layout.desc);
  put_provenance(json, layout.provenance);
  if (!layout.masks.empty()) json["linux_masks"] = masks_json(layout.masks);
  json["fields"] = fields_json(layout.name, layout.fields);
  return json;
}

Json attribute_json(const Attribute& attr) {
  Json json = {{"id", attr.id},
               {"name", attr.name},
               {"type", attr.type},
               {"max_bytes", attr.max_bytes},
               {"mandatory", attr.mandatory},
               {"known_to_linux", attr.known_to_linux}};
  if (attr.type == "array") {
    json["element_id"] = attr.element_id;
    json["max_elements"] = attr.max_elements;
  }
  if (attr.since_fw != 0) json["since_fw"] = attr.since_fw;
  put_text(json, "description", attr.desc);
  put_provenance(json, attr.provenance);
  return json;
}

Json message_json(const Message& message) {
  Json json = {{"id", message.id},
               {"name", message.name},
               {"host_to_fw", message.host_to_fw},
               {"fw_to_host", message.fw_to_host}};
  if (message.response) json["response"] = *message.response;
  if (message.since_fw != 0) json["since_fw"] = message.since_fw;
  put_text(json, "description", message.desc);
  put_provenance(json, message.provenance);
  json["attributes"] = Json::array();
  for (const Attribute& attr : message.attributes) {
    json["attributes"].push_back(attribute_json(attr));
  }
  return json;
}

Json value_json(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kBoolean:
      return value.number != 0;
    case Value::Kind::kNumber:
      // JSON parsers support 64 bits at most.
      if (!value.bits().fits64()) return value.hex();
      return value.number;
    case Value::Kind::kEnumerator:
      return value.number;
    case Value::Kind::kString:
      return one_line(*value.text);
    case Value::Kind::kKeyword:
      return *value.text;
    case Value::Kind::kEncoding:
      return value.enumeration->name;
    case Value::Kind::kRef:
      return rdl::reference_text(*value.reference);
    case Value::Kind::kStruct: {
      Json json = Json::object();
      for (std::size_t i = 0; i < value.structure->members.size(); ++i) {
        json[std::string(value.structure->definition->members[i].name)] =
            value_json(value.structure->members[i]);
      }
      return json;
    }
    case Value::Kind::kList: {
      Json list = Json::array();
      for (const Value& item : *value.list) list.push_back(value_json(item));
      return list;
    }
    case Value::Kind::kNone:
      break;
  }
  return nullptr;
}

// The node without its children.
Json node_json(const rdl::Model& model, const Node& node) {
  Json json = {{"kind", rdl::component_name(node.component)}, {"name", node.name}};
  if (node.component == rdl::Component::kField) {
    json["msb"] = node.msb;
    json["lsb"] = node.lsb;
    if (node.msb0) json["bit_order"] = "msb0";
  } else {
    json["address"] = node.parent == nullptr ? 0 : node.address;
    json["size"] = node.size;
    if (!node.dims.empty()) {
      json["dims"] = node.dims;
      json["stride"] = node.stride;
    }
    if (node.external()) json["external"] = true;
  }
  for (const rdl::Property& entry : node.properties) {
    const bool mask = node.component == rdl::Component::kField ||
                      (entry.id != rdl::kPropDontTest && entry.id != rdl::kPropDontCompare);
    json["properties"][std::string(model.properties[entry.id].name)] =
        mask ? value_json(entry.value) : Json(entry.value.is_true());
  }
  for (const Node* signal : node.signals) {
    json["signals"].push_back({{"name", signal->name}, {"width", signal->size}});
  }
  if (node.alias_of != nullptr) json["alias_of"] = node.alias_of->name;
  return json;
}

Json enum_json(const rdl::EnumDef& def) {
  Json json = {{"name", def.name}, {"members", Json::array()}};
  for (std::size_t i = 0; i < def.members.size(); ++i) {
    Json member = {{"name", def.members[i].name}, {"value", def.values[i]}};
    put_text(member, "title", def.members[i].title);
    put_text(member, "description", def.members[i].desc);
    json["members"].push_back(std::move(member));
  }
  return json;
}

// Writes the document in pieces: the objects of a large map would take several times the memory of
// the text.
class Writer {
 public:
  // Adds one value on the present level, after a comma where one is needed.
  void add(const Json& json) { start(), put(json); }
  void add(const char* key, const Json& json) { start(), name(key), put(json); }
  void open(const char* key) { start(), name(key), enter('['); }
  void open_object() { start(), enter('{'); }
  void close(char bracket);
  // Adds a node with everything below it.
  void tree(const rdl::Model& model, const Node& node);
  std::string take() { return std::move(out_); }

 private:
  void start();
  void name(const char* key) { out_ += '"' + std::string(key) + "\": "; }
  void enter(char bracket) { out_ += bracket, first_ = true, ++depth_; }
  void put(const Json& json);
  void new_line() { out_ += '\n', out_.append(depth_, ' '); }

  std::size_t depth_ = 0;
  bool first_ = true;
  std::string out_;
};

void Writer::start() {
  if (!first_) out_ += ',';
  if (depth_ > 0) new_line();
  first_ = false;
}

void Writer::put(const Json& json) {
  // Line ends inside of strings are escaped, so that each one here begins a line of the document.
  const std::string text = json.dump(1, ' ', false, Json::error_handler_t::replace);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (at > 0) new_line();
    out_.append(text, at, end - at);
    at = end + 1;
  }
}

void Writer::close(char bracket) {
  --depth_;
  if (!first_) new_line();
  out_ += bracket;
  first_ = false;
}

void Writer::tree(const rdl::Model& model, const Node& node) {
  open_object();
  const Json own = node_json(model, node);
  for (const auto& [key, value] : own.items()) add(key.c_str(), value);
  if (!node.children.empty()) {
    open("children");
    for (const Node* child : node.children) tree(model, *child);
    close(']');
  }
  close('}');
}

Json memory_json(const Card& card, const Memory& memory) {
  Json json = {{"name", memory.name},
               {"path", rdl::path_of(*memory.node)},
               {"space", space_name(card, memory.space)},
               {"byte_offset", memory.byte_offset},
               {"entries", memory.entries},
               {"width", memory.width}};
  put_text(json, "description", memory.desc);
  return json;
}

Json rule_json(const Card& card, const ActionRule& rule) {
  return {{"register", card.registers[rule.target].name},
          {"text", one_line(rule.text)},
          {"condition_register", card.registers[rule.condition].name},
          {"mask", rule.mask},
          {"value", rule.value}};
}

}  // namespace

std::string emit_json(const Card& card) {
  Writer out;
  const auto list = [&](const char* key, const auto& items, auto&& json) {
    out.open(key);
    for (const auto& item : items) out.add(json(item));
    out.close(']');
  };
  out.open_object();
  out.add("schema", 1);
  out.add("name", card.name);
  list("spaces", card.spaces, [](const Space& space) { return Json(space.name); });
  list("registers", card.registers, [&](const Register& reg) { return register_json(card, reg); });
  list("memories", card.memories, [&](const Memory& one) { return memory_json(card, one); });
  list("descriptors", card.layouts, layout_json);
  list("enums", card.enums, [](const rdl::EnumDef* def) { return enum_json(*def); });
  list("messages", card.messages, message_json);
  list("actions", card.rules, [&](const ActionRule& rule) { return rule_json(card, rule); });
  list("protocol", card.protocol, [](const ProtocolRule& rule) {
    return Json{{"name", rule.name}, {"text", one_line(rule.text)}, {"stated_by", rule.where}};
  });
  out.open("tree");
  const rdl::Model& model = card.compilation->model;
  for (const Node* root : model.roots) out.tree(model, *root);
  out.close(']');
  out.close('}');
  return out.take() + "\n";
}

}  // namespace hni::speclib
