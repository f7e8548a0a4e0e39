// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Where a run is: what a finding is told apart by when its stack and its text are the same.
/// Written while a script runs, at the price of a store each; finding() prints it as `context: `.

#include <cstdint>
#include <string_view>

namespace hni::fuzz {

struct RunContext {
  std::string_view operation;  ///< the operation of the script that was read last
  std::int16_t site = -1;      ///< the input site at which the last fault was injected; -1: none
  std::string_view event;      ///< what the driver reported last: a refusal or a recovery step
};
inline constinit RunContext run_context{};

}  // namespace hni::fuzz
