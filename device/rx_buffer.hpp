// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The RX buffer (RXB) [device 15]: FIFOs with drop, pause and ECN thresholds, and pause storm
/// protection. Modelled are the two FIFOs that lead to the host: 0 (frames for host and BMC) and 4
/// (frames for the host).

#include <array>
#include <cstdint>
#include <span>

#include "device/card_context.hpp"
#include "device/rx_fifo.hpp"

namespace hni::device {

/// The RX buffer of one card.
class RxBuffer {
 public:
  static constexpr unsigned kShared = 0;  ///< network to host and BMC
  static constexpr unsigned kHost = 4;    ///< network to host

  /// Creates an empty buffer.
  /// @param context must outlive it
  explicit RxBuffer(CardContext& context) : card_(context) {}

  /// Empties the buffer and clears the pause state.
  void reset();

  /// @return true if no frame waits
  bool empty() const { return shared_.empty() && host_.empty(); }
  /// Returns a FIFO.
  /// @param index kShared or kHost
  /// @return the FIFO
  RxFifo& fifo(unsigned index) { return index == kShared ? shared_ : host_; }
  /// Returns a FIFO.
  /// @param index kShared or kHost
  /// @return the FIFO
  const RxFifo& fifo(unsigned index) const { return index == kShared ? shared_ : host_; }

  /// Appends a frame.
  /// @param index kShared or kHost
  /// @param info its description
  /// @param frame its bytes
  /// @return false if it was dropped and counted, by DROP_THLD or for lack of room
  bool push(unsigned index, const RxFrameInfo& info, std::span<const std::byte> frame);
  /// Removes the oldest frame.
  /// @param index kShared or kHost
  void pop(unsigned index);

  /// Applies a write to PAUSE_DROP_CTRL, a threshold, PAUSE_STORM or the interrupt registers.
  void registers_changed();
  /// Handles a write of RXB_PAUSE_STORM(0): FORCE_NORMAL ends a storm.
  /// @param value the value
  void pause_storm_written(std::uint32_t value);

  /// Detects a pause storm when it is due.
  void tick() {
    if (card_.now_ns >= storm_at_ns_) detect_storm();
  }
  /// @return when tick() is due; ~0 for never
  std::uint64_t next_deadline_ns() const { return storm_at_ns_; }
  /// @return true while the card pauses its peer
  bool pause_asserted() const { return asserted_; }

 private:
  struct State {
    bool pausing = false;
    bool dropping = false;
    bool marking = false;
  };
  void update(unsigned index);
  void drive_pause();
  void detect_storm();
  std::uint32_t capacity(unsigned index) const;
  void update_interrupt();

  CardContext& card_;
  RxFifo shared_;
  RxFifo host_;
  std::array<State, 8> states_{};
  bool asserted_ = false;
  bool storm_ = false;
  std::uint64_t storm_at_ns_ = ~0ull;
};

}  // namespace hni::device
