// SPDX-License-Identifier: Apache-2.0
// An independent check of a SAT solver's result: a DRAT proof that a formula in CNF has no
// solution.
//
// The checker is independent of how the proof was found. Each added clause must follow by unit
// propagation from the existing clauses (RUP), or be harmless to add by its first literal (RAT); a
// proof is accepted when that leads to the empty clause. Formula: DIMACS CNF. Proof: DRAT as text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hni::proofs {

using Clause = std::vector<int>;  ///< literals: a variable's number, negative when negated

struct Cnf {
  int variables = 0;
  std::vector<Clause> clauses;
};

/// Parses DIMACS. Throws std::runtime_error, with the line, on any other input.
Cnf read_dimacs(const std::string& text);

struct DratVerdict {
  bool accepted = false;
  std::string why;        ///< if rejected: the step, and what is wrong with it
  std::size_t steps = 0;  ///< number of added and checked clauses
  bool over_budget = false;
};

/// Checks a proof, step by step. Sets `over_budget` after visiting `budget` clauses.
DratVerdict check_drat(const Cnf& formula, const std::string& proof,
                       std::uint64_t budget = ~std::uint64_t{0});

}  // namespace hni::proofs
