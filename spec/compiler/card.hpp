// SPDX-License-Identifier: Apache-2.0
// A map as the generators see it: registers are flat and have addresses in a space.
//
// A source that uses the user-defined properties of spec/udp.rdl (their names begin with hni_) is
// read as a card: its spaces are the addrmaps BAR0 to BAR5, registers carry their Linux names, one
// 64-bit register of the source that is accessed in 32 bits has become two, and descriptor
// layouts, firmware messages and actions have lists of their own. Any other source is a plain map:
// each root is a space, and a register is named by its path.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "spec/compiler/model.hpp"

namespace hni::speclib {

struct Provenance {
  std::string_view source;          // "linux-7.3", "ethtool-2025", ...; empty if unstated
  std::string_view reference;       // "device 11.1"
  std::string_view interpretation;  // what this spec chose itself; empty if nothing
};

struct Field {
  std::string_view name;         // C++ name, before cpp_name
  std::string_view stated_name;  // full Linux name; empty if it follows from the owner's
  unsigned msb = 0;
  unsigned lsb = 0;
  std::string_view sw;
  std::string_view hw;
  std::string_view on_read;
  std::string_view on_write;
  bool pulse = false;
  bool dump_only = false;
  bool msb0 = false;                   // bit numbers count from the most significant bit
  std::optional<std::uint64_t> reset;  // if it is a number of at most 64 bits
  std::string reset_text;              // decimal, or the path of a reference; empty if absent
  const rdl::EnumDef* enumeration = nullptr;
  std::string_view desc;
  Provenance provenance;
  const rdl::Node* node = nullptr;
  unsigned width() const { return msb - lsb + 1; }
  // The mask in the low 64 bits of the register, not shifted.
  std::uint64_t mask() const;
  // Full Linux name without FBNIC_. `owner` is the name of the register or layout.
  std::string linux_name(std::string_view owner) const;
};

struct Dim {
  std::uint32_t count = 0;
  std::uint64_t stride = 0;  // bytes
};

// A mask with its exact Linux name, without FBNIC_.
struct NamedMask {
  std::string name;
  unsigned msb = 0;
  unsigned lsb = 0;
};

struct Register {
  std::string name;               // Linux name without FBNIC_; in a plain map the path with '_'
  std::string path;               // in a plain map the path with dots, below the root
  unsigned bar = 0;               // number of the space; in a plain map an index into Card::spaces
  std::uint64_t byte_offset = 0;  // element 0
  std::vector<Dim> dims;          // outermost first
  unsigned width = 32;
  std::vector<Field> fields;  // by falling bits
  std::vector<std::string> aliases;
  std::vector<NamedMask> masks;  // further Linux masks of this word
  std::string_view title;
  std::string_view desc;
  Provenance provenance;
  bool dump_only = false;
  std::string_view when;  // condition of a legal write, empty if always legal
  std::string_view when_text;
  std::string high_half;  // of the low half of a 64-bit value: the register of the high half
  const rdl::Node* node = nullptr;
  std::uint32_t elements() const;
};

// One layout of a descriptor or of a TCAM word.
struct Layout {
  std::string name;
  std::string_view family;
  std::string_view when;  // FIELD == N, empty if always
  unsigned width = 64;
  std::vector<Field> fields;
  std::vector<NamedMask> masks;
  std::string_view title;
  std::string_view desc;
  Provenance provenance;
};

struct Attribute {
  std::string name;
  std::uint16_t id = 0;
  std::string_view type;
  std::uint16_t max_bytes = 0;
  std::uint16_t element_id = 0;
  std::uint16_t max_elements = 0;
  std::uint32_t since_fw = 0;
  bool mandatory = false;
  bool known_to_linux = false;
  std::string_view desc;
  Provenance provenance;
};

struct Message {
  std::string name;
  std::uint16_t id = 0;
  bool host_to_fw = false;
  bool fw_to_host = false;
  std::optional<std::uint16_t> response;
  std::uint32_t since_fw = 0;
  bool known_to_linux = false;
  std::vector<Attribute> attributes;  // by rising id
  std::string_view desc;
  Provenance provenance;
};

// A write to `target` is legal only while (condition & mask) == value.
struct ActionRule {
  std::string name;
  std::string_view text;
  std::size_t target = 0;     // index into Card::registers
  std::size_t condition = 0;  // index into Card::registers
  std::uint32_t mask = 0;
  std::uint32_t value = 0;
};

// A rule about order or content, which code must check.
struct ProtocolRule {
  std::string name;  // snake_case
  std::string_view text;
  std::string where;  // path of the component that states it
};

// An address space: a BAR of the card, or a root of a plain map.
struct Space {
  std::string name;
  unsigned number = 0;
  const rdl::Node* node = nullptr;
};

// A memory of a plain map.
struct Memory {
  std::string name;
  std::string path;
  unsigned space = 0;
  std::uint64_t byte_offset = 0;
  std::uint64_t entries = 0;
  std::uint64_t width = 0;  // bits
  std::vector<Dim> dims;
  std::string_view desc;
  const rdl::Node* node = nullptr;
};

struct Card {
  std::string name;
  bool plain = false;         // not a card but any register map
  std::vector<Space> spaces;  // source order
  std::vector<Memory> memories;
  std::vector<Register> registers;  // by BAR, then address
  std::vector<Layout> layouts;      // source order
  std::vector<Message> messages;    // by rising id
  std::vector<ActionRule> rules;
  std::vector<ProtocolRule> protocol;
  std::vector<const rdl::EnumDef*> enums;  // source order
  const rdl::Compilation* compilation = nullptr;
};

// Reads the card from a successful compilation. Errors that only appear here (two registers with
// one name, a condition that names no register) are reported to the compilation's diagnostics;
// then null is returned.
std::unique_ptr<Card> read_card(rdl::Compilation& compilation);

// Masks over the fields of a register or layout.
struct Masks {
  std::uint64_t reset = 0, read = 0, write = 0;
  std::uint64_t w1c = 0, w1s = 0, clear_on_read = 0, pulse = 0;
};
Masks masks_of(const std::vector<Field>& fields);

// Returns "BAR0", or the name of the root that contains a register.
std::string_view space_name(const Card& card, unsigned number);
// Returns whether the model is read as a card.
bool is_card(const rdl::Model& model);
// Makes duplicate names unique by appending _2, _3, ... to later ones.
class UniqueNames {
 public:
  std::string operator()(std::string name);

 private:
  std::map<std::string, unsigned> seen_;
};

// Returns a valid C++ name: keywords and common macros get a trailing underscore.
std::string cpp_name(std::string_view name);

}  // namespace hni::speclib
