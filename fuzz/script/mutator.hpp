// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A grammar-aware mutator of scripts: it inserts, removes, repeats, swaps and changes whole
/// operations, so that a mutation never shifts the meaning of later operations.

#include <cstddef>
#include <cstdint>

#include "fuzz/script/target.hpp"

namespace hni::fuzz {

/// Mutates the script in [data, data + size) to at most `max_size` bytes. Returns the new size.
std::size_t mutate_script(OpList ops, std::uint8_t* data, std::size_t size, std::size_t max_size,
                          std::uint32_t seed);

/// Mutates a firmware message: replaces it or adds an attribute. Same parameters and result as
/// mutate().
std::size_t mutate_message(std::uint8_t* data, std::size_t size, std::size_t max_size,
                           std::uint32_t seed);

}  // namespace hni::fuzz
