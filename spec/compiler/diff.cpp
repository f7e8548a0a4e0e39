// SPDX-License-Identifier: Apache-2.0
// Reports the changes in meaning between two maps.
#include <fmt/format.h>

#include <algorithm>

#include "spec/compiler/properties.hpp"
#include "spec/compiler/query.hpp"
#include "spec/compiler/value_text.hpp"

namespace hni::speclib {
namespace {

using Facts = std::map<std::string, std::string>;

// Two objects with the same name are two facts.
void add(Facts& facts, const std::string& key, std::string text) {
  std::string name = key;
  for (unsigned i = 2; facts.contains(name); ++i) name = fmt::format("{} ({})", key, i);
  facts[name] = std::move(text);
}

void field_facts(const std::string& owner, const std::vector<Field>& fields, Facts& facts) {
  for (const Field& field : fields) {
    std::string text = fmt::format("{} sw={} hw={}", bits_text(field), field.sw, field.hw);
    if (field.msb0) text += " msb0";
    if (!field.on_read.empty()) text += fmt::format(" onread={}", field.on_read);
    if (!field.on_write.empty()) text += fmt::format(" onwrite={}", field.on_write);
    if (field.pulse) text += " singlepulse";
    if (field.reset) {
      text += fmt::format(" reset={:#x}", *field.reset);
    } else if (!field.reset_text.empty()) {
      text += fmt::format(" reset={}", field.reset_text);
    }
    if (field.enumeration != nullptr) text += fmt::format(" values={}", field.enumeration->name);
    if (field.dump_only) text += " dump-only";
    add(facts, "field " + owner + "." + std::string(field.name), text);
  }
}

void message_facts(const Message& message, Facts& facts) {
  add(facts, "message " + message.name,
      fmt::format("id={:#x} host_to_fw={} fw_to_host={} since={:#x} response={}", message.id,
                  message.host_to_fw, message.fw_to_host, message.since_fw,
                  message.response ? fmt::format("{:#x}", *message.response) : "-"));
  for (const Attribute& attr : message.attributes) {
    add(facts, "attribute " + message.name + "." + attr.name,
        fmt::format(
            "id={} type={} max={} mandatory={} element={} elements={} since={:#x} linux={}",
            attr.id, attr.type, attr.max_bytes, attr.mandatory, attr.element_id, attr.max_elements,
            attr.since_fw, attr.known_to_linux));
  }
}

// Properties that the facts above already state.
bool is_stated(std::uint16_t id) {
  static constexpr rdl::Prop kStated[] = {
      rdl::kPropSw,     rdl::kPropHw,      rdl::kPropOnRead,      rdl::kPropReset,
      rdl::kPropEncode, rdl::kPropOnWrite, rdl::kPropSinglePulse, rdl::kPropRegWidth};
  return std::find(std::begin(kStated), std::end(kStated), id) != std::end(kStated);
}

std::string instance_text(const rdl::Node& node) {
  std::string text;
  if (node.parent != nullptr) text = fmt::format("{:#x}", rdl::absolute_address(node));
  for (const std::uint32_t dim : node.dims) text += fmt::format(" [{}]", dim);
  if (!node.dims.empty()) text += fmt::format("+{:#x}", node.stride);
  if (node.external()) text += " external";
  return text.empty() ? "-" : text;
}

void node_facts(const rdl::Model& model, const rdl::Node& node, const std::string& path,
                Facts& facts) {
  const bool group = node.component == rdl::Component::kAddrmap ||
                     node.component == rdl::Component::kRegfile ||
                     node.component == rdl::Component::kMem;
  if (group || node.external()) {
    add(facts, fmt::format("{} {}", rdl::component_name(node.component), path),
        instance_text(node));
  }
  if (node.alias_of != nullptr) {
    add(facts, "alias " + path, std::string(node.alias_of->name));
  }
  for (const rdl::Property& entry : node.properties) {
    if (is_stated(entry.id) && !(entry.id == rdl::kPropSw && group)) continue;
    add(facts, fmt::format("property {}.{}", path, model.properties[entry.id].name),
        value_text(entry.value));
  }
  for (const rdl::Node* signal : node.signals) {
    const std::string name = path + "." + std::string(signal->name);
    add(facts, "signal " + name, fmt::format("{} bits", signal->size));
    node_facts(model, *signal, name, facts);
  }
  for (const rdl::Node* child : node.children) {
    node_facts(model, *child, path + "." + std::string(child->name), facts);
  }
}

void register_facts(const Card& card, Facts& facts) {
  for (const Register& reg : card.registers) {
    const std::string name =
        card.plain ? fmt::format("{}.{}", space_name(card, reg.bar), reg.path) : reg.name;
    std::string text = card.plain ? fmt::format("{:#x}", reg.byte_offset)
                                  : fmt::format("BAR{} {:#x}", reg.bar, reg.byte_offset);
    for (const Dim& dim : reg.dims) text += fmt::format(" [{}]+{:#x}", dim.count, dim.stride);
    text += fmt::format(" width={}", reg.width);
    if (reg.dump_only) text += " dump-only";
    add(facts, "register " + name, text);
    field_facts(name, reg.fields, facts);
  }
}

}  // namespace

std::map<std::string, std::string> facts_of(const Card& card) {
  Facts facts;
  register_facts(card, facts);
  for (const Layout& layout : card.layouts) {
    add(facts, "layout " + layout.name,
        fmt::format("{} width={} when={}", layout.family, layout.width, layout.when));
    field_facts(layout.name, layout.fields, facts);
  }
  for (const Message& message : card.messages) message_facts(message, facts);
  for (const ActionRule& rule : card.rules) {
    add(facts, "action " + rule.name,
        fmt::format("{} & {:#x} == {:#x}", card.registers[rule.condition].name, rule.mask,
                    rule.value));
  }
  for (const ProtocolRule& rule : card.protocol) add(facts, "protocol " + rule.name, rule.where);
  for (const rdl::EnumDef* def : card.enums) {
    for (std::size_t i = 0; i < def->members.size(); ++i) {
      add(facts, fmt::format("enum {}::{}", def->name, def->members[i].name),
          fmt::format("{}", def->values[i]));
      for (const auto& [kind, text] :
           {std::pair{"name", &def->members[i].title}, std::pair{"desc", &def->members[i].desc}}) {
        if (text->empty()) continue;
        add(facts, fmt::format("property {}::{}.{}", def->name, def->members[i].name, kind),
            one_line(*text));
      }
    }
  }
  const rdl::Model& model = card.compilation->model;
  for (const rdl::Node* root : model.roots) {
    node_facts(model, *root, std::string(root->name), facts);
  }
  for (const rdl::Node* signal : model.root_signals) {
    add(facts, "signal " + std::string(signal->name), fmt::format("{} bits", signal->size));
    node_facts(model, *signal, std::string(signal->name), facts);
  }
  return facts;
}

std::string diff(const Card& before, const Card& after) {
  const auto old_facts = facts_of(before);
  const auto new_facts = facts_of(after);
  std::string out;
  for (const auto& [key, value] : old_facts) {
    const auto found = new_facts.find(key);
    if (found == new_facts.end()) {
      out += fmt::format("- {}: {}\n", key, value);
    } else if (found->second != value) {
      out += fmt::format("~ {}: {} -> {}\n", key, value, found->second);
    }
  }
  for (const auto& [key, value] : new_facts) {
    if (!old_facts.contains(key)) out += fmt::format("+ {}: {}\n", key, value);
  }
  return out;
}

}  // namespace hni::speclib
