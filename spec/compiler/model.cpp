// SPDX-License-Identifier: Apache-2.0
#include "spec/compiler/model.hpp"

#include "spec/compiler/check.hpp"
#include "spec/compiler/elaborate.hpp"

namespace hni::rdl {

std::uint64_t Node::element_count() const {
  std::uint64_t count = 1;
  for (const std::uint32_t dim : dims) count *= dim;
  return count;
}

std::uint64_t Node::total_size() const {
  return dims.empty() ? size : element_count() * stride;
}

void Model::add_property(const PropertyInfo& info) {
  property_ids.emplace(info.name, static_cast<int>(properties.size()));
  properties.push_back(info);
}

int Model::find_property(std::string_view name) const {
  const auto found = property_ids.find(name);
  return found == property_ids.end() ? -1 : found->second;
}

const Value* property(const Node& node, std::uint16_t id) {
  for (const Property& entry : node.properties) {
    if (entry.id == id) return &entry.value;
  }
  return nullptr;
}

const Value* property(const Model& model, const Node& node, std::string_view name) {
  for (const Property& entry : node.properties) {
    if (model.properties[entry.id].name == name) return &entry.value;
  }
  return nullptr;
}

std::string_view text_property(const Model& model, const Node& node, std::string_view name) {
  const Value* value = property(model, node, name);
  return value == nullptr ? std::string_view() : std::string_view(*value->text);
}

std::uint64_t number_property(const Model& model, const Node& node, std::string_view name,
                              std::uint64_t otherwise) {
  const Value* value = property(model, node, name);
  return value == nullptr ? otherwise : value->number;
}

bool flag_property(const Model& model, const Node& node, std::string_view name) {
  return number_property(model, node, name, 0) != 0;
}

std::uint64_t absolute_address(const Node& node) {
  std::uint64_t address = 0;
  for (const Node* at = &node; at->parent != nullptr; at = at->parent) address += at->address;
  return address;
}

std::string path_of(const Node& node) {
  std::string path(node.name);
  for (const Node* at = node.parent; at != nullptr; at = at->parent) {
    path = std::string(at->name) + "." + path;
  }
  return path;
}

std::unique_ptr<Compilation> compile(const std::string& path, const FileReader& reader,
                                     const Limits& limits) {
  auto out = std::make_unique<Compilation>();
  TokenStream tokens(path, reader, out->sources, out->diagnostics, limits.lex);
  if (!parse(tokens, out->ast, out->diagnostics, limits.parse)) return out;
  if (!elaborate(out->ast, out->model, out->diagnostics, limits)) return out;
  out->ok = check(out->model, out->diagnostics);
  // Definitions have done their work and are most of the memory of a large map. Enumerations stay.
  for (Node& node : out->model.nodes) node.definition = nullptr;
  out->ast.roots.clear();
  out->ast.definitions.clear();
  out->ast.exprs.clear();
  out->ast.defaults.clear();
  return out;
}

}  // namespace hni::rdl
