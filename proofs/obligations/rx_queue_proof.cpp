// SPDX-License-Identifier: Apache-2.0
// RxQueue itself: what a poll delivers and acknowledges, which buffers it posts again, and what a
// reset frees, from an arbitrary valid state of its three rings and of the packet under assembly.
// rx_queue_assembly_proof.cpp covers which completions form a packet.
#include <vector>

#include "proofs/obligations/rx_queue_world.hpp"

namespace hni::proofs {
namespace {

/// A packet under assembly that is identified by its length.
Packet partial_packet(World& w) {
  Packet packet;
  packet.segment_count = 1;
  packet.length = input<std::uint32_t>("partial length");
  member(PartialTag{}, w.queue) = packet;
  w.partial = packet;
  return packet;
}

/// The counters and reports of a poll of one packet.
void conclude_poll_told(World& w, std::uint32_t asked, std::uint32_t received, bool progress) {
  const RxCounters& c = w.counted();
  const std::uint64_t faults = w.queue.faulted() ? 1 : 0, taken = progress ? 1 : 0;
  conclude("F", "delivered packets and their bytes are counted",
           c.packets == received &&
               c.bytes == (received == 0 ? 0 : SymWords::number(w.partial.length)));
  conclude("F", "what was consumed is a packet, a dropped one, or a fault",
           received + c.mac_errors + c.truncated + faults == taken);
  conclude("F", "a fault is counted and told",
           c.card_input == faults &&
               w.obs.times(TraceEvent::Kind::kDropped, DropReason::kCardInput) == faults);
  const TraceEvent polled = w.obs.last(TraceEvent::Kind::kRxPolled);
  conclude("F", "the poll is told with its budget and its work",
           w.traced(TraceEvent::Kind::kRxPolled) == 1 && polled.first == asked &&
               polled.count == received);
  const std::uint64_t reports = w.obs.watched ? taken : 0;
  conclude("F", "completions are reported to an observer that requests details, and to no other",
           w.traced(TraceEvent::Kind::kCompletions) == reports);
  if (reports == 0) return;
  const TraceEvent seen = w.obs.last(TraceEvent::Kind::kCompletions);
  const TraceEvent consumed = w.obs.last(TraceEvent::Kind::kCompleted);
  conclude("F", "with their end and number, and of each packet", [&] {
    return seen.first == w.next_completion() && seen.count == 1U &&
           w.traced(TraceEvent::Kind::kReceived) == received &&
           w.traced(TraceEvent::Kind::kCompleted) == 1 &&
           consumed.which == static_cast<unsigned>(RingKind::kRcq) && consumed.count == 1U &&
           consumed.first == w.before.completions.head && consumed.mask == 1U;
  });
}

/// Buffers are posted again when a quarter of either ring is free: the pool, which is exhausted,
/// is queried for each ring in which a page fits.
void conclude_refilled(World& w, bool acknowledged) {
  const Word headers = w.before.headers.window.free(), payloads = w.before.payloads.window.free();
  const auto due = [&](const Word& free) {
    return acknowledged &&
           (headers >= World::kHeaderSize / 4 || payloads >= World::kPayloadSize / 4) &&
           free >= 1U;
  };
  for (const bool header : {true, false}) {
    const RingKind kind = header ? RingKind::kHpq : RingKind::kPpq;
    conclude("F", "each ring is refilled exactly when a quarter of one is free", [&] {
      return w.obs.times(TraceEvent::Kind::kRefillEmpty, kind) ==
             (due(header ? headers : payloads) ? 1U : 0U);
    });
  }
  conclude("F", "an empty pool is counted",
           w.counted().refill_empty == w.traced(TraceEvent::Kind::kRefillEmpty) &&
               w.pool.takes == w.traced(TraceEvent::Kind::kRefillEmpty));
}

}  // namespace

HNI_PROVE(rx_queue_poll,
          "A poll delivers at most the requested number of packets, keeps a packet under "
          "assembly, and acknowledges exactly what it read, after it posted buffers again; "
          "everything is counted and reported (I2, I5, I7, F).") {
  must_cover("idle", "delivered", "dropped", "refused", "next packet", "next after a dropped one");
  World w(Stage::kStamped);  // the last completion of a packet: one iteration of the poll
  w.obs.watched = input<bool>("watched");
  // bounds only the reported number, which is modulo the ring size
  member(CompletionSizeTag{}, w.queue) = 2;
  const Packet partial = partial_packet(w);
  const bool two = input<bool>("two packets are asked for");
  std::array<Packet, 2> room;
  const std::span<Packet> out = std::span(room).first(two ? 2 : 1);
  unsigned loads = 0, rung = 0, given_back = 0;
  w.device.on_load = [&](const Word&) {
    if (loads++ == 0) return;
    conclude("I7", "no more completions than the packets that are missing need", two);
    cover(given_back == 0 ? "next packet" : "next after a dropped one");
    end_path();
  };
  w.device.on_doorbell = [&](RegAddr reg, const Word& value) {
    ++rung;
    conclude("I5", "the doorbell is that of the completion ring",
             reg == spec::QUEUE_RCQ_HEAD::at(kQueue));
    conclude("I5", "it acknowledges exactly what was read", value == w.next_completion());
  };
  w.pool.on_drop_packet = [&] { ++given_back; };
  const std::uint32_t received = w.queue.poll(out);
  const auto& after = w.at();
  conclude("I7", "at most what was asked for", received <= out.size());
  conclude("I2", "the queue stays valid", [&] { return w.queue.is_valid(); });
  const bool faulted = w.queue.faulted();
  const bool progress = after.completions.head != w.before.completions.head;
  cover(received == 1 ? "delivered" : faulted ? "refused" : progress ? "dropped" : "idle");
  conclude("F", "a completion that broke a rule is a fault, and nothing else is",
           faulted == !w.device.refused.empty());
  conclude("I5", "the card is told exactly when something was read and nothing is wrong",
           (rung == 1) == (progress && !faulted) && w.counted().doorbells == rung);
  conclude("I4", "an unfinished packet is kept, a finished one is not",
           (after.assembly == World::Assembly{}) == (progress || faulted));
  conclude("I4", "a packet is either delivered, freed, or kept",
           given_back == (received == 0 && progress ? 1U : 0U));
  if (received == 1)
    conclude("F", "the packet that was under assembly is delivered",
             out[0].length == partial.length);
  if (!progress)
    conclude("F", "the packet that is kept is the one that was under assembly",
             member(PartialTag{}, w.queue).length == partial.length);
  conclude_poll_told(w, static_cast<std::uint32_t>(out.size()), received, progress);
  conclude_refilled(w, rung == 1);
}

HNI_PROVE(rx_queue_keeps_a_packet,
          "A poll, or the search for unread packets at a reset, that finds a part of a packet "
          "keeps it; a fault between packets frees no packet (I4, F).") {
  must_cover("kept", "idle", "refused");
  World w(Stage::kBetween);
  const bool at_reset = input<bool>("at a reset");
  w.obs.watched = !at_reset;
  // Bounds only the reported number, which is modulo the ring size; rings of two are covered by
  // rx_queue_poll.
  member(CompletionSizeTag{}, w.queue) = 4;
  assume("the ring has four completions or more", w.before.completions.mask >= 3U);
  std::array<Packet, 1> out;
  unsigned loads = 0;
  Wide header{};
  w.device.on_load = [&](const Word&) {
    if (++loads > 2) end_path();  // covered by rx_queue_inside_a_packet
  };
  w.device.on_loaded = [&](const Wide& word) {
    if (loads == 1) header = word;
    // The card has not written the second completion.
    if (loads == 2 && spec::RCD::of<Wide>{word}.DONE() == Wide(w.queue_done(w.next_completion())))
      end_path();
  };
  w.device.on_doorbell = [](RegAddr, const Word&) {};
  // skipped slots: covered by rx_queue_between_packets
  w.pool.on_drop = [](const Word&) { end_path(); };
  w.pool.on_hold = [](const Word&) {};
  w.pool.on_drop_packet = [] { conclude("I4", "there is no packet to free", false); };
  std::uint32_t received = 0;
  if (at_reset)
    w.queue.drop_unread();
  else
    received = w.queue.poll(out);
  conclude("F", "nothing is complete", received == 0 && w.counted().packets == 0);
  const auto& after = w.at();
  const bool kept = after.assembly != World::Assembly{};
  const bool moved = after.headers.window.head != w.before.headers.window.head;
  conclude(
      "F",
      "a returned header buffer, and no payload, is reported to an observer that requests details",
      w.obs.times(TraceEvent::Kind::kCompleted, RingKind::kHpq) ==
              (moved && !at_reset ? 1U : 0U) &&
          w.obs.times(TraceEvent::Kind::kCompleted, RingKind::kPpq) == 0);
  for (const TraceEvent& traced : w.obs.traced) {
    if (traced.kind != TraceEvent::Kind::kCompleted) continue;
    if (traced.which != static_cast<unsigned>(RingKind::kHpq)) continue;
    conclude("F", "with its slot, its number and its ring", [&] {
      return traced.first == w.before.headers.window.head && traced.count == 1U &&
             traced.mask == w.before.headers.window.mask;
    });
  }
  if (w.traced(TraceEvent::Kind::kCompletions) == 1)
    conclude(
        "F", "and of as many completions as were read",
        w.obs.last(TraceEvent::Kind::kCompletions).count == loads - (w.queue.faulted() ? 0U : 1U));
  cover(kept ? "kept" : w.queue.faulted() ? "refused" : "idle");
  conclude("F", "a header begins a packet, and nothing else does",
           kept == (loads == 2 && !w.queue.faulted()));
  if (!kept) return;
  const Packet& packet = member(PartialTag{}, w.queue);
  conclude("F", "the packet that is kept has the header that came", [&] {
    return packet.segment_count == 1U &&
           Wide(packet.length) == spec::RCD_HDR_AL::of<Wide>{header}.LEN();
  });
}

HNI_PROVE(rx_queue_tells_of_a_payload,
          "The payload buffer that was returned with a segment is reported to an observer that "
          "requests details (F).") {
  must_cover("came back", "lent still");
  World w(Stage::kSegments);
  assume("a packet has at most the segments that it has room for",
         member(PartialTag{}, w.queue).segment_count <= kMaxSegments);
  w.obs.watched = true;
  member(CompletionSizeTag{}, w.queue) = 2;
  std::array<Packet, 1> out;
  unsigned loads = 0;
  w.device.on_load = [&](const Word&) {
    if (++loads > 2) end_path();
  };
  w.device.on_loaded = [&](const Wide& word) {
    const spec::RCD::of<Wide> rcd{word};
    // A payload completion, and no valid completion after it.
    if (loads == 1 && rcd.TYPE() != static_cast<std::uint64_t>(spec::RCD_TYPE::PAY_AL)) end_path();
    if (loads == 2 && rcd.DONE() == Wide(w.queue_done(w.next_completion()))) end_path();
  };
  w.device.on_doorbell = [](RegAddr, const Word&) {};
  // skipped slots: covered by rx_queue_inside_a_packet
  w.pool.on_drop = [](const Word&) { end_path(); };
  w.pool.on_hold = [](const Word&) {};
  w.pool.on_drop_packet = [] {};
  (void)w.queue.poll(out);
  const bool moved = w.at().payloads.window.head != w.before.payloads.window.head;
  cover(moved ? "came back" : "lent still");
  conclude("F", "exactly when it came back",
           w.obs.times(TraceEvent::Kind::kCompleted, RingKind::kPpq) == (moved ? 1U : 0U));
  for (const TraceEvent& traced : w.obs.traced) {
    if (traced.kind != TraceEvent::Kind::kCompleted) continue;
    if (traced.which != static_cast<unsigned>(RingKind::kPpq)) continue;
    conclude("F", "with its slot, its number and its ring", [&] {
      return traced.first == w.before.payloads.window.head && traced.count == 1U &&
             traced.mask == w.before.payloads.window.mask;
    });
  }
}

HNI_PROVE(rx_queue_poll_a_whole_lap,
          "A poll that consumes a whole lap, after which the head is unchanged, still "
          "acknowledges it (I5).") {
  must_cover("a whole lap", "more than a lap");
  World w(Stage::kStamped, Word(1), Word(1), Word(7), true);
  w.obs.watched = true;
  member(CompletionSizeTag{}, w.queue) = 2;
  std::array<Packet, 2> out;
  unsigned loads = 0, rung = 0;
  w.device.on_load = [&](const Word&) {
    if (++loads > 3) end_path();
  };
  w.device.on_doorbell = [&](RegAddr, const Word& value) {
    ++rung;
    conclude("I5", "it acknowledges exactly what was read", value == w.at().completions.head);
  };
  w.pool.on_drop_packet = [] {};
  w.pool.on_drop = w.pool.on_hold = [](const Word&) {};
  const std::uint32_t received = w.queue.poll(out);
  if (received == 2) {
    cover("more than a lap");
    conclude("I5", "more than a lap is acknowledged", rung == 1);
  }
  const auto &before = w.before.completions, &after = w.at().completions;
  const bool lap = after.head == before.head && after.done != before.done;
  if (lap && !w.queue.faulted()) {
    cover("a whole lap");
    conclude("I5", "the card is told", rung == 1);
    conclude("F", "and so is who watches: of both completions",
             w.obs.last(TraceEvent::Kind::kCompletions).count == 2U);
  }
}

HNI_PROVE(rx_queue_out_of_service,
          "A queue that is disabled or faulted, or a poll with budget 0, reads nothing; a queue "
          "without memory has nothing unread (I5).") {
  World w(Stage::kBetween, false);
  const bool enabled = input<bool>("enabled"), faulted = input<bool>("faulted");
  const bool wanted = input<bool>("packets are wanted"), memory = input<bool>("memory");
  must_cover("not enabled", "faulted", "not wanted", "no memory");
  w.queue.set_enabled(enabled);
  member(FaultedTag{}, w.queue) = faulted;
  member(CompletionSizeTag{}, w.queue) = 2;
  if (!memory) member(CompletionMemoryTag{}, w.queue).cpu = nullptr;
  w.device.on_load = [&](const Word&) { conclude("I5", "no completion is read", false); };
  w.device.on_doorbell = [&](RegAddr, const Word&) {
    conclude("I5", "no doorbell is rung", false);
  };
  std::array<Packet, 1> out;
  assume("the queue is out of service", !enabled || faulted || !wanted);
  const auto received = w.queue.poll(wanted ? std::span<Packet>(out) : std::span<Packet>());
  cover(faulted ? "faulted" : !enabled ? "not enabled" : "not wanted");
  conclude("I5", "nothing is delivered", received == 0);
  if (faulted || !memory) {
    w.queue.drop_unread();
    if (!faulted) cover("no memory");
  }
  conclude("I5", "nothing is reported", w.obs.traced.empty() && w.counted().reset_drops == 0);
  conclude("I4", "the rings are untouched", [&] {
    return w.at().completions.head == w.before.completions.head &&
           same_ring(w.at().headers.window, w.before.headers.window) &&
           same_ring(w.at().payloads.window, w.before.payloads.window);
  });
}

HNI_PROVE(
    rx_queue_drop_unread,
    "At a reset each packet that the card completed and that was not polled is freed once and "
    "counted, at most one lap; a part of a packet is kept for the teardown (I2, I4, I7, F).") {
  must_cover("idle", "dropped", "errored", "refused", "next packet", "a lap");
  World w(Stage::kStamped);
  const Packet partial = partial_packet(w);
  const bool one = input<bool>("a ring of one completion");
  member(CompletionSizeTag{}, w.queue) = one ? 1 : 2;
  unsigned loads = 0, given_back = 0;
  w.pool.on_drop_packet = [&] { ++given_back; };
  const auto conclude_dropped = [&] {
    const RxCounters& c = w.counted();
    const std::uint64_t faults = w.queue.faulted() ? 1 : 0;
    conclude("I4", "each packet comes back once", given_back == (loads == 0 ? 0U : 1U));
    if (given_back == 1)
      conclude("I4", "it is the one that was under assembly",
               w.pool.dropped_lengths.front() == partial.length);
    conclude("F", "it is counted as dropped by the reset, or for its errors, or as a fault",
             c.reset_drops + c.mac_errors + c.truncated + faults == 1 && c.card_input == faults);
    conclude("F", "a drop is told with the reason",
             w.obs.times(TraceEvent::Kind::kDropped, DropReason::kQueueReset) == c.reset_drops &&
                 w.traced(TraceEvent::Kind::kDropped) == 1);
    conclude("F", "nothing is delivered",
             c.packets == 0 && w.traced(TraceEvent::Kind::kReceived) == 0);
  };
  w.device.on_load = [&](const Word&) {
    if (loads++ == 0) return;
    cover("next packet");
    conclude("I7", "at most one packet for each completion of the ring", !one);
    conclude("I5", "nothing is read after a fault", !w.queue.faulted());
    conclude_dropped();
    end_path();
  };
  w.queue.drop_unread();
  const bool progress = w.at().completions.head != w.before.completions.head;
  conclude("F", "what is there is looked at", loads == 1);
  conclude("I2", "the queue stays valid", [&] { return w.queue.is_valid(); });
  conclude("F", "a fault is remembered, and is a completion that broke a rule",
           w.queue.faulted() == !w.device.refused.empty());
  if (!progress) {
    cover("idle");
    conclude("I4", "a part of a packet is kept", [&] {
      return given_back == 0 && w.at().assembly == w.before.assembly && w.obs.traced.empty() &&
             member(PartialTag{}, w.queue).length == partial.length;
    });
    return;
  }
  conclude_dropped();
  conclude("I4", "no packet is under assembly any more", w.at().assembly == World::Assembly{});
  if (w.queue.faulted()) return cover("refused");
  cover("a lap");
  conclude("I7", "it ends after a lap", one);
  cover(w.counted().reset_drops == 1 ? "dropped" : "errored");
}

HNI_PROVE(rx_queue_refill,
          "Refilling posts whole pages: each buffer descriptor is written to a free slot and has "
          "that slot's number, and one doorbell per ring hands over exactly those (I1, I3, I5).") {
  must_cover("lent", "pool empty");
  World w(Stage::kBetween);
  const auto before = w.before;
  std::array<std::vector<Word>, 2> written;
  unsigned lent = 0;
  std::array<unsigned, 2> rung{};
  const auto slot = input<std::uint32_t>("any slot");
  w.pool.per_page = input<bool>("pages of two fragments") ? 2 : 1;
  w.pool.pages = 2;
  const auto ring_of = [&](unsigned which) -> const WorkRing<Word>& {
    return which == 0 ? before.headers.window : before.payloads.window;
  };
  w.io.on_store_wide = [&](const SymPointer& at, const Wide& value) {
    const unsigned which = at.base == ring_memory[1].data() ? 1 : 0;
    conclude("I1", "a buffer descriptor is written inside its ring",
             at.slot <= ring_of(which).mask);
    conclude("I3", "only into a slot of the driver",
             [&] { return !ring_of(which).owned_by_card(at.slot); });
    const spec::BD::of<Wide> bd{value};
    conclude("I4", "it carries the number of its slot", bd.ID() == Wide(at.slot));
    const std::uint32_t page = 16 * (2 - lent / w.pool.per_page);
    conclude("I4", "it posts the fragments of each page that was taken, in order",
             bd.ADDR_4K() == page + lent % w.pool.per_page);
    const Word remembered = w.lent(which == 0).slots.at(at.slot);
    conclude("I4", "the slot remembers the fragment", Wide(remembered) == bd.ADDR_4K());
    ++lent;
    written[which].push_back(at.slot);
  };
  w.device.on_doorbell = [&](RegAddr reg, const Word& value) {
    const unsigned which = reg == spec::QUEUE_BDQ_PPQ_TAIL::at(kQueue) ? 1 : 0;
    const auto& ring = ring_of(which);
    conclude("I5", "the doorbell is that of a buffer ring",
             which == 1 || reg == spec::QUEUE_BDQ_HPQ_TAIL::at(kQueue));
    conclude("I5",
             "every slot that it hands over was written, and every slot that was written is "
             "handed over",
             [&] {
               const bool handed_over = slot <= ring.mask && ring.distance(ring.tail, slot) <
                                                                 ring.distance(ring.tail, value);
               Sym<bool> any = false;
               for (const Word& s : written[which]) any = any | (s == slot);
               return any == handed_over;
             });
    ++rung[which];
  };
  w.queue.refill();
  unsigned empty = 0;
  for (unsigned which = 0; which < 2; ++which) {
    const RingKind kind = which == 0 ? RingKind::kHpq : RingKind::kPpq;
    const auto n = static_cast<std::uint32_t>(written[which].size());
    conclude("I5", "one doorbell a ring, if anything was written",
             rung[which] == (n == 0 ? 0U : 1U));
    conclude("F", "it is told at the start and at the end, when a page fits", [&] {
      const unsigned due = ring_of(which).free() < w.pool.per_page ? 0 : 1;
      return w.obs.times(TraceEvent::Kind::kRefillStarted, kind) == due &&
             w.obs.times(TraceEvent::Kind::kRefilled, kind) == due;
    });
    const Word free = ring_of(which).free() - n;
    empty += w.obs.times(TraceEvent::Kind::kRefillEmpty, kind);
    conclude("F", "lending ends when no page fits, or the pool has none", [&] {
      return w.obs.times(TraceEvent::Kind::kRefillEmpty, kind) ==
                 (free < w.pool.per_page ? 0U : 1U) &&
             (free < w.pool.per_page || w.pool.pages == 0);
    });
  }
  for (const TraceEvent& traced : w.obs.traced) {
    const unsigned which = traced.which == static_cast<unsigned>(RingKind::kHpq) ? 0 : 1;
    const auto n = static_cast<std::uint32_t>(written[which].size());
    conclude("F", "with its first slot, its length and its ring", [&]() -> bool {
      if (traced.kind == TraceEvent::Kind::kRefillEmpty)
        return traced.first == ring_of(which).free() - n;
      if (traced.kind == TraceEvent::Kind::kRefillStarted)
        return traced.first == ring_of(which).tail && traced.count == ring_of(which).free();
      return traced.first == ring_of(which).tail && traced.count == n &&
             traced.mask == ring_of(which).mask;
    });
  }
  conclude("F", "doorbells and an empty pool are counted",
           w.counted().doorbells == rung[0] + rung[1] && w.counted().refill_empty == empty);
  if (w.pool.pages == 0) cover("pool empty");
  if (rung[0] + rung[1] > 0) cover("lent");
  conclude("I2", "the queue stays valid", [&] { return w.queue.is_valid(); });
}

HNI_PROVE(rx_queue_reclaim,
          "At teardown every posted buffer is freed exactly once, in order, and so is the packet "
          "under assembly; then no buffer is posted (I1 to I4, I7).") {
  must_cover("next turn", "other ring", "packet", "nothing lent");
  const bool assembling = input<bool>("packet under assembly");
  World w(assembling ? Stage::kSegments : Stage::kBetween);
  const Packet partial = partial_packet(w);
  const bool second = input<bool>("headers are back");
  if (second) assume("the headers are back", [&] { return w.before.headers.window.empty(); });
  const WorkRing<Word> ring = second ? w.before.payloads.window : w.before.headers.window;
  auto& lent = w.lent(!second);
  auto& other = w.lent(second);
  const Word held = lent.slots.at(ring.head);
  unsigned drops = 0, packets = 0;
  w.pool.on_drop = [&](const Word& fragment) {
    conclude("I4", "the fragment is the one that was posted", fragment == held);
    conclude("I4", "it comes back once", drops++ == 0);
  };
  w.pool.on_drop_packet = [&] {
    conclude("I4", "the packet under assembly comes back once", assembling && packets++ == 0);
    conclude("I4", "it is that one", w.pool.dropped_lengths.front() == partial.length);
  };
  lent.slots.on_access = [&](const Word& index) {
    conclude("I4", "only slots of the card are looked at",
             [&] { return ring.owned_by_card(index); });
    if (index == ring.head) return;
    cover("next turn");
    conclude("I4", "one after the other", index == ring.advance(ring.head, Word(1)));
    conclude("I4", "each came back", drops == 1);
    conclude("I7", "fewer are left with each one",
             ring.distance(index, ring.tail) < ring.distance(ring.head, ring.tail));
    end_path();
  };
  other.slots.on_access = [&](const Word&) {
    cover("other ring");
    conclude("I4", "the headers come back first, all of them",
             [&] { return !second && w.queue.headers().window.empty(); });
    end_path();
  };
  w.queue.reclaim();
  cover(packets == 1 ? "packet" : "nothing lent");
  conclude("I2", "the queue stays valid", [&] { return w.queue.is_valid(); });
  conclude("I4", "no buffer is posted any more",
           [&] { return w.queue.headers().window.empty() && w.queue.payloads().window.empty(); });
  conclude("I4", "what was posted is freed", [&] { return (drops == 1) == !ring.empty(); });
  conclude("I4", "no packet is under assembly any more",
           (packets == 1) == assembling && w.at().assembly == World::Assembly{});
  conclude("F", "it is counted and told as dropped by the reset",
           w.counted().reset_drops == packets &&
               w.obs.times(TraceEvent::Kind::kDropped, DropReason::kQueueReset) == packets);
}

}  // namespace hni::proofs
