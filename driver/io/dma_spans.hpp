// SPDX-License-Identifier: Apache-2.0
#pragma once

/// DmaSpans: the addresses that a back end gives out for DMA, and what lies there. For back ends
/// whose card sees just what dma_alloc() made, at addresses of the back end's choice.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "driver/core/types.hpp"

namespace hni::io {

class DmaSpans {
 public:
  static constexpr std::size_t kPage = 4096;
  /// Above the windows that a 32-bit bus needs itself.
  static constexpr std::uint64_t kFirst = 0x1'0000'0000;

  explicit DmaSpans(std::uint64_t first = kFirst) : next_(first) {}

  static constexpr std::size_t whole_pages(std::size_t bytes) {
    return (bytes + kPage - 1) / kPage * kPage;
  }
  /// Where the next span begins.
  [[nodiscard]] std::uint64_t next() const { return next_; }
  /// The span of `bytes` at next(), backed by `cpu`, which stays the caller's to free.
  DmaSpan add(void* cpu, std::size_t bytes) {
    const DmaSpan span{static_cast<std::byte*>(cpu), DmaAddr{next_}, bytes};
    next_ += bytes + kGap;
    spans_.push_back(span);
    return span;
  }
  /// Forgets the span that begins at `cpu`, and says what it was; nothing if there is none.
  std::optional<DmaSpan> take(const std::byte* cpu) {
    const auto it =
        std::find_if(spans_.begin(), spans_.end(), [&](const DmaSpan& s) { return s.cpu == cpu; });
    if (it == spans_.end()) return std::nullopt;
    const DmaSpan span = *it;
    spans_.erase(it);
    return span;
  }
  [[nodiscard]] const std::vector<DmaSpan>& all() const { return spans_; }

 private:
  static constexpr std::uint64_t kGap = 0x10000;  ///< a card that runs over an end hits nothing

  std::uint64_t next_;
  std::vector<DmaSpan> spans_;
};

}  // namespace hni::io
