// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The card's MSI-X vectors as eventfds of the client: a vector that fires adds 1 to its eventfd.
/// A vector that has no eventfd or is masked by the client stays pending until it can be
/// signalled.

#include <array>
#include <cstdint>
#include <vector>

#include "device/dma_memory.hpp"
#include "device/interrupts.hpp"
#include "vfio_user/owned_fd.hpp"

namespace hni::device::vfio_user {

/// The eventfds of one client.
class IrqLines final : public InterruptSink {
 public:
  static constexpr unsigned kVectors = InterruptBlock::kVectors;  ///< largest number of vectors

  /// Creates lines without eventfds.
  /// @param vectors size of the MSI-X table
  explicit IrqLines(unsigned vectors) : vectors_(vectors), lines_(vectors) {}

  /// Flushes DMA before each interrupt, so that the host sees what the card wrote.
  /// @param dma must outlive this object
  void flush_before(DmaMemory& dma) { dma_ = &dma; }

  /// @return size of the MSI-X table
  unsigned vectors() const { return vectors_; }

  void msix(std::uint16_t vector) override;

  /// Assigns an eventfd and makes it non-blocking. It is also polled before each write: the client
  /// shares its flags and can change them back.
  /// @param vector the vector
  /// @param eventfd empty: remove
  /// @return 0, or an errno value if it is not an eventfd
  int assign(unsigned vector, OwnedFd eventfd);
  /// Masks or unmasks a vector.
  /// @param vector the vector
  /// @param masked true: mask
  void set_mask(unsigned vector, bool masked);
  /// Removes all eventfds, masks and pending bits.
  void clear();

  /// Tests for a pending interrupt.
  /// @param vector the vector
  /// @return true if pending
  bool pending(unsigned vector) const { return lines_[vector].pending; }
  /// @return eventfds written
  std::uint64_t signalled() const { return signalled_; }
  /// @return true once a write to an eventfd blocked and had to be interrupted
  bool blocked() const { return blocked_; }
  /// @return interrupts without an eventfd
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
  bool blocked_ = false;
};

}  // namespace hni::device::vfio_user
