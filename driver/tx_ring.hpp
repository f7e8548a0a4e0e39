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
#include <optional>

#include "driver/ring.hpp"

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

/// Slots: `at(W) -> TxSlot<W>&`, one element a descriptor.
template <class W, class Slots>
class TxRing {
 public:
  WorkRing<W> ring;
  W done{};     ///< the card gave back all before it
  W stamped{};  ///< no slot before it waits for a timestamp
  Slots slots;

  /// head <= done <= tail and head <= stamped <= tail, in ring order.
  constexpr bool is_valid() const {
    return ring.is_valid() && done <= ring.mask && stamped <= ring.mask &&
           ring.distance(ring.head, done) <= ring.used() &&
           ring.distance(ring.head, stamped) <= ring.used();
  }

  constexpr void reset(const W& mask) {
    ring = WorkRing<W>{W(0), W(0), mask};
    done = W(0);
    stamped = W(0);
  }

  /// Posts one slot. Requires ring.free() != 0.
  constexpr W post(const TxSlot<W>& slot) {
    const W index = ring.post();
    slots.at(index) = slot;
    return index;
  }

  /// Marks the newest slot as the end of its packet. Requires a posted slot.
  constexpr void end_packet() {
    TxSlot<W>& slot = slots.at(ring.distance(W(1), ring.tail));
    slot.bits = W(slot.bits | W(TxSlot<W>::kLast));
  }

  /// Takes the card's word for "consumed up to here". True if `reported` lies in [done, tail] and
  /// on a packet boundary; otherwise nothing changes.
  constexpr bool accept_done(const Untrusted<W>& reported) {
    const std::optional<W> slot = reported.at_most(ring.mask);
    if (!slot) return false;
    const W n = ring.distance(done, *slot);
    if (n == W(0)) return true;
    if (ring.distance(done, ring.tail) < n) return false;
    if (!slots.at(ring.distance(W(1), *slot)).last()) return false;
    done = *slot;
    return true;
  }

  /// A timestamp arrived: clears the mark of the oldest slot that waits for one and names that
  /// slot. Nothing if none waits. Ends after at most used() steps, and over a ring's life looks at
  /// each posted slot once.
  constexpr std::optional<W> accept_stamp() {
    while (stamped != ring.tail) {
      const W slot = stamped;
      stamped = ring.advance(stamped, W(1));
      TxSlot<W>& shadow = slots.at(slot);
      if (shadow.stamp_pending()) {
        shadow.bits = W(shadow.bits & W(~TxSlot<W>::kStampPending));
        return slot;
      }
    }
    return std::nullopt;
  }

  /// Gives back the oldest slot if the card is through with it and no timestamp is missing.
  constexpr std::optional<TxSlot<W>> take_back() {
    if (ring.head == done) return std::nullopt;
    const TxSlot<W> slot = slots.at(ring.head);
    if (slot.stamp_pending()) return std::nullopt;
    return retire_oldest();
  }

  /// Gives back the oldest slot whatever the card says. Only when the card is quiet. Ends after
  /// used() calls.
  constexpr std::optional<TxSlot<W>> reclaim() {
    if (ring.empty()) return std::nullopt;
    return retire_oldest();
  }

 private:
  constexpr TxSlot<W> retire_oldest() {
    const W oldest = ring.head;
    const TxSlot<W> slot = slots.at(oldest);
    ring.retire(W(1));
    if (done == oldest) done = ring.head;
    if (stamped == oldest) stamped = ring.head;
    return slot;
  }
};

}  // namespace hni
