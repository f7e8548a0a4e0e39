// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The in-process backend: the driver and an emulated device in one thread of one process.
/// Register accesses are calls; DMA memory is plain memory that the device reaches through its
/// DmaMemory, so an access outside of what the driver mapped is refused and reported.

#include <atomic>
#include <cstring>
#include <memory>
#include <new>

#include "device/card.hpp"
#include "device/dma_memory.hpp"
#include "driver/core/device_io.hpp"
#include "driver/io/dma_spans.hpp"

namespace hni::io {

/// A DeviceIo over an emulated card.
class InProcess {
 public:
  /// Connects to a card. Both objects must outlive this one.
  /// @param card registers
  /// @param dma memory that the card reaches
  /// @param first_iova DMA addresses are assigned upwards from here, with a gap after each span,
  ///     so that an access past its end is refused
  InProcess(device::Card& card, device::DmaMemory& dma,
            std::uint64_t first_iova = DmaSpans::kFirst)
      : card_(&card), dma_(&dma), spans_(first_iova) {}
  /// Not copyable: it owns DMA memory.
  InProcess(const InProcess&) = delete;
  /// Not copyable.
  InProcess& operator=(const InProcess&) = delete;
  /// Frees all DMA memory.
  ~InProcess() {
    for (const DmaSpan& span : spans_.all()) unmap(span);
  }

  /// Reads a register.
  /// @param reg address
  /// @return the value
  std::uint32_t read32(Site, RegAddr reg) { return card_->read(reg); }
  /// Writes a register.
  /// @param reg address
  /// @param value the value
  void write32(RegAddr reg, std::uint32_t value) { card_->write(reg, value); }

  /// Loads a descriptor word.
  /// @param word address
  /// @return the value
  std::uint64_t load64(Site, const std::uint64_t* word) {
    const std::uint64_t value = *static_cast<const volatile std::uint64_t*>(word);
    std::atomic_signal_fence(std::memory_order_acquire);
    return value;
  }
  /// Stores a descriptor word.
  /// @param word address
  /// @param value the value
  void store64(std::uint64_t* word, std::uint64_t value) {
    *static_cast<volatile std::uint64_t*>(word) = value;
  }
  /// Copies bytes that the card wrote.
  /// @param to private memory
  /// @param from DMA memory
  /// @param n bytes
  void copy_in(Site, std::byte* to, const std::byte* from, std::size_t n) {
    std::memcpy(to, from, n);
  }

  /// Allocates zeroed DMA memory.
  /// @param bytes size
  /// @return nullopt if there is none
  std::optional<DmaSpan> dma_alloc(std::size_t bytes) {
    const std::size_t size = DmaSpans::whole_pages(bytes);
    auto* cpu = static_cast<std::byte*>(::operator new(size, kAlignment, std::nothrow));
    if (cpu == nullptr) return std::nullopt;
    std::memset(cpu, 0, size);
    if (!dma_->map({spans_.next(), size, cpu})) {
      ::operator delete(cpu, kAlignment);
      return std::nullopt;
    }
    return spans_.add(cpu, size);
  }

  /// Unmaps and frees DMA memory.
  /// @param span from dma_alloc()
  void dma_free(const DmaSpan& span) {
    if (const auto whole = spans_.take(span.cpu)) unmap(*whole);
  }

 private:
  static constexpr std::align_val_t kAlignment{DmaSpans::kPage};

  void unmap(const DmaSpan& span) {
    (void)dma_->unmap(raw(span.iova), span.bytes);
    ::operator delete(span.cpu, kAlignment);
  }

  device::Card* card_;
  device::DmaMemory* dma_;
  DmaSpans spans_;  // grows before start only
};

static_assert(DeviceIo<InProcess>);

}  // namespace hni::io
