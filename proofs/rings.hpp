// SPDX-License-Identifier: Apache-2.0
// Arbitrary rings for the proofs: the shipped templates over a symbolic word, in any state at all.
#pragma once

#include <string>

#include "driver/ring.hpp"
#include "proofs/harness.hpp"

namespace hni::proofs {

/// The word type of the driver's rings, symbolic.
using Word = Sym<std::uint32_t>;

/// Largest ring of the card: 2^16 descriptors.
inline constexpr std::uint32_t kLargestMask = 0xffff;

inline WorkRing<Word> any_work_ring() {
  return {input<std::uint32_t>("head"), input<std::uint32_t>("tail"),
          input<std::uint32_t>("mask")};
}

inline CompletionRing<Word> any_completion_ring() {
  return {input<std::uint32_t>("head"), input<std::uint32_t>("done"),
          input<std::uint32_t>("mask")};
}

/// The induction hypothesis: the invariant of the ring itself, for every size from 2 to 2^16.
template <class Ring>
void assume_valid(const Ring& ring) {
  assume("the ring is valid", [&] { return ring.is_valid(); });
}

inline void show(const WorkRing<Word>& ring) {
  show("head", ring.head);
  show("tail", ring.tail);
}

inline Untrusted<Word> from_card(const std::string& site) {
  return Untrusted<Word>(card_word<std::uint32_t>(site));
}

}  // namespace hni::proofs
