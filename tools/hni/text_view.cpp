// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/text_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "tools/hni/printable.hpp"

namespace hni::tools {
namespace {

bool is_flat(const Json& value) {
  return value.is_object() &&
         std::none_of(value.begin(), value.end(), [](const Json& v) { return v.is_structured(); });
}

std::string scalar(const Json& value) {
  if (value.is_string()) return printable(value.get<std::string>());
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_number_float()) return fmt::format("{:.1f}", value.get<double>());
  return value.dump();
}

std::string table(const Json& rows, const std::string& indent) {
  std::vector<std::string> keys;
  std::vector<std::size_t> widths;
  for (const auto& [key, value] : rows.front().items()) {
    keys.push_back(printable(key));
    std::size_t width = keys.back().size();
    for (const Json& row : rows) {
      if (row.contains(key)) width = std::max(width, scalar(row[key]).size());
    }
    widths.push_back(width);
  }
  std::string out = indent;
  for (std::size_t i = 0; i < keys.size(); ++i) out += fmt::format("{:<{}}  ", keys[i], widths[i]);
  for (const Json& row : rows) {
    out += "\n" + indent;
    for (std::size_t i = 0; i < keys.size(); ++i)
      out += fmt::format("{:<{}}  ", row.contains(keys[i]) ? scalar(row[keys[i]]) : "", widths[i]);
  }
  return out + "\n";
}

std::string members(const Json& object, const std::string& indent) {
  std::size_t width = 0;
  for (const auto& [key, value] : object.items()) width = std::max(width, key.size());
  std::string out;
  for (const auto& [key, value] : object.items()) {
    if (value.is_object()) {
      if (value.empty()) {
        out += fmt::format("{}{:<{}}  none\n", indent, key, width);
      } else {
        out += fmt::format("{}{}:\n{}", indent, key, members(value, indent + "  "));
      }
    } else if (value.is_array() && !value.empty() && is_flat(value.front())) {
      out += fmt::format("{}{}:\n{}", indent, key, table(value, indent + "  "));
    } else {
      out += fmt::format("{}{:<{}}  {}\n", indent, key, width, scalar(value));
    }
  }
  return out;
}

std::string drops_text(const Json& drops) {
  std::string out;
  for (const auto& [reason, count] : drops.items())
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", count.get<std::uint64_t>(), reason);
  return out;
}

}  // namespace

std::string as_text(const Json& value) {
  if (!value.is_array()) return members(value, "");
  if (value.empty()) return "none\n";
  if (std::all_of(value.begin(), value.end(), is_flat) && value.front().size() < 8)
    return table(value, "");
  std::string out;
  for (const Json& entry : value) {
    if (!out.empty()) out += "\n";
    out += entry.is_object() ? members(entry, "") : scalar(entry) + "\n";
  }
  return out;
}

std::string with_unit(double value) {
  constexpr std::array<const char*, 5> kUnits{"", " k", " M", " G", " T"};
  std::size_t unit = 0;
  while (value >= 1000 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return fmt::format("{:.{}f}{}", value, unit == 0 ? 0 : 1, kUnits[unit]);
}

namespace {

std::uint64_t drops_of(const Json& port) {
  std::uint64_t drops = 0;
  for (const char* kind : {"rx_drops", "tx_drops"}) {
    for (const auto& [reason, count] : port[kind].items()) drops += count.get<std::uint64_t>();
  }
  return drops;
}

/// "1.2 Mb/s", "12 b/s"
std::string rate(double value, const char* unit) {
  const std::string text = with_unit(value);
  return text + (text.find(' ') == std::string::npos ? " " : "") + unit;
}

}  // namespace

std::string live_line(const std::vector<Json>& ports) {
  std::string out;
  std::uint64_t drops = 0;
  for (const Json& p : ports) {
    out += fmt::format("  {} {} {}", scalar(p["port"]),
                       rate(p["rx_packets_per_s"].get<double>(), "p/s"),
                       rate(p["rx_bits_per_s"].get<double>(), "b/s"));
    drops += drops_of(p);
  }
  return out + fmt::format("  {} drops", with_unit(static_cast<double>(drops)));
}

std::string live_table(const std::vector<Json>& ports) {
  // At most 79 columns.
  constexpr const char* kRow = "{:<5}{:<7}{:>9}{:>9}{:>9}{:>9}{:>8}{:>8}{:>8}{:>7}\n";
  std::string out = fmt::format(kRow, "port", "link", "rx pkt/s", "rx bit/s", "tx pkt/s",
                                "tx bit/s", "drops", "tx ring", "rx lent", "beats");
  for (const Json& p : ports) {
    const bool up = p["link_up"].get<bool>();
    const std::string link =
        up ? fmt::format("{}G up", p["speed_mbps"].get<unsigned>() / 1000) : "down";
    out +=
        fmt::format(kRow, scalar(p["port"]), link, with_unit(p["rx_packets_per_s"].get<double>()),
                    with_unit(p["rx_bits_per_s"].get<double>()),
                    with_unit(p["tx_packets_per_s"].get<double>()),
                    with_unit(p["tx_bits_per_s"].get<double>()),
                    with_unit(static_cast<double>(drops_of(p))), p["tx_ring_used"].get<unsigned>(),
                    p["rx_buffers_lent"].get<unsigned>(), p["heartbeats"].get<std::uint64_t>());
  }
  for (const Json& p : ports) {
    if (!p["rx_drops"].empty())
      out += fmt::format("  {} rx drops: {}\n", scalar(p["port"]), drops_text(p["rx_drops"]));
    if (!p["tx_drops"].empty())
      out += fmt::format("  {} tx drops: {}\n", scalar(p["port"]), drops_text(p["tx_drops"]));
  }
  return out;
}

}  // namespace hni::tools
