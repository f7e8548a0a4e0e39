// SPDX-License-Identifier: Apache-2.0
// WorkRing: the ring that the driver fills and the card consumes. One step of each operation from
// an arbitrary valid state, for every size.
#include "proofs/rings.hpp"

namespace hni::proofs {

HNI_PROVE(work_ring_post,
          "Posting to a ring that is not full takes a slot of the driver, in bounds, and hands "
          "exactly that slot to the card "
          "(I1, I2, I3).") {
  auto ring = any_work_ring();
  const auto other = input<std::uint32_t>("other slot");
  assume_valid(ring);
  assume("the ring is at most 2^16", ring.mask <= kLargestMask);
  assume("the ring is not full", ring.free() != 0U);
  const auto before = ring;
  const Word slot = ring.post();
  show(ring);
  show("slot", slot);
  conclude("I1", "the slot is in bounds", slot <= ring.mask);
  conclude("I2", "the ring stays valid", [&] { return ring.is_valid(); });
  conclude("I2", "one more is used, at most size - 1",
           [&] { return ring.used() == before.used() + 1U && ring.used() <= ring.mask; });
  conclude("I3", "the slot was the driver's and is now the card's",
           [&] { return !before.owned_by_card(slot) && ring.owned_by_card(slot); });
  conclude("I3", "every other slot keeps its owner", [&] {
    return other == slot || before.owned_by_card(other) == ring.owned_by_card(other);
  });
}

}  // namespace hni::proofs
