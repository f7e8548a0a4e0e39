// SPDX-License-Identifier: Apache-2.0
// A counterexample as a script for `hni fuzz replay`, which runs it on the real driver.
#pragma once

#include <optional>
#include <string>

#include "proofs/prover/solver.hpp"

namespace hni::proofs {

struct ReplayScript {
  std::string target;  ///< of the fuzzer: "tx" or "rx"
  std::string text;    ///< one operation a line
};

/// The run as operations: traffic that brings the rings to the state before, as near as rings of
/// the fuzzer's world can be, then the words that the card answered. Nothing for runs in which the
/// card says no descriptor word.
std::optional<ReplayScript> replay_script(const std::string& obligation,
                                          const Counterexample& run);

}  // namespace hni::proofs
