// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The algebra of the two firmware mailbox rings, generic over the word type W (see ring.hpp), and
/// the reading of one descriptor half. No input or output here: mailbox.hpp carries the steps out.
///
/// Each ring has 16 descriptors of 64 bits in BAR4 memory that host and firmware share
/// [device 4.1]. The host posts at `tail`, the firmware completes at `head`, in ring order. The
/// ring is full when tail + 1 == head: 15 descriptors at most are the firmware's. The slot behind
/// the newest one is the stop: its low half is zeroed before the newest one is published, so that
/// the firmware halts there [device 4.5].

#include <cstdint>
#include <optional>

#include "driver/core/types.hpp"
#include "driver/core/untrusted.hpp"
#include "driver/queues/ring.hpp"
#include "openhni/spec/descriptors.hpp"

namespace hni {

/// Descriptors per ring [device 4.1].
inline constexpr std::uint32_t kMailboxSlots = 16;
/// Memory that one descriptor names [device 4.4].
inline constexpr std::uint32_t kMailboxPageBytes = 4096;
/// The shortest message is a header [device 5].
inline constexpr std::uint32_t kMailboxHeaderBytes = 4;
inline constexpr std::uint32_t kMailboxRx = 0;  ///< firmware to host
inline constexpr std::uint32_t kMailboxTx = 1;  ///< host to firmware
/// Both completion bits: the firmware skips the descriptor [device 4.3].
inline constexpr std::uint32_t kMailboxSkip = 3;

template <class W>
struct MailboxRing {
  WorkRing<W> window{W(0), W(0), W(kMailboxSlots - 1)};

  /// The slots of a posting: `slot` is published after the low half of `stop` was zeroed.
  struct Post {
    W slot;
    W stop;
  };

  /// The ring's own invariant, and: the stop is never the firmware's.
  constexpr bool is_valid() const {
    return window.is_valid() && !window.owned_by_card(window.tail);
  }

  constexpr bool empty() const { return window.empty(); }
  constexpr bool full() const { return window.advance(window.tail, W(1)) == window.head; }
  constexpr W used() const { return window.used(); }

  /// The descriptor that the firmware completes next. Meaningful when not empty.
  constexpr W oldest() const { return window.head; }

  /// Hands the next slot to the firmware. Requires !full().
  constexpr Post post() {
    const W slot = window.post();
    return {slot, window.tail};
  }

  /// Takes the oldest slot back. Requires !empty().
  constexpr W pop_completed() {
    const W slot = window.head;
    window.retire(W(1));
    return slot;
  }

  /// Both sides start at slot 0 again [device 4.3].
  constexpr void reset() { window = WorkRing<W>{W(0), W(0), window.mask}; }
};

/// What the low half of the oldest descriptor says.
enum class MailboxVerdict : std::uint8_t {
  kPending,  ///< the firmware is not through with it
  kFailed,   ///< FW_ERR: it could not process the message, or delivers none
  kDone,
};

/// Reads the flags of a low half. The address part is ignored: the host keeps its own copy.
template <class W>
constexpr MailboxVerdict mailbox_verdict(const Untrusted<W>& low) {
  if (!low.any(W(2))) return MailboxVerdict::kPending;  // FW_CMPL
  if (low.any(W(4))) return MailboxVerdict::kFailed;    // FW_ERR
  return MailboxVerdict::kDone;
}

/// The length of the high half of a received descriptor, in bytes, unchecked.
template <class W>
constexpr Untrusted<W> mailbox_length(const Untrusted<W>& high) {
  return high >> 16;
}

/// The two halves of a descriptor that hands `bytes` bytes at `address` to the firmware.
struct MailboxWords {
  std::uint32_t low;
  std::uint32_t high;
};

constexpr MailboxWords mailbox_words(DmaAddr address, std::uint32_t bytes, bool end_of_message) {
  const std::uint64_t raw_word = spec::MBX_DESC{}
                                     .set_HOST_CMPL(1)
                                     .set_ADDR_8(raw(address) >> 3)
                                     .set_EOM(end_of_message ? 1 : 0)
                                     .set_LEN(bytes)
                                     .raw;
  return {static_cast<std::uint32_t>(raw_word), static_cast<std::uint32_t>(raw_word >> 32)};
}

}  // namespace hni
