// SPDX-License-Identifier: Apache-2.0
#include "proofs/prover/solver.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <z3++.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "proofs/prover/bit_blast.hpp"
#include "proofs/prover/drat.hpp"
#include "proofs/prover/z3_terms.hpp"

namespace hni::proofs {
namespace {

/// On a busy machine an answer takes longer; limits of elapsed time allow for that.
constexpr unsigned kBusyFactor = 10;
/// Longer proofs are listed as not certified rather than checked for minutes.
constexpr std::uint64_t kMostVisits = 2'000'000'000;

class Stopwatch {
 public:
  double ms() const {
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start_)
        .count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

std::string whole_text(const std::string& title, const SmtWriter& writer,
                       const std::vector<std::string>& disjuncts) {
  std::string text = "; " + title + "\n(set-option :produce-models true)\n(set-logic ";
  text += writer.uses_arrays() ? "QF_ABV)\n" : "QF_BV)\n";
  text += writer.text();
  text += "(assert (or false";
  for (const std::string& d : disjuncts) text += "\n  " + d;
  return text + "\n))\n(check-sat)\n";
}

bool mentions_arrays(const std::string& question) {
  return question.find("(set-logic QF_ABV)") != std::string::npos;
}

/// Returns the standard output of a child process.
struct Output {
  int status = -1;
  std::string text;
};

/// Terminates after some seconds of processor time, independent of other load.
Output run_on(const std::string& input, const std::vector<const char*>& arguments,
              unsigned cpu_seconds) {
  Output output;
  const int in = memfd_create("question", MFD_CLOEXEC);
  if (in < 0 || write(in, input.data(), input.size()) != static_cast<ssize_t>(input.size())) {
    return output;
  }
  lseek(in, 0, SEEK_SET);
  std::array<int, 2> out{};
  if (pipe2(out.data(), O_CLOEXEC) != 0) return output;
  const pid_t child = fork();
  if (child == 0) {
    const rlimit limit{cpu_seconds, cpu_seconds};
    setrlimit(RLIMIT_CPU, &limit);
    dup2(in, STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    dup2(out[1], STDERR_FILENO);
    execvp(arguments[0], const_cast<char* const*>(arguments.data()));
    _exit(127);
  }
  close(in);
  close(out[1]);
  std::array<char, 4096> buffer{};
  ssize_t n = 0;
  while ((n = read(out[0], buffer.data(), buffer.size())) > 0) {
    output.text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  close(out[0]);
  if (child > 0) waitpid(child, &output.status, 0);
  return output;
}

Answer answer_of(z3::check_result result) {
  return result == z3::sat     ? Answer::kSat
         : result == z3::unsat ? Answer::kUnsat
                               : Answer::kUnknown;
}

std::uint64_t value_in(z3::model& model, const z3::expr& e) {
  const z3::expr value = model.eval(e, true);
  if (value.is_bool()) return value.is_true() ? 1 : 0;
  std::uint64_t bits = 0;
  return value.is_numeral_u64(bits) ? bits : 0;
}

std::string shown(const Event& event, std::uint64_t bits) {
  const unsigned width = arena()[event.value].width;
  if (width == 0) return bits != 0 ? "true" : "false";
  char text[64];
  if (event.is_signed) {
    std::snprintf(text, sizeof text, "%lld (0x%llx)",
                  static_cast<long long>(signed_value(width, bits)),
                  static_cast<unsigned long long>(bits));
  } else {
    std::snprintf(text, sizeof text, "%llu (0x%llx)", static_cast<unsigned long long>(bits),
                  static_cast<unsigned long long>(bits));
  }
  return text;
}

}  // namespace

const char* to_string(Answer answer) {
  switch (answer) {
    case Answer::kNotAsked:
      return "-";
    case Answer::kSat:
      return "sat";
    case Answer::kUnsat:
      return "unsat";
    case Answer::kUnknown:
      return "unknown";
  }
  return "?";
}

std::string with_status(const std::string& question, Answer expected) {
  const std::size_t at = question.find("(set-option ");
  return question.substr(0, at) + "(set-info :status " + to_string(expected) + ")\n" +
         question.substr(at);
}

std::string refutation_question(const std::string& title, const std::vector<Claim>& claims) {
  SmtWriter writer;
  std::vector<std::string> disjuncts;
  for (const Claim& claim : claims) {
    const std::string path = writer.use(claim.path);
    const std::string goal = writer.use(claim.goal);
    disjuncts.push_back("(and " + path + " (not " + goal + ")) ; " + claim.property + ": " +
                        claim.what);
  }
  return whole_text(title, writer, disjuncts);
}

std::string witness_question(const std::string& title, const std::vector<Term>& paths) {
  SmtWriter writer;
  std::vector<std::string> disjuncts;
  for (const Term path : paths) disjuncts.push_back(writer.use(path));
  return whole_text(title, writer, disjuncts);
}

Versions versions() {
  Versions v;
#ifdef HNI_VERSION
  v.tool = HNI_VERSION;
#endif
  const auto first_line = [](const Output& output) {
    return output.status == 0 ? output.text.substr(0, output.text.find('\n')) : std::string();
  };
  v.commit = first_line(run_on("", {"git", "rev-parse", "HEAD", nullptr}, 5));
  v.z3 = Z3_get_full_version();
  v.cvc5 = first_line(run_on("", {"cvc5", "--version", nullptr}, 5));
  return v;
}

Verdict ask_z3(const std::string& question, unsigned timeout_ms) {
  Verdict verdict;
  const Stopwatch watch;
  try {
    z3::context context;
    z3::solver solver(context, mentions_arrays(question) ? "QF_ABV" : "QF_BV");
    z3::params limits(context);
    limits.set("timeout", timeout_ms * kBusyFactor);
    solver.set(limits);
    solver.from_string(question.c_str());
    verdict.answer = answer_of(solver.check());
    if (verdict.answer == Answer::kUnknown) verdict.detail = solver.reason_unknown();
  } catch (const z3::exception& error) {
    verdict.answer = Answer::kUnknown;
    verdict.detail = error.msg();
  }
  verdict.ms = watch.ms();
  return verdict;
}

Verdict ask_cvc5(const std::string& question, unsigned timeout_ms) {
  Verdict verdict;
  const Stopwatch watch;
  const std::string limit = "--tlimit=" + std::to_string(timeout_ms * kBusyFactor);
  const Output output = run_on(question, {"cvc5", "--lang=smt2", "-q", limit.c_str(), nullptr},
                               (timeout_ms + 999) / 1000);
  verdict.ms = watch.ms();
  if (output.text.starts_with("unsat")) {
    verdict.answer = Answer::kUnsat;
  } else if (output.text.starts_with("sat")) {
    verdict.answer = Answer::kSat;
  } else {
    verdict.answer = Answer::kUnknown;
    verdict.detail =
        output.status == 127 << 8 ? "cvc5 is not installed" : output.text.substr(0, 200);
    if (verdict.detail.empty()) verdict.detail = "timeout";
  }
  return verdict;
}

namespace {

/// The verdict on one formula. `over_budget`: a part of the claims may have a shorter proof.
struct Certified {
  Certificate certificate;
  bool over_budget = false;
};

Certified certify_formula(const std::vector<Claim>& claims, unsigned seconds) {
  Certified result;
  std::string& why = result.certificate.why;
  std::string folder = (std::filesystem::temp_directory_path() / "hni-certify-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) {
    why = "cannot make a folder for CNF and proof";
    return result;
  }
  const std::filesystem::path at(folder);
  const Cnf formula = refutation_cnf(claims);
  std::ofstream(at / "cnf") << dimacs(formula);
  const std::string cnf = at / "cnf", proof = at / "drat";
  const Output run = run_on(
      "", {"cadical", "-q", "-n", "--no-binary", cnf.c_str(), proof.c_str(), nullptr}, seconds);
  std::ifstream in(proof);
  const std::string steps{std::istreambuf_iterator<char>(in), {}};
  if (run.status == 127 << 8) {
    why = "cadical is not installed";
  } else if (run.status == 10 << 8) {
    why = "cadical finds a solution";
  } else if (run.status != 20 << 8) {
    why = "cadical does not refute it in " + std::to_string(seconds) + " s";
    result.over_budget = true;
  } else {
    const DratVerdict verdict = check_drat(formula, steps, kMostVisits);
    result.certificate = {verdict.accepted, verdict.why, verdict.steps};
    result.over_budget = verdict.over_budget;
  }
  std::error_code ignored;
  std::filesystem::remove_all(at, ignored);
  return result;
}

}  // namespace

Certificate certify(const std::vector<Claim>& claims, unsigned timeout_ms) {
  const Certified whole = certify_formula(claims, (timeout_ms + 999) / 1000);
  if (!whole.over_budget || claims.size() == 1) return whole.certificate;
  // Each half is a question of its own: all of them must have a proof.
  const auto middle = claims.begin() + static_cast<std::ptrdiff_t>(claims.size() / 2);
  Certificate first = certify({claims.begin(), middle}, timeout_ms);
  if (!first.checked) return first;
  Certificate second = certify({middle, claims.end()}, timeout_ms);
  second.steps += first.steps;
  return second;
}

std::optional<Counterexample> find_counterexample(const std::vector<Claim>& claims,
                                                  unsigned timeout_ms) {
  z3::context context;
  z3::solver solver(context);
  z3::params limits(context);
  limits.set("timeout", timeout_ms);
  solver.set(limits);
  Z3Terms expressions(context);
  z3::expr_vector failures(context);
  for (const Claim& claim : claims) {
    failures.push_back(expressions(claim.path) && !expressions(claim.goal));
  }
  solver.add(z3::mk_or(failures));
  if (solver.check() != z3::sat) return std::nullopt;
  z3::model model = solver.get_model();
  Valuation value([&](Term leaf) { return value_in(model, expressions(leaf)); });
  for (const Claim& claim : claims) {
    if (value(claim.path) == 0 || value(claim.goal) != 0) continue;
    Counterexample run;
    run.claim = claim;
    for (const Event& event : claim.events) run.values.push_back(value(event.value));
    return run;
  }
  return std::nullopt;  // Z3's values do not violate any claim, so its answer is rejected
}

std::vector<std::string> describe(const Counterexample& run) {
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < run.claim.events.size(); ++i) {
    const Event& event = run.claim.events[i];
    switch (event.kind) {
      case Event::Kind::kInput:
        lines.push_back("before  " + event.name + " = " + shown(event, run.values[i]));
        break;
      case Event::Kind::kCard:
        lines.push_back("reads   " + event.name + " -> " + shown(event, run.values[i]));
        break;
      case Event::Kind::kShow:
        lines.push_back("after   " + event.name + " = " + shown(event, run.values[i]));
        break;
      case Event::Kind::kNote:
        lines.push_back("        " + event.name);
        break;
    }
  }
  lines.push_back("broken  " + run.claim.property + ": " + run.claim.what);
  return lines;
}

}  // namespace hni::proofs
