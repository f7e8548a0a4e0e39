// SPDX-License-Identifier: Apache-2.0
#pragma once

/// One emulated card with all that a driver in the same process needs: its view of memory, its
/// interrupts, and a DeviceIo. It advances only when called, on the caller's clock.

#include <array>
#include <bit>
#include <cstdint>

#include "device/card.hpp"
#include "driver/control/interrupts.hpp"
#include "driver/io/in_process.hpp"

namespace hni::io {

/// Records which vectors fired until the driver fetches them.
class PendingVectors final : public device::InterruptSink {
 public:
  /// Records an interrupt.
  /// @param vector vector that fired
  void msix(std::uint16_t vector) override {
    if (vector / 64U < words_.size()) words_[vector / 64U] |= 1ULL << (vector % 64U);
  }
  /// Calls handle(Vector) per pending vector.
  /// @param handle handler
  /// @return number of vectors
  template <class Handle>
  unsigned take(Handle&& handle) {
    unsigned taken = 0;
    for (std::size_t w = 0; w < words_.size(); ++w) {
      for (std::uint64_t bits = std::exchange(words_[w], 0); bits != 0; bits &= bits - 1) {
        handle(Vector{
            static_cast<std::uint16_t>(w * 64 + static_cast<unsigned>(std::countr_zero(bits)))});
        ++taken;
      }
    }
    return taken;
  }
  /// @return true if a vector is pending
  [[nodiscard]] bool any() const {
    for (const std::uint64_t word : words_) {
      if (word != 0) return true;
    }
    return false;
  }

 private:
  std::array<std::uint64_t, kMaxVectors / 64> words_{};
};

/// An emulated card and its connections.
struct InProcessCard {
  /// Creates the card.
  /// @param config settings of the card
  /// @param wire must outlive the card
  InProcessCard(const device::CardConfig& config, device::Wire& wire)
      : card(config, dma, vectors, wire), io(card, dma) {}

  device::DmaMemory dma;   ///< memory that the card reaches
  PendingVectors vectors;  ///< pending interrupts
  device::Card card;       ///< the card
  InProcess io;            ///< what the driver uses
};

}  // namespace hni::io
