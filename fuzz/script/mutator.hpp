// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A mutator that knows the grammar of scripts: it inserts, removes, repeats, swaps and changes
/// whole operations, so that a mutation never shifts the meaning of later operations.

#include <cstddef>
#include <cstdint>

#include "fuzz/script/target.hpp"

namespace hni::fuzz {

/// Changes the script in [data, data + size); at most `max_size` bytes afterwards. Returns the new
/// size.
std::size_t mutate_script(OpList ops, std::uint8_t* data, std::size_t size, std::size_t max_size,
                          std::uint32_t seed);

/// The same for a firmware message: another message, or one more attribute.
std::size_t mutate_message(std::uint8_t* data, std::size_t size, std::size_t max_size,
                           std::uint32_t seed);

}  // namespace hni::fuzz
