// SPDX-License-Identifier: Apache-2.0
// Text search, and small functions that all queries share.
#include "spec/compiler/query.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "spec/compiler/sort_stable.hpp"

namespace hni::speclib {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string bits_text(const Field& field) {
  return field.msb == field.lsb ? fmt::format("[{}]", field.msb)
                                : fmt::format("[{}:{}]", field.msb, field.lsb);
}

std::string first_sentence(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (blank && (out.empty() || out.back() == ' ')) continue;
    out += blank ? ' ' : c;
    if (out.size() > 1 && out.ends_with(". ")) break;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  const bool hex = text.starts_with("0x") || text.starts_with("0X");
  if (hex) text.remove_prefix(2);
  std::uint64_t value = 0;
  const auto result =
      std::from_chars(text.data(), text.data() + text.size(), value, hex ? 16 : 10);
  const bool whole =
      !text.empty() && result.ec == std::errc() && result.ptr == text.data() + text.size();
  return whole ? std::optional(value) : std::nullopt;
}

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
      hit.byte_offset += index * dim.stride;
    }
    if (inside && rest < reg.width / 8) return hit;
  }
  return std::nullopt;
}

namespace {

// Ranks how well an entry matches all words: exact names first.
enum Rank : unsigned { kExact, kName, kText, kNoHit };

class Finder {
 public:
  Finder(const Card& card, const std::vector<std::string>& words) : card_(card) {
    for (const std::string& word : words) words_.push_back(lower(word));
  }
  std::string run();

 private:
  // `names`: all names of the object, in lower case.
  Rank rank(const std::vector<std::string>& names, std::string_view text) const;
  static Rank rank_word(const std::string& word, const std::vector<std::string>& names,
                        const std::string& text);
  void show(Rank rank, std::string_view kind, const std::string& name, const std::string& place,
            std::string_view text);
  void fields(const std::string& owner, const std::vector<Field>& list);
  void masks(const std::string& owner, const std::vector<NamedMask>& list);
  void registers();
  void address(const Register& reg);
  void layouts();
  void memories();
  void messages();
  void enums();
  std::string place(const Register& reg, std::uint64_t offset) const {
    return fmt::format("{} {:#x}", space_name(card_, reg.bar), offset);
  }

  struct Line {
    Rank rank;
    std::string text;
  };
  const Card& card_;
  std::vector<std::string> words_;
  std::vector<Line> lines_;
};

Rank Finder::rank_word(const std::string& word, const std::vector<std::string>& names,
                       const std::string& text) {
  std::vector<std::string> forms = {word};
  if (word.find('[') != std::string::npos) forms.push_back(word.substr(0, word.find('[')));
  if (forms.back().starts_with("fbnic_")) forms.push_back(forms.back().substr(6));
  for (const std::string_view suffix : {"_mask", "_cnt", "_count"}) {
    if (forms.back().ends_with(suffix)) {
      forms.push_back(forms.back().substr(0, forms.back().size() - suffix.size()));
      break;
    }
  }
  Rank best = kNoHit;
  for (const std::string& name : names) {
    for (const std::string& form : forms) {
      if (form.empty()) continue;
      if (name == form) return kExact;
      if (name.find(form) != std::string::npos) best = kName;
    }
  }
  if (best == kNoHit && text.find(word) != std::string::npos) best = kText;
  return best;
}

Rank Finder::rank(const std::vector<std::string>& names, std::string_view text) const {
  std::vector<std::string> low;
  for (const std::string& name : names) low.push_back(lower(name));
  const std::string description = lower(text);
  Rank worst = kExact;
  for (const std::string& word : words_) {
    worst = std::max(worst, rank_word(word, low, description));
  }
  return worst;
}

void Finder::show(Rank rank, std::string_view kind, const std::string& name,
                  const std::string& place, std::string_view text) {
  if (rank == kNoHit) return;
  lines_.push_back(
      {rank, fmt::format("{:<10} {:<40} {:<16} {}\n", kind, name, place, first_sentence(text))});
}

void Finder::fields(const std::string& owner, const std::vector<Field>& list) {
  for (const Field& field : list) {
    const std::string name = owner + "." + std::string(field.name);
    show(rank({name, owner + "_" + std::string(field.name), field.linux_name(owner)}, field.desc),
         "field", name, bits_text(field), field.desc);
  }
}

void Finder::masks(const std::string& owner, const std::vector<NamedMask>& list) {
  for (const NamedMask& mask : list) {
    show(rank({mask.name}, ""), "mask", mask.name, fmt::format("[{}:{}]", mask.msb, mask.lsb),
         "in " + owner);
  }
}

// A number is looked up as a byte offset and as the index of a 32-bit word, or as what the words
// around it say: the name of a space, byte, word.
void Finder::address(const Register& reg) {
  std::optional<std::uint64_t> number;
  std::string_view only;
  for (const std::string& word : words_) {
    const auto value = parse_number(word);
    if (value && !number) {
      number = value;
    } else if (only.empty() && (word == "byte" || word == "word")) {
      only = word;
    } else if (word != lower(space_name(card_, reg.bar))) {
      return;
    }
  }
  if (!number) return;
  std::vector<std::pair<std::uint64_t, const char*>> places;
  if (only != "word") places.emplace_back(*number, "byte");
  if (only != "byte" && *number <= (~std::uint64_t{0} >> 2)) {
    places.emplace_back(4 * *number, "word");
  }
  for (const auto& [offset, unit] : places) {
    Card one;  // so that only this register can match
    one.registers.push_back(reg);
    const auto hit = find_address(one, reg.bar, offset);
    if (!hit) continue;
    std::string name = reg.name;
    for (const std::uint32_t index : hit->indices) name += fmt::format("[{}]", index);
    show(kExact, unit, name, place(reg, hit->byte_offset), reg.desc);
  }
}

void Finder::registers() {
  for (const Register& reg : card_.registers) {
    std::vector<std::string> names = {reg.name};
    names.insert(names.end(), reg.aliases.begin(), reg.aliases.end());
    if (!reg.path.empty()) {
      names.push_back(reg.path);
      names.push_back(fmt::format("{}.{}", space_name(card_, reg.bar), reg.path));
      names.push_back(fmt::format("{}_{}", space_name(card_, reg.bar), reg.name));
    }
    show(rank(names, reg.desc), "register", reg.name, place(reg, reg.byte_offset), reg.desc);
    address(reg);
    masks(reg.name, reg.masks);
    fields(reg.name, reg.fields);
  }
}

void Finder::memories() {
  for (const Memory& memory : card_.memories) {
    show(rank({memory.name, memory.path}, memory.desc), "memory", memory.name,
         fmt::format("{} {:#x}", space_name(card_, memory.space), memory.byte_offset),
         memory.desc);
  }
}

void Finder::layouts() {
  for (const Layout& layout : card_.layouts) {
    show(rank({layout.name}, layout.desc), "layout", layout.name, "", layout.desc);
    masks(layout.name, layout.masks);
    fields(layout.name, layout.fields);
  }
}

void Finder::messages() {
  for (const Message& message : card_.messages) {
    show(rank({message.name, "TLV_MSG_ID_" + message.name}, message.desc), "message", message.name,
         fmt::format("{:#x}", message.id), message.desc);
    for (const Attribute& attr : message.attributes) {
      show(rank({attr.name, message.name + "_" + attr.name}, attr.desc), "attribute",
           message.name + "." + attr.name, fmt::format("{}", attr.id), attr.desc);
    }
  }
}

void Finder::enums() {
  for (const rdl::EnumDef* def : card_.enums) {
    for (std::size_t i = 0; i < def->members.size(); ++i) {
      const std::string name = fmt::format("{}::{}", def->name, def->members[i].name);
      show(rank({name, fmt::format("{}_{}", def->name, def->members[i].name)},
                def->members[i].desc),
           "enum", name, fmt::format("{}", def->values[i]), def->members[i].desc);
    }
  }
}

std::string Finder::run() {
  registers();
  memories();
  layouts();
  messages();
  enums();
  for (const ProtocolRule& rule : card_.protocol) {
    show(rank({rule.name}, rule.text), "action", rule.name, "", rule.text);
  }
  sort_stable(lines_, [](const Line& a, const Line& b) { return a.rank < b.rank; });
  std::string out;
  for (const Line& line : lines_) out += line.text;
  return out;
}

}  // namespace

std::string find_words(const Card& card, const std::vector<std::string>& words) {
  return Finder(card, words).run();
}

}  // namespace hni::speclib
