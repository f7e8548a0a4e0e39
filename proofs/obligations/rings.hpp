// SPDX-License-Identifier: Apache-2.0
// Arbitrary rings for the proofs: the production templates over a symbolic word, in any state.
#pragma once

#include <deque>
#include <functional>
#include <string>

#include "driver/queues/ring.hpp"
#include "proofs/prover/harness.hpp"

namespace hni::proofs {

/// The word type of the driver's rings, symbolic.
using Word = Sym<std::uint32_t>;
using Wide = Sym<std::uint64_t>;

/// Rings of the card have 2 to 2^16 slots, so size - 1 is a 16-bit value.
inline Word any_mask(const std::string& name = "mask") {
  const Word mask(input<std::uint16_t>(name));
  if (Explorer::current().small_sizes()) assume("at most eight slots", mask <= 7U);
  return mask;
}

inline WorkRing<Word> any_work_ring() {
  return {input<std::uint32_t>("head"), input<std::uint32_t>("tail"), any_mask()};
}

inline CompletionRing<Word> any_completion_ring() {
  return {input<std::uint32_t>("head"), input<std::uint32_t>("done"), any_mask()};
}

/// The induction hypothesis: the invariant of the ring itself, for every size.
template <class Ring>
void assume_valid(const Ring& ring) {
  assume("the ring is valid", [&] { return ring.is_valid(); });
}

template <class Ring>
void conclude_valid(const Ring& ring) {
  conclude("I2", "the ring stays valid", [&] { return ring.is_valid(); });
}

/// An arbitrary slot has the same owner in both states.
inline bool same_owner(const WorkRing<Word>& before, const WorkRing<Word>& after,
                       const Word& slot) {
  return before.owned_by_card(slot) == after.owned_by_card(slot);
}

/// Head, tail and mask are unchanged.
inline bool same_ring(const WorkRing<Word>& a, const WorkRing<Word>& b) {
  return a.head == b.head && a.tail == b.tail && a.mask == b.mask;
}

inline void show(const WorkRing<Word>& ring) {
  show("head", ring.head);
  show("tail", ring.tail);
}

inline Untrusted<Word> from_card(const std::string& site) {
  return Untrusted<Word>(nondet_read<std::uint32_t>(site));
}

/// Shadow storage of a ring of any size. An element is created with arbitrary contents when it is
/// first accessed; the explorer decides whether two names denote the same element. Every access is
/// a claim that it is in bounds.
template <class T>
class AnySlots {
 public:
  /// two arrays with the same name have the same contents
  std::string name = "slot";
  Word mask{};                                 ///< mask of the ring that it belongs to
  std::function<void(const Word&)> on_access;  ///< called first on every access

  T& at(const Word& index) { return cell(index); }
  const T& at(const Word& index) const { return cell(index); }

 private:
  struct Cell {
    Word index;
    T value;
  };
  T& cell(const Word& index) const {
    if (on_access) on_access(index);
    conclude("I1", "a slot index is in bounds", index <= mask);
    for (Cell& c : cells_) {
      if (c.index == index) return c.value;
    }
    const std::string cell = name + " #" + std::to_string(cells_.size());
    show(cell + " is slot", index);
    cells_.push_back({index, T{input<std::uint32_t>(cell)}});
    return cells_.back().value;
  }
  mutable std::deque<Cell> cells_;
};

}  // namespace hni::proofs
