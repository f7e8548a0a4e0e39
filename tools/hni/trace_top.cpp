// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/trace_top.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "tools/hni/text_view.hpp"

namespace hni::tools {
namespace {

std::vector<std::string> split_keys(const std::string& text) {
  std::vector<std::string> keys;
  for (std::size_t at = 0; at <= text.size();) {
    const auto end = std::min(text.find(", ", at), text.size());
    keys.push_back(text.substr(at, end - at));
    at = end + 2;
  }
  return keys;
}

}  // namespace

std::string TraceTop::line(const std::string& text) {
  if (text.starts_with("hni trace top, ")) {
    const std::string out = title_.empty() ? "" : table(title_, true);
    before_ = now_;
    title_ = text;
    return out;
  }
  const auto open = text.find('[');
  const auto close = text.rfind("]: ");
  if (!text.starts_with("@") || open == std::string::npos || close == std::string::npos) return "";
  now_[text.substr(1, open - 1)][split_keys(text.substr(open + 1, close - open - 1))] =
      std::strtoull(text.c_str() + close + 3, nullptr, 10);
  return "";
}

std::string TraceTop::end() {
  return table("in all", false);
}

std::uint64_t TraceTop::of(const Sums& sums, const char* map,
                           const std::vector<std::string>& key) const {
  const auto at = sums.find(map);
  if (at == sums.end()) return 0;
  const auto value = at->second.find(key);
  return value != at->second.end() ? value->second : 0;
}

/// Formats the queues, the busiest first, then drops and refusals. At most 79 columns.
std::string TraceTop::table(const std::string& title, bool rates) {
  const auto figure = [&](const char* map, const std::vector<std::string>& key) {
    const std::uint64_t sum = of(now_, map, key);
    return rates ? sum - std::min(sum, of(before_, map, key)) : sum;
  };
  std::set<std::vector<std::string>> queues;
  for (const char* map : {"rx_polls", "tx_completed", "tx_stalls"}) {
    const auto at = now_.find(map);
    if (at == now_.end()) continue;
    for (const auto& [key, sum] : at->second) queues.insert(key);
  }
  std::vector<std::vector<std::string>> rows(queues.begin(), queues.end());
  const auto work = [&](const auto& key) {
    return figure("rx_packets", key) + figure("tx_completed", key);
  };
  std::sort(rows.begin(), rows.end(), [&](const auto& a, const auto& b) {
    const auto of_a = work(a), of_b = work(b);
    return of_a != of_b ? of_a > of_b : a < b;
  });
  std::string out = title + "\n";
  const char* per = rates ? "/s" : "";
  out += fmt::format("{:<6}{:>6}{:>13}{:>12}{:>14}{:>13}\n", "port", "queue",
                     fmt::format("rx pkt{}", per), fmt::format("rx polls{}", per),
                     fmt::format("tx descr{}", per), fmt::format("tx stops{}", per));
  const auto number = [&](std::uint64_t n) {
    return rates ? with_unit(static_cast<double>(n)) : std::to_string(n);
  };
  for (const auto& key : rows) {
    if (key.size() != 2) continue;
    out += fmt::format("hni{:<3}{:>6}{:>13}{:>12}{:>14}{:>13}\n", key[0], key[1],
                       number(figure("rx_packets", key)), number(figure("rx_polls", key)),
                       number(figure("tx_completed", key)), number(figure("tx_stalls", key)));
  }
  for (const auto& [map, sums] : now_) {
    if (queues.count(sums.begin()->first) != 0 && map != "drops" && map != "refused") continue;
    for (const auto& [key, sum] : sums) {
      std::string name = map;
      std::replace(name.begin(), name.end(), '_', ' ');
      if (key.size() == 2) name += ": " + key[1];
      const std::uint64_t n = figure(map.c_str(), key);
      if (!rates || n != 0 || map == "drops" || map == "refused")
        out += fmt::format("hni{:<3}{:>12}{} {}\n", key[0], number(n), per, name);
    }
  }
  return screen_.redraw(out);
}

}  // namespace hni::tools
