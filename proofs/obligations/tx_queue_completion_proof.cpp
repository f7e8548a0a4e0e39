// SPDX-License-Identifier: Apache-2.0
// TxQueue completions: what a poll reads and accepts, what it frees to the pool and when, and what
// it reports, from an arbitrary valid state of its rings.
#include "proofs/obligations/tx_queue_world.hpp"

namespace hni::proofs {
namespace {

HNI_PRIVATE_MEMBER(FreeCompletedTag, &Queue::free_completed);

/// The first completion of a poll, and the queue's reaction to it.
class FirstCompletion {
 public:
  explicit FirstCompletion(World& world) : w_(world) {
    w_.device.on_loaded = [this](const Wide& word) {
      if (loads_++ == 0) word_ = word;
    };
  }

  spec::TCD_TYPE0::of<Wide> heads() const { return {word_}; }
  spec::TCD_TYPE1::of<Wide> stamp() const { return {word_}; }
  bool is_head() const { return heads().TYPE() == 0U; }
  bool is_stamp() const { return heads().TYPE() == 1U && heads().TWQ1() == 0U; }

  void conclude_not_there() const {
    conclude("F", "a completion that the card wrote is not left",
             loads_ == 0 || stamp().DONE() != Wide(w_.completions.done));
  }

  void conclude_accepted() const {
    conclude("F", "only what the card wrote on this lap is taken",
             stamp().DONE() == Wide(w_.completions.done));
    const bool faulted = w_.queue.faulted();
    for (unsigned twq = 0; twq < 2; ++twq) {
      conclude("F", "a work queue is done up to the head that the card names for it", [&] {
        const bool named = is_head() && heads().TWQ1() == twq && !faulted;
        const Wide head = twq == 0 ? heads().HEAD0() : heads().HEAD1();
        return Wide(w_.queue.ring(twq).done) == (named ? head : Wide(w_.before[twq].done));
      });
    }
    if (is_head() && faulted) conclude_wrong_head(heads().TWQ1() != 0U ? 1 : 0);
    conclude("F", "a completion of an unknown kind is a fault, a timestamp is not",
             [&] { return is_head() || faulted != is_stamp(); });
    conclude("F", "what is refused is told once, with site, value and limit",
             [&] { return faulted ? fault_reported() : stamp_reported(); });
  }

 private:
  /// A head is refused only if it lies outside the posted descriptors or inside a packet.
  void conclude_wrong_head(unsigned twq) const {
    const Ring& before = w_.before[twq];
    const Word head(twq == 0 ? heads().HEAD0() : heads().HEAD1());
    auto& slots = w_.work(twq).slots;
    slots.on_access = {};
    if (head > before.window.mask) return;
    const Word n = before.window.distance(before.done, head);
    if (n > before.window.distance(before.done, before.window.tail)) return;
    const Word last = slots.at(before.window.distance(Word(1), head)).bits;
    conclude("F", "a head that keeps the rules is believed",
             [&] { return n != 0U && (last & Slot::kLast) == 0U; });
  }
  bool fault_reported() const {
    if (w_.device.refused.size() != 1) return false;
    const Refused& r = w_.device.refused.front();
    if (!is_head()) return r.site == Site::kTcdType && r.value == heads().TYPE() && r.limit == 1U;
    const bool second = heads().TWQ1() != 0U;
    return r.site == Site::kTcdHead && r.value == (second ? heads().HEAD1() : heads().HEAD0()) &&
           r.limit == Wide(w_.before[second ? 1 : 0].window.tail);
  }
  bool stamp_reported() const {
    if (w_.device.refused.empty()) return true;
    const Refused& r = w_.device.refused.front();
    return w_.device.refused.size() == 1 && is_stamp() && r.site == Site::kTcdTimestamp &&
           r.value == stamp().TS() && r.limit == 0U;
  }

  World& w_;
  Wide word_{};
  unsigned loads_ = 0;
};

}  // namespace

HNI_PROVE(tx_queue_poll,
          "A poll reads each completion once, within its budget, accepts no head outside the "
          "posted descriptors, and acknowledges exactly what it read (I1, I2, I4 to I8, F).") {
  World w;
  const FirstCompletion first(w);
  const auto budget = input<std::uint32_t>("budget");
  must_cover("nothing", "acknowledged", "next turn", "fault");
  const auto conclude_sound = [&] {
    conclude("I2", "the queue is valid after each completion", [&] { return w.queue.is_valid(); });
    conclude("I4", "a completion posts nothing and gives nothing back", [&] {
      return same_ring(w.queue.ring(0).window, w.before[0].window) &&
             same_ring(w.queue.ring(1).window, w.before[1].window);
    });
  };
  unsigned loads = 0;
  w.device.on_load = [&](const Word& slot) {
    conclude("I1", "a completion is read inside its ring", slot <= w.completions.mask);
    conclude("I7", "never more completions than the budget", budget > loads);
    conclude("I8", "each completion is read once: the next one is read next",
             slot == (loads == 0 ? w.completions.head : w.next_completion()));
    if (loads++ == 0) return;
    // The second iteration equals a first iteration from this state, which is valid.
    cover("next turn");
    conclude("I4", "nothing is read after a completion that broke a rule", !w.queue.faulted());
    conclude_sound();
    first.conclude_accepted();
    end_path();
  };
  w.device.on_doorbell = [&](RegAddr reg, const Word& value) {
    // The rest is covered by tx_queue_poll_gives_back.
    cover("acknowledged");
    if (w.queue.faulted()) cover("fault");
    conclude("I5", "the doorbell is that of the completion ring",
             reg == spec::QUEUE_TCQ_HEAD::at(kQueue));
    conclude("I5", "it acknowledges exactly what was read", value == w.next_completion());
    conclude_sound();
    first.conclude_accepted();
    end_path();
  };
  for (unsigned twq = 0; twq < 2; ++twq) {
    // One search for the packet boundary, or the first iteration of the search for a timestamp
    // (tx_ring_accept_stamp).
    w.work(twq).slots.on_access = [looks = 0](const Word&) mutable {
      if (looks++ != 0) end_path();
    };
  }
  const Word read = w.queue.poll(budget);
  cover("nothing");
  conclude("I7", "without a doorbell nothing was read", read == 0U);
  conclude_sound();
  first.conclude_not_there();
}

HNI_PROVE(tx_queue_timestamp,
          "A timestamp belongs to the oldest packet that waits for one; it is stored with that "
          "packet's cookie if it is valid and there is room, otherwise counted as lost; an "
          "unexpected one changes nothing (I2, I4, F).") {
  World w;
  const FirstCompletion first(w);
  must_cover("kept", "lost", "ignored", "next turn", "the oldest", "a later one");
  const auto room = input<std::uint8_t>("kept so far");
  // No stored timestamp, space for one more, no space, and none stored where the counts wrap.
  const std::uint32_t written = room == 0 ? 70 : room == 1 ? 69 : room == 2 ? 70 : ~0U;
  const std::uint32_t read = room == 0 ? 70 : room == 1 || room == 2 ? 6 : ~0U;
  member(WrittenTag{}, w.queue) = written;
  member(ReadTag{}, w.queue) = read;
  auto& cookies = member(CookiesTag{}, w.queue);
  cookies.word = 1234;
  // Any of the oldest three slots may be the one that waits for a timestamp. Later iterations of
  // the search repeat the first three (tx_ring_accept_stamp proves it for any length).
  constexpr std::uint32_t kSlots = 3;
  const WorkRing<Word> ring = w.before[0].window;
  std::array<Word, kSlots> held;
  for (std::uint32_t i = 0; i < kSlots; ++i)
    held[i] = w.work(0).slots.at(ring.advance(ring.head, Word(i))).bits;
  w.device.on_load = [loads = 0](const Word&) mutable {
    if (loads++ != 0) end_path();
  };
  std::uint32_t looks = 0;
  w.work(0).slots.on_access = [&](const Word& index) {
    if (looks == kSlots) cover("next turn"), end_path();
    conclude("F", "the search goes from the oldest slot on, one after the other",
             index == ring.advance(ring.head, Word(looks)));
    ++looks;
  };
  w.device.on_loaded = [&, keep = w.device.on_loaded](const Wide& word) {
    keep(word);
    if (!first.is_stamp()) end_path();
  };
  w.device.on_doorbell = [&](RegAddr, const Word&) {
    const bool answered = w.device.refused.empty();
    w.work(0).slots.on_access = {};
    const Word stamps = member(StampsTag{}, w.queue);
    const TxCounters c = w.counted();
    std::uint32_t first_waiting = kSlots;
    for (std::uint32_t i = kSlots; i-- > 0;) {
      if (Word(i) < ring.used() && (held[i] & Slot::kStampPending) != 0U) first_waiting = i;
    }
    conclude("F", "answered exactly when a slot waits",
             answered == (w.stamps != 0U && first_waiting != kSlots));
    conclude("F", "one fewer waits",
             [&] { return stamps == (answered ? w.stamps - 1U : w.stamps); });
    for (std::uint32_t i = 0; i < kSlots; ++i) {
      conclude("I4", "the oldest that waits is marked as answered, and nothing else changes", [&] {
        if (i > ring.mask) return Sym<bool>(true);  // the same slot again
        const Word now = w.work(0).slots.at(ring.advance(ring.head, Word(i))).bits;
        return now == (answered && i == first_waiting ? held[i] & ~Slot::kStampPending : held[i]);
      });
    }
    if (answered) cover(first_waiting == 0 ? "the oldest" : "a later one");
    const Sym<bool> valid =
        first.stamp().STATUS_TS_INVALID() == 0U && first.stamp().STATUS_ILLEGAL_TS_REQ() == 0U;
    const bool kept = answered && valid && room != 2;
    const bool lost = answered && !kept;
    cover(kept ? "kept" : lost ? "lost" : "ignored");
    conclude("F", "counted as kept, lost, or neither",
             c.timestamps == (kept ? 1U : 0U) && c.timestamps_lost == (lost ? 1U : 0U));
    conclude("F", "kept exactly then", member(WrittenTag{}, w.queue) == written + (kept ? 1 : 0));
    if (kept) {
      member(ReadTag{}, w.queue) = written;
      const auto stamp = w.queue.next_timestamp();
      conclude("F", "with the cookie of its packet and the card's time",
               stamp && stamp->cookie == 1234 &&
                   stamp->time_ns == SymWords::number(first.stamp().TS()));
      conclude("F", "the cookie is that of the slot",
               cookies.last == ring.advance(ring.head, Word(first_waiting)));
      conclude("F", "it is given once", !w.queue.next_timestamp());
    }
    end_path();
  };
  (void)w.queue.poll(Word(1));
}

HNI_PROVE(
    tx_queue_poll_gives_back,
    "After its doorbell a poll frees the completed slots of both work queues, wakes a stopped "
    "application as soon as both have room, and reports what it did (I2, I4, I7, F).") {
  World w;
  must_cover("idle", "woken", "still stopped");
  const bool busy = input<bool>("stopped and watched");
  member(StoppedTag{}, w.queue) = busy;
  w.obs.watched = busy;
  const auto budget = input<std::uint32_t>("budget");
  bool acknowledged = false;
  unsigned loads = 0, drops = 0;
  w.device.on_load = [&](const Word&) {
    if (loads++ != 0) end_path();
  };
  // One type of completion is sufficient: all others lead to the same state.
  w.device.on_loaded = [&](const Wide& word) {
    if (spec::TCD::of<Wide>{word}.TYPE() != 2U) end_path();
  };
  w.device.on_doorbell = [&](RegAddr, const Word&) { acknowledged = true; };
  w.pool.on_drop = [&](const Word&) { ++drops; };
  std::array<Word, 2> held{w.oldest(0), w.oldest(1)};
  for (unsigned twq = 0; twq < 2; ++twq) {
    w.work(twq).slots.on_access = [&, twq](const Word& index) {
      if (index != w.before[twq].window.head) end_path();  // tx_queue_give_back
    };
  }
  const Word read = w.queue.poll(budget);
  for (auto& work : member(WorkTag{}, w.queue)) work.slots.on_access = {};
  conclude("I7", "what was read is acknowledged", (read != 0U) == acknowledged);
  conclude("I2", "the queue stays valid", [&] { return w.queue.is_valid(); });
  const TraceEvent polled = w.obs.last(TraceEvent::Kind::kTxPolled);
  conclude("F", "the poll is told, with its budget and its work", [&] {
    return w.traced(TraceEvent::Kind::kTxPolled) == 1 && polled.first == budget &&
           polled.count == read;
  });
  unsigned packets = 0, fragments = 0;
  bool room = true;
  for (unsigned twq = 0; twq < 2; ++twq) {
    const Ring& before = w.before[twq];
    const bool due = before.window.head != before.done && (held[twq] & Slot::kStampPending) == 0U;
    const bool given = w.queue.ring(twq).window.head != before.window.head;
    conclude("I4", "what is due comes back with the poll that read something",
             given == (due && acknowledged));
    const RingKind kind = twq == 0 ? RingKind::kTwq0 : RingKind::kTwq1;
    conclude("F", "each work queue is told under its name",
             w.obs.times(TraceEvent::Kind::kCompleted, kind) == (given ? 1U : 0U));
    fragments += given && has_fragment(held[twq]) ? 1U : 0U;
    packets += given && has_fragment(held[twq]) && (held[twq] & Slot::kLast) != 0U ? 1U : 0U;
    room = room && w.queue.ring(twq).window.free() >= Queue::kWakeDescriptors;
  }
  conclude("I4", "each fragment comes back once", drops == fragments);
  const bool wakes = busy && acknowledged && room;
  const auto c = w.counted();
  conclude("F", "completed packets and wakes are counted",
           c.completed_packets == packets && c.wakes == (wakes ? 1U : 0U));
  conclude("F", "woken exactly when both have room",
           w.queue.stopped() == (busy && !wakes) &&
               w.traced(TraceEvent::Kind::kWoken) == (wakes ? 1U : 0U));
  const bool watched = busy && acknowledged;
  const TraceEvent seen = w.obs.last(TraceEvent::Kind::kCompletions);
  conclude("F", "completions are reported to an observer that requests details, and to no other",
           w.traced(TraceEvent::Kind::kCompletions) == (watched ? 1U : 0U));
  if (watched)
    conclude("F", "with the end and the number of what was read", [&] {
      return seen.which == static_cast<unsigned>(RingKind::kTcq) && seen.count == read &&
             seen.first == w.next_completion();
    });
  cover(!acknowledged ? "idle" : wakes ? "woken" : "still stopped");
}

HNI_PROVE(
    tx_queue_give_back,
    "Completed slots are freed one by one, in order, each fragment once, until the first slot "
    "that is not completed; packets are counted with their last slot (I1 to I4, I7, F).") {
  World w;
  must_cover("nothing", "one", "next turn");
  const unsigned twq = input<bool>("second work queue") ? 1 : 0;
  auto& work = w.work(twq);
  const Ring before = w.before[twq];
  const Word oldest = before.window.head, held = w.oldest(twq);
  unsigned drops = 0;
  w.pool.on_drop = [&](const Word& fragment) {
    conclude("I4", "the fragment is the one that was posted", fragment == fragment_of(held));
    conclude("I4", "it is freed once", drops++ == 0);
  };
  work.slots.on_access = [&](const Word& index) {
    conclude("I4", "only slots of the card are looked at",
             [&] { return before.window.owned_by_card(index); });
    if (index == oldest) return;
    cover("next turn");
    conclude("I4", "slots come back one after the other",
             index == before.window.advance(oldest, Word(1)));
    conclude(
        "I7", "fewer are left with each one",
        before.window.distance(index, before.done) < before.window.distance(oldest, before.done));
    conclude("I4", "a slot that held a fragment gave it back",
             [&] { return (drops == 1) == has_fragment(held); });
    end_path();
  };
  (w.queue.*member(FreeCompletedTag{}))(work, RingKind::kTwq1);
  const auto& after = work.ring;
  show(after.window);
  const bool given = after.window.head != oldest;
  cover(given ? "one" : "nothing");
  conclude("I2", "the queue stays valid", [&] { return w.queue.is_valid(); });
  conclude("I4", "nothing is posted, and what is done stays",
           [&] { return after.window.tail == before.window.tail && after.done == before.done; });
  conclude("I4",
           "it comes back exactly when the card is through with it and no timestamp is missing",
           [&] { return given == (oldest != before.done && (held & Slot::kStampPending) == 0U); });
  conclude("I4", "its fragment with it, and nothing of a slot that stays",
           [&] { return (drops == 1) == (given && has_fragment(held)); });
  conclude("F", "a packet is counted with the last slot that holds something of it", [&] {
    const bool last = given && has_fragment(held) && (held & Slot::kLast) != 0U;
    return w.counted().completed_packets == (last ? 1U : 0U);
  });
  conclude("F", "what came back is told once",
           w.traced(TraceEvent::Kind::kCompleted) == (given ? 1U : 0U) &&
               w.obs.times(TraceEvent::Kind::kCompleted, RingKind::kTwq1) == (given ? 1U : 0U));
  if (!given) return;
  const TraceEvent traced = w.obs.last(TraceEvent::Kind::kCompleted);
  conclude("F", "with the first slot, the number and the ring", [&] {
    return traced.first == oldest && traced.count == 1U && traced.mask == before.window.mask;
  });
}

HNI_PROVE(tx_queue_forgets_timestamps,
          "Overdue timestamps are given up slot by slot of work queue 0: each completed slot is "
          "then freed, and a stopped application is woken as soon as both work queues have room "
          "(I2, I4, I7, F).") {
  World w;
  must_cover("nothing", "one", "next turn", "woken", "still stopped");
  const bool stopped = input<bool>("stopped");
  member(StoppedTag{}, w.queue) = stopped;
  const Ring before = w.before[0];
  const Word oldest = before.window.head, held = w.oldest(0);
  const auto due = [&] { return oldest != before.done && (held & Slot::kStampPending) != 0U; };
  unsigned drops = 0;
  w.pool.on_drop = [&](const Word& fragment) {
    conclude("I4", "the fragment is the one that was posted", fragment == fragment_of(held));
    conclude("I4", "it is freed once", drops++ == 0);
  };
  w.work(0).slots.on_access = [&](const Word& index) {
    if (index == oldest) return;
    cover("next turn");
    conclude("I4", "one after the other", index == before.window.advance(oldest, Word(1)));
    conclude("F", "only after a slot whose timestamp is overdue", due);
    conclude("I4", "a slot that held a fragment gave it back",
             [&] { return (drops == 1) == has_fragment(held); });
    end_path();
  };
  w.work(1).slots.on_access = [](const Word&) {
    conclude("F", "work queue 1, which has no timestamps, is not accessed", false);
    end_path();
  };
  w.queue.expire_timestamps();
  const Ring& after = w.queue.ring(0);
  const bool forgotten = after.window.head != oldest;
  cover(forgotten ? "one" : "nothing");
  conclude("I2", "the queue stays valid", [&] { return w.queue.is_valid(); });
  conclude("F", "exactly if its timestamp is overdue", [&] { return forgotten == due(); });
  conclude("I4", "its fragment comes back with it",
           [&] { return (drops == 1) == (forgotten && has_fragment(held)); });
  conclude("F", "it is counted as lost and no longer awaited", [&] {
    return w.counted().timestamps_lost == (forgotten ? 1U : 0U) &&
           member(StampsTag{}, w.queue) == (forgotten ? w.stamps - 1U : w.stamps);
  });
  const bool wakes = stopped && [&]() -> bool {
    return after.window.free() >= Queue::kWakeDescriptors &&
           w.queue.ring(1).window.free() >= Queue::kWakeDescriptors;
  }();
  if (stopped) cover(wakes ? "woken" : "still stopped");
  conclude("F", "woken exactly when both have room",
           w.queue.stopped() == (stopped && !wakes) &&
               w.traced(TraceEvent::Kind::kWoken) == (wakes ? 1U : 0U));
  conclude("F", "what came back is told as work queue 0's",
           w.obs.times(TraceEvent::Kind::kCompleted, RingKind::kTwq0) == (forgotten ? 1U : 0U));
  conclude("I4", "nothing is posted, and work queue 1 is untouched", [&] {
    return after.window.tail == before.window.tail && same(w.queue.ring(1), w.before[1]);
  });
}

HNI_PROVE(tx_queue_reclaim,
          "At teardown every posted slot is freed exactly once, in order, with its fragment, "
          "whatever the card reports; then nothing is posted; lost packets and timestamps are "
          "counted (I1 to I4, I7, F).") {
  World w;
  must_cover("next turn", "other work queue", "nothing posted");
  const unsigned twq = input<bool>("work queue 0 is back") ? 1 : 0;
  auto& work = w.work(twq);
  auto& other = w.work(1 - twq);
  if (twq == 1) assume("work queue 0 is back", [&] { return w.queue.ring(0).window.empty(); });
  const WorkRing<Word> before = w.before[twq].window;
  const Word held = w.oldest(twq);
  unsigned drops = 0;
  const auto conclude_counted = [&](bool taken) {
    const auto c = w.counted();
    conclude(
        "F", "a packet is lost with its last slot, a timestamp with the slot that awaits it", [&] {
          const bool last = taken && (held & Slot::kLast) != 0U;
          const bool stamp = taken && (held & Slot::kStampPending) != 0U;
          return c.reclaimed_packets == (last ? 1U : 0U) && c.timestamps_lost == (stamp ? 1U : 0U);
        });
    conclude("F", "lost packets are told with the reason",
             w.traced(TraceEvent::Kind::kDropped) == c.reclaimed_packets &&
                 w.obs.times(TraceEvent::Kind::kDropped, DropReason::kQueueReset) ==
                     c.reclaimed_packets);
  };
  w.pool.on_drop = [&](const Word& fragment) {
    conclude("I4", "the fragment is the one that was posted", fragment == fragment_of(held));
    conclude("I4", "it comes back once", drops++ == 0);
    conclude("I2", "the queue is valid after each slot", [&] { return w.queue.is_valid(); });
  };
  work.slots.on_access = [&](const Word& index) {
    conclude("I4", "only slots of the card are looked at",
             [&] { return before.owned_by_card(index); });
    if (index == before.head) return;
    cover("next turn");
    conclude("I4", "one after the other", index == before.advance(before.head, Word(1)));
    conclude("I4", "a slot that held a fragment gave it back",
             [&] { return (drops == 1) == has_fragment(held); });
    conclude("I7", "fewer are left with each one",
             before.distance(index, before.tail) < before.distance(before.head, before.tail));
    conclude_counted(true);
    end_path();
  };
  other.slots.on_access = [&](const Word&) {
    cover("other work queue");
    conclude("I4", "work queue 0 comes back first, all of it",
             [&] { return twq == 0 && w.queue.ring(0).window.empty(); });
    end_path();
  };
  w.queue.reclaim();
  cover("nothing posted");
  conclude("I2", "the queue stays valid", [&] { return w.queue.is_valid(); });
  conclude("I4", "nothing is posted any more",
           [&] { return w.queue.ring(0).window.empty() && w.queue.ring(1).window.empty(); });
  conclude("I4", "what was posted came back",
           [&] { return (drops == 1) == (!before.empty() && has_fragment(held)); });
  conclude_counted(!before.empty());
}

HNI_REFUTE(
    poll_without_a_budget, "I7",
    "Known mistake: a completion loop runs as long as the card writes [trust-boundary A53].") {
  auto ring = any_completion_ring();
  assume_valid(ring);
  const auto budget = input<std::uint32_t>("budget");
  assume("a budget of at least one", budget != 0U);
  for (unsigned turn = 0; turn < 3; ++turn) {
    conclude("I7", "never more completions than the budget", budget > turn);
    const spec::TCD::of<Wide> word{nondet_read<std::uint64_t>("tcq_word")};
    if (!(word.DONE() == Wide(ring.done))) return;
    ring.advance();
  }
}

}  // namespace hni::proofs
