// SPDX-License-Identifier: Apache-2.0
// `hni spec dump`: the elaborated model as lines, so that the output of two compilers can be
// compared with diff.
#include <fmt/format.h>

#include "spec/compiler/emit.hpp"
#include "spec/compiler/properties.hpp"

namespace hni::speclib {
namespace {

using rdl::Component;
using rdl::Node;

std::string dims_text(const Node& node) {
  std::string out;
  for (const std::uint32_t dim : node.dims) out += fmt::format("[{}]", dim);
  if (!node.dims.empty()) out += fmt::format("+{:#x}", node.stride);
  return out;
}

std::string_view or_dash(std::string_view text) {
  return text.empty() ? "-" : text;
}

void dump_field(const Node& field, std::string& out) {
  out +=
      fmt::format("  field {} [{}:{}] sw={} hw={} onread={} onwrite={} pulse={:d} reset={}\n",
                  field.name, field.msb, field.lsb, rdl::sw_access(field), rdl::hw_access(field),
                  or_dash(rdl::on_read(field)), or_dash(rdl::on_write(field)),
                  rdl::flag(field, rdl::kPropSinglePulse), rdl::reset_text(field));
  const rdl::Value* code = rdl::property(field, rdl::kPropEncode);
  if (code == nullptr) return;
  const rdl::EnumDef& def = *code->enumeration;
  for (std::size_t i = 0; i < def.members.size(); ++i) {
    out += fmt::format("    enum {} = {}\n", def.members[i].name, def.values[i]);
  }
}

void dump_node(const Node& node, const std::string& path, std::uint64_t address,
               std::string& out) {
  if (node.component == Component::kReg) {
    out += fmt::format("reg {}{} @{:#x} width={} access={}\n", path, dims_text(node), address,
                       rdl::reg_width(node), rdl::access_width(node));
    for (const Node* field : node.children) dump_field(*field, out);
    return;
  }
  out += fmt::format("{} {}{}", rdl::component_name(node.component), path, dims_text(node));
  if (node.parent != nullptr) out += fmt::format(" @{:#x}", address);
  out += fmt::format(" size={:#x}\n", node.total_size());
  for (const Node* child : node.children) {
    dump_node(*child, path + "." + std::string(child->name), address + child->address, out);
  }
}

}  // namespace

std::string emit_dump(const rdl::Model& model) {
  std::string out;
  for (const Node* root : model.roots) dump_node(*root, std::string(root->name), 0, out);
  return out;
}

}  // namespace hni::speclib
