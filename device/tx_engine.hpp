// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The transmit side of the card [device 12]: 256 work queues (TWQ0 and TWQ1 of 128 queue blocks),
/// 128 transmit completion queues, one packet in flight.
///
/// A packet is taken from a queue only completely: descriptors up to LAST_AL are read once and
/// checked, and its bytes are gathered once into a staging buffer; offloads work there, and the
/// wire gets the same bytes. If the wire does not accept a frame (pause), the packet stays in
/// flight and the other queues wait, as they do for a real MAC.
///
/// A queue stops until RESET (counted, ERR_CNT, DISABLED_ON_ERR) on a descriptor sequence that is
/// not a packet, on offload lengths that contradict the packet, and on refused DMA.
/// INTERPRETATION: the reference leaves malformed descriptors open.

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "device/card_context.hpp"
#include "device/descriptor_ring.hpp"
#include "device/queue_lifecycle_checker.hpp"
#include "device/segmentation.hpp"
#include "openhni/spec/descriptors.hpp"

namespace hni::device {

/// INTERPRETATION: most fragments of one packet. Linux uses at most 18.
inline constexpr std::size_t kMaxTxFragments = 256;
/// INTERPRETATION: most bytes of one packet before segmentation. Linux uses at most 64 KiB plus
/// headers.
inline constexpr std::size_t kMaxTxPacketBytes = 128 * 1024;

/// Work queue numbers: TWQ0 of block q is q, TWQ1 of block q is 128 + q. INTERPRETATION: the upper
/// half of the idle registers is TWQ1 [device 18].
inline constexpr unsigned kTxWorkQueues = 2 * kQueueBlocks;

/// Counters of a work queue.
struct TxQueueCounters {
  std::uint32_t packets = 0;      ///< frames sent
  std::uint32_t errors = 0;       ///< malformed packets, refused DMA, frames that were too long
  std::uint64_t bytes = 0;        ///< bytes of the frames sent
  std::uint32_t completions = 0;  ///< completions of type 0
  std::uint32_t timestamp_requests = 0;     ///< timestamps requested
  std::uint32_t timestamp_completions = 0;  ///< completions of type 1
};

/// The transmit engine of one card.
class TxEngine {
 public:
  /// Creates idle queues and the staging buffer.
  /// @param context must outlive it
  explicit TxEngine(CardContext& context);

  /// Resets all queues and drops the packet in flight.
  void reset();

  /// Writes TWQ_CTL.
  /// @param twq work queue
  /// @param value the value
  void write_twq_ctl(unsigned twq, std::uint32_t value);
  /// Handles the work queue doorbell.
  /// @param twq work queue
  /// @param value new tail
  void write_tail(unsigned twq, std::uint32_t value);
  /// Writes TCQ_CTL.
  /// @param q queue block
  /// @param value the value
  void write_tcq_ctl(unsigned q, std::uint32_t value);
  /// Handles the TCQ doorbell.
  /// @param q queue block
  /// @param value new head
  void write_tcq_head(unsigned q, std::uint32_t value);
  /// Reads TWQ_PTRS.
  /// @param twq work queue
  /// @return head and tail
  std::uint32_t twq_ptrs(unsigned twq) const;
  /// Reads TCQ_PTRS.
  /// @param q queue block
  /// @return tail and head
  std::uint32_t tcq_ptrs(unsigned q) const;
  /// Tests for a failure of a work queue.
  /// @param twq work queue
  /// @return true until RESET
  bool twq_failed(unsigned twq) const { return queues_[twq].failed; }
  /// Tests for a failure of a completion queue.
  /// @param q queue block
  /// @return true until RESET
  bool tcq_failed(unsigned q) const { return completions_[q].failed(); }
  /// Returns the counters of a work queue.
  /// @param twq work queue
  /// @return the counters
  const TxQueueCounters& counters(unsigned twq) const { return queues_[twq].counters; }

  /// Reads QM_TWQ_IDLE, QM_TQS_IDLE, QM_TDE_IDLE: a queue is idle without descriptors to process
  /// and without a packet in flight. A disabled queue has no descriptors, but completes its packet
  /// in flight: it is busy until the MAC has sent or discarded it [device 18].
  /// @param word queues 32 * word and following
  /// @return idle bits
  std::uint32_t work_idle_word(unsigned word);
  /// Reads QM_TCQ_IDLE.
  /// @param word queues 32 * word and following
  /// @return idle bits
  std::uint32_t completion_idle_word(unsigned word);

  /// Processes descriptors and segments.
  /// @param budget approximately the most of them
  /// @return true if more can be done now
  bool run(unsigned budget);

  /// @return true while a packet is in flight and waits for the wire
  bool waits_for_wire() const { return flight_.has_value(); }
  /// @return when a PAUSE that holds a frame back ends; all ones if none is active
  std::uint64_t next_deadline_ns() const {
    return flight_ && card_.now_ns < card_.tx_paused_until_ns ? card_.tx_paused_until_ns : ~0ull;
  }

 private:
  struct Queue {
    DescriptorRing ring;
    std::uint32_t head = 0;  // next descriptor to process
    std::uint32_t tail = 0;  // doorbell
    bool enabled = false;
    bool failed = false;
    QueueLifecycleChecker life;
    TxQueueCounters counters;
  };
  struct Fragment {
    std::uint64_t address;
    std::uint32_t bytes;
  };
  /// One packet, from its descriptors.
  struct TxPacket {
    spec::TWD_META meta{};
    std::size_t fragments = 0;
    std::size_t bytes = 0;
    std::uint32_t descriptors = 0;
    std::uint32_t next_head = 0;
  };
  /// The packet that was gathered and is being sent.
  struct Flight {
    unsigned twq = 0;
    TxPacket packet;
    bool segmented = false;
    bool sent = false;  // a frame of it reached the wire
  };
  enum class Collect { kPacket, kIncomplete, kMalformed, kFault };
  enum class Emit { kGone, kHeld };

  spec::TWD_META default_meta() const;
  Collect collect(Queue& queue, TxPacket& packet);
  bool gather(const TxPacket& packet);
  void start(unsigned twq);
  bool prepare(const TxPacket& packet, bool& segmented);
  bool pump(unsigned& budget);
  void finish();
  void complete(unsigned twq, spec::TWD_META meta, bool sent);
  void push(unsigned q, std::uint64_t raw);
  Emit emit(std::span<std::byte> frame);
  Emit to_mac(std::span<std::byte> frame);
  void drop(std::uint64_t& bytes, std::uint32_t& frames, std::size_t size) const;
  std::size_t frame_limit() const;
  void fail(unsigned twq);
  void stop(unsigned twq);
  void forget_flight(unsigned twq);
  std::optional<unsigned> next_queue();
  void observe_pause();

  static constexpr std::size_t kHeadroom = 64;
  static constexpr unsigned kBurst = 32;  // packets of one queue before the next queue is served

  CardContext& card_;
  std::array<Queue, kTxWorkQueues> queues_;
  std::array<CompletionQueue, kQueueBlocks> completions_;
  std::array<QueueLifecycleChecker, kQueueBlocks> completion_lives_;
  std::array<std::uint64_t, kTxWorkQueues / 64> pending_{};  // can make progress
  std::array<std::uint64_t, kTxWorkQueues / 64> waiting_{};  // needs a doorbell or completion room
  unsigned current_ = 0;
  unsigned credit_ = 0;
  bool paused_ = false;
  std::optional<Flight> flight_;
  Segmenter segmenter_;
  std::array<Fragment, kMaxTxFragments> fragments_{};
  std::unique_ptr<std::byte[]> staging_;
};

}  // namespace hni::device
