// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The loop of the targets whose input is a script.

#include <cstddef>
#include <cstdint>

#include "fuzz/script/script.hpp"

namespace hni::fuzz {

/// Applies at most `limit` operations of `reader` to `world`. The limit bounds the run time of an
/// input; some hundred operations express any scenario.
template <class World>
void run_script(World& world, ScriptReader& reader, std::uint32_t limit) {
  for (Op op; limit != 0 && reader.next(op); --limit) world.op(op);
}

/// Applies at most `limit` operations of a script to `world`.
template <class World>
void run_script(World& world, const std::uint8_t* data, std::size_t size, OpList ops,
                std::uint32_t limit) {
  ScriptReader reader(data, size, ops);
  run_script(world, reader, limit);
}

}  // namespace hni::fuzz
