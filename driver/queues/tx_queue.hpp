// SPDX-License-Identifier: Apache-2.0
#pragma once

/// TxQueue: one transmit queue of a pair: work queue 0 (packets with metadata and offloads), work
/// queue 1 (plain frames without metadata: the fast bounce path), and the completion queue that
/// both share. The path of a packet:
///
///     burst()  validate -> META + AL... into the ring -> doorbell      (tx_provide)
///     poll()   completion queue -> HEAD validated -> fragments put     (tx_return)

#include <array>
#include <cstdint>
#include <span>

#include "driver/core/checked_io.hpp"
#include "driver/core/counters.hpp"
#include "driver/core/fragment_pool.hpp"
#include "driver/core/packet.hpp"
#include "driver/queues/tx_ring.hpp"
#include "openhni/spec/descriptors.hpp"

namespace hni {

// X(member, meaning)
#define HNI_TX_COUNTERS(X)                                                                   \
  X(packets, "accepted from the application: completed + reclaimed + invalid + outstanding") \
  X(bytes, "bytes of the posted packets")                                                    \
  X(completed_packets, "completed by the device")                                            \
  X(reclaimed_packets, "freed from an idle device without a completion")                     \
  X(invalid_packets, "not describable to the device; dropped")                               \
  X(doorbells, "doorbells written")                                                          \
  X(stops, "times that the queue stopped for lack of descriptors")                           \
  X(wakes, "times that a stopped queue was woken")                                           \
  X(checksum_offloads, "packets with checksum offload")                                      \
  X(segmentation_offloads, "packets with segmentation offload")                              \
  X(timestamps, "transmit timestamps reported")                                              \
  X(timestamps_lost, "timestamps requested and never reported, or reported as invalid")

/// Counters of a transmit queue since attach.
struct TxCounters {
  HNI_COUNTER_STRUCT(TxCounters, HNI_TX_COUNTERS)
};

/// Transmit time of a packet that requested it (TxOffload::kTimestamp).
struct TxTimestamp {
  /// TxOffload::cookie of the packet.
  std::uint32_t cookie = 0;
  /// Nanoseconds of the port's clock; from the queue itself, the low 40 bits of the device's
  /// clock.
  std::uint64_t time_ns = 0;
};

/// One transmit queue.
template <DeviceIo Io, class Obs>
class TxQueue {
 public:
  using D = CheckedIo<Io, Obs>;         ///< registers and DMA memory of the device
  using Words = typename D::Words;      ///< word types of the queue
  using Index = typename Words::Index;  ///< slot numbers and counts
  using Pool = typename Words::Pool;    ///< packet memory
  using Ring = TxRing<Index>;           ///< a work queue without its shadow
  using Slot = TxSlot<Index>;           ///< shadow of one descriptor

  /// A stopped queue is woken when this many descriptors are free: room for two of the largest
  /// packets.
  static constexpr std::uint32_t kWakeDescriptors = 2 * (kMaxSegments + 1);
  /// Timestamps that are kept until next_timestamp() fetches them; later ones are lost.
  static constexpr std::uint32_t kMaxTimestamps = 64;

  /// Creates a queue without ring memory; both arguments must outlive it.
  /// @param device device access of the port
  /// @param pool packet memory of the port
  TxQueue(D& device, Pool& pool) : device_(&device), pool_(&pool) {}

  /// Allocates two work queues and a completion queue of `size` descriptors each. Not after start.
  /// @param queue queue block to use
  /// @param size descriptors: a power of two, 64 .. 65536
  /// @return kNoMemory if a ring does not fit
  Result<> allocate(QueueId queue, std::uint32_t size) {
    queue_ = queue;
    size_ = size;
    for (WorkQueue& work : work_queues_) {
      auto slots = Slots::make(size);
      if (!slots) return tl::unexpected(slots.error());
      work.slots = std::move(*slots);
      if (auto r = allocate_ring(work.memory); !r) return r;
    }
    auto cookies = Cookies::make(size);
    if (!cookies) return tl::unexpected(cookies.error());
    cookies_ = std::move(*cookies);
    return allocate_ring(completion_memory_);
  }

  /// Frees the ring memory. Requires that the device's queue is disabled and idle, and reclaim().
  void release() {
    for (WorkQueue& work : work_queues_) free_ring(work.memory);
    free_ring(completion_memory_);
  }

  /// Empties all rings, zeroes the completion memory and clears a fault. Requires that the
  /// device's queue is disabled and idle, and reclaim().
  void reset() {
    for (WorkQueue& work : work_queues_) work.ring = Ring::of_mask(size_ - 1);
    completions_ = CompletionRing<Index>{0, 1, size_ - 1};
    std::uint64_t* words = words_of(completion_memory_);
    for (std::uint32_t i = 0; i < size_; ++i) device_->io.store64(words + i, 0);
    faulted_ = false;
    stopped_ = false;
    stamps_pending_ = 0;
  }

  /// Posts packets until the ring is full and rings the doorbell once. The queue owns an accepted
  /// packet, also one that cannot be described to the device and is dropped.
  /// @param packets packets to send
  /// @return number accepted, from the front; 0 while faulted or disabled
  std::uint32_t burst(std::span<const Packet> packets) {
    if (!enabled_ || faulted_) return 0;
    WorkQueue& work = work_queues_[0];
    Ring ring = work.ring;
    std::uint64_t* const words = words_of(work.memory);
    Index room = ring.window.free();
    std::uint32_t taken = 0;
    std::uint64_t bytes = 0;
    Index last_meta = kNoSlot;
    std::uint64_t last_word = 0;
    for (const Packet& packet : packets) {
      if (!describable(packet)) [[unlikely]] {
        drop_invalid(packet);
        ++taken;
        continue;
      }
      if (room < packet.segment_count + 1) [[unlikely]] {
        stop();
        break;
      }
      room -= packet.segment_count + 1;
      Meta meta{kPlainMeta, Slot::none()};
      if (packet.tx.any()) [[unlikely]]
        meta = offload_meta(packet.tx, ring.window.tail);
      last_word = meta.word;
      last_meta = ring.post(work.slots, meta.shadow);
      device_->io.store64(words + last_meta, last_word);
      post_segments(ring, work.slots, words, packet);
      bytes += packet.length;
      ++taken;
    }
    if (last_meta != kNoSlot) {
      // One completion per burst: the last packet requests it, and it covers all earlier ones.
      device_->io.store64(words + last_meta, spec::TWD_META{last_word}.set_REQ_COMPLETION(1).raw);
      counters_.bytes += bytes;
      publish<0>(ring);
    }
    counters_.packets += taken;
    return taken;
  }

  /// Posts single frames without metadata on work queue 1: no offloads, the device's default
  /// metadata applies [device 8.2, 12.1]. Same ownership as burst(); requires
  /// QueueConfig::plain_ring.
  /// @param packets frames to send
  /// @return number accepted, from the front; 0 while faulted or disabled
  std::uint32_t burst_plain(std::span<const Packet> packets) {
    if (!enabled_ || faulted_) return 0;
    WorkQueue& work = work_queues_[1];
    Ring ring = work.ring;
    std::uint32_t taken = 0;
    for (const Packet& packet : packets) {
      if (!describable(packet) || packet.tx.any()) [[unlikely]] {
        drop_invalid(packet);
        ++taken;
        continue;
      }
      if (ring.window.free() < packet.segment_count) {
        stop();
        break;
      }
      post_segments(ring, work.slots, words_of(work.memory), packet);
      counters_.bytes += packet.length;
      ++taken;
    }
    if (ring.window.tail != work.ring.window.tail) publish<1>(ring);
    counters_.packets += taken;
    return taken;
  }

  /// Processes up to `budget` completions and frees the buffers of completed descriptors. A
  /// malformed completion faults the queue: it accepts and frees nothing more until reset().
  /// @param budget maximum number of completions to process
  /// @return number processed
  Index poll(Index budget) {
    if (!enabled_ || faulted_) return 0;
    device_->obs.tx_poll_started(queue_, budget);
    const std::uint64_t* const words = words_of(completion_memory_);
    spec::TCD::of<Word64> tcd;
    Index left = budget;
    completions_.drain(
        left,
        [&](Index slot, Index done) {
          tcd.raw = device_->load(Site::kTcqWord, words + slot);
          return tcd.DONE().equals(done);
        },
        [&] {
          faulted_ = !accept(tcd.raw);
          return !faulted_;
        });
    const Index work_done = budget - left;
    if (work_done != 0) {
      if (device_->obs.wants_completions()) trace_completions(work_done);
      device_->doorbell(spec::QUEUE_TCQ_HEAD::at(raw(queue_)), completions_.head);
      free_completed(work_queues_[0], RingKind::kTwq0);
      free_completed(work_queues_[1], RingKind::kTwq1);
      if (stopped_) wake_if_room();
    }
    device_->obs.tx_polled(queue_, budget, work_done);
    return work_done;
  }

  /// Frees all posted descriptors. Requires that the device's queue is idle.
  void reclaim() {
    for (WorkQueue& work : work_queues_) {
      while (!work.ring.window.empty()) {
        const Slot slot = work.ring.reclaim(work.slots);
        if (slot.has_fragment()) pool_->put(Words::fragment(slot.fragment()));
        counters_.timestamps_lost += slot.stamp_pending();
        if (slot.last()) {
          ++counters_.reclaimed_packets;
          device_->obs.packet_dropped(queue_, DropReason::kQueueReset);
        }
      }
    }
  }

  /// Gives up overdue timestamps and frees the completed slots that waited for them.
  void expire_timestamps() {
    WorkQueue& work = work_queues_[0];
    while (work.ring.window.head != work.ring.done && !work.ring.can_pop_completed(work.slots)) {
      lose_timestamp(work);
      free_completed(work, RingKind::kTwq0);
    }
    // Without outstanding descriptors no later poll would wake a stopped queue.
    if (stopped_) wake_if_room();
  }

  /// Traces the packets that a burst accepted and posted.
  /// @param ring work queue
  /// @param taken the accepted packets
  [[gnu::cold]] void trace_sent(RingKind ring, std::span<const Packet> taken) {
    for (const Packet& p : taken) {
      if (describable(p) && (ring == RingKind::kTwq0 || !p.tx.any()))
        device_->obs.packet_sent(queue_, ring, p.length, p.segment_count);
    }
  }

  /// Enables or disables burst() and poll().
  /// @param on true: enable
  void set_enabled(bool on) { enabled_ = on; }
  /// @return true after a malformed completion, until reset()
  [[nodiscard]] bool faulted() const { return faulted_; }
  /// @return true from a burst that found the ring full until the wake-up
  [[nodiscard]] bool stopped() const { return stopped_; }
  /// @return the counters
  [[nodiscard]] const TxCounters& counters() const { return counters_; }
  /// Gives read access to a ring.
  /// @param twq work queue, 0 or 1
  /// @return its state
  [[nodiscard]] const Ring& ring(unsigned twq = 0) const { return work_queues_[twq].ring; }
  /// @return descriptors per ring
  [[nodiscard]] std::uint32_t size() const { return size_; }
  /// Returns the address of a work queue.
  /// @param twq work queue, 0 or 1
  /// @return device address of its ring
  [[nodiscard]] DmaAddr work_address(unsigned twq) const { return work_queues_[twq].memory.iova; }
  /// @return device address of the completion ring
  [[nodiscard]] DmaAddr completion_address() const { return completion_memory_.iova; }
  /// @return descriptors posted and not yet freed, both work queues
  [[nodiscard]] std::uint32_t outstanding() const {
    return work_queues_[0].ring.window.used() + work_queues_[1].ring.window.used();
  }
  /// @return true if the invariants of all three rings hold
  [[nodiscard]] bool is_valid() const {
    return work_queues_[0].ring.is_valid() && work_queues_[1].ring.is_valid() &&
           completions_.is_valid();
  }

  /// Fetches the oldest transmit timestamp.
  /// @return nullopt if there is none
  std::optional<TxTimestamp> next_timestamp() {
    if (timestamps_read_ == timestamps_written_) return std::nullopt;
    return timestamps_[timestamps_read_++ % kMaxTimestamps];
  }

 private:
  using Word64 = typename D::Word64;
  using Slots = typename Words::template Array<Slot>;
  using Cookies = typename Words::template Array<std::uint32_t>;
  static constexpr std::uint32_t kNoSlot = ~0U;

  struct WorkQueue {
    Ring ring;
    Slots slots;
    DmaSpan memory;
  };

  /// A META descriptor and the shadow of its slot.
  struct Meta {
    std::uint64_t word;
    Slot shadow;
  };

  static std::uint64_t* words_of(const DmaSpan& span) {
    return reinterpret_cast<std::uint64_t*>(span.cpu);
  }

  Result<> allocate_ring(DmaSpan& span) {
    const auto memory = device_->io.dma_alloc(std::size_t{size_} * sizeof(std::uint64_t));
    if (!memory) return fail(ErrorCode::kNoMemory, std::size_t{size_} * sizeof(std::uint64_t));
    span = *memory;
    return {};
  }

  void free_ring(DmaSpan& span) {
    if (span.cpu != nullptr) device_->io.dma_free(span);
    span = {};
  }

  /// Checks that the device's descriptors can express the packet [device 12.1, 12.2]; anything
  /// else would be a malformed descriptor.
  static bool describable(const Packet& p) {
    if (p.segment_count - 1 >= kMaxSegments) return false;
    if (p.tx.any()) [[unlikely]]
      return describable(p.tx, p.length);
    return p.length - 1 < kMaxFrameBytes;
  }

  [[gnu::noinline]] static bool describable(const TxOffload& o, std::uint32_t length) {
    const bool segment = o.wants(TxOffload::kSegment);
    if (length == 0 || (!segment && length > kMaxFrameBytes)) return false;
    if (((o.l2_bytes | o.outer_l3_bytes | o.l3_bytes | o.checksum_offset) & 1) != 0) return false;
    if (o.l2_bytes > 126 || o.outer_l3_bytes > 510 || o.l3_bytes > 510 || o.checksum_offset > 30)
      return false;
    return !segment || (o.mss != 0 && o.mss < 1U << 14 && o.l4_bytes <= 60 && o.l4_bytes % 4 == 0);
  }

  [[gnu::cold]] void drop_invalid(const Packet& packet) {
    ++counters_.invalid_packets;
    device_->obs.packet_dropped(queue_, DropReason::kTxInvalid);
    pool_->put(packet);
  }

  static constexpr std::uint64_t kPlainMeta = spec::TWD_META{}.set_DEST_MAC(1).raw;

  /// Builds the metadata of a packet with offloads that is posted at `slot`.
  [[gnu::noinline]] Meta offload_meta(const TxOffload& o, Index slot) {
    Slot shadow = Slot::none();
    auto meta = spec::TWD_META{kPlainMeta};
    meta.set_L2_HLEN(o.l2_bytes / 2U)
        .set_L3_OHLEN(o.outer_l3_bytes / 2U)
        .set_L3_IHLEN(o.l3_bytes / 2U);
    if (o.wants(TxOffload::kChecksum)) {
      meta.set_REQ_CSO(1).set_CSUM_OFFSET(o.checksum_offset / 2U);
      ++counters_.checksum_offloads;
    }
    if (o.wants(TxOffload::kSegment)) {
      meta.set_REQ_LSO(1)
          .set_MSS(o.mss)
          .set_L4_HLEN(o.l4_bytes / 4U)
          .set_CSUM_OFFSET(o.checksum_offset / 2U);
      meta.set_L3_TYPE(static_cast<std::uint64_t>(o.l3_type))
          .set_L4_TYPE(static_cast<std::uint64_t>(o.l4_type));
      ++counters_.segmentation_offloads;
    }
    if (o.wants(TxOffload::kTimestamp)) {
      meta.set_REQ_TS(1);
      shadow.bits |= Slot::kStampPending;
      cookies_.at(slot) = o.cookie;
      ++stamps_pending_;
    }
    return {meta.raw, shadow};
  }

  void post_segments(Ring& ring, Slots& slots, std::uint64_t* words, const Packet& packet) const {
    const auto al = [this](const Segment& s, spec::TWD_TYPE type) {
      return spec::TWD_AL{}
          .set_ADDR(raw(pool_->address(s.fragment)) + s.offset)
          .set_LEN(s.length)
          .set_TYPE(static_cast<std::uint64_t>(type))
          .raw;
    };
    const Segment* segment = packet.segments.data();
    const Segment* const last = segment + packet.segment_count - 1;
    for (; segment != last; ++segment) {
      const Index slot = ring.post(slots, Slot::of_fragment(raw(segment->fragment)));
      device_->io.store64(words + slot, al(*segment, spec::TWD_TYPE::AL));
    }
    const Index slot =
        ring.post(slots, {Slot::of_fragment(raw(last->fragment)).bits | Slot::kLast});
    device_->io.store64(words + slot, al(*last, spec::TWD_TYPE::LAST_AL));
  }

  [[gnu::cold, gnu::noinline]] void trace_completions(const Index& count) {
    device_->trace_completions(queue_, RingKind::kTcq, words_of(completion_memory_),
                               completions_.head, count, size_);
  }

  /// Hands the posted descriptors to the device. (A function of its own, so that its variables
  /// take no registers from the posting loops.)
  template <unsigned kTwq>
  [[gnu::noinline]] void publish(const Ring ring) {
    const Index first = work_queues_[kTwq].ring.window.tail;
    work_queues_[kTwq].ring = ring;
    const auto tail = kTwq == 0 ? spec::QUEUE_TWQ0_TAIL::at(raw(queue_))
                                : spec::QUEUE_TWQ1_TAIL::at(raw(queue_));
    // write32 orders the descriptors stored above before the doorbell.
    device_->doorbell(tail, ring.window.tail);
    ++counters_.doorbells;
    device_->obs.ring_posted(queue_, kTwq == 0 ? RingKind::kTwq0 : RingKind::kTwq1, first,
                             ring.window.distance(first, ring.window.tail), ring.window.mask);
  }

  /// Processes one completion; false if it is malformed.
  bool accept(const Word64& word) {
    const spec::TCD_TYPE0::of<Word64> tcd{word};
    const bool second = tcd.TWQ1().nonzero();
    if (tcd.TYPE().equals(static_cast<std::uint64_t>(spec::TCD_TYPE::TYPE0))) {
      WorkQueue& work = work_queues_[second ? 1 : 0];
      const auto head = (second ? tcd.HEAD1() : tcd.HEAD0()).template narrowed<Index>();
      if (work.ring.accept_done(work.slots, head)) return true;
      device_->refuse(Site::kTcdHead, head.as_data(), work.ring.window.tail);
      return false;
    }
    if (second || !tcd.TYPE().equals(static_cast<std::uint64_t>(spec::TCD_TYPE::TYPE1))) {
      device_->refuse(Site::kTcdType, tcd.TYPE().as_data(), 1);
      return false;
    }
    return accept_timestamp(spec::TCD_TYPE1::of<Word64>{word});
  }

  [[gnu::noinline]] bool accept_timestamp(const spec::TCD_TYPE1::of<Word64>& tcd) {
    Index slot = 0;
    if (stamps_pending_ == 0 || !work_queues_[0].ring.accept_stamp(work_queues_[0].slots, slot)) {
      // Counted and ignored: it freed nothing, so the queue's state is still sound [device 12.4].
      device_->refuse(Site::kTcdTimestamp, tcd.TS().as_data(), 0);
      return true;
    }
    --stamps_pending_;
    const bool valid =
        !tcd.STATUS_TS_INVALID().nonzero() && !tcd.STATUS_ILLEGAL_TS_REQ().nonzero();
    if (timestamps_written_ - timestamps_read_ < kMaxTimestamps && valid) {
      timestamps_[timestamps_written_++ % kMaxTimestamps] = {cookies_.at(slot),
                                                             Words::number(tcd.TS().as_data())};
      ++counters_.timestamps;
    } else {
      ++counters_.timestamps_lost;
    }
    return true;
  }

  void lose_timestamp(WorkQueue& work) {
    Index slot = 0;
    if (work.ring.accept_stamp(work.slots, slot)) --stamps_pending_;
    ++counters_.timestamps_lost;
  }

  void free_completed(WorkQueue& work, RingKind kind) {
    Ring ring = work.ring;
    if (!ring.can_pop_completed(work.slots)) return;
    std::uint64_t packets = 0;
    do {
      const Slot slot = ring.pop_completed(work.slots);
      if (!slot.has_fragment()) continue;
      pool_->put(Words::fragment(slot.fragment()));
      packets += slot.last();
    } while (ring.can_pop_completed(work.slots));
    counters_.completed_packets += packets;
    device_->obs.ring_completed(queue_, kind, work.ring.window.head,
                                ring.window.distance(work.ring.window.head, ring.window.head),
                                ring.window.mask);
    work.ring = ring;
  }

  [[gnu::cold]] void stop() {
    if (stopped_) return;
    stopped_ = true;
    ++counters_.stops;
    device_->obs.tx_stopped(queue_);
  }

  [[gnu::cold]] void wake_if_room() {
    for (const WorkQueue& work : work_queues_) {
      if (work.ring.window.free() < kWakeDescriptors) return;
    }
    stopped_ = false;
    ++counters_.wakes;
    device_->obs.tx_woken(queue_);
  }

  D* device_;
  Pool* pool_;
  QueueId queue_{};
  std::uint32_t size_ = 0;
  bool enabled_ = false;
  bool faulted_ = false;
  bool stopped_ = false;
  std::array<WorkQueue, 2> work_queues_;
  DmaSpan completion_memory_;
  CompletionRing<Index> completions_;
  TxCounters counters_;
  Cookies cookies_;
  std::array<TxTimestamp, kMaxTimestamps> timestamps_{};
  Index stamps_pending_ = 0;  // posted with a timestamp request, timestamp not yet received
  std::uint32_t timestamps_written_ = 0;
  std::uint32_t timestamps_read_ = 0;
};

}  // namespace hni
