// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/trace_output.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "tools/hni/printable.hpp"
#include "tools/hni/register_names.hpp"

namespace hni::tools {
namespace {

/// Arrays whose elements mean different queues or vectors keep their index.
std::string keep_index(const std::string& name) {
  if (name.starts_with("QUEUE_") || name.starts_with("INTR_CQ_")) return name;
  return name.substr(0, name.find('['));
}

struct Key {
  unsigned port = 0;
  unsigned bar = 0;
  std::uint32_t offset = 0;
};

/// "0, 4, 98304" or "0,4,98304".
bool read_key(const std::string& text, Key& key) {
  return std::sscanf(text.c_str(), "%u,%u,%u", &key.port, &key.bar, &key.offset) == 3;
}

}  // namespace

std::string short_symbol(const std::string& text) {
  std::string out;
  int depth = 0;
  for (const char c : text) {
    if (c == '<' || c == '(') ++depth;
    if (depth == 0) out += c;
    if ((c == '>' || c == ')') && depth > 0) --depth;
  }
  return out;
}

bool TraceOutput::matters(const std::string& error) {
  // Printed by bpftrace where tracefs is not mounted, where the limit no longer exists, or about a
  // name that 0.17 needs and 0.23 still accepts.
  for (const char* noise :
       {"set RLIMIT_MEMLOCK", "failed to detach probe", "uprobe_events): No such file",
        "BPFTRACE_MAP_KEYS_MAX is deprecated"}) {
    if (error.find(noise) != std::string::npos) return false;
  }
  return !error.empty();
}

const std::string& TraceOutput::register_name(unsigned bar, std::uint32_t offset) {
  if (names_.empty()) {
    const RegisterNames registers;
    const auto all = registers.find({"*"});
    for (const RegisterElement& e : all.value_or(std::vector<RegisterElement>{}))
      names_.try_emplace({e.bar, e.byte_offset}, keep_index(e.name));
  }
  const auto [at, missing] = names_.try_emplace({bar, offset}, "");
  if (missing) at->second = fmt::format("BAR{}+{:#x}", bar, offset);
  return at->second;
}

/// Handles a line "@reads[0, 0, 256]: 3", which is summed up until the end.
bool TraceOutput::collect(const std::string& text) {
  if (!registers_ || !text.starts_with("@")) return false;
  const auto open = text.find('[');
  const auto close = text.find("]: ");
  Key key;
  if (open == std::string::npos || close == std::string::npos ||
      !read_key(text.substr(open + 1), key))
    return false;
  counts_[fmt::format("{}[{}, {}]", text.substr(0, open), key.port,
                      register_name(key.bar, key.offset))] +=
      std::strtoull(text.c_str() + close + 3, nullptr, 10);
  return true;
}

std::string TraceOutput::json_line(const std::string& text) {
  Json line = Json::parse(text, nullptr, false);
  if (!line.is_object()) return "";
  if (registers_ && line.value("type", "") == "map") {
    for (auto& [map, values] : line["data"].items()) {
      if (!values.is_object()) continue;
      Json named = Json::object();
      for (const auto& [text_key, value] : values.items()) {
        Key key;
        if (!read_key(text_key, key)) continue;
        const std::string name =
            fmt::format("{},{}", key.port, register_name(key.bar, key.offset));
        named[name] = named.value(name, std::uint64_t{0}) + value.get<std::uint64_t>();
      }
      values = std::move(named);
    }
  }
  return line.dump() + "\n";
}

std::string TraceOutput::line(const std::string& raw) {
  if (json_) return json_line(raw);
  const std::string text = printable(raw);  // the firmware's log is in it
  if (text.empty() || text.starts_with("Attaching ")) return "";
  if (collect(text)) return "";
  if (top_) return top_->line(text);
  if (text.find("::") != std::string::npos) return short_symbol(text) + "\n";
  return text + "\n";
}

std::string TraceOutput::end() {
  std::string out = top_ && !json_ ? top_->end() : "";
  for (const auto& [key, count] : counts_) out += fmt::format("{}: {}\n", key, count);
  return out;
}

}  // namespace hni::tools
