// SPDX-License-Identifier: Apache-2.0
// BufferRing, the header and the payload buffer queue, and the reference counts of the pages that
// they post. One step of each operation from an arbitrary valid state, for every size and every
// value that the card may return.
#include "driver/queues/buffer_ring.hpp"

#include "driver/core/fragment_pool.hpp"
#include "proofs/obligations/rings.hpp"

namespace hni::proofs {
namespace {

using Ring = BufferRing<Word>;
using Slots = AnySlots<Word>;

Ring any_buffer_ring() {
  return {any_work_ring(), input<std::uint32_t>("next offset"),
          input<std::uint32_t>("first offset")};
}

Slots any_slots(const Ring& ring) {
  Slots slots;
  slots.mask = ring.window.mask;
  return slots;
}

void show(const Ring& ring) {
  show(ring.window);
  show("next offset", ring.next_offset);
}

}  // namespace

HNI_PROVE(buffer_ring_starts_empty,
          "A new buffer ring of any size is valid and has no posted buffer (I2, I3).") {
  const auto mask = any_mask();
  const auto offset = input<std::uint32_t>("smallest offset");
  const auto slot = input<std::uint32_t>("slot");
  assume("the size is a power of two", [&] { return is_ring_mask(mask); });
  const auto ring = Ring::of_mask(mask, offset);
  conclude_valid(ring);
  conclude("I2", "size and offsets are the given ones", [&] {
    return ring.window.mask == mask && ring.first_offset == offset && ring.next_offset == offset &&
           ring.window.empty();
  });
  conclude("I3", "no slot is the card's", [&] { return !ring.window.owned_by_card(slot); });
}

HNI_PROVE(buffer_ring_invariant,
          "is_valid() holds exactly for a valid window whose head slot was delivered from its "
          "first offset on (I2).") {
  const auto ring = any_buffer_ring();
  must_cover("valid", "invalid");
  const bool valid = ring.is_valid();
  cover(valid ? "valid" : "invalid");
  conclude("I2", "it is the documented condition", [&] {
    return valid == (ring.window.is_valid() && ring.next_offset >= ring.first_offset);
  });
}

HNI_PROVE(buffer_ring_post,
          "Posting a fragment stores it in a slot of the driver, whose number is the buffer id, "
          "and changes no other slot (I1 to I4).") {
  auto ring = any_buffer_ring();
  auto slots = any_slots(ring);
  const auto other = input<std::uint32_t>("other slot");
  const auto fragment = input<std::uint32_t>("fragment");
  assume_valid(ring);
  assume("the other slot exists", other <= ring.window.mask);
  assume("the ring is not full", ring.window.free() != 0U);
  const Word kept = slots.at(other);
  const auto before = ring;
  const Word slot = ring.post(slots, fragment);
  show(ring);
  conclude_valid(ring);
  conclude("I2", "the oldest slot of the driver is taken", slot == before.window.tail);
  conclude("I3", "the slot was the driver's and is now the card's",
           [&] { return !before.window.owned_by_card(slot) && ring.window.owned_by_card(slot); });
  conclude("I4", "the slot holds the fragment", slots.at(slot) == fragment);
  conclude("I4", "any other slot keeps content and owner", [&] {
    return other == slot ||
           (slots.at(other) == kept && same_owner(before.window, ring.window, other));
  });
  conclude("I4", "what is delivered of the oldest fragment stays",
           ring.next_offset == before.next_offset);
}

HNI_PROVE(buffer_ring_accept_then_take_back,
          "A slot that the card names is accepted exactly if the card owns it; popping the older "
          "ones makes it the oldest (I1, I3, I4, I7).") {
  auto ring = any_buffer_ring();
  const auto named = from_card("rcd_header_id");
  assume_valid(ring);
  must_cover("accepted", "refused");
  const auto before = ring;
  const auto value = named.as_data();
  Word skipped = input<std::uint32_t>("skipped before");
  const bool accepted = ring.accept(named, skipped);
  cover(accepted ? "accepted" : "refused");
  conclude("I3", "accepted exactly when the card owns the slot",
           [&] { return accepted == before.window.owned_by_card(value); });
  conclude("I4", "naming alone changes nothing", [&] {
    return same_ring(before.window, ring.window) && ring.next_offset == before.next_offset;
  });
  if (!accepted) return;
  conclude("I7", "fewer slots come back than are used", skipped < ring.window.used());
  conclude("I1", "after the older ones came back the named slot is the oldest",
           ring.window.advance(ring.window.head, skipped) == value);
}

HNI_PROVE(buffer_ring_take_back,
          "Popping the oldest slot returns its fragment, once, and the next fragment starts at "
          "its initial offset (I1 to I4, I7).") {
  auto ring = any_buffer_ring();
  auto slots = any_slots(ring);
  const auto other = input<std::uint32_t>("other slot");
  assume_valid(ring);
  assume("the other slot exists", other <= ring.window.mask);
  assume("a buffer is posted", [&] { return !ring.window.empty(); });
  const auto before = ring;
  const Word oldest = ring.window.head;
  const Word kept = slots.at(other);
  const Word fragment = ring.pop_completed(slots);
  show(ring);
  conclude_valid(ring);
  conclude("I4", "what comes back is what the slot lent", fragment == slots.at(oldest));
  conclude("I4", "it was the card's and is so no longer", [&] {
    return before.window.owned_by_card(oldest) && !ring.window.owned_by_card(oldest);
  });
  conclude("I4", "any other slot keeps content and owner", [&] {
    return slots.at(other) == kept &&
           (other == oldest || same_owner(before.window, ring.window, other));
  });
  conclude("I7", "one buffer fewer is posted", ring.window.used() == before.window.used() - 1U);
  conclude("I2", "nothing of the next fragment is delivered", [&] {
    return ring.next_offset == ring.first_offset && ring.first_offset == before.first_offset;
  });
}

HNI_PROVE(
    buffer_ring_place,
    "A position that the card names is accepted exactly if it lies after all earlier data of the "
    "fragment, has at least one byte, and ends before the limit minus the reserve (I1, I6).") {
  // The card's fields have 12 and 13 bits; 16 bits suffice for all sums here.
  const auto narrow = [](const char* name) { return Word(input<std::uint16_t>(name)); };
  const Ring ring{any_work_ring(), input<std::uint32_t>("next offset"),
                  input<std::uint32_t>("first offset")};
  const auto offset = Word(nondet_read<std::uint16_t>("offset"));
  const auto length = Word(nondet_read<std::uint16_t>("length"));
  const auto reserve = narrow("reserve");
  const auto limit = narrow("limit");
  must_cover("accepted", "refused");
  const bool accepted = ring.fits_after(offset, length, reserve, limit);
  cover(accepted ? "accepted" : "refused");
  conclude("I1", "accepted exactly when every byte is new and inside", [&] {
    return accepted ==
           (ring.next_offset <= offset && length >= 1U && offset + length + reserve <= limit);
  });
}

HNI_PROVE(buffer_ring_delivered,
          "Delivered data is never delivered again: after each accepted position the next one "
          "starts after it, and a fragment has at most as many references as bytes (I2, I4).") {
  constexpr std::uint32_t kLimit = 4096;
  auto ring = any_buffer_ring();
  const auto offset = nondet_read<std::uint32_t>("offset");
  const auto length = nondet_read<std::uint32_t>("length");
  const auto gap = input<std::uint32_t>("gap");
  const auto next_offset = nondet_read<std::uint32_t>("next offset named");
  const auto next_length = nondet_read<std::uint32_t>("next length named");
  const auto holders = input<std::uint32_t>("holders");
  assume_valid(ring);
  assume("the gap is at most a fragment", gap <= kLimit);
  assume("so far there are at most as many holders as bytes delivered",
         holders <= ring.next_offset);
  assume("the card named a good place",
         [&] { return ring.fits_after(offset, length, Word(0), Word(kLimit)); });
  ring.delivered(Word(offset + length + gap));
  show(ring);
  conclude_valid(ring);
  conclude("I4", "one more holder is still at most the bytes delivered",
           holders + 1U <= ring.next_offset);
  conclude("I4", "that is at most a fragment and the gap", ring.next_offset <= 2 * kLimit);
  conclude("I4", "the next position is after this one", [&] {
    return !ring.fits_after(next_offset, next_length, Word(0), Word(kLimit)) ||
           next_offset >= offset + length + gap;
  });
}

HNI_REFUTE(
    place_checked_with_a_sum, "I1",
    "Known mistake: offset + length <= limit in a 32-bit word accepts a length that wraps.") {
  const auto offset = nondet_read<std::uint32_t>("offset");
  const auto length = nondet_read<std::uint32_t>("length");
  const auto limit = input<std::uint32_t>("limit");
  assume("the place looks good", offset + length <= limit);
  conclude("I1", "it begins and ends inside",
           [&] { return offset <= limit && Wide(offset) + Wide(length) <= Wide(limit); });
}

}  // namespace hni::proofs
