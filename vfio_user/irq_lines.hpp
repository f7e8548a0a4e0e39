// SPDX-License-Identifier: Apache-2.0
#pragma once
// The card's MSI-X vectors as eventfds of the client: a vector that fires adds 1 to its eventfd.
// A vector without one, or one that the client masked, stays pending until it has one again.

#include <array>
#include <cstdint>
#include <vector>

#include "device/dma_memory.hpp"
#include "device/interrupts.hpp"
#include "vfio_user/owned_fd.hpp"

namespace hni::device::vfio_user {

class IrqLines final : public InterruptSink {
 public:
  static constexpr unsigned kVectors = InterruptBlock::kVectors;

  explicit IrqLines(unsigned vectors) : vectors_(vectors), lines_(vectors) {}

  /// What the card wrote reaches the host before an interrupt tells of it. `dma` outlives this.
  void flush_before(DmaMemory& dma) { dma_ = &dma; }

  unsigned vectors() const { return vectors_; }

  void msix(std::uint16_t vector) override;

  /// Gives `vector` an eventfd; an empty one takes it away. 0, or an errno value: not an eventfd.
  /// The eventfd is made non-blocking.
  int assign(unsigned vector, OwnedFd eventfd);
  void set_mask(unsigned vector, bool masked);
  /// No vector has an eventfd, none is masked or pending.
  void clear();

  bool pending(unsigned vector) const { return lines_[vector].pending; }
  std::uint64_t signalled() const { return signalled_; }
  /// Signals that no eventfd took: none was there.
  std::uint64_t unheard() const { return unheard_; }

 private:
  struct Line {
    OwnedFd eventfd;
    bool masked = false;
    bool pending = false;
  };
  void deliver(Line& line);

  unsigned vectors_;
  std::vector<Line> lines_;
  DmaMemory* dma_ = nullptr;
  std::uint64_t signalled_ = 0;
  std::uint64_t unheard_ = 0;
};

}  // namespace hni::device::vfio_user
