// SPDX-License-Identifier: Apache-2.0
#pragma once

/// DeviceIo: the driver's only interface to a device. A backend is an in-process device
/// (driver/io/in_process.hpp), a device over a socket, or one under /dev/vfio. A wrapper has an
/// inner DeviceIo and changes, records or replays accesses. Each read names its input site, so a
/// wrapper knows what the value means.
///
/// Nothing here blocks. Reads of a removed device return all ones, writes have no effect.

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

/// A backend or wrapper.
template <class Io>
concept DeviceIo = requires(Io io, Site site, RegAddr reg, std::uint32_t v32, std::uint64_t* word,
                            std::uint64_t v64, std::byte* to, const std::byte* from,
                            std::size_t n) {
  /// Reads a 32-bit register.
  { io.read32(site, reg) } -> std::same_as<std::uint32_t>;
  /// Writes a 32-bit register. Earlier store64() calls are visible to the device first (doorbell
  /// order).
  { io.write32(reg, v32) } -> std::same_as<void>;
  /// Loads a descriptor word with one single-copy-atomic read; acquire order: once a DONE bit was
  /// read, the data it announces is visible.
  { io.load64(site, static_cast<const std::uint64_t*>(word)) } -> std::same_as<std::uint64_t>;
  /// Stores a descriptor word in memory that the device reads.
  { io.store64(word, v64) } -> std::same_as<void>;
  /// Copies `n` bytes that the device wrote into private memory; reads each byte once.
  { io.copy_in(site, to, from, n) } -> std::same_as<void>;
  /// Allocates zeroed, 4 KiB-aligned DMA memory; nullopt when exhausted. Not after start().
  { io.dma_alloc(n) } -> std::same_as<std::optional<DmaSpan>>;
  /// Frees DMA memory. The device must be idle or its DMA disabled.
  { io.dma_free(DmaSpan{}) } -> std::same_as<void>;
};

}  // namespace hni
