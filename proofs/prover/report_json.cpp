// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "proofs/prover/runner.hpp"

namespace hni::proofs {
namespace {

using nlohmann::json;

json verdict_json(const Verdict& v) {
  return {{"answer", to_string(v.answer)}, {"ms", v.ms}, {"detail", v.detail}};
}

Verdict verdict_from(const json& j) {
  Verdict v;
  const std::string answer = j.at("answer");
  for (const Answer a : {Answer::kNotAsked, Answer::kSat, Answer::kUnsat, Answer::kUnknown}) {
    if (answer == to_string(a)) v.answer = a;
  }
  v.ms = j.at("ms");
  v.detail = j.at("detail");
  return v;
}

}  // namespace

std::string to_json(const Report& r) {
  json labels = json::array();
  for (const LabelResult& l : r.labels) {
    labels.push_back(
        {{"name", l.name}, {"z3", verdict_json(l.z3)}, {"cvc5", verdict_json(l.cvc5)}});
  }
  const json j = {{"name", r.name},
                  {"dropped", r.dropped},
                  {"ok", r.ok},
                  {"why", r.why},
                  {"z3", verdict_json(r.z3)},
                  {"cvc5", verdict_json(r.cvc5)},
                  {"ms", r.ms},
                  {"cpu_ms", r.cpu_ms},
                  {"explore_ms", r.explore_ms},
                  {"claims", r.claims},
                  {"paths", r.paths},
                  {"decisions", r.decisions},
                  {"questions", r.questions},
                  {"evaluated", r.evaluated},
                  {"certified", r.certified},
                  {"uncertified", r.uncertified},
                  {"searched", r.searched},
                  {"searched_what", r.searched_what},
                  {"assumptions", r.assumptions},
                  {"properties", r.properties},
                  {"labels", labels},
                  {"script_target", r.script_target},
                  {"script", r.script},
                  {"run", r.run}};
  return j.dump(-1, ' ', false, json::error_handler_t::replace);
}

Report report_from_json(const std::string& text) {
  const json j = json::parse(text);
  Report r;
  r.name = j.at("name");
  r.dropped = j.at("dropped");
  r.ok = j.at("ok");
  r.why = j.at("why");
  r.z3 = verdict_from(j.at("z3"));
  r.cvc5 = verdict_from(j.at("cvc5"));
  r.ms = j.at("ms");
  r.cpu_ms = j.at("cpu_ms");
  r.explore_ms = j.at("explore_ms");
  r.claims = j.at("claims");
  r.paths = j.at("paths");
  r.decisions = j.at("decisions");
  r.questions = j.at("questions");
  r.evaluated = j.at("evaluated");
  r.certified = j.at("certified");
  r.uncertified = j.at("uncertified").get<std::vector<std::string>>();
  r.searched = j.at("searched");
  r.searched_what = j.at("searched_what");
  r.assumptions = j.at("assumptions").get<std::vector<std::string>>();
  r.properties = j.at("properties").get<std::vector<std::string>>();
  for (const json& l : j.at("labels")) {
    r.labels.push_back({l.at("name"), verdict_from(l.at("z3")), verdict_from(l.at("cvc5"))});
  }
  r.script_target = j.at("script_target");
  r.script = j.at("script");
  r.run = j.at("run").get<std::vector<std::string>>();
  return r;
}

}  // namespace hni::proofs
