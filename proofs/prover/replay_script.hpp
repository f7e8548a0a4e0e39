// SPDX-License-Identifier: Apache-2.0
// Converts a counterexample to a script for `hni fuzz replay`, which runs it on the real driver.
#pragma once

#include <optional>
#include <string>

#include "proofs/prover/solver.hpp"

namespace hni::proofs {

struct ReplayScript {
  std::string target;  ///< target of the fuzzer: "tx" or "rx"
  std::string text;    ///< one operation per line
};

/// Returns the run as operations: traffic that brings the rings as close to the initial state as
/// rings of the fuzzer can be, then the words of the card. Returns nothing for runs without a
/// descriptor word of the card.
std::optional<ReplayScript> replay_script(const std::string& obligation,
                                          const Counterexample& run);

}  // namespace hni::proofs
