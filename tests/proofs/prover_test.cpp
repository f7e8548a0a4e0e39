// SPDX-License-Identifier: Apache-2.0
// The prover itself: faults that it must find, and false claims that it must not accept.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "proofs/prover/report.hpp"
#include "proofs/prover/z3_terms.hpp"

namespace hni::proofs {
namespace {

using U8 = Sym<std::uint8_t>;
using U16 = Sym<std::uint16_t>;
using U32 = Sym<std::uint32_t>;

Obligation make(void (*harness)(), Expect expect = Expect::kHolds, const char* property = "") {
  return {"test_obligation", "a requirement", expect, property, harness, "proofs/test.cpp"};
}

class Prover : public testing::Test {
 protected:
  void SetUp() override { arena().clear(); }
  RunOptions options_;
};

TEST_F(Prover, ProvesWhatHoldsWithBothSolvers) {
  const Report r = decide(make([] {
                            const auto x = input<std::uint8_t>("x");
                            assume("x is small", x < 16);
                            conclude("I2", "its square fits a byte", x * x <= 255);
                          }),
                          options_);
  EXPECT_TRUE(r.ok) << r.why;
  EXPECT_EQ(r.z3.answer, Answer::kUnsat);
  EXPECT_EQ(r.cvc5.answer, Answer::kUnsat);
  EXPECT_EQ(r.assumptions, std::vector<std::string>{"x is small"});
}

TEST_F(Prover, RefutesWhatDoesNotHoldAndShowsTheRun) {
  const Report r = decide(make([] {
                            const auto x = input<std::uint8_t>("x");
                            const auto y = nondet_read<std::uint8_t>("site");
                            show("sum", x + y);
                            conclude("I2", "the sum is below 510", x + y < 510);
                          }),
                          options_);
  EXPECT_FALSE(r.ok);
  EXPECT_EQ(r.z3.answer, Answer::kSat);
  EXPECT_EQ(r.cvc5.answer, Answer::kSat);
  const std::vector<std::string> run = {
      "before  x = 255 (0xff)", "reads   card site -> 255 (0xff)", "after   sum = 510 (0x1fe)",
      "broken  I2: the sum is below 510"};
  EXPECT_EQ(r.run, run);
}

TEST_F(Prover, CallsAnObligationWithContradictoryAssumptionsVacuous) {
  const Report r = decide(make([] {
                            const auto x = input<std::uint8_t>("x");
                            assume("x is small", x < 4);
                            assume("x is large", x > 8);
                            conclude("I2", "anything", false);
                          }),
                          options_);
  EXPECT_FALSE(r.ok);
  EXPECT_NE(r.why.find("vacuous"), std::string::npos) << r.why;
}

TEST_F(Prover, MissesALabelThatNoRunReaches) {
  const Report r = decide(make([] {
                            const auto x = input<std::uint8_t>("x");
                            must_cover("large");
                            if (x > 255) cover("large");
                          }),
                          options_);
  EXPECT_FALSE(r.ok);
  EXPECT_EQ(r.why, "label 'large' is never reached");
}

TEST_F(Prover, FindsAnAssumptionThatIsNotNeeded) {
  const Obligation o = make([] {
    const auto x = input<std::uint8_t>("x");
    assume("needed", x < 100);
    assume("idle", x < 200);
    conclude("I2", "below 100", x < 100);
  });
  EXPECT_TRUE(decide_without(o, "needed", options_).ok);
  arena().clear();
  const Report idle = decide_without(o, "idle", options_);
  EXPECT_FALSE(idle.ok);
  EXPECT_EQ(idle.why, "assumption 'idle' is not needed");
}

TEST_F(Prover, ANegativeObligationThatHoldsIsAFailure) {
  const Obligation o = make(
      [] {
        const auto x = input<std::uint8_t>("x");
        conclude("I2", "true after all", x <= 255);
      },
      Expect::kRefuted, "I2");
  EXPECT_FALSE(decide(o, options_).ok);
}

TEST_F(Prover, ANegativeObligationMustFailInTheNamedProperty) {
  const auto harness = [] {
    const auto x = input<std::uint8_t>("x");
    conclude("I3", "false", x < 5);
    conclude("I2", "true", x <= 255);
  };
  EXPECT_FALSE(decide(make(harness, Expect::kRefuted, "I2"), options_).ok);
  arena().clear();
  EXPECT_TRUE(decide(make(harness, Expect::kRefuted, "I3"), options_).ok);
}

TEST_F(Prover, ReportsUndefinedBehaviourWithoutAClaim) {
  const auto broken_in = [&](void (*harness)()) {
    arena().clear();
    const Report r = decide(make(harness), options_);
    return r.ok ? std::string("nothing") : r.run.empty() ? r.why : r.run.back();
  };
  EXPECT_EQ(broken_in([] { (void)(input<int>("x") + 1); }), "broken  I6: signed overflow");
  EXPECT_EQ(broken_in([] { (void)(U32(1) << input<unsigned>("n")); }),
            "broken  I6: shift count out of range");
  EXPECT_EQ(broken_in([] { (void)(100u / input<unsigned>("n")); }),
            "broken  I6: division by zero");
  EXPECT_EQ(broken_in([] {
              U16 x = input<std::uint16_t>("x");
              ++x;
            }),
            "broken  I6: implicit narrowing changes a value");
  EXPECT_EQ(broken_in([] { (void)U8(input<unsigned>("x")); }), "broken  I6: cast changes a value");
  EXPECT_EQ(broken_in([] { (void)(input<int>("x") < 5u); }),
            "broken  I6: negative value converted to unsigned");
}

TEST_F(Prover, ExploresEveryFeasiblePathOnce) {
  const Exploration runs = Explorer(ExploreOptions{}).explore([] {
    const auto x = input<std::uint8_t>("x");
    assume("x is small", x < 10);
    unsigned steps = 0;
    for (U8 i = 0; i < x; ++i) ++steps;
    conclude("I7", "as many steps as x", x == steps);
  });
  EXPECT_EQ(runs.paths, 10u);
}

TEST_F(Prover, ReportsAnUnboundedLoopAsUndecided) {
  ExploreOptions options;
  options.max_decisions = 50;
  EXPECT_THROW((void)Explorer(options).explore([] {
    const auto x = input<std::uint32_t>("x");
    U32 i = 0;
    while (i != x) i += 2u;
  }),
               ExplorationLimit);
}

TEST_F(Prover, MakesOneConditionOfCodeThatForks) {
  const Exploration runs = Explorer(ExploreOptions{}).explore([] {
    const auto x = input<std::uint8_t>("x");
    conclude("I2", "a forked condition", [&] { return x < 10 || x > 20 || (x != 12 && x <= 20); });
  });
  EXPECT_EQ(runs.paths, 1u);
  ASSERT_EQ(runs.claims.size(), 1u);
  const auto broken = find_counterexample(runs.claims, 10000);
  ASSERT_TRUE(broken.has_value());
  EXPECT_EQ(broken->values.front(), 12u);
}

TEST_F(Prover, TheCardMayReturnDifferentValuesPerRead) {
  const Report r = decide(make([] {
                            const auto first = nondet_read<std::uint16_t>("length");
                            const auto second = nondet_read<std::uint16_t>("length");
                            conclude("I8", "two reads agree", first == second);
                          }),
                          options_);
  EXPECT_FALSE(r.ok);
}

TEST_F(Prover, AnAnswerOfUnknownFails) {
  options_.timeout_ms = 50;
  options_.solvers = Solvers::kCvc5;
  const Report r = decide(make([] {
                            // True, and far beyond what bit-blasting can decide in a second.
                            const auto x = input<std::uint64_t>("x");
                            const auto y = input<std::uint64_t>("y");
                            conclude("I2", "hard", x * x - y * y == (x - y) * (x + y));
                          }),
                          options_);
  EXPECT_FALSE(r.ok);
  EXPECT_EQ(r.cvc5.answer, Answer::kUnknown);
}

TEST_F(Prover, AReportSurvivesItsWayBetweenProcesses) {
  const Report r = decide(make([] {
                            const auto x = input<std::uint8_t>("x");
                            must_cover("here");
                            cover("here");
                            conclude("I2", "false", x != 7);
                          }),
                          options_);
  const Report back = report_from_json(to_json(r));
  EXPECT_EQ(back.run, r.run);
  EXPECT_EQ(back.why, r.why);
  EXPECT_EQ(back.labels.size(), 2u);
  EXPECT_EQ(back.z3.answer, Answer::kSat);
}

TEST_F(Prover, ACounterexampleWithACardWordBecomesAScriptForTheFuzzer) {
  const Report r = decide(make([] {
                            const auto head = input<std::uint32_t>("head");
                            const auto mask = input<std::uint32_t>("mask");
                            assume("a ring", [&] { return mask == 63u && head == 4u; });
                            const auto word = nondet_read<std::uint64_t>("tcq_word");
                            conclude("I2", "no such head", word != 0x8000000000000021u);
                          }),
                          options_);
  EXPECT_EQ(r.script_target, "tx");
  EXPECT_NE(r.script.find("send segments=1 length=64\nconfirm packets=1\n"), std::string::npos);
  EXPECT_NE(r.script.find("tx_word value=0x8000000000000021\npoll_tx budget=16\n"),
            std::string::npos);
}

TEST_F(Prover, EveryPropertyNeedsANegativeObligation) {
  Entry positive{make([] {}), {}, {}, true};
  positive.report.properties = {"I1", "I2", "explored"};
  const Entry negative{make([] {}, Expect::kRefuted, "I2"), {}, {}, true};
  EXPECT_EQ(properties_without_negative({positive, negative}), std::vector<std::string>{"I1"});
}

TEST_F(Prover, AnObligationThatClaimsNothingFails) {
  const Report r = decide(make([] { (void)input<std::uint8_t>("x"); }), options_);
  EXPECT_FALSE(r.ok);
  EXPECT_EQ(r.why, "it claims nothing");
}

TEST_F(Prover, AnObligationWithoutArbitraryValuesIsASearchOrFails) {
  const Report silent = decide(make([] { conclude("F", "constant", 1 + 1 == 2); }), options_);
  EXPECT_FALSE(silent.ok);
  EXPECT_NE(silent.why.find("no value in it is arbitrary"), std::string::npos);
  arena().clear();
  const Obligation search = make([] {
    searched(12, "states");
    conclude("F", "constant", 1 + 1 == 2);
  });
  const Report honest = decide(search, options_);
  EXPECT_TRUE(honest.ok) << honest.why;
  EXPECT_EQ(honest.z3.answer, Answer::kNotAsked);
  EXPECT_EQ(honest.questions, 0U);
  EXPECT_EQ(honest.evaluated, 1U);
  const Summary s = summarize({Entry{search, honest, {}, true}});
  EXPECT_EQ(s.held, 0U);
  EXPECT_EQ(s.searched, 1U);
  EXPECT_EQ(s.states, 12U);
}

TEST_F(Prover, ASearchThatFindsSomethingFails) {
  const Report r = decide(make([] {
                            searched(12, "states");
                            conclude("F", "constant", 1 + 1 == 3);
                          }),
                          options_);
  EXPECT_FALSE(r.ok);
  EXPECT_EQ(r.z3.answer, Answer::kSat);
}

TEST_F(Prover, APathThatAnAssumptionEndsIsAClaimForBothSolvers) {
  const Exploration runs = Explorer(ExploreOptions{}).explore([] {
    const auto x = input<std::uint8_t>("x");
    const bool small = x < 4;
    assume("large", x > 8);
    conclude("I2", "not small", !small);
  });
  const auto explored = std::count_if(runs.claims.begin(), runs.claims.end(), [](const Claim& c) {
    return c.property == "explored" && c.what == "a path that an assumption ends";
  });
  EXPECT_EQ(explored, 1);
}

TEST_F(Prover, ReportsForContinuousIntegrationNameWhatFailed) {
  const Obligation o = make([] {
    const auto x = input<std::uint8_t>("x");
    conclude("I2", "x is <small>", x < 5);
  });
  const std::vector<Entry> entries{Entry{o, decide(o, options_), {}, true}};
  const std::string junit = junit_document(entries), sarif = sarif_document(entries);
  EXPECT_NE(junit.find("tests=\"1\" failures=\"1\""), std::string::npos) << junit;
  EXPECT_NE(junit.find("x is &lt;small&gt;"), std::string::npos) << junit;
  EXPECT_NE(sarif.find("\"ruleId\": \"test_obligation\""), std::string::npos) << sarif;
}

TEST_F(Prover, ACachedAnswerBelongsToTheIdenticalQuestion) {
  const Obligation o = make([] {
    const auto x = input<std::uint8_t>("x");
    conclude("I2", "its square fits", x * x <= 65025);
  });
  options_.cache_folder = testing::TempDir() + "hni-prover-cache-" + std::to_string(getpid());
  options_.z3_version = "z3 test";
  options_.cvc5_version = "cvc5 test";
  std::filesystem::create_directories(options_.cache_folder);
  EXPECT_TRUE(decide(o, options_).ok);
  arena().clear();
  const Report again = decide(o, options_);
  EXPECT_TRUE(again.ok);
  EXPECT_EQ(again.z3.ms, 0);
  arena().clear();
  options_.z3_version = "another z3";
  EXPECT_GT(decide(o, options_).z3.ms, 0);
  std::filesystem::remove_all(options_.cache_folder);
}

// The arena's operations compared with Z3: the same term with values for its inputs, simplified by
// Z3 and evaluated here.
TEST_F(Prover, EvaluationOfTermsAgreesWithZ3) {
  z3::context context;
  Z3Terms expressions(context);
  const auto value_of = [&](Term t, std::uint64_t a, std::uint64_t b, unsigned width) {
    z3::expr_vector from(context), to(context);
    from.push_back(expressions(arena().input(width, "a" + std::to_string(width))));
    from.push_back(expressions(arena().input(width, "b" + std::to_string(width))));
    to.push_back(context.bv_val(a, width));
    to.push_back(context.bv_val(b, width));
    const z3::expr e = expressions(t).substitute(from, to).simplify();
    std::uint64_t bits = 0;
    if (e.is_bool()) return std::uint64_t{e.is_true()};
    return e.is_numeral_u64(bits) ? bits : ~std::uint64_t{0};
  };
  const Op two[] = {Op::kAdd,          Op::kSub,
                    Op::kMul,          Op::kUdiv,
                    Op::kUrem,         Op::kSdiv,
                    Op::kSrem,         Op::kAnd,
                    Op::kOr,           Op::kXor,
                    Op::kShl,          Op::kLshr,
                    Op::kAshr,         Op::kEqual,
                    Op::kUnsignedLess, Op::kUnsignedLessEqual,
                    Op::kSignedLess,   Op::kSignedLessEqual};
  std::uint64_t seed = 1;
  for (const unsigned width : {8u, 16u, 32u, 64u}) {
    const Term a = arena().input(width, "a" + std::to_string(width));
    const Term b = arena().input(width, "b" + std::to_string(width));
    for (int round = 0; round < 300; ++round) {
      seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
      const std::uint64_t x = (seed >> (round % 40)) & mask_of(width);
      const std::uint64_t y =
          round % 3 == 0 ? (seed >> 20) % (width + 2) : (seed >> (round % 23)) & mask_of(width);
      for (const Op op : two) {
        ASSERT_EQ(value_of(arena().apply(op, width, a, b), x, y, width), evaluate(op, width, x, y))
            << "operation " << static_cast<int>(op) << " at width " << width << " of " << x << ", "
            << y;
      }
      ASSERT_EQ(value_of(arena().apply(Op::kNot, width, a, {}), x, y, width),
                evaluate(Op::kNot, width, x));
      if (width < 64) {
        ASSERT_EQ(value_of(arena().convert(Op::kSignExtend, 64, a), x, y, width),
                  evaluate(Op::kSignExtend, 64, x, width));
        ASSERT_EQ(value_of(arena().convert(Op::kZeroExtend, 64, a), x, y, width), x);
        ASSERT_EQ(value_of(arena().convert(Op::kTruncate, width / 2, a), x, y, width),
                  evaluate(Op::kTruncate, width / 2, x));
      }
    }
  }
}

// The same expressions over symbolic inputs and over values: exploration does not change what the
// integer computes.
TEST_F(Prover, ASymbolicExpressionHasTheValueOfTheBuiltInOne) {
  static std::vector<Term> results;
  (void)Explorer(ExploreOptions{}).explore([] {
    const auto a = input<std::uint16_t>("a");
    const auto b = input<std::uint32_t>("b");
    const auto c = input<std::int8_t>("c");
    results = {(a - b).bits(),         (a * a + c).bits(), (~a >> 3).bits(),
               ((b ^ c) % 17u).bits(), (-c < a).bits(),    (a << 4 | c).bits()};
  });
  std::uint64_t seed = 5;
  for (int round = 0; round < 1000; ++round) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    const auto a = static_cast<std::uint16_t>((seed >> 50));  // small enough that a * a fits
    const auto b = static_cast<std::uint32_t>(seed >> 13);
    const auto c = static_cast<std::int8_t>(seed >> 7);
    Valuation value([&](Term leaf) -> std::uint64_t {
      const std::string& name = arena().name(leaf);
      return name == "a" ? a : name == "b" ? b : static_cast<std::uint8_t>(c);
    });
    ASSERT_EQ(value(results[0]), static_cast<std::uint32_t>(a - b));
    ASSERT_EQ(value(results[1]), static_cast<std::uint32_t>(a * a + c));
    ASSERT_EQ(value(results[2]), static_cast<std::uint32_t>(~a >> 3));
    ASSERT_EQ(value(results[3]), (b ^ static_cast<std::uint32_t>(c)) % 17u);
    ASSERT_EQ(value(results[4]), std::uint64_t{-c < a});
    ASSERT_EQ(value(results[5]), static_cast<std::uint32_t>(a << 4 | c));
  }
}

TEST_F(Prover, QuestionsAreSelfContainedTexts) {
  const Exploration runs = Explorer(ExploreOptions{}).explore([] {
    const auto x = input<std::uint8_t>("x");
    conclude("I2", "small", x < 10);
  });
  const std::string text = refutation_question("title", runs.claims);
  EXPECT_NE(text.find("(set-logic QF_BV)"), std::string::npos);
  EXPECT_NE(with_status(text, Answer::kSat).find("\n(set-info :status sat)\n"), std::string::npos);
  EXPECT_NE(text.find("(declare-const |x| (_ BitVec 8))"), std::string::npos);
  EXPECT_EQ(ask_z3(text, 1000).answer, Answer::kSat);
  EXPECT_EQ(ask_cvc5(text, 10000).answer, Answer::kSat);
}

}  // namespace
}  // namespace hni::proofs
