// SPDX-License-Identifier: Apache-2.0
#pragma once

/// RxQueue: one receive queue of a pair: header buffers (HPQ), payload buffers (PPQ) and the
/// completion queue (RCQ). The path of a packet:
///
///     refill()  page from the pool -> buffer descriptors -> doorbell            (rx_provide)
///     poll()    HDR_AL PAY_AL* OPT_META? META -> Packet for the application     (rx_return)
///
/// Each completion word is read once. A malformed completion faults the queue: the packet under
/// assembly is dropped, and the queue stays stopped until it is reset
/// [trust-boundary A.2, B1 to B3].

#include <bit>
#include <cstdint>
#include <optional>
#include <span>

#include "driver/core/checked_io.hpp"
#include "driver/core/counters.hpp"
#include "driver/core/fragment_pool.hpp"
#include "driver/core/packet.hpp"
#include "driver/queues/buffer_ring.hpp"
#include "openhni/spec/descriptors.hpp"

// Inlined into poll(), so that its RxCursor stays in registers; without this the compiler spills
// it around each call.
#define HNI_HOT [[gnu::always_inline]] inline

namespace hni {

/// Bytes that the device leaves free before each header; an application may grow a packet into
/// them. The pair follows the rule by which Linux derives its own (HROOM = align128(TROOM + 128) -
/// TROOM, [device 13.4]).
inline constexpr std::uint32_t kHeadRoom = 128;
/// Bytes that the device leaves free after each header.
inline constexpr std::uint32_t kTailRoom = 0;

// X(member, meaning)
#define HNI_RX_COUNTERS(X)                                                          \
  X(packets, "packets delivered")                                                   \
  X(bytes, "bytes delivered")                                                       \
  X(mac_errors, "dropped: ERR_MAC_EOP")                                             \
  X(truncated, "dropped: ERR_TRUNCATED_FRAME")                                      \
  X(card_input, "dropped: a completion of the packet was malformed")                \
  X(reset_drops, "dropped by a reset: completed and not polled, or under assembly") \
  X(refill_empty, "refills that found the pool empty")                              \
  X(doorbells, "doorbells written")

/// Counters of a receive queue since attach.
struct RxCounters {
  HNI_COUNTER_STRUCT(RxCounters, HNI_RX_COUNTERS)
};

/// One receive queue.
template <DeviceIo Io, class Obs>
class RxQueue {
 public:
  using D = CheckedIo<Io, Obs>;           ///< registers and DMA memory of the device
  using Words = typename D::Words;        ///< word types of the queue
  using Index = typename Words::Index;    ///< slot numbers and counts
  using Pool = typename Words::Pool;      ///< packet memory
  using Packet = typename Words::Packet;  ///< what poll() fills in
  using Buffers = BufferRing<Index>;      ///< a buffer ring without its shadow
  /// Most completions of one packet: header, payloads, OPT_META, META.
  static constexpr std::uint32_t kMaxCompletions = kMaxSegments + 2;

  /// Creates a queue without ring memory; both arguments must outlive it.
  /// @param device device access of the port
  /// @param pool packet memory of the port
  RxQueue(D& device, Pool& pool) : device_(&device), pool_(&pool) {}

  /// Allocates the rings. Sizes are powers of two, 64 .. 65536 descriptors. Not after start.
  /// @param queue queue block to use
  /// @param completions size of the completion ring
  /// @param headers size of the header buffer ring
  /// @param payloads size of the payload buffer ring
  /// @return kNoMemory if a ring does not fit
  Result<> allocate(QueueId queue, std::uint32_t completions, std::uint32_t headers,
                    std::uint32_t payloads) {
    queue_ = queue;
    completion_size_ = completions;
    if (auto r = allocate_words(completion_memory_, completions); !r) return r;
    if (auto r = allocate_buffers(headers_, headers); !r) return r;
    return allocate_buffers(payloads_, payloads);
  }

  /// Frees the ring memory. Requires that the device's queue is disabled and idle, and reclaim().
  void release() {
    free_words(completion_memory_);
    free_words(headers_.memory);
    free_words(payloads_.memory);
  }

  /// Empties all rings, zeroes the completion memory and clears a fault. Requires that the
  /// device's queue is disabled and idle, and reclaim().
  void reset() {
    cursor_.headers = Buffers::of_mask(headers_.size - 1, kHeadRoom);
    cursor_.payloads = Buffers::of_mask(payloads_.size - 1, 0);
    cursor_.completions = CompletionRing<Index>{0, 1, completion_size_ - 1};
    std::uint64_t* words = words_of(completion_memory_);
    for (std::uint32_t i = 0; i < completion_size_; ++i) device_->io.store64(words + i, 0);
    cursor_.assembly = Assembly::kBetween;
    faulted_ = false;
  }

  /// Posts fragments until the rings are full or the pool is empty. Call once after the queue was
  /// enabled; poll() does it from then on.
  void refill() {
    refill(headers_, cursor_.headers, RingKind::kHpq, spec::QUEUE_BDQ_HPQ_TAIL::at(raw(queue_)));
    refill(payloads_, cursor_.payloads, RingKind::kPpq, spec::QUEUE_BDQ_PPQ_TAIL::at(raw(queue_)));
  }

  /// Rewrites all three doorbells. A write that was lost while the device was off the bus would
  /// stall the queue forever; repeating the current value is a no-op. Requires a running queue.
  void repeat_doorbells() {
    device_->doorbell(spec::QUEUE_BDQ_HPQ_TAIL::at(raw(queue_)), cursor_.headers.window.tail);
    device_->doorbell(spec::QUEUE_BDQ_PPQ_TAIL::at(raw(queue_)), cursor_.payloads.window.tail);
    device_->doorbell(spec::QUEUE_RCQ_HEAD::at(raw(queue_)), cursor_.completions.head);
    counters_.doorbells += 3;
  }

  /// Receives up to out.size() packets. The work is bounded: packets with error bits count against
  /// the budget, and no packet has more than kMaxCompletions completions. A malformed completion
  /// faults the queue until reset().
  /// @param out filled from the front; the caller owns the references to the fragments
  /// @return number received; 0 while faulted or disabled
  std::uint32_t poll(std::span<Packet> out) {
    if (!enabled_ || faulted_ || out.empty()) return 0;
    if (device_->obs.wants_receive_details()) [[unlikely]]
      return poll_traced(out);
    budget_ = static_cast<std::uint32_t>(out.size());
    return finish(process_completions(out));
  }

  /// Drops the packets that the device completed and that were never polled, counted as reset
  /// drops. Requires an idle device; call before reclaim(). At most one pass over the ring.
  void drop_unread() {
    if (faulted_ || completion_memory_.cpu == nullptr) return;
    Packet packet = partial_;
    for (std::uint32_t n = 0; n < completion_size_; ++n) {
      const Verdict verdict = assemble(cursor_, words_of(completion_memory_), packet);
      if (verdict == Verdict::kRefused) fault(cursor_, packet);
      if (verdict == Verdict::kRefused || verdict == Verdict::kNothing) break;
      if (verdict == Verdict::kDelivered) drop_for_reset(packet);
    }
    partial_ = packet;
  }

  /// Frees all posted fragments and the packet under assembly. Requires that the device's queue is
  /// idle.
  void reclaim() {
    while (!cursor_.headers.window.empty())
      pool_->put(Words::fragment(cursor_.headers.pop_completed(headers_.slots)));
    while (!cursor_.payloads.window.empty())
      pool_->put(Words::fragment(cursor_.payloads.pop_completed(payloads_.slots)));
    if (cursor_.assembly == Assembly::kBetween) return;
    drop_for_reset(partial_);
    cursor_.assembly = Assembly::kBetween;
  }

  /// Enables or disables poll().
  /// @param on true: enable
  void set_enabled(bool on) { enabled_ = on; }
  /// @return true after a malformed completion, until reset()
  [[nodiscard]] bool faulted() const { return faulted_; }
  /// @return the counters
  [[nodiscard]] const RxCounters& counters() const { return counters_; }
  /// @return state of the header buffer ring
  [[nodiscard]] const Buffers& headers() const { return cursor_.headers; }
  /// @return state of the payload buffer ring
  [[nodiscard]] const Buffers& payloads() const { return cursor_.payloads; }
  /// @return device address of the completion ring
  [[nodiscard]] DmaAddr completion_address() const { return completion_memory_.iova; }
  /// @return device address of the header buffer ring
  [[nodiscard]] DmaAddr header_address() const { return headers_.memory.iova; }
  /// @return device address of the payload buffer ring
  [[nodiscard]] DmaAddr payload_address() const { return payloads_.memory.iova; }
  /// @return completions in the ring
  [[nodiscard]] std::uint32_t completion_size() const { return completion_size_; }
  /// @return header buffer descriptors in the ring
  [[nodiscard]] std::uint32_t header_size() const { return headers_.size; }
  /// @return payload buffer descriptors in the ring
  [[nodiscard]] std::uint32_t payload_size() const { return payloads_.size; }
  /// Detects starvation: with fewer than four pages posted on a ring the device may never complete
  /// again without a kick [device 3.4].
  /// @return true if a ring starves
  [[nodiscard]] bool starving() const {
    const std::uint32_t few = 4 * pool_->fragments_per_page();
    return cursor_.headers.window.used() < few || cursor_.payloads.window.used() < few;
  }
  /// @return the slot of the next completion
  [[nodiscard]] Index completion_head() const { return cursor_.completions.head; }
  /// Checks for the next completion of a queue whose device reports that it cannot deliver.
  /// @return true if it is missing; counted as refused input
  [[nodiscard]] bool completion_missing() {
    const Word64 word =
        device_->load(Site::kRcqWord, words_of(completion_memory_) + cursor_.completions.head);
    if (is_fresh(cursor_, word)) return false;
    (void)refuse(Site::kRcqWord, word, 0);
    return true;
  }
  /// @return true if the invariants of all three rings hold
  [[nodiscard]] bool is_valid() const {
    return cursor_.headers.is_valid() && cursor_.payloads.is_valid() &&
           cursor_.completions.is_valid();
  }

 private:
  using Word64 = typename D::Word64;
  using Segment = typename Words::Segment;
  using Slots = typename Words::template Array<Index>;

  /// Position in the grammar HDR_AL PAY_AL* OPT_META? META.
  enum class Assembly : std::uint8_t {
    kBetween,   ///< the next completion must be a HDR_AL
    kSegments,  ///< a HDR_AL was processed: PAY_AL, OPT_META or META may follow
    kStamped,   ///< an OPT_META was processed: only META may follow
  };

  /// Result of processing completions.
  enum class Verdict : std::uint8_t {
    kNothing,    ///< no fresh completion
    kTaken,      ///< one completion processed
    kDelivered,  ///< the packet is complete
    kDropped,    ///< the packet is complete and dropped for its error bits
    kRefused,    ///< a malformed completion
  };

  /// Position of the queue in its three rings and in the grammar. A small value: poll() works on a
  /// copy in registers.
  struct RxCursor {
    CompletionRing<Index> completions;
    Buffers headers;
    Buffers payloads;
    Assembly assembly = Assembly::kBetween;
  };

  struct BufferQueue {
    Slots slots;
    DmaSpan memory;
    std::uint32_t size = 0;
  };

  static std::uint64_t* words_of(const DmaSpan& span) {
    return reinterpret_cast<std::uint64_t*>(span.cpu);
  }

  Result<> allocate_words(DmaSpan& span, std::uint32_t words) {
    const auto memory = device_->io.dma_alloc(std::size_t{words} * sizeof(std::uint64_t));
    if (!memory) return fail(ErrorCode::kNoMemory, std::size_t{words} * sizeof(std::uint64_t));
    span = *memory;
    return {};
  }

  Result<> allocate_buffers(BufferQueue& queue, std::uint32_t size) {
    queue.size = size;
    auto slots = Slots::make(size);
    if (!slots) return tl::unexpected(slots.error());
    queue.slots = std::move(*slots);
    return allocate_words(queue.memory, size);
  }

  void free_words(DmaSpan& span) {
    if (span.cpu != nullptr) device_->io.dma_free(span);
    span = {};
  }

  /// What one poll did.
  struct PollResult {
    std::uint32_t packets;
    bool progress;  ///< completions were consumed
  };

  /// Completion loop of poll(): no doorbells, no tracing.
  HNI_HOT PollResult process_completions(std::span<Packet> out) {
    RxCursor at = cursor_;
    if (at.assembly != Assembly::kBetween) out[0] = partial_;
    Packet* packet = out.data();
    const Packet* end = packet + out.size();
    const std::uint64_t* const words = words_of(completion_memory_);
    std::uint64_t bytes = 0;
    while (packet != end) {
      const Verdict verdict = assemble(at, words, *packet);
      if (verdict == Verdict::kDelivered) [[likely]] {
        bytes += Words::number(packet->length);
        ++packet;
      } else if (verdict == Verdict::kDropped) {
        --end;
      } else {
        if (verdict == Verdict::kRefused) fault(at, *packet);
        break;
      }
    }
    if (at.assembly != Assembly::kBetween) partial_ = *packet;
    // After exactly one full ring in one poll the head is where it was; `done` has flipped.
    const bool progress = at.completions.head != cursor_.completions.head ||
                          at.completions.done != cursor_.completions.done;
    cursor_ = at;
    counters_.bytes += bytes;
    return {static_cast<std::uint32_t>(packet - out.data()), progress};
  }

  /// Ends a poll: counters, doorbells, tracing. (A function of its own, so that its variables take
  /// no registers from the loop.)
  [[gnu::noinline]] std::uint32_t finish(PollResult taken) {
    counters_.packets += taken.packets;
    if (taken.progress && !faulted_) acknowledge();
    device_->obs.rx_polled(queue_, budget_, taken.packets);
    return taken.packets;
  }

  /// poll() for an observer that wants every detail.
  [[gnu::cold, gnu::noinline]] std::uint32_t poll_traced(std::span<Packet> out) {
    budget_ = static_cast<std::uint32_t>(out.size());
    device_->obs.rx_poll_started(queue_, budget_);
    const RxCursor before = cursor_;
    const PollResult taken = process_completions(out);
    if (taken.progress) tell(before, out.first(taken.packets));
    return finish(taken);
  }

  /// Continues one packet as far as fresh completions go; never returns kTaken. Reads each
  /// completion once.
  HNI_HOT Verdict assemble(RxCursor& at, const std::uint64_t* words, Packet& packet) {
    if (at.assembly == Assembly::kBetween) [[likely]] {
      const Word64 word = device_->load(Site::kRcqWord, words + at.completions.head);
      if (!is_fresh<spec::RCD_TYPE::HDR_AL>(at, word)) [[unlikely]] {
        if (!is_fresh(at, word)) return Verdict::kNothing;
        at.completions.advance();
        return refuse(Site::kRcdGrammar, word, 0);
      }
      at.completions.advance();
      if (on_header(at, word, packet) == Verdict::kRefused) return Verdict::kRefused;
    }
    // At most kMaxSegments payloads and one OPT_META: each iteration adds one or returns.
    for (;;) {
      const Word64 word = device_->load(Site::kRcqWord, words + at.completions.head);
      if (is_fresh<spec::RCD_TYPE::META>(at, word)) [[likely]] {
        at.completions.advance();
        return on_meta(at, word, packet);
      }
      if (!is_fresh(at, word)) return Verdict::kNothing;
      at.completions.advance();
      if (on_other(at, word, packet) == Verdict::kRefused) return Verdict::kRefused;
    }
  }

  /// Returns whether the device wrote this completion on the current pass over the ring.
  static bool is_fresh(const RxCursor& at, const Word64& word) {
    return spec::RCD::of<Word64>{word}.DONE().equals(at.completions.done);
  }

  /// The same, and it has type kValue. DONE is the bit above TYPE, so one comparison checks both.
  template <spec::RCD_TYPE kValue>
  static bool is_fresh(const RxCursor& at, const Word64& word) {
    constexpr unsigned kShift = std::countr_zero(spec::RCD{}.set_TYPE(~0ULL).raw);
    static_assert(spec::RCD{}.set_DONE(1).raw >> kShift == 4 &&
                  spec::RCD{}.set_TYPE(~0ULL).raw >> kShift == 3);
    return (word >> kShift)
        .equals(typename Words::Wide(at.completions.done) << 2 |
                static_cast<std::uint64_t>(kValue));
  }

  template <spec::RCD_TYPE kValue>
  static bool has_type(const Word64& word) {
    return spec::RCD::of<Word64>{word}.TYPE().equals(static_cast<std::uint64_t>(kValue));
  }

  HNI_HOT Verdict on_header(RxCursor& at, const Word64& word, Packet& packet) {
    const spec::RCD_HDR_AL::of<Word64> rcd{word};
    if (!retire_up_to(at.headers, headers_, rcd.BUFF_ID())) [[unlikely]] {
      return refuse(Site::kRcdHeaderId, rcd.BUFF_ID(), at.headers.window.tail);
    }
    Segment segment;
    if (!validate_segment(at.headers, headers_, rcd.OFF(), rcd.LEN(), kTailRoom, segment))
        [[unlikely]] {
      return refuse_segment(Site::kRcdHeaderOffset, Site::kRcdHeaderLength, at.headers.next_offset,
                            rcd.OFF(), rcd.LEN());
    }
    packet.rx.has_timestamp = false;
    packet.tx.flags = 0;
    packet.segments[0] = segment;
    packet.segment_count = 1;
    packet.length = segment.length;
    consume(at.headers, headers_, segment, rcd.PAGE_FIN(), kTailRoom + kHeadRoom);
    at.assembly = Assembly::kSegments;
    return Verdict::kTaken;
  }

  HNI_HOT Verdict on_other(RxCursor& at, const Word64& word, Packet& packet) {
    if (at.assembly != Assembly::kSegments) return refuse(Site::kRcdGrammar, word, 0);
    if (has_type<spec::RCD_TYPE::PAY_AL>(word)) return on_payload(at, word, packet);
    if (has_type<spec::RCD_TYPE::OPT_META>(word)) return on_opt_meta(at, word, packet);
    return refuse(Site::kRcdGrammar, word, 0);
  }

  HNI_HOT Verdict on_payload(RxCursor& at, const Word64& word, Packet& packet) {
    const spec::RCD_PAY_AL::of<Word64> rcd{word};
    if (packet.segment_count == kMaxSegments)
      return refuse(Site::kRcdSegments, rcd.TYPE(), kMaxSegments);
    if (!retire_up_to(at.payloads, payloads_, rcd.BUFF_ID())) [[unlikely]] {
      return refuse(Site::kRcdPayloadId, rcd.BUFF_ID(), at.payloads.window.tail);
    }
    Segment segment;
    if (!validate_segment(at.payloads, payloads_, rcd.OFF(), rcd.LEN(), 0, segment)) [[unlikely]] {
      return refuse_segment(Site::kRcdPayloadOffset, Site::kRcdPayloadLength,
                            at.payloads.next_offset, rcd.OFF(), rcd.LEN());
    }
    packet.segments[packet.segment_count++] = segment;
    packet.length += segment.length;
    consume(at.payloads, payloads_, segment, rcd.PAGE_FIN(), 0);
    return Verdict::kTaken;
  }

  HNI_HOT Verdict on_opt_meta(RxCursor& at, const Word64& word, Packet& packet) {
    const spec::RCD_OPT_META::of<Word64> rcd{word};
    if (rcd.OPT_TYPE().nonzero()) return refuse(Site::kRcdOptMeta, rcd.OPT_TYPE(), 0);
    packet.rx.has_timestamp = rcd.TS_VALID().nonzero();
    packet.rx.timestamp_ns = rcd.TS().as_data();
    at.assembly = Assembly::kStamped;
    return Verdict::kTaken;
  }

  /// Completes the packet, or drops it for its error bits.
  HNI_HOT Verdict on_meta(RxCursor& at, const Word64& word, Packet& packet) {
    at.assembly = Assembly::kBetween;
    if (word.any(kFatalErrors)) [[unlikely]]
      return drop_errored(word, packet);
    packet.rx.meta = word.as_data();
    return Verdict::kDelivered;
  }

  static constexpr std::uint64_t kFatalErrors =
      spec::RCD_META{}.set_ERR_MAC_EOP(1).set_ERR_TRUNCATED_FRAME(1).raw;

  /// Makes the named slot the head of its ring and frees the slots that it skips. False if the
  /// device does not own the slot.
  HNI_HOT bool retire_up_to(Buffers& ring, const BufferQueue& queue, const Word64& id) {
    Index skipped = 0;
    if (!ring.accept(id.template narrowed<Index>(), skipped)) return false;
    for (; skipped != 0; --skipped) pool_->put(Words::fragment(ring.pop_completed(queue.slots)));
    return true;
  }

  /// Validates (offset, length) against the head slot's fragment; on success fills `segment`.
  /// Rejects overlap with data already delivered.
  HNI_HOT static bool validate_segment(const Buffers& ring, const BufferQueue& queue,
                                       const Word64& offset, const Word64& length,
                                       std::uint32_t reserve, Segment& segment) {
    Index off = 0;
    Index len = 0;
    if (!offset.template narrowed<Index>().below(kFragmentBytes, off) ||
        !length.template narrowed<Index>().at_most(kFragmentBytes, len) ||
        !ring.fits_after(off, len, reserve, kFragmentBytes)) {
      return false;
    }
    segment.fragment = Words::fragment(queue.slots.at(ring.window.head));
    segment.offset = static_cast<decltype(segment.offset)>(off);
    segment.length = static_cast<decltype(segment.length)>(len);
    return true;
  }

  /// Records an accepted segment. On the last use of a fragment (PAGE_FIN) the ring's reference
  /// passes to the packet.
  HNI_HOT void consume(Buffers& ring, BufferQueue& queue, const Segment& segment,
                       const Word64& page_fin, std::uint32_t gap) {
    if (page_fin.nonzero()) {
      (void)ring.pop_completed(queue.slots);
      return;
    }
    ring.delivered(Index(segment.offset) + Index(segment.length) + gap);
    pool_->get(segment.fragment);
  }

  /// Traces a poll that moved the queue from `before` to cursor_.
  void tell(const RxCursor& before, std::span<const Packet> packets) {
    const Index begin = before.completions.head;
    const Index end = cursor_.completions.head;
    // Head unchanged after progress: exactly one full ring was consumed.
    Index taken = (end - begin) & (completion_size_ - 1);
    if (begin == end) taken = completion_size_;
    device_->trace_completions(queue_, RingKind::kRcq, words_of(completion_memory_), end, taken,
                               completion_size_);
    for (const Packet& p : packets)
      device_->obs.packet_received(queue_, p.length, p.segment_count);
    trace_consumed(RingKind::kHpq, before.headers.window, cursor_.headers.window.head);
    trace_consumed(RingKind::kPpq, before.payloads.window, cursor_.payloads.window.head);
    device_->obs.ring_completed(queue_, RingKind::kRcq, begin, taken, completion_size_ - 1);
  }

  void trace_consumed(RingKind kind, const WorkRing<Index>& ring, Index head) {
    if (head == ring.head) return;
    device_->obs.ring_completed(queue_, kind, ring.head, ring.distance(ring.head, head),
                                ring.mask);
  }

  [[gnu::cold, gnu::noinline]] Verdict refuse(Site site, const Word64& value, Index limit) {
    device_->refuse(site, value.as_data(), limit);
    return Verdict::kRefused;
  }

  [[gnu::cold, gnu::noinline]] Verdict refuse_segment(Site offset_site, Site length_site,
                                                      Index next_offset, const Word64& offset,
                                                      const Word64& length) {
    const bool offset_wrong = !offset.between(next_offset, kFragmentBytes - 1);
    return offset_wrong ? refuse(offset_site, offset, next_offset)
                        : refuse(length_site, length, kFragmentBytes);
  }

  void fault(RxCursor& at, Packet& packet) {
    faulted_ = true;
    if (at.assembly != Assembly::kBetween) pool_->put(packet);
    at.assembly = Assembly::kBetween;
    ++counters_.card_input;
    device_->obs.packet_dropped(queue_, DropReason::kCardInput);
  }

  void drop_for_reset(const Packet& packet) {
    ++counters_.reset_drops;
    device_->obs.packet_dropped(queue_, DropReason::kQueueReset);
    pool_->put(packet);
  }

  [[gnu::cold, gnu::noinline]] Verdict drop_errored(const Word64& word, const Packet& packet) {
    const bool mac = spec::RCD_META::of<Word64>{word}.ERR_MAC_EOP().nonzero();
    ++(mac ? counters_.mac_errors : counters_.truncated);
    device_->obs.packet_dropped(queue_, mac ? DropReason::kMacError : DropReason::kTruncated);
    pool_->put(packet);
    return Verdict::kDropped;
  }

  /// Refills when a quarter of a ring is free, then publishes the completion head. Buffers come
  /// first, so that a device that waits for either finds both.
  void acknowledge() {
    if (cursor_.headers.window.free() >= headers_.size / 4 ||
        cursor_.payloads.window.free() >= payloads_.size / 4)
      refill();
    device_->doorbell(spec::QUEUE_RCQ_HEAD::at(raw(queue_)), cursor_.completions.head);
    ++counters_.doorbells;
  }

  void refill(BufferQueue& queue, Buffers& ring, RingKind kind, RegAddr tail) {
    const std::uint32_t per_page = pool_->fragments_per_page();
    if (ring.window.free() < per_page) return;
    std::uint64_t* const words = words_of(queue.memory);
    const Index first = ring.window.tail;
    std::uint32_t posted = 0;
    device_->obs.refill_started(queue_, kind, first, ring.window.free());
    while (ring.window.free() >= per_page) {
      const auto page = pool_->take(per_page);
      if (!page) {
        ++counters_.refill_empty;
        device_->obs.refill_empty(queue_, kind, ring.window.free());
        break;
      }
      for (std::uint32_t i = 0; i < per_page; ++i) {
        const FragmentId fragment{raw(*page) + i};
        const Index slot = ring.post(queue.slots, raw(fragment));
        const auto bd = spec::BD::of<typename Words::Wide>{}
                            .set_ADDR_4K(raw(pool_->address(fragment)) / kFragmentBytes)
                            .set_ID(slot);
        device_->io.store64(words + slot, bd.raw);
      }
      posted += per_page;
    }
    if (posted != 0) {
      // write32 orders the buffer descriptors stored above before the doorbell.
      device_->doorbell(tail, ring.window.tail);
      ++counters_.doorbells;
    }
    device_->obs.refilled(queue_, kind, first, posted, ring.window.mask);
  }

  D* device_;
  Pool* pool_;
  QueueId queue_{};
  std::uint32_t completion_size_ = 0;
  bool enabled_ = false;
  bool faulted_ = false;
  BufferQueue headers_;
  BufferQueue payloads_;
  DmaSpan completion_memory_;
  RxCursor cursor_;
  RxCounters counters_;
  Packet partial_;
  // of the poll in progress; a member, so that it takes no register in the loop
  std::uint32_t budget_ = 0;
};

}  // namespace hni

#undef HNI_HOT
