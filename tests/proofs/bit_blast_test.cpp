// SPDX-License-Identifier: Apache-2.0
// The circuits of bit_blast.cpp, compared with evaluate(): every operation on all pairs of small
// values.
#include "proofs/prover/bit_blast.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "proofs/prover/solver.hpp"

namespace hni::proofs {
namespace {

Claim claim_of(Term path, Term goal) {
  return {path, goal, "F", "the circuit and evaluate() agree", {}};
}
bool cadical_is_here() {
  return std::system("cadical --version >/dev/null 2>&1") == 0;
}
/// Returns "" if the claims are certified, otherwise the reason.
std::string refused(const std::vector<Claim>& claims) {
  const Certificate c = certify(claims, 30'000);
  return c.checked ? "" : c.why;
}

class BitBlast : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!cadical_is_here()) GTEST_SKIP() << "cadical is not installed";
    arena().clear();
  }
  static Term is(Term t, std::uint64_t value) {
    const unsigned width = arena()[t].width;
    return arena().apply(Op::kEqual, width, t, arena().constant(width, value));
  }
  /// One claim for each pair of values; the one for `wrong` states a wrong result.
  static std::vector<Claim> claims_of(Op op, unsigned width, std::uint64_t wrong) {
    const Term a = arena().input(width, "a"), b = arena().input(width, "b");
    const Term result =
        op == Op::kNot ? arena().apply(op, width, a, {}) : arena().apply(op, width, a, b);
    std::vector<Claim> claims;
    const std::uint64_t n = mask_of(width) + 1;
    for (std::uint64_t i = 0; i < n * n; ++i) {
      const std::uint64_t value = evaluate(op, width, i / n, i % n) ^ (i == wrong ? 1U : 0U);
      claims.push_back(claim_of(arena().both(is(a, i / n), is(b, i % n)), is(result, value)));
    }
    return claims;
  }
};

constexpr std::uint64_t kNoneWrong = ~std::uint64_t{0};

TEST_F(BitBlast, ComputesWhatEvaluateComputes) {
  for (const Op op :
       {Op::kAdd, Op::kSub, Op::kMul, Op::kUdiv, Op::kUrem, Op::kSdiv, Op::kSrem, Op::kAnd,
        Op::kOr, Op::kXor, Op::kNot, Op::kShl, Op::kLshr, Op::kAshr, Op::kEqual, Op::kUnsignedLess,
        Op::kUnsignedLessEqual, Op::kSignedLess, Op::kSignedLessEqual}) {
    for (const unsigned width : {1U, 3U, 4U}) {
      const std::string where = "operation " + std::to_string(static_cast<int>(op)) + " of " +
                                std::to_string(width) + " bits";
      EXPECT_EQ(refused(claims_of(op, width, kNoneWrong)), "") << where;
      const std::uint64_t last = (mask_of(width) + 1) * (mask_of(width) + 1) - 1;
      EXPECT_EQ(refused(claims_of(op, width, 0)), "cadical finds a solution") << where;
      EXPECT_EQ(refused(claims_of(op, width, last)), "cadical finds a solution") << where;
    }
  }
}

TEST_F(BitBlast, ComputesTheOperationsOfBool) {
  const Term a = arena().input(0, "a"), b = arena().input(0, "b");
  for (const Op op : {Op::kAnd, Op::kOr, Op::kXor, Op::kEqual}) {
    std::vector<Claim> claims;
    for (unsigned i = 0; i < 4; ++i) {
      const Term path = arena().both(is(a, i / 2), is(b, i % 2));
      claims.push_back(
          claim_of(path, is(arena().apply(op, 0, a, b), evaluate(op, 0, i / 2, i % 2))));
    }
    EXPECT_EQ(refused(claims), "") << static_cast<int>(op);
  }
  EXPECT_EQ(refused({claim_of(a, a)}), "");
  EXPECT_EQ(refused({claim_of(a, arena().logical_not(arena().logical_not(a)))}), "");
  EXPECT_EQ(refused({claim_of(a, b)}), "cadical finds a solution");
}

TEST_F(BitBlast, ConvertsAndChooses) {
  const Term a = arena().input(3, "a"), c = arena().input(0, "c");
  std::vector<Claim> claims;
  for (std::uint64_t v = 0; v < 8; ++v) {
    for (const auto& [op, to] : {std::pair{Op::kZeroExtend, 6U}, std::pair{Op::kSignExtend, 6U},
                                 std::pair{Op::kTruncate, 2U}})
      claims.push_back(claim_of(is(a, v), is(arena().convert(op, to, a), evaluate(op, to, v, 3))));
    const Term chosen = arena().if_then_else(c, a, arena().constant(3, 5));
    claims.push_back(claim_of(arena().both(c, is(a, v)), is(chosen, v)));
    claims.push_back(claim_of(arena().both(arena().logical_not(c), is(a, v)), is(chosen, 5)));
  }
  EXPECT_EQ(refused(claims), "");
  claims.push_back(claim_of(c, is(a, 1)));
  EXPECT_EQ(refused(claims), "cadical finds a solution");
}

TEST_F(BitBlast, ReadsTheLastElementThatWasStored) {
  const Term array = arena().array(8, 8, "array"), i = arena().input(8, "i"),
             j = arena().input(8, "j");
  const Term x = arena().input(8, "x"), y = arena().input(8, "y");
  const auto same = [](Term a, Term b) {
    return arena().apply(Op::kEqual, arena()[a].width, a, b);
  };
  const Term stored = arena().store(arena().store(array, i, x), j, y);
  const Term i_is_j = same(i, j), k = arena().input(8, "k");
  EXPECT_EQ(refused({claim_of(arena().yes(), same(arena().select(stored, j), y)),
                     claim_of(arena().logical_not(i_is_j), same(arena().select(stored, i), x)),
                     claim_of(i_is_j, same(arena().select(array, i), arena().select(array, j)))}),
            "");
  EXPECT_EQ(refused({claim_of(arena().yes(), same(arena().select(stored, i), x))}),
            "cadical finds a solution");
  EXPECT_EQ(
      refused({claim_of(arena().yes(), same(arena().select(array, i), arena().select(array, k)))}),
      "cadical finds a solution");
}

TEST_F(BitBlast, WritesDimacsThatIsReadBack) {
  const Term a = arena().input(8, "a"), b = arena().input(8, "b");
  const Term sum = arena().apply(Op::kAdd, 8, a, b);
  const Cnf formula = refutation_cnf({claim_of(arena().yes(), is(sum, 7))});
  const Cnf again = read_dimacs(dimacs(formula));
  EXPECT_EQ(again.variables, formula.variables);
  EXPECT_EQ(again.clauses, formula.clauses);
}

TEST(DratBudget, EndsAProofThatIsTooLong) {
  const Cnf eight{3,
                  {{1, 2, 3},
                   {1, 2, -3},
                   {1, -2, 3},
                   {1, -2, -3},
                   {-1, 2, 3},
                   {-1, 2, -3},
                   {-1, -2, 3},
                   {-1, -2, -3}}};
  const std::string proof = "1 2 0\n1 0\n2 0\n0\n";
  EXPECT_TRUE(check_drat(eight, proof).accepted);
  const DratVerdict v = check_drat(eight, proof, 0);
  EXPECT_FALSE(v.accepted);
  EXPECT_TRUE(v.over_budget);
  EXPECT_EQ(v.why, "its proof of 16 bytes is over the budget");
}

}  // namespace
}  // namespace hni::proofs
