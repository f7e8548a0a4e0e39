// SPDX-License-Identifier: Apache-2.0
#include "fuzz/script/script.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>

#include "driver/core/input_sites.hpp"
#include "fuzz/script/field_faults.hpp"

namespace hni::fuzz {
namespace {

constexpr std::size_t kMaxOpBytes = 12;

std::string hex(std::uint64_t value) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, 16).ptr;
  return "0x" + std::string(digits, end);
}

std::string show(ArgKind kind, std::uint8_t a) {
  if (kind == ArgKind::kClass && a < kClassCount) return std::string(kClassNames[a]);
  if (kind == ArgKind::kSite && a < kSiteCount) return std::string(kSites[a].name);
  return std::to_string(a);
}

bool read_number(std::string_view text, std::uint64_t& value) {
  const bool is_hex = text.starts_with("0x");
  if (is_hex) text.remove_prefix(2);
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, is_hex ? 16 : 10);
  return error == std::errc{} && end == text.data() + text.size();
}

bool read_a(ArgKind kind, std::string_view text, std::uint64_t& value) {
  if (kind == ArgKind::kClass) {
    const auto* at = std::find(kClassNames.begin(), kClassNames.end(), text);
    value = static_cast<std::uint64_t>(at - kClassNames.begin());
    if (at != kClassNames.end()) return true;
  }
  if (kind == ArgKind::kSite) {
    for (const SiteInfo& site : kSites) {
      value = static_cast<std::uint64_t>(site.id);
      if (site.name == text) return true;
    }
  }
  return read_number(text, value);
}

std::string_view word(std::string_view& line) {
  const std::size_t begin = line.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return line = {};
  line.remove_prefix(begin);
  const std::size_t end = std::min(line.find_first_of(" \t\r"), line.size());
  const std::string_view found = line.substr(0, end);
  line.remove_prefix(end);
  return found;
}

/// Returns what is wrong with the line, or an empty string.
std::string read_line(std::string_view line, OpList ops, std::vector<Op>& script) {
  line = line.substr(0, line.find('#'));
  const std::string_view name = word(line);
  if (name.empty()) return {};
  const auto info = std::find_if(ops.begin(), ops.end(), [&](auto& o) { return o.name == name; });
  if (info == ops.end()) return "no operation '" + std::string(name) + "'";
  Op op;
  op.kind = static_cast<std::uint8_t>(info - ops.begin());
  for (std::string_view arg = word(line); !arg.empty(); arg = word(line)) {
    const std::size_t equals = arg.find('=');
    if (equals == std::string_view::npos) return "'" + std::string(arg) + "' has no '='";
    const std::string_view key = arg.substr(0, equals);
    const std::string_view text = arg.substr(equals + 1);
    std::uint64_t value = 0;
    if (key == info->a && !key.empty()) {
      if (!read_a(info->a_kind, text, value) || value > 0xff) return "bad " + std::string(arg);
      op.a = static_cast<std::uint8_t>(value);
    } else if (key == info->b && !key.empty()) {
      if (!read_number(text, value) || value > 0xffff) return "bad " + std::string(arg);
      op.b = static_cast<std::uint16_t>(value);
    } else if (key == "value" && info->value_words != 0) {
      if (!read_number(text, op.value)) return "bad " + std::string(arg);
    } else {
      return "'" + std::string(name) + "' has no argument '" + std::string(key) + "'";
    }
  }
  script.push_back(op);
  return {};
}

}  // namespace

std::vector<Op> decode_script(std::span<const std::uint8_t> bytes, OpList ops) {
  std::vector<Op> script;
  ScriptReader reader(bytes.data(), bytes.size(), ops);
  for (Op op; reader.next(op);) script.push_back(op);
  return script;
}

std::vector<std::uint8_t> encode_script(std::span<const Op> script, OpList ops) {
  std::vector<std::uint8_t> bytes(script.size() * kMaxOpBytes);
  bytes.resize(encode_into(script, ops, bytes));
  return bytes;
}

std::size_t encode_into(std::span<const Op> script, OpList ops, std::span<std::uint8_t> into) {
  std::size_t at = 0;
  for (const Op& op : script) {
    const std::size_t size = 4 + std::size_t{ops[op.kind].value_words} * 4;
    std::array<std::uint8_t, kMaxOpBytes> bytes{op.kind, op.a,
                                                static_cast<std::uint8_t>(op.b & 0xff),
                                                static_cast<std::uint8_t>(op.b >> 8)};
    for (std::size_t i = 4; i < size; ++i)
      bytes[i] = static_cast<std::uint8_t>(op.value >> (8 * (i - 4)) & 0xff);
    const std::size_t fits = std::min(size, into.size() - at);
    std::memcpy(into.data() + at, bytes.data(), fits);
    at += fits;
    if (fits != size) break;
  }
  return at;
}

std::string op_to_text(const Op& op, OpList ops) {
  const OpInfo& info = ops[op.kind];
  std::string text(info.name);
  if (!info.a.empty()) text += " " + std::string(info.a) + "=" + show(info.a_kind, op.a);
  if (!info.b.empty()) text += " " + std::string(info.b) + "=" + std::to_string(op.b);
  if (info.value_words != 0) text += " value=" + hex(op.value);
  return text;
}

std::string script_to_text(std::span<const Op> script, OpList ops) {
  std::string text;
  for (const Op& op : script) text += op_to_text(op, ops) + "\n";
  return text;
}

ParsedScript script_from_text(std::string_view text, OpList ops) {
  ParsedScript parsed;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string wrong = read_line(text.substr(0, end), ops, parsed.script);
    if (!wrong.empty()) {
      parsed.error = "line " + std::to_string(line) + ": " + wrong;
      return parsed;
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parsed;
}

}  // namespace hni::fuzz
