// SPDX-License-Identifier: Apache-2.0
// Selects the mutant that runs. proofs/mutation/mutate writes the mutants of a function next to
// its body, each guarded by its number, so that one compilation serves all of them:
//
//     constexpr W free() const {
//       if (::hni::mutation::on(17)) { return W(mask + used()); }
//       return W(mask - used());
//     }
//
// The number comes from the environment (HNI_MUTANT; unset: the original code). The numbers that
// were queried are written to HNI_MUTANTS_SEEN at exit: an obligation that never queries a mutant
// cannot refute it.
#pragma once

#include <type_traits>

namespace hni::mutation {

extern const unsigned active;  ///< the number of the selected mutant
extern const bool watched;     ///< whether the queried numbers are recorded
bool chosen(unsigned number);

/// Constant evaluation always uses the original code.
constexpr bool on(unsigned number) {
  return !std::is_constant_evaluated() && (watched ? chosen(number) : number == active);
}

}  // namespace hni::mutation
