// SPDX-License-Identifier: Apache-2.0
// Terms as Z3 expressions. Used where Z3 is called as a library: feasibility of branches, models
// of refuted claims, and the tests that compare evaluate() with Z3.
#pragma once

#include <z3++.h>

#include <unordered_map>

#include "proofs/prover/term.hpp"

namespace hni::proofs {

class Z3Terms {
 public:
  explicit Z3Terms(z3::context& context) : context_(context) {}
  z3::expr operator()(Term t);

 private:
  z3::expr build(Term t);
  z3::expr leaf(const Node& n, Term t);
  z3::sort sort_of(unsigned width);

  z3::context& context_;
  std::unordered_map<std::uint32_t, z3::expr> known_;
};

}  // namespace hni::proofs
