// SPDX-License-Identifier: Apache-2.0
#pragma once

/// QueuePair: a transmit and a receive queue with one interrupt vector, and their life cycle:
/// enable, fault, quiesce, reset, disable.

#include <algorithm>

#include "driver/queues/queue_setup.hpp"
#include "driver/queues/rx_queue.hpp"
#include "driver/queues/tx_queue.hpp"

namespace hni {

/// Ring sizes of one queue pair, in descriptors: each a power of two from 64 to 65536.
struct QueueConfig {
  /// Descriptors per transmit ring.
  std::uint32_t tx_ring = 1024;
  /// Receive completions; a frame takes two or more.
  std::uint32_t rx_ring = 1024;
  /// 4 KiB fragments for headers and small frames.
  std::uint32_t header_ring = 256;
  /// 4 KiB fragments for the rest of long frames.
  std::uint32_t payload_ring = 256;
  /// Bytes of a frame that go into the header buffer, 256 .. 3584.
  std::uint32_t max_header = 1536;
  /// Split after the L4 header instead of after max_header bytes.
  bool split_headers = false;
  /// Hold packets when buffers run out instead of dropping them.
  bool wait_for_buffers = true;
  /// Enable work queue 1 for burst_plain().
  bool plain_ring = false;
  /// Receive interrupt threshold in frames; 0: half of the ring.
  std::uint32_t frames_per_interrupt = 0;
};

/// Checks a ring size.
/// @param n descriptors
/// @return true for a power of two from kMinRingSize to kMaxRingSize
constexpr bool is_ring_size(std::uint32_t n) {
  return n >= kMinRingSize && n <= kMaxRingSize && (n & (n - 1)) == 0;
}

/// Life cycle of a queue pair.
enum class PairState : std::uint8_t {
  kOff,        ///< disabled, idle, empty
  kRunning,    ///< enabled, carries packets
  kQuiescing,  ///< disabled; polling the idle registers until a deadline
  kStuck,      ///< never reported idle: its memory must not be freed until DMA is disabled
};

/// One queue pair of a port.
template <DeviceIo Io, class Obs>
class QueuePair {
 public:
  using D = CheckedIo<Io, Obs>;  ///< registers and DMA memory of the device
  /// Time that the device gets to report idle [device 18]. The MAC starts to discard transmit data
  /// after half of it.
  static constexpr Duration kIdleDeadline = std::chrono::milliseconds(1000);
  /// interval between two polls of the idle registers
  static constexpr Duration kIdlePoll = std::chrono::microseconds(50);
  /// A transmit hang: descriptors outstanding and no completion for this long.
  static constexpr Duration kTxHang = std::chrono::seconds(5);
  /// A transmit timestamp that has not arrived this long after its packet completed is given up.
  static constexpr Duration kStampDeadline = std::chrono::seconds(1);

  /// Creates a pair in kOff without ring memory; both arguments must outlive it.
  /// @param device device access of the port
  /// @param pool packet memory of the port
  QueuePair(D& device, FragmentPool& pool)
      : tx(device, pool), rx(device, pool), device_(&device) {}

  TxQueue<Io, Obs> tx;  ///< transmit queue
  RxQueue<Io, Obs> rx;  ///< receive queue

  /// Allocates the rings. Not after the port's start; in kOff only.
  /// @param queue queue block to use
  /// @param vector interrupt vector of both queues
  /// @param config ring sizes and receive options
  /// @return kNoMemory if a ring does not fit
  Result<> allocate(QueueId queue, Vector vector, const QueueConfig& config) {
    queue_ = queue;
    vector_ = vector;
    config_ = config;
    if (auto r = tx.allocate(queue, config.tx_ring); !r) return r;
    if (auto r = rx.allocate(queue, config.rx_ring, config.header_ring, config.payload_ring); !r)
      return r;
    // Empty rings of the right size make is_valid() hold before the first enable().
    tx.reset();
    rx.reset();
    return {};
  }

  /// Frees the ring memory. Requires kOff.
  void release() {
    tx.release();
    rx.release();
  }

  /// Empties the rings, programs the queue block and enables it: kRunning. Requires kOff. Call
  /// fill() once all queues of the port are enabled.
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

  /// Posts the first receive buffers; requires that all queues of the port are enabled [device 9].
  void fill() { rx.refill(); }

  /// Sets what the device does when receive buffers run out; follows the link's pause setting
  /// [device 13.6].
  /// @param on true: hold packets, false: drop them
  void set_wait_for_buffers(bool on) {
    config_.wait_for_buffers = on;
    if (state_ == PairState::kRunning)
      QueueSetup<Io, Obs>(*device_).set_drop_mode(queue_, rx_setup());
  }

  /// Starts disabling the pair: enters kQuiescing. step_quiesce() completes it. No effect unless
  /// kRunning.
  /// @param now current time
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

  /// Polls the idle registers once while kQuiescing: reclaims the pair when it is idle, kStuck
  /// after the deadline.
  /// @param now current time
  /// @param discard set if the MAC should discard pending transmit data. The second half of the
  ///     deadline starts at that call, even if the caller polls late.
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

  /// Frees all buffers and enters kOff. Requires that the device is idle or that its DMA is
  /// disabled.
  void reclaim() {
    tx.set_enabled(false);
    rx.set_enabled(false);
    tx.reclaim();
    rx.drop_unread();
    rx.reclaim();
    state_ = PairState::kOff;
  }

  /// Detects a transmit hang: descriptors outstanding and no transmit completion for kTxHang. Also
  /// expires overdue timestamps. Call about once per second.
  /// @param now current time
  /// @return true while the queue hangs
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

  /// Reports whether a queue reset was useless. Call after tx_hung().
  /// @return true if no packet has completed since the previous hang
  bool hung_again() {
    const bool again = hung_at_ == tx.counters().completed_packets;
    hung_at_ = tx.counters().completed_packets;
    return again;
  }

  /// Detects a receive queue whose next completion never comes: the device dropped frames for it
  /// since the last call, nothing was received, and the completion is missing. One that is there
  /// waits for the application instead. Called about once per second.
  /// @param undelivered number of frames that the device dropped for this queue
  /// @return true if the queue has to be reset; counted as refused input
  bool rx_stalled(std::uint64_t undelivered) {
    const bool still = rx.completion_head() == rx_head_ && rx.counters().packets == rx_packets_;
    const bool frames = undelivered != rx_undelivered_;
    rx_head_ = rx.completion_head();
    rx_packets_ = rx.counters().packets;
    rx_undelivered_ = undelivered;
    return still && frames && rx.completion_missing();
  }

  /// Reports a fault of either queue.
  /// @return true if a malformed completion stopped one of them
  [[nodiscard]] bool faulted() const { return tx.faulted() || rx.faulted(); }
  /// @return the life cycle state
  [[nodiscard]] PairState state() const { return state_; }
  /// @return the interrupt vector
  [[nodiscard]] Vector vector() const { return vector_; }
  /// @return the number of the queue block
  [[nodiscard]] QueueId queue() const { return queue_; }
  /// @return true if the invariants of both queues hold
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
  Time discard_from_{};  ///< when the MAC starts to discard; valid while kQuiescing
  Time give_up_{};       ///< when kStuck is entered; known once the MAC discards
  std::uint32_t progress_head_ = 0;
  Time progress_since_{};
  std::uint32_t rx_head_ = 0;  ///< this and the next two: at the last rx_stalled()
  std::uint64_t rx_packets_ = 0;
  std::uint64_t rx_undelivered_ = 0;
  std::uint64_t hung_at_ = ~std::uint64_t{0};  ///< packets completed at the last hang
};

}  // namespace hni
