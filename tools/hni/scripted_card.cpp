// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/scripted_card.hpp"

#include <fmt/format.h>

namespace hni::tools {

std::string lie_text(const fuzz::Lie& lie) {
  return fmt::format("lie {}: {} says 0x{:x}, not 0x{:x} (operation {})", lie.number, lie.site,
                     lie.said, lie.honest, lie.line);
}

std::string lie_line(const std::string& socket, const fuzz::Lie& lie) {
  return nlohmann::json{{"socket", socket},  {"lie", lie.number},    {"site", lie.site},
                        {"value", lie.said}, {"honest", lie.honest}, {"operation", lie.line}}
      .dump();
}

nlohmann::json script_json(const fuzz::ScriptReport& report) {
  nlohmann::json sites = nlohmann::json::object();
  for (const fuzz::FaultCount& count : report.by_site)
    sites[std::string(count.site)] = count.faults;
  return {{"target", report.target},
          {"operations", report.operations},
          {"played", report.played},
          {"passed_over", report.passed_over},
          {"given_up", report.given_up},
          {"lies", report.faults},
          {"harmless", report.harmless},
          {"untold", report.pending},
          {"by_site", sites}};
}

std::string script_text(const fuzz::ScriptReport& report) {
  std::string text = fmt::format(
      "  the script ({}): {} of {} operations played, {} passed over, {} given up; {} lies, {} "
      "not told yet\n",
      report.target, report.played, report.operations, report.passed_over, report.given_up,
      report.faults, report.pending);
  std::string sites;
  for (const fuzz::FaultCount& count : report.by_site)
    sites += fmt::format("{}{} {}", sites.empty() ? "" : ", ", count.site, count.faults);
  if (!sites.empty()) text += fmt::format("  lies by site: {}\n", sites);
  return text;
}

}  // namespace hni::tools
