// SPDX-License-Identifier: Apache-2.0
#pragma once
// Frames between the classifier and the receive queues: one FIFO of the RX buffer
// [device 15.1]. A frame arrives here only when it cannot go to host memory at once.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace hni::device {

/// What the parser and the classifier found out about a frame: all that is needed to place it
/// later.
struct RxFrameInfo {
  std::uint64_t timestamp = 0;  ///< 40 bits, taken when the frame arrived
  std::uint32_t bytes = 0;
  std::uint32_t hash = 0;
  std::uint16_t header_bytes = 0;  ///< where header split would cut
  std::uint16_t l2_csum = 0;
  std::uint8_t queue = 0;
  std::uint8_t l3_type = 0;
  std::uint8_t l4_type = 0;
  std::uint8_t hint = 0;
  std::uint8_t action_index = 0;
  bool checksum_good = false;
  bool parser_error = false;
  bool ecn = false;
  bool want_timestamp = false;
  bool want_action = false;
  bool action_hit = false;
};

class RxFifo {
 public:
  /// The whole buffer of the card in 64-byte units; one FIFO cannot be larger.
  static constexpr std::uint32_t kMaxUnits = 8192;

  RxFifo();

  static constexpr std::uint32_t units_of(std::size_t bytes) {
    return static_cast<std::uint32_t>((bytes + 63) / 64);
  }

  /// The caller has checked that level() + units_of(frame) <= kMaxUnits.
  void push(const RxFrameInfo& info, std::span<const std::byte> frame);
  const RxFrameInfo& front() const { return entries_[first_ % kMaxUnits].info; }
  RxFrameInfo& back() { return entries_[(first_ + count_ - 1) % kMaxUnits].info; }
  std::span<const std::byte> front_bytes() const;
  void pop();
  void clear();

  bool empty() const { return count_ == 0; }
  std::uint32_t frames() const { return count_; }
  /// Fill level in 64-byte units.
  std::uint32_t level() const { return level_; }

 private:
  // Frames lie in one piece; what is left at the end when a frame does not fit is skipped. Twice
  // the largest level is therefore always enough room.
  static constexpr std::size_t kStorageBytes = 2 * 64 * std::size_t{kMaxUnits};
  struct Entry {
    RxFrameInfo info;
    std::uint32_t offset = 0;
  };

  std::unique_ptr<std::byte[]> storage_;
  // A frame takes at least one unit, so room for kMaxUnits suffices. Entries begin to exist in
  // their order: a card that never holds a frame back touches none of that memory.
  std::vector<Entry> entries_;
  std::uint32_t first_ = 0;
  std::uint32_t count_ = 0;
  std::uint32_t level_ = 0;
  std::size_t next_offset_ = 0;
};

}  // namespace hni::device
