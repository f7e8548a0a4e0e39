// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What a target does when an oracle is broken: one line that names the oracle, then abort(),
/// which every engine takes for a finding. Findings are told apart by that line's first two words.

#include <cstdint>
#include <string_view>

namespace hni::fuzz {

/// Prints "finding: <oracle>: <detail> (<a>, <b>)" and aborts.
[[noreturn]] void finding(std::string_view oracle, std::string_view detail, std::uint64_t a = 0,
                          std::uint64_t b = 0);

/// The oracle `oracle` holds, or this run ends.
inline void require(bool holds, std::string_view oracle, std::string_view detail,
                    std::uint64_t a = 0, std::uint64_t b = 0) {
  if (!holds) [[unlikely]]
    finding(oracle, detail, a, b);
}

/// Oracles that only this layer has can be switched off, to measure what sanitizers alone find
/// (`hni fuzz bugs --ablate`): with HNI_FUZZ_ABLATE in the environment a broken oracle ends the
/// run silently instead. Read once.
bool oracles_on();

/// True once a run was ended by an ablated oracle; the target then stops early. Cleared by the
/// runner of a target before each input.
struct AblatedFinding {};

}  // namespace hni::fuzz
