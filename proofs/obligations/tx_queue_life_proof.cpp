// SPDX-License-Identifier: Apache-2.0
// TxQueue: the base case (reset), read-only operations, the queue of timestamps, and freeing in
// several iterations.
#include <vector>

#include "proofs/obligations/tx_queue_world.hpp"

namespace hni::proofs {

HNI_PROVE(tx_queue_validity, "A queue is valid exactly if all three rings are (I2).") {
  World w(false);
  must_cover("valid", "not valid");
  const bool valid = w.queue.is_valid();
  cover(valid ? "valid" : "not valid");
  conclude("I2", "valid exactly by the rule", [&] {
    return valid == (w.before[1].is_valid() && w.completions.is_valid() && w.before[0].is_valid());
  });
}

HNI_PROVE(tx_queue_reset,
          "The base case: from any state, valid or not, a reset yields a valid queue with three "
          "empty rings of its size, expects DONE = 1 in zeroed memory, and clears fault, stop and "
          "awaited timestamps (I2, I3).") {
  World w(false);
  const std::uint32_t size = input<bool>("eight descriptors") ? 8 : 2;
  member(SizeTag{}, w.queue) = size;
  member(FaultedTag{}, w.queue) = input<bool>("faulted");
  member(StoppedTag{}, w.queue) = input<bool>("stopped");
  std::array<unsigned, 8> zeroed{};
  bool only_zero = true;
  w.io.on_store_at = [&](const std::uint64_t* at, std::uint64_t value) {
    const auto slot = static_cast<std::size_t>(at - ring_memory[2].data());
    only_zero = only_zero && value == 0 && slot < size;
    if (slot < 8) ++zeroed[slot];
  };
  w.queue.reset();
  conclude("I2", "the queue is valid", [&] { return w.queue.is_valid(); });
  for (unsigned twq = 0; twq < 2; ++twq) {
    const Ring& ring = w.queue.ring(twq);
    conclude("I2", "each work queue is empty, of the given size", [&] {
      return ring.window.empty() && ring.window.head == 0U && ring.done == 0U &&
             ring.window.mask == size - 1;
    });
  }
  const auto& completions = member(CompletionsTag{}, w.queue);
  conclude("F", "the first lap is the one of DONE = 1", [&] {
    return completions.head == 0U && completions.done == 1U && completions.mask == size - 1;
  });
  unsigned words = 0;
  for (unsigned i = 0; i < 8; ++i) words += zeroed[i] != 0 ? 1U : 0U;
  conclude("F", "every completion is zeroed, and nothing else is written",
           only_zero && words == size);
  conclude("F", "fault and stop are forgotten", !w.queue.faulted() && !w.queue.stopped());
  conclude("F", "no timestamp is awaited", member(StampsTag{}, w.queue) == 0U);
  conclude("F", "the counters stay", counter_values(w.counted()) == counter_values(TxCounters{}));
}

HNI_PROVE(tx_queue_next_timestamp,
          "A stored timestamp is returned once, in order, also where the counts wrap (F).") {
  World w(false);
  const std::uint32_t read = input<bool>("the counts wrap") ? ~0U : 130U;
  member(ReadTag{}, w.queue) = read;
  member(WrittenTag{}, w.queue) = read + 2;
  auto& kept = member(TimestampsTag{}, w.queue);
  kept[read % kept.size()] = {11, 12};
  kept[(read + 1) % kept.size()] = {21, 22};
  const auto a = w.queue.next_timestamp();
  conclude("F", "the older one first", a && a->cookie == 11 && a->time_ns == 12);
  const auto b = w.queue.next_timestamp();
  conclude("F", "then the other", b && b->cookie == 21 && b->time_ns == 22);
  conclude("F", "and no more", !w.queue.next_timestamp());
}

HNI_PROVE(tx_queue_gives_back_three,
          "Completed slots are freed over three slots: each fragment is the one of its own slot, "
          "in order, and the packets that end there are added to the counters (I4, F).") {
  must_cover("three", "fewer");
  World w;
  const Ring before = w.before[0];
  constexpr std::uint32_t kSlots = 3;
  std::array<Word, kSlots> held;
  for (std::uint32_t i = 0; i < kSlots; ++i)
    held[i] = w.work(0).slots.at(before.window.advance(before.window.head, Word(i))).bits;
  std::vector<Word> dropped;
  w.pool.on_drop = [&](const Word& fragment) { dropped.push_back(fragment); };
  w.device.on_load = [](const Word&) {};
  // The transition without a completion: timestamps that are given up.
  w.work(0).slots.on_access = [&](const Word& index) {
    if (index == before.window.advance(before.window.head, Word(kSlots))) end_path();
  };
  member(StampsTag{}, w.queue) = 1;
  if ((held[0] & Slot::kStampPending) == 0U) return;
  w.queue.expire_timestamps();
  w.work(0).slots.on_access = {};
  const Word given = before.window.distance(before.window.head, w.queue.ring(0).window.head);
  std::uint32_t turns = 0;
  while (turns < kSlots && Word(turns) < given) ++turns;
  cover(turns == kSlots ? "three" : "fewer");
  std::vector<Word> expected;
  std::uint32_t packets = 0, lost = 0;
  for (std::uint32_t i = 0; i < turns; ++i) {
    if ((held[i] & Slot::kStampPending) != 0U) ++lost;
    if (!has_fragment(held[i])) continue;
    expected.push_back(fragment_of(held[i]));
    if ((held[i] & Slot::kLast) != 0U) ++packets;
  }
  conclude("I4", "as many fragments as the slots hold", dropped.size() == expected.size());
  for (std::size_t i = 0; i < expected.size() && i < dropped.size(); ++i)
    conclude("I4", "each is the one of its slot", dropped[i] == expected[i]);
  conclude("F", "packets and lost timestamps are added up",
           w.counted().completed_packets == packets && w.counted().timestamps_lost == lost);
}

}  // namespace hni::proofs
