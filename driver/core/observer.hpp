// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Observer: how the driver reports what it does. The driver calls these functions where something
/// happens and has no tracing logic of its own. An observer derives from NullObserver and hides
/// the functions that it wants; all calls are resolved at compile time, so the remaining ones cost
/// nothing.
///
/// `queue` is the queue pair, `slot` a descriptor slot, times are driver time. An observer must
/// not call into the driver.

#include <cstdint>

#include "driver/core/input_sites.hpp"
#include "driver/core/types.hpp"
#include "openhni/spec/word.hpp"

namespace hni {

/// Why a packet was dropped.
enum class DropReason : std::uint8_t {
  kMacError,    ///< RCD_META ERR_MAC_EOP
  kTruncated,   ///< RCD_META ERR_TRUNCATED_FRAME
  kCardInput,   ///< a completion of the packet was malformed
  kQueueReset,  ///< assembled or posted when its queue was reset
  kTxInvalid,   ///< the application's packet cannot be described to the device
  kCount,       ///< number of reasons
};

/// Rings that are traced.
enum class RingKind : std::uint8_t {
  kTwq0,       ///< work queue 0
  kTwq1,       ///< work queue 1
  kTcq,        ///< transmit completions
  kHpq,        ///< header buffers
  kPpq,        ///< payload buffers
  kRcq,        ///< receive completions
  kMailboxRx,  ///< messages from the firmware
  kMailboxTx   ///< messages to the firmware
};

/// How a port reacts to a fault; recovery_step() reports it with a cause.
enum class RecoveryStep : std::uint8_t {
  kQueueReset,      ///< a queue is reset; cause: the queue
  kCardReset,       ///< the device is reset; cause: ErrorCode
  kStarvationKick,  ///< a queue was starved of buffers and was kicked; cause: the queue
  kTransmitHang,    ///< no transmit completion for too long; cause: the queue
  kFirmwareCrash,   ///< the firmware restarted or stopped responding; cause: CrashCause
};

/// Ignores everything; the base of all observers.
struct NullObserver {
  // Device input

  /// A value violated its limit and was refused.
  void input_refused(Site, std::uint64_t /*value*/, std::uint64_t /*limit*/) {}
  /// A register was read.
  void reg_read(spec::RegAddr, std::uint32_t /*value*/) {}
  /// A register was written.
  void reg_written(spec::RegAddr, std::uint32_t /*value*/) {}

  // Rings. `slot` is the first of `count` slots, `mask` the size of the ring - 1.

  /// Descriptors were handed to the device.
  void ring_posted(QueueId, RingKind, std::uint32_t /*slot*/, std::uint32_t /*count*/,
                   std::uint32_t /*mask*/) {}
  /// The device completed descriptors.
  void ring_completed(QueueId, RingKind, std::uint32_t /*slot*/, std::uint32_t /*count*/,
                      std::uint32_t /*mask*/) {}
  /// Whether the observer wants packet_received(), and completion_read() and ring_completed() of
  /// the receive rings. Asked once per receive poll.
  /// @return true to get these calls
  bool wants_receive_details() const { return false; }
  /// Whether the observer wants completion_read() of the transmit completions. Asked once per
  /// transmit poll.
  /// @return true to get these calls
  bool wants_completions() const { return false; }
  /// Whether the observer wants packet_sent(). Asked once per transmit burst.
  /// @return true to get these calls
  bool wants_sent_packets() const { return false; }
  /// A packet was delivered to the application.
  void packet_received(QueueId, std::uint32_t /*bytes*/, std::uint32_t /*segments*/) {}
  /// A packet was posted.
  void packet_sent(QueueId, RingKind, std::uint32_t /*bytes*/, std::uint32_t /*segments*/) {}
  /// A completion that a poll consumed, or refused.
  void completion_read(QueueId, RingKind, std::uint32_t /*slot*/, std::uint64_t /*word*/) {}
  /// A packet was dropped.
  void packet_dropped(QueueId, DropReason) {}
  /// A receive poll starts; only if wants_receive_details().
  void rx_poll_started(QueueId, std::uint32_t /*budget*/) {}
  /// A receive poll ends; `work` packets were received.
  void rx_polled(QueueId, std::uint32_t /*budget*/, std::uint32_t /*work*/) {}
  /// A transmit poll starts.
  void tx_poll_started(QueueId, std::uint32_t /*budget*/) {}
  /// A transmit poll ends; `work` completions were processed.
  void tx_polled(QueueId, std::uint32_t /*budget*/, std::uint32_t /*work*/) {}
  /// A transmit queue stopped: too few free descriptors.
  void tx_stopped(QueueId) {}
  /// A stopped transmit queue has room again.
  void tx_woken(QueueId) {}
  /// A ring has room for at least one page. refilled() follows, with a count of 0 if the pool was
  /// empty.
  void refill_started(QueueId, RingKind, std::uint32_t /*slot*/, std::uint32_t /*free*/) {}
  /// Buffers were posted.
  void refilled(QueueId, RingKind, std::uint32_t /*slot*/, std::uint32_t /*count*/,
                std::uint32_t /*mask*/) {}
  /// A refill ended early because the pool was empty; `free` slots of the ring stay empty.
  void refill_empty(QueueId, RingKind, std::uint32_t /*free*/) {}
  /// The port handles an interrupt.
  void interrupt(Vector) {}
  /// An interrupt vector was unmasked.
  void rearmed(Vector) {}
  /// A message was queued for the firmware.
  void message_sent(std::uint16_t /*type*/, std::uint32_t /*bytes*/, Time) {}
  /// A message of the firmware was received.
  void message_received(std::uint16_t /*type*/, std::uint32_t /*bytes*/, Time) {}
  /// A line of the firmware's log arrived; `ms` is the firmware's uptime.
  void firmware_log(std::uint32_t /*ms*/, const char* /*text*/, std::uint32_t /*length*/) {}
  /// The link went up or down.
  void link_changed(bool /*up*/, std::uint32_t /*mbit_per_s*/) {}
  /// The port changed its PortState.
  void state_changed(std::uint8_t /*from*/, std::uint8_t /*to*/, Time) {}
  /// The port reacts to a fault.
  void recovery_step(RecoveryStep, std::uint32_t /*cause*/, Time) {}
  /// The reaction completed: after a queue reset the queue runs again, after a device reset the
  /// port is ready again.
  void recovery_done(RecoveryStep, std::uint32_t /*cause*/, Time) {}
  /// Reading the hardware counters starts.
  void statistics_started(Time) {}
  /// Reading the hardware counters is complete.
  void statistics_read(Time) {}
};

}  // namespace hni
