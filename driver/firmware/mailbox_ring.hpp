// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The algebra of the two firmware mailbox rings, generic over the word type W (see ring.hpp), and
/// the decoding of one descriptor half. No input or output here: mailbox.hpp performs the steps.
///
/// Each ring has 16 descriptors of 64 bits in BAR4 memory that host and firmware share
/// [device 4.1]. The host posts at `tail`, the firmware completes at `head`, in ring order. The
/// ring is full when tail + 1 == head: the firmware owns at most 15 descriptors. The slot after
/// the newest one is the stop: its low half is zeroed before the newest one is published, so that
/// the firmware halts there [device 4.5].

#include <cstdint>
#include <optional>

#include "driver/core/types.hpp"
#include "driver/core/untrusted.hpp"
#include "driver/queues/ring.hpp"
#include "openhni/spec/descriptors.hpp"

namespace hni {

inline constexpr std::uint32_t kMailboxSlots = 16;  ///< descriptors per ring [device 4.1]
/// memory of one descriptor [device 4.4]
inline constexpr std::uint32_t kMailboxPageBytes = 4096;
inline constexpr std::uint32_t kMailboxHeaderBytes = 4;  ///< shortest message [device 5]
inline constexpr std::uint32_t kMailboxRx = 0;           ///< firmware to host
inline constexpr std::uint32_t kMailboxTx = 1;           ///< host to firmware
/// both completion bits: the firmware skips the descriptor [device 4.3]
inline constexpr std::uint32_t kMailboxSkip = 3;

/// One mailbox ring.
template <class W>
struct MailboxRing {
  /// Slots that are posted and not completed.
  WorkRing<W> window{W(0), W(0), W(kMailboxSlots - 1)};

  /// The slots of a posting: `slot` is published after the low half of `stop` was zeroed.
  struct Post {
    W slot;  ///< slot to fill
    W stop;  ///< slot at which the firmware halts
  };

  /// Checks the invariant.
  /// @return true if the window is valid and the firmware does not own the stop
  constexpr bool is_valid() const {
    return window.is_valid() && !window.owned_by_card(window.tail);
  }

  /// @return true if no descriptor is outstanding
  constexpr bool empty() const { return window.empty(); }
  /// @return true if nothing can be posted
  constexpr bool full() const { return window.advance(window.tail, W(1)) == window.head; }
  /// @return outstanding descriptors
  constexpr W used() const { return window.used(); }

  /// @return the descriptor that the firmware completes next; requires !empty()
  constexpr W oldest() const { return window.head; }

  /// Posts the next slot. Requires !full().
  /// @return the slots
  constexpr Post post() {
    const W slot = window.post();
    return {slot, window.tail};
  }

  /// Retires the oldest slot. Requires !empty().
  /// @return its number
  constexpr W pop_completed() {
    const W slot = window.head;
    window.retire(W(1));
    return slot;
  }

  /// Restarts at slot 0, as the firmware does [device 4.3].
  constexpr void reset() { window = WorkRing<W>{W(0), W(0), window.mask}; }
};

/// State of the oldest descriptor, from its low half.
enum class MailboxVerdict : std::uint8_t {
  kPending,  ///< not completed
  kFailed,   ///< FW_ERR: the firmware could not process the message, or delivers none
  kDone,     ///< completed
};

/// Decodes the flags of a low half. The address part is ignored: the host keeps its own copy.
/// @param low low half
/// @return state of the descriptor
template <class W>
constexpr MailboxVerdict mailbox_verdict(const Untrusted<W>& low) {
  if (!low.any(W(2))) return MailboxVerdict::kPending;  // FW_CMPL
  if (low.any(W(4))) return MailboxVerdict::kFailed;    // FW_ERR
  return MailboxVerdict::kDone;
}

/// Extracts the length from the high half of a received descriptor.
/// @param high high half
/// @return bytes, unchecked
template <class W>
constexpr Untrusted<W> mailbox_length(const Untrusted<W>& high) {
  return high >> 16;
}

/// The two halves of a descriptor.
struct MailboxWords {
  std::uint32_t low;   ///< low half: address and flags
  std::uint32_t high;  ///< high half: address and length
};

/// Encodes a descriptor that hands memory to the firmware.
/// @param address start of the memory
/// @param bytes length
/// @param end_of_message true on the transmit ring
/// @return the halves
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
