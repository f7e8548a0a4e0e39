// SPDX-License-Identifier: Apache-2.0
// Many cases of the symbolic integer, compared with the compiler: every operator on pairs of
// types.
#pragma once

#include "tests/proofs/integer_test.hpp"

namespace hni::proofs::fidelity {

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
  /// Half of the values are near a power of two, where conversions and overflow matter.
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

/// Runs at least 26 million random cases: every operator, for each pair of a Left and a Right.
template <class Left, class Right>
Tally random_cases(std::uint64_t seed, Left left, Right right) {
  Tally tally;
  Random random(seed);
  constexpr std::uint64_t kCases = 26'000'000;
  while (tally.cases < kCases) {
    for_each_pair(left, right, [&](auto a_type, auto c_type) {
      const auto a = random.value<decltype(a_type)>();
      const auto c = random.value<decltype(c_type)>();
      all_operators(tally, a, c, Arithmetic{}, Comparisons{});
    });
  }
  return tally;
}

}  // namespace hni::proofs::fidelity
