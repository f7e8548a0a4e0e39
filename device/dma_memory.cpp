// SPDX-License-Identifier: Apache-2.0
#include "device/dma_memory.hpp"

#include <algorithm>

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
  if (range.bytes == 0 || range.cpu == nullptr || range.iova >= kDmaAddressLimit ||
      range.bytes > kDmaAddressLimit - range.iova) {
    return false;
  }
  if (((reinterpret_cast<std::uintptr_t>(range.cpu) ^ range.iova) & 7) != 0) return false;
  auto next = std::lower_bound(ranges_.begin(), ranges_.end(), range.iova, starts_before);
  if (next != ranges_.end() && next->iova - range.iova < range.bytes) return false;
  if (next != ranges_.begin()) {
    const DmaRange& previous = *(next - 1);
    if (range.iova - previous.iova < previous.bytes) return false;
  }
  ranges_.insert(next, range);
  ++generation_;
  return true;
}

bool DmaMemory::unmap(std::uint64_t iova, std::size_t bytes) {
  auto found = std::lower_bound(ranges_.begin(), ranges_.end(), iova, starts_before);
  if (found == ranges_.end() || found->iova != iova || found->bytes != bytes) return false;
  ranges_.erase(found);
  ++generation_;
  return true;
}

std::size_t DmaMemory::unmap_inside(std::uint64_t iova, std::uint64_t bytes) {
  const std::size_t removed = std::erase_if(ranges_, [&](const DmaRange& range) {
    return range.iova >= iova && range.iova - iova < bytes &&
           range.bytes <= bytes - (range.iova - iova);
  });
  if (removed != 0) ++generation_;
  return removed;
}

void DmaMemory::unmap_all() {
  ranges_.clear();
  ++generation_;
}

std::uint64_t DmaMemory::mapped_bytes() const {
  std::uint64_t sum = 0;
  for (const DmaRange& range : ranges_) sum += range.bytes;
  return sum;
}

std::byte* DmaMemory::find(std::uint64_t iova, std::size_t bytes, Access access, bool count) {
  auto next = std::upper_bound(
      ranges_.begin(), ranges_.end(), iova,
      [](std::uint64_t address, const DmaRange& range) { return address < range.iova; });
  if (next != ranges_.begin()) {
    const DmaRange& range = *(next - 1);
    if (allows(range, iova, bytes, access)) {
      last_ = static_cast<std::size_t>(next - 1 - ranges_.begin());
      return range.cpu + (iova - range.iova);
    }
  }
  if (count) {
    ++refused_;
    last_fault_ = DmaFault{iova, bytes, access};
  }
  return nullptr;
}

}  // namespace hni::device
