// SPDX-License-Identifier: Apache-2.0
// Decides one obligation, or checks that one of its assumptions is needed. Runs in a process of
// its own.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "proofs/prover/harness.hpp"
#include "proofs/prover/solver.hpp"

namespace hni::proofs {

enum class Solvers : std::uint8_t { kZ3, kCvc5, kBoth };

struct RunOptions {
  Solvers solvers = Solvers::kBoth;
  unsigned timeout_ms = 30000;           ///< of processor time, for one question to one solver
  bool certify = false;                  ///< a checked DRAT proof for each `unsat`
  std::string smt2_folder;               ///< where questions are written; empty: nowhere
  std::string cache_folder;              ///< where answers are remembered; empty: nowhere
  std::string z3_version, cvc5_version;  ///< for the cache
};

struct LabelResult {
  std::string name;
  Verdict z3, cvc5;
};

struct Report {
  std::string name;
  std::string dropped;  ///< the assumption that was dropped; empty for the obligation itself
  bool ok = false;
  std::string why;  ///< when not ok: one line
  Verdict z3, cvc5;
  double ms = 0;          ///< everything
  double explore_ms = 0;  ///< finding the paths
  std::uint64_t claims = 0, paths = 0, decisions = 0;
  std::uint64_t questions = 0;           ///< put to each solver, claims of one name together
  std::uint64_t evaluated = 0;           ///< claims that hold by evaluation: no input is in them
  std::uint64_t certified = 0;           ///< questions with a checked DRAT proof
  std::vector<std::string> uncertified;  ///< the others, with the reason
  std::uint64_t searched = 0;            ///< states of compiled code, when it is a search
  std::string searched_what;
  std::vector<std::string> assumptions;
  std::vector<std::string> properties;  ///< that were claimed
  std::vector<LabelResult> labels;
  std::string script_target, script;  ///< the same run for `hni fuzz replay`, when it has one
  std::vector<std::string>
      run;  ///< a counterexample, or the run that refutes a negative obligation
};

/// The obligation itself, with its witnesses.
Report decide(const Obligation& obligation, const RunOptions& options);
/// The obligation without one assumption: must be refuted.
Report decide_without(const Obligation& obligation, const std::string& assumption,
                      const RunOptions& options);
/// Whether an obligation is broken, by Z3 alone: for mutants.
struct Finding {
  std::string what;      ///< empty when it stands; "undecided: ..." when Z3 cannot tell
  bool complete = true;  ///< not only for small rings
};
/// With `small_sizes`, only for rings of at most eight slots, where the obligation is about rings
/// of several sizes: what is broken for those is broken.
Finding first_defect(const Obligation& obligation, bool small_sizes, const RunOptions& options);

std::string to_json(const Report& report);
Report report_from_json(const std::string& text);

}  // namespace hni::proofs
