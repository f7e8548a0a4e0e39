// SPDX-License-Identifier: Apache-2.0
// A quarter of the random cases: 8-bit types on the left, wider ones on the right.
#include <gtest/gtest.h>

#include "tests/proofs/integer_cases.hpp"

namespace hni::proofs::fidelity {
namespace {

TEST(ProofsInteger, EveryOperatorAgreesOnRandomCasesOf8AndMoreBits) {
  EXPECT_EQ(random_cases(20250101, SmallTypes{}, WideTypes{}).wrong, 0u);
}

}  // namespace
}  // namespace hni::proofs::fidelity
