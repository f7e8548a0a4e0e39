// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Reaction to a failed oracle: one line that names the oracle, then abort(), which every engine
/// treats as a finding. Findings are distinguished by the first two words of that line.

#include <cstdint>
#include <string_view>

namespace hni::fuzz {

/// Prints "finding: <oracle>: <detail> (<a>, <b>)" and aborts.
[[noreturn]] void finding(std::string_view oracle, std::string_view detail, std::uint64_t a = 0,
                          std::uint64_t b = 0);

/// Requires that the condition holds; otherwise reports a finding and ends the run.
inline void require(bool holds, std::string_view oracle, std::string_view detail,
                    std::uint64_t a = 0, std::uint64_t b = 0) {
  if (!holds) [[unlikely]]
    finding(oracle, detail, a, b);
}

/// Returns whether the oracles of this layer are enabled. To measure what the sanitizers alone
/// find (`hni fuzz bugs --ablate`), HNI_FUZZ_ABLATE in the environment makes a failed oracle end
/// the run silently. The variable is read once.
bool oracles_on();

/// Thrown when an ablated oracle ends a run; the target then stops early. Cleared by the runner of
/// a target before each input.
struct AblatedFinding {};

}  // namespace hni::fuzz
