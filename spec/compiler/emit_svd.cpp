// SPDX-License-Identifier: Apache-2.0
// `hni spec svd`: CMSIS-SVD 1.3, which debuggers and code generators read. A space is a
// peripheral, a register file a cluster.
#include <fmt/format.h>

#include <algorithm>

#include "spec/compiler/emit.hpp"
#include "spec/compiler/properties.hpp"
#include "spec/compiler/value_text.hpp"

namespace hni::speclib {
namespace {

using rdl::Component;
using rdl::Node;

std::string xml(std::string_view text) {
  std::string out;
  for (const char c : valid_utf8(text)) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else {
      out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

const char* access_text(std::string_view sw) {
  if (sw == "r") return "read-only";
  if (sw == "w") return "write-only";
  if (sw == "w1") return "writeOnce";
  return sw == "rw1" ? "read-writeOnce" : "read-write";
}

const char* write_effect(std::string_view onwrite) {
  static constexpr std::pair<std::string_view, const char*> kEffects[] = {
      {"woclr", "oneToClear"}, {"woset", "oneToSet"}, {"wot", "oneToToggle"},
      {"wzc", "zeroToClear"},  {"wzs", "zeroToSet"},  {"wzt", "zeroToToggle"},
      {"wclr", "clear"},       {"wset", "set"},       {"wuser", "modify"},
  };
  for (const auto& [word, effect] : kEffects) {
    if (onwrite == word) return effect;
  }
  return nullptr;
}

class Svd {
 public:
  explicit Svd(const Card& card) : card_(card) {}
  std::string run();

 private:
  void line(const char* tag, std::string_view text) {
    out_ += fmt::format("{}<{}>{}</{}>\n", std::string(depth_, ' '), tag, xml(text), tag);
  }
  void open(const char* tag) { out_ += fmt::format("{}<{}>\n", std::string(depth_++, ' '), tag); }
  void close(const char* tag) {
    out_ += fmt::format("{}</{}>\n", std::string(--depth_, ' '), tag);
  }
  void description(const Node& node) {
    const std::string text = one_line(rdl::text_property(card_.compilation->model, node, "desc"));
    line("description", text.empty() ? std::string_view(node.name) : std::string_view(text));
  }
  void array(std::uint32_t count, std::uint64_t stride) {
    line("dim", fmt::format("{}", count));
    line("dimIncrement", fmt::format("{:#x}", stride));
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
  std::size_t depth_ = 0;
  std::string out_;
};

// SVD arrays have one dimension; each further dimension becomes an enclosing cluster.
std::size_t Svd::outer_dims(const Node& node) {
  if (node.dims.size() < 2) return 0;
  std::uint64_t stride = node.stride * node.element_count();
  for (std::size_t i = 0; i + 1 < node.dims.size(); ++i) {
    stride /= node.dims[i];
    open("cluster");
    array(node.dims[i], stride);
    line("name", fmt::format("{}_{}[%s]", node.name, i));
    line("addressOffset", fmt::format("{:#x}", i == 0 ? node.address : 0));
  }
  return node.dims.size() - 1;
}

void Svd::close_outer_dims(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) close("cluster");
}

void Svd::values(const rdl::EnumDef& def) {
  open("enumeratedValues");
  for (std::size_t i = 0; i < def.members.size(); ++i) {
    open("enumeratedValue");
    line("name", def.members[i].name);
    if (!def.members[i].desc.empty()) line("description", one_line(def.members[i].desc));
    line("value", fmt::format("{}", def.values[i]));
    close("enumeratedValue");
  }
  close("enumeratedValues");
}

void Svd::field(const Node& node) {
  open("field");
  line("name", node.name);
  description(node);
  line("bitRange", fmt::format("[{}:{}]", node.msb, node.lsb));
  line("access", access_text(rdl::sw_access(node)));
  if (const char* effect = write_effect(rdl::on_write(node))) {
    line("modifiedWriteValues", effect);
  }
  const std::string_view read = rdl::on_read(node);
  if (!read.empty())
    line("readAction", read == "rclr" ? "clear" : read == "rset" ? "set" : "modify");
  if (const rdl::Value* code = rdl::property(node, rdl::kPropEncode)) values(*code->enumeration);
  close("field");
}

// SVD registers have at most 64 bits.
void Svd::wide(const Node& node) {
  out_ += fmt::format("{}<!-- {}: {} bits, as words; its fields cannot be stated here -->\n",
                      std::string(depth_, ' '), xml(node.name), rdl::reg_width(node));
  open("register");
  array(rdl::reg_width(node) / 32, 4);
  line("name", std::string(node.name) + "_W[%s]");
  description(node);
  line("addressOffset", fmt::format("{:#x}", node.dims.empty() ? node.address : 0));
  line("size", "32");
  close("register");
}

void Svd::reg(const Node& node) {
  const std::size_t outer = outer_dims(node);
  const bool wide_array = rdl::reg_width(node) > 64 && !node.dims.empty();
  if (wide_array) {
    open("cluster");
    array(node.dims.back(), node.stride);
    line("name", std::string(node.name) + "[%s]");
    line("addressOffset", fmt::format("{:#x}", outer > 0 ? 0 : node.address));
  }
  if (rdl::reg_width(node) > 64) {
    wide(node);
    if (wide_array) close("cluster");
    close_outer_dims(outer);
    return;
  }
  open("register");
  if (!node.dims.empty()) array(node.dims.back(), node.stride);
  line("name", std::string(node.name) + (node.dims.empty() ? "" : "[%s]"));
  description(node);
  line("addressOffset", fmt::format("{:#x}", outer > 0 ? 0 : node.address));
  line("size", fmt::format("{}", rdl::reg_width(node)));
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
  line("resetValue", fmt::format("{:#x}", reset));
  line("resetMask", fmt::format("{:#x}", known));
  open("fields");
  for (const Node* child : node.children) field(*child);
  close("fields");
  close("register");
  close_outer_dims(outer);
}

void Svd::cluster(const Node& node) {
  const std::size_t outer = outer_dims(node);
  open("cluster");
  if (!node.dims.empty()) array(node.dims.back(), node.stride);
  line("name", std::string(node.name) + (node.dims.empty() ? "" : "[%s]"));
  description(node);
  line("addressOffset", fmt::format("{:#x}", outer > 0 ? 0 : node.address));
  children(node);
  close("cluster");
  close_outer_dims(outer);
}

void Svd::children(const Node& node) {
  for (const Node* child : node.children) {
    if (child->component == Component::kReg) {
      reg(*child);
    } else if (child->component == Component::kMem && child->children.empty()) {
      out_ += fmt::format("{}<!-- memory {}: {:#x} bytes at {:#x} -->\n", std::string(depth_, ' '),
                          xml(child->name), child->size, child->address);
    } else {
      cluster(*child);
    }
  }
}

void Svd::peripheral(const Space& space) {
  open("peripheral");
  line("name", space.name);
  description(*space.node);
  line("baseAddress", fmt::format("{:#x}", rdl::absolute_address(*space.node)));
  open("addressBlock");
  line("offset", "0x0");
  line("size", fmt::format("{:#x}", space.node->total_size()));
  line("usage", "registers");
  close("addressBlock");
  open("registers");
  children(*space.node);
  close("registers");
  close("peripheral");
}

std::string Svd::run() {
  out_ =
      "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- Generated by hni-spec: do not edit. "
      "SPDX-License-Identifier: Apache-2.0 -->\n"
      "<device schemaVersion=\"1.3\" xmlns:xs=\"http://www.w3.org/2001/XMLSchema-instance\" "
      "xs:noNamespaceSchemaLocation=\"CMSIS-SVD.xsd\">\n";
  depth_ = 1;
  line("name", card_.name);
  line("version", "1.0");
  line("description", card_.name);
  line("addressUnitBits", "8");
  line("width", "32");
  line("size", "32");
  line("access", "read-write");
  open("peripherals");
  for (const Space& space : card_.spaces) peripheral(space);
  close("peripherals");
  return out_ + "</device>\n";
}

}  // namespace

std::string emit_svd(const Card& card) {
  return Svd(card).run();
}

}  // namespace hni::speclib
