// SPDX-License-Identifier: Apache-2.0
#pragma once

/// QueuePair: a transmit and a receive queue with one interrupt vector, and their life: enable,
/// fault, quiesce, reset, disable.

#include <algorithm>

#include "driver/queues/queue_setup.hpp"
#include "driver/queues/rx_queue.hpp"
#include "driver/queues/tx_queue.hpp"

namespace hni {

/// Ring sizes in descriptors, each a power of two from 64 to 65536; what the port gives each pair.
struct QueueConfig {
  std::uint32_t tx_ring = 1024;
  std::uint32_t rx_ring = 1024;      ///< completions: two or more a frame
  std::uint32_t header_ring = 256;   ///< 4 KiB fragments for headers and small frames
  std::uint32_t payload_ring = 256;  ///< 4 KiB fragments for the rest of long frames
  /// Bytes of a frame that go into the header buffer, 256 .. 3584.
  std::uint32_t max_header = 1536;
  bool split_headers = false;    ///< cut behind the L4 header instead
  bool wait_for_buffers = true;  ///< hold packets when buffers run out instead of dropping them
  bool plain_ring = false;       ///< enable work queue 1 for burst_plain()
  std::uint32_t frames_per_interrupt = 0;  ///< 0: half of the ring
};

constexpr bool is_ring_size(std::uint32_t n) {
  return n >= kMinRingSize && n <= kMaxRingSize && (n & (n - 1)) == 0;
}

enum class PairState : std::uint8_t {
  kOff,        ///< disabled, idle, empty
  kRunning,    ///< enabled, carries packets
  kQuiescing,  ///< disabled; waits until the card says idle, at most until a deadline
  kStuck,      ///< the card never said idle: nothing of it may be freed before DMA is switched off
};

template <DeviceIo Io, class Obs>
class QueuePair {
 public:
  using D = CheckedIo<Io, Obs>;
  /// How long the card may take to say idle [device 18]; half of it before transmit data
  /// is discarded at the MAC.
  static constexpr Duration kIdleDeadline = std::chrono::milliseconds(1000);
  static constexpr Duration kIdlePoll = std::chrono::microseconds(50);
  /// No completion for so long, with descriptors outstanding, is a transmit hang.
  static constexpr Duration kTxHang = std::chrono::seconds(5);
  /// A timestamp that has not come so long after its packet never comes.
  static constexpr Duration kStampDeadline = std::chrono::seconds(1);

  QueuePair(D& device, FragmentPool& pool)
      : tx(device, pool), rx(device, pool), device_(&device) {}

  TxQueue<Io, Obs> tx;
  RxQueue<Io, Obs> rx;

  Result<> allocate(QueueId queue, Vector vector, const QueueConfig& config) {
    queue_ = queue;
    vector_ = vector;
    config_ = config;
    if (auto r = tx.allocate(queue, config.tx_ring); !r) return r;
    if (auto r = rx.allocate(queue, config.rx_ring, config.header_ring, config.payload_ring); !r)
      return r;
    // Empty rings of their size, so that the invariant holds before the first enable() too.
    tx.reset();
    rx.reset();
    return {};
  }

  /// Gives the ring memory back. Only in kOff.
  void release() {
    tx.release();
    rx.release();
  }

  void enable() {
    tx.reset();
    rx.reset();
    QueueSetup<Io, Obs> setup(*device_);
    setup.enable_tx(queue_, {.work0 = tx.work_address(0),
                             .work1 = tx.work_address(1),
                             .completions = tx.completion_address(),
                             .size = tx.size(),
                             .vector = vector_,
                             .plain_ring = config_.plain_ring});
    setup.enable_rx(queue_, rx_setup());
    tx.set_enabled(true);
    rx.set_enabled(true);
    state_ = PairState::kRunning;
    progress_head_ = 0;
  }

  /// First fill; after all queues of the port were enabled [device 9].
  void fill() { rx.refill(); }

  /// The drop mode follows the link's pause [device 13.6].
  void set_wait_for_buffers(bool on) {
    config_.wait_for_buffers = on;
    if (state_ == PairState::kRunning)
      QueueSetup<Io, Obs>(*device_).set_drop_mode(queue_, rx_setup());
  }

  /// Starts to switch the pair off; step() ends it.
  void disable(Time now) {
    if (state_ != PairState::kRunning) return;
    tx.set_enabled(false);
    rx.set_enabled(false);
    QueueSetup<Io, Obs> setup(*device_);
    setup.disable_tx(queue_);
    setup.disable_rx(queue_);
    state_ = PairState::kQuiescing;
    discard_from_ = now + kIdleDeadline / 2;
    give_up_ = Time::max();
  }

  /// One look at the idle registers while kQuiescing. `discard` tells whether the MAC should throw
  /// transmit data away. Whoever looks late gives that half of the deadline, too.
  void step_quiesce(Time now, bool& discard) {
    if (state_ != PairState::kQuiescing) return;
    QueueSetup<Io, Obs> setup(*device_);
    if (!device_->gone() && setup.idle(queue_)) {
      reclaim();
    } else if (now >= give_up_) {
      state_ = PairState::kStuck;
    } else if (now >= discard_from_) {
      discard = true;
      give_up_ = std::min(give_up_, now + kIdleDeadline / 2);
    }
  }

  /// The card is quiet or cut off from memory: all buffers come back, the pair is off.
  void reclaim() {
    tx.set_enabled(false);
    rx.set_enabled(false);
    tx.reclaim();
    rx.drop_unread();
    rx.reclaim();
    state_ = PairState::kOff;
  }

  /// True once when no transmit completion came for kTxHang although descriptors are outstanding.
  /// Call about once a second.
  bool tx_hung(Time now) {
    const auto& ring = tx.ring();
    if (ring.window.empty() || ring.done != progress_head_ || progress_since_ == Time{}) {
      progress_head_ = ring.done;
      progress_since_ = now;
      return false;
    }
    if (now - progress_since_ >= kStampDeadline && ring.window.head != ring.done)
      tx.expire_timestamps();
    if (ring.done == ring.window.tail) return false;
    return now - progress_since_ >= kTxHang;
  }

  /// After tx_hung(): true if nothing was confirmed since the hang before, so that resetting the
  /// queue does not help.
  bool hung_again() {
    const bool again = hung_at_ == tx.counters().completed_packets;
    hung_at_ = tx.counters().completed_packets;
    return again;
  }

  [[nodiscard]] bool faulted() const { return tx.faulted() || rx.faulted(); }
  [[nodiscard]] PairState state() const { return state_; }
  [[nodiscard]] Vector vector() const { return vector_; }
  [[nodiscard]] QueueId queue() const { return queue_; }
  [[nodiscard]] bool is_valid() const { return tx.is_valid() && rx.is_valid(); }

 private:
  [[nodiscard]] RxQueueSetup rx_setup() const {
    return {.headers = rx.header_address(),
            .payloads = rx.payload_address(),
            .completions = rx.completion_address(),
            .header_size = rx.header_size(),
            .payload_size = rx.payload_size(),
            .completion_size = rx.completion_size(),
            .frames_per_interrupt = config_.frames_per_interrupt,
            .head_room = kHeadRoom,
            .tail_room = kTailRoom,
            .max_header = config_.max_header,
            .split_headers = config_.split_headers,
            .wait_for_buffers = config_.wait_for_buffers,
            .vector = vector_};
  }

  D* device_;
  QueueId queue_{};
  Vector vector_{};
  QueueConfig config_;
  PairState state_ = PairState::kOff;
  Time discard_from_{};  ///< while kQuiescing
  Time give_up_{};       ///< the same, known once the MAC discards
  std::uint32_t progress_head_ = 0;
  Time progress_since_{};
  std::uint64_t hung_at_ = ~std::uint64_t{0};  ///< packets confirmed at the last hang
};

}  // namespace hni
