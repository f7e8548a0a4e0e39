// SPDX-License-Identifier: Apache-2.0
// A quarter of the random cases: types of at least 16 bits on both sides, the shorter ones on the
// right.
#include <gtest/gtest.h>

#include "tests/proofs/integer_cases.hpp"

namespace hni::proofs::fidelity {
namespace {

TEST(ProofsInteger, EveryOperatorAgreesOnRandomCasesWithAnInt16To32OnTheRight) {
  EXPECT_EQ(
      random_cases(20250103, WideTypes{}, TypeList<std::int16_t, std::uint16_t, std::int32_t>{})
          .wrong,
      0u);
}

}  // namespace
}  // namespace hni::proofs::fidelity
