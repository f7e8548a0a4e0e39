// SPDX-License-Identifier: Apache-2.0
// The elaborated model: a tree of instances with every value known and checked.
//
// Arrays stay one node (dims, stride). Addresses are byte offsets within the parent;
// absolute_address gives that of element 0 of every enclosing array, which is what all listings
// use. Strings are interned in the Model. A Compilation owns everything that the tree points to.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "spec/compiler/ast.hpp"
#include "spec/compiler/lexer.hpp"
#include "spec/compiler/parser.hpp"
#include "spec/compiler/source.hpp"

namespace hni::rdl {

struct Node;

struct Value {
  enum class Kind : std::uint8_t {
    kNone,
    kBoolean,
    kNumber,
    kString,
    kKeyword,
    kEnum,
    kRef,
    kList
  };
  Kind kind = Kind::kNone;
  std::uint8_t width = 0;  // of a sized number, 0 if none was stated
  union {
    std::uint64_t number;
    const std::string* text;  // kString, kKeyword
    const EnumDef* enumeration;
    const Node* node;
    const std::vector<Value>* list;
  };
  Value() : number(0) {}
};

// One property of the language or of the user. Ids of the standard's properties are fixed (see
// properties.hpp), user-defined ones follow in source order.
struct PropertyInfo {
  std::string_view name;
  ComponentSet components = 0;
  ValueType type = ValueType::kString;
  bool list = false;
  const PropertyDef* user = nullptr;
};

struct Property {
  std::uint16_t id = 0;
  Value value;
};

struct Node {
  Component component = Component::kAddrmap;
  bool external = false;
  bool has_address = false;  // stated or already placed
  std::uint8_t msb = 0;      // fields only
  std::uint8_t lsb = 0;
  std::string_view name;
  Span span;
  const Definition* definition = nullptr;  // null once the compilation is done
  Node* parent = nullptr;
  std::vector<Node*> children;  // source order
  std::vector<Property> properties;
  std::vector<std::uint32_t> dims;  // empty: no array
  std::uint64_t address = 0;        // bytes from the parent's start
  std::uint64_t stride = 0;         // bytes between elements, 0 if no array
  std::uint64_t size = 0;           // bytes of one element
  std::uint64_t align = 0;          // stated by %=, 0 if not

  std::uint64_t element_count() const;
  // Bytes of the whole array, the padding behind its last element too (as IP-XACT counts).
  std::uint64_t total_size() const;
};

struct Model {
  std::vector<PropertyInfo> properties;
  std::vector<Node*> roots;  // addrmaps that nothing instantiates, in source order
  std::deque<Node> nodes;
  std::deque<std::vector<Value>> lists;
  std::unordered_set<std::string> strings;
  std::unordered_map<std::string_view, int> property_ids;

  const std::string* intern(std::string_view text) { return &*strings.emplace(text).first; }
  void add_property(const PropertyInfo& info);
  // Id of a property, or -1.
  int find_property(std::string_view name) const;
};

// Null if the node has no such property.
const Value* property(const Node& node, std::uint16_t id);
const Value* property(const Model& model, const Node& node, std::string_view name);
std::string_view text_property(const Model& model, const Node& node, std::string_view name);
std::uint64_t number_property(const Model& model, const Node& node, std::string_view name,
                              std::uint64_t otherwise);
bool flag_property(const Model& model, const Node& node, std::string_view name);

std::uint64_t absolute_address(const Node& node);
// Instance names from the root, joined with dots.
std::string path_of(const Node& node);

struct Limits {
  LexLimits lex;
  ParseLimits parse;
  std::size_t nodes = 2u << 20;
  std::uint64_t array_elements = 1u << 24;
  std::uint64_t address_space = std::uint64_t{1} << 48;
};

struct Compilation {
  SourceSet sources;
  Diagnostics diagnostics;
  Ast ast;
  Model model;
  bool ok = false;
};

// Reads, parses, elaborates and checks `path` with all that it includes. Never null; `ok` says
// whether the model may be used, `diagnostics` why not.
std::unique_ptr<Compilation> compile(const std::string& path, const FileReader& reader = read_file,
                                     const Limits& limits = {});

}  // namespace hni::rdl
