// SPDX-License-Identifier: Apache-2.0
// A back end of the symbolic integer whose bits are plain values. Through it the fidelity tests
// compare the integer's conversion and promotion rules with the compiler, a hundred million cases
// in seconds.
#pragma once

#include "proofs/prover/symbolic.hpp"

namespace hni::proofs {

struct ConcreteBits {
  using Bits = std::uint64_t;

  /// One bit per kind of defect that occurred since the last reset.
  static inline thread_local unsigned defects = 0;

  static constexpr Bits constant(unsigned, std::uint64_t value) { return value; }
  template <Op kOp>
  static constexpr Bits apply(unsigned width, Bits a, Bits b = 0) {
    return evaluate(kOp, width, a, b);
  }
  static constexpr Bits if_then_else(unsigned, Bits condition, Bits a, Bits b) {
    return condition != 0 ? a : b;
  }
  static constexpr bool decide(Bits condition) { return condition != 0; }
  static void check(Defect defect, Bits condition) {
    if (condition == 0) defects |= 1u << static_cast<unsigned>(defect);
  }
};

template <class T>
using Concrete = Integer<T, ConcreteBits>;

}  // namespace hni::proofs
