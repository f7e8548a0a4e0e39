// SPDX-License-Identifier: Apache-2.0
#include "device/dma_memory.hpp"

#include <algorithm>
#include <utility>

namespace hni::device {
namespace {

bool starts_before(const DmaRange& range, std::uint64_t iova) {
  return range.iova < iova;
}

}  // namespace

DmaMemory::DmaMemory(std::size_t capacity_hint) {
  ranges_.reserve(capacity_hint);
}

bool DmaMemory::map(DmaRange range) {
  if (range.cpu == nullptr) return false;
  if (((reinterpret_cast<std::uintptr_t>(range.cpu) ^ range.iova) & 7) != 0) return false;
  return insert(range);
}

bool DmaMemory::map_remote(std::uint64_t iova, std::size_t bytes, bool writable) {
  if (remote_ == nullptr || !insert({iova, bytes, nullptr, writable})) return false;
  ++remote_ranges_;
  return true;
}

bool DmaMemory::insert(DmaRange range) {
  if (range.bytes == 0 || range.iova >= kDmaAddressLimit ||
      range.bytes > kDmaAddressLimit - range.iova) {
    return false;
  }
  auto next = std::lower_bound(ranges_.begin(), ranges_.end(), range.iova, starts_before);
  if (next != ranges_.end() && next->iova - range.iova < range.bytes) return false;
  if (next != ranges_.begin()) {
    const DmaRange& previous = *(next - 1);
    if (range.iova - previous.iova < previous.bytes) return false;
  }
  ranges_.insert(next, range);
  last_ = kNoRange;
  ++generation_;
  return true;
}

bool DmaMemory::unmap(std::uint64_t iova, std::size_t bytes) {
  auto found = std::lower_bound(ranges_.begin(), ranges_.end(), iova, starts_before);
  if (found == ranges_.end() || found->iova != iova || found->bytes != bytes) return false;
  ranges_.erase(found);
  count_remote();
  ++generation_;
  return true;
}

std::size_t DmaMemory::unmap_inside(std::uint64_t iova, std::uint64_t bytes) {
  const std::size_t removed = std::erase_if(ranges_, [&](const DmaRange& range) {
    return range.iova >= iova && range.iova - iova < bytes &&
           range.bytes <= bytes - (range.iova - iova);
  });
  if (removed != 0) {
    count_remote();
    ++generation_;
  }
  return removed;
}

void DmaMemory::unmap_all() {
  ranges_.clear();
  count_remote();
  ++generation_;
}

std::uint64_t DmaMemory::mapped_bytes() const {
  std::uint64_t sum = 0;
  for (const DmaRange& range : ranges_) sum += range.bytes;
  return sum;
}

const DmaRange* DmaMemory::range_of(std::uint64_t iova) const {
  const auto next = std::upper_bound(
      ranges_.begin(), ranges_.end(), iova,
      [](std::uint64_t address, const DmaRange& range) { return address < range.iova; });
  return next == ranges_.begin() ? nullptr : &*(next - 1);
}

void DmaMemory::refuse(std::uint64_t iova, std::size_t bytes, Access access) {
  ++refused_;
  if (access == Access::kRead && !ranges_.empty()) ++refused_reads_;
  last_fault_ = DmaFault{iova, bytes, access};
}

std::byte* DmaMemory::find(std::uint64_t iova, std::size_t bytes, Access access, bool count) {
  const DmaRange* const range = range_of(iova);
  if (range != nullptr && allows(*range, iova, bytes, access) && (count || range->readable)) {
    if (range->cpu != nullptr) {
      last_ = static_cast<std::size_t>(range - ranges_.data());
      return range->cpu + (iova - range->iova);
    }
    // Remote memory is never cached as the last range, and peek() must not access it.
    if (!count) return nullptr;
    if (std::byte* const at = remote_at(iova, bytes, access)) return at;
  }
  if (count) refuse(iova, bytes, access);
  return nullptr;
}

// ---- Remote memory

// Pending writes to a removed mapping are lost with it.
void DmaMemory::count_remote() {
  last_ = kNoRange;
  if (remote_ranges_ == 0) return;
  writes_.clear();
  remote_ranges_ = static_cast<std::size_t>(std::count_if(
      ranges_.begin(), ranges_.end(), [](const DmaRange& range) { return range.cpu == nullptr; }));
}

const DmaRange* DmaMemory::find_remote(std::uint64_t iova) const {
  const DmaRange* const range = range_of(iova);
  const bool inside = range != nullptr && iova - range->iova < range->bytes;
  return inside && range->cpu == nullptr ? range : nullptr;
}

std::byte* DmaMemory::remote_chunk(const DmaRange& range, std::uint64_t iova, std::size_t bytes,
                                   Access access, std::size_t& available) {
  constexpr std::size_t kPiece = 4096;
  const std::size_t left = range.bytes - static_cast<std::size_t>(iova - range.iova);
  available = std::min({bytes, left, kPiece});
  std::byte* const at =
      allows(range, iova, available, access) ? remote_at(iova, available, access) : nullptr;
  if (at == nullptr) refuse(iova, available, access);
  return at;
}

std::byte* DmaMemory::remote_at(std::uint64_t iova, std::size_t bytes, Access access) {
  if (access == Access::kRead) {
    fetched_.resize(bytes / 8 + 2);
    auto* const at = reinterpret_cast<std::byte*>(fetched_.data()) + (iova & 7);
    if (!remote_->fetch(iova, {at, bytes})) return nullptr;
    // Adds pending writes of the card to what was fetched. They are not flushed, because the
    // caller may hold pointers into them.
    for (const RemoteWrite& w : writes_) {
      const std::uint64_t begin = std::max(iova, w.iova);
      const std::uint64_t end = std::min(iova + bytes, w.iova + w.before.size());
      if (begin < end) std::copy_n(w.data() + (begin - w.iova), end - begin, at + (begin - iova));
    }
    return at;
  }
  const auto known = std::find_if(writes_.begin(), writes_.end(), [&](const RemoteWrite& w) {
    return w.iova == iova && w.before.size() == bytes;
  });
  if (known != writes_.end()) return known->data();
  if (writes_.size() == kMaxRemoteWrites) return nullptr;
  // Bytes that the card does not write must keep their value: the caller may use a part of the
  // memory only.
  RemoteWrite write{iova, std::vector<std::byte>(bytes), std::make_unique<std::byte[]>(bytes + 8)};
  if (!remote_->fetch(iova, write.before)) return nullptr;
  std::copy(write.before.begin(), write.before.end(), write.data());
  writes_.push_back(std::move(write));
  return writes_.back().data();
}

void DmaMemory::flush_all() {
  const std::vector<RemoteWrite> writes = std::exchange(writes_, {});
  ++generation_;
  for (const RemoteWrite& write : writes) {
    const auto differs = [&](std::size_t i) { return write.before[i] != write.data()[i]; };
    std::size_t begin = 0;
    std::size_t end = write.before.size();
    while (begin != end && !differs(begin)) ++begin;
    while (end != begin && !differs(end - 1)) --end;
    if (begin == end) continue;
    // Descriptors are 64-bit words: never store a part of one.
    begin -= std::min<std::size_t>(begin, (write.iova + begin) & 7);
    end += std::min<std::size_t>(write.before.size() - end, (8 - ((write.iova + end) & 7)) & 7);
    if (!remote_->store(write.iova + begin, {write.data() + begin, end - begin}))
      refuse(write.iova + begin, end - begin, Access::kWrite);
  }
}

}  // namespace hni::device
