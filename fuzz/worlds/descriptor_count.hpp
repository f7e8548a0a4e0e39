// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The check of the targets that pass file descriptors: each one is closed again.

#include <fcntl.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "fuzz/script/finding.hpp"

namespace hni::fuzz {

/// Returns the number that the next descriptor of this process gets.
/// @param open any open descriptor
inline int lowest_free_fd(int open) {
  const int probe = ::fcntl(open, F_DUPFD_CLOEXEC, 0);
  if (probe >= 0) ::close(probe);
  return probe;
}

/// Calls `play` with a copy of the input, so that a read beyond its end is found, and requires that
/// no descriptor stays open.
/// @param open any open descriptor
template <class Play>
void leaves_no_descriptor(int open, const std::uint8_t* data, std::size_t size, Play&& play) {
  const int before = lowest_free_fd(open);
  const auto copy = std::make_unique<std::byte[]>(size == 0 ? 1 : size);
  if (size != 0) std::memcpy(copy.get(), data, size);
  play(std::span<const std::byte>(copy.get(), size));
  const int after = lowest_free_fd(open);
  require(before == after, "conservation", "a descriptor stayed open",
          static_cast<std::uint64_t>(after));
}

}  // namespace hni::fuzz
