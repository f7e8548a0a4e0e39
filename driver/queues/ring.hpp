// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Ring algebra, generic over the word type W: std::uint32_t in production, a symbolic integer in
/// proofs/. What is proved there is this very code. W is at least 32 bits wide, so that a ring of
/// 65,536 entries can count its entries.
///
/// Convention [device 11.3]: a ring has 2^k slots; head and tail are slot numbers; head
/// == tail means empty; the last slot is never filled, so at most size - 1 descriptors are
/// outstanding.

#include <cstdint>

#include "driver/core/untrusted.hpp"

namespace hni {

/// True for 2^k - 1 with k >= 1.
template <class W>
constexpr bool is_ring_mask(const W& mask) {
  return mask != W(0) && W(mask & W(mask + W(1))) == W(0);
}

/// A ring that the driver fills and the card consumes: transmit work, header and payload buffers,
/// mailbox. The card owns the slots in [head, tail); the driver owns the others.
template <class W>
struct WorkRing {
  W head{};  ///< oldest slot that the card has not given back
  W tail{};  ///< next slot that the driver fills
  W mask{};  ///< size - 1

  /// The invariant: theorem, fuzz oracle, debug assertion and monitor condition in one.
  constexpr bool is_valid() const { return is_ring_mask(mask) && head <= mask && tail <= mask; }

  constexpr W distance(const W& from, const W& to) const { return W(W(to - from) & mask); }
  constexpr W advance(const W& slot, const W& n) const { return W(W(slot + n) & mask); }

  /// Descriptors that the card owns, 0 .. size - 1.
  constexpr W used() const { return distance(head, tail); }
  /// Descriptors that may still be posted, 0 .. size - 1.
  constexpr W free() const { return W(mask - used()); }
  constexpr bool empty() const { return head == tail; }
  constexpr bool owned_by_card(const W& slot) const {
    return slot <= mask && distance(head, slot) < used();
  }

  /// Takes the next slot to fill. Requires free() != 0. The slot belongs to the card only once the
  /// doorbell is rung.
  constexpr W post() {
    const W slot = tail;
    tail = advance(tail, W(1));
    return slot;
  }

  /// Gives back the `n` oldest slots. Requires n <= used().
  constexpr void retire(const W& n) { head = advance(head, n); }

  /// A head that the card reports ("consumed up to here, exclusive"). True, and in `n` the number
  /// of descriptors it gives back, when the value is a slot number in [head, tail] in ring order.
  /// Anything else is refused: it would free what the card may still read, or what was never
  /// posted.
  [[nodiscard]] constexpr bool accept_head(const Untrusted<W>& reported, W& n) const {
    W slot{};
    if (!reported.at_most(mask, slot)) return false;
    n = distance(head, slot);
    return n <= used();
  }

  /// A slot that the card names (a buffer id). True, and in `n` the number of older slots that it
  /// skips, when the slot is one that the card owns.
  [[nodiscard]] constexpr bool accept_slot(const Untrusted<W>& named, W& n) const {
    // Most completions name the oldest slot again.
    if (named.equals(head) && !empty()) {
      n = W(0);
      return true;
    }
    W slot{};
    if (!named.at_most(mask, slot)) return false;
    n = distance(head, slot);
    return n < used();
  }
};

/// A ring that the card fills and the driver consumes: transmit and receive completions.
/// The driver zeroes it before the card starts; the card writes DONE = 1 on its first lap, 0 on
/// the second, and so on [device 12.3], so an entry is ready when its DONE bit equals
/// `done`.
template <class W>
struct CompletionRing {
  W head{};      ///< next slot to look at
  W done{W(1)};  ///< DONE value of a fresh entry on this lap: 1 or 0
  W mask{};      ///< size - 1

  constexpr bool is_valid() const { return is_ring_mask(mask) && head <= mask && done <= W(1); }

  constexpr void advance() {
    head = W(W(head + W(1)) & mask);
    if (head == W(0)) [[unlikely]] {
      done = W(done ^ W(1));
    }
  }

  /// Takes what the card has written, at most `left` entries, until `accept()` refuses the one
  /// that was read last. `read(slot, done)` reads the entry of that slot, once, keeps it, and says
  /// whether its DONE bit equals `done`. `left` is what remains of the budget, so the loop ends
  /// whatever the card writes. (Inlined by force: the packet path pays for a call.)
  template <class Read, class Accept>
  [[gnu::always_inline]] constexpr void drain(W& left, Read&& read, Accept&& accept) {
    while (left != W(0) && read(head, done)) {
      advance();
      left = W(left - W(1));
      if (!accept()) return;
    }
  }
};

}  // namespace hni
