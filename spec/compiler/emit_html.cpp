// SPDX-License-Identifier: Apache-2.0
// `hni spec html`: the data sheet as one self-contained page.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>

#include "spec/compiler/emit.hpp"
#include "spec/compiler/html_assets.hpp"

namespace hni::speclib {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

// Registers of two maps may have one name; the ids of the page itself have a hyphen.
std::string anchor(const Card& card, const Register& reg) {
  return card.plain && card.spaces.size() > 1
             ? fmt::format("{}.{}", space_name(card, reg.bar), reg.name)
             : reg.name;
}

// Converts names of registers, layouts, messages and enumerations in a text to links.
class Linker {
 public:
  explicit Linker(const Card& card) {
    for (const Message& message : card.messages) add(message.name, "FW_" + message.name);
    for (const rdl::EnumDef* def : card.enums) {
      add(std::string(def->name), fmt::format("E_{}", def->name));
    }
    for (const Register& reg : card.registers) add(reg.name, anchor(card, reg));
    for (const Layout& layout : card.layouts) add(layout.name, layout.name);
  }
  std::string operator()(std::string_view text) const {
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
      std::size_t end = at;
      while (end < text.size() && is_name(text[end])) ++end;
      if (end == at) {
        out += escaped(text.substr(at++, 1));
        continue;
      }
      const std::string word(text.substr(at, end - at));
      const auto found = anchors_.find(word);
      out += found == anchors_.end()
                 ? word
                 : fmt::format("<a href=\"#{}\">{}</a>", escaped(found->second), word);
      at = end;
    }
    return out;
  }

 private:
  static bool is_name(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  }
  // A one-word name (PCS, RESET) is usually an ordinary word, so it is not linked.
  void add(const std::string& name, std::string anchor) {
    if (name.find('_') != std::string::npos) anchors_[name] = std::move(anchor);
  }
  std::map<std::string, std::string> anchors_;
};

// Converts "device 12.1, 12.3" to links to the sections of docs/reference/device.md; the document
// name carries over to later numbers. Other text is unchanged.
std::string citation_links(std::string_view reference) {
  std::string out;
  std::string document;
  while (!reference.empty()) {
    const std::size_t comma = std::min(reference.find(", "), reference.size());
    const std::string item(reference.substr(0, comma));
    reference.remove_prefix(std::min(comma + 2, reference.size()));
    const std::size_t blank = item.find(' ');
    const std::string first = item.substr(0, blank);
    if (first == "device" || first == "trust-boundary") document = first;
    const bool named = first == document;
    std::string place = named && blank != std::string::npos ? item.substr(blank + 1) : item;
    const bool section = !place.empty() && (std::isdigit(static_cast<unsigned char>(place[0])) ||
                                            document == "trust-boundary");
    if (!out.empty()) out += ", ";
    if (document.empty() || !section) {
      out += escaped(item);
      continue;
    }
    const std::string anchor = place.substr(0, place.find(' '));
    out += fmt::format("<a href=\"docs/reference/{}.md#{}\">{}</a>", document, escaped(anchor),
                       escaped(item));
  }
  return out;
}

std::string source_badge(const Provenance& provenance) {
  if (provenance.source.empty()) return {};
  const char* kind = "linux";
  if (provenance.source.starts_with("ethtool")) kind = "dump";
  if (provenance.source == "INTERPRETATION") kind = "ours";
  std::string text = escaped(provenance.source);
  if (!provenance.reference.empty()) text += " · " + citation_links(provenance.reference);
  return fmt::format("<span class=\"src {}\">{}</span>", kind, text);
}

std::string notes(const Linker& link, std::string_view desc, std::string_view rule,
                  const Provenance& provenance) {
  std::string out;
  if (!desc.empty()) out += fmt::format("<p>{}</p>\n", link(desc));
  if (!rule.empty()) out += fmt::format("<p class=rule>{}</p>\n", link(rule));
  if (!provenance.interpretation.empty()) {
    out += fmt::format("<p class=ours-note><b>INTERPRETATION</b> {}</p>\n",
                       link(provenance.interpretation));
  }
  return out;
}

// A name in a cell may wrap after its underscores.
std::string breakable(std::string_view name) {
  std::string out;
  for (const char c : name) {
    out += escaped(std::string_view(&c, 1));
    if (c == '_') out += "<wbr>";
  }
  return out;
}

// Returns whether a name does not fit into two lines of a cell of `bits` bits and is printed
// vertically.
bool needs_column(std::string_view name, int bits) {
  constexpr double kBitPixels = 27;
  constexpr double kLetterPixels = 7;
  double longest = 0;  // part between underscores
  double part = 0;
  for (const char c : name) {
    part += 1;
    longest = std::max(longest, part);
    if (c == '_') part = 0;
  }
  const double letters = kBitPixels * bits / kLetterPixels;
  return longest > letters || static_cast<double>(name.size()) > 2 * letters;
}

// Writes one row of 32 bits: bit numbers above, one cell per field. Narrow fields have vertical
// text.
std::string bit_row(const std::vector<Field>& fields, unsigned top) {
  std::string numbers;
  for (unsigned i = 0; i < 32; ++i) numbers += fmt::format("<div class=num>{}</div>", top - i);
  std::string cells;
  int at = static_cast<int>(top);
  const int bottom = static_cast<int>(top) - 31;
  const auto gap = [&](int low) {
    if (at >= low) {
      cells += fmt::format("<div class=cell style=\"grid-column:span {}\"></div>", at - low + 1);
    }
    at = low - 1;
  };
  for (const Field& field : fields) {  // by falling bits
    const int msb = static_cast<int>(field.msb);
    const int lsb = static_cast<int>(field.lsb);
    if (msb < bottom || lsb > static_cast<int>(top)) continue;
    const int high = std::min(msb, static_cast<int>(top));
    const int low = std::max(lsb, bottom);
    if (high > at) continue;  // a write-only field that overlaps a read-only one
    gap(high + 1);
    const int width = high - low + 1;
    cells += fmt::format(
        "<div class=\"cell {}{}\" style=\"grid-column:span {}\" title=\"{} [{}:{}]\">{}</div>",
        field.dump_only ? "d" : "f", needs_column(field.name, width) ? " v" : "", width,
        escaped(field.name), field.msb, field.lsb, breakable(field.name));
    at = low - 1;
  }
  gap(bottom);
  return fmt::format("<div class=row>{}{}</div>\n", numbers, cells);
}

std::string bit_diagram(const std::vector<Field>& fields, unsigned width) {
  std::string out = "<div class=bits>";
  for (unsigned row = (width + 31) / 32; row-- > 0;) out += bit_row(fields, 32 * row + 31);
  return out + "</div>\n";
}

std::string enum_text(const rdl::EnumDef& def) {
  std::string out;
  for (std::size_t i = 0; i < def.members.size(); ++i) {
    out += fmt::format(" <code>{} {}</code>", def.values[i], escaped(def.members[i].name));
  }
  return out;
}

std::string column_text(const Field& field) {
  std::string out(field.sw);
  if (!field.on_read.empty()) out += fmt::format(" {}", field.on_read);
  if (!field.on_write.empty()) out += fmt::format(" {}", field.on_write);
  if (field.pulse) out += " pulse";
  return out;
}

std::string field_table(const Linker& link, const std::vector<Field>& fields) {
  std::string out =
      "<table class=fields><tr><th "
      "class=m>bits<th>field<th>software<th>hardware<th>reset<th>meaning"
      "</tr>\n";
  for (const Field& field : fields) {
    std::string text = link(field.desc);
    if (field.enumeration != nullptr) text += enum_text(*field.enumeration);
    if (!field.provenance.interpretation.empty()) {
      text += fmt::format(" <i>INTERPRETATION: {}</i>", link(field.provenance.interpretation));
    }
    std::string reset = field.reset_text.empty() ? "–" : escaped(field.reset_text);
    if (field.reset) reset = fmt::format("{:#x}", *field.reset);
    out += fmt::format(
        "<tr data-b=\"{}:{}\"><td class=m>{}<td class=m>{}<td class=m>{}<td class=m>{}<td "
        "class=m>{}<td>{}</tr>\n",
        field.msb, field.lsb,
        field.msb == field.lsb ? fmt::format("{}", field.msb)
                               : fmt::format("{}:{}", field.msb, field.lsb),
        escaped(field.name), field.dump_only ? "?" : column_text(field),
        field.dump_only ? "?" : std::string(field.hw), reset, text);
  }
  return out + "</table>\n";
}

// Additional names for the search: the Linux names of the fields.
template <class Owner>
std::string search_names(const Card& card, const Owner& owner) {
  if (card.plain) return {};
  std::string out;
  for (const NamedMask& mask : owner.masks) out += " FBNIC_" + mask.name;
  for (const Field& field : owner.fields) out += " FBNIC_" + field.linux_name(owner.name);
  return escaped(out);
}

constexpr const char* kCalculator =
    "<details class=calc><summary>decode or compose a value</summary></details>";

std::string register_article(const Linker& link, const Card& card, const Register& reg) {
  std::string dims;
  std::string at = fmt::format("{}", reg.byte_offset);
  std::string strides;
  for (std::size_t i = 0; i < reg.dims.size(); ++i) {
    const Dim& dim = reg.dims[i];
    dims += fmt::format("[{}]", dim.count);
    at += fmt::format(",{},{}", dim.count, dim.stride);
    strides += fmt::format("<span class=pill>+{:#x} bytes a step{}</span>", dim.stride,
                           reg.dims.size() == 1 ? "" : (i == 0 ? " (outer)" : " (inner)"));
  }
  std::string out = fmt::format(
      "<article id=\"{0}\" data-k=\"{10}{12}{11}\" data-at=\"{1}\" data-w=\"{9}\" "
      "data-dump=\"{2:d}\">"
      "<h3><a href=\"#{0}\">{12}</a><small>{3}</small></h3>\n<div class=meta>"
      "<span class=pill>{4}</span><span class=pill>byte {5:#07x}</span>"
      "<span class=pill>word {6:#07x}</span>{7}{8}</div>\n",
      escaped(anchor(card, reg)), at, reg.dump_only, dims, escaped(space_name(card, reg.bar)),
      reg.byte_offset, reg.byte_offset / 4, strides, source_badge(reg.provenance), reg.width,
      card.plain ? "" : "FBNIC_", search_names(card, reg), escaped(reg.name));
  for (const std::string& alias : reg.aliases) {
    out += fmt::format("<p class=rule>Also called <code>{}</code>.</p>\n", escaped(alias));
  }
  std::string rule(reg.when_text);
  if (!reg.when.empty()) rule += fmt::format(" Written only while {}.", reg.when);
  out += notes(link, reg.desc, rule, reg.provenance);
  return out + bit_diagram(reg.fields, reg.width) + field_table(link, reg.fields) + kCalculator +
         "</article>\n";
}

std::string layout_article(const Linker& link, const Card& card, const Layout& layout) {
  std::string out = fmt::format(
      "<article id=\"{0}\" data-k=\"descriptor layout{5}\" data-w=\"{2}\"><h3><a "
      "href=\"#{0}\">{0}</a></h3>\n"
      "<div class=meta><span class=pill>{1}</span><span class=pill>{2} bits</span>{3}{4}</div>\n",
      escaped(layout.name), escaped(layout.family), layout.width,
      layout.when.empty() ? ""
                          : fmt::format("<span class=pill>when {}</span>", escaped(layout.when)),
      source_badge(layout.provenance), search_names(card, layout));
  out += notes(link, layout.desc, {}, layout.provenance);
  return out + bit_diagram(layout.fields, layout.width) + field_table(link, layout.fields) +
         kCalculator + "</article>\n";
}

std::string version_text(std::uint32_t version) {
  if (version == 0) return "–";
  return fmt::format("{}.{}.{}.{}", version >> 24, (version >> 16) & 0xff, (version >> 8) & 0xff,
                     version & 0xff);
}

std::string message_article(const Linker& link, const Message& message) {
  const char* direction = message.host_to_fw
                              ? (message.fw_to_host ? "host ↔ firmware" : "host → firmware")
                              : (message.fw_to_host ? "firmware → host" : "never sent");
  std::string out = fmt::format(
      "<article id=\"FW_{0}\" data-k=\"firmware message tlv\"><h3><a "
      "href=\"#FW_{0}\">{0}</a></h3>\n"
      "<div class=meta><span class=pill>id {1:#04x}</span><span "
      "class=pill>{2}</span>{3}{4}{5}</div>\n",
      escaped(message.name), message.id, direction,
      message.response ? fmt::format("<span class=pill>answer {:#04x}</span>", *message.response)
                       : "",
      message.since_fw == 0
          ? ""
          : fmt::format("<span class=pill>since {}</span>", version_text(message.since_fw)),
      source_badge(message.provenance));
  out += notes(link, message.desc, {}, message.provenance);
  if (message.attributes.empty()) return out + "</article>\n";
  out +=
      "<table><tr><th "
      "class=m>id<th>attribute<th>type<th>bytes<th>needed<th>since<th>meaning</tr>\n";
  for (const Attribute& attr : message.attributes) {
    std::string type = escaped(attr.type);
    if (attr.type == "array") {
      type += fmt::format(" of {:#x} ≤ {}", attr.element_id, attr.max_elements);
    }
    out += fmt::format(
        "<tr><td class=m>{:#04x}<td class=m>{}<td class=m>{}<td class=m>{}<td>{}<td "
        "class=m>{}<td>{}"
        "</tr>\n",
        attr.id, escaped(attr.name), type, attr.max_bytes, attr.mandatory ? "yes" : "",
        version_text(attr.since_fw), link(attr.desc));
  }
  return out + "</table></article>\n";
}

std::string enum_article(const rdl::EnumDef& def) {
  std::string out = fmt::format(
      "<article id=\"E_{0}\" data-k=\"enumeration\"><h3><a href=\"#E_{0}\">{0}</a></h3>\n"
      "<table><tr><th class=m>value<th>name<th>meaning</tr>\n",
      escaped(def.name));
  for (std::size_t i = 0; i < def.members.size(); ++i) {
    out += fmt::format("<tr><td class=m>{}<td class=m>{}<td>{}</tr>\n", def.values[i],
                       escaped(def.members[i].name), escaped(def.members[i].desc));
  }
  return out + "</table></article>\n";
}

std::string action_articles(const Linker& link, const Card& card) {
  std::string out;
  for (const ProtocolRule& rule : card.protocol) {
    out += fmt::format(
        "<article data-k=\"action protocol\"><h3>{}</h3><div class=meta><span class=pill>{}</span>"
        "</div><p>{}</p></article>\n",
        escaped(rule.name), escaped(rule.where), link(rule.text));
  }
  if (card.rules.empty()) return out;
  out +=
      "<article data-k=\"action condition\"><h3>Writes with a condition</h3><table><tr><th>write "
      "to"
      "<th>legal only if<th>why</tr>\n";
  for (const ActionRule& rule : card.rules) {
    const Register& target = card.registers[rule.target];
    out += fmt::format("<tr><td class=m><a href=\"#{0}\">{0}</a><td class=m>{1}<td>{2}</tr>\n",
                       escaped(target.name), link(target.when), link(rule.text));
  }
  return out + "</table></article>\n";
}

// A part of the page and its branch in the navigation: a tree whose leaves are the entries.
class Page {
 public:
  void group(std::string_view title) { nav_ += fmt::format("<h2>{}</h2>\n", escaped(title)); }
  struct Entry {
    std::string id;
    std::string title;
  };
  void section(std::string_view id, std::string_view title, const std::vector<Entry>& entries,
               const std::string& body) {
    if (body.empty()) return;
    if (entries.empty()) {
      nav_ += fmt::format("<a href=\"#s-{}\">{}</a>\n", escaped(id), escaped(title));
    } else {
      nav_ +=
          fmt::format("<details><summary><a href=\"#s-{0}\">{1}</a><span>{2}</span></summary>\n",
                      escaped(id), escaped(title), entries.size());
      branch(entries);
      nav_ += "</details>\n";
    }
    body_ += fmt::format("<section id=\"s-{}\"><h2>{}</h2>\n{}</section>\n", escaped(id),
                         escaped(title), body);
  }
  const std::string& nav() const { return nav_; }
  const std::string& body() const { return body_; }

 private:
  static std::string_view first_word(std::string_view title) {
    return title.substr(0, title.find('_'));
  }
  // Large groups of entries are split by the next word of their names.
  void branch(const std::vector<Entry>& entries) {
    constexpr std::size_t kMany = 24;
    const bool deep = entries.size() > kMany;
    for (std::size_t i = 0; i < entries.size();) {
      std::size_t end = i + 1;
      while (end < entries.size() &&
             first_word(entries[end].title) == first_word(entries[i].title)) {
        ++end;
      }
      const bool group = deep && end - i > 2;
      if (group) {
        nav_ += fmt::format("<details><summary>{}<span>{}</span></summary>\n",
                            escaped(first_word(entries[i].title)), end - i);
      }
      for (; i < end; ++i) {
        nav_ += fmt::format("<a href=\"#{}\">{}</a>\n", escaped(entries[i].id),
                            escaped(entries[i].title));
      }
      if (group) nav_ += "</details>\n";
    }
  }
  std::string nav_;
  std::string body_;
};

// Groups registers by space and the first part of their names, in order of the first address.
// Below a block the tree shows the rest of the name.
void register_sections(const Linker& link, const Card& card, const Space& space, Page& page) {
  struct Block {
    std::vector<Page::Entry> entries;
    std::string body;
  };
  std::vector<std::string> order;
  std::map<std::string, Block> blocks;
  for (const Register& reg : card.registers) {
    if (reg.bar != space.number) continue;
    const std::size_t cut = reg.name.find('_');
    const std::string name = reg.name.substr(0, cut);
    auto [entry, fresh] = blocks.try_emplace(name);
    if (fresh) order.push_back(name);
    entry->second.entries.push_back(
        {anchor(card, reg), cut == std::string::npos ? reg.name : reg.name.substr(cut + 1)});
    entry->second.body += register_article(link, card, reg);
  }
  for (const std::string& name : order) {
    const std::string id = fmt::format("r-{}-{}", space.name, name);
    page.section(id, name, blocks[name].entries, blocks[name].body);
  }
}

void memory_section(const Card& card, Page& page) {
  std::string body;
  std::vector<Page::Entry> entries;
  for (const Memory& memory : card.memories) {
    entries.push_back({"M_" + memory.name, memory.name});
    body += fmt::format(
        "<article id=\"M_{0}\" data-k=\"memory\"><h3>{0}</h3><div class=meta><span "
        "class=pill>{1}</span><span class=pill>byte {2:#x}</span><span class=pill>{3} entries of "
        "{4} bits</span></div><p>{5}</p></article>\n",
        escaped(memory.name), escaped(space_name(card, memory.space)), memory.byte_offset,
        memory.entries, memory.width, escaped(memory.desc));
  }
  page.section("memories", "Memories", entries, body);
}

std::string lead(const Card& card) {
  std::size_t named = 0;
  for (const Register& reg : card.registers) named += reg.dump_only ? 1 : 0;
  const auto box = [](std::size_t count, std::string_view what) {
    return fmt::format("<div><b>{}</b><span>{}</span></div>", count, what);
  };
  if (card.plain) {
    return fmt::format(
        "<p class=lead>Generated from SystemRDL source. Addresses are byte offsets in a map. "
        "Press "
        "<code>/</code> to search: words, names, byte offsets and word indices, also inside "
        "arrays.</p><div class=facts>{}{}</div>",
        box(card.registers.size(), "registers"), box(card.memories.size(), "memories"));
  }
  return fmt::format(
      "<p class=lead>Registers, descriptors and firmware messages of the card, generated from the "
      "SystemRDL source. Addresses are byte offsets in a BAR; the word index is the number that "
      "the Linux driver uses. <span class=\"src linux\">linux</span> facts come from the driver, "
      "<span class=\"src dump\">ethtool</span> ones from the register-dump decoder (name, place "
      "and "
      "bits only), <span class=\"src ours\">INTERPRETATION</span> marks our own choices. Press "
      "<code>/</code> to search: words, names with or without FBNIC_, byte offsets and word "
      "indices, also inside arrays.</p><div class=facts>{}{}{}{}{}</div>",
      box(card.registers.size() - named, "registers with known behaviour"),
      box(named, "registers known by name"), box(card.layouts.size(), "word layouts"),
      box(card.messages.size(), "firmware messages"),
      box(card.rules.size() + card.protocol.size(), "action rules"));
}

}  // namespace

std::string emit_html(const Card& card) {
  const Linker link(card);
  Page page;
  for (const Space& space : card.spaces) {
    page.group(space.name);
    register_sections(link, card, space, page);
  }
  page.group("Beyond registers");
  memory_section(card, page);
  std::string layouts, messages, enums;
  std::vector<Page::Entry> layout_entries, message_entries, enum_entries;
  for (const Layout& layout : card.layouts) {
    layouts += layout_article(link, card, layout);
    layout_entries.push_back({layout.name, layout.name});
  }
  for (const Message& message : card.messages) {
    messages += message_article(link, message);
    message_entries.push_back({"FW_" + message.name, message.name});
  }
  for (const rdl::EnumDef* def : card.enums) {
    enums += enum_article(*def);
    enum_entries.push_back({fmt::format("E_{}", def->name), std::string(def->name)});
  }
  page.section("layouts", "Word layouts", layout_entries, layouts);
  page.section("messages", "Firmware messages", message_entries, messages);
  page.section("enums", "Enumerations", enum_entries, enums);
  page.section("actions", "Actions", {}, action_articles(link, card));
  return fmt::format(
      "<!doctype html>\n<!-- Generated by hni-spec: do not edit. SPDX-License-Identifier: "
      "Apache-2.0 "
      "-->\n<html lang=en><head><meta charset=utf-8>\n<meta name=viewport "
      "content=\"width=device-width,initial-scale=1\">\n<title>{0} data sheet</title>\n"
      "<style>{1}</style></head>\n<body><header><h1>{0} data sheet</h1>"
      "<input type=search id=page-q placeholder=\"Search names, words, addresses ( / )\" "
      "aria-label=Search><label><input type=checkbox id=page-dump checked> known by name "
      "only</label>"
      "<span id=page-count></span></header>\n<div "
      "class=page><nav>{2}</nav>\n<main>{3}\n<div id=page-hits></div>{4}</main></div>\n"
      "<script>{5}</script></body></html>\n",
      escaped(card.name), kHtmlStyle, page.nav(), lead(card), page.body(), kHtmlScript);
}

}  // namespace hni::speclib
