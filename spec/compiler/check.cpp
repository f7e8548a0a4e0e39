// SPDX-License-Identifier: Apache-2.0
#include "spec/compiler/check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "spec/compiler/check_field.hpp"
#include "spec/compiler/properties.hpp"
#include "spec/compiler/sort_stable.hpp"

namespace hni::rdl {
namespace {

class Checker {
 public:
  Checker(const Model& model, Diagnostics& diagnostics)
      : model_(model), diagnostics_(diagnostics), word_(model.find_property("hni_word")) {}
  // `base` is the absolute address of the BAR that contains `node`.
  void node(const Node& node, std::uint64_t base, std::uint64_t offset);

 private:
  void fail(const char* code, Span span, std::string message, std::string remedy) {
    diagnostics_.add(code, span, std::move(message), std::move(remedy));
  }
  void overlaps(const Node& parent);
  void reg(const Node& reg, std::uint64_t absolute);
  void field(const Node& field, const Node& reg);
  void field_overlaps(const Node& reg);
  void word_index(const Node& node, std::uint64_t base, std::uint64_t absolute);
  void group(const Node& node);
  void bridge(const Node& map);

  const Model& model_;
  Diagnostics& diagnostics_;
  int word_;
};

bool any_field(const Node& reg, bool (*predicate)(std::string_view)) {
  return std::any_of(reg.children.begin(), reg.children.end(),
                     [&](const Node* f) { return predicate(sw_access(*f)); });
}

// The standard lets a read-only and a write-only register share an address.
bool may_share(const Node& a, const Node& b) {
  if (a.component != Component::kReg || b.component != Component::kReg) return false;
  return (!any_field(a, can_write) && !any_field(b, can_read)) ||
         (!any_field(a, can_read) && !any_field(b, can_write));
}

void Checker::overlaps(const Node& parent) {
  std::vector<const Node*> order(parent.children.begin(), parent.children.end());
  sort_stable(order, [](const Node* a, const Node* b) { return a->address < b->address; });
  const Node* furthest = nullptr;
  for (const Node* child : order) {
    if (furthest != nullptr && furthest->address + furthest->total_size() > child->address &&
        !may_share(*furthest, *child)) {
      fail("register-overlap", child->span,
           fmt::format("'{}' at {:#x} overlaps '{}', which ends at {:#x}", child->name,
                       child->address, furthest->name,
                       furthest->address + furthest->total_size() - 1),
           "move one of the two; use a regfile array for interleaved registers");
    }
    if (furthest == nullptr ||
        child->address + child->total_size() > furthest->address + furthest->total_size()) {
      furthest = child;
    }
  }
}

namespace {

// SystemRDL 10.1: a read-only and a write-only field may share bits.
bool may_share_bits(const Node& a, const Node& b) {
  const auto writes = [](std::string_view access) { return access == "w" || access == "w1"; };
  return (sw_access(a) == "r" && writes(sw_access(b))) ||
         (sw_access(b) == "r" && writes(sw_access(a)));
}

}  // namespace

void Checker::field_overlaps(const Node& reg) {
  std::vector<const Node*> order(reg.children.begin(), reg.children.end());
  sort_stable(order, [](const Node* a, const Node* b) { return a->lsb < b->lsb; });
  std::vector<const Node*> open;  // fields that may still overlap a later one
  for (const Node* field : order) {
    if (diagnostics_.total() > Diagnostics::kMaxDiagnostics) return;
    std::erase_if(open, [&](const Node* other) { return other->msb < field->lsb; });
    for (const Node* other : open) {
      if (may_share_bits(*other, *field)) continue;
      fail("field-overlap", field->span,
           fmt::format("'{}' [{}:{}] overlaps '{}' [{}:{}]", field->name, field->msb, field->lsb,
                       other->name, other->msb, other->lsb),
           "correct the bits of one of the two");
    }
    open.push_back(field);
  }
}

void Checker::field(const Node& field, const Node& reg) {
  const unsigned width = reg_width(reg);
  if (field.msb >= width) {
    fail("field-range", field.span,
         fmt::format("bit {} of '{}' is beyond its register of {} bits", field.msb, field.name,
                     width),
         "correct the bits or regwidth");
  }
  // SystemRDL 10.6.1.f: such a field would be written, or cleared, in two steps.
  const unsigned access = access_width(reg);
  const bool changes = can_write(sw_access(field)) || !on_read(field).empty();
  if (changes && field.msb / access != field.lsb / access &&
      reg.parent->component != Component::kMem) {
    fail("sub-word", field.span,
         fmt::format("'{}' [{}:{}] is changed by software but lies in more than one sub-word of "
                     "{} bits",
                     field.name, field.msb, field.lsb, access),
         "split the field, or raise accesswidth");
  }
  check_field(model_, field, diagnostics_);
}

void Checker::reg(const Node& reg, std::uint64_t absolute) {
  const unsigned access = access_width(reg) / 8;
  if (absolute % access != 0 || (!reg.dims.empty() && reg.stride % access != 0)) {
    diagnostics_.warn("misaligned", reg.span,
                      fmt::format("'{}' at {:#x} is not aligned to its access width of {} bytes",
                                  reg.name, absolute, access),
                      "correct the address or the stride");
  }
  for (const Node* child : reg.children) field(*child, reg);
  field_overlaps(reg);
  if (reg.alias_of != nullptr) check_alias(model_, reg, diagnostics_);
}

void Checker::word_index(const Node& node, std::uint64_t base, std::uint64_t absolute) {
  const Value* word = word_ < 0 ? nullptr : property(node, static_cast<std::uint16_t>(word_));
  if (word == nullptr || absolute - base == 4 * word->number) return;
  fail("word-index", property_span(node, "hni_word"),
       fmt::format("'{}' has word index {:#x}, so it must be at {:#x}, but it is at {:#x}",
                   node.name, word->number, 4 * word->number, absolute - base),
       "correct the address behind @ or hni_word");
}

// SystemRDL 13.5: a bridge is a view of two or more maps with the same registers.
void Checker::bridge(const Node& map) {
  const bool maps_only = std::all_of(map.children.begin(), map.children.end(), [](const Node* c) {
    return c->component == Component::kAddrmap;
  });
  if (map.parent == nullptr && map.children.size() >= 2 && maps_only) return;
  fail("bridge", map.span, fmt::format("'{}' cannot be a bridge", map.name),
       "a bridge is a root addrmap that holds two or more addrmaps and nothing else");
}

void Checker::group(const Node& node) {
  check_tests(node, diagnostics_);
  if (flag(node, kPropErrExtBus) && !is_external(node)) {
    fail("instance-type", node.span,
         fmt::format("'{}' has errextbus but is not external", node.name),
         "instantiate it as external, or remove errextbus");
  }
  check_signals(node.signals, diagnostics_);
  check_user_properties(model_, node, diagnostics_);
}

void Checker::node(const Node& node, std::uint64_t base, std::uint64_t offset) {
  const std::uint64_t absolute = offset + (node.parent == nullptr ? 0 : node.address);
  if (node.component == Component::kAddrmap) base = absolute;
  word_index(node, base, absolute);
  group(node);
  if (node.component == Component::kReg) {
    if (node.children.empty()) {
      fail("empty", node.span, fmt::format("the register '{}' has no field", node.name),
           "give it at least one field");
    }
    for (const Node* child : node.children) {
      check_signals(child->signals, diagnostics_);
      check_user_properties(model_, *child, diagnostics_);
    }
    reg(node, absolute);
    return;
  }
  if (flag(node, kPropBridge)) {
    bridge(node);
  } else {
    overlaps(node);
  }
  for (const Node* child : node.children) this->node(*child, base, absolute);
}

}  // namespace

// Returns the line that assigns a property, or the instance if it comes from elsewhere.
Span property_span(const Node& node, std::string_view name) {
  for (const Assignment& assignment : node.definition->assignments) {
    if (assignment.target.empty() && assignment.property == name) return assignment.span;
  }
  return node.span;
}

bool check(const Model& model, Diagnostics& diagnostics) {
  Checker checker(model, diagnostics);
  check_signals(model.root_signals, diagnostics);
  for (const Node* root : model.roots) checker.node(*root, 0, 0);
  return diagnostics.empty();
}

}  // namespace hni::rdl
