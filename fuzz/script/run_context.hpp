// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The context of a run, which distinguishes findings with equal stack and text. Written while a
/// script runs, at the cost of one store each; finding() prints it as `context: `.

#include <cstdint>
#include <string_view>

namespace hni::fuzz {

struct RunContext {
  std::string_view operation;  ///< the last operation that was read from the script
  std::int16_t site = -1;      ///< the input site at which the last fault was injected; -1: none
  std::string_view event;      ///< what the driver reported last: a refusal or a recovery step
  std::string_view cause;      ///< why a model refuses what the driver accepts; empty: it does not
  bool whole = false;          ///< no part of the script may be left out to save time
};
inline constinit RunContext run_context{};

}  // namespace hni::fuzz
