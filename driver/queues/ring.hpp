// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Ring algebra, generic over the word type W: std::uint32_t in production, a symbolic integer in
/// proofs/, so that exactly this code is proved. W is at least 32 bits wide, so that a ring of
/// 65,536 entries can count its entries.
///
/// Convention [device 11.3]: a ring has 2^k slots; head and tail are slot numbers; head == tail
/// means empty; the last slot is never filled, so at most size - 1 descriptors are outstanding.

#include <cstdint>

#include "driver/core/untrusted.hpp"

namespace hni {

/// Checks a ring mask.
/// @param mask number of slots - 1
/// @return true for 2^k - 1 with k >= 1
template <class W>
constexpr bool is_ring_mask(const W& mask) {
  return mask != W(0) && W(mask & W(mask + W(1))) == W(0);
}

/// A ring that the driver fills and the device consumes: transmit work, header and payload
/// buffers, mailbox. The device owns the slots in [head, tail), the driver the others.
template <class W>
struct WorkRing {
  W head{};  ///< oldest slot that the device has not completed
  W tail{};  ///< next slot that the driver fills
  W mask{};  ///< size - 1

  /// Checks the invariant: theorem in proofs/, oracle in fuzz/ and debug assertion in one.
  /// @return true if mask, head and tail are valid
  constexpr bool is_valid() const { return is_ring_mask(mask) && head <= mask && tail <= mask; }

  /// Counts slots in ring order.
  /// @param from first slot
  /// @param to slot after the last
  /// @return slots in [from, to)
  constexpr W distance(const W& from, const W& to) const { return W(W(to - from) & mask); }
  /// Moves a slot number forward.
  /// @param slot slot number
  /// @param n slots
  /// @return the slot `n` places later
  constexpr W advance(const W& slot, const W& n) const { return W(W(slot + n) & mask); }

  /// @return descriptors that the device owns, 0 .. size - 1
  constexpr W used() const { return distance(head, tail); }
  /// @return descriptors that may be posted, 0 .. size - 1
  constexpr W free() const { return W(mask - used()); }
  /// @return true if the device owns no descriptor
  constexpr bool empty() const { return head == tail; }
  /// Checks ownership.
  /// @param slot slot number
  /// @return true if the device owns the slot
  constexpr bool owned_by_card(const W& slot) const {
    return slot <= mask && distance(head, slot) < used();
  }

  /// Reserves the next slot to fill. Requires free() != 0. The device owns the slot only once the
  /// doorbell is rung.
  /// @return the slot number
  constexpr W post() {
    const W slot = tail;
    tail = advance(tail, W(1));
    return slot;
  }

  /// Retires the oldest slots. Requires n <= used().
  /// @param n number of slots
  constexpr void retire(const W& n) { head = advance(head, n); }

  /// Validates a head that the device reports ("consumed up to here, exclusive"). A value outside
  /// [head, tail] is refused: it would free descriptors that the device may still read, or that
  /// were never posted.
  /// @param reported value from the device
  /// @param n set to the number of descriptors completed
  /// @return true if the value is valid
  [[nodiscard]] constexpr bool accept_head(const Untrusted<W>& reported, W& n) const {
    W slot{};
    if (!reported.at_most(mask, slot)) return false;
    n = distance(head, slot);
    return n <= used();
  }

  /// Validates a slot number that the device reports (a buffer id).
  /// @param named value from the device
  /// @param n set to the number of older slots that it skips
  /// @return true if the device owns the slot
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

/// A ring that the device fills and the driver consumes: transmit and receive completions. The
/// driver zeroes it before the device starts; the device writes DONE = 1 on its first pass over
/// the ring, 0 on the second, and so on [device 12.3]. An entry is ready when its DONE bit equals
/// `done`.
template <class W>
struct CompletionRing {
  W head{};      ///< next slot to check
  W done{W(1)};  ///< DONE value of a fresh entry on this pass: 1 or 0
  W mask{};      ///< size - 1

  /// Checks the invariant.
  /// @return true if mask, head and done are valid
  constexpr bool is_valid() const { return is_ring_mask(mask) && head <= mask && done <= W(1); }

  /// Moves to the next slot; flips `done` on wraparound.
  constexpr void advance() {
    head = W(W(head + W(1)) & mask);
    if (head == W(0)) [[unlikely]] {
      done = W(done ^ W(1));
    }
  }

  /// Processes fresh entries, at most `left` of them. (Always inlined: a call would cost the
  /// packet path.)
  /// @param left budget; decremented per entry, so the loop ends regardless of what the device
  ///     writes
  /// @param read `bool read(slot, done)`: reads the entry of that slot once, keeps it, and returns
  ///     whether its DONE bit equals `done`
  /// @param accept `bool accept()`: processes the entry that was read last; false ends the loop
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
