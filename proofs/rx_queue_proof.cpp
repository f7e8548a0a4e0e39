// SPDX-License-Identifier: Apache-2.0
// RxQueue itself: what it reads, what it takes for a packet, what it gives back and what it lends
// again, from an arbitrary valid state of its three rings and of the packet under assembly.
#include "driver/rx_queue.hpp"

#include <array>
#include <vector>

#include "proofs/queue_world.hpp"

namespace hni::proofs {
namespace {

using Queue = RxQueue<SymIo, SymObserver>;
using Packet = SymWords::Packet;

// See tx_queue_proof.cpp.
template <class Tag, auto kMember>
struct Grant {
  friend auto& member(Tag, Queue& queue) { return queue.*kMember; }
};
struct PositionTag {
  friend auto& member(PositionTag, Queue&);
};
struct HeadersTag {
  friend auto& member(HeadersTag, Queue&);
};
struct PayloadsTag {
  friend auto& member(PayloadsTag, Queue&);
};
template struct Grant<PositionTag, &Queue::at_>;
template struct Grant<HeadersTag, &Queue::headers_>;
template struct Grant<PayloadsTag, &Queue::payloads_>;

/// assemble(): as the number of its verdict.
template <class Tag, auto kFunction>
struct GrantAssemble {
  friend unsigned call(Tag, Queue& queue, auto& at, const std::uint64_t* words, Packet& packet) {
    return static_cast<unsigned>((queue.*kFunction)(at, words, packet));
  }
};
struct AssembleTag {
  friend unsigned call(AssembleTag, Queue&, auto& at, const std::uint64_t* words, Packet&);
};
template struct GrantAssemble<AssembleTag, &Queue::assemble>;
enum Verdict : unsigned { kNothing, kTaken, kDelivered, kDropped, kRefused };

std::uint64_t ring_memory[3];

/// Where the completions are in the grammar HDR_AL PAY_AL* OPT_META? META.
enum class Stage : std::uint8_t { kBetween, kSegments, kStamped };

/// A queue in any valid state, in a given stage of the grammar.
struct World {
  SymIo io;
  SymObserver obs;
  Door<SymIo, SymObserver> door{io, obs};
  SymPool pool;
  Queue queue{door, pool};

  explicit World(Stage stage) {
    const Word mask = any_mask();
    const auto any_buffers = [&](const std::string& n, std::uint32_t first) {
      const auto any = [&](const char* what) { return input<std::uint32_t>(n + what); };
      return BufferRing<Word>{
          {any(" head"), any(" tail"), mask}, any(" next offset"), Word(first)};
    };
    auto& at = member(PositionTag{}, queue);
    at.completions = {input<std::uint32_t>("completion head"),
                      input<std::uint32_t>("completion done"), mask};
    at.headers = any_buffers("headers", kHeadRoom);
    at.payloads = any_buffers("payloads", 0);
    at.assembly = static_cast<decltype(at.assembly)>(stage);
    for (auto* lent : {&member(HeadersTag{}, queue), &member(PayloadsTag{}, queue)})
      lent->slots.mask = mask;
    member(HeadersTag{}, queue).memory.cpu = reinterpret_cast<std::byte*>(&ring_memory[0]);
    member(PayloadsTag{}, queue).memory.cpu = reinterpret_cast<std::byte*>(&ring_memory[1]);
    queue.set_enabled(true);
    assume("the queue is valid", [&] { return queue.is_valid(); });
  }
};

/// One step of the assembly from any state of a stage: up to the second completion.
class AssemblyProof {
 public:
  AssemblyProof(Stage stage, std::uint32_t segments)
      : w_(stage),
        header_(stage == Stage::kBetween),
        stage_(stage),
        old_segments_(header_ ? 0 : segments),
        before_(member(PositionTag{}, w_.queue)),
        at_(before_) {
    packet_.segment_count = segments;
    packet_.length = input<std::uint32_t>("packet length");
    w_.pool.on_drop = [this](const Word& fragment) { skipped_slot(fragment); };
    w_.pool.on_hold = [this](const Word& fragment) { held_.push_back(fragment); };
    w_.pool.on_drop_packet = [] { reach("packet dropped"); };
    w_.door.on_load = [this](const Word& slot) { load(slot); };
  }

  void run() {
    const unsigned verdict = call(AssembleTag{}, w_.queue, at_, &ring_memory[2], packet_);
    conclude_sound();
    const Word consumed =
        (at_.completions.head - before_.completions.head) & before_.completions.mask;
    if (verdict == kRefused) return reach("refused");
    reach(verdict == kNothing ? "nothing" : verdict == kDelivered ? "delivered" : "errored");
    conclude("I8", "a completion that is not there is not consumed, and one ends the packet",
             consumed == (verdict == kNothing ? 0U : 1U));
    conclude("I3", "a packet ends only behind its header", verdict == kNothing || !header_);
    conclude("I4", "neither moves a buffer", [&] {
      return same_ring(at_.headers.ring, before_.headers.ring) &&
             same_ring(at_.payloads.ring, before_.payloads.ring);
    });
  }

 private:
  const BufferRing<Word>& mine() const { return header_ ? at_.headers : at_.payloads; }
  const BufferRing<Word>& mine_before() const {
    return header_ ? before_.headers : before_.payloads;
  }
  /// Slots that left the ring that this stage is about.
  Word gone() const { return mine().ring.distance(mine_before().ring.head, mine().ring.head); }

  /// A slot that the card passed over comes back. The second one does as the first.
  void skipped_slot(const Word& fragment) {
    if (!dropped_.empty()) {
      conclude("I2", "the ring stays valid while slots are skipped",
               [&] { return mine().is_valid(); });
      conclude("I7", "fewer are lent with each one",
               mine().ring.used() < mine_before().ring.used());
      cut();
    }
    dropped_.push_back(fragment);
  }

  void load(const Word& slot) {
    const auto& ring = before_.completions;
    conclude("I1", "a completion is read inside its ring", slot <= ring.mask);
    conclude("I8", "each completion is read once: the next one is read next",
             slot == (loads_ == 0 ? ring.head : Word((ring.head + 1U) & ring.mask)));
    if (loads_++ == 0) return;
    reach("next completion");
    conclude_sound();
    const bool added = packet_.segment_count == old_segments_ + 1;
    const bool stamped = at_.assembly == static_cast<decltype(at_.assembly)>(Stage::kStamped);
    conclude("I7", "each turn adds a segment, or the one time stamp of a packet",
             added ? !stamped
                   : !header_ && stamped && stage_ == Stage::kSegments &&
                         packet_.segment_count == old_segments_);
    conclude("I1", "never more segments than a packet has room for",
             packet_.segment_count <= kMaxSegments);
    if (added) conclude_segment(packet_.segments[packet_.segment_count - 1]);
    cut();
  }

  void conclude_sound() {
    const auto& other = header_ ? at_.payloads : at_.headers;
    const auto& other_before = header_ ? before_.payloads : before_.headers;
    const auto skipped = static_cast<std::uint32_t>(dropped_.size());
    conclude("I2", "all three rings are valid", [&] {
      return at_.completions.is_valid() && at_.headers.is_valid() && at_.payloads.is_valid();
    });
    conclude("I4", "nothing is posted", [&] {
      return at_.headers.ring.tail == before_.headers.ring.tail &&
             at_.payloads.ring.tail == before_.payloads.ring.tail;
    });
    conclude("I3", "the other ring is untouched", [&] {
      return same_ring(other.ring, other_before.ring) &&
             other.next_offset == other_before.next_offset;
    });
    conclude("I4",
             "a slot leaves the ring only to be dropped or to hand its fragment to the packet",
             [&] { return gone() >= skipped && gone() <= skipped + 1U; });
  }

  void conclude_segment(const SymSegment& s) {
    const bool handed_over = held_.empty();
    const auto skipped = static_cast<std::uint32_t>(dropped_.size());
    conclude("I1", "the segment lies inside its fragment",
             [&] { return s.offset + s.length <= 4096; });
    conclude("I1", "it is not empty", s.length != 0);
    if (header_) conclude("I1", "a header leaves its head room", Word(s.offset) >= kHeadRoom);
    conclude("I4", "its fragment is held once more, or handed over with its slot",
             gone() == skipped + (handed_over ? 1U : 0U));
    conclude("I4", "it is held at most once more", held_.size() <= 1);
    if (!handed_over) {
      conclude("I4", "the held fragment is that of the segment", held_[0] == s.fragment.number);
      conclude("I4", "later data begins behind it",
               mine().next_offset >= Word(s.offset) + Word(s.length));
    }
    if (skipped == 0) {
      conclude("I4", "it lies behind all that was delivered from the fragment",
               Word(s.offset) >= mine_before().next_offset);
    }
  }

  World w_;
  bool header_;
  Stage stage_;
  std::uint32_t old_segments_;
  std::remove_reference_t<decltype(member(PositionTag{}, std::declval<Queue&>()))> before_, at_;
  Packet packet_;
  std::vector<Word> dropped_, held_;
  unsigned loads_ = 0;
};

}  // namespace

HNI_PROVE(rx_queue_between_packets,
          "Between packets only a header is taken: a slot that the card owns, a place inside its "
          "fragment and behind all earlier data; "
          "skipped slots come back once each (I1 to I4, I6 to I8).") {
  must_reach("nothing", "refused", "next completion");
  AssemblyProof(Stage::kBetween, 0).run();
}

HNI_PROVE(rx_queue_inside_a_packet,
          "Inside a packet payloads are taken by the same rules, up to the room of a packet, then "
          "one time stamp, then the end; "
          "anything else is refused (I1 to I4, I6 to I8).") {
  must_reach("nothing", "refused", "next completion", "delivered", "errored", "packet dropped");
  const auto kind = input<std::uint8_t>("segments so far");
  const std::uint32_t segments = kind == 0 ? 1 : kind == 1 ? kMaxSegments - 1 : kMaxSegments;
  AssemblyProof(Stage::kSegments, segments).run();
}

HNI_PROVE(rx_queue_behind_the_stamp,
          "Behind the time stamp of a packet only its end is taken (I2 to I4, I8).") {
  must_reach("nothing", "refused", "delivered", "errored", "packet dropped");
  AssemblyProof(Stage::kStamped, 1).run();
}

HNI_PROVE(rx_queue_poll,
          "A poll delivers at most what was asked for, keeps a packet under assembly, and tells "
          "the card exactly how far it read, "
          "after lending it buffers again (I2, I5, I7).") {
  must_reach("idle", "delivered", "dropped", "refused");
  World w(Stage::kStamped);  // the last completion of a packet: one turn of the poll
  const auto before = member(PositionTag{}, w.queue);
  const Word next = (before.completions.head + 1U) & before.completions.mask;
  std::array<Packet, 1> out;
  unsigned loads = 0, rung = 0;
  w.door.on_load = [&](const Word&) {
    conclude("I7", "no more completions than the packets that are missing need", loads++ == 0);
  };
  w.door.on_doorbell = [&](RegAddr reg, const Word& value) {
    ++rung;
    conclude("I5", "the doorbell is that of the completion ring",
             reg == spec::QUEUE_RCQ_HEAD::at(0));
    conclude("I5", "it acknowledges exactly what was read", value == next);
  };
  w.pool.on_drop_packet = [] {};
  const std::uint32_t received = w.queue.poll(out);
  const auto& after = member(PositionTag{}, w.queue);
  conclude("I7", "at most what was asked for", received <= out.size());
  conclude("I2", "the queue stays valid", [&] { return w.queue.is_valid(); });
  const bool faulted = w.queue.faulted();
  const bool progress = after.completions.head != before.completions.head;
  reach(received == 1 ? "delivered" : faulted ? "refused" : progress ? "dropped" : "idle");
  conclude("I5", "the card is told exactly when something was read and nothing is wrong",
           (rung == 1) == (progress && !faulted));
  conclude("I4", "an unfinished packet is kept, a finished one is not",
           (after.assembly == decltype(after.assembly){}) == (progress || faulted));
}

HNI_PROVE(rx_queue_refill,
          "Refilling lends whole pages: each buffer descriptor is written into a free slot and "
          "carries that slot's number, and one "
          "doorbell a ring hands over exactly those (I1, I3, I5).") {
  must_reach("lent", "pool empty");
  World w(Stage::kBetween);
  const auto before = member(PositionTag{}, w.queue);
  std::array<std::vector<Word>, 2> written;
  std::array<unsigned, 2> rung{};
  const auto slot = input<std::uint32_t>("any slot");
  w.pool.per_page = input<bool>("pages of two fragments") ? 2 : 1;
  w.pool.pages = 2;
  const auto ring_of = [&](unsigned which) -> const WorkRing<Word>& {
    return which == 0 ? before.headers.ring : before.payloads.ring;
  };
  w.io.on_store_wide = [&](const SymPointer& at, const Wide& value) {
    const unsigned which = at.base == &ring_memory[1] ? 1 : 0;
    conclude("I1", "a buffer descriptor is written inside its ring",
             at.slot <= ring_of(which).mask);
    conclude("I3", "only into a slot of the driver",
             [&] { return !ring_of(which).owned_by_card(at.slot); });
    conclude("I4", "it carries the number of its slot", (value >> 48) == Wide(at.slot));
    written[which].push_back(at.slot);
  };
  w.door.on_doorbell = [&](RegAddr reg, const Word& value) {
    const unsigned which = reg == spec::QUEUE_BDQ_PPQ_TAIL::at(0) ? 1 : 0;
    const auto& ring = ring_of(which);
    conclude("I5", "the doorbell is that of a buffer ring",
             which == 1 || reg == spec::QUEUE_BDQ_HPQ_TAIL::at(0));
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
  for (unsigned which = 0; which < 2; ++which) {
    conclude("I5", "one doorbell a ring, if anything was written",
             rung[which] == (written[which].empty() ? 0U : 1U));
  }
  if (w.pool.pages == 0) reach("pool empty");
  if (rung[0] + rung[1] > 0) reach("lent");
  conclude("I2", "the queue stays valid", [&] { return w.queue.is_valid(); });
}

HNI_PROVE(rx_queue_reclaim,
          "At teardown every buffer that is lent comes back exactly once, in order, and so does "
          "the packet under assembly; then nothing is lent (I1 to I4, I7).") {
  must_reach("next turn", "other ring", "packet", "nothing lent");
  const bool assembling = input<bool>("packet under assembly");
  World w(assembling ? Stage::kSegments : Stage::kBetween);
  const bool second = input<bool>("headers are back");
  const auto before = member(PositionTag{}, w.queue);
  if (second) assume("the headers are back", [&] { return before.headers.ring.empty(); });
  const WorkRing<Word> ring = second ? before.payloads.ring : before.headers.ring;
  auto& lent = second ? member(PayloadsTag{}, w.queue) : member(HeadersTag{}, w.queue);
  auto& other = second ? member(HeadersTag{}, w.queue) : member(PayloadsTag{}, w.queue);
  const Word held = lent.slots.at(ring.head);
  unsigned drops = 0, packets = 0;
  w.pool.on_drop = [&](const Word& fragment) {
    conclude("I4", "the fragment is the one that was lent", fragment == held);
    conclude("I4", "it comes back once", drops++ == 0);
  };
  w.pool.on_drop_packet = [&] {
    conclude("I4", "the packet under assembly comes back once", assembling && packets++ == 0);
  };
  lent.slots.on_access = [&](const Word& index) {
    conclude("I4", "only slots of the card are looked at",
             [&] { return ring.owned_by_card(index); });
    if (index == ring.head) return;
    reach("next turn");
    conclude("I4", "one after the other", index == ring.advance(ring.head, Word(1)));
    conclude("I4", "each came back", drops == 1);
    conclude("I7", "fewer are left with each one",
             ring.distance(index, ring.tail) < ring.distance(ring.head, ring.tail));
    cut();
  };
  other.slots.on_access = [&](const Word&) {
    reach("other ring");
    conclude("I4", "the headers come back first, all of them",
             [&] { return !second && w.queue.headers().ring.empty(); });
    cut();
  };
  w.queue.reclaim();
  reach(packets == 1 ? "packet" : "nothing lent");
  conclude("I2", "the queue stays valid", [&] { return w.queue.is_valid(); });
  conclude("I4", "nothing is lent any more",
           [&] { return w.queue.headers().ring.empty() && w.queue.payloads().ring.empty(); });
  conclude("I4", "what was lent came back", [&] { return (drops == 1) == !ring.empty(); });
  conclude("I4", "no packet is under assembly any more", (packets == 1) == assembling);
}

}  // namespace hni::proofs
