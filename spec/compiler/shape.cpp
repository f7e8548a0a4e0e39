// SPDX-License-Identifier: Apache-2.0
// Handles the suffixes of an instantiation: arrays, bits, reset values, addresses. Also resolves
// the references in properties once the tree is complete.
#include <fmt/format.h>

#include <algorithm>

#include "spec/compiler/elaborate_impl.hpp"

namespace hni::rdl {

bool Elaborator::shape(const Instantiation& inst, Node& node, const Environment& outer) {
  if (node.component == Component::kField) return shape_field(inst, node, outer);
  if (node.component == Component::kSignal) return shape_signal(inst, node, outer);
  return shape_array(inst, node, outer);
}

bool Elaborator::field_range(const Instantiation& inst, Node& node, const Environment& outer,
                             std::uint64_t& width) {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  if (!evaluator_.number(*inst.msb, &outer, first) ||
      !evaluator_.number(*inst.lsb, &outer, second)) {
    return false;
  }
  const std::uint64_t high = std::max(first, second);
  if (high >= Bits::kMaxBits) {
    return fail(
        "field-range", inst.msb->span,
        fmt::format("bit {} is beyond the widest register ({} bits)", high, Bits::kMaxBits),
        "correct the bit numbers");
  }
  node.msb = static_cast<std::uint16_t>(high);
  node.lsb = static_cast<std::uint16_t>(std::min(first, second));
  node.msb0 = first < second;
  node.has_address = true;
  width = node.width();
  return true;
}

bool Elaborator::shape_field(const Instantiation& inst, Node& node, const Environment& outer) {
  std::uint64_t width = number(node, kPropFieldWidth, 1);
  if (inst.msb != nullptr) {
    if (!field_range(inst, node, outer, width)) return false;
  } else if (!inst.dims.empty()) {
    if (!evaluator_.number(*inst.dims[0], &outer, width)) return false;
  }
  if (width == 0 || width > Bits::kMaxBits) {
    return fail("field-range", inst.span, fmt::format("a field of {} bits is impossible", width),
                fmt::format("a field has 1 to {} bits", Bits::kMaxBits));
  }
  const Value* stated = property(node, kPropFieldWidth);
  if (stated != nullptr && stated->number != width) {
    return fail("field-range", inst.span,
                fmt::format("'{}' has {} bits here but fieldwidth is {}", node.name, width,
                            stated->number),
                "make the two agree");
  }
  node.size = width;
  if (inst.reset == nullptr) return true;
  Assignment assignment;
  assignment.id = kPropReset;
  assignment.property = "reset";
  assignment.span = inst.reset->span;
  assignment.value = inst.reset;
  return assign(node, assignment, outer);
}

bool Elaborator::shape_signal(const Instantiation& inst, Node& node, const Environment& outer) {
  const Value* stated = property(node, kPropSignalWidth);
  std::uint64_t width = stated != nullptr ? stated->number : 1;
  if (!inst.dims.empty() && !evaluator_.number(*inst.dims[0], &outer, width)) return false;
  if (width == 0 || width > Bits::kMaxBits || (stated != nullptr && stated->number != width)) {
    return fail(
        "field-range", inst.span,
        fmt::format("the signal '{}' cannot have {} bits", node.name, width),
        fmt::format("a signal has 1 to {} bits, as given by its signalwidth", Bits::kMaxBits));
  }
  node.size = width;
  return true;
}

bool Elaborator::shape_dims(const Instantiation& inst, Node& node, const Environment& outer) {
  std::uint64_t elements = 1;
  for (const Expr* dim : inst.dims) {
    std::uint64_t count = 0;
    if (!evaluator_.number(*dim, &outer, count)) return false;
    if (count == 0 || count > limits_.array_elements ||
        elements * count > limits_.array_elements) {
      return fail("array-too-large", dim->span,
                  fmt::format("an array of {} elements is not supported", count),
                  fmt::format("an array has 1 to {} elements in all", limits_.array_elements));
    }
    elements *= count;
    node.dims.push_back(static_cast<std::uint32_t>(count));
  }
  return true;
}

bool Elaborator::shape_array(const Instantiation& inst, Node& node, const Environment& outer) {
  if (!shape_dims(inst, node, outer)) return false;
  if (inst.address != nullptr) {
    if (!evaluator_.number(*inst.address, &outer, node.address)) return false;
    node.has_address = true;
  }
  if (inst.align != nullptr) {
    if (!evaluator_.number(*inst.align, &outer, node.align)) return false;
    if (node.align == 0) {
      return fail("misaligned", inst.align->span, "an alignment of 0 is impossible", "correct it");
    }
  }
  if (inst.stride != nullptr) {
    if (!evaluator_.number(*inst.stride, &outer, node.stride)) return false;
    if (node.stride == 0) {
      return fail("register-overlap", inst.stride->span, "a stride of 0 is impossible",
                  "state the bytes from one element to the next");
    }
  }
  const std::uint64_t space = limits_.address_space;
  if (node.address > space || node.stride > space || node.align > space) {
    return fail("array-too-large", inst.span, "this address does not fit the address space",
                fmt::format("addresses are below {:#x}", space));
  }
  return true;
}

bool Elaborator::resolve_references() {
  bool good = true;
  for (Node& node : model_.nodes) {
    for (const Property& entry : node.properties) good = resolve(node, entry.value) && good;
  }
  for (Reference& reference : model_.references) reference.definition = nullptr;
  return good;
}

bool Elaborator::resolve(Node& node, const Value& value) {
  bool good = true;
  if (value.kind == Value::Kind::kRef) {
    // The value only has a const view of the model; the reference itself is in its arena.
    return resolve_one(node, const_cast<Reference&>(*value.reference));
  }
  if (value.kind == Value::Kind::kList) {
    for (const Value& item : *value.list) good = resolve(node, item) && good;
  }
  if (value.kind == Value::Kind::kStruct) {
    for (const Value& item : value.structure->members) good = resolve(node, item) && good;
  }
  return good;
}

bool Elaborator::resolve_one(Node& node, Reference& reference) {
  if (reference.node != nullptr) return true;
  const Node* at = &node;
  while (at != nullptr && at->definition != reference.definition) at = at->parent;
  reference.owner = at;
  for (const Reference::Step& step : reference.path) {
    const Node* next = nullptr;
    if (at != nullptr) {
      next = find_child(*at, step.name);
    } else {
      for (const Node* signal : model_.root_signals) {
        if (signal->name == step.name) next = signal;
      }
    }
    if (next == nullptr) {
      return fail("undefined-name", reference.span,
                  fmt::format("no instance '{}' stands there", step.name), "correct the path");
    }
    for (std::size_t i = 0; i < step.indices.size() && i < next->dims.size(); ++i) {
      if (step.indices[i] < next->dims[i]) continue;
      return fail("index", reference.span,
                  fmt::format("'{}' has {} elements, there is no element {}", step.name,
                              next->dims[i], step.indices[i]),
                  "correct the index");
    }
    at = next;
  }
  reference.node = at;
  return true;
}

}  // namespace hni::rdl
