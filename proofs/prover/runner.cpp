// SPDX-License-Identifier: Apache-2.0
#include "proofs/prover/runner.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <stdexcept>

#include "proofs/prover/replay_script.hpp"

namespace hni::proofs {
namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

/// Processor time of this process and of the solvers that it ran.
double cpu_ms() {
  double total = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage used{};
    getrusage(who, &used);
    for (const timeval& t : {used.ru_utime, used.ru_stime})
      total += 1000.0 * static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1000.0;
  }
  return total;
}

void save(const RunOptions& options, const std::string& name, const std::string& text) {
  if (options.smt2_folder.empty()) return;
  const auto file = std::filesystem::path(options.smt2_folder) / (name + ".smt2");
  std::ofstream out(file);
  if (!(out << text).flush()) throw std::runtime_error("cannot write " + file.string());
}

/// A cache of earlier answers, keyed by the complete question and the solver's version: only an
/// identical text is a hit.
Verdict remembered(const RunOptions& options, const std::string& solver,
                   const std::string& question, const std::function<Verdict()>& ask_now) {
  if (options.cache_folder.empty()) return ask_now();
  char name[40];
  std::snprintf(name, sizeof name, "%016zx-%zu", std::hash<std::string>{}(solver + question),
                question.size());
  const auto file = std::filesystem::path(options.cache_folder) / name;
  if (std::ifstream in(file); in) {
    std::string answer, by;
    std::getline(in, answer);
    std::getline(in, by);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    if (by == solver && text == question)
      return {answer == "sat" ? Answer::kSat : Answer::kUnsat, 0, {}};
  }
  const Verdict verdict = ask_now();
  if (verdict.answer == Answer::kSat || verdict.answer == Answer::kUnsat) {
    // Written under a unique name first, because another process may write the same entry.
    const auto fresh = file.string() + "." + std::to_string(getpid());
    std::ofstream out(fresh);
    out << to_string(verdict.answer) << '\n' << solver << '\n' << question;
    out.close();
    if (out) std::filesystem::rename(fresh, file);
  }
  return verdict;
}

void ask(const RunOptions& options, const std::string& question, Verdict& z3, Verdict& cvc5) {
  if (options.solvers != Solvers::kCvc5)
    z3 = remembered(options, options.z3_version, question,
                    [&] { return ask_z3(question, options.timeout_ms); });
  if (options.solvers != Solvers::kZ3)
    cvc5 = remembered(options, options.cvc5_version, question,
                      [&] { return ask_cvc5(question, options.timeout_ms); });
}

/// Returns whether every queried solver gave this answer.
bool all_say(Answer expected, const Verdict& z3, const Verdict& cvc5) {
  const auto agrees = [expected](const Verdict& v) {
    return v.answer == Answer::kNotAsked || v.answer == expected;
  };
  return agrees(z3) && agrees(cvc5);
}

std::string disagreement(Answer expected, const Verdict& z3, const Verdict& cvc5) {
  std::string text = std::string("expected ") + to_string(expected);
  for (const auto& [name, v] : {std::pair{"z3", &z3}, std::pair{"cvc5", &cvc5}}) {
    if (v->answer != Answer::kNotAsked)
      text += std::string(", ") + name + " says " + to_string(v->answer);
    if (!v->detail.empty()) text += " (" + v->detail + ")";
  }
  std::replace(text.begin(), text.end(), '\n', ' ');
  return text;
}

std::vector<std::string> properties_of(const std::vector<Claim>& claims) {
  std::set<std::string> names;
  for (const Claim& claim : claims) names.insert(claim.property);
  return {names.begin(), names.end()};
}

void check_labels(const Obligation& obligation, const Exploration& runs, const RunOptions& options,
                  Report& report) {
  for (const auto& [label, paths] : runs.labels) {
    if (paths.empty()) {
      report.ok = false;
      report.why = "label '" + label + "' is never reached";
      continue;
    }
    const bool always =
        std::any_of(paths.begin(), paths.end(), [](Term path) { return arena().is_true(path); });
    if (always) {  // the run itself is the witness
      report.labels.push_back({label, {}, {}});
      continue;
    }
    const std::string title = std::string(obligation.name) + " reaches " + label;
    const std::string question = witness_question(title, paths);
    LabelResult result{label, {}, {}};
    ask(options, question, result.z3, result.cvc5);
    save(options, std::string(obligation.name) + ".reach." + label,
         with_status(question, Answer::kSat));
    if (report.ok && !all_say(Answer::kSat, result.z3, result.cvc5)) {
      report.ok = false;
      report.why = "label '" + label + "': " + disagreement(Answer::kSat, result.z3, result.cvc5);
    }
    report.labels.push_back(std::move(result));
  }
  if (report.ok && !runs.labels.contains("end")) {
    report.ok = false;
    report.why = "vacuous: no run satisfies the assumptions";
  }
}

/// Claims of the same name form one question: "does some path violate it?".
std::vector<std::vector<Claim>> grouped(const std::vector<Claim>& claims) {
  std::map<std::pair<std::string, std::string>, std::size_t> place;
  std::vector<std::vector<Claim>> groups;
  for (const Claim& claim : claims) {
    const auto [at, fresh] = place.try_emplace({claim.property, claim.what}, groups.size());
    if (fresh) groups.emplace_back();
    groups[at->second].push_back(claim);
  }
  return groups;
}

/// Returns the worst answer of several questions, and their total time.
void add(Verdict& total, const Verdict& one, Answer expected) {
  const bool spoiled = total.answer != Answer::kNotAsked && total.answer != expected;
  if (!spoiled) total.answer = one.answer;
  if (!spoiled) total.detail = one.detail;
  total.ms += one.ms;
}

void keep_run(const Obligation& obligation, const Counterexample& run, Report& report) {
  report.run = describe(run);
  const auto script = replay_script(obligation.name, run);
  if (!script) return;
  report.script_target = script->target;
  report.script = script->text;
}

/// An obligation without a claim proves nothing, and one over constants only is a search.
bool says_something(const Exploration& runs, bool negative, Report& report) {
  if (runs.claims.empty()) report.why = "it claims nothing";
  if (!runs.claims.empty() && !runs.arbitrary && runs.searched == 0 && !negative)
    report.why = "no value in it is arbitrary: nothing is proved; a search calls searched()";
  return report.why.empty();
}

void decide_questions(const Obligation& obligation, const Exploration& runs,
                      const RunOptions& options, Report& report) {
  const bool negative = obligation.expect == Expect::kRefuted;
  const Answer expected = negative ? Answer::kSat : Answer::kUnsat;
  // Claims that hold for all values need no question.
  std::vector<Claim> open = runs.claims;
  std::erase_if(open, [](const Claim& c) { return arena().is_true(c.goal); });
  report.evaluated = runs.claims.size() - open.size();
  // The mistake is detected if some claim of its property fails.
  if (negative)
    std::erase_if(open, [&](const Claim& c) { return c.property != obligation.property; });
  std::vector<std::vector<Claim>> groups = grouped(open);
  if (negative) groups = {open};
  report.questions = groups.size();
  report.ok = says_something(runs, negative, report);
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const std::string title =
        std::string(obligation.name) + ": " + obligation.requirement + "\n; " +
        (negative ? obligation.property
                  : groups[i].front().property + ": " + groups[i].front().what);
    const std::string question = refutation_question(title, groups[i]);
    save(options, std::string(obligation.name) + "." + std::to_string(i + 1),
         with_status(question, expected));
    Verdict z3, cvc5;
    ask(options, question, z3, cvc5);
    add(report.z3, z3, expected);
    add(report.cvc5, cvc5, expected);
    std::string uncertified;
    if (options.certify && expected == Answer::kUnsat && all_say(expected, z3, cvc5)) {
      const Certificate c = certify(groups[i], options.timeout_ms);
      report.certified += c.checked ? 1U : 0U;
      if (!c.checked) {
        uncertified = groups[i].front().property + ": " + groups[i].front().what + ": " + c.why;
        report.uncertified.push_back(uncertified);
      }
    }
    const bool found_sat = z3.answer == Answer::kSat || cvc5.answer == Answer::kSat;
    const auto run = found_sat && report.run.empty()
                         ? find_counterexample(groups[i], options.timeout_ms)
                         : std::nullopt;
    if (run) keep_run(obligation, *run, report);
    if (!report.ok) continue;
    report.ok = uncertified.empty() && all_say(expected, z3, cvc5);
    if (!uncertified.empty())
      report.why = "not certified: " + uncertified;
    else if (!report.ok)
      report.why = title.substr(title.find('\n') + 3) + ": " + disagreement(expected, z3, cvc5);
    if (report.ok && negative && !run) {
      report.ok = false;
      report.why = "no run could be reconstructed";
    }
  }
}

/// The counterexample of a ring of at most eight slots is preferred, if there is one: it is easier
/// to read.
void shrink_run(const Obligation& obligation, const RunOptions& options, Report& report) {
  ExploreOptions small;
  small.small_sizes = true;
  small.stop_at_refutation = true;
  const Exploration runs = Explorer(small).explore(obligation.harness);
  if (!runs.refuted) return;
  const auto run = find_counterexample({runs.claims.back()}, options.timeout_ms);
  if (run) keep_run(obligation, *run, report);
}

Report blank(const Obligation& obligation) {
  Report report;
  report.name = obligation.name;
  return report;
}

}  // namespace

Report decide(const Obligation& obligation, const RunOptions& options) {
  const Clock::time_point start = Clock::now();
  const double cpu_before = cpu_ms();
  Report report = blank(obligation);
  try {
    const Exploration runs = Explorer(ExploreOptions{}).explore(obligation.harness);
    report.claims = runs.claims.size();
    report.paths = runs.paths;
    report.decisions = runs.decisions;
    report.assumptions = runs.assumptions;
    report.properties = properties_of(runs.claims);
    report.searched = runs.searched;
    report.searched_what = runs.searched_what;
    report.explore_ms = ms_since(start);
    decide_questions(obligation, runs, options, report);
    if (!report.run.empty() && obligation.expect == Expect::kHolds && runs.sized)
      shrink_run(obligation, options, report);
    check_labels(obligation, runs, options, report);
  } catch (const std::exception& error) {
    report.ok = false;
    report.why = error.what();
  }
  report.ms = ms_since(start);
  report.cpu_ms = cpu_ms() - cpu_before;
  return report;
}

Report decide_without(const Obligation& obligation, const std::string& assumption,
                      const RunOptions& options) {
  const Clock::time_point start = Clock::now();
  const double cpu_before = cpu_ms();
  Report report = blank(obligation);
  report.dropped = assumption;
  try {
    ExploreOptions explore;
    explore.dropped_assumption = assumption;
    explore.stop_at_refutation = true;
    const Exploration runs = Explorer(explore).explore(obligation.harness);
    if (runs.refuted) {
      const auto run = find_counterexample({runs.claims.back()}, options.timeout_ms);
      report.ok = run.has_value();
      if (run) report.run = describe(*run);
      if (!run)
        report.why = "no run could be reconstructed without assumption '" + assumption + "'";
    } else {
      report.why = "assumption '" + assumption + "' is not needed";
    }
  } catch (const std::exception& error) {
    report.why = "without assumption '" + assumption + "': " + error.what();
  }
  report.ms = ms_since(start);
  report.cpu_ms = cpu_ms() - cpu_before;
  return report;
}

Finding first_defect(const Obligation& obligation, bool small_sizes, const RunOptions& options) {
  ExploreOptions explore;
  explore.small_sizes = small_sizes;
  explore.max_decisions =
      400;  // several times what the proofs need, but exceeded by an unbounded loop
  arena().clear();
  try {
    const Exploration runs = Explorer(explore).explore(obligation.harness);
    const bool complete = !small_sizes || !runs.sized;
    if (!runs.labels.contains("end")) return {"vacuous: no run satisfies the assumptions"};
    for (const auto& [label, paths] : runs.labels) {
      if (paths.empty() && complete) return {"label '" + label + "' is never reached"};
    }
    for (const std::vector<Claim>& group : grouped(runs.claims)) {
      const Verdict verdict = ask_z3(refutation_question("", group), options.timeout_ms);
      const std::string claim = group.front().property + ": " + group.front().what;
      if (verdict.answer == Answer::kSat) return {claim};
      if (verdict.answer != Answer::kUnsat) return {"undecided: " + claim, complete};
    }
    return {"", complete};
  } catch (const std::exception& error) {
    return {error.what()};
  }
}

}  // namespace hni::proofs
