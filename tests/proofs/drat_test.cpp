// SPDX-License-Identifier: Apache-2.0
// The checker of DRAT proofs: proofs that it must accept and proofs that it must refuse.
#include "proofs/prover/drat.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace hni::proofs {
namespace {

/// All four clauses over two variables.
const Cnf kFour{2, {{1, 2}, {1, -2}, {-1, 2}, {-1, -2}}};

TEST(Drat, AcceptsAUnitThatFollows) {
  const DratVerdict v = check_drat(kFour, "1 0\n0\n");
  EXPECT_TRUE(v.accepted) << v.why;
  EXPECT_EQ(v.steps, 1U);  // the unit refutes the formula by propagation
}

TEST(Drat, AcceptsAFormulaThatPropagationRefutes) {
  EXPECT_TRUE(check_drat({2, {{1}, {-1, 2}, {-2}}}, "").accepted);
  EXPECT_TRUE(check_drat({1, {{}}}, "").accepted);
}

TEST(Drat, RefusesAProofThatEndsEarly) {
  const DratVerdict v = check_drat(kFour, "");
  EXPECT_FALSE(v.accepted);
  EXPECT_EQ(v.why, "the proof ends without the empty clause");
}

TEST(Drat, RefusesAStepThatDoesNotFollow) {
  // (1 or 2) alone is satisfiable; its variables never occur negated, so units are RAT, but the
  // empty clause is not.
  EXPECT_FALSE(check_drat({2, {{1, 2}}}, "0\n").accepted);
  const DratVerdict v = check_drat({3, {{1, 2}, {-1, 3}, {-3, 2}, {-1, -2}}}, "1 0\n");
  EXPECT_FALSE(v.accepted);
  EXPECT_EQ(v.why, "line 1 of the proof does not follow");
}

TEST(Drat, RefusesTheEmptyClauseOfASatisfiableFormula) {
  EXPECT_FALSE(check_drat({2, {{1, 2}, {-1, 2}}}, "2 0\n0\n").accepted);
  EXPECT_FALSE(check_drat({2, {{1, 2}, {-1, 2}}}, "-2 0\n0\n").accepted);
}

TEST(Drat, AcceptsARatStepAndRefusesItOnAnotherLiteral) {
  // A definition of a new variable, 3 = (1 and 2), is RAT on 3; without it the step is wrong.
  EXPECT_TRUE(check_drat(kFour, "-3 1 0\n-3 2 0\n3 -1 -2 0\n1 0\n0\n").accepted);
  const Cnf other{3, {{1, 2}, {3, 1}}};
  EXPECT_EQ(check_drat(other, "-3 2 0\n").why, "the proof ends without the empty clause");
  EXPECT_EQ(check_drat({3, {{1, 2}, {3, 1}, {3, -1}}}, "-3 0\n").why,
            "line 1 of the proof does not follow");
}

TEST(Drat, DoesNotUseADeletedClause) {
  EXPECT_TRUE(check_drat(kFour, "1 0\n").accepted);
  EXPECT_FALSE(check_drat(kFour, "d 1 -2 0\nd -1 2 0\n1 0\n0\n").accepted);
}

TEST(Drat, FindsAClauseToDeleteInAnyOrderOfItsLiterals) {
  EXPECT_FALSE(check_drat(kFour, "d -2 1 0\nd 2 -1 0\n1 0\n0\n").accepted);
}

TEST(Drat, RefusesMalformedProofs) {
  EXPECT_EQ(check_drat(kFour, "1 x 0\n").why, "line 1 of the proof is not a step");
  EXPECT_EQ(check_drat(kFour, "1 2\n").why, "line 1 of the proof is not a step");
}

TEST(Drat, ReadsDimacsAndNothingElse) {
  const Cnf f = read_dimacs("c a comment\np cnf 3 2\n1 -3 0\n2 0\n");
  EXPECT_EQ(f.variables, 3);
  EXPECT_EQ(f.clauses, (std::vector<Clause>{{1, -3}, {2}}));
  EXPECT_THROW(read_dimacs("1 0\n"), std::runtime_error);
  EXPECT_THROW(read_dimacs("p dnf 1 1\n1 0\n"), std::runtime_error);
  EXPECT_THROW(read_dimacs("p cnf 1 1\n1\n"), std::runtime_error);
}

}  // namespace
}  // namespace hni::proofs
