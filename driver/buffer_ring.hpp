// SPDX-License-Identifier: Apache-2.0
#pragma once

/// BufferRing: a header or payload buffer queue. Each slot lends one fragment to the card; the
/// card names the slot (the buffer id) in each completion that used it, never an older slot than
/// before, and may use one fragment several times, each time further behind (fbnic
/// reference 13.1, 13.4, 13.5). Generic over the word type W and the shadow storage.

#include <cstdint>
#include <optional>

#include "driver/ring.hpp"

namespace hni {

/// Slots: `at(W) -> W&`, the fragment number that the slot lends.
template <class W, class Slots>
class BufferRing {
 public:
  WorkRing<W> ring;
  W next_offset{};   ///< bytes: the oldest slot's fragment is delivered up to here
  W first_offset{};  ///< bytes: smallest offset in a fresh fragment
  Slots slots;

  constexpr bool is_valid() const { return ring.is_valid() && first_offset <= next_offset; }

  constexpr void reset(const W& mask, const W& smallest_offset) {
    ring = WorkRing<W>{W(0), W(0), mask};
    first_offset = smallest_offset;
    next_offset = smallest_offset;
  }

  /// Lends `fragment` to the card; the slot number is the buffer id. Requires ring.free() != 0.
  constexpr W post(const W& fragment) {
    const W slot = ring.post();
    slots.at(slot) = fragment;
    return slot;
  }

  /// The card names a slot. The number of older slots that it skips (take them back with
  /// retire_oldest(), then the named one is the oldest); nothing if it is not a slot that the card
  /// owns.
  constexpr std::optional<W> accept(const Untrusted<W>& id) const { return ring.accept_slot(id); }

  /// The fragment of the oldest slot. Requires !ring.empty().
  constexpr W current() const { return slots.at(ring.head); }

  /// Checks the place of new data in the oldest slot's fragment: behind all earlier data, at least
  /// one byte, and ending with `reserve` bytes to spare before `limit`. On success nothing before
  /// `new_next` may be delivered again.
  constexpr bool place_is_new(const W& offset, const W& length, const W& reserve,
                              const W& limit) const {
    return next_offset <= offset && length != W(0) && offset <= limit &&
           length <= W(limit - offset) && reserve <= W(W(limit - offset) - length);
  }
  constexpr void delivered(const W& new_next) { next_offset = new_next; }

  /// Takes the oldest slot back; its fragment. Requires !ring.empty().
  constexpr W retire_oldest() {
    const W fragment = slots.at(ring.head);
    ring.retire(W(1));
    next_offset = first_offset;
    return fragment;
  }

  /// Takes slots back when the card is quiet. Ends after used() calls.
  constexpr std::optional<W> reclaim() {
    if (ring.empty()) return std::nullopt;
    return retire_oldest();
  }
};

}  // namespace hni
