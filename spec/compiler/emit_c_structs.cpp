// SPDX-License-Identifier: Apache-2.0
// `hni spec structs`: C structures that overlay the registers of a map, with an assertion for
// every offset, so that a compiler with a different layout refuses them.
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "spec/compiler/emit.hpp"
#include "spec/compiler/properties.hpp"
#include "spec/compiler/sort_stable.hpp"
#include "spec/compiler/value_text.hpp"

namespace hni::speclib {
namespace {

using rdl::Component;
using rdl::Node;

class StructHeader {
 public:
  explicit StructHeader(const Card& card) : card_(card) {}
  std::string run();

 private:
  // Writes the structure of a group, inner structures first. Returns its name.
  std::string group(const Node& node, std::string name, std::uint64_t outer, std::uint64_t room);
  std::string member(const Node& child, const std::string& name, const std::string& owner,
                     std::uint64_t alignment, std::uint64_t room);
  std::string reg(const Node& reg, const std::string& name) const;

  const Card& card_;
  UniqueNames types_;
  std::uint64_t rounded_ = 0;  // size in bytes of the structure that was written last
  std::string out_;
};

// The largest power of two, at most 8, that divides all known positions of a structure. Its size
// may be rounded up to it if there is space.
std::uint64_t alignment_of(const Node& node, std::uint64_t outer, std::uint64_t room) {
  const std::uint64_t place = node.address | node.stride | outer | 8;
  const std::uint64_t wanted = std::uint64_t{1} << std::countr_zero(place);
  const std::uint64_t rounded = (node.size + wanted - 1) / wanted * wanted;
  if (node.dims.empty() && rounded <= room) return wanted;
  return std::uint64_t{1} << std::countr_zero(place | node.size);
}

// A name that is no keyword of C or C++ and no macro of the compiler or of the headers that the
// file includes: stdint.h has INT8_MAX, SIZE_MAX, WCHAR_MIN and their like.
std::string member_name_of(std::string_view name) {
  static constexpr std::string_view kTaken[] = {
      "alignas",      "alignof",   "and_eq",   "bitand",           "bitor",
      "char16_t",     "char32_t",  "char8_t",  "co_await",         "co_return",
      "co_yield",     "compl",     "concept",  "const_cast",       "consteval",
      "constexpr",    "constinit", "decltype", "dynamic_cast",     "i386",
      "import",       "module",    "noexcept", "not_eq",           "nullptr",
      "or_eq",        "offsetof",  "restrict", "reinterpret_cast", "requires",
      "static_cast",  "stderr",    "stdin",    "static_assert",    "stdout",
      "thread_local", "typeid",    "typename", "typeof",           "wchar_t",
      "xor_eq"};
  const bool limit = name.ends_with("_MAX") || name.ends_with("_MIN") || name.ends_with("_WIDTH");
  const bool type = name.ends_with("_t") && (name.starts_with("int") || name.starts_with("uint"));
  // _Bool, _Atomic, __cplusplus: names of this form belong to the compiler.
  const bool reserved =
      name.size() > 1 && name[0] == '_' && (name[1] == '_' || (name[1] >= 'A' && name[1] <= 'Z'));
  const bool taken = std::find(std::begin(kTaken), std::end(kTaken), name) != std::end(kTaken);
  return limit || type || reserved || taken ? std::string(name) + "_" : cpp_name(name);
}

std::string array_text(const Node& node) {
  std::string out;
  for (const std::uint32_t dim : node.dims) out += fmt::format("[{}]", dim);
  return out;
}

// Writes a register as a member. A register that is wider than C's integers is an array of words;
// elements with gaps between them are wrapped in a structure.
std::string StructHeader::reg(const Node& reg, const std::string& name) const {
  const unsigned width = rdl::reg_width(reg);
  const bool wide = width > 64;
  std::string type = fmt::format("volatile uint{}_t", wide ? 32 : width);
  const std::string words = wide ? fmt::format("[{}]", width / 32) : std::string();
  if (reg.dims.empty() || reg.stride == reg.size) {
    return fmt::format("\t{} {}{}{};\n", type, name, array_text(reg), words);
  }
  return fmt::format(
      "\tstruct {{\n\t\t{} value{};\n\t\tuint8_t reserved[{}];\n"
      "\t}} __attribute__((packed, aligned({}))) {}{};\n",
      type, words, reg.stride - reg.size,
      std::uint64_t{1} << std::countr_zero(reg.address | reg.stride | reg.size | 8), name,
      array_text(reg));
}

std::string StructHeader::member(const Node& child, const std::string& name,
                                 const std::string& owner, std::uint64_t alignment,
                                 std::uint64_t room) {
  if (child.component == Component::kReg) return reg(child, name);
  if (child.component == Component::kMem) {
    return fmt::format("\tvolatile uint8_t {}{}[{:#x}];\n", name, array_text(child),
                       child.dims.empty() ? child.size : child.stride);
  }
  const std::string type = group(child, owner + "_" + std::string(child.name), alignment, room);
  return fmt::format("\tstruct {} {}{};\n", type, name, array_text(child));
}

std::string StructHeader::group(const Node& node, std::string name, std::uint64_t outer,
                                std::uint64_t room) {
  const std::string type = types_(std::move(name));
  const std::uint64_t alignment = alignment_of(node, outer, room);
  const std::uint64_t bytes = node.dims.empty() ? node.size : node.stride;
  const std::uint64_t size = (bytes + alignment - 1) / alignment * alignment;
  std::vector<const Node*> order(node.children.begin(), node.children.end());
  sort_stable(order, [](const Node* a, const Node* b) { return a->address < b->address; });
  std::string body;
  std::string checks;
  UniqueNames names;
  std::uint64_t at = 0;
  unsigned gaps = 0;
  const auto gap = [&](std::uint64_t to) {
    if (to <= at) return;
    body +=
        fmt::format("\tuint8_t {}[{:#x}];\n", names(fmt::format("reserved_{}", gaps++)), to - at);
    at = to;
  };
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Node* const child = order[i];
    const std::uint64_t next = i + 1 < order.size() ? order[i + 1]->address : size;
    const std::uint64_t free = next > child->address ? next - child->address : 0;
    if (child->address < at) {
      body += fmt::format("\t/* {} at {:#x} shares its place with another one: left out */\n",
                          child->name, child->address);
      continue;
    }
    gap(child->address);
    const std::string member_name = names(member_name_of(child->name));
    body += c_comment(one_line(text_property(card_.compilation->model, *child, "desc")));
    rounded_ = 0;
    body += member(*child, member_name, type, alignment, free);
    checks += fmt::format("HNI_ASSERT(offsetof(struct {}, {}) == {:#x});\n", type, member_name,
                          child->address);
    at = child->address + std::max(child->total_size(), rounded_);
  }
  gap(size);
  out_ += fmt::format("\nstruct {} {{\n{}}} __attribute__((packed, aligned({})));\n", type, body,
                      alignment);
  rounded_ = node.dims.empty() ? size : 0;
  out_ += checks + fmt::format("HNI_ASSERT(sizeof(struct {}) == {:#x});\n", type, size);
  return type;
}

std::string StructHeader::run() {
  const std::string guard = c_macro_name(card_.name) + "_STRUCTS_H";
  out_ = fmt::format(
      "/* Generated by hni-spec from the SystemRDL source of '{0}': do not edit. */\n"
      "/* SPDX-License-Identifier: Apache-2.0 */\n"
      "#ifndef {1}\n#define {1}\n\n#include <stddef.h>\n#include <stdint.h>\n\n"
      "#ifdef __cplusplus\n#define HNI_ASSERT(x) static_assert(x, \"another offset or "
      "size\")\n#else\n"
      "#define HNI_ASSERT(x) _Static_assert(x, \"another offset or size\")\n#endif\n",
      card_.name, guard);
  for (const Space& space : card_.spaces) {
    if (space.node->children.empty()) continue;
    const std::string name =
        card_.plain ? cpp_name(space.name) : card_.name + "_" + cpp_name(space.name);
    Node root = *space.node;  // its own position does not count
    root.address = 0;
    group(root, name, 8, ~std::uint64_t{0});
  }
  return out_ + "\n#undef HNI_ASSERT\n#endif\n";
}

}  // namespace

std::string emit_c_structs(const Card& card) {
  return StructHeader(card).run();
}

}  // namespace hni::speclib
