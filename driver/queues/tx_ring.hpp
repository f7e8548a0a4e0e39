// SPDX-License-Identifier: Apache-2.0
#pragma once

/// TxRing: ownership of the descriptor slots of a transmit work queue, and what each posted slot
/// holds. This state is kept here and never read back from the ring memory, which the device can
/// write. Generic over the word type W and the shadow storage.
///
///     head ......... done ......... tail
///       completed,      owned by
///       a timestamp     the device
///       outstanding

#include <cstdint>

#include "driver/queues/ring.hpp"

namespace hni {

/// Shadow of one posted descriptor, in one word: bits 23:0 fragment number + 1 (0 for a descriptor
/// without memory), bit 30 its timestamp is outstanding, bit 31 last descriptor of its packet. At
/// most 2^24 - 1 fragments (64 GiB).
template <class W>
struct TxSlot {
  static constexpr std::uint32_t kFragmentMask = 0x00ffffff;  ///< bits of the fragment number + 1
  /// a timestamp was requested and has not arrived
  static constexpr std::uint32_t kStampPending = 1U << 30;
  static constexpr std::uint32_t kLast = 1U << 31;  ///< last descriptor of a packet
  W bits{};                                         ///< the shadow word

  /// @return the shadow of a descriptor without memory
  static constexpr TxSlot none() { return {W(0)}; }
  /// Makes the shadow of a data descriptor.
  /// @param fragment fragment number
  /// @return the shadow, no flag set
  static constexpr TxSlot of_fragment(const W& fragment) { return {W(fragment + W(1))}; }
  /// @return true if the descriptor refers to a fragment
  constexpr bool has_fragment() const { return W(bits & W(kFragmentMask)) != W(0); }
  /// @return the fragment number; requires has_fragment()
  constexpr W fragment() const { return W(W(bits & W(kFragmentMask)) - W(1)); }
  /// @return true for the last descriptor of a packet
  constexpr bool last() const { return W(bits & W(kLast)) != W(0); }
  /// @return true while the timestamp of this packet is outstanding
  constexpr bool stamp_pending() const { return W(bits & W(kStampPending)) != W(0); }
};

/// A transmit ring without its shadow. The shadow is a `Slots` with `at(W) -> TxSlot<W>&`, one
/// element per descriptor. It is stored outside of this small value, so that a burst can work on a
/// copy in registers.
template <class W>
struct TxRing {
  /// Slots that are posted and not yet freed.
  WorkRing<W> window{};
  /// The device has completed every slot before this one.
  W done{};

  /// Returns an empty ring.
  /// @param mask number of slots - 1
  /// @return the ring
  static constexpr TxRing of_mask(const W& mask) { return {WorkRing<W>{W(0), W(0), mask}, W(0)}; }

  /// Checks the invariant.
  /// @return true if head <= done <= tail in ring order
  constexpr bool is_valid() const {
    return window.is_valid() && done <= window.mask &&
           window.distance(window.head, done) <= window.used();
  }

  /// Posts one slot. Requires window.free() != 0.
  /// @param slots shadow to record `slot` in
  /// @param slot what the descriptor holds
  /// @return the slot number
  template <class Slots>
  constexpr W post(Slots& slots, const TxSlot<W>& slot) {
    const W index = window.post();
    slots.at(index) = slot;
    return index;
  }

  /// Processes a reported completion, "consumed up to here". An invalid value changes nothing.
  /// @param slots shadow of the slots
  /// @param reported head from the device
  /// @return true if `reported` lies in [done, tail] and on a packet boundary
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

  /// Assigns an arrived timestamp to the oldest slot that waits for one and clears its mark. Ends
  /// after at most used() steps; usually the first step finds the slot.
  /// @param slots shadow of the slots
  /// @param slot set to the slot number
  /// @return false if no slot waits for a timestamp
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

  /// Checks whether the head slot can be freed.
  /// @param slots shadow of the slots
  /// @return true if the device completed the head slot and its timestamp is not outstanding
  template <class Slots>
  constexpr bool can_pop_completed(const Slots& slots) const {
    return window.head != done && !slots.at(window.head).stamp_pending();
  }

  /// Frees the head slot. Requires can_pop_completed(), so a loop over it ends after used()
  /// iterations.
  /// @param slots shadow of the slots
  /// @return what the slot held
  template <class Slots>
  constexpr TxSlot<W> pop_completed(const Slots& slots) {
    const W oldest = window.head;
    window.retire(W(1));
    return slots.at(oldest);
  }

  /// Frees the head slot whether or not the device completed it. Requires an idle device and
  /// !window.empty().
  /// @param slots shadow of the slots
  /// @return what the slot held
  template <class Slots>
  constexpr TxSlot<W> reclaim(const Slots& slots) {
    const bool through = window.head != done;
    const TxSlot<W> slot = pop_completed(slots);
    if (!through) done = window.head;
    return slot;
  }
};

}  // namespace hni
