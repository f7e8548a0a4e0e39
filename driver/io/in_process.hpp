// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The in-process back end: the driver and an emulated card in one thread of one process. Register
/// accesses are calls, DMA memory is plain memory that the card reaches through its DmaMemory, so
/// that an access outside of what the driver mapped is refused and reported.

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "device/card.hpp"
#include "device/dma_memory.hpp"
#include "driver/device_io.hpp"

namespace hni::io {

class InProcess {
 public:
  /// Neither is owned; both outlive this object. DMA addresses are handed out from `first_iova`
  /// upwards, with a gap behind each span, so that an access past its end is refused.
  InProcess(device::Card& card, device::DmaMemory& dma, std::uint64_t first_iova = 0x1'0000'0000)
      : card_(&card), dma_(&dma), next_iova_(first_iova) {}
  InProcess(const InProcess&) = delete;
  InProcess& operator=(const InProcess&) = delete;
  ~InProcess() {
    for (const DmaSpan& span : spans_) unmap(span);
  }

  std::uint32_t read32(Site, RegAddr reg) { return card_->read(reg); }
  void write32(RegAddr reg, std::uint32_t value) { card_->write(reg, value); }

  // One thread: program order is the order of all accesses; the fences keep the compiler from
  // moving plain ones.
  std::uint64_t load64(Site, const std::uint64_t* word) {
    const std::uint64_t value = *static_cast<const volatile std::uint64_t*>(word);
    std::atomic_signal_fence(std::memory_order_acquire);
    return value;
  }
  void store64(std::uint64_t* word, std::uint64_t value) {
    *static_cast<volatile std::uint64_t*>(word) = value;
  }
  void copy_in(Site, std::byte* to, const std::byte* from, std::size_t n) {
    std::memcpy(to, from, n);
  }

  std::optional<DmaSpan> dma_alloc(std::size_t bytes) {
    const std::size_t size = (bytes + kPage - 1) / kPage * kPage;
    auto* cpu =
        static_cast<std::byte*>(::operator new (size, std::align_val_t{kPage}, std::nothrow));
    if (cpu == nullptr) return std::nullopt;
    std::memset(cpu, 0, size);
    const DmaSpan span{cpu, DmaAddr{next_iova_}, size};
    if (!dma_->map({next_iova_, size, cpu})) {
      ::operator delete (cpu, std::align_val_t{kPage});
      return std::nullopt;
    }
    next_iova_ += size + kGap;
    spans_.push_back(span);
    return span;
  }

  void dma_free(const DmaSpan& span) {
    const auto it = std::find_if(spans_.begin(), spans_.end(),
                                 [&](const DmaSpan& s) { return s.cpu == span.cpu; });
    if (it == spans_.end()) return;
    unmap(*it);
    spans_.erase(it);
  }

 private:
  static constexpr std::size_t kPage = 4096;
  static constexpr std::uint64_t kGap = 0x10000;

  void unmap(const DmaSpan& span) {
    (void)dma_->unmap(raw(span.iova), span.bytes);
    ::operator delete (span.cpu, std::align_val_t{kPage});
  }

  device::Card* card_;
  device::DmaMemory* dma_;
  std::uint64_t next_iova_;
  std::vector<DmaSpan> spans_;  // before start only
};

static_assert(DeviceIo<InProcess>);

}  // namespace hni::io
