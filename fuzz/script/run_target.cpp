// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "fuzz/script/finding.hpp"
#include "fuzz/script/run_context.hpp"
#include "fuzz/script/target.hpp"

namespace hni::fuzz {

void run_target(const Target& target, const std::uint8_t* data, std::size_t size,
                InputLength how) {
  run_context = {};
  run_context.whole = how == InputLength::kWhole;
  const std::size_t length =
      how == InputLength::kWhole ? size : std::min<std::size_t>(size, target.max_bytes);
  if (oracles_on()) return target.run(data, length);
  try {
    target.run(data, length);
  } catch (const AblatedFinding&) {
    // In this mode only sanitizers report findings.
  }
}

}  // namespace hni::fuzz
