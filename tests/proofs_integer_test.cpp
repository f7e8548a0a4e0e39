// SPDX-License-Identifier: Apache-2.0
// The symbolic integer is the compiler's integer: exhaustively at 8 bits, and on more than 10^8
// random wider cases.
#include "proofs_integer_test.hpp"

#include <gtest/gtest.h>

namespace hni::proofs::fidelity {
namespace {

/// Applies f to every pair of types.
template <class... A, class Right, class F>
void for_each_pair(TypeList<A...>, Right right, F&& f) {
  const auto row = [&]<class X, class... C>(X x, TypeList<C...>) { (f(x, C{}), ...); };
  (row(A{}, right), ...);
}

struct Tally {
  std::uint64_t cases = 0;
  std::uint64_t wrong = 0;
  void operator()(bool agreed) {
    ++cases;
    wrong += agreed ? 0 : 1;
  }
};

template <class A, class C, class... Op, class... Cmp>
void all_operators(Tally& tally, A a, C c, TypeList<Op...>, TypeList<Cmp...>) {
  (tally(agrees<Op>(a, c)), ...);
  (tally(agrees<Cmp>(a, c)), ...);
  (tally(assignment_agrees<Op>(a, c)), ...);
}

template <class T>
constexpr int lowest() {
  return static_cast<int>(std::numeric_limits<T>::min());
}
template <class T>
constexpr int highest() {
  return static_cast<int>(std::numeric_limits<T>::max());
}

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t word() {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  /// Half of the values are near a power of two, where conversions and overflow decide.
  template <class T>
  T value() {
    const std::uint64_t w = word();
    if ((w & 1) != 0) return static_cast<T>(w >> 1);
    const std::uint64_t power = (w >> 1) % 65 == 64 ? 0 : std::uint64_t{1} << ((w >> 1) % 65);
    return static_cast<T>(power + ((w >> 20) % 5) - 2);
  }

 private:
  std::uint64_t state_;
};

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

TEST(ProofsInteger, EveryOperatorAgreesWithTheCompilerOnAHundredMillionRandomCases) {
  Tally tally;
  Random random(20250101);
  constexpr std::uint64_t kCases = 100'000'000;
  using AllTypes = TypeList<bool, std::int8_t, std::uint8_t, std::int16_t, std::uint16_t,
                            std::int32_t, std::uint32_t, std::int64_t, std::uint64_t>;
  while (tally.cases < kCases) {
    for_each_pair(AllTypes{}, WideTypes{}, [&](auto a_type, auto c_type) {
      using A = decltype(a_type);
      using C = decltype(c_type);
      const A a = random.value<A>();
      const C c = random.value<C>();
      all_operators(tally, a, c, Arithmetic{}, Comparisons{});
      all_operators(tally, c, a, Arithmetic{}, Comparisons{});
    });
  }
  EXPECT_EQ(tally.wrong, 0u);
  RecordProperty("cases", std::to_string(tally.cases));
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

TEST(ProofsInteger, LogicalOperatorsKeepTheirShortCircuit) {
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
