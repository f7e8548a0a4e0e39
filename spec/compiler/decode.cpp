// SPDX-License-Identifier: Apache-2.0
// Decodes addresses, names and values.
#include <fmt/format.h>

#include <algorithm>

#include "spec/compiler/action_rule.hpp"
#include "spec/compiler/emit.hpp"
#include "spec/compiler/query.hpp"

namespace hni::speclib {
namespace {

// Returns the enumerator of a field's value, empty if it has none.
std::string_view enumerator(const Field& field, std::uint64_t value) {
  if (field.enumeration == nullptr) return {};
  const auto& values = field.enumeration->values;
  const auto found = std::find(values.begin(), values.end(), value);
  if (found == values.end()) return {};
  return field.enumeration->members[static_cast<std::size_t>(found - values.begin())].name;
}

std::string field_line(const Field& field, std::optional<std::uint64_t> value) {
  std::string out = fmt::format("  {:<8} {:<24}", bits_text(field), field.name);
  if (value && field.lsb < 64) {
    const std::uint64_t content = (*value & field.mask()) >> field.lsb;
    const std::string_view name = enumerator(field, content);
    out += fmt::format(" {:<12}", name.empty() ? fmt::format("{:#x}", content)
                                               : fmt::format("{:#x} {}", content, name));
  }
  return out + fmt::format(" {} {}\n", field.sw, first_sentence(field.desc));
}

std::string decode_fields(const std::vector<Field>& fields, std::optional<std::uint64_t> value) {
  std::string out;
  std::uint64_t known = 0;
  for (const Field& field : fields) {
    known |= field.mask();
    out += field_line(field, value);
  }
  if (value && (*value & ~known) != 0) {
    out += fmt::format("  set, but in no field: {:#x}\n", *value & ~known);
  }
  return out;
}

std::string element_name(const Hit& hit) {
  std::string out = hit.reg->name;
  for (const std::uint32_t index : hit.indices) out += fmt::format("[{}]", index);
  return out;
}

std::string decode_hit(const Card& card, const Hit& hit, std::optional<std::uint64_t> value) {
  const Register& reg = *hit.reg;
  std::string out = element_name(hit);
  // Without indices a name refers to the whole array.
  if (hit.indices.empty()) {
    for (const Dim& dim : reg.dims) out += fmt::format("[{} elements]", dim.count);
  }
  out += fmt::format("  {} byte {:#x} word {:#x}", space_name(card, reg.bar), hit.byte_offset,
                     hit.byte_offset / 4);
  if (value) out += fmt::format("  value {:#x}", *value);
  if (!reg.provenance.source.empty()) out += fmt::format("  ({})", reg.provenance.source);
  out += "\n" + wrapped(reg.desc, "  ");
  return out + decode_fields(reg.fields, value);
}

// Returns whether a layout's condition is true for a value: "TYPE == 2 || TYPE == 3".
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

// Finds a layout by name. The name of a family, with a value, selects the layout by its type
// field, and includes the fields that all layouts of the family share.
std::string decode_layouts(const Card& card, const std::string& name,
                           std::optional<std::uint64_t> value) {
  std::string out;
  const auto put = [&](const Layout& layout) {
    out += layout.name;
    if (value) out += fmt::format("  value {:#x}", *value);
    out += "\n" + wrapped(layout.desc, "  ") + decode_fields(layout.fields, value);
  };
  for (const Layout& layout : card.layouts) {
    if (value && lower(layout.family) == name && applies(layout, *value)) put(layout);
  }
  if (!out.empty()) return out;
  for (const Layout& layout : card.layouts) {
    if (lower(layout.name) == name) put(layout);
  }
  return out;
}

// Returns the names of a register, in lower case.
std::vector<std::string> names_of(const Card& card, const Register& reg) {
  std::vector<std::string> names = {lower(reg.name)};
  for (const std::string& alias : reg.aliases) names.push_back(lower(alias));
  if (!reg.path.empty()) {
    const std::string space = lower(space_name(card, reg.bar));
    names.push_back(lower(reg.path));
    names.push_back(space + "." + lower(reg.path));
    names.push_back(space + "_" + lower(reg.name));
  }
  return names;
}

const Register* find_register(const Card& card, const std::string& name) {
  for (const Register& reg : card.registers) {
    const auto names = names_of(card, reg);
    if (std::find(names.begin(), names.end(), name) != names.end()) return &reg;
  }
  return nullptr;
}

std::string value_of_bits(const std::string& name, unsigned msb, unsigned lsb,
                          std::optional<std::uint64_t> value) {
  std::string out = fmt::format("{} [{}:{}]", name, msb, lsb);
  if (!value || lsb >= 64) return out;
  const unsigned bits = std::min(msb, 63u) - lsb + 1;
  const std::uint64_t mask = bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
  return out + fmt::format("  of {:#x} is {:#x}", *value, *value >> lsb & mask);
}

// Finds a field or Linux mask of a register or layout. `name` is in lower case.
template <class Owner>
std::string decode_part(const Owner& owner, const std::string& name,
                        std::optional<std::uint64_t> value) {
  for (const NamedMask& mask : owner.masks) {
    if (lower(mask.name) == name) {
      return value_of_bits(mask.name, mask.msb, mask.lsb, value) + "  in " + owner.name + "\n";
    }
  }
  for (const Field& field : owner.fields) {
    const std::string whole = lower(owner.name + "_" + std::string(field.name));
    const std::string dotted = lower(owner.name + "." + std::string(field.name));
    const std::string linux = lower(field.linux_name(owner.name));
    if (name != whole && name != dotted && name != linux && name != linux + "_mask") continue;
    return value_of_bits(field.linux_name(owner.name), field.msb, field.lsb, value) + "  in " +
           owner.name + "\n" + field_line(field, value);
  }
  return {};
}

std::string decode_parts(const Card& card, const std::string& name,
                         std::optional<std::uint64_t> value) {
  // Linux's own names take precedence over names that are derived from ours.
  for (const bool exact : {true, false}) {
    const auto try_one = [&](const auto& owner) -> std::string {
      auto copy = owner;
      exact ? copy.fields.clear() : copy.masks.clear();
      return decode_part(copy, name, value);
    };
    for (const Register& reg : card.registers) {
      if (std::string text = try_one(reg); !text.empty()) return text;
    }
    for (const Layout& layout : card.layouts) {
      if (std::string text = try_one(layout); !text.empty()) return text;
    }
  }
  return {};
}

std::string without_prefix(std::string_view name) {
  std::string low = lower(name);
  return low.starts_with("fbnic_") ? low.substr(6) : low;
}

Answer problem(std::string text) {
  return {{}, std::move(text)};
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({change, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

// Returns the register or layout with the nearest name; names that start with the given one come
// first.
std::string nearest_name(const Card& card, const std::string& name) {
  std::string best;
  std::size_t distance = std::max<std::size_t>(3, name.size() / 3) + 1;
  const auto offer = [&](const std::string& candidate) {
    const std::string low = lower(candidate);
    const bool begins = !name.empty() && low.starts_with(name);
    const std::size_t d = begins ? 0 : edit_distance(name, low);
    if (d >= distance) return;
    distance = d;
    best = candidate;
  };
  if (name.size() > 200) return {};
  for (const Register& reg : card.registers) offer(reg.name);
  for (const Layout& layout : card.layouts) offer(layout.name);
  return best;
}

// Returns whether a word has the form BAR<number>, so that the error can list the spaces.
bool looks_like_space(std::string_view name) {
  const std::size_t digits = name.find_first_of("0123456789");
  return lower(name.substr(0, digits)) == "bar" && digits != std::string_view::npos;
}

Answer unknown_space(const Card& card, std::string_view name) {
  std::vector<std::string_view> names;
  for (const Space& space : card.spaces) names.push_back(space.name);
  return problem(
      fmt::format("there is no space '{}': write one of {}", name, fmt::join(names, ", ")));
}

Answer unknown_name(const Card& card, const std::string& name) {
  const std::string nearest = nearest_name(card, name);
  return problem(nearest.empty()
                     ? fmt::format("no register or layout has the name '{}': try find", name)
                     : fmt::format("no register or layout has the name '{}': did you mean '{}'?",
                                   name, nearest));
}

Answer check_value(std::optional<std::uint64_t> value, unsigned width) {
  if (!value || width >= 64 || *value >> width == 0) return {};
  return problem(fmt::format("{:#x} does not fit the {} bits of this word: correct the value",
                             *value, width));
}

Answer decode_by_name(const Card& card, std::string_view text,
                      std::optional<std::uint64_t> value) {
  std::string_view plain;
  Hit hit;
  if (!split_indices(text, plain, hit.indices)) {
    return problem(fmt::format("'{}' is not a name with indices: write NAME[1]", text));
  }
  const std::string name = without_prefix(plain);
  hit.reg = find_register(card, name);
  if (hit.reg == nullptr) {
    std::string found = hit.indices.empty() ? decode_layouts(card, name, value) : std::string();
    if (found.empty() && hit.indices.empty()) found = decode_parts(card, name, value);
    return found.empty() ? unknown_name(card, name) : Answer{found, {}};
  }
  hit.byte_offset = hit.reg->byte_offset;
  if (hit.indices.size() > hit.reg->dims.size()) {
    return problem(
        fmt::format("{} has {} dimensions: remove an index", hit.reg->name, hit.reg->dims.size()));
  }
  for (std::size_t i = 0; i < hit.indices.size(); ++i) {
    const Dim& dim = hit.reg->dims[i];
    if (hit.indices[i] >= dim.count) {
      return problem(fmt::format("{} has {} elements, there is no element {}: use 0 to {}",
                                 hit.reg->name, dim.count, hit.indices[i], dim.count - 1));
    }
    hit.byte_offset += hit.indices[i] * dim.stride;
  }
  Answer wrong = check_value(value, hit.reg->width);
  return wrong.problem.empty() ? Answer{decode_hit(card, hit, value), {}} : wrong;
}

Answer decode_place(const Card& card, unsigned space, std::uint64_t offset,
                    std::optional<std::uint64_t> value) {
  const auto hit = find_address(card, space, offset);
  if (!hit) {
    return problem(fmt::format("no register lies at byte {:#x} of {}: see find for the map",
                               offset, space_name(card, space)));
  }
  if (offset != hit->byte_offset) {
    return problem(fmt::format("byte {:#x} lies inside of {}: its address is {:#x}", offset,
                               element_name(*hit), hit->byte_offset));
  }
  Answer wrong = check_value(value, hit->reg->width);
  return wrong.problem.empty() ? Answer{decode_hit(card, *hit, value), {}} : wrong;
}

}  // namespace

std::string decode_address(const Card& card, unsigned bar, std::uint64_t offset,
                           std::optional<std::uint64_t> value) {
  return decode_place(card, bar, offset, value).text;
}

std::string decode_name(const Card& card, std::string_view name,
                        std::optional<std::uint64_t> value) {
  return decode_by_name(card, name, value).text;
}

Answer decode(const Card& card, const std::vector<std::string>& words) {
  std::size_t at = 0;
  const Space* space = nullptr;
  for (const Space& candidate : card.spaces) {
    if (lower(candidate.name) == lower(words[0])) space = &candidate;
  }
  const auto rest = [&] { return words.size() - at; };
  const auto value = [&](std::optional<std::uint64_t>& out) {
    if (rest() == 0) return true;
    out = parse_number(words[at]);
    return rest() == 1 && out.has_value();
  };
  // In a map with one register and one root of the same name, the name refers to both.
  const bool place_follows = space != nullptr && words.size() > 1;
  if (place_follows) ++at;
  const bool word_index = lower(words[at]) == "word" && rest() > 1;
  if (word_index) ++at;
  const auto number = parse_number(words[at]);
  std::optional<std::uint64_t> given;
  if (number || word_index || place_follows) {
    if (!number) return problem(fmt::format("'{}' is not an offset: write 0x10", words[at]));
    ++at;
    if (!value(given)) return problem("the value is not a number: write 0x12");
    if (space == nullptr && card.spaces.empty()) return problem("the map has no registers");
    if (word_index && *number > ~std::uint64_t{0} / 4) return problem("no such word");
    return decode_place(card, space != nullptr ? space->number : card.spaces[0].number,
                        word_index ? 4 * *number : *number, given);
  }
  const std::string& name = words[at++];
  if (looks_like_space(name) && space == nullptr) return unknown_space(card, name);
  if (!value(given)) {
    return problem(
        fmt::format("'{}' is not a number: write <name> [value], or <space> <offset> "
                    "[value]",
                    words[at]));
  }
  return decode_by_name(card, name, given);
}

}  // namespace hni::speclib
