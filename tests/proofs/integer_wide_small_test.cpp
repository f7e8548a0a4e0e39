// SPDX-License-Identifier: Apache-2.0
// A quarter of the random cases: 8-bit types on the right, wider ones on the left. Also every
// shift count.
#include <gtest/gtest.h>

#include "tests/proofs/integer_cases.hpp"

namespace hni::proofs::fidelity {
namespace {

TEST(ProofsInteger, EveryOperatorAgreesOnRandomCasesOfMoreAnd8Bits) {
  EXPECT_EQ(random_cases(20250102, WideTypes{}, SmallTypes{}).wrong, 0u);
}

TEST(ProofsInteger, ShiftsAgreeWithTheCompilerForEveryCountUpToTheWidth) {
  Tally tally;
  Random random(7);
  for_each_pair(WideTypes{}, SmallTypes{}, [&](auto a_type, auto c_type) {
    using A = decltype(a_type);
    using C = decltype(c_type);
    for (int round = 0; round < 1000; ++round) {
      const A a = random.value<A>();
      for (int count = 0; count <= 65; ++count) {
        tally(agrees<ShiftLeft>(a, static_cast<C>(count)));
        tally(agrees<ShiftRight>(a, static_cast<C>(count)));
      }
    }
  });
  EXPECT_EQ(tally.wrong, 0u);
}

}  // namespace
}  // namespace hni::proofs::fidelity
