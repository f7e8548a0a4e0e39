// SPDX-License-Identifier: Apache-2.0
// TxQueue transmission: what a burst writes to ring memory, when it rings the doorbell, and what
// it reports, from an arbitrary valid state of its rings.
#include <algorithm>
#include <span>
#include <vector>

#include "proofs/obligations/tx_queue_world.hpp"

namespace hni::proofs {
namespace {

Packet packet_of(std::uint32_t segments, std::uint32_t first_fragment, bool stamp) {
  Packet packet;
  packet.segment_count = segments;
  packet.length = 64 * segments;
  for (std::uint32_t i = 0; i < std::min(segments, kMaxSegments); ++i)
    packet.segments[i] = {FragmentId{first_fragment + i}, static_cast<std::uint16_t>(16 * i), 64};
  if (stamp) packet.tx.flags = TxOffload::kTimestamp;
  return packet;
}

Packet long_packet(std::uint32_t bytes) {
  Packet packet = packet_of(1, 3, false);
  packet.length = bytes;
  return packet;
}

/// A second description of the packets that the work queue can describe to the card.
bool fits(const Packet& p, unsigned twq) {
  return p.segment_count >= 1 && p.segment_count <= kMaxSegments && p.length >= 1 &&
         p.length <= kMaxFrameBytes && (twq == 0 || p.tx.flags == 0);
}

/// Checks the writes of a burst: descriptors go only into slots that the card does not own, and a
/// doorbell hands over exactly what was written.
struct BurstWatch {
  BurstWatch(World& world, unsigned work_queue)
      : w(world),
        twq(work_queue),
        published(world.before[work_queue].window),
        was_stopped(twq == 1 && input<bool>("stopped before")) {
    w.io.on_store = [this](const SymPointer& at, std::uint64_t word) { store(at, word); };
    w.device.on_doorbell = [this](RegAddr reg, const Word& value) { ring_doorbell(reg, value); };
    w.pool.on_drop_packet = [this] { ++dropped; };
    member(StoppedTag{}, w.queue) = was_stopped;
  }

  void store(const SymPointer& at, std::uint64_t word) {
    conclude("I1", "a descriptor is written inside its ring", at.slot <= published.mask);
    conclude("I1", "into the memory of its own ring", at.base == ring_memory[twq].data());
    conclude("I3", "only into a slot of the driver",
             [&] { return !published.owned_by_card(at.slot); });
    conclude("I5", "nothing is written after the doorbell", !rung);
    written.push_back(at.slot);
    words.push_back(word);
  }

  void ring_doorbell(RegAddr reg, const Word& value) {
    const Word slot = input<std::uint32_t>("any slot");
    conclude(
        "I5", "the doorbell is that of the ring",
        reg == (twq == 0 ? spec::QUEUE_TWQ0_TAIL::at(kQueue) : spec::QUEUE_TWQ1_TAIL::at(kQueue)));
    conclude("I5", "its value is a slot number", value <= published.mask);
    const auto handed_over = [&] {
      return slot <= published.mask &&
             published.distance(published.tail, slot) < published.distance(published.tail, value);
    };
    const auto was_written = [&] {
      Sym<bool> any = false;
      for (const Word& s : written) any = any | (s == slot);
      return any;
    };
    conclude("I5",
             "every slot that it hands over was written, and every slot that was written is "
             "handed over",
             [&] { return handed_over() == was_written(); });
    conclude("I5", "it hands over something", value != published.tail);
    conclude("I3", "no slot that it hands over was the card's",
             [&] { return !handed_over() || !published.owned_by_card(slot); });
    rung = true;
  }

  World& w;
  unsigned twq;
  WorkRing<Word> published;
  bool was_stopped;
  std::vector<Word> written;
  std::vector<std::uint64_t> words;
  unsigned dropped = 0;
  bool rung = false;
};

/// The descriptors of some packets, and the driver's data of their slots, in the order in which
/// they are written: metadata on work queue 0, then each segment; finally the last metadata again,
/// which requests the completion.
struct Descriptors {
  std::vector<std::uint64_t> words;
  std::vector<std::uint32_t> slots;

  Descriptors(std::span<const Packet> packets, unsigned twq) {
    std::uint64_t last_meta = 0;
    for (const Packet& p : packets) {
      if (!fits(p, twq)) continue;
      const bool stamp = p.tx.flags != 0;
      last_meta = spec::TWD_META{}.set_DEST_MAC(1).set_REQ_TS(stamp ? 1 : 0).raw;
      if (twq == 0) add(last_meta, stamp ? Slot::kStampPending : 0);
      for (std::uint32_t i = 0; i < p.segment_count; ++i)
        segment(p.segments[i], i + 1 == p.segment_count);
    }
    if (twq == 0 && !words.empty())
      words.push_back(spec::TWD_META{last_meta}.set_REQ_COMPLETION(1).raw);
  }

 private:
  void segment(const Segment& s, bool last) {
    const auto type = last ? spec::TWD_TYPE::LAST_AL : spec::TWD_TYPE::AL;
    add(spec::TWD_AL{}
            .set_ADDR(std::uint64_t{raw(s.fragment)} * kFragmentBytes + s.offset)
            .set_LEN(s.length)
            .set_TYPE(static_cast<std::uint64_t>(type))
            .raw,
        (raw(s.fragment) + 1) | (last ? Slot::kLast : 0));
  }
  void add(std::uint64_t word, std::uint32_t slot) {
    words.push_back(word);
    slots.push_back(slot);
  }
};

/// The reports and counters of a burst that accepted `taken` of the packets.
void conclude_told(World& w, const BurstWatch& watch, std::span<const Packet> packets,
                   std::uint32_t taken) {
  const unsigned twq = watch.twq;
  std::uint64_t bytes = 0, invalid = 0, stamps = 0;
  for (const Packet& p : packets.first(taken)) {
    invalid += fits(p, twq) ? 0U : 1U;
    bytes += fits(p, twq) ? p.length : 0;
    stamps += fits(p, twq) ? p.tx.flags / TxOffload::kTimestamp : 0;
  }
  const bool waits = taken < packets.size();
  const std::uint64_t posts = watch.rung ? 1 : 0, stops = waits && !watch.was_stopped ? 1 : 0;
  const TxCounters c = w.counted();
  conclude("I4", "packets that cannot be described are freed, each once",
           watch.dropped == invalid);
  conclude("F", "the counters say what happened",
           c.packets == taken && c.bytes == bytes && c.invalid_packets == invalid &&
               c.doorbells == posts && c.stops == stops);
  conclude("F", "the queue is stopped when a packet waits, and that is told once",
           w.queue.stopped() == (waits || watch.was_stopped) &&
               w.traced(TraceEvent::Kind::kStopped) == stops);
  conclude("F", "drops are told with their reason",
           w.obs.times(TraceEvent::Kind::kDropped, DropReason::kTxInvalid) == invalid &&
               w.traced(TraceEvent::Kind::kDropped) == invalid);
  conclude("F", "timestamps that were asked for are awaited",
           member(StampsTag{}, w.queue) == w.stamps + static_cast<std::uint32_t>(stamps));
  conclude("F", "a post is told once",
           w.traced(TraceEvent::Kind::kPosted) == posts &&
               w.obs.times(TraceEvent::Kind::kPosted,
                           twq == 0 ? RingKind::kTwq0 : RingKind::kTwq1) == posts);
  if (!watch.rung) return;
  const TraceEvent posted = w.obs.last(TraceEvent::Kind::kPosted);
  const auto& ring = watch.published;
  conclude("F", "it is told with its first slot, its length and its ring", [&] {
    return posted.first == ring.tail && posted.mask == ring.mask &&
           posted.count == ring.distance(ring.tail, w.queue.ring(twq).window.tail);
  });
}

/// Bursts of up to two packets of 1 to 3 segments, with or without a timestamp, and of packets
/// that cannot be described to the card.
std::vector<Packet> any_burst(unsigned twq) {
  const auto choice = input<std::uint8_t>("kind of burst");
  if (choice == 0) return {packet_of(1, 7, false)};
  if (choice == 1) return {packet_of(2, 7, false), packet_of(1, 11, twq == 0)};
  if (choice == 2) return {packet_of(3, 7, false)};
  if (choice == 3) return {packet_of(0, 7, false), packet_of(1, 7, false)};
  if (choice == 4) return {long_packet(kMaxFrameBytes + 1), packet_of(kMaxSegments + 1, 7, false)};
  if (choice == 5) return {long_packet(0), long_packet(kMaxFrameBytes)};
  // work queue 1 does not support timestamps
  return {packet_of(1, 7, true), packet_of(1, 11, false)};
}

void prove_burst(unsigned twq) {
  World w;
  BurstWatch watch(w, twq);
  const std::vector<Packet> packets = any_burst(twq);
  must_cover("posted", "no room", "dropped");
  const Ring before = w.before[twq];
  const std::uint32_t taken = twq == 0 ? w.queue.burst(packets) : w.queue.burst_plain(packets);
  const auto& after = w.queue.ring(twq);
  cover(watch.rung ? "posted" : taken == 0 ? "no room" : "dropped");
  show(after.window);
  conclude("I2", "the queue stays valid", [&] { return w.queue.is_valid(); });
  conclude("I5", "what was written was handed over", watch.rung == !watch.written.empty());
  const Descriptors expected({packets.data(), taken}, twq);
  conclude("F", "the descriptors say what the packets are, and the last one asks for a completion",
           watch.words == expected.words);
  if (watch.words.size() == expected.words.size()) {
    for (std::size_t i = 0; i < expected.slots.size(); ++i) {
      conclude("I4", "each slot remembers what it holds",
               w.work(twq).slots.at(watch.written[i]).bits == expected.slots[i]);
    }
  }
  conclude("I4", "nothing came back",
           [&] { return after.window.head == before.window.head && after.done == before.done; });
  conclude("I4", "the other work queue is untouched",
           [&] { return same(w.queue.ring(1 - twq), w.before[1 - twq]); });
  if (!watch.rung)
    conclude("I2", "without a doorbell nothing was posted",
             after.window.tail == before.window.tail);
  conclude_told(w, watch, packets, taken);
  if (taken == packets.size()) return;
  const std::uint32_t needed = packets[taken].segment_count + (twq == 0 ? 1 : 0);
  conclude("I2", "a packet waits only if there is no room for it", after.window.free() < needed);
}

}  // namespace

HNI_PROVE(tx_queue_burst,
          "A burst writes the descriptors of its packets only to free slots of its own ring, and "
          "then one doorbell hands over exactly those; packets that cannot be described to the "
          "card are freed once; everything is counted and reported (I1 to I5, F).") {
  prove_burst(0);
}

HNI_PROVE(tx_queue_burst_plain,
          "The same for frames without metadata on work queue 1 (I1 to I5, F).") {
  prove_burst(1);
}

HNI_PROVE(tx_queue_out_of_service,
          "A queue that is disabled or faulted accepts nothing, reads nothing and reports nothing "
          "(I5).") {
  World w(false);
  const bool enabled = input<bool>("enabled"), faulted = input<bool>("faulted");
  assume("the queue is out of service", !enabled || faulted);
  must_cover("not enabled", "faulted");
  w.queue.set_enabled(enabled);
  member(FaultedTag{}, w.queue) = faulted;
  cover(faulted ? "faulted" : "not enabled");
  const auto never = [](const char* what) { conclude("I5", what, false); };
  w.io.on_store = [&](const SymPointer&, std::uint64_t) { never("no descriptor is written"); };
  w.device.on_load = [&](const Word&) { never("no completion is read"); };
  w.device.on_doorbell = [&](RegAddr, const Word&) { never("no doorbell is rung"); };
  const std::vector<Packet> packets{packet_of(1, 7, false)};
  conclude("I5", "no packet is taken", w.queue.burst(packets) == 0);
  conclude("I5", "nor a plain one", w.queue.burst_plain(packets) == 0);
  conclude("I5", "no completion is consumed", w.queue.poll(input<std::uint32_t>("budget")) == 0U);
  conclude("I5", "nothing is reported", w.obs.traced.empty() && w.counted().packets == 0);
  conclude("I4", "the rings are untouched", [&] {
    return same(w.queue.ring(0), w.before[0]) && same(w.queue.ring(1), w.before[1]);
  });
}

HNI_PROVE(tx_queue_tells_what_it_sent,
          "Each packet of a burst that was posted, and no other, is reported to an observer that "
          "requests details, with its ring, bytes and segments (F).") {
  World w(false);
  const bool plain = input<bool>("work queue 1");
  const RingKind kind = plain ? RingKind::kTwq1 : RingKind::kTwq0;
  const std::vector<Packet> packets{packet_of(2, 7, false), packet_of(0, 7, false),
                                    packet_of(1, 7, true)};
  w.queue.trace_sent(kind, packets);
  std::vector<std::uint32_t> expected;
  for (const Packet& p : packets) {
    if (fits(p, plain ? 1 : 0)) expected.push_back(p.segment_count);
  }
  conclude("F", "as many as were posted",
           w.traced(TraceEvent::Kind::kSent) == expected.size() &&
               w.obs.traced.size() == expected.size());
  if (w.obs.traced.size() != expected.size()) return;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const TraceEvent& traced = w.obs.traced[i];
    conclude("F", "with ring, bytes and segments", [&] {
      return traced.which == static_cast<unsigned>(kind) && traced.first == 64 * expected[i] &&
             traced.count == expected[i];
    });
  }
}

HNI_REFUTE(doorbell_before_the_descriptor, "I5",
           "Known mistake: the doorbell is rung before the last descriptor is written.") {
  World w;
  BurstWatch watch(w, 0);
  auto ring = w.queue.ring(0).window;
  assume("there is room", [&] { return ring.free() >= 2U; });
  watch.store(static_cast<const std::uint64_t*>(ring_memory[0].data()) + ring.post(), 0);
  (void)ring.post();
  watch.ring_doorbell(spec::QUEUE_TWQ0_TAIL::at(kQueue), ring.tail);
}

}  // namespace hni::proofs
