// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Observer: what the driver tells about itself while it works. The driver calls these at the
/// places where something happens and has no tracing logic of its own. An observer derives from
/// NullObserver and hides what it wants to see; all calls are resolved at compile time, so the
/// functions that nobody hides cost nothing.
///
/// `queue` is the queue pair, `slot` a descriptor slot, times are driver time. Nothing here may
/// call back into the driver.

#include <cstdint>

#include "driver/core/input_sites.hpp"
#include "driver/core/types.hpp"
#include "openhni/spec/word.hpp"

namespace hni {

enum class DropReason : std::uint8_t {
  kMacError,    ///< RCD_META ERR_MAC_EOP
  kTruncated,   ///< RCD_META ERR_TRUNCATED_FRAME
  kCardInput,   ///< part of a packet whose completions broke a rule
  kQueueReset,  ///< assembled or posted when its queue was reset
  kTxInvalid,   ///< the application's packet cannot be described to the card
  kCount,
};

enum class RingKind : std::uint8_t {
  kTwq0,
  kTwq1,
  kTcq,
  kHpq,
  kPpq,
  kRcq,
  kMailboxRx,
  kMailboxTx
};

/// What a port does about a fault; recovery_step() tells it with a cause.
enum class RecoveryStep : std::uint8_t {
  kQueueReset,      ///< a queue is reset; cause: the queue
  kCardReset,       ///< the whole card is reset; cause: ErrorCode
  kStarvationKick,  ///< a queue had next to no buffers and was woken; cause: the queue
  kTransmitHang,    ///< no transmit completion for too long; cause: the queue
  kFirmwareCrash,   ///< the firmware restarted or fell silent; cause: CrashCause
};

struct NullObserver {
  // Card input
  void input_refused(Site, std::uint64_t /*value*/, std::uint64_t /*limit*/) {}
  void reg_read(spec::RegAddr, std::uint32_t /*value*/) {}
  void reg_written(spec::RegAddr, std::uint32_t /*value*/) {}
  // Rings. `slot` is the first of `count` slots; `mask` the ring's size - 1.
  void ring_posted(QueueId, RingKind, std::uint32_t /*slot*/, std::uint32_t /*count*/,
                   std::uint32_t /*mask*/) {}
  void ring_completed(QueueId, RingKind, std::uint32_t /*slot*/, std::uint32_t /*count*/,
                      std::uint32_t /*mask*/) {}
  /// What a burst did in detail: receive and transmit polls, and bursts sent, each ask once. Only
  /// if the answer is yes do they call packet_received(), packet_sent() and completion_read(), and
  /// ring_completed() for the receive rings.
  bool wants_receive_details() const { return false; }
  bool wants_completions() const { return false; }
  bool wants_sent_packets() const { return false; }
  void packet_received(QueueId, std::uint32_t /*bytes*/, std::uint32_t /*segments*/) {}
  void packet_sent(QueueId, RingKind, std::uint32_t /*bytes*/, std::uint32_t /*segments*/) {}
  /// A completion that a poll consumed, or refused.
  void completion_read(QueueId, RingKind, std::uint32_t /*slot*/, std::uint64_t /*word*/) {}
  void packet_dropped(QueueId, DropReason) {}
  /// Only if wants_receive_details().
  void rx_poll_started(QueueId, std::uint32_t /*budget*/) {}
  void rx_polled(QueueId, std::uint32_t /*budget*/, std::uint32_t /*work*/) {}
  void tx_poll_started(QueueId, std::uint32_t /*budget*/) {}
  void tx_polled(QueueId, std::uint32_t /*budget*/, std::uint32_t /*work*/) {}
  void tx_stopped(QueueId) {}
  void tx_woken(QueueId) {}
  /// A ring has room for a page or more; refilled() follows, with a count of 0 if there was none.
  void refill_started(QueueId, RingKind, std::uint32_t /*slot*/, std::uint32_t /*free*/) {}
  void refilled(QueueId, RingKind, std::uint32_t /*slot*/, std::uint32_t /*count*/,
                std::uint32_t /*mask*/) {}
  /// A refill ended early: the pool has no page left. `free`: slots of the ring that stay empty.
  void refill_empty(QueueId, RingKind, std::uint32_t /*free*/) {}
  // Interrupts
  void interrupt(Vector) {}
  void rearmed(Vector) {}
  // Firmware
  void message_sent(std::uint16_t /*type*/, std::uint32_t /*bytes*/, Time) {}
  void message_received(std::uint16_t /*type*/, std::uint32_t /*bytes*/, Time) {}
  void firmware_log(std::uint32_t /*ms*/, const char* /*text*/, std::uint32_t /*length*/) {}
  // Life cycle
  void link_changed(bool /*up*/, std::uint32_t /*mbit_per_s*/) {}
  void state_changed(std::uint8_t /*from*/, std::uint8_t /*to*/, Time) {}
  void recovery_step(RecoveryStep, std::uint32_t /*cause*/, Time) {}
  /// The end of a queue reset (the queue runs again) or of a card reset (the port is ready again).
  void recovery_done(RecoveryStep, std::uint32_t /*cause*/, Time) {}
  void statistics_started(Time) {}
  void statistics_read(Time) {}
};

}  // namespace hni
