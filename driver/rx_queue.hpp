// SPDX-License-Identifier: Apache-2.0
#pragma once

/// RxQueue: one receive queue of a pair: header buffers (HPQ), payload buffers (PPQ) and the
/// completion queue (RCQ). The way of a packet:
///
///     refill()  page from the pool -> buffer descriptors -> doorbell (rx_provide) poll()
///     completions: HDR_AL PAY_AL* OPT_META? META -> a Packet for the application (rx_return)
///
/// Each completion word is read once. A completion that breaks a rule faults the queue: the packet
/// under assembly is dropped and nothing more is taken until the queue is reset (fbnic trust
/// boundary A.2, B 1-3).

#include <algorithm>
#include <cstdint>
#include <span>

#include "driver/buffer_ring.hpp"
#include "driver/door.hpp"
#include "driver/fragment_pool.hpp"
#include "driver/packet.hpp"
#include "openhni/spec/descriptors.hpp"

namespace hni {

/// Room that the card leaves before and behind each header, bytes. The pair follows the rule by
/// which Linux derives its own (HROOM = align128(TROOM + 128) - TROOM, fbnic reference 13.4); an
/// application may grow a packet into the head room.
inline constexpr std::uint32_t kHeadRoom = 128;
inline constexpr std::uint32_t kTailRoom = 0;

struct RxCounters {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::uint64_t checksum_good = 0;      ///< the card verified the L4 checksum
  std::uint64_t checksum_complete = 0;  ///< the card delivered a sum
  std::uint64_t mac_errors = 0;         ///< dropped: ERR_MAC_EOP
  std::uint64_t truncated = 0;          ///< dropped: ERR_TRUNCATED_FRAME
  std::uint64_t card_input = 0;         ///< dropped: completions broke a rule
  std::uint64_t reset_drops = 0;        ///< under assembly when the queue was reset
  std::uint64_t refill_empty = 0;       ///< refills that found the pool empty
  std::uint64_t doorbells = 0;
};

template <DeviceIo Io, class Obs>
class RxQueue {
 public:
  using D = Door<Io, Obs>;
  using Buffers = BufferRing<std::uint32_t, HostArray<std::uint32_t>>;
  /// Most completions of one packet: header, payloads, OPT_META, META.
  static constexpr std::uint32_t kMaxCompletions = kMaxSegments + 2;

  RxQueue(D& door, FragmentPool& pool) : door_(&door), pool_(&pool) {}

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
    headers_.ring.reset(headers_.size - 1, kHeadRoom);
    payloads_.ring.reset(payloads_.size - 1, 0);
    completions_ = CompletionRing<std::uint32_t>{0, 1, completion_size_ - 1};
    std::uint64_t* words = words_of(completion_memory_);
    for (std::uint32_t i = 0; i < completion_size_; ++i) door_->io.store64(words + i, 0);
    assembly_ = Assembly::kBetween;
    faulted_ = false;
  }

  /// Lends fragments to the card until the rings are full or the pool is empty. Call once after
  /// the queue was enabled; poll() does it afterwards.
  void refill() {
    refill(headers_, RingKind::kHpq, spec::QUEUE_BDQ_HPQ_TAIL::at(raw(queue_)));
    refill(payloads_, RingKind::kPpq, spec::QUEUE_BDQ_PPQ_TAIL::at(raw(queue_)));
  }

  /// Receives at most out.size() packets; how many. The work is bounded: kMaxCompletions
  /// completions a packet asked for.
  std::uint32_t poll(std::span<Packet> out) {
    if (!enabled_ || faulted_ || out.empty()) return 0;
    const auto budget = static_cast<std::uint32_t>(out.size());
    std::uint32_t received = 0;
    std::uint32_t steps = 0;
    if (assembly_ != Assembly::kBetween) out[0] = partial_;
    const std::uint64_t* words = words_of(completion_memory_);
    while (received < budget && steps < budget * kMaxCompletions) {
      const Word64 word = door_->load(Site::kRcqWord, words + completions_.head);
      if (!spec::RCD::of<Word64>{word}.DONE().equals(completions_.done)) break;
      completions_.advance();
      ++steps;
      if (!accept(word, out[received], received)) [[unlikely]] {
        fault(out[received]);
        break;
      }
    }
    if (assembly_ != Assembly::kBetween) partial_ = out[received];
    if (steps != 0 && !faulted_) acknowledge();
    door_->obs.rx_polled(queue_, budget, received);
    return received;
  }

  /// Takes back all that is lent, and the packet under assembly. Only when the card's queue is
  /// idle.
  void reclaim() {
    while (const auto fragment = headers_.ring.reclaim()) pool_->drop(FragmentId{*fragment});
    while (const auto fragment = payloads_.ring.reclaim()) pool_->drop(FragmentId{*fragment});
    if (assembly_ == Assembly::kBetween) return;
    ++counters_.reset_drops;
    door_->obs.packet_dropped(queue_, DropReason::kQueueReset);
    pool_->drop(partial_);
    assembly_ = Assembly::kBetween;
  }

  void set_enabled(bool on) { enabled_ = on; }
  [[nodiscard]] bool faulted() const { return faulted_; }
  [[nodiscard]] const RxCounters& counters() const { return counters_; }
  [[nodiscard]] const Buffers& headers() const { return headers_.ring; }
  [[nodiscard]] const Buffers& payloads() const { return payloads_.ring; }
  [[nodiscard]] DmaAddr completion_address() const { return completion_memory_.iova; }
  [[nodiscard]] DmaAddr header_address() const { return headers_.memory.iova; }
  [[nodiscard]] DmaAddr payload_address() const { return payloads_.memory.iova; }
  [[nodiscard]] std::uint32_t completion_size() const { return completion_size_; }
  [[nodiscard]] std::uint32_t header_size() const { return headers_.size; }
  [[nodiscard]] std::uint32_t payload_size() const { return payloads_.size; }
  /// Fewer than four pages lent in a ring: without a kick the card may never complete again (fbnic
  /// reference 3.4).
  [[nodiscard]] bool starving() const {
    const std::uint32_t few = 4 * pool_->fragments_per_page();
    return headers_.ring.ring.used() < few || payloads_.ring.ring.used() < few;
  }
  [[nodiscard]] bool is_valid() const {
    return headers_.ring.is_valid() && payloads_.ring.is_valid() && completions_.is_valid();
  }

 private:
  using Word64 = typename D::Word64;

  /// Where the completion queue is in the grammar HDR_AL PAY_AL* OPT_META? META.
  enum class Assembly : std::uint8_t {
    kBetween,   ///< the next completion must be a HDR_AL
    kSegments,  ///< a HDR_AL was seen: PAY_AL, OPT_META or META may follow
    kStamped,   ///< an OPT_META was seen: only META may follow
  };

  struct Lent {
    Buffers ring;
    DmaSpan memory;
    std::uint32_t size = 0;
  };

  static std::uint64_t* words_of(const DmaSpan& span) {
    return reinterpret_cast<std::uint64_t*>(span.cpu);
  }

  Result<> allocate_words(DmaSpan& span, std::uint32_t words) {
    const auto memory = door_->io.dma_alloc(std::size_t{words} * sizeof(std::uint64_t));
    if (!memory) return fail(ErrorCode::kNoMemory, std::size_t{words} * sizeof(std::uint64_t));
    span = *memory;
    return {};
  }

  Result<> allocate_buffers(Lent& lent, std::uint32_t size) {
    lent.size = size;
    auto slots = HostArray<std::uint32_t>::make(size);
    if (!slots) return tl::unexpected(slots.error());
    lent.ring.slots = std::move(*slots);
    return allocate_words(lent.memory, size);
  }

  void free_words(DmaSpan& span) {
    if (span.cpu != nullptr) door_->io.dma_free(span);
    span = {};
  }

  /// One completion: false if it breaks a rule. `received` grows when it completes a packet that
  /// is delivered.
  bool accept(const Word64& word, Packet& packet, std::uint32_t& received) {
    const auto type = spec::RCD::of<Word64>{word}.TYPE();
    if (type.equals(kType<spec::RCD_TYPE::HDR_AL>)) return on_header(word, packet);
    if (assembly_ == Assembly::kBetween) [[unlikely]]
      return refuse(Site::kRcdGrammar, type, 0);
    if (type.equals(kType<spec::RCD_TYPE::META>)) {
      received += on_meta(word, packet);
      return true;
    }
    if (assembly_ != Assembly::kSegments) [[unlikely]]
      return refuse(Site::kRcdGrammar, type, 0);
    if (type.equals(kType<spec::RCD_TYPE::PAY_AL>)) return on_payload(word, packet);
    return on_opt_meta(word, packet);
  }

  template <spec::RCD_TYPE kValue>
  static constexpr std::uint64_t kType = static_cast<std::uint64_t>(kValue);

  bool on_header(const Word64& word, Packet& packet) {
    const spec::RCD_HDR_AL::of<Word64> rcd{word};
    if (assembly_ != Assembly::kBetween) [[unlikely]]
      return refuse(Site::kRcdGrammar, rcd.TYPE(), 0);
    if (!name_slot(headers_.ring, rcd.BUFF_ID(), Site::kRcdHeaderId)) return false;
    packet.segment_count = 0;
    packet.length = 0;
    const auto offset = rcd.OFF().template narrowed<std::uint32_t>();
    const auto length = rcd.LEN().template narrowed<std::uint32_t>();
    const auto segment = place(headers_.ring, offset, length, kTailRoom);
    if (!segment) [[unlikely]]
      return refuse_place(headers_.ring, offset, length, true);
    packet.rx = RxInfo{};
    packet.tx = TxOffload{};
    take_segment(headers_.ring, packet, *segment, rcd.PAGE_FIN().nonzero(), kTailRoom + kHeadRoom);
    assembly_ = Assembly::kSegments;
    return true;
  }

  bool on_payload(const Word64& word, Packet& packet) {
    const spec::RCD_PAY_AL::of<Word64> rcd{word};
    if (packet.segment_count == kMaxSegments)
      return refuse(Site::kRcdSegments, rcd.TYPE(), kMaxSegments);
    if (!name_slot(payloads_.ring, rcd.BUFF_ID(), Site::kRcdPayloadId)) return false;
    const auto offset = rcd.OFF().template narrowed<std::uint32_t>();
    const auto length = rcd.LEN().template narrowed<std::uint32_t>();
    const auto segment = place(payloads_.ring, offset, length, 0);
    if (!segment) [[unlikely]]
      return refuse_place(payloads_.ring, offset, length, false);
    take_segment(payloads_.ring, packet, *segment, rcd.PAGE_FIN().nonzero(), 0);
    return true;
  }

  bool on_opt_meta(const Word64& word, Packet& packet) {
    const spec::RCD_OPT_META::of<Word64> rcd{word};
    if (rcd.OPT_TYPE().nonzero()) return refuse(Site::kRcdOptMeta, rcd.OPT_TYPE(), 0);
    packet.rx.has_timestamp = rcd.TS_VALID().nonzero();
    packet.rx.timestamp_ns = rcd.TS().as_data();
    assembly_ = Assembly::kStamped;
    return true;
  }

  /// Completes the packet; 1 if it is delivered, 0 if its error bits drop it.
  std::uint32_t on_meta(const Word64& word, Packet& packet) {
    const spec::RCD_META::of<Word64> rcd{word};
    assembly_ = Assembly::kBetween;
    if (word.any(kFatalErrors)) [[unlikely]] {
      drop_errored(rcd, packet);
      return 0;
    }
    const std::uint64_t meta = word.as_data();
    const spec::RCD_META plain{meta};
    packet.rx.rss_hash = static_cast<std::uint32_t>(plain.RSS_HASH());
    packet.rx.l2_checksum = static_cast<std::uint16_t>(plain.L2_CSUM());
    packet.rx.l3_type = static_cast<spec::L3_TYPE>(plain.L3_TYPE());
    packet.rx.l4_type = static_cast<spec::L4_TYPE>(plain.L4_TYPE());
    packet.rx.l4_checksum_good = plain.L4_CSUM_UNNECESSARY() != 0;
    packet.rx.parser_error = plain.ERR_PARSER() != 0;
    packet.rx.ecn = plain.ECN() != 0;
    counters_.checksum_good += plain.L4_CSUM_UNNECESSARY();
    ++counters_.packets;
    counters_.bytes += packet.length;
    door_->obs.packet_received(queue_, packet.length, packet.segment_count);
    return 1;
  }

  static constexpr std::uint64_t kFatalErrors =
      spec::RCD_META{}.set_ERR_MAC_EOP(1).set_ERR_TRUNCATED_FRAME(1).raw;

  /// Makes the slot that the card names the oldest of its ring; the slots that it skipped come
  /// back to the pool.
  bool name_slot(Buffers& ring, const Word64& id, Site site) {
    const auto skipped = ring.accept(id.template narrowed<std::uint32_t>());
    if (!skipped) [[unlikely]]
      return refuse(site, id, ring.ring.used());
    for (std::uint32_t i = 0; i < *skipped; ++i) pool_->drop(FragmentId{ring.retire_oldest()});
    return true;
  }

  /// The segment that (offset, length) means in the oldest slot's fragment, if it lies behind all
  /// earlier data and inside.
  static std::optional<Segment> place(const Buffers& ring, const Untrusted<std::uint32_t>& offset,
                                      const Untrusted<std::uint32_t>& length,
                                      std::uint32_t reserve) {
    const auto off = offset.below(kFragmentBytes);
    const auto len = length.at_most(kFragmentBytes);
    if (!off || !len || !ring.place_is_new(*off, *len, reserve, kFragmentBytes))
      return std::nullopt;
    return Segment{FragmentId{ring.current()}, static_cast<std::uint16_t>(*off),
                   static_cast<std::uint16_t>(*len)};
  }

  /// Appends the segment. With `final_use` the ring's hold on the fragment passes to the packet.
  void take_segment(Buffers& ring, Packet& packet, const Segment& segment, bool final_use,
                    std::uint32_t gap) {
    packet.segments[packet.segment_count++] = segment;
    packet.length += segment.length;
    if (final_use) {
      (void)ring.retire_oldest();
      return;
    }
    ring.delivered(segment.offset + segment.length + gap);
    (void)pool_->hold(segment.fragment);
  }

  template <class T>
  [[gnu::cold]] bool refuse(Site site, const Untrusted<T>& value, std::uint64_t limit) {
    door_->refuse(site, value.as_data(), limit);
    return false;
  }

  [[gnu::cold]] bool refuse_place(const Buffers& ring, const Untrusted<std::uint32_t>& offset,
                                  const Untrusted<std::uint32_t>& length, bool header) {
    if (!offset.between(ring.next_offset, kFragmentBytes - 1)) {
      return refuse(header ? Site::kRcdHeaderOffset : Site::kRcdPayloadOffset, offset,
                    ring.next_offset);
    }
    return refuse(header ? Site::kRcdHeaderLength : Site::kRcdPayloadLength, length,
                  kFragmentBytes);
  }

  [[gnu::cold]] void fault(Packet& packet) {
    faulted_ = true;
    if (assembly_ != Assembly::kBetween) pool_->drop(packet);
    assembly_ = Assembly::kBetween;
    ++counters_.card_input;
    door_->obs.packet_dropped(queue_, DropReason::kCardInput);
  }

  [[gnu::cold]] void drop_errored(const spec::RCD_META::of<Word64>& rcd, Packet& packet) {
    const bool mac = rcd.ERR_MAC_EOP().nonzero();
    ++(mac ? counters_.mac_errors : counters_.truncated);
    door_->obs.packet_dropped(queue_, mac ? DropReason::kMacError : DropReason::kTruncated);
    pool_->drop(packet);
  }

  /// Refills when a quarter of a ring is free, then tells the card how far the completions were
  /// read: buffers first, so that a card that waits for either finds both.
  void acknowledge() {
    if (headers_.ring.ring.free() >= headers_.size / 4 ||
        payloads_.ring.ring.free() >= payloads_.size / 4)
      refill();
    door_->doorbell(spec::QUEUE_RCQ_HEAD::at(raw(queue_)), completions_.head);
    ++counters_.doorbells;
  }

  void refill(Lent& lent, RingKind kind, RegAddr tail) {
    const std::uint32_t per_page = pool_->fragments_per_page();
    std::uint64_t* const words = words_of(lent.memory);
    std::uint32_t posted = 0;
    while (lent.ring.ring.free() >= per_page) {
      const auto page = pool_->take(per_page);
      if (!page) {
        ++counters_.refill_empty;
        break;
      }
      for (std::uint32_t i = 0; i < per_page; ++i) {
        const FragmentId fragment{raw(*page) + i};
        const std::uint32_t slot = lent.ring.post(raw(fragment));
        const auto bd =
            spec::BD{}.set_ADDR_4K(raw(pool_->address(fragment)) / kFragmentBytes).set_ID(slot);
        door_->io.store64(words + slot, bd.raw);
      }
      posted += per_page;
    }
    if (posted == 0) return;
    // write32 orders the buffer descriptors stored above before the doorbell.
    door_->doorbell(tail, lent.ring.ring.tail);
    ++counters_.doorbells;
    door_->obs.refilled(queue_, kind, posted);
  }

  D* door_;
  FragmentPool* pool_;
  QueueId queue_{};
  std::uint32_t completion_size_ = 0;
  bool enabled_ = false;
  bool faulted_ = false;
  Assembly assembly_ = Assembly::kBetween;
  Lent headers_;
  Lent payloads_;
  DmaSpan completion_memory_;
  CompletionRing<std::uint32_t> completions_;
  RxCounters counters_;
  Packet partial_;
};

}  // namespace hni
