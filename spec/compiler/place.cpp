// SPDX-License-Identifier: Apache-2.0
// Placement: bits of fields, offsets and sizes of everything with an address.
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "spec/compiler/elaborate.hpp"
#include "spec/compiler/properties.hpp"

namespace hni::rdl {
namespace {

// What a component hands down to those inside it.
struct Rules {
  std::string_view addressing = "regalign";
  std::uint64_t alignment = 1;
};

class Placer {
 public:
  Placer(Diagnostics& diagnostics, const Limits& limits)
      : diagnostics_(diagnostics), limits_(limits) {}
  bool node(Node& node, const Rules& outer);

 private:
  bool fail(const char* code, Span span, std::string message, std::string remedy) {
    diagnostics_.add(code, span, std::move(message), std::move(remedy));
    return false;
  }
  bool reg(Node& reg);
  bool memory(Node& mem);
  bool widths(const Node& reg);
  bool children(Node& parent, const Rules& rules);
  bool array(Node& node);
  std::uint64_t mode_alignment(const Node& child, const Rules& rules) const;

  Diagnostics& diagnostics_;
  const Limits& limits_;
};

bool Placer::widths(const Node& reg) {
  const unsigned width = reg_width(reg);
  const unsigned access = access_width(reg);
  const auto good = [](unsigned w) { return w >= 8 && w <= 64 && std::has_single_bit(w); };
  if (!good(width) || !good(access)) {
    return fail("register-width", reg.span,
                fmt::format("'{}' has regwidth {} and accesswidth {}", reg.name, width, access),
                "this compiler's registers have 8, 16, 32 or 64 bits");
  }
  if (access > width) {
    return fail(
        "register-width", reg.span,
        fmt::format("'{}' is accessed in {} bits but has only {}", reg.name, access, width),
        "accesswidth is at most regwidth");
  }
  return true;
}

bool Placer::reg(Node& reg) {
  if (!widths(reg)) return false;
  const unsigned width = reg_width(reg);
  unsigned next = 0;
  for (Node* field : reg.children) {
    const auto bits = static_cast<unsigned>(field->size);
    if (!field->has_address) {
      if (next + bits > 64) {
        return fail("field-range", field->span,
                    fmt::format("'{}' does not fit behind the field before it", field->name),
                    "state its bits: name[msb:lsb]");
      }
      field->lsb = static_cast<std::uint8_t>(next);
      field->msb = static_cast<std::uint8_t>(next + bits - 1);
      field->has_address = true;
    }
    next = field->msb + 1u;
  }
  reg.size = width / 8;
  return true;
}

bool Placer::memory(Node& mem) {
  std::uint64_t widest = 0;
  for (const Node* reg : mem.children) widest = std::max<std::uint64_t>(widest, reg_width(*reg));
  const std::uint64_t width = number(mem, kPropMemWidth, widest);
  const std::uint64_t entries = number(mem, kPropMemEntries, 1);
  if (width == 0 || width > 1024) {
    return fail("register-width", mem.span,
                fmt::format("the memory '{}' has no usable width", mem.name),
                "state memwidth in bits, at most 1024");
  }
  if (entries == 0 || entries > limits_.array_elements) {
    return fail("array-too-large", mem.span,
                fmt::format("a memory of {} entries is not supported", entries),
                fmt::format("mementries is 1 to {}", limits_.array_elements));
  }
  const std::uint64_t bytes = std::bit_ceil((width + 7) / 8);
  mem.size = entries * bytes;
  return true;
}

std::uint64_t Placer::mode_alignment(const Node& child, const Rules& rules) const {
  if (rules.addressing == "compact") {
    return child.component == Component::kReg ? access_width(child) / 8 : 1;
  }
  return std::bit_ceil(rules.addressing == "fullalign" ? child.total_size() : child.size);
}

bool Placer::children(Node& parent, const Rules& rules) {
  std::uint64_t end = 0;
  std::uint64_t next = 0;
  for (Node* child : parent.children) {
    if (!child->has_address) {
      const std::uint64_t align =
          std::max({rules.alignment, child->align, mode_alignment(*child, rules)});
      child->address = (next + align - 1) / align * align;
      child->has_address = true;
    } else if (child->address % rules.alignment != 0) {
      return fail(
          "misaligned", child->span,
          fmt::format("{:#x} is no multiple of the alignment {}", child->address, rules.alignment),
          "correct the address or the alignment property");
    }
    next = child->address + child->total_size();
    end = std::max(end, next);
    if (end > limits_.address_space) {
      return fail("array-too-large", child->span,
                  fmt::format("'{}' ends beyond the address space", child->name),
                  fmt::format("addresses are below {:#x}", limits_.address_space));
    }
  }
  if (parent.component != Component::kMem) {
    parent.size = end;
  } else if (end > parent.size) {
    return fail("register-overlap", parent.span,
                fmt::format("the registers in the memory '{}' need {:#x} bytes, it has {:#x}",
                            parent.name, end, parent.size),
                "raise mementries or remove registers");
  }
  return true;
}

bool Placer::array(Node& node) {
  if (node.dims.empty()) return true;
  if (node.stride == 0) node.stride = node.size;
  if (node.stride < node.size) {
    return fail("register-overlap", node.span,
                fmt::format("the elements of '{}' overlap: {} bytes apart, {} bytes long",
                            node.name, node.stride, node.size),
                "raise the stride after +=");
  }
  const std::uint64_t room = limits_.address_space / node.element_count();
  if (node.stride > room) {
    return fail("array-too-large", node.span,
                fmt::format("the array '{}' does not fit the address space", node.name),
                fmt::format("addresses are below {:#x}", limits_.address_space));
  }
  return true;
}

bool Placer::node(Node& node, const Rules& outer) {
  Rules rules = outer;
  if (const Value* stated = property(node, kPropAlignment)) {
    rules.alignment = stated->number;
    if (!std::has_single_bit(rules.alignment) || rules.alignment > limits_.address_space) {
      return fail("misaligned", node.span, "an alignment is a power of two", "correct it");
    }
  } else if (node.component == Component::kAddrmap) {
    rules.alignment = 1;
  }
  if (node.component == Component::kAddrmap) {
    const Value* stated = property(node, kPropAddressing);
    rules.addressing = stated == nullptr ? "regalign" : std::string_view(*stated->text);
  }
  bool good = true;
  if (node.component == Component::kReg) {
    good = reg(node);
  } else if (node.component != Component::kField) {
    for (Node* child : node.children) {
      if (!this->node(*child, rules)) return false;
    }
    if (node.component == Component::kMem) good = memory(node);
    good = good && children(node, rules);
  }
  if (!good) return false;
  if (node.component != Component::kField && node.size == 0) {
    return fail("empty", node.span,
                fmt::format("the {} '{}' is empty", component_name(node.component), node.name),
                "put a register into it or remove it");
  }
  return array(node);
}

}  // namespace

bool place(Node& root, Diagnostics& diagnostics, const Limits& limits) {
  return Placer(diagnostics, limits).node(root, {});
}

}  // namespace hni::rdl
