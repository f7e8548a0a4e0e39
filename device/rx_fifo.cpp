// SPDX-License-Identifier: Apache-2.0
#include "device/rx_fifo.hpp"

#include <cstring>

namespace hni::device {

RxFifo::RxFifo() : storage_(std::make_unique_for_overwrite<std::byte[]>(kStorageBytes)) {
  entries_.reserve(kMaxUnits);
}

void RxFifo::push(const RxFrameInfo& info, std::span<const std::byte> frame) {
  if (next_offset_ + frame.size() > kStorageBytes) next_offset_ = 0;
  const std::size_t at = (first_ + count_) % kMaxUnits;
  if (at == entries_.size()) entries_.emplace_back();
  Entry& entry = entries_[at];
  entry.info = info;
  entry.offset = static_cast<std::uint32_t>(next_offset_);
  std::memcpy(storage_.get() + next_offset_, frame.data(), frame.size());
  next_offset_ += std::size_t{64} * units_of(frame.size());
  level_ += units_of(frame.size());
  ++count_;
}

std::span<const std::byte> RxFifo::front_bytes() const {
  const Entry& entry = entries_[first_ % kMaxUnits];
  return {storage_.get() + entry.offset, entry.info.bytes};
}

void RxFifo::pop() {
  level_ -= units_of(front().bytes);
  first_ = (first_ + 1) % kMaxUnits;
  --count_;
}

void RxFifo::clear() {
  first_ = 0;
  count_ = 0;
  level_ = 0;
  next_offset_ = 0;
}

}  // namespace hni::device
