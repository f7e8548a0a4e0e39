// SPDX-License-Identifier: Apache-2.0
#pragma once

/// PassThrough: a DeviceIo that hands everything on to an inner one. A wrapper (tracing,
/// recording, faults, hostile values) derives from it and hides the functions that it wants to see
/// or change.

#include "driver/core/device_io.hpp"

namespace hni::io {

template <DeviceIo Inner>
class PassThrough {
 public:
  /// `inner` outlives the wrapper.
  explicit PassThrough(Inner& inner) : inner_(&inner) {}

  std::uint32_t read32(Site site, RegAddr reg) { return inner_->read32(site, reg); }
  void write32(RegAddr reg, std::uint32_t value) { inner_->write32(reg, value); }
  std::uint64_t load64(Site site, const std::uint64_t* word) { return inner_->load64(site, word); }
  void store64(std::uint64_t* word, std::uint64_t value) { inner_->store64(word, value); }
  void copy_in(Site site, std::byte* to, const std::byte* from, std::size_t n) {
    inner_->copy_in(site, to, from, n);
  }
  std::optional<DmaSpan> dma_alloc(std::size_t bytes) { return inner_->dma_alloc(bytes); }
  void dma_free(const DmaSpan& span) { inner_->dma_free(span); }

 protected:
  Inner* inner_;
};

}  // namespace hni::io
