// SPDX-License-Identifier: Apache-2.0
#include "proofs/prover/report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

namespace hni::proofs {
namespace {

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      out += c;
    }
  }
  return out;
}

const char* result_word(const Entry& e) {
  if (!e.ok()) return "FAILED";
  if (e.obligation.expect == Expect::kRefuted) return "refuted, as it must be";
  if (e.report.searched != 0) return "searched";
  return e.report.questions == 0 ? "proved by identity" : "proved";
}

constexpr const char* kStyle =
    "body{font:15px/1.4 sans-serif;max-width:75em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse}td,th{border:1px solid #bbb;padding:.3em .6em;text-align:left;"
    "vertical-align:top}pre{background:#f4f4f4;padding:.6em}.bad{background:#fdd}";

/// Shows only the rows that contain the typed text.
constexpr const char* kFilter =
    "<p><input placeholder='filter' oninput=\"for(const r of document.querySelectorAll('tr'))"
    "if(r.querySelector('td'))r.hidden=!r.textContent.toLowerCase().includes("
    "this.value.toLowerCase())\"></p>";

constexpr const char* kNotClaimed =
    "<ul><li>The proofs are about the templates of <code>driver/</code> over mathematical values "
    "of their word types; "
    "the compiler and the processor are trusted.</li>"
    "<li>They make no statement about time, throughput, or whether the card makes progress.</li>"
    "<li>They make no statement about the bytes of a packet: a card may deliver any bytes.</li>"
    "<li>That the emulated card behaves as the real one is not a subject of these "
    "proofs.</li></ul>";

}  // namespace

bool Entry::ok() const {
  return finished && report.ok &&
         std::all_of(dropped.begin(), dropped.end(), [](const Report& r) { return r.ok; });
}

std::string Entry::why() const {
  if (!finished) return "did not finish in time";
  if (!report.ok) return report.why;
  for (const Report& r : dropped) {
    if (!r.ok) return r.why;
  }
  return {};
}

double Entry::cpu_seconds() const {
  double ms = report.cpu_ms;
  for (const Report& r : dropped) ms += r.cpu_ms;
  return ms / 1000;
}

Summary summarize(const std::vector<Entry>& entries) {
  Summary s;
  for (const Entry& e : entries) {
    if (!e.ok()) {
      ++s.failed;
    } else if (e.obligation.expect == Expect::kRefuted) {
      ++s.refuted;
    } else if (e.report.searched != 0) {
      ++s.searched;
      s.states += e.report.searched;
    } else {
      ++(e.report.questions == 0 ? s.evaluated : s.held);
    }
    s.questions += e.report.questions;
    s.certified += e.report.certified;
    s.assumptions += e.dropped.size();
    s.solver_ms += e.report.z3.ms + e.report.cvc5.ms;
  }
  return s;
}

std::string in_words(const Summary& s) {
  return std::to_string(s.held) + " proved by Z3 and cvc5, " + std::to_string(s.evaluated) +
         " by identity of terms, " + std::to_string(s.searched) + " searched through (" +
         std::to_string(s.states) + " states and operations), " + std::to_string(s.refuted) +
         " known mistakes refuted, " + std::to_string(s.failed) + " failed; " +
         std::to_string(s.assumptions) + " assumptions, each needed";
}

std::vector<std::string> properties_without_negative(const std::vector<Entry>& entries) {
  std::set<std::string> claimed, refuted;
  for (const Entry& e : entries) {
    if (e.obligation.expect == Expect::kRefuted) refuted.insert(e.obligation.property);
    if (e.obligation.expect == Expect::kHolds) {
      claimed.insert(e.report.properties.begin(), e.report.properties.end());
    }
  }
  claimed.erase("explored");  // a property of the explorer, tested with it
  std::vector<std::string> missing;
  std::set_difference(claimed.begin(), claimed.end(), refuted.begin(), refuted.end(),
                      std::back_inserter(missing));
  return missing;
}

void print_table(std::FILE* out, const std::vector<Entry>& entries) {
  std::size_t widest = 10;
  for (const Entry& e : entries) widest = std::max(widest, std::string(e.obligation.name).size());
  const int w = static_cast<int>(widest);
  std::fprintf(out, "%-*s  %8s %8s %7s  %-22s  %s\n", w, "obligation", "z3", "cvc5", "cpu",
               "result", "requirement");
  for (const Entry& e : entries) {
    std::fprintf(out, "%-*s  %8s %8s %6.2fs  %-22s  %s\n", w, e.obligation.name,
                 to_string(e.report.z3.answer), to_string(e.report.cvc5.answer), e.cpu_seconds(),
                 result_word(e), e.obligation.requirement);
  }
}

void print_failures(std::FILE* out, const std::vector<Entry>& entries) {
  for (const Entry& e : entries) {
    if (e.ok()) continue;
    std::fprintf(out, "\n%s: %s\n  %s\n", e.obligation.name, e.why().c_str(),
                 e.obligation.requirement);
    for (const std::string& line : e.report.run) std::fprintf(out, "  %s\n", line.c_str());
    std::fprintf(out, "  replay: hni prove %s\n", e.obligation.name);
  }
}

std::string html_page(const std::vector<Entry>& entries) {
  const Summary s = summarize(entries);
  std::string page =
      "<!doctype html><meta charset=utf-8><title>openhni: what is proved</title><style>";
  page += kStyle;
  page += "</style><h1>openhni: what is proved</h1><p>" + in_words(s) + "; " +
          std::to_string(s.questions) + " questions, each to Z3 and to cvc5.</p>" + kFilter +
          "<table><tr><th>obligation<th>requirement"
          "<th>assumptions, each needed<th>properties<th>z3<th>cvc5<th>seconds<th>result</tr>\n";
  for (const Entry& e : entries) {
    std::string assumptions, properties;
    for (const std::string& a : e.report.assumptions) assumptions += escaped(a) + "<br>";
    for (const std::string& p : e.report.properties) properties += escaped(p) + " ";
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%.2f", e.report.ms / 1000);
    page += std::string(e.ok() ? "<tr>" : "<tr class=bad>") + "<td>" + e.obligation.name +
            "<br><small><a href=\"" + escaped(repository_path(e.obligation.file)) + "\">" +
            escaped(repository_path(e.obligation.file)) + "</a></small><td>" +
            escaped(e.obligation.requirement) + "<td>" + assumptions + "<td>" + properties +
            "<td>" + to_string(e.report.z3.answer) + "<td>" + to_string(e.report.cvc5.answer) +
            "<td>" + seconds + "<td>" + result_word(e);
    if (!e.ok()) page += "<br>" + escaped(e.why());
    if (!e.report.run.empty()) {
      page += "<pre>";
      for (const std::string& line : e.report.run) page += escaped(line) + "\n";
      page += "</pre>";
    }
    page += "</tr>\n";
  }
  return page + "</table><h2>What is not claimed</h2>" + kNotClaimed;
}

std::string json_document(const std::vector<Entry>& entries) {
  using nlohmann::json;
  json list = json::array();
  for (const Entry& e : entries) {
    json dropped = json::array();
    for (const Report& r : e.dropped) dropped.push_back(json::parse(to_json(r)));
    list.push_back({{"obligation", e.obligation.name},
                    {"requirement", e.obligation.requirement},
                    {"file", repository_path(e.obligation.file)},
                    {"must_be_refuted", e.obligation.expect == Expect::kRefuted},
                    {"ok", e.ok()},
                    {"why", e.why()},
                    {"report", json::parse(to_json(e.report))},
                    {"without_assumption", dropped}});
  }
  const Summary s = summarize(entries);
  const Versions v = versions();
  const json document = {
      {"versions", {{"openhni", v.tool}, {"commit", v.commit}, {"z3", v.z3}, {"cvc5", v.cvc5}}},
      {"in_words", in_words(s)},
      {"proved", s.held},
      {"proved_by_identity", s.evaluated},
      {"searched", s.searched},
      {"states", s.states},
      {"questions", s.questions},
      {"refuted", s.refuted},
      {"failed", s.failed},
      {"assumptions", s.assumptions},
      {"obligations", list}};
  return document.dump(2) + "\n";
}

}  // namespace hni::proofs
