// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The cheapest possible card: it completes posted descriptors in order and does nothing else, so
/// that a benchmark measures the driver alone.

#include <cstdlib>
#include <cstring>
#include <vector>

#include "driver/core/device_io.hpp"
#include "driver/core/fragment_pool.hpp"
#include "driver/queues/queue_pair.hpp"

namespace hni::bench {

/// Registers are a few words of memory that absorb doorbells; DMA memory is ordinary memory.
class MemoryIo {
 public:
  ~MemoryIo() {
    for (const DmaSpan& s : spans_) std::free(s.cpu);
  }
  std::uint32_t read32(Site, RegAddr) { return 0; }
  void write32(RegAddr reg, std::uint32_t value) {
    doorbells[(reg.byte_offset >> 2) & 0x3ff] = value;
  }
  std::uint64_t load64(Site, const std::uint64_t* word) {
    return *static_cast<const volatile std::uint64_t*>(word);
  }
  void store64(std::uint64_t* word, std::uint64_t value) {
    *static_cast<volatile std::uint64_t*>(word) = value;
  }
  void copy_in(Site, std::byte* to, const std::byte* from, std::size_t n) {
    std::memcpy(to, from, n);
  }
  std::optional<DmaSpan> dma_alloc(std::size_t bytes) {
    const std::size_t size = (bytes + 4095) / 4096 * 4096;
    auto* cpu = static_cast<std::byte*>(std::aligned_alloc(4096, size));
    if (cpu == nullptr) return std::nullopt;
    std::memset(cpu, 0, size);
    spans_.push_back({cpu, DmaAddr{next_}, size});
    next_ += size;
    return spans_.back();
  }
  void dma_free(const DmaSpan&) {}
  std::byte* cpu(std::uint64_t iova) {
    for (const DmaSpan& s : spans_) {
      if (iova - raw(s.iova) < s.bytes) return s.cpu + (iova - raw(s.iova));
    }
    return nullptr;
  }

  volatile std::uint32_t doorbells[0x400] = {};

 private:
  std::vector<DmaSpan> spans_;
  std::uint64_t next_ = 0x100000000;
};
static_assert(DeviceIo<MemoryIo>);

/// Completes bursts of equal single-segment frames on one queue pair.
template <class Pair>
class ScriptedCard {
 public:
  ScriptedCard(MemoryIo& io, Pair& pair, std::uint32_t frame_bytes)
      : pair_(&pair),
        rcq_(reinterpret_cast<std::uint64_t*>(io.cpu(raw(pair.rx.completion_address())))),
        tcq_(reinterpret_cast<std::uint64_t*>(io.cpu(raw(pair.tx.completion_address())))),
        frame_bytes_(frame_bytes) {}

  /// Writes the completions of `n` received frames, packed into header fragments as the card packs
  /// them.
  void receive(std::uint32_t n) {
    const std::uint32_t stride = (frame_bytes_ + kHeadRoom + 127) / 128 * 128;
    for (std::uint32_t i = 0; i < n; ++i) {
      const bool last = offset_ + stride + frame_bytes_ > kFragmentBytes;
      put(rcq_, rcq_at_, rcq_lap_, pair_->rx.completion_size(),
          spec::RCD_HDR_AL{}
              .set_BUFF_ID(slot_)
              .set_LEN(frame_bytes_)
              .set_OFF(offset_)
              .set_PAGE_FIN(last)
              .raw);
      put(rcq_, rcq_at_, rcq_lap_, pair_->rx.completion_size(),
          spec::RCD_META{}.set_RSS_HASH(i).set_L4_CSUM_UNNECESSARY(1).set_TYPE(3).raw);
      offset_ = last ? kHeadRoom : offset_ + stride;
      if (last) slot_ = (slot_ + 1) & (pair_->rx.header_size() - 1);
    }
  }

  /// Completes all descriptors posted on work queue 0.
  void transmit() {
    put(tcq_, tcq_at_, tcq_lap_, pair_->tx.size(),
        spec::TCD_TYPE0{}.set_HEAD0(pair_->tx.ring().window.tail).raw);
  }

 private:
  static void put(std::uint64_t* ring, std::uint32_t& at, std::uint32_t& lap, std::uint32_t size,
                  std::uint64_t word) {
    ring[at] = word | (std::uint64_t{lap} << 63);
    at = (at + 1) & (size - 1);
    if (at == 0) lap ^= 1;
  }

  Pair* pair_;
  std::uint64_t* rcq_;
  std::uint64_t* tcq_;
  std::uint32_t frame_bytes_;
  std::uint32_t offset_ = kHeadRoom;
  std::uint32_t slot_ = 0;
  std::uint32_t rcq_at_ = 0, rcq_lap_ = 1;
  std::uint32_t tcq_at_ = 0, tcq_lap_ = 1;
};

}  // namespace hni::bench
