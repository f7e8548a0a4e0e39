// SPDX-License-Identifier: Apache-2.0
// A quarter of the random cases: types of at least 16 bits on both sides, the longer ones on the
// right.
#include <gtest/gtest.h>

#include "tests/proofs/integer_cases.hpp"

namespace hni::proofs::fidelity {
namespace {

TEST(ProofsInteger, EveryOperatorAgreesOnRandomCasesWithAnInt32To64OnTheRight) {
  EXPECT_EQ(
      random_cases(20250104, WideTypes{}, TypeList<std::uint32_t, std::int64_t, std::uint64_t>{})
          .wrong,
      0u);
}

}  // namespace
}  // namespace hni::proofs::fidelity
