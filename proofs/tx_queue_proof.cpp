// SPDX-License-Identifier: Apache-2.0
// TxQueue itself: what it writes into ring memory, when it rings, what it reads and what it gives
// back, from an arbitrary valid state of its three rings.
#include "driver/tx_queue.hpp"

#include <array>
#include <span>
#include <vector>

#include "proofs/queue_world.hpp"

namespace hni::proofs {
namespace {

using Queue = TxQueue<SymIo, SymObserver>;

// The queue's state is private, and a proof starts from any of its states. Explicit instantiation
// may name private members; the functions that it defines hand them out.
template <class Tag, auto kMember>
struct Grant {
  friend auto& member(Tag, Queue& queue) { return queue.*kMember; }
};
struct WorkTag {
  friend auto& member(WorkTag, Queue&);
};
struct CompletionsTag {
  friend auto& member(CompletionsTag, Queue&);
};
struct CookiesTag {
  friend auto& member(CookiesTag, Queue&);
};
struct StampsTag {
  friend auto& member(StampsTag, Queue&);
};
// give_back(), for either work queue.
template <class Tag, auto kFunction>
struct GrantCall {
  friend void member(Tag, Queue& queue, auto& work) { (queue.*kFunction)(work, RingKind::kTwq0); }
};
struct GiveBackTag {
  friend void member(GiveBackTag, Queue&, auto& work);
};
template struct GrantCall<GiveBackTag, &Queue::give_back>;
template struct Grant<WorkTag, &Queue::work_>;
template struct Grant<CompletionsTag, &Queue::completions_>;
template struct Grant<CookiesTag, &Queue::cookies_>;
template struct Grant<StampsTag, &Queue::stamps_pending_>;

std::uint64_t ring_memory[3];

/// A queue in any valid state, with all that it touches.
struct World {
  SymIo io;
  SymObserver obs;
  Door<SymIo, SymObserver> door{io, obs};
  SymPool pool;
  Queue queue{door, pool};

  World() {
    const Word mask = any_mask();
    for (unsigned twq = 0; twq < 2; ++twq) {
      const std::string n = std::to_string(twq);
      auto& work = member(WorkTag{}, queue)[twq];
      work.ring = {{input<std::uint32_t>("head" + n), input<std::uint32_t>("tail" + n), mask},
                   input<std::uint32_t>("done" + n)};
      work.slots.mask = mask;
      work.memory.cpu = reinterpret_cast<std::byte*>(&ring_memory[twq]);
    }
    member(CompletionsTag{}, queue) = {input<std::uint32_t>("completion head"),
                                       input<std::uint32_t>("completion done"), mask};
    member(CookiesTag{}, queue).mask = mask;
    member(StampsTag{}, queue) = input<std::uint32_t>("stamps pending");
    queue.set_enabled(true);
    assume("the queue is valid", [&] { return queue.is_valid(); });
  }
};

Packet packet_of(std::uint32_t segments, std::uint32_t first_fragment, bool stamp) {
  Packet packet;
  packet.segment_count = segments;
  packet.length = 64 * segments;
  for (std::uint32_t i = 0; i < segments; ++i)
    packet.segments[i] = {FragmentId{first_fragment + i}, static_cast<std::uint16_t>(16 * i), 64};
  if (stamp) packet.tx.flags = TxOffload::kTimestamp;
  return packet;
}

/// Watches what a burst writes. The claims: descriptors go only into slots that the card does not
/// own, and a doorbell hands over exactly what was written.
struct BurstWatch {
  BurstWatch(World& world, unsigned work_queue)
      : w(world), twq(work_queue), published(world.queue.ring(work_queue).ring) {
    w.io.on_store = [this](const SymPointer& at, std::uint64_t word) { store(at, word); };
    w.door.on_doorbell = [this](RegAddr reg, const Word& value) { ring_doorbell(reg, value); };
  }

  void store(const SymPointer& at, std::uint64_t word) {
    conclude("I1", "a descriptor is written inside its ring", at.slot <= published.mask);
    conclude("I1", "into the memory of its own ring", at.base == &ring_memory[twq]);
    conclude("I3", "only into a slot of the driver",
             [&] { return !published.owned_by_card(at.slot); });
    conclude("I5", "nothing is written after the doorbell", !rung);
    written.push_back(at.slot);
    words.push_back(word);
  }

  void ring_doorbell(RegAddr reg, const Word& value) {
    const Word slot = input<std::uint32_t>("any slot");
    conclude("I5", "the doorbell is that of the ring",
             reg == (twq == 0 ? spec::QUEUE_TWQ0_TAIL::at(0) : spec::QUEUE_TWQ1_TAIL::at(0)));
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
  std::vector<Word> written;
  std::vector<std::uint64_t> words;
  bool rung = false;
};

/// The descriptors of some packets, in the order in which they are written: metadata on work queue
/// 0, then each segment; at last the last metadata once more, which asks for the completion.
std::vector<std::uint64_t> descriptors_of(std::span<const Packet> packets, unsigned twq) {
  std::vector<std::uint64_t> words;
  std::uint64_t last_meta = 0;
  for (const Packet& p : packets) {
    if (p.segment_count == 0) continue;
    const bool stamp = p.tx.flags != 0;
    last_meta = spec::TWD_META{}.set_DEST_MAC(1).set_REQ_TS(stamp ? 1 : 0).raw;
    if (twq == 0) words.push_back(last_meta);
    for (std::uint32_t i = 0; i < p.segment_count; ++i) {
      const Segment& s = p.segments[i];
      const bool last = i + 1 == p.segment_count;
      const auto type = last ? spec::TWD_TYPE::LAST_AL : spec::TWD_TYPE::AL;
      words.push_back(spec::TWD_AL{}
                          .set_ADDR(std::uint64_t{raw(s.fragment)} * kFragmentBytes + s.offset)
                          .set_LEN(s.length)
                          .set_TYPE(static_cast<std::uint64_t>(type))
                          .raw);
    }
  }
  if (twq == 0 && !words.empty())
    words.push_back(spec::TWD_META{last_meta}.set_REQ_COMPLETION(1).raw);
  return words;
}

/// A burst of up to two packets of 1 to 3 segments, with or without a timestamp.
void prove_burst(unsigned twq) {
  World w;
  BurstWatch watch(w, twq);
  const auto choice = input<std::uint8_t>("kind of burst");
  std::vector<Packet> packets;
  if (choice == 0) {
    packets = {packet_of(1, 7, false)};
  } else if (choice == 1) {
    packets = {packet_of(2, 7, false), packet_of(1, 11, twq == 0)};
  } else if (choice == 2) {
    packets = {packet_of(3, 7, false)};
  } else {
    packets = {packet_of(0, 7, false)};  // not describable
  }
  must_reach("posted", "no room");
  const auto before = w.queue.ring(twq);
  const auto other = w.queue.ring(1 - twq);
  const std::uint32_t taken = twq == 0 ? w.queue.burst(packets) : w.queue.burst_plain(packets);
  const auto& after = w.queue.ring(twq);
  reach(watch.rung ? "posted" : taken == 0 ? "no room" : "dropped");
  show(after.ring);
  conclude("I2", "the queue stays valid", [&] { return w.queue.is_valid(); });
  conclude("I5", "what was written was handed over", watch.rung == !watch.written.empty());
  conclude("F", "the descriptors say what the packets are, and the last one asks for a completion",
           watch.words == descriptors_of({packets.data(), taken}, twq));
  conclude("I4", "nothing came back",
           [&] { return after.ring.head == before.ring.head && after.done == before.done; });
  conclude("I4", "the other work queue is untouched", [&] {
    const auto& now = w.queue.ring(1 - twq);
    return same_ring(now.ring, other.ring) && now.done == other.done;
  });
  if (!watch.rung)
    conclude("I2", "without a doorbell nothing was posted", after.ring.tail == before.ring.tail);
  if (taken == packets.size()) return;
  const std::uint32_t needed = packets[taken].segment_count + (twq == 0 ? 1 : 0);
  conclude("I2", "a packet waits only if there is no room for it", after.ring.free() < needed);
}

}  // namespace

HNI_PROVE(
    tx_queue_burst,
    "A burst writes the descriptors of its packets only into free slots of its own ring, and "
    "then one doorbell hands over exactly those (I1 to I5, F).") {
  prove_burst(0);
}

HNI_PROVE(tx_queue_burst_plain,
          "The same for frames without metadata on work queue 1 (I1 to I5).") {
  prove_burst(1);
}

HNI_PROVE(tx_queue_poll,
          "A poll reads each completion once, within its budget, believes no head outside of what "
          "is posted, and tells the card "
          "exactly how far it read (I1, I2, I4 to I8).") {
  World w;
  const auto budget = input<std::uint32_t>("budget");
  must_reach("nothing", "acknowledged", "next turn", "fault");
  const auto completions = member(CompletionsTag{}, w.queue);
  const Word next_completion = (completions.head + 1U) & completions.mask;
  const std::array<TxRing<Word>, 2> before{w.queue.ring(0), w.queue.ring(1)};
  const auto conclude_sound = [&] {
    conclude("I2", "the queue is valid after each completion", [&] { return w.queue.is_valid(); });
    conclude("I4", "a completion posts nothing and gives nothing back", [&] {
      return same_ring(w.queue.ring(0).ring, before[0].ring) &&
             same_ring(w.queue.ring(1).ring, before[1].ring);
    });
  };
  unsigned loads = 0;
  w.door.on_load = [&](const Word& slot) {
    conclude("I1", "a completion is read inside its ring", slot <= completions.mask);
    conclude("I7", "never more completions than the budget", budget > loads);
    conclude("I8", "each completion is read once: the next one is read next",
             slot == (loads == 0 ? completions.head : next_completion));
    if (loads++ == 0) return;
    // What the second turn does is what a first turn does from this state, which is valid.
    reach("next turn");
    conclude("I4", "nothing is read behind a completion that broke a rule", !w.queue.faulted());
    conclude_sound();
    cut();
  };
  w.door.on_doorbell = [&](RegAddr reg, const Word& value) {
    // What follows is give_back() for either work queue: tx_queue_give_back.
    reach("acknowledged");
    if (w.queue.faulted()) reach("fault");
    conclude("I5", "the doorbell is that of the completion ring",
             reg == spec::QUEUE_TCQ_HEAD::at(0));
    conclude("I5", "it acknowledges exactly what was read", value == next_completion);
    conclude_sound();
    cut();
  };
  for (unsigned twq = 0; twq < 2; ++twq) {
    // One look for the packet boundary, or the first turn of the search for a timestamp
    // (tx_ring_accept_stamp).
    member(WorkTag{}, w.queue)[twq].slots.on_access = [looks = 0](const Word&) mutable {
      if (looks++ != 0) cut();
    };
  }
  const Word read = w.queue.poll(budget);
  reach("nothing");
  conclude("I7", "without a doorbell nothing was read", read == 0U);
  conclude_sound();
}

HNI_PROVE(tx_queue_give_back,
          "What the card is through with is given back slot by slot, in order, each fragment "
          "once, until the first slot that it is "
          "not through with (I1 to I4, I7).") {
  World w;
  must_reach("nothing", "one", "next turn");
  const unsigned twq = input<bool>("second work queue") ? 1 : 0;
  auto& work = member(WorkTag{}, w.queue)[twq];
  const auto before = work.ring;
  const auto oldest = before.ring.head;
  const Word held = work.slots.at(oldest).bits;
  unsigned drops = 0;
  w.pool.on_drop = [&](const Word& fragment) {
    conclude("I4", "the fragment is the one that was posted",
             fragment == (held & TxSlot<Word>::kFragmentMask) - 1U);
    conclude("I4", "it is given back once", drops++ == 0);
  };
  work.slots.on_access = [&](const Word& index) {
    conclude("I4", "only slots of the card are looked at",
             [&] { return before.ring.owned_by_card(index); });
    if (index == oldest) return;
    reach("next turn");
    conclude("I4", "slots come back one after the other",
             index == before.ring.advance(oldest, Word(1)));
    conclude("I7", "fewer are left with each one",
             before.ring.distance(index, before.done) < before.ring.distance(oldest, before.done));
    conclude("I4", "a slot that held a fragment gave it back",
             [&] { return (drops == 1) == ((held & TxSlot<Word>::kFragmentMask) != 0U); });
    cut();
  };
  member(GiveBackTag{}, w.queue, work);
  const auto& after = work.ring;
  show(after.ring);
  const bool given = after.ring.head != oldest;
  reach(given ? "one" : "nothing");
  conclude("I2", "the queue stays valid", [&] { return w.queue.is_valid(); });
  conclude("I4", "nothing is posted, and what is done stays",
           [&] { return after.ring.tail == before.ring.tail && after.done == before.done; });
  conclude("I4",
           "it comes back exactly when the card is through with it and no timestamp is missing",
           [&] {
             return given == (oldest != before.done && (held & TxSlot<Word>::kStampPending) == 0U);
           });
  conclude("I4", "a slot that stays gives nothing back", given || drops == 0);
}

HNI_PROVE(tx_queue_reclaim,
          "At teardown every slot that is posted comes back exactly once, in order, with its "
          "fragment, whatever the card says; then nothing is posted (I1 to I4, I7).") {
  World w;
  must_reach("next turn", "other work queue", "nothing posted");
  const unsigned twq = input<bool>("work queue 0 is back") ? 1 : 0;
  auto& work = member(WorkTag{}, w.queue)[twq];
  auto& other = member(WorkTag{}, w.queue)[1 - twq];
  if (twq == 1) assume("work queue 0 is back", [&] { return w.queue.ring(0).ring.empty(); });
  const WorkRing<Word> before = work.ring.ring;
  const Word held = work.slots.at(before.head).bits;
  const auto had_fragment = [&] { return (held & TxSlot<Word>::kFragmentMask) != 0U; };
  unsigned drops = 0;
  w.pool.on_drop = [&](const Word& fragment) {
    conclude("I4", "the fragment is the one that was posted",
             fragment == (held & TxSlot<Word>::kFragmentMask) - 1U);
    conclude("I4", "it comes back once", drops++ == 0);
    conclude("I2", "the queue is valid after each slot", [&] { return w.queue.is_valid(); });
  };
  work.slots.on_access = [&](const Word& index) {
    conclude("I4", "only slots of the card are looked at",
             [&] { return before.owned_by_card(index); });
    if (index == before.head) return;
    reach("next turn");
    conclude("I4", "one after the other", index == before.advance(before.head, Word(1)));
    conclude("I4", "a slot that held a fragment gave it back",
             [&] { return (drops == 1) == had_fragment(); });
    conclude("I7", "fewer are left with each one",
             before.distance(index, before.tail) < before.distance(before.head, before.tail));
    cut();
  };
  other.slots.on_access = [&](const Word&) {
    reach("other work queue");
    conclude("I4", "work queue 0 comes back first, all of it",
             [&] { return twq == 0 && w.queue.ring(0).ring.empty(); });
    cut();
  };
  w.queue.reclaim();
  reach("nothing posted");
  conclude("I2", "the queue stays valid", [&] { return w.queue.is_valid(); });
  conclude("I4", "nothing is posted any more",
           [&] { return w.queue.ring(0).ring.empty() && w.queue.ring(1).ring.empty(); });
  conclude("I4", "what was posted came back",
           [&] { return (drops == 1) == (!before.empty() && had_fragment()); });
}

HNI_REFUTE(doorbell_before_the_descriptor, "I5",
           "Known mistake: the doorbell is rung before the last descriptor is written.") {
  World w;
  BurstWatch watch(w, 0);
  auto ring = w.queue.ring(0).ring;
  assume("there is room", [&] { return ring.free() >= 2U; });
  watch.store(static_cast<const std::uint64_t*>(&ring_memory[0]) + ring.post(), 0);
  (void)ring.post();
  watch.ring_doorbell(spec::QUEUE_TWQ0_TAIL::at(0), ring.tail);
}

HNI_REFUTE(
    poll_without_a_budget, "I7",
    "Known mistake: a completion loop runs as long as the card writes (trust boundary A 53).") {
  auto ring = any_completion_ring();
  assume_valid(ring);
  const auto budget = input<std::uint32_t>("budget");
  assume("a budget of at least one", budget != 0U);
  for (unsigned turn = 0; turn < 3; ++turn) {
    conclude("I7", "never more completions than the budget", budget > turn);
    const spec::TCD::of<Wide> word{card_word<std::uint64_t>("tcq_word")};
    if (!(word.DONE() == Wide(ring.done))) return;
    ring.advance();
  }
}

}  // namespace hni::proofs
