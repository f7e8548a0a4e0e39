// SPDX-License-Identifier: Apache-2.0
#include "spec/compiler/model.hpp"

#include "spec/compiler/check.hpp"
#include "spec/compiler/elaborate.hpp"
#include "spec/compiler/properties.hpp"

namespace hni::rdl {

std::uint64_t Node::element_count() const {
  std::uint64_t count = 1;
  for (const std::uint32_t dim : dims) count *= dim;
  return count;
}

std::uint64_t Node::total_size() const {
  return dims.empty() ? size : element_count() * stride;
}

int Model::find_property(std::string_view name) const {
  const auto found = property_ids.find(name);
  return found == property_ids.end() ? -1 : static_cast<int>(found->second);
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
  return value == nullptr || value->kind != Value::Kind::kString ? std::string_view()
                                                                 : std::string_view(*value->text);
}

std::uint64_t number_property(const Model& model, const Node& node, std::string_view name,
                              std::uint64_t otherwise) {
  const Value* value = property(model, node, name);
  const bool numeric = value != nullptr && (value->kind == Value::Kind::kNumber ||
                                            value->kind == Value::Kind::kBoolean);
  return numeric ? value->number : otherwise;
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

std::string reference_text(const Reference& reference) {
  std::string out;
  for (const Reference::Step& step : reference.path) {
    out += (out.empty() ? "" : ".") + std::string(step.name);
    for (const std::uint64_t index : step.indices) out += "[" + std::to_string(index) + "]";
  }
  if (!reference.property.empty()) out += "->" + std::string(reference.property);
  return out;
}

namespace {

// Parses "NAME=VALUE" parameters of the command line as expressions.
bool parse_parameters(const Options& options, Compilation& out, const Limits& limits,
                      TopChoice& top) {
  for (const auto& [name, value] : options.parameters) {
    // clang 14 does not capture a structured binding by reference.
    const FileReader reader = [&text = value](const std::string&) { return std::optional(text); };
    Preprocessed& source = out.texts.emplace_back();
    if (!preprocess("-P " + name, reader, out.sources, out.diagnostics, limits.lex, {}, source)) {
      return false;
    }
    TokenStream tokens(source, out.diagnostics, limits.lex);
    const Expr* expr = parse_constant(tokens, out.ast, out.diagnostics, limits.parse);
    if (expr == nullptr) return false;
    top.parameters.emplace_back(name, expr);
  }
  return true;
}

bool build_model(Compilation& out, const std::string& path, const FileReader& reader,
                 const Limits& limits, const Options& options) {
  Preprocessed& source = out.texts.emplace_back();
  const PreprocessOptions preprocessing{options.defines, options.include_folders};
  if (!preprocess(path, reader, out.sources, out.diagnostics, limits.lex, preprocessing, source)) {
    return false;
  }
  TokenStream tokens(source, out.diagnostics, limits.lex);
  if (!parse(tokens, out.ast, out.diagnostics, limits.parse)) return false;
  TopChoice top;
  top.name = options.top;
  if (!parse_parameters(options, out, limits, top)) return false;
  bool good = elaborate(out.ast, out.model, out.diagnostics, limits, top);
  // An error in one map does not hide errors of the next.
  std::vector<Node*> placed;
  for (Node* root : out.model.roots) {
    const Value* present = property(*root, kPropIsPresent);
    if (present != nullptr && !present->is_true()) {
      out.diagnostics.add("empty", root->span,
                          "the map '" + std::string(root->name) + "' is not present",
                          "remove ispresent = false");
    }
    if (place(*root, out.diagnostics, limits)) placed.push_back(root);
  }
  good = good && placed.size() == out.model.roots.size();
  out.model.roots = placed;
  return check(out.model, out.diagnostics) && good;
}

}  // namespace

std::unique_ptr<Compilation> compile(const std::string& path, const FileReader& reader,
                                     const Limits& limits, const Options& options) {
  auto out = std::make_unique<Compilation>();
  out->ok = build_model(*out, path, reader, limits, options) && out->diagnostics.empty();
  // Definitions are no longer needed and take most of the memory of a large map. Enumerations are
  // kept.
  for (Node& node : out->model.nodes) node.definition = nullptr;
  out->ast.roots.clear();
  out->ast.root = {};
  out->ast.definitions.clear();
  out->ast.exprs.clear();
  out->ast.references.clear();
  out->ast.defaults.clear();
  return out;
}

}  // namespace hni::rdl
