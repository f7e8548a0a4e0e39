// SPDX-License-Identifier: Apache-2.0
#include "spec/compiler/card.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "spec/compiler/action_rule.hpp"
#include "spec/compiler/properties.hpp"
#include "spec/compiler/sort_stable.hpp"

namespace hni::speclib {

using rdl::Component;
using rdl::Node;

std::uint64_t Field::mask() const {
  const unsigned bits = msb - lsb + 1;
  if (lsb >= 64) return 0;
  return (bits >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1) << lsb;
}

std::string Field::linux_name(std::string_view owner) const {
  return stated_name.empty() ? fmt::format("{}_{}", owner, name) : std::string(stated_name);
}

std::uint32_t Register::elements() const {
  std::uint32_t count = 1;
  for (const Dim& dim : dims) count *= dim.count;
  return count;
}

Masks masks_of(const std::vector<Field>& fields) {
  Masks masks;
  for (const Field& field : fields) {
    const std::uint64_t bits = field.mask();
    if (field.reset) masks.reset |= (*field.reset << field.lsb) & bits;
    if (rdl::can_read(field.sw)) masks.read |= bits;
    if (rdl::can_write(field.sw)) masks.write |= bits;
    if (field.on_write == "woclr") masks.w1c |= bits;
    if (field.on_write == "woset") masks.w1s |= bits;
    if (field.on_read == "rclr") masks.clear_on_read |= bits;
    if (field.pulse) masks.pulse |= bits;
  }
  return masks;
}

std::string cpp_name(std::string_view name) {
  static constexpr std::string_view kTaken[] = {
      "and",     "asm",       "auto",      "bool",     "break",    "case",     "catch",
      "char",    "class",     "const",     "continue", "default",  "delete",   "do",
      "double",  "else",      "enum",      "explicit", "export",   "extern",   "false",
      "float",   "for",       "friend",    "goto",     "if",       "inline",   "int",
      "long",    "mutable",   "namespace", "new",      "not",      "operator", "or",
      "private", "protected", "public",    "register", "return",   "short",    "signed",
      "sizeof",  "static",    "struct",    "switch",   "template", "this",     "throw",
      "true",    "try",       "typedef",   "union",    "unsigned", "using",    "virtual",
      "void",    "volatile",  "while",     "xor",      "raw",      "at",       "of",
      "Word",    "to_write",  "linux",     "unix",     "major",    "minor",    "EOF",
      "NULL",    "TRUE",      "FALSE",     "DEBUG",    "NDEBUG",   "assert",   "errno",
      "stdin",   "stdout",
  };
  std::string out(name);
  if (std::find(std::begin(kTaken), std::end(kTaken), name) != std::end(kTaken)) out += '_';
  return out;
}

namespace {

// Limits of the message format [device 5]: 12 bits of message type, 32 attribute numbers,
// 16 bits of length.
constexpr std::uint16_t kMaxMessageId = 0xfff;
constexpr std::uint16_t kMaxAttributeId = 31;
constexpr std::uint16_t kMaxPayload = 0xffff;

class Reader {
 public:
  Reader(rdl::Compilation& compilation, Card& card)
      : compilation_(compilation), model_(compilation.model), card_(card) {}
  bool run();

 private:
  void fail(const char* code, const Node& node, std::string message, std::string remedy) {
    compilation_.diagnostics.add(code, node.span, std::move(message), std::move(remedy));
  }
  std::string_view text(const Node& node, std::string_view name) const {
    return rdl::text_property(model_, node, name);
  }
  std::uint64_t number(const Node& node, std::string_view name, std::uint64_t otherwise) const {
    return rdl::number_property(model_, node, name, otherwise);
  }
  // Returns a number of the firmware catalogue; reports an error above `limit`.
  std::uint16_t limited(const Node& node, std::string_view name, std::uint16_t limit);
  bool flag(const Node& node, std::string_view name) const {
    return rdl::flag_property(model_, node, name);
  }
  std::string_view inherited(const Node& node, std::string_view name) const;
  Provenance provenance(const Node& node) const;
  void visit(const Node& node);
  void protocol(const Node& node);
  void reg(const Node& node, const Node& bar);
  void layout(const Node& node);
  void message(const Node& node);
  void attribute(const Node& node, Message& message);
  std::vector<NamedMask> masks(const Node& node);
  Field field(const Node& node) const;
  std::vector<Field> fields(const Node& node) const;
  Register half(const Register& whole, std::string name, unsigned shift) const;
  void check_names();
  bool run_plain();
  void plain(const Node& node, unsigned space, UniqueNames& names);
  void plain_register(const Node& node, unsigned space, std::string name, std::string path);

  rdl::Compilation& compilation_;
  const rdl::Model& model_;
  Card& card_;
};

bool is_bar(const Node& node) {
  return node.component == Component::kAddrmap && node.name.starts_with("BAR") &&
         node.name.size() == 4 && node.name[3] >= '0' && node.name[3] <= '5';
}

// Returns the addrmap of the BAR around a node, or null: descriptors and messages are not in a
// BAR.
const Node* bar_of(const Node& node) {
  for (const Node* at = node.parent; at != nullptr; at = at->parent) {
    if (is_bar(*at)) return at;
  }
  return nullptr;
}

std::string joined_name(const Node& node, const Node* stop) {
  std::string name(node.name);
  for (const Node* at = node.parent; at != nullptr && at != stop; at = at->parent) {
    name = std::string(at->name) + "_" + name;
  }
  return name;
}

std::string_view Reader::inherited(const Node& node, std::string_view name) const {
  for (const Node* at = &node; at != nullptr; at = at->parent) {
    const std::string_view found = text(*at, name);
    if (!found.empty()) return found;
  }
  return {};
}

std::uint16_t Reader::limited(const Node& node, std::string_view name, std::uint16_t limit) {
  const std::uint64_t value = number(node, name, 0);
  if (value <= limit) return static_cast<std::uint16_t>(value);
  fail("catalogue-number", node, fmt::format("{} = {:#x} is above {:#x}", name, value, limit),
       "correct the number");
  return 0;
}

Provenance Reader::provenance(const Node& node) const {
  return {inherited(node, "hni_source"), inherited(node, "hni_ref"),
          text(node, "hni_interpretation")};
}

Field Reader::field(const Node& node) const {
  Field out;
  out.name = text(node, "hni_field_name").empty() ? node.name : text(node, "hni_field_name");
  out.stated_name = text(node, "hni_name");
  out.msb = node.msb;
  out.lsb = node.lsb;
  out.sw = rdl::sw_access(node);
  out.hw = rdl::hw_access(node);
  out.on_read = rdl::on_read(node);
  out.on_write = rdl::on_write(node);
  out.pulse = rdl::flag(node, rdl::kPropSinglePulse);
  out.dump_only = flag(node, "hni_dump_only") || flag(*node.parent, "hni_dump_only");
  out.reset = rdl::reset_number(node);
  if (rdl::property(node, rdl::kPropReset) != nullptr) out.reset_text = rdl::reset_text(node);
  out.msb0 = node.msb0;
  out.node = &node;
  if (const rdl::Value* code = rdl::property(node, rdl::kPropEncode)) {
    out.enumeration = code->enumeration;
  }
  out.desc = text(node, "desc");
  out.provenance = provenance(node);
  return out;
}

std::vector<Field> Reader::fields(const Node& node) const {
  std::vector<Field> out;
  for (const Node* child : node.children) out.push_back(field(*child));
  sort_stable(out, [](const Field& a, const Field& b) { return a.lsb > b.lsb; });
  return out;
}

// Returns the 32-bit half of a 64-bit register that starts at bit `shift`.
Register Reader::half(const Register& whole, std::string name, unsigned shift) const {
  Register out = whole;
  out.name = std::move(name);
  out.byte_offset += shift / 8;
  out.width = 32;
  out.fields.clear();
  for (const Field& field : whole.fields) {
    if (field.msb < shift || field.lsb >= shift + 32) continue;
    Field part = field;
    part.lsb = std::max(field.lsb, shift) - shift;
    part.msb = std::min(field.msb - shift, 31u);
    if (field.reset) {
      const unsigned skipped = std::max(field.lsb, shift) - field.lsb;
      part.reset = (*field.reset >> skipped) & (part.mask() >> part.lsb);
    }
    out.fields.push_back(std::move(part));
  }
  return out;
}

std::vector<std::string> split_names(std::string_view list) {
  std::vector<std::string> names;
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    std::string_view item = list.substr(0, comma);
    const auto blank = [](char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; };
    while (!item.empty() && blank(item.front())) item.remove_prefix(1);
    while (!item.empty() && blank(item.back())) item.remove_suffix(1);
    if (!item.empty()) names.emplace_back(item);
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return names;
}

namespace {

// Returns all dimensions from `top` down to the node, outermost first.
std::vector<Dim> dims_below(const Node& node, const Node& top) {
  std::vector<Dim> dims;
  for (const Node* at = &node; at != &top; at = at->parent) {
    std::uint64_t stride = at->stride;
    for (auto dim = at->dims.rbegin(); dim != at->dims.rend(); ++dim) {
      dims.insert(dims.begin(), {*dim, stride});
      stride *= *dim;
    }
  }
  return dims;
}

// Parses "NAME 7:0, OTHER 31:16". Returns false if the text is malformed.
bool read_masks(std::string_view list, unsigned width, std::vector<NamedMask>& masks) {
  for (const std::string& item : split_names(list)) {
    NamedMask mask;
    const std::size_t blank = item.find_last_of(" \n");
    const std::size_t colon = item.find(':');
    if (blank == std::string::npos || colon == std::string::npos || colon < blank) return false;
    mask.name = item.substr(0, item.find_first_of(" \n"));
    const char* const end = item.data() + item.size();
    const auto high = std::from_chars(item.data() + blank + 1, end, mask.msb);
    const auto low = std::from_chars(item.data() + colon + 1, end, mask.lsb);
    const bool good = high.ptr == item.data() + colon && low.ptr == end &&
                      high.ec == std::errc() && low.ec == std::errc();
    if (!good || mask.msb < mask.lsb || mask.msb >= width) return false;
    masks.push_back(mask);
  }
  return true;
}

}  // namespace

std::vector<NamedMask> Reader::masks(const Node& node) {
  std::vector<NamedMask> out;
  if (!read_masks(text(node, "hni_masks"), rdl::reg_width(node), out)) {
    fail("masks", node, fmt::format("hni_masks of '{}' cannot be read", node.name),
         "write \"NAME msb:lsb, ...\" with bits of the register");
  }
  return out;
}

void Reader::reg(const Node& node, const Node& bar) {
  Register out;
  const std::string_view stated = text(node, "hni_name");
  out.name = stated.empty() ? joined_name(node, &bar) : std::string(stated);
  out.bar = static_cast<unsigned>(bar.name[3] - '0');
  out.byte_offset = rdl::absolute_address(node) - rdl::absolute_address(bar);
  out.dims = dims_below(node, bar);
  if (rdl::absolute_address(node) + node.total_size() - rdl::absolute_address(bar) >
      (std::uint64_t{1} << 32)) {
    fail("array-too-large", node, fmt::format("'{}' ends beyond 4 GiB of its BAR", node.name),
         "correct the address");
    return;
  }
  out.width = rdl::reg_width(node);
  out.fields = fields(node);
  out.aliases = split_names(text(node, "hni_alias"));
  out.masks = masks(node);
  out.title = text(node, "name");
  out.desc = text(node, "desc");
  out.provenance = provenance(node);
  out.dump_only = flag(node, "hni_dump_only");
  out.when = text(node, "hni_when");
  out.when_text = text(node, "hni_when_text");
  out.node = &node;
  const std::string_view high = text(node, "hni_high_half");
  out.high_half = high;
  if (out.width != 64) {
    card_.registers.push_back(std::move(out));
    return;
  }
  const bool named = !high.empty();
  if (!named) out.high_half = out.name + "_H";
  card_.registers.push_back(half(out, named ? out.name : out.name + "_L", 0));
  card_.registers.push_back(half(out, out.high_half, 32));
  card_.registers.back().high_half.clear();
}

void Reader::layout(const Node& node) {
  Layout out;
  const std::string_view stated = text(node, "hni_name");
  out.name = stated.empty() ? node.name : stated;
  out.family = text(node, "hni_view");
  out.when = text(node, "hni_view_when");
  out.width = rdl::reg_width(node);
  out.fields = fields(node);
  out.masks = masks(node);
  out.title = text(node, "name");
  out.desc = text(node, "desc");
  out.provenance = provenance(node);
  card_.layouts.push_back(std::move(out));
}

void Reader::attribute(const Node& node, Message& message) {
  Attribute out;
  out.name = node.name;
  out.id = limited(node, "hni_attr_id", kMaxAttributeId);
  out.type = text(node, "hni_attr_type");
  out.max_bytes = limited(node, "hni_attr_max", kMaxPayload);
  out.element_id = limited(node, "hni_attr_element", kMaxAttributeId);
  out.max_elements = limited(node, "hni_attr_max_elements", kMaxPayload);
  out.since_fw = static_cast<std::uint32_t>(number(node, "hni_since_fw", 0));
  out.mandatory = flag(node, "hni_attr_mandatory");
  out.known_to_linux = flag(node, "hni_linux");
  out.desc = text(node, "desc");
  out.provenance = provenance(node);
  static constexpr std::string_view kTypes[] = {"flag",   "unsigned", "signed", "string",
                                                "binary", "nested",   "array"};
  if (std::find(std::begin(kTypes), std::end(kTypes), out.type) == std::end(kTypes)) {
    fail("attribute-type", node,
         fmt::format("'{}' is not a type of a message attribute", out.type),
         "write one of flag unsigned signed string binary nested array");
  }
  for (const Attribute& other : message.attributes) {
    if (other.id != out.id) continue;
    fail("duplicate-attribute", node,
         fmt::format("the attribute id {} stands twice in {}", out.id, message.name),
         "correct hni_attr_id of one of the two");
  }
  message.attributes.push_back(std::move(out));
}

void Reader::message(const Node& node) {
  Message out;
  out.name = node.name;
  out.id = limited(node, "hni_msg_id", kMaxMessageId);
  const std::string_view dir = text(node, "hni_msg_dir");
  out.host_to_fw = dir == "host_to_fw" || dir == "both";
  out.fw_to_host = dir == "fw_to_host" || dir == "both";
  if (rdl::property(model_, node, "hni_msg_response") != nullptr) {
    out.response = limited(node, "hni_msg_response", kMaxMessageId);
  }
  out.since_fw = static_cast<std::uint32_t>(number(node, "hni_since_fw", 0));
  out.known_to_linux = flag(node, "hni_linux");
  out.desc = text(node, "desc");
  out.provenance = provenance(node);
  for (const Node* child : node.children) {
    if (rdl::property(model_, *child, "hni_attr_id") != nullptr) attribute(*child, out);
  }
  sort_stable(out.attributes, [](const Attribute& a, const Attribute& b) { return a.id < b.id; });
  card_.messages.push_back(std::move(out));
}

void Reader::protocol(const Node& node) {
  static constexpr std::string_view kPrefix = "hni_protocol_";
  for (const rdl::Property& entry : node.properties) {
    const std::string_view name = model_.properties[entry.id].name;
    if (!name.starts_with(kPrefix) || entry.value.kind != rdl::Value::Kind::kString) continue;
    const std::string short_name(name.substr(kPrefix.size()));
    const bool known =
        std::any_of(card_.protocol.begin(), card_.protocol.end(),
                    [&](const ProtocolRule& rule) { return rule.name == short_name; });
    if (!known) {
      card_.protocol.push_back({short_name, *entry.value.text, rdl::path_of(node)});
    }
  }
}

void Reader::visit(const Node& node) {
  protocol(node);
  if (node.component == Component::kReg) {
    if (!text(node, "hni_view").empty()) layout(node);
    if (const Node* bar = bar_of(node)) reg(node, *bar);
    return;
  }
  if (rdl::property(model_, node, "hni_msg_id") != nullptr) {
    message(node);
    return;
  }
  for (const Node* child : node.children) visit(*child);
}

void Reader::check_names() {
  std::map<std::string_view, const Register*> seen;
  for (const Register& reg : card_.registers) {
    if (!seen.emplace(reg.name, &reg).second) {
      fail("duplicate-register-name", *reg.node,
           fmt::format("two registers have the name {}", reg.name),
           "give one of them its own hni_name");
    }
  }
}

void Reader::plain_register(const Node& node, unsigned space, std::string name, std::string path) {
  Register out;
  const Node& root = *card_.spaces[space].node;
  out.name = std::move(name);
  out.path = std::move(path);
  out.bar = space;
  out.byte_offset = rdl::absolute_address(node);
  out.dims = dims_below(node, root);
  out.width = rdl::reg_width(node);
  out.fields = fields(node);
  out.title = text(node, "name");
  out.desc = text(node, "desc");
  out.node = &node;
  card_.registers.push_back(std::move(out));
}

void Reader::plain(const Node& node, unsigned space, UniqueNames& names) {
  const Node& root = *card_.spaces[space].node;
  if (node.component == Component::kReg || node.component == Component::kMem) {
    std::string name = names(joined_name(node, &root));
    std::string path = rdl::path_of(node).substr(root.name.size() + 1);
    if (node.component == Component::kReg) {
      plain_register(node, space, std::move(name), std::move(path));
      return;
    }
    Memory memory{std::move(name),
                  std::move(path),
                  space,
                  rdl::absolute_address(node),
                  rdl::number(node, rdl::kPropMemEntries, 1),
                  0,
                  dims_below(node, root),
                  text(node, "desc"),
                  &node};
    memory.width = memory.entries == 0 ? 0 : node.size / memory.entries * 8;
    memory.width = rdl::number(node, rdl::kPropMemWidth, memory.width);
    card_.memories.push_back(std::move(memory));
  }
  for (const Node* child : node.children) plain(*child, space, names);
}

bool Reader::run_plain() {
  card_.plain = true;
  card_.compilation = &compilation_;
  card_.name = model_.roots.back()->name;
  for (const Node* root : model_.roots) {
    const auto number = static_cast<unsigned>(card_.spaces.size());
    card_.spaces.push_back({std::string(root->name), number, root});
    UniqueNames names;
    plain(*root, number, names);
  }
  sort_stable(card_.registers, [](const Register& a, const Register& b) {
    return a.bar != b.bar ? a.bar < b.bar : a.byte_offset < b.byte_offset;
  });
  for (const rdl::EnumDef& def : compilation_.ast.enums) card_.enums.push_back(&def);
  return true;
}

bool Reader::run() {
  if (!is_card(model_)) return run_plain();
  for (const Node* root : model_.roots) visit(*root);
  const Node* main = model_.roots.back();
  for (const Node* root : model_.roots) {
    const bool has_bar = std::any_of(root->children.begin(), root->children.end(),
                                     [](const Node* c) { return c->name == "BAR0"; });
    if (has_bar) main = root;
  }
  card_.name = main->name;
  for (const Node* child : main->children) {
    if (child->component != Component::kAddrmap || !is_bar(*child)) continue;
    card_.spaces.push_back(
        {std::string(child->name), static_cast<unsigned>(child->name[3] - '0'), child});
  }
  sort_stable(card_.registers, [](const Register& a, const Register& b) {
    return a.bar != b.bar ? a.bar < b.bar : a.byte_offset < b.byte_offset;
  });
  sort_stable(card_.messages, [](const Message& a, const Message& b) { return a.id < b.id; });
  for (const rdl::EnumDef& def : compilation_.ast.enums) card_.enums.push_back(&def);
  card_.compilation = &compilation_;
  check_names();
  resolve_action_rules(compilation_, card_);
  return compilation_.diagnostics.empty();
}

}  // namespace

bool is_card(const rdl::Model& model) {
  return std::any_of(model.properties.begin(), model.properties.end(),
                     [](const rdl::PropertyInfo& p) { return p.name.starts_with("hni_"); });
}

std::string_view space_name(const Card& card, unsigned number) {
  for (const Space& space : card.spaces) {
    if (space.number == number) return space.name;
  }
  return {};
}

std::string UniqueNames::operator()(std::string name) {
  const unsigned times = ++seen_[name];
  if (times == 1) return name;
  return (*this)(fmt::format("{}_{}", name, times));
}

std::unique_ptr<Card> read_card(rdl::Compilation& compilation) {
  if (!compilation.ok) return nullptr;
  auto card = std::make_unique<Card>();
  return Reader(compilation, *card).run() ? std::move(card) : nullptr;
}

}  // namespace hni::speclib
