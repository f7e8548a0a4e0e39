// SPDX-License-Identifier: Apache-2.0
// Writes the results in formats that CI systems read: JUnit XML and SARIF.
#include <nlohmann/json.hpp>

#include "proofs/prover/report.hpp"
#include "proofs/prover/solver.hpp"

namespace hni::proofs {
namespace {

std::string xml(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 && c != '\n' ? '?' : c;
    }
  }
  return out;
}

std::string run_of(const Entry& e) {
  std::string text;
  for (const std::string& line : e.report.run) text += line + "\n";
  return text;
}

}  // namespace

std::string repository_path(const std::string& file) {
  const std::size_t at = file.rfind("proofs/");
  return at == std::string::npos ? file : file.substr(at);
}

std::string junit_document(const std::vector<Entry>& entries) {
  const Summary s = summarize(entries);
  double ms = 0;
  std::string cases;
  for (const Entry& e : entries) {
    ms += e.report.ms;
    cases += "  <testcase classname=\"" + xml(repository_path(e.obligation.file)) + "\" name=\"" +
             xml(e.obligation.name) + "\" time=\"" + std::to_string(e.report.ms / 1000) + "\"";
    if (e.ok()) {
      cases += "/>\n";
      continue;
    }
    cases += ">\n    <failure message=\"" + xml(e.why()) + "\">" +
             xml(std::string(e.obligation.requirement) + "\n" + run_of(e)) +
             "</failure>\n  </testcase>\n";
  }
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"hni prove\" tests=\"" +
         std::to_string(entries.size()) + "\" failures=\"" + std::to_string(s.failed) +
         "\" time=\"" + std::to_string(ms / 1000) + "\">\n" + cases + "</testsuite>\n";
}

std::string sarif_document(const std::vector<Entry>& entries) {
  using nlohmann::json;
  json rules = json::array(), results = json::array();
  for (const Entry& e : entries) {
    rules.push_back(
        {{"id", e.obligation.name}, {"shortDescription", {{"text", e.obligation.requirement}}}});
    if (e.ok()) continue;
    const json place = {{"physicalLocation",
                         {{"artifactLocation", {{"uri", repository_path(e.obligation.file)}}},
                          {"region", {{"startLine", 1}}}}}};
    results.push_back({{"ruleId", e.obligation.name},
                       {"level", "error"},
                       {"message", {{"text", e.why() + "\n" + run_of(e)}}},
                       {"locations", json::array({place})}});
  }
  const json driver = {{"name", "hni prove"}, {"version", versions().tool}, {"rules", rules}};
  const json run = {{"tool", {{"driver", driver}}}, {"results", results}};
  const json document = {{"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
                         {"version", "2.1.0"},
                         {"runs", json::array({run})}};
  return document.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace hni::proofs
