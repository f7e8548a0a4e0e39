// SPDX-License-Identifier: Apache-2.0
// Which mutant runs. proofs/mutation/mutate writes the mutants of a function beside its body, each
// behind its number, so that one compilation serves all of them:
//
//     constexpr W free() const {
//       if (::hni::mutation::on(17)) { return W(mask + used()); }
//       return W(mask - used());
//     }
//
// The number comes from the environment (HNI_MUTANT; none: the code as it is). The numbers that
// were asked for are written to HNI_MUTANTS_SEEN at exit: an obligation that never asks for a
// mutant cannot refute it.
#pragma once

#include <type_traits>

namespace hni::mutation {

extern const unsigned active;  ///< the number of the mutant that runs
extern const bool watched;     ///< the numbers that are asked for are kept
bool chosen(unsigned number);

/// Constants that the compiler computes are those of the code as it is.
constexpr bool on(unsigned number) {
  return !std::is_constant_evaluated() && (watched ? chosen(number) : number == active);
}

}  // namespace hni::mutation
