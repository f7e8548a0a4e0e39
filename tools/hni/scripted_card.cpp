// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/scripted_card.hpp"

#include <fmt/format.h>

namespace hni::tools {

std::string fault_text(const fuzz::InjectedFault& fault) {
  return fmt::format("fault {}: {} reports 0x{:x} instead of 0x{:x} (operation {})", fault.number,
                     fault.site, fault.said, fault.honest, fault.line);
}

std::string fault_line(const std::string& socket, const fuzz::InjectedFault& fault) {
  return nlohmann::json{{"socket", socket},    {"fault", fault.number},  {"site", fault.site},
                        {"value", fault.said}, {"honest", fault.honest}, {"operation", fault.line}}
      .dump();
}

nlohmann::json script_json(const fuzz::ScriptReport& report) {
  nlohmann::json sites = nlohmann::json::object();
  for (const fuzz::FaultCount& count : report.by_site)
    sites[std::string(count.site)] = count.faults;
  return {
      {"target", report.target},     {"operations", report.operations}, {"played", report.played},
      {"skipped", report.skipped},   {"given_up", report.given_up},     {"faults", report.faults},
      {"harmless", report.harmless}, {"pending", report.pending},       {"by_site", sites}};
}

std::string script_text(const fuzz::ScriptReport& report) {
  std::string text = fmt::format(
      "  the script ({}): {} of {} operations played, {} skipped, {} given up; {} faults, {} "
      "pending\n",
      report.target, report.played, report.operations, report.skipped, report.given_up,
      report.faults, report.pending);
  std::string sites;
  for (const fuzz::FaultCount& count : report.by_site)
    sites += fmt::format("{}{} {}", sites.empty() ? "" : ", ", count.site, count.faults);
  if (!sites.empty()) text += fmt::format("  faults by site: {}\n", sites);
  return text;
}

}  // namespace hni::tools
