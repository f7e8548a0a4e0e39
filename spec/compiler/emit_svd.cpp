// SPDX-License-Identifier: Apache-2.0
// `hni spec svd`: CMSIS-SVD 1.3, which debuggers and code generators read. A space is a
// peripheral, a register file a cluster.
#include <fmt/format.h>

#include <algorithm>

#include "spec/compiler/emit.hpp"
#include "spec/compiler/properties.hpp"
#include "spec/compiler/value_text.hpp"
#include "spec/compiler/xml_writer.hpp"

namespace hni::speclib {
namespace {

using rdl::Component;
using rdl::Node;

class Svd {
 public:
  explicit Svd(const Card& card) : card_(card) {}
  std::string run();

 private:
  void description(const Node& node) {
    const std::string text = one_line(rdl::text_property(card_.compilation->model, node, "desc"));
    out_.line("description", text.empty() ? std::string_view(node.name) : std::string_view(text));
  }
  void array(std::uint32_t count, std::uint64_t stride) {
    out_.line("dim", fmt::format("{}", count));
    out_.line("dimIncrement", fmt::format("{:#x}", stride));
  }
  std::size_t outer_dims(const Node& node);
  void close_outer_dims(std::size_t count);
  void children(const Node& node);
  void cluster(const Node& node);
  void reg(const Node& node);
  void field(const Node& node);
  void values(const rdl::EnumDef& def);
  void wide(const Node& node);
  void peripheral(const Space& space);

  const Card& card_;
  XmlWriter out_;
};

// SVD arrays have one dimension; each further dimension becomes an enclosing cluster.
std::size_t Svd::outer_dims(const Node& node) {
  if (node.dims.size() < 2) return 0;
  std::uint64_t stride = node.stride * node.element_count();
  for (std::size_t i = 0; i + 1 < node.dims.size(); ++i) {
    stride /= node.dims[i];
    out_.open("cluster");
    array(node.dims[i], stride);
    out_.line("name", fmt::format("{}_{}[%s]", node.name, i));
    out_.line("addressOffset", fmt::format("{:#x}", i == 0 ? node.address : 0));
  }
  return node.dims.size() - 1;
}

void Svd::close_outer_dims(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) out_.close("cluster");
}

void Svd::values(const rdl::EnumDef& def) {
  out_.open("enumeratedValues");
  for (std::size_t i = 0; i < def.members.size(); ++i) {
    out_.open("enumeratedValue");
    out_.line("name", def.members[i].name);
    if (!def.members[i].desc.empty()) out_.line("description", one_line(def.members[i].desc));
    out_.line("value", fmt::format("{}", def.values[i]));
    out_.close("enumeratedValue");
  }
  out_.close("enumeratedValues");
}

void Svd::field(const Node& node) {
  out_.open("field");
  out_.line("name", node.name);
  description(node);
  out_.line("bitRange", fmt::format("[{}:{}]", node.msb, node.lsb));
  out_.line("access", xml_access(rdl::sw_access(node)));
  if (const char* effect = xml_write_effect(rdl::on_write(node))) {
    out_.line("modifiedWriteValues", effect);
  }
  if (const char* effect = xml_read_effect(rdl::on_read(node))) out_.line("readAction", effect);
  if (const rdl::Value* code = rdl::property(node, rdl::kPropEncode)) values(*code->enumeration);
  out_.close("field");
}

// SVD registers have at most 64 bits.
void Svd::wide(const Node& node) {
  out_.comment(fmt::format("{}: {} bits, as words; its fields cannot be stated here", node.name,
                           rdl::reg_width(node)));
  out_.open("register");
  array(rdl::reg_width(node) / 32, 4);
  out_.line("name", std::string(node.name) + "_W[%s]");
  description(node);
  out_.line("addressOffset", fmt::format("{:#x}", node.dims.empty() ? node.address : 0));
  out_.line("size", "32");
  out_.close("register");
}

void Svd::reg(const Node& node) {
  const std::size_t outer = outer_dims(node);
  const bool wide_array = rdl::reg_width(node) > 64 && !node.dims.empty();
  if (wide_array) {
    out_.open("cluster");
    array(node.dims.back(), node.stride);
    out_.line("name", std::string(node.name) + "[%s]");
    out_.line("addressOffset", fmt::format("{:#x}", outer > 0 ? 0 : node.address));
  }
  if (rdl::reg_width(node) > 64) {
    wide(node);
    if (wide_array) out_.close("cluster");
    close_outer_dims(outer);
    return;
  }
  out_.open("register");
  if (!node.dims.empty()) array(node.dims.back(), node.stride);
  out_.line("name", std::string(node.name) + (node.dims.empty() ? "" : "[%s]"));
  description(node);
  out_.line("addressOffset", fmt::format("{:#x}", outer > 0 ? 0 : node.address));
  out_.line("size", fmt::format("{}", rdl::reg_width(node)));
  std::uint64_t reset = 0;
  std::uint64_t known = 0;
  for (const Node* child : node.children) {
    Field bits;
    bits.msb = child->msb;
    bits.lsb = child->lsb;
    const auto value = rdl::reset_number(*child);
    if (!value) continue;
    reset |= *value << child->lsb;
    known |= bits.mask();
  }
  out_.line("resetValue", fmt::format("{:#x}", reset));
  out_.line("resetMask", fmt::format("{:#x}", known));
  out_.open("fields");
  for (const Node* child : node.children) field(*child);
  out_.close("fields");
  out_.close("register");
  close_outer_dims(outer);
}

void Svd::cluster(const Node& node) {
  const std::size_t outer = outer_dims(node);
  out_.open("cluster");
  if (!node.dims.empty()) array(node.dims.back(), node.stride);
  out_.line("name", std::string(node.name) + (node.dims.empty() ? "" : "[%s]"));
  description(node);
  out_.line("addressOffset", fmt::format("{:#x}", outer > 0 ? 0 : node.address));
  children(node);
  out_.close("cluster");
  close_outer_dims(outer);
}

void Svd::children(const Node& node) {
  for (const Node* child : node.children) {
    if (child->component == Component::kReg) {
      reg(*child);
    } else if (child->component == Component::kMem && child->children.empty()) {
      out_.comment(fmt::format("memory {}: {:#x} bytes at {:#x}", child->name, child->size,
                               child->address));
    } else {
      cluster(*child);
    }
  }
}

void Svd::peripheral(const Space& space) {
  out_.open("peripheral");
  out_.line("name", space.name);
  description(*space.node);
  out_.line("baseAddress", fmt::format("{:#x}", rdl::absolute_address(*space.node)));
  out_.open("addressBlock");
  out_.line("offset", "0x0");
  out_.line("size", fmt::format("{:#x}", space.node->total_size()));
  out_.line("usage", "registers");
  out_.close("addressBlock");
  out_.open("registers");
  children(*space.node);
  out_.close("registers");
  out_.close("peripheral");
}

std::string Svd::run() {
  out_.raw("<?xml version=\"1.0\" encoding=\"utf-8\"?>");
  out_.comment("Generated by hni-spec: do not edit. SPDX-License-Identifier: Apache-2.0");
  out_.raw(
      "<device schemaVersion=\"1.3\" xmlns:xs=\"http://www.w3.org/2001/XMLSchema-instance\" "
      "xs:noNamespaceSchemaLocation=\"CMSIS-SVD.xsd\">");
  out_.indent();
  out_.line("name", card_.name);
  out_.line("version", "1.0");
  out_.line("description", card_.name);
  out_.line("addressUnitBits", "8");
  out_.line("width", "32");
  out_.line("size", "32");
  out_.line("access", "read-write");
  out_.open("peripherals");
  for (const Space& space : card_.spaces) peripheral(space);
  out_.close("peripherals");
  out_.close("device");
  return out_.take();
}

}  // namespace

std::string emit_svd(const Card& card) {
  return Svd(card).run();
}

}  // namespace hni::speclib
