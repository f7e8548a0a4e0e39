// SPDX-License-Identifier: Apache-2.0
#pragma once

/// BufferRing: a header or payload buffer queue. Each slot lends one fragment to the card; the
/// card names the slot (the buffer id) in each completion that used it, never an older slot than
/// before, and may use one fragment several times, each time further behind
/// [device 13.1, 13.4, 13.5]. Generic over the word type W and the shadow storage.

#include <cstdint>

#include "driver/queues/ring.hpp"

namespace hni {

/// The shadow of the slots is a `Slots` with `at(W) -> W&`, the fragment number that each slot
/// lends; it stays outside of this small value, so that a poll can work on a copy in registers.
template <class W>
struct BufferRing {
  WorkRing<W> window{};
  W next_offset{};   ///< bytes: the oldest slot's fragment is delivered up to here
  W first_offset{};  ///< bytes: smallest offset in a fresh fragment

  static constexpr BufferRing of_mask(const W& mask, const W& smallest_offset) {
    return {WorkRing<W>{W(0), W(0), mask}, smallest_offset, smallest_offset};
  }

  constexpr bool is_valid() const { return window.is_valid() && first_offset <= next_offset; }

  /// Lends `fragment` to the card; the slot number is the buffer id. Requires ring.free() != 0.
  template <class Slots>
  constexpr W post(Slots& slots, const W& fragment) {
    const W slot = window.post();
    slots.at(slot) = fragment;
    return slot;
  }

  /// The card names a slot. True, and in `skipped` the number of older slots that it passes over
  /// (take them back with pop_completed(), then the named one is the oldest), if it is a slot that the
  /// card owns.
  [[nodiscard]] constexpr bool accept(const Untrusted<W>& id, W& skipped) const {
    return window.accept_slot(id, skipped);
  }

  /// Checks the place of new data in the oldest slot's fragment: behind all earlier data, at least
  /// one byte, and with `reserve` bytes to spare before `limit`.
  constexpr bool fits_after(const W& offset, const W& length, const W& reserve,
                            const W& limit) const {
    return next_offset <= offset && length != W(0) && offset <= limit &&
           length <= W(limit - offset) && reserve <= W(W(limit - offset) - length);
  }
  /// Data was accepted: nothing before `new_next` may be delivered from this fragment again.
  constexpr void delivered(const W& new_next) { next_offset = new_next; }

  /// Takes the oldest slot back; its fragment. Requires !ring.empty(); so a loop over it ends
  /// after used() turns.
  template <class Slots>
  constexpr W pop_completed(const Slots& slots) {
    const W fragment = slots.at(window.head);
    window.retire(W(1));
    next_offset = first_offset;
    return fragment;
  }
};

}  // namespace hni
