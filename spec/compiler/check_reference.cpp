// SPDX-License-Identifier: Apache-2.0
// References in properties, signals, aliases and user-defined properties.
#include <fmt/format.h>

#include <algorithm>

#include "spec/compiler/check_field.hpp"
#include "spec/compiler/properties.hpp"

namespace hni::rdl {
namespace {

bool is_present(const Node& node) {
  for (const Node* at = &node; at != nullptr; at = at->parent) {
    if (!at->present) return false;
  }
  return true;
}

// Returns the width of the referenced object in bits, or 0 if it is unknown.
unsigned width_of(const Reference& reference) {
  const Node& node = *reference.node;
  const bool field = node.component == Component::kField;
  const unsigned own = field ? node.width() : static_cast<unsigned>(node.size);
  if (reference.property.empty()) {
    return field || node.component == Component::kSignal ? own : 0;
  }
  const PropertyReference* property = find_property_reference(reference.property);
  if (property->width == PropertyReference::Width::kOne) return 1;
  return property->width == PropertyReference::Width::kField ? own : 0;
}

class ReferenceChecker {
 public:
  ReferenceChecker(const Model& model, const Node& field, Diagnostics& diagnostics)
      : model_(model), field_(field), diagnostics_(diagnostics) {}
  void run() {
    for (const Property& entry : field_.properties) {
      if (entry.value.kind != Value::Kind::kRef) continue;
      if (entry.value.reference->node != nullptr) check(entry.id, *entry.value.reference);
    }
  }

 private:
  void fail(const Reference& reference, std::string message, std::string remedy) {
    diagnostics_.add("reference", reference.span, std::move(message), std::move(remedy));
  }
  void check(std::uint16_t id, const Reference& reference);
  void width(std::uint16_t id, const Reference& reference);
  void target(const Reference& reference);
  bool allowed(const Reference& reference, PropertyReference::Rule rule);
  bool circular(const Reference& reference) const;

  const Model& model_;
  const Node& field_;
  Diagnostics& diagnostics_;
};

// SystemRDL 8.2.1.e: without resetsignal, a field_reset signal of a level around resets a field.
bool has_field_reset(const Model& model, const Node& field) {
  const auto resets = [](const std::vector<Node*>& signals) {
    return std::any_of(signals.begin(), signals.end(),
                       [](const Node* signal) { return flag(*signal, kPropFieldReset); });
  };
  for (const Node* at = &field; at != nullptr; at = at->parent) {
    if (resets(at->signals)) return true;
  }
  return resets(model.root_signals);
}

void ReferenceChecker::width(std::uint16_t id, const Reference& reference) {
  const unsigned bits = width_of(reference);
  if (bits == 0) return;
  switch (id) {
    case kPropResetSignal:
    case kPropSwWe:
    case kPropSwWel:
    case kPropWe:
    case kPropWel:
    case kPropHwSet:
    case kPropHwClr:
    case kPropIncr:
    case kPropDecr:
      if (bits != 1) {
        fail(reference,
             fmt::format("{} has {} bits, one is needed", reference_text(reference), bits),
             "refer to something of one bit");
      }
      return;
    case kPropIncrValue:
    case kPropDecrValue:
      if (bits > field_.width()) {
        fail(reference,
             fmt::format("{} has {} bits, the counter only {}", reference_text(reference), bits,
                         field_.width()),
             "refer to something that is not wider");
      }
      return;
    case kPropNext:
    case kPropReset:
    case kPropHwEnable:
    case kPropHwMask:
    case kPropEnable:
    case kPropMask:
    case kPropHaltEnable:
    case kPropHaltMask:
    case kPropIncrSaturate:
    case kPropIncrThreshold:
    case kPropDecrSaturate:
    case kPropDecrThreshold:
      if (bits != field_.width()) {
        fail(reference,
             fmt::format("{} has {} bits, '{}' has {}", reference_text(reference), bits,
                         field_.name, field_.width()),
             "refer to something of the same width");
      }
      return;
    default:
      return;
  }
}

void ReferenceChecker::check(std::uint16_t id, const Reference& reference) {
  if (id >= kPropCount) return;
  if (!is_present(*reference.node)) {
    fail(reference, fmt::format("{} is not present", reference_text(reference)),
         "remove the reference, or the ispresent = false");
  }
  const bool itself = reference.node == &field_;
  if (itself && (id == kPropNext || (id == kPropReset && reference.property.empty()))) {
    fail(reference, fmt::format("'{}' refers to itself", field_.name), "refer to another field");
  }
  if (id == kPropResetSignal && !flag(*reference.node, kPropActiveHigh) &&
      !flag(*reference.node, kPropActiveLow)) {
    fail(reference,
         fmt::format("the reset signal {} is neither activehigh nor activelow",
                     reference_text(reference)),
         "add one of the two to the signal");
  }
  width(id, reference);
  if (!reference.property.empty()) target(reference);
}

bool ReferenceChecker::circular(const Reference& reference) const {
  const Reference* at = &reference;
  for (unsigned steps = 0; steps < 1000; ++steps) {
    if (at->property.empty()) return false;
    const Value* next = nullptr;
    for (const Property& entry : at->node->properties) {
      if (entry.id < kPropCount && standard_property_name(entry.id) == at->property) {
        next = &entry.value;
      }
    }
    if (next == nullptr || next->kind != Value::Kind::kRef) return false;
    at = next->reference;
    if (at == &reference) return true;
  }
  return true;
}

bool ReferenceChecker::allowed(const Reference& reference, PropertyReference::Rule rule) {
  using enum PropertyReference::Rule;
  const Node& node = *reference.node;
  const auto value_of = [&](std::string_view name) -> const Value* {
    for (const Property& entry : node.properties) {
      if (entry.id < kPropCount && standard_property_name(entry.id) == name) return &entry.value;
    }
    return nullptr;
  };
  const auto is_false = [](const Value* value) {
    return value == nullptr || (value->kind == Value::Kind::kBoolean && value->number == 0);
  };
  const auto any_field = [&](Prop a, Prop b) {
    return std::any_of(node.children.begin(), node.children.end(),
                       [&](const Node* f) { return flag(*f, a) || flag(*f, b); });
  };
  const std::string_view name = canonical_property(reference.property);
  switch (rule) {
    case kNone:
      return true;
    case kCounter:
      return flag(node, kPropCounter);
    case kThreshold:
      return flag(node, kPropCounter) && !is_false(value_of(name));
    case kOverflow:
      return flag(node, kPropCounter) && is_false(value_of("incrsaturate"));
    case kUnderflow:
      return flag(node, kPropCounter) && is_false(value_of("decrsaturate"));
    case kValue:
      // A counter counts by one by default.
      if (name == "incrvalue" || name == "decrvalue") {
        return value_of(name) != nullptr || flag(node, kPropCounter);
      }
      if (name == "resetsignal" && has_field_reset(model_, node)) return true;
      return value_of(name) != nullptr;
    case kSignal: {
      static constexpr std::pair<std::string_view, std::string_view> kOpposites[] = {
          {"we", "wel"}, {"wel", "we"}, {"swwe", "swwel"}, {"swwel", "swwe"}};
      if (!is_false(value_of(name))) return true;
      for (const auto& [one, other] : kOpposites) {
        if (one == name && !is_false(value_of(other))) return true;
      }
      return false;
    }
    case kIntr:
      return any_field(kPropIntr, kPropIntr);
    case kHalt:
      return any_field(kPropHaltEnable, kPropHaltMask);
  }
  return true;
}

void ReferenceChecker::target(const Reference& reference) {
  const PropertyReference* property = find_property_reference(reference.property);
  if (!allowed(reference, property->rule)) {
    fail(reference,
         fmt::format("{} does not exist: '{}' has no such property", reference_text(reference),
                     reference.node->name),
         "set the property there, or refer to another one");
  } else if (circular(reference)) {
    fail(reference, fmt::format("{} refers back to this property", reference_text(reference)),
         "remove one of the references");
  }
}

}  // namespace

void check_references(const Model& model, const Node& field, Diagnostics& diagnostics) {
  ReferenceChecker(model, field, diagnostics).run();
}

void check_signals(const std::vector<Node*>& signals, Diagnostics& diagnostics) {
  const Node* resets[2] = {};
  for (const Node* signal : signals) {
    const Value* present = property(*signal, kPropIsPresent);
    if (present != nullptr && !present->is_true()) continue;
    const bool polarity = flag(*signal, kPropActiveHigh) || flag(*signal, kPropActiveLow);
    std::size_t kind = 0;
    for (const Prop id : {kPropCpuifReset, kPropFieldReset}) {
      const Node*& known = resets[kind++];
      if (!flag(*signal, id)) continue;
      if (!polarity) {
        diagnostics.add(
            "signal", signal->span,
            fmt::format("the reset '{}' is neither activehigh nor activelow", signal->name),
            "add one of the two");
      }
      if (known != nullptr) {
        diagnostics.add(
            "signal", signal->span,
            fmt::format("'{}' and '{}' are both the reset here", known->name, signal->name),
            "keep one cpuif_reset and one field_reset in a component");
      }
      known = signal;
    }
  }
}

void check_user_properties(const Model& model, const Node& node, Diagnostics& diagnostics) {
  for (const Property& entry : node.properties) {
    const PropertyInfo& info = model.properties[entry.id];
    if (!info.user) continue;
    const bool refers =
        entry.value.kind == Value::Kind::kRef && entry.value.reference->node != nullptr;
    if (refers && !is_present(*entry.value.reference->node)) {
      diagnostics.add("reference", entry.value.reference->span,
                      fmt::format("{} is not present", reference_text(*entry.value.reference)),
                      "remove the reference, or the ispresent = false");
    }
    const bool vector = node.component == Component::kField;
    if (!info.component_width || !vector || entry.value.bits().length() <= node.width()) continue;
    diagnostics.add("property-width", property_span(node, info.name),
                    fmt::format("{} = {} does not fit the {} bits of '{}'", info.name,
                                entry.value.hex(), node.width(), node.name),
                    "correct the value");
  }
}

namespace {

// Equal except for properties that an alias may override (SystemRDL 10.5.1.e).
bool same_properties(const Model& model, const Node& a, const Node& b) {
  const auto counts = [&](const Property& entry) {
    static constexpr std::string_view kFree[] = {"desc", "name", "onread", "onwrite", "sw"};
    const PropertyInfo& info = model.properties[entry.id];
    return !info.user &&
           std::find(std::begin(kFree), std::end(kFree), info.name) == std::end(kFree);
  };
  const auto size = [&](const Node& node) {
    return std::count_if(node.properties.begin(), node.properties.end(), counts);
  };
  if (size(a) != size(b)) return false;
  for (const Property& entry : a.properties) {
    if (!counts(entry)) continue;
    const Value* other = property(b, entry.id);
    if (other == nullptr || other->kind != entry.value.kind) return false;
    const bool number = other->kind == Value::Kind::kNumber;
    if (number ? !(other->bits() == entry.value.bits()) : other->number != entry.value.number) {
      return false;
    }
    const bool word = other->kind == Value::Kind::kKeyword || other->kind == Value::Kind::kString;
    if (word && *other->text != *entry.value.text) return false;
    if (other->kind == Value::Kind::kEncoding && other->enumeration != entry.value.enumeration) {
      return false;
    }
  }
  return true;
}

}  // namespace

void check_alias(const Model& model, const Node& reg, Diagnostics& diagnostics) {
  const Node& primary = *reg.alias_of;
  const auto fail = [&](Span span, std::string message) {
    diagnostics.add("alias", span, std::move(message),
                    "an alias has the width, array and fields of its primary register");
  };
  if (!is_present(primary)) fail(reg.span, fmt::format("'{}' is not present", primary.name));
  if (reg_width(reg) != reg_width(primary)) {
    fail(reg.span, fmt::format("'{}' and '{}' have different widths", reg.name, primary.name));
  }
  if (is_external(reg) != is_external(primary)) {
    fail(reg.span,
         fmt::format("of '{}' and '{}' one is external, the other not", reg.name, primary.name));
  }
  if (!primary.dims.empty() && reg.dims != primary.dims) {
    fail(reg.span, fmt::format("'{}' and '{}' are different arrays", reg.name, primary.name));
  }
  for (const Node* field : reg.children) {
    const auto found = std::find_if(primary.children.begin(), primary.children.end(),
                                    [&](const Node* f) { return f->name == field->name; });
    if (found == primary.children.end()) {
      fail(field->span, fmt::format("'{}' has no field '{}'", primary.name, field->name));
    } else if ((*found)->lsb != field->lsb || (*found)->msb != field->msb) {
      fail(field->span, fmt::format("'{}' has other bits in '{}'", field->name, primary.name));
    } else if (!same_properties(model, *field, **found)) {
      fail(field->span,
           fmt::format("'{}' has other properties in '{}'", field->name, primary.name));
    }
  }
}

}  // namespace hni::rdl
