// SPDX-License-Identifier: Apache-2.0
// Placement: bits of fields, offsets and sizes of all addressable components.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <iterator>

#include "spec/compiler/elaborate.hpp"
#include "spec/compiler/properties.hpp"

namespace hni::rdl {
namespace {

// Settings that components inherit from the enclosing one.
struct Rules {
  std::string_view addressing = "regalign";
  std::uint64_t alignment = 1;
  bool msb0 = false;
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
  bool rules_of(const Node& node, Rules& rules);
  bool reg(Node& reg, bool msb0);
  bool bit_order(const Node& reg, bool& msb0);
  bool memory(Node& mem);
  bool virtual_registers(const Node& mem, std::uint64_t width);
  bool widths(const Node& reg);
  bool children(Node& parent, const Rules& rules);
  bool array(Node& node);
  std::uint64_t mode_alignment(const Node& child, const Rules& rules) const;

  Diagnostics& diagnostics_;
  const Limits& limits_;
};

bool Placer::widths(const Node& reg) {
  const std::uint64_t width = number(reg, kPropRegWidth, 32);
  const std::uint64_t access = number(reg, kPropAccessWidth, width);
  const auto good = [](std::uint64_t w) {
    return w >= 8 && w <= Bits::kMaxBits && std::has_single_bit(w);
  };
  if (!good(width) || !good(access)) {
    return fail("register-width", reg.span,
                fmt::format("'{}' has regwidth {} and accesswidth {}", reg.name, width, access),
                fmt::format("the widths are powers of two from 8 to {}", Bits::kMaxBits));
  }
  if (access > width) {
    return fail(
        "register-width", reg.span,
        fmt::format("'{}' is accessed in {} bits but has only {}", reg.name, access, width),
        "accesswidth is at most regwidth");
  }
  return true;
}

// SystemRDL 10.7.1: [high:low] and [low:high] cannot be mixed in a register. A register that uses
// neither, or only ranges of one bit, follows its addrmap.
bool Placer::bit_order(const Node& reg, bool& msb0) {
  const Node* rising = nullptr;
  const Node* falling = nullptr;
  for (const Node* field : reg.children) {
    if (!field->has_address || field->msb == field->lsb) continue;
    (field->msb0 ? rising : falling) = field;
  }
  if (rising != nullptr && falling != nullptr) {
    return fail("bit-order", rising->span,
                fmt::format("'{}' counts its bits [low:high], '{}' [high:low]", rising->name,
                            falling->name),
                "use one order in a register");
  }
  if (rising != nullptr) msb0 = true;
  if (falling != nullptr) msb0 = false;
  return true;
}

bool Placer::reg(Node& reg, bool msb0) {
  if (!widths(reg) || !bit_order(reg, msb0)) return false;
  const unsigned width = reg_width(reg);
  std::int64_t next = msb0 ? static_cast<std::int64_t>(width) - 1 : 0;  // the next free bit
  for (Node* field : reg.children) {
    const auto bits = static_cast<std::int64_t>(field->size);
    field->msb0 = msb0;
    if (!field->has_address) {
      const std::int64_t low = msb0 ? next - bits + 1 : next;
      const std::int64_t high = low + bits - 1;
      if (low < 0 || high >= Bits::kMaxBits) {
        return fail("field-range", field->span,
                    fmt::format("'{}' does not fit after the previous field", field->name),
                    "state its bits: name[msb:lsb]");
      }
      field->lsb = static_cast<std::uint16_t>(low);
      field->msb = static_cast<std::uint16_t>(high);
      field->has_address = true;
    }
    next = msb0 ? field->lsb - 1 : field->msb + 1;
  }
  reg.size = width / 8;
  std::erase_if(reg.children, [](const Node* field) { return !field->present; });
  return true;
}

bool Placer::virtual_registers(const Node& mem, std::uint64_t width) {
  const std::uint64_t word = std::bit_ceil((width + 7) / 8) * 8;
  bool good = true;
  for (const Node* reg : mem.children) {
    if (reg_width(*reg) > word) {
      good = fail("register-width", reg->span,
                  fmt::format("'{}' has {} bits, the words of its memory have {}", reg->name,
                              reg_width(*reg), width),
                  "raise memwidth or lower regwidth");
    }
    for (const Node* field : reg->children) {
      if (field->msb < width) continue;
      good = fail("field-range", field->span,
                  fmt::format("bit {} of '{}' is beyond the memory's {} bits", field->msb,
                              field->name, width),
                  "raise memwidth or move the field");
    }
  }
  return good;
}

bool Placer::memory(Node& mem) {
  std::uint64_t widest = 0;
  for (const Node* reg : mem.children) widest = std::max<std::uint64_t>(widest, reg_width(*reg));
  const std::uint64_t width = number(mem, kPropMemWidth, widest);
  const std::uint64_t entries = number(mem, kPropMemEntries, 1);
  if (width == 0 || width > Bits::kMaxBits) {
    return fail("register-width", mem.span,
                fmt::format("the memory '{}' has no usable width", mem.name),
                fmt::format("state memwidth in bits, at most {}", Bits::kMaxBits));
  }
  if (entries == 0 || entries > limits_.address_space) {
    return fail("array-too-large", mem.span,
                fmt::format("a memory of {} entries is not supported", entries),
                fmt::format("mementries is 1 to {}", limits_.address_space));
  }
  const std::uint64_t bytes = std::bit_ceil((width + 7) / 8);
  if (entries > limits_.address_space / bytes) {
    return fail("array-too-large", mem.span,
                fmt::format("the memory '{}' does not fit the address space", mem.name),
                fmt::format("addresses are below {:#x}", limits_.address_space));
  }
  mem.size = entries * bytes;
  return virtual_registers(mem, width);
}

std::uint64_t Placer::mode_alignment(const Node& child, const Rules& rules) const {
  if (rules.addressing == "compact") {
    return child.component == Component::kReg ? access_width(child) / 8 : 1;
  }
  return std::bit_ceil(rules.addressing == "fullalign" ? child.total_size() : child.size);
}

bool Placer::children(Node& parent, const Rules& rules) {
  const bool bridge = flag(parent, kPropBridge);
  std::uint64_t end = 0;
  std::uint64_t next = 0;
  bool good = true;
  for (Node* child : parent.children) {
    if (!child->has_address) {
      const std::uint64_t align =
          std::max({rules.alignment, child->align, mode_alignment(*child, rules)});
      child->address = bridge ? 0 : (next + align - 1) / align * align;
      child->has_address = true;
    } else if (child->address % rules.alignment != 0) {
      good = fail("misaligned", child->span,
                  fmt::format("{:#x} is not a multiple of the alignment {}", child->address,
                              rules.alignment),
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
    good = fail("register-overlap", parent.span,
                fmt::format("the registers in the memory '{}' need {:#x} bytes, it has {:#x}",
                            parent.name, end, parent.size),
                "raise mementries or remove registers");
  }
  return good;
}

bool Placer::array(Node& node) {
  if (node.dims.empty()) return true;
  if (node.stride == 0) node.stride = node.size;
  if (node.stride < node.size && node.present) {
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

bool Placer::rules_of(const Node& node, Rules& rules) {
  const bool map = node.component == Component::kAddrmap;
  if (map) rules = {};
  if (const Value* stated = property(node, kPropAlignment)) {
    rules.alignment = stated->number;
    if (!std::has_single_bit(rules.alignment) || rules.alignment > limits_.address_space) {
      return fail("misaligned", node.span, "an alignment is a power of two", "correct it");
    }
  }
  if (!map) return true;
  const Value* addressing = property(node, kPropAddressing);
  if (addressing != nullptr) rules.addressing = *addressing->text;
  const Value* lsb0 = property(node, kPropLsb0);
  rules.msb0 = flag(node, kPropMsb0) || (lsb0 != nullptr && !lsb0->is_true());
  return true;
}

bool Placer::node(Node& node, const Rules& outer) {
  Rules rules = outer;
  if (!rules_of(node, rules)) return false;
  const Value* present = property(node, kPropIsPresent);
  node.present = present == nullptr || present->is_true();
  if (node.component == Component::kField) return true;
  bool good = true;
  if (node.component == Component::kReg) {
    for (Node* field : node.children) good = this->node(*field, rules) && good;
    good = good && reg(node, rules.msb0);
  } else {
    for (Node* child : node.children) good = this->node(*child, rules) && good;
    if (!good) return false;
    if (node.component == Component::kMem) good = memory(node);
    good = good && children(node, rules);
    std::copy_if(node.children.begin(), node.children.end(), std::back_inserter(node.absent),
                 [](const Node* child) { return !child->present; });
    std::erase_if(node.children, [](const Node* child) { return !child->present; });
  }
  if (!good) return false;
  const bool group =
      node.component == Component::kAddrmap || node.component == Component::kRegfile;
  if (node.present && group && node.children.empty()) {
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
