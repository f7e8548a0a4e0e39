// SPDX-License-Identifier: Apache-2.0
#pragma once

/// BufferRing: a header or payload buffer queue. Each slot provides one fragment to the device.
/// Every completion names the slot that it used (the buffer id); slots are used in ring order, and
/// one fragment may be used several times at increasing offsets [device 13.1, 13.4, 13.5]. Generic
/// over the word type W and the shadow storage.

#include <cstdint>

#include "driver/queues/ring.hpp"

namespace hni {

/// A buffer ring without its shadow. The shadow is a `Slots` with `at(W) -> W&`: the fragment
/// number that each slot provides. It is stored outside of this small value, so that a poll can
/// work on a copy in registers.
template <class W>
struct BufferRing {
  /// Slots that the device owns.
  WorkRing<W> window{};
  /// Bytes: the head slot's fragment has been delivered up to this offset.
  W next_offset{};
  /// Bytes: smallest offset in a fresh fragment.
  W first_offset{};

  /// Returns an empty ring.
  /// @param mask number of slots - 1
  /// @param smallest_offset bytes that the device leaves free at the start of each fragment
  /// @return the ring
  static constexpr BufferRing of_mask(const W& mask, const W& smallest_offset) {
    return {WorkRing<W>{W(0), W(0), mask}, smallest_offset, smallest_offset};
  }

  /// Checks the invariant of the ring.
  /// @return true if the window is valid and next_offset has not fallen below first_offset
  constexpr bool is_valid() const { return window.is_valid() && first_offset <= next_offset; }

  /// Posts `fragment`; the slot number is its buffer id. Requires window.free() != 0.
  /// @param slots shadow to record the fragment in
  /// @param fragment fragment number
  /// @return the slot number
  template <class Slots>
  constexpr W post(Slots& slots, const W& fragment) {
    const W slot = window.post();
    slots.at(slot) = fragment;
    return slot;
  }

  /// Validates a buffer id from a completion. Retire the skipped slots with pop_completed() to
  /// make the named slot the head.
  /// @param id slot number that the device reported
  /// @param skipped set to the number of older slots before it
  /// @return true if the device owns the slot; `skipped` is valid only then
  [[nodiscard]] constexpr bool accept(const Untrusted<W>& id, W& skipped) const {
    return window.accept_slot(id, skipped);
  }

  /// Checks that new data fits into the head slot's fragment: at least one byte, after all data
  /// that was delivered from it earlier, with `reserve` bytes left before `limit`.
  /// @param offset first byte in the fragment
  /// @param length bytes
  /// @param reserve bytes that must stay free after the data
  /// @param limit end of the fragment, bytes
  /// @return true if the data fits
  constexpr bool fits_after(const W& offset, const W& length, const W& reserve,
                            const W& limit) const {
    return next_offset <= offset && length != W(0) && offset <= limit &&
           length <= W(limit - offset) && reserve <= W(W(limit - offset) - length);
  }
  /// Records that data was accepted: nothing before `new_next` may be delivered from this fragment
  /// again.
  /// @param new_next smallest offset of later data, bytes
  constexpr void delivered(const W& new_next) { next_offset = new_next; }

  /// Retires the head slot. Requires !window.empty(), so a loop over it ends after used()
  /// iterations.
  /// @param slots shadow of the slots
  /// @return the slot's fragment number
  template <class Slots>
  constexpr W pop_completed(const Slots& slots) {
    const W fragment = slots.at(window.head);
    window.retire(W(1));
    next_offset = first_offset;
    return fragment;
  }
};

}  // namespace hni
