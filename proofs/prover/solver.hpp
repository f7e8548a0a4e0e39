// SPDX-License-Identifier: Apache-2.0
// The two solvers and their questions.
//
// A question is a text in SMT-LIB 2. Z3 is called as a library, cvc5 as a program; both read the
// same text. The question of an obligation is "is there a run that violates one of these claims?",
// so `unsat` is the desired answer.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "proofs/prover/explorer.hpp"

namespace hni::proofs {

enum class Answer : std::uint8_t { kNotAsked, kSat, kUnsat, kUnknown };
const char* to_string(Answer answer);

struct Verdict {
  Answer answer = Answer::kNotAsked;
  double ms = 0;
  /// why the result is unknown: a timeout, a missing solver, an error message
  std::string detail;
};

/// "Some claim fails."
std::string refutation_question(const std::string& title, const std::vector<Claim>& claims);
/// Returns the question with the expected answer, for readers of the text. (It must not be passed
/// to a solver: cvc5 reports any other answer as an error.)
std::string with_status(const std::string& question, Answer expected);
/// The question "can one of these paths be taken?".
std::string witness_question(const std::string& title, const std::vector<Term>& paths);

/// Returns the versions of this program and of the two solvers; "" if unknown.
struct Versions {
  std::string tool, commit, z3, cvc5;
};
Versions versions();

Verdict ask_z3(const std::string& question, unsigned timeout_ms);
Verdict ask_cvc5(const std::string& question, unsigned timeout_ms);

/// An additional check of `unsat`, without Z3 and cvc5: the question as CNF (bit_blast.cpp),
/// refuted by CaDiCaL, whose proof drat.cpp checks. A question beyond the budget is split.
struct Certificate {
  bool checked = false;
  std::string why;        ///< when not
  std::size_t steps = 0;  ///< of the proof
};
Certificate certify(const std::vector<Claim>& claims, unsigned timeout_ms);

/// A claim with values that violate it. The values were checked with evaluate(): wherever they
/// came from, the claim is false.
struct Counterexample {
  Claim claim;
  std::vector<std::uint64_t> values;  ///< values of claim.events, in the same order
};

/// Returns values for the first claim that fails, if there is one.
std::optional<Counterexample> find_counterexample(const std::vector<Claim>& claims,
                                                  unsigned timeout_ms);

/// Formats the counterexample as lines: initial state, each value of the card by input site, final
/// state, violated claim.
std::vector<std::string> describe(const Counterexample& run);

}  // namespace hni::proofs
