// SPDX-License-Identifier: Apache-2.0
#include "trace/program.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "trace/probe_list.hpp"
#include "trace/spec_tables.hpp"

namespace hni::trace {
namespace {

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

bool is_title(std::string_view line) {
  return line.size() > 3 && std::all_of(line.begin(), line.end(),
                                        [](char c) { return (c >= 'A' && c <= 'Z') || c == ' '; });
}

/// Returns the words after `marker` in a line of a program; empty if the line has no such marker.
std::vector<std::string> marked(std::string_view line, std::string_view marker) {
  std::vector<std::string> words;
  const auto at = line.find(marker);
  if (at == std::string_view::npos) return words;
  line.remove_prefix(at + marker.size());
  while (!line.empty()) {
    const auto begin = std::min(line.find_first_not_of(' '), line.size());
    line.remove_prefix(begin);
    const auto end = std::min(line.find(' '), line.size());
    if (end != 0) words.emplace_back(line.substr(0, end));
    line.remove_prefix(end);
  }
  return words;
}

/// Numbers that are printed in hexadecimal because their bits have a meaning.
bool is_pattern(const std::string& argument) {
  for (const char* name : {"word", "value", "limit", "mask", "offset", "message", "text"})
    if (argument == name) return true;
  return false;
}

std::string fill(const std::string& table) {
  if (const auto lines = spec_table(table)) return *lines;
  std::string out;
  for (const WordTable& t : word_tables()) {
    if (t.name != table) continue;
    for (std::size_t i = 0; i < t.words.size(); ++i)
      out += fmt::format("  @{}_name[{}] = \"{}\";\n", table, i, t.words[i]);
  }
  return out;
}

std::string clear(const std::string& table) {
  return table == "reply" ? "  clear(@reply_to);\n" : "  clear(@" + table + "_name);\n";
}

}  // namespace

ToolText tool_text(std::string_view program) {
  ToolText text;
  for (std::string line : lines_of(program)) {
    if (!line.starts_with("//")) break;
    line.erase(0, line.starts_with("// ") ? 3 : 2);
    if (line.starts_with("SPDX")) continue;
    const auto colon = line.find(": ");
    if (text.name.empty()) {
      if (colon == std::string::npos) break;
      text.name = line.substr(0, colon);
      text.summary = line.substr(colon + 2);
      text.sections.emplace_back();
    } else if (is_title(line)) {
      text.sections.push_back({line, {}});
    } else {
      text.sections.back().lines.push_back(line);
    }
  }
  return text;
}

std::string complete_program(std::string_view program) {
  const ToolText text = tool_text(program);
  if (text.name.empty()) return {};
  std::string out;
  for (const std::string& line : lines_of(program)) {
    const auto filled = marked(line, "// +names");
    const auto cleared = marked(line, "// -names");
    for (const std::string& table : filled) out += fill(table);
    for (const std::string& table : cleared) out += clear(table);
    if (filled.empty() && cleared.empty()) out += line + "\n";
  }
  return out;
}

std::string events_program() {
  std::string out =
      "// SPDX-License-Identifier: Apache-2.0\n"
      "// events: every event of every probe, one per line\n"
      "// PURPOSE\n"
      "// The raw data of all other tools, to read or to search. Generated from the probe list;\n"
      "// hni-probes(7) describes the arguments.\n"
      "// EXAMPLE\n"
      "//     # hni trace events | grep message__\n"
      "//         1.203377 4242 message__sent port=0 message=0x14 length=4 time=310200551\n"
      "// EXPLANATION\n"
      "// One line per event: seconds since the tracer attached, thread, probe, arguments by "
      "name;\n"
      "// words, values, masks, offsets and message types are hexadecimal.\n"
      "// All probes are attached, including register accesses: use it on a lightly loaded\n"
      "// driver, or expect it to slow down.\n"
      "// COST\n"
      "// Measured by bench/trace_cost.sh with 60-byte frames at full rate, both drivers and "
      "both\n"
      "// cards in one thread, 0.31 us of processor time per packet without a tracer: 54 us\n"
      "// more per packet.\n\n";
  for (const ProbeInfo& probe : probe_list()) {
    std::string format = "%5d.%06d %d " + probe.name;
    std::string values = ", elapsed / 1000000000, elapsed % 1000000000 / 1000, tid";
    for (std::size_t i = 0; i < probe.arguments.size(); ++i) {
      const ProbeArgument& a = probe.arguments[i];
      format += " " + a.name + (is_pattern(a.name) ? "=0x%lx" : "=%lu");
      values += fmt::format(", arg{}", i);
    }
    out += fmt::format("usdt:*:hni:{} {{ printf(\"{}\\n\"{}); }}\n", probe.name, format, values);
  }
  return out;
}

}  // namespace hni::trace
