// SPDX-License-Identifier: Apache-2.0
// MailboxRing, the code of both firmware mailbox rings. The card has 16 descriptors in each; the
// proofs hold for every size and therefore for that one.
#include "driver/firmware/mailbox_ring.hpp"

#include "proofs/obligations/rings.hpp"

namespace hni::proofs {
namespace {

using Ring = MailboxRing<Word>;

Ring any_mailbox_ring() {
  return {any_work_ring()};
}

}  // namespace

HNI_PROVE(mailbox_ring_starts_empty,
          "A mailbox ring has 16 descriptors and starts valid and empty; a reset empties it and "
          "keeps its size (I2, I3).") {
  const auto slot = input<std::uint32_t>("slot");
  Ring ring = any_mailbox_ring();
  assume_valid(ring);
  const Ring fresh;
  conclude("I2", "a new ring is valid, empty and has 16 slots", [&] {
    return fresh.is_valid() && fresh.empty() && !fresh.full() &&
           fresh.window.mask == kMailboxSlots - 1;
  });
  const auto before = ring;
  ring.reset();
  conclude_valid(ring);
  conclude("I2", "after a reset both sides begin at slot 0, and the size is the same", [&] {
    return ring.empty() && ring.window.head == 0U && ring.window.tail == 0U &&
           ring.window.mask == before.window.mask;
  });
  conclude("I3", "after a reset no slot is the firmware's",
           [&] { return !ring.window.owned_by_card(slot); });
}

HNI_PROVE(mailbox_ring_full_and_empty,
          "A mailbox ring is full exactly if the firmware owns size - 1 descriptors, and empty "
          "exactly if it owns none (I2).") {
  const auto ring = any_mailbox_ring();
  assume_valid(ring);
  must_cover("full", "empty");
  conclude("I2", "full exactly when none is free",
           [&] { return ring.full() == (ring.window.free() == 0U); });
  conclude("I2", "empty exactly when none is used",
           [&] { return ring.empty() == (ring.used() == 0U); });
  conclude("I2", "used counts the ring's", ring.used() == ring.window.used());
  if (ring.full()) cover("full");
  if (ring.empty()) cover("empty");
}

HNI_PROVE(mailbox_ring_post,
          "Posting passes one slot of the host to the firmware; the host keeps the stop after it, "
          "which is published first (I1 to I3, I5).") {
  auto ring = any_mailbox_ring();
  const auto other = input<std::uint32_t>("other slot");
  assume_valid(ring);
  assume("the ring is not full", [&] { return !ring.full(); });
  const auto before = ring;
  const auto posted = ring.post();
  const auto slot = posted.slot;
  const auto stop = posted.stop;
  show(ring.window);
  conclude_valid(ring);
  conclude("I1", "slot and stop are in bounds",
           [&] { return slot <= ring.window.mask && stop <= ring.window.mask; });
  conclude("I3", "the slot was the host's and is now the firmware's",
           [&] { return !before.window.owned_by_card(slot) && ring.window.owned_by_card(slot); });
  conclude("I3", "any other slot keeps its owner",
           [&] { return other == slot || same_owner(before.window, ring.window, other); });
  conclude("I5",
           "the firmware stops after the slot: the stop is the next one and belongs to the host",
           [&] {
             return stop == ring.window.advance(slot, Word(1)) && !ring.window.owned_by_card(stop);
           });
  conclude("I5", "zeroing the stop hits no descriptor of the firmware",
           [&] { return !before.window.owned_by_card(stop); });
}

HNI_PROVE(mailbox_ring_take_back,
          "Popping returns the oldest descriptor of the firmware, once, and leaves one fewer (I1 "
          "to I4, I7).") {
  auto ring = any_mailbox_ring();
  const auto other = input<std::uint32_t>("other slot");
  assume_valid(ring);
  assume("something is posted", [&] { return !ring.empty(); });
  const auto before = ring;
  const Word oldest = ring.oldest();
  const Word slot = ring.pop_completed();
  show(ring.window);
  conclude_valid(ring);
  conclude("I4", "it is the oldest", [&] { return slot == oldest && slot == before.window.head; });
  conclude("I4", "it was the firmware's and is so no longer",
           [&] { return before.window.owned_by_card(slot) && !ring.window.owned_by_card(slot); });
  conclude("I3", "any other slot keeps its owner",
           [&] { return other == slot || same_owner(before.window, ring.window, other); });
  conclude("I7", "one fewer is used", ring.used() == before.used() - 1U);
}

HNI_PROVE(mailbox_words_of_the_card,
          "The meaning of a descriptor of the firmware depends only on its two flag bits and its "
          "length (I8).") {
  const auto low = nondet_read<std::uint32_t>("mailbox_low");
  const auto high = nondet_read<std::uint32_t>("mailbox_high");
  must_cover("pending", "failed", "done");
  const MailboxVerdict verdict = mailbox_verdict(Untrusted<Word>(low));
  const bool completed = verdict != MailboxVerdict::kPending;
  const bool failed = verdict == MailboxVerdict::kFailed;
  cover(!completed ? "pending" : failed ? "failed" : "done");
  conclude("I8", "it is completed exactly when FW_CMPL is set", completed == ((low & 2U) != 0U));
  if (completed)
    conclude("I8", "it failed exactly when FW_ERR is set", failed == ((low & 4U) != 0U));
  const auto length = mailbox_length(Untrusted<Word>(high)).as_data();
  conclude("I8", "its length is the upper half of the high word", length == (high / 65536U));
}

HNI_REFUTE(doorbell_counts_one_too_many, "I5",
           "Known mistake: the stop is the slot after the old tail, so the newest descriptor is "
           "zeroed.") {
  auto ring = any_mailbox_ring();
  assume_valid(ring);
  assume("the ring is not full", [&] { return !ring.full(); });
  const Word stop = ring.window.tail;
  (void)ring.post();
  conclude("I5", "the stop is the host's", [&] { return !ring.window.owned_by_card(stop); });
}

}  // namespace hni::proofs
