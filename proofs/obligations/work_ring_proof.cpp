// SPDX-License-Identifier: Apache-2.0
// WorkRing: the ring that the driver fills and the card consumes; transmit work, header and
// payload buffers, mailbox. One step of each operation from an arbitrary valid state, for every
// size.
#include "proofs/obligations/rings.hpp"

namespace hni::proofs {

HNI_PROVE(ring_mask_is_a_power_of_two,
          "is_ring_mask() accepts exactly the sizes 2, 4, 8 ... of the word's range, less one.") {
  const auto mask = input<std::uint32_t>("mask");
  must_cover("accepted", "refused");
  Sym<bool> power = false;
  for (unsigned k = 1; k <= 32; ++k) {
    const std::uint32_t all = k == 32 ? ~0U : (1U << k) - 1;
    power = power | (mask == all);
  }
  const bool accepted = is_ring_mask(mask);
  cover(accepted ? "accepted" : "refused");
  conclude("I2", "accepted exactly when it is 2^k - 1", power == accepted);
}

HNI_PROVE(work_ring_counts,
          "Used and free descriptors are within 0 .. size - 1 and add up to size - 1; empty means "
          "that none is used (I2).") {
  const auto ring = any_work_ring();
  assume_valid(ring);
  conclude("I2", "used at most size - 1", ring.used() <= ring.mask);
  conclude("I2", "free at most size - 1", ring.free() <= ring.mask);
  conclude("I2", "used + free == size - 1", ring.used() + ring.free() == ring.mask);
  conclude("I2", "empty exactly when none is used",
           [&] { return ring.empty() == (ring.used() == 0U); });
}

HNI_PROVE(work_ring_ownership,
          "The card owns a slot exactly if it is one of the used ones that follow the head; it "
          "owns nothing out of bounds (I3).") {
  const auto ring = any_work_ring();
  const auto slot = input<std::uint32_t>("slot");
  const auto n = input<std::uint32_t>("position");
  assume_valid(ring);
  must_cover("card's", "driver's");
  const bool card = ring.owned_by_card(slot);
  cover(card ? "card's" : "driver's");
  if (card) conclude("I1", "an owned slot is in bounds", slot <= ring.mask);
  conclude("I3", "head + n is the card's for each n < used, and for no other n of one lap", [&] {
    return n > ring.mask || ring.owned_by_card(ring.advance(ring.head, n)) == (n < ring.used());
  });
}

HNI_PROVE(work_ring_post,
          "Posting to a ring that is not full takes a slot of the driver, in bounds, and passes "
          "exactly that slot to the card (I1, I2, I3).") {
  auto ring = any_work_ring();
  const auto other = input<std::uint32_t>("other slot");
  assume_valid(ring);
  assume("the ring is not full", ring.free() != 0U);
  const auto before = ring;
  const Word slot = ring.post();
  show(ring);
  show("slot", slot);
  conclude("I1", "the slot is in bounds", slot <= ring.mask);
  conclude_valid(ring);
  conclude("I2", "one more is used, at most size - 1",
           [&] { return ring.used() == before.used() + 1U && ring.used() <= ring.mask; });
  conclude("I2", "head and size are untouched",
           [&] { return ring.head == before.head && ring.mask == before.mask; });
  conclude("I3", "the slot was the driver's and is now the card's",
           [&] { return !before.owned_by_card(slot) && ring.owned_by_card(slot); });
  conclude("I3", "every other slot keeps its owner",
           [&] { return other == slot || same_owner(before, ring, other); });
}

HNI_PROVE(work_ring_retire,
          "Retiring the n oldest slots of a ring that has at least n returns exactly those to the "
          "driver (I2, I3, I4).") {
  auto ring = any_work_ring();
  const auto n = input<std::uint32_t>("n");
  const auto other = input<std::uint32_t>("other slot");
  assume_valid(ring);
  assume("at most the used ones are retired", n <= ring.used());
  const auto before = ring;
  ring.retire(n);
  show(ring);
  conclude_valid(ring);
  conclude("I2", "n fewer are used", ring.used() == before.used() - n);
  conclude("I2", "tail and size are untouched",
           [&] { return ring.tail == before.tail && ring.mask == before.mask; });
  conclude("I4", "exactly the n oldest slots change hands, from the card to the driver", [&] {
    const bool oldest = before.owned_by_card(other) && before.distance(before.head, other) < n;
    return oldest ? !ring.owned_by_card(other) : same_owner(before, ring, other);
  });
}

HNI_PROVE(work_ring_accept_head,
          "A head that the card reports is accepted exactly if it lies in [head, tail] in ring "
          "order, and then determines the number of returned descriptors (I1, I2).") {
  const auto ring = any_work_ring();
  const auto reported = from_card("tcd_head");
  assume_valid(ring);
  must_cover("accepted", "refused");
  Word n = input<std::uint32_t>("n before");
  const bool accepted = ring.accept_head(reported, n);
  const auto value = reported.as_data();
  cover(accepted ? "accepted" : "refused");
  if (accepted) {
    conclude("I2", "it returns at most what is used", n <= ring.used());
    conclude("I1", "that many slots after the head is the reported slot",
             ring.advance(ring.head, n) == value);
  } else {
    conclude("I2", "a refused head is outside [head, tail]",
             [&] { return value > ring.mask || ring.distance(ring.head, value) > ring.used(); });
  }
}

HNI_PROVE(work_ring_accept_slot,
          "A slot that the card names is accepted exactly if the card owns it, and then "
          "determines the number of older ones (I1, I3).") {
  const auto ring = any_work_ring();
  const auto named = from_card("rcd_header_id");
  assume_valid(ring);
  must_cover("accepted", "refused");
  Word n = input<std::uint32_t>("n before");
  const bool accepted = ring.accept_slot(named, n);
  const auto value = named.as_data();
  cover(accepted ? "accepted" : "refused");
  conclude("I3", "accepted exactly when the card owns the slot",
           [&] { return accepted == ring.owned_by_card(value); });
  if (!accepted) return;
  conclude("I1", "an accepted slot is in bounds", value <= ring.mask);
  conclude("I2", "it skips fewer than are used", n < ring.used());
  conclude("I1", "that many slots after the head is the named slot",
           ring.advance(ring.head, n) == value);
}

HNI_PROVE(completion_ring_starts,
          "A new completion ring starts at slot 0 and expects DONE = 1, which zeroed memory does "
          "not contain (I2).") {
  const CompletionRing<Word> fresh;
  searched(1, "state");
  conclude("I2", "it begins at slot 0 and waits for 1",
           [&] { return fresh.head == 0U && fresh.done == 1U; });
}

HNI_PROVE(completion_ring_advance,
          "Advancing over a completion keeps the head in bounds and flips the expected DONE bit "
          "exactly at the end of a lap (I1, I2).") {
  auto ring = any_completion_ring();
  assume_valid(ring);
  must_cover("same lap", "next lap");
  const auto before = ring;
  ring.advance();
  show("head", ring.head);
  show("done", ring.done);
  conclude("I1", "the next slot to look at is in bounds", ring.head <= ring.mask);
  conclude_valid(ring);
  if (before.head == before.mask) {
    cover("next lap");
    conclude("I2", "a new lap begins at slot 0 with the other DONE value",
             [&] { return ring.head == 0U && ring.done == 1U - before.done; });
  } else {
    cover("same lap");
    conclude("I2", "the next slot of the same lap",
             [&] { return ring.head == before.head + 1U && ring.done == before.done; });
  }
  conclude("I2", "the size is untouched", ring.mask == before.mask);
}

HNI_PROVE(completion_ring_drain,
          "From an arbitrary ring and budget, each turn of drain() reads the slot at the head, "
          "once, steps over it, and takes one from the budget; it ends exactly when the budget is "
          "spent, an entry is not fresh or is not accepted; three turns (I1, I2, I7).") {
  auto ring = any_completion_ring();
  auto left = input<std::uint32_t>("budget");
  assume_valid(ring);
  must_cover("no budget", "not fresh", "not accepted", "budget spent", "a fourth turn");
  auto at = ring;
  Word room = left;
  unsigned turns = 0;
  const char* ended = "no budget";
  bool for_a_reason = false;
  ring.drain(
      left,
      [&](const Word& slot, const Word& done) {
        conclude("I1", "the slot that is read is in bounds", slot <= ring.mask);
        conclude("I2", "it is the head, with the DONE of this lap",
                 [&] { return slot == at.head && done == at.done; });
        conclude("I7", "nothing is read beyond the budget", room != 0U);
        if (turns++ == 3) {
          cover("a fourth turn");
          end_path();
        }
        const bool fresh = nondet_read<std::uint8_t>("fresh") != 0U;
        for_a_reason = !fresh;
        if (!fresh) ended = "not fresh";
        return fresh;
      },
      [&] {
        at.advance();
        room = Word(room - 1U);
        conclude_valid(ring);
        const bool accepted = nondet_read<std::uint8_t>("accepted") != 0U;
        for_a_reason = !accepted;
        ended = accepted ? "budget spent" : "not accepted";
        return accepted;
      });
  cover(ended);
  conclude("I2", "each accepted entry was stepped over once",
           [&] { return ring.head == at.head && ring.done == at.done && ring.mask == at.mask; });
  conclude("I7", "the budget shrinks with each entry", left == room);
  if (!for_a_reason) conclude("I7", "otherwise it ends only with the budget", left == 0U);
}

HNI_REFUTE(unchecked_buffer_id, "I1",
           "Known mistake: the buffer id of a completion indexes the shadow ring without a check "
           "[trust-boundary A22].") {
  const auto ring = any_work_ring();
  const auto id = nondet_read<std::uint32_t>("rcd_header_id") & 0xffffU;
  assume_valid(ring);
  conclude("I1", "the slot is in bounds", id <= ring.mask);
}

HNI_REFUTE(post_to_a_full_ring, "I2",
           "Known mistake: a descriptor is posted without a check for room.") {
  auto ring = any_work_ring();
  assume_valid(ring);
  const auto before = ring;
  (void)ring.post();
  show(ring);
  conclude("I2", "one more is used", ring.used() == before.used() + 1U);
}

HNI_REFUTE(masked_backward_head, "I3",
           "Known mistake: a head that goes backwards is masked and accepted, so that slots of "
           "the driver become the card's [trust-boundary A46].") {
  auto ring = any_work_ring();
  const auto reported = nondet_read<std::uint32_t>("tcd_head");
  const auto other = input<std::uint32_t>("other slot");
  assume_valid(ring);
  const auto before = ring;
  ring.head = Word(reported & ring.mask);
  show(ring);
  conclude("I3", "no slot of the driver becomes the card's",
           [&] { return before.owned_by_card(other) || !ring.owned_by_card(other); });
}

HNI_REFUTE(head_beyond_tail_frees_what_was_never_posted, "I4",
           "Known mistake: every slot up to the reported head is freed [trust-boundary A45].") {
  const auto ring = any_work_ring();
  const auto reported = nondet_read<std::uint32_t>("tcd_head") & ring.mask;
  const auto slot = input<std::uint32_t>("freed slot");
  assume_valid(ring);
  assume("the slot lies between head and reported head", [&] {
    return slot <= ring.mask &&
           ring.distance(ring.head, slot) < ring.distance(ring.head, reported);
  });
  conclude("I4", "what is returned had been posted", [&] { return ring.owned_by_card(slot); });
}

}  // namespace hni::proofs
