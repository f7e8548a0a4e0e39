// SPDX-License-Identifier: Apache-2.0
#include "vhost_user/msix_table.hpp"

#include <algorithm>

#include "vhost_user/protocol.hpp"

namespace hni::device::vhost_user {

using vfio_user::kMsixPendingOffset;

MsixTable::MsixTable(unsigned vectors, DmaMemory& dma)
    : vectors_(std::min(vectors, InterruptBlock::kVectors)), dma_(dma), table_(vectors_ * kEntry) {
  reset();
}

void MsixTable::reset() {
  std::fill(table_.begin(), table_.end(), std::byte{0});
  for (std::size_t i = 0; i < vectors_; ++i) table_[i * kEntry + kControl] = std::byte{1};
  pending_.reset();
  enabled_ = masked_ = false;
}

void MsixTable::set_control(std::uint16_t control) {
  enabled_ = (control & 0x8000) != 0;
  masked_ = (control & 0x4000) != 0;
}

void MsixTable::msix(std::uint16_t vector) {
  if (vector >= vectors_) return;
  if (!enabled_) {
    ++dropped_;
    return;
  }
  dma_.flush();
  pending_.set(vector);
}

void MsixTable::read(std::uint32_t offset, std::span<std::byte> to) const {
  for (std::size_t i = 0; i < to.size(); ++i) {
    const std::size_t at = offset + i;
    to[i] = std::byte{0};
    if (at < table_.size()) {
      to[i] = table_[at];
    } else if (at >= kMsixPendingOffset) {
      const std::size_t first = (at - kMsixPendingOffset) * 8;
      for (std::size_t bit = 0; bit < 8 && first + bit < vectors_; ++bit) {
        if (pending_.test(first + bit)) to[i] |= std::byte{1} << bit;
      }
    }
  }
}

void MsixTable::write(std::uint32_t offset, std::span<const std::byte> from) {
  for (std::size_t i = 0; i < from.size() && offset + i < table_.size(); ++i)
    table_[offset + i] = from[i];
}

std::optional<unsigned> MsixTable::first_ready() const {
  if (!enabled_ || masked_ || pending_.none()) return std::nullopt;
  for (unsigned vector = 0; vector < vectors_; ++vector) {
    if (pending_.test(vector) &&
        (table_[vector * kEntry + kControl] & std::byte{1}) == std::byte{0})
      return vector;
  }
  return std::nullopt;
}

bool MsixTable::ready() const {
  return first_ready().has_value();
}

std::optional<MsiMessage> MsixTable::next_message() {
  const auto vector = first_ready();
  if (!vector) return std::nullopt;
  pending_.reset(*vector);
  ++sent_;
  const auto entry = std::span<const std::byte>(table_).subspan(*vector * kEntry, kEntry);
  return MsiMessage{load<std::uint64_t>(entry), load<std::uint32_t>(entry.subspan(8))};
}

}  // namespace hni::device::vhost_user
