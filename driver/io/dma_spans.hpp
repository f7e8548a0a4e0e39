// SPDX-License-Identifier: Apache-2.0
#pragma once

/// DmaSpans: the addresses that a backend assigns for DMA, and what lies there. For backends whose
/// device accesses exactly what dma_alloc() returned, at addresses that the backend chooses.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "driver/core/types.hpp"

namespace hni::io {

/// Assigns bus addresses to DMA memory and keeps the list of its spans.
class DmaSpans {
 public:
  static constexpr std::size_t kPage = 4096;  ///< bytes per page
  /// Lowest address: above the windows that a 32-bit bus needs itself.
  static constexpr std::uint64_t kFirst = 0x1'0000'0000;

  /// Creates an empty set.
  /// @param first address of the first span
  explicit DmaSpans(std::uint64_t first = kFirst) : next_(first) {}

  /// Rounds up to whole pages.
  /// @param bytes size
  /// @return rounded size
  static constexpr std::size_t whole_pages(std::size_t bytes) {
    return (bytes + kPage - 1) / kPage * kPage;
  }
  /// @return address of the next span
  [[nodiscard]] std::uint64_t next() const { return next_; }
  /// Assigns the address next() to memory.
  /// @param cpu memory; still owned by the caller
  /// @param bytes its size
  /// @return the span
  DmaSpan add(void* cpu, std::size_t bytes) {
    const DmaSpan span{static_cast<std::byte*>(cpu), DmaAddr{next_}, bytes};
    next_ += bytes + kGap;
    spans_.push_back(span);
    return span;
  }
  /// Removes a span.
  /// @param cpu its start
  /// @return the span; nullopt if there is none
  std::optional<DmaSpan> take(const std::byte* cpu) {
    const auto it =
        std::find_if(spans_.begin(), spans_.end(), [&](const DmaSpan& s) { return s.cpu == cpu; });
    if (it == spans_.end()) return std::nullopt;
    const DmaSpan span = *it;
    spans_.erase(it);
    return span;
  }
  /// @return all spans
  [[nodiscard]] const std::vector<DmaSpan>& all() const { return spans_; }

 private:
  /// a device that overruns a span hits unmapped addresses
  static constexpr std::uint64_t kGap = 0x10000;

  std::uint64_t next_;
  std::vector<DmaSpan> spans_;
};

}  // namespace hni::io
