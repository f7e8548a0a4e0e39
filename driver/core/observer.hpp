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

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#endif
/// Ignores everything; the base of all observers. Its functions are those of the probe list,
/// probes.def.
struct NullObserver {
#define HNI_PROBE(probe, function, parameters, arguments, names, when) \
  /** when */                                                          \
  void function parameters {}
#include "driver/core/probes.def"
#undef HNI_PROBE

  /// Whether the observer wants packet_received(), and completion_read() and ring_completed() of
  /// the receive rings. Asked once per receive poll.
  /// @return true to get these calls
  bool wants_receive_details() const {
    return false;
  }
  /// Whether the observer wants completion_read() of the transmit completions. Asked once per
  /// transmit poll.
  /// @return true to get these calls
  bool wants_completions() const {
    return false;
  }
  /// Whether the observer wants packet_sent(). Asked once per transmit burst.
  /// @return true to get these calls
  bool wants_sent_packets() const {
    return false;
  }
};
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

}  // namespace hni
