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
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "spec/compiler/ast.hpp"
#include "spec/compiler/lexer.hpp"
#include "spec/compiler/parser.hpp"
#include "spec/compiler/source.hpp"

namespace hni::rdl {

struct Node;
struct Reference;
struct StructValue;

struct Value {
  enum class Kind : std::uint8_t {
    kNone,  // bound without a value
    kBoolean,
    kNumber,
    kString,
    kKeyword,
    kEncoding,    // an enumeration as the value of `encode`
    kEnumerator,  // one of its members, `number` is its value
    kRef,
    kList,
    kStruct,
  };
  Kind kind = Kind::kNone;
  std::uint32_t width = 0;   // of a number, in bits
  std::uint64_t number = 0;  // of a boolean, number (its low 64 bits) or enumerator
  union {
    const Bits* wide = nullptr;  // kNumber beyond 64 bits
    const std::string* text;     // kString, kKeyword
    const EnumDef* enumeration;  // kEncoding, kEnumerator
    const Reference* reference;
    const std::vector<Value>* list;
    const StructValue* structure;
  };

  Bits bits() const { return wide_number() ? *wide : Bits(number); }
  // Returns true for a boolean, number or enumerator other than 0, or a reference.
  bool is_true() const { return kind == Kind::kRef || number != 0 || wide_number(); }
  std::string decimal() const { return bits().decimal(); }
  std::string hex() const { return bits().hex(); }

 private:
  bool wide_number() const { return kind == Kind::kNumber && wide != nullptr; }
};

struct StructValue {
  const StructDef* definition = nullptr;
  std::vector<Value> members;
};

// An instance or a property of one, as the value of a property.
struct Reference {
  struct Step {
    std::string_view name;
    std::vector<std::uint64_t> indices;
  };
  const Node* node = nullptr;
  const Node* owner = nullptr;             // start of the path; null for a signal of the top level
  const Definition* definition = nullptr;  // in the owner; null once the compilation is done
  std::vector<Step> path;
  std::string_view property;  // empty: the instance
  Span span;
};
// Returns the path as written in the owner: "a.b[3]->intr".
std::string reference_text(const Reference& reference);

struct Property {
  std::uint16_t id = 0;
  Value value;
};

struct Node {
  Component component = Component::kAddrmap;
  InstanceType instance_type = InstanceType::kUnstated;
  bool has_address = false;  // stated explicitly, or already placed
  // fields: bits are numbered [low:high], and bit `lsb` is the most significant
  bool msb0 = false;
  bool present = true;    // false: not part of the model (ispresent = false)
  std::uint16_t msb = 0;  // fields only: the higher bit number
  std::uint16_t lsb = 0;
  std::string_view name;
  Span span;
  const Definition* definition = nullptr;  // null once the compilation is done
  Node* parent = nullptr;
  Node* alias_of = nullptr;     // the primary register
  std::vector<Node*> children;  // in source order, present ones only
  std::vector<Node*> absent;    // ispresent = false: they only occupy space
  std::vector<Node*> signals;
  std::vector<Property> properties;
  std::vector<std::uint32_t> dims;  // empty: no array
  std::uint64_t address = 0;        // bytes from the start of the parent
  std::uint64_t stride = 0;         // bytes between elements, 0 if not an array
  std::uint64_t size = 0;           // bytes of one element; bits of a field or signal
  std::uint64_t align = 0;          // alignment given by %=, 0 if none

  bool external() const { return instance_type == InstanceType::kExternal; }
  unsigned width() const { return static_cast<unsigned>(msb - lsb + 1); }  // of a field
  std::uint64_t element_count() const;
  // Returns the bytes of the whole array, including the padding after its last element (as in
  // IP-XACT).
  std::uint64_t total_size() const;
};

struct Model {
  std::vector<PropertyInfo> properties;
  std::vector<Node*> roots;         // the elaborated addrmaps, in source order
  std::vector<Node*> root_signals;  // signals of the top level
  std::deque<Node> nodes;
  std::deque<std::vector<Value>> lists;
  std::deque<StructValue> structures;
  std::deque<Reference> references;
  std::deque<Bits> wide_numbers;
  std::unordered_set<std::string> strings;
  std::unordered_map<std::string_view, std::uint16_t> property_ids;

  const std::string* intern(std::string_view text) { return &*strings.emplace(text).first; }
  // Returns the id of a property, or -1.
  int find_property(std::string_view name) const;
};

// Returns null if the node has no such property.
const Value* property(const Node& node, std::uint16_t id);
const Value* property(const Model& model, const Node& node, std::string_view name);
// Return "", `otherwise` and false if the property is absent or of another type.
std::string_view text_property(const Model& model, const Node& node, std::string_view name);
std::uint64_t number_property(const Model& model, const Node& node, std::string_view name,
                              std::uint64_t otherwise);
bool flag_property(const Model& model, const Node& node, std::string_view name);

std::uint64_t absolute_address(const Node& node);
// Returns instance names from the root, joined with dots.
std::string path_of(const Node& node);

struct Limits {
  LexLimits lex;
  ParseLimits parse;
  std::size_t nodes = 2u << 20;
  std::uint64_t array_elements = 1u << 24;
  std::uint64_t address_space = std::uint64_t{1} << 48;
};

// Options that the command line sets.
struct Options {
  std::string top;                                           // empty: every unused root addrmap
  std::vector<std::pair<std::string, std::string>> defines;  // -D NAME=TEXT
  // -P NAME=VALUE, parameters of the top addrmap
  std::vector<std::pair<std::string, std::string>> parameters;
  std::vector<std::string> include_folders;  // -I
};

struct Compilation {
  SourceSet sources;
  std::deque<Preprocessed> texts;  // sources: names and strings of the model point into them
  Diagnostics diagnostics;
  Ast ast;
  Model model;
  bool ok = false;
};

// Reads, parses, elaborates and checks `path` and all included files. Never returns null; `ok`
// states whether the model may be used, `diagnostics` why not.
std::unique_ptr<Compilation> compile(const std::string& path, const FileReader& reader = read_file,
                                     const Limits& limits = {}, const Options& options = {});

}  // namespace hni::rdl
