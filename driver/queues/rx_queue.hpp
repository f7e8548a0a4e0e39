// SPDX-License-Identifier: Apache-2.0
#pragma once

/// RxQueue: one receive queue of a pair: header buffers (HPQ), payload buffers (PPQ) and the
/// completion queue (RCQ). The path of a packet:
///
///     refill()  page from the pool -> buffer descriptors -> doorbell            (rx_provide)
///     poll()    HDR_AL PAY_AL* OPT_META? META -> Packet for the application     (rx_return)
///
/// Each completion word is read once. A completion that breaks a rule faults the queue: the packet
/// under assembly is dropped and nothing more is taken until the queue is reset
/// [trust-boundary A.2, B1 to B3].

#include <bit>
#include <cstdint>
#include <optional>
#include <span>

#include "driver/core/checked_io.hpp"
#include "driver/core/fragment_pool.hpp"
#include "driver/core/packet.hpp"
#include "driver/queues/buffer_ring.hpp"
#include "openhni/spec/descriptors.hpp"

/// Inlined into poll(), so that its Position stays in registers: without it the compiler spills it
/// around each call.
#define HNI_HOT [[gnu::always_inline]] inline

namespace hni {

/// Room that the card leaves before and behind each header, bytes. The pair follows the rule by
/// which Linux derives its own (HROOM = align128(TROOM + 128) - TROOM) [device 13.4]; an
/// application may grow a packet into the head room.
inline constexpr std::uint32_t kHeadRoom = 128;
inline constexpr std::uint32_t kTailRoom = 0;

struct RxCounters {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::uint64_t mac_errors = 0;    ///< dropped: ERR_MAC_EOP
  std::uint64_t truncated = 0;     ///< dropped: ERR_TRUNCATED_FRAME
  std::uint64_t card_input = 0;    ///< dropped: completions broke a rule
  std::uint64_t reset_drops = 0;   ///< completed and not polled, or under assembly, at a reset
  std::uint64_t refill_empty = 0;  ///< refills that found the pool empty
  std::uint64_t doorbells = 0;
};

template <DeviceIo Io, class Obs>
class RxQueue {
 public:
  using D = CheckedIo<Io, Obs>;
  using Words = typename D::Words;
  using Index = typename Words::Index;
  using Pool = typename Words::Pool;
  using Packet = typename Words::Packet;
  using Buffers = BufferRing<Index>;
  /// Most completions of one packet: header, payloads, OPT_META, META.
  static constexpr std::uint32_t kMaxCompletions = kMaxSegments + 2;

  RxQueue(D& device, Pool& pool) : device_(&device), pool_(&pool) {}

  /// Memory for the rings; sizes in descriptors, powers of two, 64 .. 65536.
  Result<> allocate(QueueId queue, std::uint32_t completions, std::uint32_t headers,
                    std::uint32_t payloads) {
    queue_ = queue;
    completion_size_ = completions;
    if (auto r = allocate_words(completion_memory_, completions); !r) return r;
    if (auto r = allocate_buffers(headers_, headers); !r) return r;
    return allocate_buffers(payloads_, payloads);
  }

  void release() {
    free_words(completion_memory_);
    free_words(headers_.memory);
    free_words(payloads_.memory);
  }

  /// All rings empty, completion memory zeroed. Only while the card's queue is disabled and idle;
  /// reclaim() first.
  void reset() {
    cursor_.headers = Buffers::of_mask(headers_.size - 1, kHeadRoom);
    cursor_.payloads = Buffers::of_mask(payloads_.size - 1, 0);
    cursor_.completions = CompletionRing<Index>{0, 1, completion_size_ - 1};
    std::uint64_t* words = words_of(completion_memory_);
    for (std::uint32_t i = 0; i < completion_size_; ++i) device_->io.store64(words + i, 0);
    cursor_.assembly = Assembly::kBetween;
    faulted_ = false;
  }

  /// Lends fragments to the card until the rings are full or the pool is empty. Call once after
  /// the queue was enabled; poll() does it afterwards.
  void refill() {
    refill(headers_, cursor_.headers, RingKind::kHpq, spec::QUEUE_BDQ_HPQ_TAIL::at(raw(queue_)));
    refill(payloads_, cursor_.payloads, RingKind::kPpq, spec::QUEUE_BDQ_PPQ_TAIL::at(raw(queue_)));
  }

  /// Says again what the card was told last: a doorbell that it did not get, as it was off the bus
  /// for a moment, would stop the queue for good. To a card that knows it, it means nothing. The
  /// queue runs.
  void repeat_doorbells() {
    device_->doorbell(spec::QUEUE_BDQ_HPQ_TAIL::at(raw(queue_)), cursor_.headers.window.tail);
    device_->doorbell(spec::QUEUE_BDQ_PPQ_TAIL::at(raw(queue_)), cursor_.payloads.window.tail);
    device_->doorbell(spec::QUEUE_RCQ_HEAD::at(raw(queue_)), cursor_.completions.head);
    counters_.doorbells += 3;
  }

  /// Receives at most out.size() packets; how many. The work is bounded: packets that the card
  /// marks as broken count too, and no packet has more than kMaxCompletions completions.
  std::uint32_t poll(std::span<Packet> out) {
    if (!enabled_ || faulted_ || out.empty()) return 0;
    if (device_->obs.wants_receive_details()) [[unlikely]]
      return poll_traced(out);
    budget_ = static_cast<std::uint32_t>(out.size());
    return finish(process_completions(out));
  }

  /// Counts the packets that the card completed and nobody polled as dropped by a reset, and gives
  /// their fragments back. Only when the card's queue is idle, before reclaim(). A lap at most.
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

  /// Takes back all that is lent, and the packet under assembly. Only when the card's queue is
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

  void set_enabled(bool on) { enabled_ = on; }
  [[nodiscard]] bool faulted() const { return faulted_; }
  [[nodiscard]] const RxCounters& counters() const { return counters_; }
  [[nodiscard]] const Buffers& headers() const { return cursor_.headers; }
  [[nodiscard]] const Buffers& payloads() const { return cursor_.payloads; }
  [[nodiscard]] DmaAddr completion_address() const { return completion_memory_.iova; }
  [[nodiscard]] DmaAddr header_address() const { return headers_.memory.iova; }
  [[nodiscard]] DmaAddr payload_address() const { return payloads_.memory.iova; }
  [[nodiscard]] std::uint32_t completion_size() const { return completion_size_; }
  [[nodiscard]] std::uint32_t header_size() const { return headers_.size; }
  [[nodiscard]] std::uint32_t payload_size() const { return payloads_.size; }
  /// Fewer than four pages lent in a ring: without a kick the card may never complete again
  /// [device 3.4].
  [[nodiscard]] bool starving() const {
    const std::uint32_t few = 4 * pool_->fragments_per_page();
    return cursor_.headers.window.used() < few || cursor_.payloads.window.used() < few;
  }
  [[nodiscard]] bool is_valid() const {
    return cursor_.headers.is_valid() && cursor_.payloads.is_valid() &&
           cursor_.completions.is_valid();
  }

 private:
  using Word64 = typename D::Word64;
  using Segment = typename Words::Segment;
  using Slots = typename Words::template Array<Index>;

  /// Where the completion queue is in the grammar HDR_AL PAY_AL* OPT_META? META.
  enum class Assembly : std::uint8_t {
    kBetween,   ///< the next completion must be a HDR_AL
    kSegments,  ///< a HDR_AL was seen: PAY_AL, OPT_META or META may follow
    kStamped,   ///< an OPT_META was seen: only META may follow
  };

  enum class Verdict : std::uint8_t {
    kNothing,    ///< the card has written no more
    kTaken,      ///< one completion consumed
    kDelivered,  ///< the packet is complete
    kDropped,    ///< the packet is complete and dropped for its error bits
    kRefused,    ///< a completion broke a rule
  };

  /// Where the queue stands in its three rings and in the grammar. A small value: poll() works on
  /// a copy in registers.
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

  /// What a poll found.
  struct PollResult {
    std::uint32_t packets;
    bool progress;  ///< completions were consumed
  };

  /// The work of a poll, without what the card and the observer are told of it.
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
    // A whole lap in one poll leaves the head where it was.
    const bool progress = at.completions.head != cursor_.completions.head ||
                          at.completions.done != cursor_.completions.done;
    cursor_ = at;
    counters_.bytes += bytes;
    return {static_cast<std::uint32_t>(packet - out.data()), progress};
  }

  /// The end of a poll. (A function of its own: what it needs takes no registers from the loop.)
  [[gnu::noinline]] std::uint32_t finish(PollResult taken) {
    counters_.packets += taken.packets;
    if (taken.progress && !faulted_) acknowledge();
    device_->obs.rx_polled(queue_, budget_, taken.packets);
    return taken.packets;
  }

  /// poll() while somebody wants to know all that it does.
  [[gnu::cold, gnu::noinline]] std::uint32_t poll_traced(std::span<Packet> out) {
    budget_ = static_cast<std::uint32_t>(out.size());
    device_->obs.rx_poll_started(queue_, budget_);
    const RxCursor before = cursor_;
    const PollResult taken = process_completions(out);
    if (taken.progress) tell(before, out.first(taken.packets));
    return finish(taken);
  }

  /// Carries one packet as far as the card's completions go. Never kTaken. Each completion is read
  /// once.
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
    // At most kMaxSegments payloads and one OPT_META: each turn adds one or ends.
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

  /// True if the card has written this completion on the present lap.
  static bool is_fresh(const RxCursor& at, const Word64& word) {
    return spec::RCD::of<Word64>{word}.DONE().equals(at.completions.done);
  }

  /// The same, and it has type kValue: DONE lies right above TYPE, so that one comparison answers
  /// both.
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

  /// Completes the packet; its error bits may drop it.
  HNI_HOT Verdict on_meta(RxCursor& at, const Word64& word, Packet& packet) {
    at.assembly = Assembly::kBetween;
    if (word.any(kFatalErrors)) [[unlikely]]
      return drop_errored(word, packet);
    packet.rx.meta = word.as_data();
    return Verdict::kDelivered;
  }

  static constexpr std::uint64_t kFatalErrors =
      spec::RCD_META{}.set_ERR_MAC_EOP(1).set_ERR_TRUNCATED_FRAME(1).raw;

  /// Makes the slot that the card names the oldest of its ring; the slots that it skips come back
  /// to the pool. False if the card does not own that slot.
  HNI_HOT bool retire_up_to(Buffers& ring, const BufferQueue& queue, const Word64& id) {
    Index skipped = 0;
    if (!ring.accept(id.template narrowed<Index>(), skipped)) return false;
    for (; skipped != 0; --skipped) pool_->put(Words::fragment(ring.pop_completed(queue.slots)));
    return true;
  }

  /// Puts the segment that (offset, length) means in the oldest slot's fragment into `segment`, if
  /// it lies behind all earlier data and inside.
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

  /// Books an accepted segment. On its last use (PAGE_FIN) the ring's hold on the fragment passes
  /// to the packet.
  HNI_HOT void consume(Buffers& ring, BufferQueue& queue, const Segment& segment,
                       const Word64& page_fin, std::uint32_t gap) {
    if (page_fin.nonzero()) {
      (void)ring.pop_completed(queue.slots);
      return;
    }
    ring.delivered(Index(segment.offset) + Index(segment.length) + gap);
    pool_->get(segment.fragment);
  }

  /// What a poll did that moved the queue from `before` to at_.
  void tell(const RxCursor& before, std::span<const Packet> packets) {
    const Index begin = before.completions.head;
    const Index end = cursor_.completions.head;
    // Progress without a new place is a whole lap.
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

  /// Refills when a quarter of a ring is free, then tells the card how far the completions were
  /// read: buffers first, so that a card that waits for either finds both.
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
  std::uint32_t budget_ = 0;  // of the poll under way; kept here, it takes no register in the loop
};

}  // namespace hni

#undef HNI_HOT
