// SPDX-License-Identifier: Apache-2.0
// Decides one obligation, or checks that one of its assumptions is needed. Runs in a separate
// process.
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
  unsigned timeout_ms = 30000;           ///< limit of processor time, per question and solver
  bool certify = false;                  ///< require a checked DRAT proof of each `unsat`
  std::string smt2_folder;               ///< folder to which questions are written; empty: none
  std::string cache_folder;              ///< folder of cached answers; empty: none
  std::string z3_version, cvc5_version;  ///< for the cache
};

struct LabelResult {
  std::string name;
  Verdict z3, cvc5;
};

struct Report {
  std::string name;
  std::string dropped;  ///< the dropped assumption; empty for the obligation itself
  bool ok = false;
  std::string why;  ///< the reason if not ok, one line
  Verdict z3, cvc5;
  double ms = 0;          ///< everything
  double cpu_ms = 0;      ///< of processor time, solvers included
  double explore_ms = 0;  ///< finding the paths
  std::uint64_t claims = 0, paths = 0, decisions = 0;
  std::uint64_t questions = 0;  ///< questions put to each solver, one per name of claims
  /// claims that hold by evaluation because they contain no input
  std::uint64_t evaluated = 0;
  std::uint64_t certified = 0;           ///< questions with a checked DRAT proof
  std::vector<std::string> uncertified;  ///< the other questions, with the reason
  std::uint64_t searched = 0;            ///< number of states of compiled code, if it is a search
  std::string searched_what;
  std::vector<std::string> assumptions;
  std::vector<std::string> properties;  ///< that were claimed
  std::vector<LabelResult> labels;
  /// the same run as a script for `hni fuzz replay`, if it can be converted
  std::string script_target, script;
  std::vector<std::string>
      run;  ///< a counterexample, or the run that refutes a negative obligation
};

/// Decides the obligation itself, with its witnesses.
Report decide(const Obligation& obligation, const RunOptions& options);
/// Decides the obligation without one assumption: it must be refuted.
Report decide_without(const Obligation& obligation, const std::string& assumption,
                      const RunOptions& options);
/// Returns whether an obligation is broken, using Z3 alone: for mutants.
struct Finding {
  std::string what;      ///< empty if it holds; "undecided: ..." if Z3 cannot decide
  bool complete = true;  ///< rings of all sizes were considered, not only small ones
};
/// With `small_sizes`, only for rings of at most eight slots if the obligation covers several
/// sizes: an obligation that is broken for those is broken.
Finding first_defect(const Obligation& obligation, bool small_sizes, const RunOptions& options);

std::string to_json(const Report& report);
Report report_from_json(const std::string& text);

}  // namespace hni::proofs
