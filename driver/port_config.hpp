// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What an application asks of a port, and what a port tells it.

#include <array>
#include <cstdint>
#include <optional>

#include "driver/control/interrupts.hpp"
#include "driver/control/link.hpp"
#include "driver/control/setup.hpp"
#include "driver/core/error.hpp"
#include "driver/queues/queue_pair.hpp"

namespace hni {

using MacAddress = std::array<std::uint8_t, 6>;

struct PortConfig {
  MacAddress mac{};  ///< unicast, not zero; a real card's is in its serial number [device 1]
  std::uint32_t queues = 1;  ///< pairs, 1 .. 128
  QueueConfig queue;         ///< of each pair
  std::uint32_t mtu = 1500;  ///< 1280 .. 9728 bytes behind the Ethernet header; a software limit
  /// packet memory is taken in pages of 2^page_shift fragments, 0 .. 4
  std::uint32_t page_shift = 0;
  /// Fragments beyond those that the buffer rings hold: what the application and the transmit
  /// rings may hold at once. 0: one for each transmit descriptor pair.
  std::uint32_t spare_fragments = 0;
  LinkConfig link;
  Moderation moderation;
  PcieLimits pcie;
};

/// Life of a port. Every state has a way out that does not depend on the card.
enum class PortState : std::uint8_t {
  kDetached,   ///< nothing allocated
  kBringUp,    ///< waits for the firmware's capabilities, 10 s at most
  kReady,      ///< firmware answers; queues are off
  kOwnership,  ///< waits until the firmware hands the card over, 10 s at most
  kRunning,    ///< carries packets
  kStopping,   ///< queues drain, a second at most; then kReady
  kResetting,  ///< after a fault: queues drain, mailbox closes, then kBringUp again
  kDetaching,  ///< as kResetting; then kDetached
  kGone,       ///< the card answers all ones; detach() is all that is left
  kFailed,     ///< error() says why; start() tries again, detach() gives up
};

constexpr const char* to_string(PortState s) {
  constexpr std::array<const char*, 10> kNames{"detached", "bring-up", "ready",     "ownership",
                                               "running",  "stopping", "resetting", "detaching",
                                               "gone",     "failed"};
  return kNames[static_cast<std::size_t>(s)];
}

enum class PortEventKind : std::uint8_t {
  kStarted,
  kStopped,
  kLinkUp,  ///< value: Mbit/s
  kLinkDown,
  kQueueReset,     ///< value: queue; its posted packets were dropped and counted
  kCardReset,      ///< value: ErrorCode of the cause
  kFirmwareCrash,  ///< value: CrashCause
  kGone,
  kFailed,  ///< value: ErrorCode
};

struct PortEvent {
  PortEventKind kind{};
  std::uint32_t value = 0;
};

/// How often each kind of recovery happened.
struct RecoveryCounters {
  std::uint64_t queue_resets = 0;
  std::uint64_t card_resets = 0;
  std::uint64_t firmware_crashes = 0;
  std::uint64_t tx_hangs = 0;
  std::uint64_t starvation_kicks = 0;
  std::uint64_t events_lost = 0;  ///< nobody fetched them in time
};

/// A few events that nobody fetched yet; the oldest are kept.
class EventQueue {
 public:
  bool push(PortEvent event) {
    if (written_ - read_ == events_.size()) return false;
    events_[written_++ % events_.size()] = event;
    return true;
  }
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
