// SPDX-License-Identifier: Apache-2.0
#include "spec/compiler/check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "spec/compiler/properties.hpp"
#include "spec/compiler/sort_stable.hpp"

namespace hni::rdl {
namespace {

class Checker {
 public:
  Checker(const Model& model, Diagnostics& diagnostics)
      : diagnostics_(diagnostics), word_(model.find_property("hni_word")) {}
  // `base` is the absolute address of the BAR that `node` lies in.
  void node(const Node& node, std::uint64_t base, std::uint64_t offset);

 private:
  void fail(const char* code, Span span, std::string message, std::string remedy) {
    diagnostics_.add(code, span, std::move(message), std::move(remedy));
  }
  void overlaps(const Node& parent);
  void reg(const Node& reg, std::uint64_t absolute);
  void field(const Node& field, unsigned width);
  void side_effects(const Node& field);
  void field_overlaps(const Node& reg);
  void reset(const Node& field, unsigned bits);
  void encoding(const Node& field, unsigned bits);
  void word_index(const Node& node, std::uint64_t base, std::uint64_t absolute);
  Span property_span(const Node& node, std::string_view name) const;

  Diagnostics& diagnostics_;
  int word_;
};

// The line that assigns a property, or the instance if it comes from elsewhere.
Span Checker::property_span(const Node& node, std::string_view name) const {
  for (const Assignment& assignment : node.definition->assignments) {
    if (assignment.target.empty() && assignment.property == name) return assignment.span;
  }
  return node.span;
}

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

void Checker::field_overlaps(const Node& reg) {
  for (std::size_t i = 0; i < reg.children.size(); ++i) {
    if (diagnostics_.total() > Diagnostics::kMaxDiagnostics) return;  // quadratic on damage only
    for (std::size_t j = 0; j < i; ++j) {
      const Node& a = *reg.children[j];
      const Node& b = *reg.children[i];
      if (a.msb < b.lsb || b.msb < a.lsb) continue;
      const std::string_view first = sw_access(a);
      const std::string_view second = sw_access(b);
      const bool split = (first == "r" && (second == "w" || second == "w1")) ||
                         (second == "r" && (first == "w" || first == "w1"));
      if (split) continue;
      fail("field-overlap", b.span,
           fmt::format("'{}' [{}:{}] overlaps '{}' [{}:{}]", b.name, b.msb, b.lsb, a.name, a.msb,
                       a.lsb),
           "correct the bits of one of the two");
    }
  }
}

void Checker::reset(const Node& field, unsigned bits) {
  const Value* value = property(field, kPropReset);
  if (value == nullptr) return;
  if (bits < 64 && (value->number >> bits) != 0) {
    fail("reset-width", property_span(field, "reset"),
         fmt::format("the reset value {:#x} of '{}' needs more than its {} bits", value->number,
                     field.name, bits),
         "correct the value or the bits");
  } else if (value->width != 0 && value->width != bits) {
    fail("reset-width", property_span(field, "reset"),
         fmt::format("the reset value of '{}' is written with {} bits, the field has {}",
                     field.name, value->width, bits),
         "write the value without a size or with the field's");
  }
}

void Checker::encoding(const Node& field, unsigned bits) {
  const Value* value = property(field, kPropEncode);
  if (value == nullptr) return;
  const EnumDef& def = *value->enumeration;
  for (std::size_t i = 0; i < def.values.size(); ++i) {
    if (bits >= 64 || (def.values[i] >> bits) == 0) continue;
    fail("enumerator-width", field.span,
         fmt::format("'{}' of '{}' is {} and does not fit the {} bits of '{}'",
                     def.members[i].name, def.name, def.values[i], bits, field.name),
         "widen the field or correct the enumerator");
  }
}

bool is_external(const Node& node) {
  for (const Node* at = &node; at != nullptr; at = at->parent) {
    if (at->external) return true;
  }
  return false;
}

void Checker::side_effects(const Node& field) {
  const std::string_view sw = sw_access(field);
  const std::string_view hw = hw_access(field);
  if (!on_read(field).empty() && !can_read(sw)) {
    fail("side-effect-access", field.span,
         fmt::format("'{}' has onread={} but software cannot read it", field.name, on_read(field)),
         "let sw be r or rw, or remove onread");
  }
  if (!on_write(field).empty() && !can_write(sw)) {
    fail("side-effect-access", field.span,
         fmt::format("'{}' has onwrite={} but software cannot write it", field.name,
                     on_write(field)),
         "let sw be w or rw, or remove onwrite");
  }
  if ((on_read(field) == "ruser" || on_write(field) == "wuser") && !is_external(*field.parent)) {
    fail("side-effect-access", field.span,
         fmt::format("'{}' has a user-defined side effect in an internal register", field.name),
         "make the register external or choose a standard side effect");
  }
  if (flag(field, kPropSinglePulse)) {
    if (!can_write(sw)) {
      fail("side-effect-access", field.span,
           fmt::format("'{}' is singlepulse but software cannot write it", field.name),
           "let sw be w or rw, or remove singlepulse");
    }
    if (field.msb != field.lsb || number(field, kPropReset, 1) != 0) {
      fail("side-effect-access", field.span,
           fmt::format("'{}' is singlepulse: it needs one bit and the reset value 0", field.name),
           "write name[n:n] = 0");
    }
  }
  if (hw == "rw1" || hw == "w1" || sw == "na" || (sw == "w" && hw == "w")) {
    fail("access", field.span,
         fmt::format("sw={} with hw={} has no meaning for '{}'", sw, hw, field.name),
         "software must have access, and hardware cannot have w1");
  }
}

void Checker::field(const Node& field, unsigned width) {
  const unsigned bits = field.msb - field.lsb + 1u;
  if (field.msb >= width) {
    fail("field-range", field.span,
         fmt::format("bit {} of '{}' is beyond its register of {} bits", field.msb, field.name,
                     width),
         "correct the bits or regwidth");
  }
  reset(field, bits);
  encoding(field, bits);
  side_effects(field);
}

void Checker::reg(const Node& reg, std::uint64_t absolute) {
  const unsigned width = reg_width(reg);
  const unsigned access = access_width(reg) / 8;
  if (absolute % access != 0 || (!reg.dims.empty() && reg.stride % access != 0)) {
    fail("misaligned", reg.span,
         fmt::format("'{}' at {:#x} is not aligned to its access width of {} bytes", reg.name,
                     absolute, access),
         "correct the address or the stride");
  }
  for (const Node* child : reg.children) field(*child, width);
  field_overlaps(reg);
}

void Checker::word_index(const Node& node, std::uint64_t base, std::uint64_t absolute) {
  const Value* word = word_ < 0 ? nullptr : property(node, static_cast<std::uint16_t>(word_));
  if (word == nullptr || absolute - base == 4 * word->number) return;
  fail("word-index", property_span(node, "hni_word"),
       fmt::format("'{}' has word index {:#x}, so it must be at {:#x}, but it is at {:#x}",
                   node.name, word->number, 4 * word->number, absolute - base),
       "correct the address behind @ or hni_word");
}

void Checker::node(const Node& node, std::uint64_t base, std::uint64_t offset) {
  const std::uint64_t absolute = offset + (node.parent == nullptr ? 0 : node.address);
  if (node.component == Component::kAddrmap) base = absolute;
  word_index(node, base, absolute);
  if (node.component == Component::kReg) {
    if (node.children.empty()) {
      fail("empty", node.span, fmt::format("the register '{}' has no field", node.name),
           "give it at least one field");
    }
    reg(node, absolute);
    return;
  }
  if (node.component == Component::kMem && !is_external(node)) {
    fail("memory-internal", node.span, fmt::format("the memory '{}' is internal", node.name),
         "the standard wants: external mem { ... } name");
  }
  overlaps(node);
  for (const Node* child : node.children) this->node(*child, base, absolute);
}

}  // namespace

bool check(const Model& model, Diagnostics& diagnostics) {
  Checker checker(model, diagnostics);
  for (const Node* root : model.roots) checker.node(*root, 0, 0);
  return diagnostics.empty();
}

}  // namespace hni::rdl
