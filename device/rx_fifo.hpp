// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Frames between the classifier and the receive queues: one FIFO of the RX buffer [device 15.1].
/// A frame enters it only if it cannot be placed in host memory immediately.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace hni::device {

/// Results of parser and classifier that placing a frame needs.
struct RxFrameInfo {
  /// Low 40 bits of the clock when the frame arrived.
  std::uint64_t timestamp = 0;
  /// Length of the frame.
  std::uint32_t bytes = 0;
  /// RSS hash.
  std::uint32_t hash = 0;
  /// Split point of header split.
  std::uint16_t header_bytes = 0;
  /// RCD META.L2_CSUM.
  std::uint16_t l2_csum = 0;
  /// Receive queue.
  std::uint8_t queue = 0;
  /// RCD META.L3_TYPE.
  std::uint8_t l3_type = 0;
  /// RCD META.L4_TYPE.
  std::uint8_t l4_type = 0;
  /// RCD HDR_AL.DMA_HINT.
  std::uint8_t hint = 0;
  /// Matching action TCAM entry.
  std::uint8_t action_index = 0;
  /// L4 checksum verified.
  bool checksum_good = false;
  /// RCD META.ERR_PARSER.
  bool parser_error = false;
  /// RCD META.ECN.
  bool ecn = false;
  /// OPT_META with the timestamp.
  bool want_timestamp = false;
  /// OPT_META with the action.
  bool want_action = false;
  /// An action TCAM entry matched.
  bool action_hit = false;

  /// Compares all members.
  /// @return true if all are equal
  bool operator==(const RxFrameInfo&) const = default;
};

/// One FIFO.
class RxFifo {
 public:
  /// The card's whole buffer in 64-byte units; no FIFO can be larger.
  static constexpr std::uint32_t kMaxUnits = 8192;

  /// Allocates an empty FIFO.
  RxFifo();

  /// Converts a length to 64-byte units.
  /// @param bytes length
  /// @return units
  static constexpr std::uint32_t units_of(std::size_t bytes) {
    return static_cast<std::uint32_t>((bytes + 63) / 64);
  }

  /// Appends a frame. Requires level() + units_of(frame) <= kMaxUnits.
  /// @param info its description
  /// @param frame its bytes
  void push(const RxFrameInfo& info, std::span<const std::byte> frame);
  /// @return description of the oldest frame
  const RxFrameInfo& front() const { return entries_[first_ % kMaxUnits].info; }
  /// @return description of the newest frame, changeable
  RxFrameInfo& back() { return entries_[(first_ + count_ - 1) % kMaxUnits].info; }
  /// @return bytes of the oldest frame
  std::span<const std::byte> front_bytes() const;
  /// Removes the oldest frame.
  void pop();
  /// Removes all frames.
  void clear();

  /// @return true if there is no frame
  bool empty() const { return count_ == 0; }
  /// @return number of frames
  std::uint32_t frames() const { return count_; }
  /// @return fill level in 64-byte units
  std::uint32_t level() const { return level_; }

 private:
  // Frames are contiguous; the rest at the end is skipped if a frame does not fit. Twice the
  // largest level is therefore always enough.
  static constexpr std::size_t kStorageBytes = 2 * 64 * std::size_t{kMaxUnits};
  struct Entry {
    RxFrameInfo info;
    std::uint32_t offset = 0;
  };

  std::unique_ptr<std::byte[]> storage_;
  // A frame takes at least one unit, so kMaxUnits entries are enough. They are created in order: a
  // card that never queues a frame does not touch that memory.
  std::vector<Entry> entries_;
  std::uint32_t first_ = 0;
  std::uint32_t count_ = 0;
  std::uint32_t level_ = 0;
  std::size_t next_offset_ = 0;
};

}  // namespace hni::device
