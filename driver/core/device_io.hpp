// SPDX-License-Identifier: Apache-2.0
#pragma once

/// DeviceIo: the driver's only contact with the world. An implementation is an in-process card
/// (driver/io/in_process.hpp), a card behind a socket, or a card behind /dev/vfio; a wrapper is
/// anything that has an inner DeviceIo and changes, records or replays what passes through. Each
/// read names its input site, so that a wrapper knows what it is looking at.
///
/// Nothing here blocks. Reads of a vanished card give all ones, writes to it vanish.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "driver/core/input_sites.hpp"
#include "driver/core/types.hpp"
#include "openhni/spec/word.hpp"

namespace hni {

using spec::Bar;
using spec::RegAddr;

template <class Io>
concept DeviceIo = requires(Io io, Site site, RegAddr reg, std::uint32_t v32, std::uint64_t* word,
                            std::uint64_t v64, std::byte* to, const std::byte* from,
                            std::size_t n) {
  /// One 32-bit register read.
  { io.read32(site, reg) } -> std::same_as<std::uint32_t>;
  /// One 32-bit register write. Earlier store64() calls are visible to the card before it (the
  /// doorbell order).
  { io.write32(reg, v32) } -> std::same_as<void>;
  /// One single-copy-atomic read of a descriptor word; later reads of DMA memory are not moved
  /// before it, so a DONE bit seen here vouches for the data behind it.
  { io.load64(site, static_cast<const std::uint64_t*>(word)) } -> std::same_as<std::uint64_t>;
  /// One write of a descriptor word in memory that the card reads.
  { io.store64(word, v64) } -> std::same_as<void>;
  /// Copies `n` bytes that the card wrote into private memory; each byte is read once.
  { io.copy_in(site, to, from, n) } -> std::same_as<void>;
  /// Memory that driver and card share, zeroed, aligned to 4 KiB; nothing if there is none left.
  /// Only before start.
  { io.dma_alloc(n) } -> std::same_as<std::optional<DmaSpan>>;
  /// Gives it back. The card must be quiet, or its access revoked.
  { io.dma_free(DmaSpan{}) } -> std::same_as<void>;
};

}  // namespace hni
