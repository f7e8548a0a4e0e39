// SPDX-License-Identifier: Apache-2.0
#include "spec/compiler/query.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "spec/compiler/action_rule.hpp"
#include "spec/compiler/emit.hpp"

namespace hni::speclib {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// Name of the enumerator that a field's value has, empty if it has none.
std::string_view enumerator(const Field& field, std::uint64_t value) {
  if (field.enumeration == nullptr) return {};
  const auto& values = field.enumeration->values;
  const auto found = std::find(values.begin(), values.end(), value);
  if (found == values.end()) return {};
  return field.enumeration->members[static_cast<std::size_t>(found - values.begin())].name;
}

std::string bits_text(const Field& field) {
  return field.msb == field.lsb ? fmt::format("[{}]", field.msb)
                                : fmt::format("[{}:{}]", field.msb, field.lsb);
}

std::string first_sentence(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\n' || c == '\t';
    if (blank && (out.empty() || out.back() == ' ')) continue;
    out += blank ? ' ' : c;
    if (out.size() > 1 && out.ends_with(". ")) break;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string decode_fields(const std::vector<Field>& fields, std::optional<std::uint64_t> value) {
  std::string out;
  std::uint64_t known = 0;
  for (const Field& field : fields) {
    known |= field.mask();
    out += fmt::format("  {:<8} {:<24}", bits_text(field), field.name);
    if (value) {
      const std::uint64_t content = (*value & field.mask()) >> field.lsb;
      const std::string_view name = enumerator(field, content);
      out += fmt::format(" {:<12}", name.empty() ? fmt::format("{:#x}", content)
                                                 : fmt::format("{:#x} {}", content, name));
    }
    out += fmt::format(" {} {}\n", field.sw, first_sentence(field.desc));
  }
  if (value && (*value & ~known) != 0) {
    out += fmt::format("  set, but in no field: {:#x}\n", *value & ~known);
  }
  return out;
}

std::string decode_hit(const Hit& hit, std::optional<std::uint64_t> value) {
  const Register& reg = *hit.reg;
  std::string out = reg.name;
  for (const std::uint32_t index : hit.indices) out += fmt::format("[{}]", index);
  out +=
      fmt::format("  BAR{} byte {:#x} word {:#x}", reg.bar, hit.byte_offset, hit.byte_offset / 4);
  if (value) out += fmt::format("  value {:#x}", *value);
  if (!reg.provenance.source.empty()) out += fmt::format("  ({})", reg.provenance.source);
  out += "\n" + wrapped(reg.desc, "  ");
  return out + decode_fields(reg.fields, value);
}

// Whether a layout's condition ("TYPE == 2 || TYPE == 3") holds for a value.
bool applies(const Layout& layout, std::uint64_t value) {
  std::string_view rest = layout.when;
  while (!rest.empty()) {
    const std::size_t joint = rest.find("||");
    std::vector<ConditionTerm> terms;
    bool all = parse_condition(rest.substr(0, joint), terms);
    for (const ConditionTerm& term : terms) {
      const auto field = std::find_if(layout.fields.begin(), layout.fields.end(),
                                      [&](const Field& f) { return f.name == term.left; });
      all = all && field != layout.fields.end() &&
            (value & field->mask()) >> field->lsb == term.value;
    }
    if (all) return true;
    rest = joint == std::string_view::npos ? std::string_view() : rest.substr(joint + 2);
  }
  return false;
}

// A layout by its name. A family's name with a value is the layout that its type field selects.
std::string decode_layouts(const Card& card, std::string_view name,
                           std::optional<std::uint64_t> value) {
  std::string out;
  for (const Layout& layout : card.layouts) {
    const bool selected = value && layout.family == name && applies(layout, *value);
    if (layout.name != name && !selected) continue;
    out += layout.name;
    if (value) out += fmt::format("  value {:#x}", *value);
    out += "\n" + wrapped(layout.desc, "  ") + decode_fields(layout.fields, value);
  }
  return out;
}

// "NAME[1][2]" as name and indices. False if the brackets are damaged.
bool split_indices(std::string_view text, std::string_view& name,
                   std::vector<std::uint32_t>& indices) {
  name = text.substr(0, text.find('['));
  text.remove_prefix(name.size());
  while (!text.empty()) {
    const std::size_t close = text.find(']');
    if (text.front() != '[' || close == std::string_view::npos) return false;
    std::uint32_t index = 0;
    const auto result = std::from_chars(text.data() + 1, text.data() + close, index);
    if (result.ec != std::errc() || result.ptr != text.data() + close) return false;
    indices.push_back(index);
    text.remove_prefix(close + 1);
  }
  return true;
}

}  // namespace

std::optional<Hit> find_address(const Card& card, unsigned bar, std::uint64_t offset) {
  for (const Register& reg : card.registers) {
    if (reg.bar != bar || offset < reg.byte_offset) continue;
    std::uint64_t rest = offset - reg.byte_offset;
    Hit hit{&reg, {}, reg.byte_offset};
    bool inside = true;
    for (const Dim& dim : reg.dims) {
      const std::uint64_t index = dim.stride == 0 ? 0 : rest / dim.stride;
      inside = inside && index < dim.count;
      rest -= index * dim.stride;
      hit.indices.push_back(static_cast<std::uint32_t>(index));
      hit.byte_offset += static_cast<std::uint32_t>(index) * dim.stride;
    }
    if (inside && rest < reg.width / 8) return hit;
  }
  return std::nullopt;
}

std::string decode_address(const Card& card, unsigned bar, std::uint64_t offset,
                           std::optional<std::uint64_t> value) {
  const auto hit = find_address(card, bar, offset);
  return hit ? decode_hit(*hit, value) : std::string();
}

std::string decode_name(const Card& card, std::string_view name,
                        std::optional<std::uint64_t> value) {
  if (name.starts_with("FBNIC_")) name.remove_prefix(6);
  std::string_view plain;
  Hit hit;
  if (!split_indices(name, plain, hit.indices)) return {};
  for (const Register& reg : card.registers) {
    const bool alias =
        std::find(reg.aliases.begin(), reg.aliases.end(), plain) != reg.aliases.end();
    if (reg.name != plain && !alias) continue;
    hit.reg = &reg;
    hit.byte_offset = reg.byte_offset;
    for (std::size_t i = 0; i < hit.indices.size(); ++i) {
      if (i >= reg.dims.size() || hit.indices[i] >= reg.dims[i].count) return {};
      hit.byte_offset += hit.indices[i] * reg.dims[i].stride;
    }
    return decode_hit(hit, value);
  }
  return hit.indices.empty() ? decode_layouts(card, plain, value) : std::string();
}

std::string find_word(const Card& card, std::string_view word) {
  const std::string wanted = lower(word);
  std::string out;
  const auto hit = [&](std::string_view name, std::string_view text) {
    return lower(name).find(wanted) != std::string::npos ||
           lower(text).find(wanted) != std::string::npos;
  };
  const auto show = [&](std::string_view kind, const std::string& name, const std::string& place,
                        std::string_view text) {
    out += fmt::format("{:<10} {:<40} {:<16} {}\n", kind, name, place, first_sentence(text));
  };
  const auto fields = [&](const std::string& owner, const std::vector<Field>& list) {
    for (const Field& field : list) {
      if (hit(owner + "_" + std::string(field.name), field.desc)) {
        show("field", owner + "." + std::string(field.name), bits_text(field), field.desc);
      }
    }
  };
  for (const Register& reg : card.registers) {
    if (hit(reg.name, reg.desc)) {
      show("register", reg.name, fmt::format("BAR{} {:#x}", reg.bar, reg.byte_offset), reg.desc);
    }
    fields(reg.name, reg.fields);
  }
  for (const Layout& layout : card.layouts) {
    if (hit(layout.name, layout.desc)) show("layout", layout.name, "", layout.desc);
    fields(layout.name, layout.fields);
  }
  for (const Message& message : card.messages) {
    if (hit(message.name, message.desc)) {
      show("message", message.name, fmt::format("{:#x}", message.id), message.desc);
    }
    for (const Attribute& attr : message.attributes) {
      if (hit(attr.name, attr.desc)) {
        show("attribute", message.name + "." + attr.name, fmt::format("{}", attr.id), attr.desc);
      }
    }
  }
  for (const rdl::EnumDef* def : card.enums) {
    for (std::size_t i = 0; i < def->members.size(); ++i) {
      const std::string name = fmt::format("{}::{}", def->name, def->members[i].name);
      if (hit(name, "")) show("enum", name, fmt::format("{}", def->values[i]), "");
    }
  }
  for (const ProtocolRule& rule : card.protocol) {
    if (hit(rule.name, rule.text)) show("action", rule.name, "", rule.text);
  }
  return out;
}

namespace {

void field_facts(const std::string& owner, const std::vector<Field>& fields,
                 std::map<std::string, std::string>& facts) {
  for (const Field& field : fields) {
    std::string text = fmt::format("{} sw={} hw={}", bits_text(field), field.sw, field.hw);
    if (!field.on_read.empty()) text += fmt::format(" onread={}", field.on_read);
    if (!field.on_write.empty()) text += fmt::format(" onwrite={}", field.on_write);
    if (field.pulse) text += " singlepulse";
    if (field.reset) text += fmt::format(" reset={:#x}", *field.reset);
    if (field.enumeration != nullptr) text += fmt::format(" values={}", field.enumeration->name);
    if (field.dump_only) text += " dump-only";
    facts["field " + owner + "." + std::string(field.name)] = text;
  }
}

void message_facts(const Message& message, std::map<std::string, std::string>& facts) {
  facts["message " + message.name] =
      fmt::format("id={:#x} host_to_fw={} fw_to_host={} since={:#x} response={}", message.id,
                  message.host_to_fw, message.fw_to_host, message.since_fw,
                  message.response ? fmt::format("{:#x}", *message.response) : "-");
  for (const Attribute& attr : message.attributes) {
    facts["attribute " + message.name + "." + attr.name] = fmt::format(
        "id={} type={} max={} mandatory={} element={} elements={} since={:#x} linux={}", attr.id,
        attr.type, attr.max_bytes, attr.mandatory, attr.element_id, attr.max_elements,
        attr.since_fw, attr.known_to_linux);
  }
}

}  // namespace

std::map<std::string, std::string> facts_of(const Card& card) {
  std::map<std::string, std::string> facts;
  for (const Register& reg : card.registers) {
    std::string text = fmt::format("BAR{} {:#x}", reg.bar, reg.byte_offset);
    for (const Dim& dim : reg.dims) text += fmt::format(" [{}]+{:#x}", dim.count, dim.stride);
    text += fmt::format(" width={}", reg.width);
    if (reg.dump_only) text += " dump-only";
    facts["register " + reg.name] = text;
    field_facts(reg.name, reg.fields, facts);
  }
  for (const Layout& layout : card.layouts) {
    facts["layout " + layout.name] =
        fmt::format("{} width={} when={}", layout.family, layout.width, layout.when);
    field_facts(layout.name, layout.fields, facts);
  }
  for (const Message& message : card.messages) message_facts(message, facts);
  for (const ActionRule& rule : card.rules) {
    facts["action " + rule.name] = fmt::format(
        "{} & {:#x} == {:#x}", card.registers[rule.condition].name, rule.mask, rule.value);
  }
  for (const ProtocolRule& rule : card.protocol) facts["protocol " + rule.name] = rule.where;
  for (const rdl::EnumDef* def : card.enums) {
    for (std::size_t i = 0; i < def->members.size(); ++i) {
      facts[fmt::format("enum {}::{}", def->name, def->members[i].name)] =
          fmt::format("{}", def->values[i]);
    }
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
