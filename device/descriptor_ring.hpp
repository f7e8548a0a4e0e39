// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A ring of 8-byte descriptors in host memory, and the completion queues that use it.

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "device/dma_memory.hpp"
#include "device/host_interposer.hpp"
#include "openhni/spec/device_table.hpp"

namespace hni::device {

/// Address of a ring and access to its entries. Base and size are latched when the queue is
/// enabled [device 11.3]; a register write while it runs takes effect at the next enable.
///
/// The translated address of the whole ring is cached until the mappings change. A ring that spans
/// several mappings, or is partly unmapped, is translated per entry.
class DescriptorRing {
 public:
  /// Latches the base and size registers.
  /// @param base device address
  /// @param size_code log2 of the entries; 0 stands for 65536 [device 11.3]
  void latch(std::uint64_t base, std::uint32_t size_code) {
    base_ = base;
    entries_ = (size_code & 0xf) == 0 ? 65536u : 1u << (size_code & 0xf);
    generation_ = 0;
  }

  /// @return number of entries
  std::uint32_t entries() const { return entries_; }
  /// @return entries() - 1
  std::uint32_t mask() const { return entries_ - 1; }
  /// @return device address
  std::uint64_t base() const { return base_; }

  /// Loads a descriptor: one aligned 64-bit load, acquire order, so that what the host wrote
  /// before the descriptor is visible after it.
  /// @param dma host memory
  /// @param index entry
  /// @param value set to the descriptor
  /// @return false if the address is refused
  bool load(DmaMemory& dma, std::uint32_t index, std::uint64_t& value) {
    std::uint64_t* entry = locate(dma, index, Access::kRead);
    if (entry == nullptr) return false;
    value = std::atomic_ref<std::uint64_t>(*entry).load(std::memory_order_acquire);
    return true;
  }

  /// Stores a descriptor: one aligned 64-bit store, release order, so that the data is visible
  /// before the completion.
  /// @param dma host memory
  /// @param index entry
  /// @param value the descriptor
  /// @return false if the address is refused
  bool store(DmaMemory& dma, std::uint32_t index, std::uint64_t value) {
    std::uint64_t* entry = locate(dma, index, Access::kWrite);
    if (entry == nullptr) return false;
    std::atomic_ref<std::uint64_t>(*entry).store(value, std::memory_order_release);
    return true;
  }

  /// Tests whether a store would be refused; counts a refusal.
  /// @param dma host memory
  /// @param index entry
  /// @return true if it would
  bool refused(DmaMemory& dma, std::uint32_t index) {
    return locate(dma, index, Access::kWrite) == nullptr;
  }

 private:
  std::uint64_t* locate(DmaMemory& dma, std::uint32_t index, Access access) {
    if (generation_ != dma.generation()) {
      whole_ = dma.peek(base_, std::size_t{entries_} * 8);
      generation_ = dma.generation();
    }
    std::byte* entry = whole_ != nullptr ? whole_ + std::size_t{index} * 8
                                         : dma.at(base_ + std::uint64_t{index} * 8, 8, access);
    return reinterpret_cast<std::uint64_t*>(entry);
  }

  std::uint64_t base_ = 0;
  std::uint32_t entries_ = 65536;
  std::byte* whole_ = nullptr;
  std::uint64_t generation_ = 0;
};

static_assert(std::endian::native == std::endian::little, "descriptors are little endian");

/// TCQ or RCQ: the card writes at the tail, the host acknowledges with the HEAD doorbell.
///
/// The tail runs freely; its pass over the ring gives the phase: DONE is 1 on the first pass after
/// RESET, 0 on the second, and so on [device 12.3]. One slot stays free, so that full and empty
/// differ, and unacknowledged entries are never overwritten.
class CompletionQueue {
 public:
  /// Empties and disables the queue and clears a failure.
  void reset() {
    head_ = 0;
    tail_ = 0;
    enabled_ = false;
    error_ = false;
  }
  /// Enables the queue.
  /// @param base base register
  /// @param size_code size register
  void enable(std::uint64_t base, std::uint32_t size_code) {
    ring_.latch(base, size_code);
    head_ &= ring_.mask();
    enabled_ = true;
  }
  /// Disables the queue.
  void disable() { enabled_ = false; }
  /// Marks the queue as failed until reset().
  void fail() { error_ = true; }

  /// @return true if completions can be written
  bool enabled() const { return enabled_ && !error_; }
  /// @return true after a refused access, until reset()
  bool failed() const { return error_; }
  /// @return maximum number of outstanding completions
  std::uint32_t capacity() const { return ring_.mask(); }
  /// @return completions that the host has not acknowledged
  std::uint32_t outstanding() const { return (tail_ - head_) & ring_.mask(); }
  /// @return completions that can be written
  std::uint32_t room() const { return capacity() - outstanding(); }
  /// @return slot up to which the host acknowledged
  std::uint32_t head() const { return head_; }
  /// @return next slot to write
  std::uint32_t tail() const { return tail_ & ring_.mask(); }

  /// Handles a HEAD doorbell.
  /// @param head value written
  /// @return false, without effect, if it is outside the ring or beyond what was completed
  bool acknowledge(std::uint32_t head) {
    if (head > ring_.mask() || ((head - head_) & ring_.mask()) > outstanding()) return false;
    head_ = head;
    return true;
  }

  /// Names the rule that a refused HEAD doorbell violated.
  /// @param head value written
  /// @return the rule
  spec::ProtocolAction refusal_of(std::uint32_t head) const {
    return head > ring_.mask() ? spec::ProtocolAction::kDoorbellOutOfRing
                               : spec::ProtocolAction::kHeadPastTail;
  }

  /// Writes one completion. Requires room() != 0.
  /// @param dma host memory
  /// @param raw the completion without DONE (bit 63)
  /// @param kind for the interposer
  /// @param interposer null if none is installed
  /// @return false if the access was refused; the queue has then failed
  bool push(DmaMemory& dma, std::uint64_t raw, CompletionKind kind, HostInterposer* interposer) {
    // Entries are a power of two: bit log2(entries) of the tail is the parity of the pass.
    const bool odd_pass = (tail_ & ring_.entries()) != 0;
    std::uint64_t word = raw | std::uint64_t{!odd_pass} << 63;
    if (interposer != nullptr) [[unlikely]]
      word = interposer->complete(kind, word);
    if (!ring_.store(dma, tail_ & ring_.mask(), word)) {
      error_ = true;
      return false;
    }
    ++tail_;
    return true;
  }

  /// Tests whether the next entries can be written; a refusal marks the queue as failed.
  /// @param dma host memory
  /// @param count number of entries
  /// @return true if they can
  bool writable(DmaMemory& dma, std::uint32_t count) {
    if (ring_.refused(dma, tail_ & ring_.mask()) ||
        ring_.refused(dma, (tail_ + count - 1) & ring_.mask())) {
      error_ = true;
      return false;
    }
    return true;
  }

 private:
  DescriptorRing ring_;
  std::uint32_t head_ = 0;  // masked: acknowledged by the host
  std::uint32_t tail_ = 0;  // free running: written by the card
  bool enabled_ = false;
  bool error_ = false;
};

}  // namespace hni::device
