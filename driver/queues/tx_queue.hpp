// SPDX-License-Identifier: Apache-2.0
#pragma once

/// TxQueue: one transmit queue of a pair: work queue 0 (packets with metadata and offloads), work
/// queue 1 (plain frames, no metadata: the fast bounce path), and the completion queue that both
/// share. The way of a packet:
///
///     burst()  validate -> META + AL... into the ring -> doorbell      (tx_provide)
///     poll()   completion queue -> HEAD checked -> fragments dropped   (tx_return)

#include <array>
#include <cstdint>
#include <span>

#include "driver/core/checked_io.hpp"
#include "driver/core/fragment_pool.hpp"
#include "driver/core/packet.hpp"
#include "driver/queues/tx_ring.hpp"
#include "openhni/spec/descriptors.hpp"

namespace hni {

struct TxCounters {
  /// taken from the application: = completed + reclaimed + invalid + outstanding
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;              ///< of the posted ones
  std::uint64_t completed_packets = 0;  ///< given back by the card
  std::uint64_t reclaimed_packets = 0;  ///< taken back from a quiet card, never confirmed
  std::uint64_t invalid_packets = 0;    ///< not describable to the card; dropped
  std::uint64_t doorbells = 0;
  std::uint64_t stops = 0;
  std::uint64_t wakes = 0;
  std::uint64_t checksum_offloads = 0;
  std::uint64_t segmentation_offloads = 0;
  std::uint64_t timestamps = 0;
  std::uint64_t timestamps_lost = 0;  ///< asked for, never reported, or reported invalid
};

/// A transmit time that the card reported for a packet whose offload asked for it.
struct TxTimestamp {
  std::uint32_t cookie = 0;
  /// of the port's clock; from the queue itself, the low 40 bits of the card's
  std::uint64_t time_ns = 0;
};

template <DeviceIo Io, class Obs>
class TxQueue {
 public:
  using D = CheckedIo<Io, Obs>;
  using Words = typename D::Words;
  using Index = typename Words::Index;
  using Pool = typename Words::Pool;
  using Ring = TxRing<Index>;
  using Slot = TxSlot<Index>;

  /// The rings wake a stopped application when this many descriptors are free: room for two of the
  /// largest packets.
  static constexpr std::uint32_t kWakeDescriptors = 2 * (kMaxSegments + 1);
  static constexpr std::uint32_t kMaxTimestamps = 64;

  TxQueue(D& device, Pool& pool) : device_(&device), pool_(&pool) {}

  /// Memory for two work queues and a completion queue of `size` descriptors each (a power of two,
  /// 64 .. 65536).
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

  void release() {
    for (WorkQueue& work : work_queues_) free_ring(work.memory);
    free_ring(completion_memory_);
  }

  /// All rings empty, completion memory zeroed. Only while the card's queue is disabled and idle;
  /// reclaim() first.
  void reset() {
    for (WorkQueue& work : work_queues_) work.ring = Ring::of_mask(size_ - 1);
    completions_ = CompletionRing<Index>{0, 1, size_ - 1};
    std::uint64_t* words = words_of(completion_memory_);
    for (std::uint32_t i = 0; i < size_; ++i) device_->io.store64(words + i, 0);
    faulted_ = false;
    stopped_ = false;
    stamps_pending_ = 0;
  }

  /// Posts packets until the ring is full; how many were taken. A taken packet belongs to the
  /// queue, also when it could not be described and was dropped. 0 while faulted or not enabled.
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
      // One completion a burst: the last packet asks for it and answers for all before it.
      device_->io.store64(words + last_meta, spec::TWD_META{last_word}.set_REQ_COMPLETION(1).raw);
      counters_.bytes += bytes;
      publish<0>(ring);
    }
    counters_.packets += taken;
    return taken;
  }

  /// Posts single frames without metadata on work queue 1: no offloads, the card's default
  /// metadata applies [device 8.2, 12.1]. Same ownership as burst().
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

  /// Consumes at most `budget` completions and gives back what they confirm; how many it consumed.
  /// A completion that breaks a rule faults the queue: it takes and gives nothing more until it is
  /// reset.
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

  /// Takes back all that is posted. Only when the card's queue is idle.
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

  /// Gives up on timestamps that are overdue: the packets of the slots that the card is through
  /// with are given back.
  void expire_timestamps() {
    WorkQueue& work = work_queues_[0];
    while (work.ring.window.head != work.ring.done && !work.ring.can_pop_completed(work.slots)) {
      lose_timestamp(work);
      free_completed(work, RingKind::kTwq0);
    }
    // Perhaps nothing is under way any more, and no poll will find work.
    if (stopped_) wake_if_room();
  }

  /// Tells the observer the packets that a burst took and posted on `ring`.
  [[gnu::cold]] void trace_sent(RingKind ring, std::span<const Packet> taken) {
    for (const Packet& p : taken) {
      if (describable(p) && (ring == RingKind::kTwq0 || !p.tx.any()))
        device_->obs.packet_sent(queue_, ring, p.length, p.segment_count);
    }
  }

  void set_enabled(bool on) { enabled_ = on; }
  [[nodiscard]] bool faulted() const { return faulted_; }
  [[nodiscard]] bool stopped() const { return stopped_; }
  [[nodiscard]] const TxCounters& counters() const { return counters_; }
  [[nodiscard]] const Ring& ring(unsigned twq = 0) const { return work_queues_[twq].ring; }
  [[nodiscard]] std::uint32_t size() const { return size_; }
  [[nodiscard]] DmaAddr work_address(unsigned twq) const { return work_queues_[twq].memory.iova; }
  [[nodiscard]] DmaAddr completion_address() const { return completion_memory_.iova; }
  [[nodiscard]] std::uint32_t outstanding() const {
    return work_queues_[0].ring.window.used() + work_queues_[1].ring.window.used();
  }
  [[nodiscard]] bool is_valid() const {
    return work_queues_[0].ring.is_valid() && work_queues_[1].ring.is_valid() &&
           completions_.is_valid();
  }

  /// The oldest timestamp not yet fetched, if any.
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

  /// What the card's descriptors can say [device 12.1, 12.2]. Everything else would be a
  /// malformed descriptor.
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

  /// The metadata of a packet with offloads that is posted at `slot`.
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

  /// Makes what was posted the card's. (A function of its own: what it needs takes no registers
  /// from the loops that post.)
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

  /// One completion: false if it breaks a rule.
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
      // Counted and ignored: nothing was freed by it, so the queue's state is still sound
      // [device 12.4].
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
  Index stamps_pending_ = 0;  // posted, asked for a timestamp, not yet answered
  std::uint32_t timestamps_written_ = 0;
  std::uint32_t timestamps_read_ = 0;
};

}  // namespace hni
