// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Settings of a port, and the states, events and counters that it reports.

#include <array>
#include <cstdint>
#include <optional>

#include "driver/control/interrupts.hpp"
#include "driver/control/link.hpp"
#include "driver/control/setup.hpp"
#include "driver/core/counters.hpp"
#include "driver/core/error.hpp"
#include "driver/queues/queue_pair.hpp"

namespace hni {

using MacAddress = std::array<std::uint8_t, 6>;  ///< an Ethernet address, first byte first

/// Settings of Port::attach().
struct PortConfig {
  MacAddress
      /// Unicast, not zero; a real device's is in its serial number [device 1].
      mac{};
  std::uint32_t queues = 1;  ///< queue pairs, 1 .. 128
  QueueConfig queue;         ///< rings of each pair
  /// 1280 .. 9728 bytes after the Ethernet header; enforced by software.
  std::uint32_t mtu = 1500;
  /// Packet memory is allocated in pages of 2^page_shift fragments, 0 .. 4.
  std::uint32_t page_shift = 0;
  /// Fragments beyond those of the buffer rings: what the application and the transmit rings may
  /// hold at once. 0: half of the transmit descriptors.
  std::uint32_t spare_fragments = 0;
  LinkConfig link;        ///< pause and pause storm protection
  Moderation moderation;  ///< interrupt moderation
  PcieLimits pcie;        ///< limits of the PCI Express link
};

/// Life cycle of a port. Every state has an exit that does not depend on the device.
enum class PortState : std::uint8_t {
  kDetached,   ///< nothing allocated
  kBringUp,    ///< waits for the firmware's capabilities, at most 10 s
  kReady,      ///< firmware responds; queues are off
  kOwnership,  ///< waits for the firmware to grant ownership, at most 10 s
  kRunning,    ///< carries packets
  kStopping,   ///< queues drain, at most 1 s; then kReady
  kResetting,  ///< after a fault: queues drain, mailbox closes, then kBringUp again
  kDetaching,  ///< as kResetting; then kDetached
  kGone,       ///< surprise removal: the device reads all ones; only detach() is useful
  kFailed,     ///< error() has the cause; start() retries, detach() ends
};

/// Returns the name of a state.
/// @param s the state
/// @return a static string
constexpr const char* to_string(PortState s) {
  constexpr std::array<const char*, 10> kNames{"detached", "bring-up", "ready",     "ownership",
                                               "running",  "stopping", "resetting", "detaching",
                                               "gone",     "failed"};
  return kNames[static_cast<std::size_t>(s)];
}

/// What a port reports to the application.
enum class PortEventKind : std::uint8_t {
  kStarted,         ///< kRunning was entered
  kStopped,         ///< the queues are off after stop()
  kLinkUp,          ///< value: Mbit/s
  kLinkDown,        ///< the link went down
  kQueueReset,      ///< value: queue; its posted packets were dropped and counted
  kCardReset,       ///< value: ErrorCode of the cause
  kFirmwareCrash,   ///< value: CrashCause
  kGone,            ///< surprise removal
  kFailed,          ///< value: ErrorCode
  kClockContinued,  ///< after a device reset; value: us by which the clock may be off
  kBmcDeferred,     ///< the address table has no room for the entries of the BMC
};

/// An event of a port.
struct PortEvent {
  PortEventKind kind{};     ///< what happened
  std::uint32_t value = 0;  ///< meaning depends on `kind`
};

// X(member, meaning)
#define HNI_RECOVERY_COUNTERS(X)                                       \
  X(queue_resets, "queues reset")                                      \
  X(card_resets, "resets of the whole device")                         \
  X(firmware_crashes, "firmware restarts or silences detected")        \
  X(tx_hangs, "transmit hangs detected")                               \
  X(starvation_kicks, "starved queues that were kicked")               \
  X(rx_stalls, "receive queues reset because a completion never came") \
  X(bmc_deferred, "times that the entries of a BMC did not fit")       \
  X(events_lost, "events dropped because the event queue was full")

/// Number of recoveries of each kind since the port was created.
struct RecoveryCounters {
  HNI_COUNTER_STRUCT(RecoveryCounters, HNI_RECOVERY_COUNTERS)
};

/// Events that the application has not fetched. When it is full, the oldest are kept.
class EventQueue {
 public:
  /// Appends an event.
  /// @param event the event
  /// @return false if the queue is full
  bool push(PortEvent event) {
    if (written_ - read_ == events_.size()) return false;
    events_[written_++ % events_.size()] = event;
    return true;
  }
  /// Removes the oldest event.
  /// @return nullopt if there is none
  std::optional<PortEvent> pop() {
    if (read_ == written_) return std::nullopt;
    return events_[read_++ % events_.size()];
  }

 private:
  std::array<PortEvent, 64> events_{};
  std::uint32_t written_ = 0;
  std::uint32_t read_ = 0;
};

}  // namespace hni
