// SPDX-License-Identifier: Apache-2.0
// The two solvers and the questions they are asked.
//
// A question is a text in SMT-LIB 2. Z3 is asked through its library, cvc5 as a program; both read
// the same text. The question of an obligation is "is there a run that breaks one of these
// claims?", so `unsat` is the good answer.
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
  std::string detail;  ///< why unknown: a timeout, a solver that is missing, an error message
};

/// "Some claim fails."
std::string refutation_question(const std::string& title, const std::vector<Claim>& claims);
/// The question with the answer that is expected, for readers of the text. (A solver that is asked
/// must not know: cvc5 reports any other answer as an error.)
std::string with_status(const std::string& question, Answer expected);
/// "One of these paths can be taken."
std::string witness_question(const std::string& title, const std::vector<Term>& paths);

/// Of this program and of the two solvers; "" for what is not known.
struct Versions {
  std::string tool, commit, z3, cvc5;
};
Versions versions();

Verdict ask_z3(const std::string& question, unsigned timeout_ms);
Verdict ask_cvc5(const std::string& question, unsigned timeout_ms);

/// A third opinion on `unsat`: the question as CNF (by Z3's bit-blasting), refuted by CaDiCaL,
/// whose
/// proof drat.cpp checks.
struct Certificate {
  bool checked = false;
  std::string why;        ///< when not
  std::size_t steps = 0;  ///< of the proof
};
Certificate certify(const std::string& question, unsigned timeout_ms);

/// A claim with values that break it. The values were checked with evaluate(): whatever found
/// them, the claim is false.
struct Counterexample {
  Claim claim;
  std::vector<std::uint64_t> values;  ///< of claim.events, in their order
};

/// Values for the first claim that fails, if there is one.
std::optional<Counterexample> find_counterexample(const std::vector<Claim>& claims,
                                                  unsigned timeout_ms);

/// The counterexample as lines for a person: state before, each card value by input site, state
/// after, what broke.
std::vector<std::string> describe(const Counterexample& run);

}  // namespace hni::proofs
