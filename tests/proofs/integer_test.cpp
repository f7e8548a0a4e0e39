// SPDX-License-Identifier: Apache-2.0
// The symbolic integer behaves like the compiler's integer: exhaustively at 8 bits, and in all
// conversions. Four more files test over 10^8 random wider cases; they are separate because a
// compiler is slow with two thousand instances.
#include "tests/proofs/integer_cases.hpp"

#include <gtest/gtest.h>

namespace hni::proofs::fidelity {
namespace {

template <class T>
constexpr int lowest() {
  return static_cast<int>(std::numeric_limits<T>::min());
}
template <class T>
constexpr int highest() {
  return static_cast<int>(std::numeric_limits<T>::max());
}

TEST(ProofsInteger, EveryOperatorAgreesWithTheCompilerOnAllPairsOf8Bits) {
  Tally tally;
  for_each_pair(SmallTypes{}, SmallTypes{}, [&](auto a_type, auto c_type) {
    using A = decltype(a_type);
    using C = decltype(c_type);
    for (int a = lowest<A>(); a <= highest<A>(); ++a) {
      for (int c = lowest<C>(); c <= highest<C>(); ++c) {
        all_operators(tally, static_cast<A>(a), static_cast<C>(c), Arithmetic{}, Comparisons{});
      }
    }
  });
  EXPECT_EQ(tally.wrong, 0u);
  EXPECT_GE(tally.cases, 66049u * 26u);
}

TEST(ProofsInteger, EveryConversionAgreesWithTheCompilerAndReportsLostValues) {
  Tally tally;
  Random random(11);
  using AllTypes = TypeList<bool, std::int8_t, std::uint8_t, std::int16_t, std::uint16_t,
                            std::int32_t, std::uint32_t, std::int64_t, std::uint64_t>;
  for_each_pair(AllTypes{}, AllTypes{}, [&](auto a_type, auto c_type) {
    using A = decltype(a_type);
    using C = decltype(c_type);
    for (int round = 0; round < 70000; ++round) {
      const A a = sizeof(A) <= 2 ? static_cast<A>(round) : random.value<A>();
      tally(conversion_agrees<A, C>(a));
    }
  });
  EXPECT_EQ(tally.wrong, 0u);
}

TEST(ProofsInteger, UnaryOperatorsAndStepsAgreeWithTheCompiler) {
  Tally tally;
  Random random(13);
  const auto all = [&](auto type) {
    using A = decltype(type);
    for (int round = 0; round < 70000; ++round) {
      tally(unary_agrees(sizeof(A) <= 2 ? static_cast<A>(round) : random.value<A>()));
    }
  };
  for_each_pair(SmallTypes{}, TypeList<int>{}, [&](auto type, auto) { all(type); });
  for_each_pair(WideTypes{}, TypeList<int>{}, [&](auto type, auto) { all(type); });
  EXPECT_EQ(tally.wrong, 0u);
}

TEST(ProofsInteger, AShortMinusAShortIsASignedInt) {
  const Concrete<std::uint16_t> tail(1), head(2);
  static_assert(std::is_same_v<decltype(tail - head), Concrete<int>>);
  EXPECT_TRUE(tail - head < 0);
  EXPECT_EQ(static_cast<Concrete<std::uint16_t>>(tail - head).bits(), 0xffffu);
}

TEST(ProofsInteger, ImplicitConversionsExistExactlyWhereTheBuiltInOnesDo) {
  using U16 = Concrete<std::uint16_t>;
  using U32 = Concrete<std::uint32_t>;
  static_assert(std::is_convertible_v<U16, U32> && std::is_convertible_v<U32, U16>);
  static_assert(std::is_convertible_v<int, U16> && std::is_convertible_v<U16, bool>);
  static_assert(!std::is_convertible_v<U16, int> && !std::is_convertible_v<U16, std::uint16_t>,
                "a symbolic value must not turn into a plain one");
  static_assert(!std::is_convertible_v<void*, U32> && !std::is_constructible_v<U32, void*>);
  static_assert(std::numeric_limits<U16>::max() == 0xffff &&
                std::numeric_limits<U16>::digits == 16);
}

TEST(ProofsInteger, LogicalOperatorsShortCircuit) {
  const Concrete<std::uint32_t> zero(0);
  int evaluated = 0;
  const auto touch = [&] {
    ++evaluated;
    return zero == 0u;
  };
  EXPECT_FALSE(zero != 0u && touch());
  EXPECT_TRUE(zero == 0u || touch());
  EXPECT_EQ(evaluated, 0);
}

}  // namespace
}  // namespace hni::proofs::fidelity
