// SPDX-License-Identifier: Apache-2.0
// `hni spec ipxact`: IP-XACT (IEEE 1685-2014). A space is a memory map. Its maps and memories are
// address blocks if it has nothing else, or it is one block. Inside a block, register files, maps
// and memories are register files.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "spec/compiler/emit.hpp"
#include "spec/compiler/properties.hpp"
#include "spec/compiler/value_text.hpp"
#include "spec/compiler/xml_writer.hpp"

namespace hni::speclib {
namespace {

using rdl::Component;
using rdl::Node;

std::string hex(std::uint64_t value) {
  return fmt::format("'h{:x}", value);
}

unsigned widest_register(const Node& node) {
  unsigned width = 0;
  for (const Node* child : node.children) {
    const bool reg = child->component == Component::kReg;
    width = std::max(width, reg ? rdl::reg_width(*child) : widest_register(*child));
  }
  return width;
}

class IpXact {
 public:
  explicit IpXact(const Card& card) : card_(card) {}
  std::string run();

 private:
  // Returns the words of the type ipxact:nameGroup: name, displayName, description.
  void names(const Node& node) { names(node, node.name); }
  void names(const Node& node, std::string_view name);
  void dims(const Node& node);
  void memory_map(const Space& space);
  void block(const Node& node, std::string_view name, std::uint64_t base);
  void children(const Node& node);
  void file(const Node& node);
  void spaced_array(const Node& node);
  void reg(const Node& node, bool alone);
  void alternate(const Node& node);
  void fields(const Node& node);
  void field(const Node& node);
  void values(const rdl::EnumDef& def);

  const Card& card_;
  std::multimap<const Node*, const Node*>
      aliases_;  // by the register that they share the place of
  XmlWriter out_{"ipxact:"};
};

void IpXact::names(const Node& node, std::string_view name) {
  const rdl::Model& model = card_.compilation->model;
  const std::string title = one_line(rdl::text_property(model, node, "name"));
  const std::string text = one_line(rdl::text_property(model, node, "desc"));
  out_.line("name", name);
  if (!title.empty()) out_.line("displayName", title);
  if (!text.empty()) out_.line("description", text);
}

void IpXact::dims(const Node& node) {
  for (const std::uint32_t count : node.dims) out_.line("dim", fmt::format("{}", count));
}

void IpXact::values(const rdl::EnumDef& def) {
  if (def.members.empty()) return;
  out_.open("enumeratedValues");
  for (std::size_t i = 0; i < def.members.size(); ++i) {
    out_.open("enumeratedValue");
    out_.line("name", def.members[i].name);
    if (!def.members[i].title.empty()) {
      out_.line("displayName", one_line(def.members[i].title));
    }
    if (!def.members[i].desc.empty()) out_.line("description", one_line(def.members[i].desc));
    out_.line("value", hex(def.values[i]));
    out_.close("enumeratedValue");
  }
  out_.close("enumeratedValues");
}

void IpXact::field(const Node& node) {
  out_.open("field");
  names(node);
  out_.line("bitOffset", fmt::format("{}", node.lsb));
  const rdl::Value* reset = rdl::property(node, rdl::kPropReset);
  if (reset != nullptr && reset->kind != rdl::Value::Kind::kRef) {
    out_.open("resets");
    out_.open("reset");
    out_.line("value", "'h" + reset->hex().substr(2));
    out_.close("reset");
    out_.close("resets");
  }
  out_.line("bitWidth", fmt::format("{}", node.msb - node.lsb + 1));
  out_.line("volatile", rdl::can_write(rdl::hw_access(node)) ? "true" : "false");
  out_.line("access", xml_access(rdl::sw_access(node)));
  if (const rdl::Value* code = rdl::property(node, rdl::kPropEncode)) values(*code->enumeration);
  if (const char* effect = xml_write_effect(rdl::on_write(node))) {
    out_.line("modifiedWriteValue", effect);
  }
  if (const char* effect = xml_read_effect(rdl::on_read(node))) out_.line("readAction", effect);
  out_.close("field");
}

void IpXact::fields(const Node& node) {
  for (const Node* child : node.children) field(*child);
}

// An alias is a second register at the same place (SystemRDL 10.4).
void IpXact::alternate(const Node& node) {
  out_.open("alternateRegister");
  names(node);
  out_.open("alternateGroups");
  out_.line("alternateGroup", node.name);
  out_.close("alternateGroups");
  fields(node);
  out_.close("alternateRegister");
}

// `alone`: one element of an array that a register file describes.
void IpXact::reg(const Node& node, bool alone) {
  out_.open("register");
  names(node);
  if (!alone) dims(node);
  out_.line("addressOffset", hex(alone ? 0 : node.address));
  out_.line("size", fmt::format("{}", rdl::reg_width(node)));
  fields(node);
  const auto [first, last] = aliases_.equal_range(&node);
  if (first != last) {
    out_.open("alternateRegisters");
    for (auto at = first; at != last; ++at) alternate(*at->second);
    out_.close("alternateRegisters");
  }
  out_.close("register");
}

// The elements of a register array follow each other without a gap in IP-XACT; a gap takes a
// register file.
void IpXact::spaced_array(const Node& node) {
  out_.open("registerFile");
  names(node);
  dims(node);
  out_.line("addressOffset", hex(node.address));
  out_.line("range", hex(node.stride));
  reg(node, true);
  out_.close("registerFile");
}

void IpXact::file(const Node& node) {
  out_.open("registerFile");
  names(node);
  dims(node);
  out_.line("addressOffset", hex(node.address));
  out_.line("range", hex(node.dims.empty() ? node.total_size() : node.stride));
  children(node);
  out_.close("registerFile");
}

void IpXact::children(const Node& node) {
  for (const Node* child : node.children) {
    if (child->alias_of != nullptr) aliases_.emplace(child->alias_of, child);
  }
  for (const Node* child : node.children) {
    if (child->component != Component::kReg) {
      file(*child);
    } else if (child->alias_of != nullptr) {
      continue;  // stated at the register itself
    } else if (!child->dims.empty() && child->stride * 8 != rdl::reg_width(*child)) {
      spaced_array(*child);
    } else {
      reg(*child, false);
    }
  }
}

void IpXact::block(const Node& node, std::string_view name, std::uint64_t base) {
  const bool memory = node.component == Component::kMem;
  const std::uint64_t otherwise = memory ? rdl::number(node, rdl::kPropMemWidth, 32) : 32;
  const unsigned widest = widest_register(node);
  out_.open("addressBlock");
  names(node, name);
  out_.line("baseAddress", hex(base));
  out_.line("range", hex(std::max<std::uint64_t>(node.total_size(), 1)));
  out_.line("width", fmt::format("{}", widest != 0 ? widest : otherwise));
  if (memory) {
    out_.line("usage", "memory");
    out_.line("access", xml_access(rdl::sw_access(node)));
  }
  children(node);
  out_.close("addressBlock");
}

void IpXact::memory_map(const Space& space) {
  const Node& node = *space.node;
  const auto is_block = [](const Node* child) {
    return child->dims.empty() &&
           (child->component == Component::kMem || child->component == Component::kAddrmap);
  };
  out_.open("memoryMap");
  names(node, space.name);
  if (!node.children.empty() &&
      std::all_of(node.children.begin(), node.children.end(), is_block)) {
    for (const Node* child : node.children) block(*child, child->name, child->address);
  } else {
    block(node, space.name, 0);
  }
  out_.line("addressUnitBits", "8");
  out_.close("memoryMap");
}

std::string IpXact::run() {
  out_.raw("<?xml version=\"1.0\" encoding=\"utf-8\"?>");
  out_.comment("Generated by hni-spec: do not edit. SPDX-License-Identifier: Apache-2.0");
  out_.raw(
      "<ipxact:component xmlns:ipxact=\"http://www.accellera.org/XMLSchema/IPXACT/1685-2014\" "
      "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
      "xsi:schemaLocation=\"http://www.accellera.org/XMLSchema/IPXACT/1685-2014 "
      "http://www.accellera.org/XMLSchema/IPXACT/1685-2014/index.xsd\">");
  out_.indent();
  out_.line("vendor", "openhni");
  out_.line("library", "spec");
  out_.line("name", card_.name);
  out_.line("version", "1.0");
  out_.open("memoryMaps");
  for (const Space& space : card_.spaces) memory_map(space);
  out_.close("memoryMaps");
  out_.close("component");
  return out_.take();
}

}  // namespace

std::string emit_ipxact(const Card& card) {
  return IpXact(card).run();
}

}  // namespace hni::speclib
