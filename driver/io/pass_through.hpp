// SPDX-License-Identifier: Apache-2.0
#pragma once

/// PassThrough: a DeviceIo that forwards everything to an inner one. A wrapper (tracing,
/// recording, fault injection) derives from it and hides the functions that it wants to observe or
/// change.

#include "driver/core/device_io.hpp"

namespace hni::io {

/// A forwarding DeviceIo.
/// @tparam Inner what it forwards to
template <DeviceIo Inner>
class PassThrough {
 public:
  /// Creates a wrapper.
  /// @param inner must outlive it
  explicit PassThrough(Inner& inner) : inner_(&inner) {}

  /// Forwards a register read.
  /// @param site input site
  /// @param reg address
  /// @return the value
  std::uint32_t read32(Site site, RegAddr reg) { return inner_->read32(site, reg); }
  /// Forwards a register write.
  /// @param reg address
  /// @param value the value
  void write32(RegAddr reg, std::uint32_t value) { inner_->write32(reg, value); }
  /// Forwards a load of a descriptor word.
  /// @param site input site
  /// @param word address
  /// @return the value
  std::uint64_t load64(Site site, const std::uint64_t* word) { return inner_->load64(site, word); }
  /// Forwards a store of a descriptor word.
  /// @param word address
  /// @param value the value
  void store64(std::uint64_t* word, std::uint64_t value) { inner_->store64(word, value); }
  /// Forwards a copy from DMA memory.
  /// @param site input site
  /// @param to private memory
  /// @param from DMA memory
  /// @param n bytes
  void copy_in(Site site, std::byte* to, const std::byte* from, std::size_t n) {
    inner_->copy_in(site, to, from, n);
  }
  /// Forwards an allocation.
  /// @param bytes size
  /// @return nullopt if there is no memory
  std::optional<DmaSpan> dma_alloc(std::size_t bytes) { return inner_->dma_alloc(bytes); }
  /// Forwards a release.
  /// @param span from dma_alloc()
  void dma_free(const DmaSpan& span) { inner_->dma_free(span); }

 protected:
  Inner* inner_;  ///< what calls are forwarded to
};

}  // namespace hni::io
