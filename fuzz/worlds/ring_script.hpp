// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Runs the scripts of the ring targets; fuzz/script/ring_ops.hpp lists their operations.

#include <span>

#include "fuzz/script/ring_ops.hpp"
#include "fuzz/script/target.hpp"
#include "fuzz/worlds/ring_card.hpp"

namespace hni::fuzz {

/// Runs a script with the operations `meaning`, in the test world with its page size. `receives`
/// states whether any of the operations receives.
void run_rings(const std::uint8_t* data, std::size_t size, OpList ops,
               std::span<const RingOp> meaning, bool receives);

/// A target whose scripts use the operations of `kSelection`. `kReceives`: some of the operations
/// receive.
template <const auto& kSelection, bool kReceives>
constexpr Target ring_target(std::string_view name, std::string_view text) {
  constexpr auto kRun = [](const std::uint8_t* data, std::size_t size) {
    run_rings(data, size, kSelection.ops, kSelection.meaning, kReceives);
  };
  return {name, text, kSelection.ops, kRun, kMaxRingScriptBytes};
}

}  // namespace hni::fuzz
