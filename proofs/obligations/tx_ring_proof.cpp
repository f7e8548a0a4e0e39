// SPDX-License-Identifier: Apache-2.0
// TxRing, the code of both transmit work queues. One step of each operation from an arbitrary
// valid state, for every size, every content of the slots and every value that the card may
// report.
#include "driver/queues/tx_ring.hpp"

#include <utility>

#include "proofs/obligations/rings.hpp"

namespace hni::proofs {
namespace {

using Ring = TxRing<Word>;
using Slot = TxSlot<Word>;
using Slots = AnySlots<Slot>;

Ring any_tx_ring() {
  return {any_work_ring(), input<std::uint32_t>("done")};
}

Slots any_slots(const Ring& ring) {
  Slots slots;
  slots.mask = ring.window.mask;
  return slots;
}

/// The slots in [from, to), in ring order.
bool between(const Ring& ring, const Word& from, const Word& slot, const Word& to) {
  return slot <= ring.window.mask &&
         ring.window.distance(from, slot) < ring.window.distance(from, to);
}

bool same(const Ring& a, const Ring& b) {
  return same_ring(a.window, b.window) && a.done == b.done;
}

void show(const Ring& ring) {
  show(ring.window);
  show("done", ring.done);
}

}  // namespace

HNI_PROVE(tx_slot_fields,
          "A slot returns the fragment that it was made from, a descriptor without memory has "
          "none, and the two marks are separate bits (I4, I6).") {
  const auto fragment = input<std::uint32_t>("fragment");
  const auto marks = input<std::uint32_t>("marks");
  assume("fragments are numbered below 2^24 - 1", fragment < Slot::kFragmentMask);
  Slot slot = Slot::of_fragment(fragment);
  conclude("I4", "the three parts are the documented ones, and disjoint",
           Slot::kFragmentMask == 0x00ffffff && Slot::kStampPending == 0x40000000 &&
               Slot::kLast == 0x80000000);
  conclude("I4", "it has a fragment", [&] { return slot.has_fragment(); });
  conclude("I4", "the fragment comes back", slot.fragment() == fragment);
  conclude("I4", "a new slot carries no mark",
           [&] { return !slot.last() && !slot.stamp_pending(); });
  slot.bits |= marks & (Slot::kLast | Slot::kStampPending);
  conclude("I4", "marks do not disturb the fragment", slot.fragment() == fragment);
  conclude("I4", "the marks read back", [&] {
    return slot.last() == ((marks & Slot::kLast) != 0U) &&
           slot.stamp_pending() == ((marks & Slot::kStampPending) != 0U);
  });
  const Slot none = Slot::none();
  conclude("I4", "a slot without memory has no fragment and no mark",
           [&] { return !none.has_fragment() && !none.last() && !none.stamp_pending(); });
}

HNI_PROVE(tx_ring_starts_empty, "A new ring of any size is valid and empty (I2, I3).") {
  const auto mask = any_mask();
  const auto slot = input<std::uint32_t>("slot");
  assume("the size is a power of two", [&] { return is_ring_mask(mask); });
  const auto ring = Ring::of_mask(mask);
  conclude_valid(ring);
  conclude("I2", "its size is the given one", ring.window.mask == mask);
  conclude("I3", "no slot is the card's", [&] { return !ring.window.owned_by_card(slot); });
  conclude("I2", "nothing is posted and nothing is done",
           [&] { return ring.window.empty() && ring.done == ring.window.head; });
}

HNI_PROVE(tx_ring_post,
          "Posting stores exactly the given content in a slot of the driver and changes no other "
          "slot (I1 to I4).") {
  auto ring = any_tx_ring();
  auto slots = any_slots(ring);
  const auto other = input<std::uint32_t>("other slot");
  const Slot content{input<std::uint32_t>("content")};
  assume_valid(ring);
  assume("the other slot exists", other <= ring.window.mask);
  assume("the ring is not full", ring.window.free() != 0U);
  const Word kept = slots.at(other).bits;
  const auto before = ring;
  const Word slot = ring.post(slots, content);
  show(ring);
  conclude_valid(ring);
  conclude("I2", "the oldest slot of the driver is taken", slot == before.window.tail);
  conclude("I3", "the slot was the driver's and is now the card's",
           [&] { return !before.window.owned_by_card(slot) && ring.window.owned_by_card(slot); });
  conclude("I4", "the slot holds what was posted", slots.at(slot).bits == content.bits);
  conclude("I4", "any other slot keeps content and owner", [&] {
    return other == slot ||
           (slots.at(other).bits == kept && same_owner(before.window, ring.window, other));
  });
  conclude("I4", "what is done stays", ring.done == before.done);
}

HNI_PROVE(tx_ring_accept_done,
          "The card's `consumed up to here` is accepted exactly if it lies in [done, tail] on a "
          "packet boundary; otherwise nothing changes (I1, I2, I4).") {
  auto ring = any_tx_ring();
  const auto slots = any_slots(ring);
  const auto reported = from_card("tcd_head");
  assume_valid(ring);
  must_cover("accepted", "refused", "repeated");
  const auto before = ring;
  const bool accepted = ring.accept_done(slots, reported);
  const auto value = reported.as_data();
  show(ring);
  cover(!accepted ? "refused" : value == before.done ? "repeated" : "accepted");
  conclude_valid(ring);
  conclude("I4", "nothing comes back by the card's word alone",
           [&] { return same_ring(before.window, ring.window); });
  if (accepted) {
    conclude("I2", "done is what the card reported", ring.done == value);
    conclude("I4", "done moves forward, to a packet boundary, and not past the tail", [&] {
      return value == before.done ||
             (before.window.distance(before.done, value) <=
                  before.window.distance(before.done, before.window.tail) &&
              slots.at(before.window.distance(Word(1), value)).last());
    });
  } else {
    conclude("I2", "a refused head changes nothing", [&] { return same(before, ring); });
    conclude("I2", "a refused head is new, and out of range, beyond the tail or inside a packet",
             [&] {
               return value != before.done &&
                      (value > before.window.mask ||
                       before.window.distance(before.done, value) >
                           before.window.distance(before.done, before.window.tail) ||
                       !slots.at(before.window.distance(Word(1), value)).last());
             });
  }
}

HNI_PROVE(tx_ring_accept_stamp,
          "A timestamp goes to the oldest slot that waits for one, and clears only that slot's "
          "mark; the search covers only slots of the card and takes at most as many steps as "
          "there are (I1, I4, I7).") {
  auto ring = any_tx_ring();
  auto slots = any_slots(ring);
  const auto other = input<std::uint32_t>("other slot");
  const auto turn = input<std::uint32_t>("slot of this turn");
  assume_valid(ring);
  assume("the other slot exists", other <= ring.window.mask);
  must_cover("found", "none waits", "next turn");
  const auto before = ring;
  const Word kept = slots.at(other).bits;
  Word slot = input<std::uint32_t>("slot before");
  const auto passed_ones_do_not_wait = [&](const Word& up_to) {
    return !between(ring, ring.window.head, other, up_to) || !slots.at(other).stamp_pending();
  };
  unsigned turns = 0;
  slots.on_access = [&](const Word& index) {
    conclude("I1", "the search looks only at slots of the card",
             [&] { return ring.window.owned_by_card(index); });
    const auto recursion = std::exchange(slots.on_access, nullptr);
    if (turns++ == 0) {
      // The first iteration starts at the oldest slot. From here on an arbitrary iteration: every
      // slot before it was passed.
      conclude("I4", "the search begins at the oldest", index == ring.window.head);
      assume("a turn of the search", [&] { return ring.window.owned_by_card(turn); });
      assume("what was passed does not wait", [&] { return passed_ones_do_not_wait(turn); });
      slot = turn;
      slots.on_access = recursion;
      return;
    }
    cover("next turn");
    conclude("I7", "each turn leaves fewer slots to look at",
             ring.window.distance(index, ring.window.tail) <
                 ring.window.distance(turn, ring.window.tail));
    conclude("I4", "what was passed does not wait",
             [&] { return passed_ones_do_not_wait(index); });
    conclude("I4", "passing changes nothing",
             [&] { return slots.at(other).bits == kept && same(before, ring); });
    end_path();
  };
  const bool found = ring.accept_stamp(slots, slot);
  slots.on_access = nullptr;
  cover(found ? "found" : "none waits");
  show("slot", slot);
  conclude("I4", "head, tail and done stay", [&] { return same(before, ring); });
  if (!found) {
    conclude("I4", "all were looked at, none waits", [&] {
      return passed_ones_do_not_wait(ring.window.tail) && slots.at(other).bits == kept;
    });
    return;
  }
  conclude("I4", "no older one waits", [&] { return passed_ones_do_not_wait(slot); });
  conclude("I4", "the named slot no longer waits",
           [&] { return !slots.at(slot).stamp_pending(); });
  conclude("I4", "it had waited and keeps all but its mark; others keep all", [&] {
    const Word now = slots.at(other).bits;
    if (other != slot) return now == kept;
    return Sym<bool>(now == (kept & ~Slot::kStampPending) && (kept & Slot::kStampPending) != 0U);
  });
}

HNI_PROVE(tx_ring_take_back,
          "If the oldest slot is completed and no timestamp is missing, popping returns that "
          "slot, once, with the posted content (I1 to I4, I7).") {
  auto ring = any_tx_ring();
  auto slots = any_slots(ring);
  const auto other = input<std::uint32_t>("other slot");
  assume_valid(ring);
  assume("the other slot exists", other <= ring.window.mask);
  must_cover("comes back", "stays");
  const auto before = ring;
  const Word oldest = ring.window.head;
  const Word kept = slots.at(other).bits;
  const bool may = ring.can_pop_completed(slots);
  conclude("I4", "exactly when the card is through with it and its timestamp is not missing", [&] {
    return may ==
           (between(before, oldest, oldest, before.done) && !slots.at(oldest).stamp_pending());
  });
  cover(may ? "comes back" : "stays");
  if (!may) return;
  const Slot slot = ring.pop_completed(slots);
  show(ring);
  conclude_valid(ring);
  conclude("I4", "what comes back is what the slot held", slot.bits == slots.at(oldest).bits);
  conclude("I4", "it was the card's and is so no longer", [&] {
    return before.window.owned_by_card(oldest) && !ring.window.owned_by_card(oldest);
  });
  conclude("I4", "any other slot keeps content and owner", [&] {
    return slots.at(other).bits == kept &&
           (other == oldest || same_owner(before.window, ring.window, other));
  });
  conclude("I7", "one fewer is used", ring.window.used() == before.window.used() - 1U);
  conclude("I2", "tail and done stay",
           [&] { return ring.window.tail == before.window.tail && ring.done == before.done; });
}

HNI_PROVE(tx_ring_reclaim,
          "From an idle card each slot is returned once, oldest first, until none is left; so at "
          "teardown everything that was posted has been returned exactly once (I1 to I4, I7).") {
  auto ring = any_tx_ring();
  auto slots = any_slots(ring);
  const auto other = input<std::uint32_t>("other slot");
  assume_valid(ring);
  assume("the other slot exists", other <= ring.window.mask);
  assume("something is posted", [&] { return !ring.window.empty(); });
  const auto before = ring;
  const Word oldest = ring.window.head;
  const Word kept = slots.at(other).bits;
  const Slot slot = ring.reclaim(slots);
  show(ring);
  conclude_valid(ring);
  conclude("I4", "what comes back is what the slot held", slot.bits == slots.at(oldest).bits);
  conclude("I4", "it was the card's and is so no longer", [&] {
    return before.window.owned_by_card(oldest) && !ring.window.owned_by_card(oldest);
  });
  conclude("I4", "any other slot keeps content and owner", [&] {
    return slots.at(other).bits == kept &&
           (other == oldest || same_owner(before.window, ring.window, other));
  });
  conclude("I7", "one fewer is used", ring.window.used() == before.window.used() - 1U);
  conclude("I2", "done stays, or moves on with the head", [&] {
    return ring.window.tail == before.window.tail &&
           ring.done == (before.done == oldest ? ring.window.head : before.done);
  });
}

HNI_REFUTE(completion_loop_waits_for_equality, "I7",
           "Known mistake: the cleanup loop runs until its masked head equals the unmasked head "
           "of the card [trust-boundary A48].") {
  auto ring = any_work_ring();
  const auto reported = nondet_read<std::uint32_t>("tcd_head") & 0xffffU;
  assume_valid(ring);
  const auto left = ring.used();
  if (ring.head == reported) return;
  ring.retire(Word(1));
  show(ring);
  conclude("I7", "each turn leaves fewer slots", ring.used() < left);
}

}  // namespace hni::proofs
