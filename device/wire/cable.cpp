// SPDX-License-Identifier: Apache-2.0
#include "device/wire/cable.hpp"

#include <bit>
#include <cstring>

namespace hni::device {

FrameQueue::FrameQueue(std::size_t slots)
    : mask_(std::bit_ceil(slots < 2 ? std::size_t{2} : slots) - 1),
      slots_(std::make_unique_for_overwrite<QueuedFrame[]>(mask_ + 1)) {}

bool FrameQueue::push(std::span<const std::byte> frame) {
  if (frame.empty() || frame.size() > kMaxFrameBytes) return false;
  const std::size_t tail = tail_.load(std::memory_order_relaxed);
  // Acquire pairs with pop's release: the consumer no longer reads the slot that is overwritten.
  if (tail - head_.load(std::memory_order_acquire) > mask_) return false;
  QueuedFrame& slot = slots_[tail & mask_];
  slot.bytes = static_cast<std::uint32_t>(frame.size());
  std::memcpy(slot.data, frame.data(), frame.size());
  // Release orders the slot's bytes before the tail that makes them visible.
  tail_.store(tail + 1, std::memory_order_release);
  return true;
}

std::span<const std::byte> FrameQueue::front() const {
  const std::size_t head = head_.load(std::memory_order_relaxed);
  if (head == tail_.load(std::memory_order_acquire)) return {};
  const QueuedFrame& slot = slots_[head & mask_];
  return {slot.data, slot.bytes};
}

void FrameQueue::pop() {
  head_.store(head_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
}

std::size_t FrameQueue::size() const {
  return tail_.load(std::memory_order_acquire) - head_.load(std::memory_order_acquire);
}

Cable::Cable(std::size_t slots) : queues_{FrameQueue{slots}, FrameQueue{slots}} {
  for (unsigned i = 0; i < 2; ++i) {
    ends_[i].cable_ = this;
    ends_[i].index_ = i;
  }
}

bool Cable::End::link() const {
  return cable_->ends_[0].plugged_.load(std::memory_order_relaxed) &&
         cable_->ends_[1].plugged_.load(std::memory_order_relaxed);
}

bool Cable::End::peer_pause() const {
  return cable_->ends_[index_ ^ 1].pause_.load(std::memory_order_acquire);
}

bool Cable::End::transmit(std::span<const std::byte> frame, std::uint64_t /*now_ns*/) {
  if (!link() || frame.size() > kMaxFrameBytes) {
    ++counters_.lost;
    return true;
  }
  if (!cable_->queues_[index_ ^ 1].push(frame)) {
    ++counters_.refused;
    return false;
  }
  ++counters_.frames;
  counters_.bytes += frame.size();
  return true;
}

unsigned Cable::End::poll(FrameSink& sink, std::uint64_t now_ns, unsigned budget) {
  FrameQueue& queue = cable_->queues_[index_];
  unsigned delivered = 0;
  while (delivered < budget && !pause_.load(std::memory_order_relaxed)) {
    const std::span<const std::byte> frame = queue.front();
    if (frame.empty()) break;
    sink.receive(frame, now_ns);
    queue.pop();
    ++delivered;
  }
  return delivered;
}

bool Loopback::transmit(std::span<const std::byte> frame, std::uint64_t /*now_ns*/) {
  // A frame that fits no slot is lost, as on a cable; refusing it would stall the card forever.
  return frame.size() > kMaxFrameBytes || queue_.push(frame);
}

unsigned Loopback::poll(FrameSink& sink, std::uint64_t now_ns, unsigned budget) {
  unsigned delivered = 0;
  while (delivered < budget && !pause_) {
    const std::span<const std::byte> frame = queue_.front();
    if (frame.empty()) break;
    sink.receive(frame, now_ns);
    queue_.pop();
    ++delivered;
  }
  return delivered;
}

}  // namespace hni::device
