// SPDX-License-Identifier: Apache-2.0
#pragma once

/// TxRing: which descriptor slots of a transmit work queue belong to whom, and what each posted
/// slot holds. The truth is kept here, never in the ring memory, which the card can write. Generic
/// over the word type W and the shadow storage.
///
///     head ......... done ......... tail
///       given back by  still with
///       the card, but  the card
///       a timestamp is
///       missing

#include <cstdint>

#include "driver/queues/ring.hpp"

namespace hni {

/// What a posted slot holds, in one word: bits 23:0 fragment number + 1 (0 for a descriptor
/// without memory), bit 30 a timestamp is still expected, bit 31 last descriptor of its packet. At
/// most 2^24 - 1 fragments (64 GiB).
template <class W>
struct TxSlot {
  static constexpr std::uint32_t kFragmentMask = 0x00ffffff;
  static constexpr std::uint32_t kStampPending = 1U << 30;
  static constexpr std::uint32_t kLast = 1U << 31;
  W bits{};

  static constexpr TxSlot none() { return {W(0)}; }
  static constexpr TxSlot of_fragment(const W& fragment) { return {W(fragment + W(1))}; }
  constexpr bool has_fragment() const { return W(bits & W(kFragmentMask)) != W(0); }
  constexpr W fragment() const { return W(W(bits & W(kFragmentMask)) - W(1)); }
  constexpr bool last() const { return W(bits & W(kLast)) != W(0); }
  constexpr bool stamp_pending() const { return W(bits & W(kStampPending)) != W(0); }
};

/// The shadow of the slots is a `Slots` with `at(W) -> TxSlot<W>&`, one element a descriptor; it
/// stays outside of this small value, so that a burst can work on a copy in registers.
template <class W>
struct TxRing {
  WorkRing<W> window{};
  W done{};  ///< the card gave back all before it

  static constexpr TxRing of_mask(const W& mask) { return {WorkRing<W>{W(0), W(0), mask}, W(0)}; }

  /// head <= done <= tail, in ring order.
  constexpr bool is_valid() const {
    return window.is_valid() && done <= window.mask &&
           window.distance(window.head, done) <= window.used();
  }

  /// Posts one slot; its number. Requires ring.free() != 0.
  template <class Slots>
  constexpr W post(Slots& slots, const TxSlot<W>& slot) {
    const W index = window.post();
    slots.at(index) = slot;
    return index;
  }

  /// Takes the card's word for "consumed up to here". True if `reported` lies in [done, tail] and
  /// on a packet boundary; otherwise nothing changes.
  template <class Slots>
  constexpr bool accept_done(const Slots& slots, const Untrusted<W>& reported) {
    W slot{};
    if (!reported.at_most(window.mask, slot)) return false;
    const W n = window.distance(done, slot);
    if (n == W(0)) return true;
    if (window.distance(done, window.tail) < n) return false;
    if (!slots.at(window.distance(W(1), slot)).last()) return false;
    done = slot;
    return true;
  }

  /// A timestamp arrived: clears the mark of the oldest slot that waits for one, true and its
  /// number in `slot`; false if none waits. Ends after at most used() steps. Usually the oldest
  /// slots wait, and the first step finds one.
  template <class Slots>
  [[nodiscard]] constexpr bool accept_stamp(Slots& slots, W& slot) {
    for (slot = window.head; slot != window.tail; slot = window.advance(slot, W(1))) {
      TxSlot<W>& shadow = slots.at(slot);
      if (shadow.stamp_pending()) {
        shadow.bits = W(shadow.bits & W(~TxSlot<W>::kStampPending));
        return true;
      }
    }
    return false;
  }

  /// True if the card is through with the oldest slot and its timestamp is not missing.
  template <class Slots>
  constexpr bool can_pop_completed(const Slots& slots) const {
    return window.head != done && !slots.at(window.head).stamp_pending();
  }

  /// Takes the oldest slot back. Requires can_pop_completed(); so a loop over it ends after used()
  /// turns.
  template <class Slots>
  constexpr TxSlot<W> pop_completed(const Slots& slots) {
    const W oldest = window.head;
    window.retire(W(1));
    return slots.at(oldest);
  }

  /// Takes the oldest slot back whatever the card says; only when the card is quiet. Requires
  /// !ring.empty().
  template <class Slots>
  constexpr TxSlot<W> reclaim(const Slots& slots) {
    const bool through = window.head != done;
    const TxSlot<W> slot = pop_completed(slots);
    if (!through) done = window.head;
    return slot;
  }
};

}  // namespace hni
