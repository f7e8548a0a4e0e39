// SPDX-License-Identifier: Apache-2.0
// The environment of the queue classes with symbolic words: the production TxQueue runs unchanged
// on this CheckedIo. Hooks observe every access, and the harness states its claims there.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "driver/core/checked_io.hpp"
#include "driver/core/counters.hpp"
#include "driver/core/packet.hpp"
#include "proofs/obligations/rings.hpp"
#include "tests/support/private_member.hpp"

namespace hni::proofs {

/// A descriptor in ring memory: the memory and the slot.
struct SymPointer {
  const std::uint64_t* base = nullptr;
  Word slot{};
};
inline SymPointer operator+(const std::uint64_t* base, const Word& slot) {
  return {base, slot};
}

struct SymIo {
  std::function<void(const SymPointer&, std::uint64_t)> on_store;
  std::function<void(const SymPointer&, const Wide&)> on_store_wide;
  std::function<void(const std::uint64_t*, std::uint64_t)> on_store_at;  ///< by plain address

  std::uint32_t read32(Site, RegAddr) { return 0; }
  void write32(RegAddr, std::uint32_t) {}
  std::uint64_t load64(Site, const std::uint64_t*) { return 0; }
  void store64(std::uint64_t* at, std::uint64_t value) { on_store_at(at, value); }
  void store64(const SymPointer& at, std::uint64_t value) { on_store(at, value); }
  void store64(const SymPointer& at, const Wide& value) { on_store_wide(at, value); }
  void copy_in(Site, std::byte*, const std::byte*, std::size_t) {}
  std::optional<DmaSpan> dma_alloc(std::size_t) { return std::nullopt; }
  void dma_free(DmaSpan) {}
};
static_assert(DeviceIo<SymIo>);

/// Counts that differ from each other and from zero.
template <class Counters>
constexpr Counters any_counts() {
  Counters counts;
  std::uint64_t next = 901;
  for (const auto& counter : Counters::list()) counts.*counter.value = next += 99;
  return counts;
}

/// A report of the driver: to its observer, to the completion hook, or about refused input.
struct TraceEvent {
  enum class Kind : std::uint8_t {
    kSent,
    kPosted,
    kCompleted,
    kDropped,
    kTxPolled,
    kStopped,
    kWoken,
    kRxPolled,
    kRefillStarted,
    kRefilled,
    kReceived,
    kRefillEmpty,
    kCompletions,
  };
  Kind kind;
  unsigned which = 0;  ///< the RingKind or DropReason
  Word first{}, count{}, mask{};
};
struct Refused {
  Site site;
  Wide value, limit;
};

/// Takes every call of the probe list, with any arguments, and ignores it.
struct IgnoringObserver {
#define HNI_PROBE(probe, function, parameters, arguments, names, when) \
  template <class... Values>                                           \
  void function(const Values&...) {}
#include "driver/core/probes.def"
#undef HNI_PROBE
};

/// Records all reports, so that a harness can state which ones are required.
struct SymObserver : IgnoringObserver {
  bool watched = false;  ///< whether a tracer requests details
  std::vector<TraceEvent> traced;

  bool wants_completions() const { return watched; }
  bool wants_receive_details() const { return watched; }
  bool wants_sent_packets() const { return watched; }
  void packet_sent(QueueId, RingKind ring, std::uint32_t bytes, std::uint32_t segments) {
    keep(TraceEvent::Kind::kSent, ring, Word(bytes), Word(segments), {});
  }
  void ring_posted(QueueId, RingKind ring, const Word& slot, const Word& n, const Word& mask) {
    keep(TraceEvent::Kind::kPosted, ring, slot, n, mask);
  }
  void ring_completed(QueueId, RingKind ring, const Word& slot, const Word& n, const Word& mask) {
    keep(TraceEvent::Kind::kCompleted, ring, slot, n, mask);
  }
  void packet_dropped(QueueId, DropReason why) {
    keep(TraceEvent::Kind::kDropped, why, {}, {}, {});
  }
  void tx_polled(QueueId, const Word& budget, const Word& work) {
    keep(TraceEvent::Kind::kTxPolled, RingKind{}, budget, work, {});
  }
  void tx_stopped(QueueId) { keep(TraceEvent::Kind::kStopped, RingKind{}, {}, {}, {}); }
  void tx_woken(QueueId) { keep(TraceEvent::Kind::kWoken, RingKind{}, {}, {}, {}); }
  void rx_polled(QueueId, std::uint32_t budget, std::uint32_t work) {
    keep(TraceEvent::Kind::kRxPolled, RingKind{}, Word(budget), Word(work), {});
  }
  void refilled(QueueId, RingKind ring, const Word& slot, std::uint32_t n, const Word& mask) {
    keep(TraceEvent::Kind::kRefilled, ring, slot, Word(n), mask);
  }
  void packet_received(QueueId, const Word& bytes, const Word& segments) {
    keep(TraceEvent::Kind::kReceived, RingKind{}, bytes, segments, {});
  }
  void refill_empty(QueueId, RingKind ring, const Word& free) {
    keep(TraceEvent::Kind::kRefillEmpty, ring, free, {}, {});
  }
  void refill_started(QueueId, RingKind ring, const Word& slot, const Word& free) {
    keep(TraceEvent::Kind::kRefillStarted, ring, slot, free, {});
  }

  /// Returns how often it was reported; for any ring, or any reason, if `which` is omitted.
  unsigned times(TraceEvent::Kind kind) const {
    return static_cast<unsigned>(std::count_if(
        traced.begin(), traced.end(), [&](const TraceEvent& t) { return t.kind == kind; }));
  }
  template <class Which>
  unsigned times(TraceEvent::Kind kind, Which which) const {
    return static_cast<unsigned>(
        std::count_if(traced.begin(), traced.end(), [&](const TraceEvent& t) {
          return t.kind == kind && t.which == static_cast<unsigned>(which);
        }));
  }
  /// Returns the last report of that kind, or an empty one.
  TraceEvent last(TraceEvent::Kind kind) const {
    const auto found = std::find_if(traced.rbegin(), traced.rend(),
                                    [&](const TraceEvent& t) { return t.kind == kind; });
    return found == traced.rend() ? TraceEvent{kind, ~0U, {}, {}, {}} : *found;
  }

 private:
  template <class Which>
  void keep(TraceEvent::Kind kind, Which which, const Word& first, const Word& count,
            const Word& mask) {
    traced.push_back({kind, static_cast<unsigned>(which), first, count, mask});
  }
};

/// One word per slot that the card never sees; only the bounds of its index matter.
struct SymCookies {
  Word mask{};
  std::uint32_t& at(const Word& index) {
    conclude("I1", "a cookie's index is in bounds", index <= mask);
    last = index;
    return word;
  }
  std::uint32_t word = 0;
  Word last{};  ///< the index that was last accessed
};

/// A fragment with a number that may be symbolic.
struct SymFragment {
  Word number{};
};

struct SymSegment {
  SymFragment fragment;
  Sym<std::uint16_t> offset, length;
};

/// The segments of a packet, indexed by a number that may be symbolic.
class SymSegments {
 public:
  SymSegment& operator[](const Word& index) {
    conclude("I1", "a segment is one of the room of a packet", index < kMaxSegments);
    for (auto& [at, segment] : cells_) {
      if (at == index) return segment;
    }
    return cells_.emplace_back(index, SymSegment{}).second;
  }

 private:
  std::deque<std::pair<Word, SymSegment>> cells_;
};

/// A packet under assembly.
struct SymPacket {
  Word length{};
  Word segment_count{};
  struct {
    bool has_timestamp = false;
    Wide timestamp_ns{}, meta{};
  } rx;
  struct {
    std::uint8_t flags = 0;
  } tx;
  SymSegments segments;
};

/// A pool that reports freed and held fragments to the harness and allocates pages of 16
/// fragments.
struct SymPool {
  std::function<void(const Word&)> on_drop, on_hold;
  std::function<void()> on_drop_packet;
  std::vector<Word> dropped_lengths;  ///< of whole packets
  std::uint32_t per_page = 1;
  unsigned pages = 0;
  unsigned takes = 0;  ///< number of page allocations

  DmaAddr address(FragmentId f) const { return DmaAddr{std::uint64_t{raw(f)} * kFragmentBytes}; }
  void put(const SymFragment& f) { on_drop(f.number); }
  void get(const SymFragment& f) { on_hold(f.number); }
  void put(const Packet&) { on_drop_packet(); }
  void put(const SymPacket& p) {
    dropped_lengths.push_back(p.length);
    on_drop_packet();
  }
  std::uint32_t fragments_per_page() const { return per_page; }
  std::optional<FragmentId> take(std::uint32_t) {
    ++takes;
    if (pages == 0) return std::nullopt;
    return FragmentId{16 * pages--};
  }
};

struct SymWords {
  using Index = Word;
  using Wide = proofs::Wide;
  using Pool = SymPool;
  using Packet = SymPacket;
  using Segment = SymSegment;
  template <class T>
  using Array = std::conditional_t<std::is_same_v<T, std::uint32_t>, SymCookies, AnySlots<T>>;
  static SymFragment fragment(const Word& number) { return {number}; }
  /// A symbolic value has no number. This function has no known property except that it maps
  /// different terms, and different sums of a few terms, to different values.
  static std::uint64_t number(const proofs::Wide& value) {
    return 1'000'003ULL * (value.bits().id + 1ULL) * (value.bits().id + 7ULL);
  }
};

}  // namespace hni::proofs

namespace hni {

/// The CheckedIo with symbolic words: every load returns a new value of the card.
template <>
class CheckedIo<proofs::SymIo, proofs::SymObserver> {
 public:
  using Word32 = Untrusted<proofs::Word>;
  using Word64 = Untrusted<proofs::Wide>;
  using Words = proofs::SymWords;

  CheckedIo(proofs::SymIo& device_io, proofs::SymObserver& observer)
      : io(device_io), obs(observer) {}

  proofs::SymIo& io;
  proofs::SymObserver& obs;
  std::function<void(const proofs::Word&)> on_load;  ///< called before a load, with its slot
  /// called after it, with the value of the card
  std::function<void(const proofs::Wide&)> on_loaded;
  std::function<void(RegAddr, const proofs::Word&)> on_doorbell;

  Word64 load(Site site, const proofs::SymPointer& at) {
    on_load(at.slot);
    const auto word = proofs::nondet_read<std::uint64_t>(std::string(site_name(site)));
    if (on_loaded) on_loaded(word);
    return Word64(word);
  }
  void doorbell(RegAddr reg, const proofs::Word& value) { on_doorbell(reg, value); }
  void trace_completions(QueueId, RingKind ring, const std::uint64_t*, const proofs::Word& end,
                         const proofs::Word& count, std::uint32_t) {
    obs.traced.push_back(
        {proofs::TraceEvent::Kind::kCompletions, static_cast<unsigned>(ring), end, count, {}});
  }
  std::vector<proofs::Refused> refused;
  template <class Value, class Limit>
  void refuse(Site site, const Value& value, const Limit& limit) {
    refused.push_back({site, proofs::Wide(value), proofs::Wide(limit)});
  }
};

}  // namespace hni
