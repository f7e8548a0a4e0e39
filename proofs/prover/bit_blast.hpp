// SPDX-License-Identifier: Apache-2.0
// Translates claims into a formula in CNF, for a SAT solver. Independent of Z3 and cvc5, which only
// read SMT-LIB text: the circuits of all operations are built here.
#pragma once

#include <vector>

#include "proofs/prover/drat.hpp"
#include "proofs/prover/explorer.hpp"

namespace hni::proofs {

/// Returns a formula that has a solution if and only if at least one claim fails for some values
/// of the inputs. Elements of arrays that are read become variables, equal where their indices are
/// equal.
Cnf refutation_cnf(const std::vector<Claim>& claims);

/// Writes DIMACS.
std::string dimacs(const Cnf& formula);

}  // namespace hni::proofs
