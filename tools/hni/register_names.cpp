// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/register_names.hpp"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <functional>

#include "spec/compiler/embedded.hpp"
#include "spec/compiler/query.hpp"
#include "tools/hni/words.hpp"

namespace hni::tools {
namespace {

constexpr std::uint32_t kQueueBlocks = 128;

using speclib::Register;

/// Calls f(suffix, byte offset) for each element of the register, innermost index last.
void for_each_element(const Register& reg,
                      const std::function<void(const std::string&, std::uint32_t)>& f) {
  // Offsets in a BAR have 32 bits; those of other register maps may have more.
  const std::function<void(std::size_t, std::string, std::uint64_t)> level =
      [&](std::size_t depth, const std::string& suffix, std::uint64_t offset) {
        if (depth == reg.dims.size()) return f(suffix, static_cast<std::uint32_t>(offset));
        for (std::uint32_t i = 0; i < reg.dims[depth].count; ++i)
          level(depth + 1, fmt::format("{}[{}]", suffix, i), offset + i * reg.dims[depth].stride);
      };
  level(0, "", reg.byte_offset);
}

/// Escapes '[', which starts an index here, not a pattern.
std::string escaped(const std::string& pattern) {
  std::string out;
  for (const char c : pattern) {
    if (c == '[' || c == ']' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

bool matches(const std::string& pattern, const std::string& text) {
  return ::fnmatch(pattern.c_str(), text.c_str(), FNM_CASEFOLD) == 0;
}

bool harmless(const Register& reg) {
  return speclib::masks_of(reg.fields).clear_on_read == 0;
}

void add_elements(const Register& reg, const std::function<bool(const std::string&)>& wanted,
                  std::vector<RegisterElement>& out) {
  for_each_element(reg, [&](const std::string& suffix, std::uint32_t offset) {
    const std::string name = reg.name + suffix;
    if (!wanted(name)) return;
    // A 64-bit register is read as its two halves.
    out.push_back({name, reg.bar, offset});
    if (reg.width > 32) out.push_back({name + ".high", reg.bar, offset + 4});
  });
}

}  // namespace

RegisterNames::RegisterNames()
    : compilation_(rdl::compile(speclib::kEmbeddedTop, speclib::read_embedded)),
      card_(speclib::read_card(*compilation_)) {}

Outcome<std::vector<RegisterElement>> RegisterNames::find(
    const std::vector<std::string>& patterns) const {
  std::vector<RegisterElement> out;
  if (patterns.empty()) {
    for (const Register& reg : card_->registers) {
      if (reg.dump_only || !harmless(reg)) continue;
      const bool queue = !reg.dims.empty() && reg.dims.front().count == kQueueBlocks;
      add_elements(
          reg,
          [&](const std::string& name) { return !queue || name.starts_with(reg.name + "[0]"); },
          out);
    }
    return out;
  }
  for (std::string pattern : patterns) {
    if (pattern.starts_with("FBNIC_")) pattern.erase(0, 6);
    const std::string whole = escaped(pattern);
    const std::string array = whole + "\\[*";
    const std::size_t before = out.size();
    for (const Register& reg : card_->registers) {
      // A pattern without wildcards names one register: skip the elements of all others.
      const std::string stem = escaped(pattern.substr(0, pattern.find('[')));
      if (!matches(stem, reg.name)) continue;
      add_elements(
          reg,
          [&](const std::string& name) { return matches(whole, name) || matches(array, name); },
          out);
    }
    if (out.size() == before) {
      std::vector<std::string> names;
      for (const Register& reg : card_->registers) names.push_back(reg.name);
      const std::string near = nearest(pattern, names);
      return problem(fmt::format("unknown register '{}'{}", pattern,
                                 near.empty() ? "" : ": did you mean '" + near + "'?"));
    }
  }
  return out;
}

std::string RegisterNames::decode(const std::string& name, std::uint32_t value) const {
  const std::string whole = name.substr(0, name.find(".high"));
  const std::string text = speclib::decode_name(*card_, whole, value);
  return text.empty() ? fmt::format("{} {:#x}\n", name, value) : text;
}

}  // namespace hni::tools
