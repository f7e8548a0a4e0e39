// SPDX-License-Identifier: Apache-2.0
#pragma once

/// AttachBalance: where every frame of `hni attach` is once its port has stopped. The driver's own
/// counters are exact. The card's are read once a second and begin again at its reset, so that
/// what it counted between the last reading and a reset is lost: that part is an own line, and
/// only a run without a reset compares both sides.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "driver/port_config.hpp"
#include "tools/hni/accounting.hpp"

namespace hni::tools {

/// What the application above the port counted.
struct AttachCounters {
  std::uint64_t read = 0;      ///< from the interface or the packet source
  std::uint64_t refused = 0;   ///< not accepted: too long, or no memory
  std::uint64_t held = 0;      ///< not yet sent when the run ended
  std::uint64_t sent = 0;      ///< accepted by the transmit queue
  std::uint64_t received = 0;  ///< from the receive queue
  std::uint64_t wrong = 0;     ///< received other than they were sent
  std::uint64_t dropped = 0;   ///< received, and not accepted by the interface
};

struct AttachBalance {
  AttachCounters above;
  QueueSums queues;
  RecoveryCounters recoveries;
  std::uint64_t card_sent = 0;      ///< frames, as the MAC counted them
  std::uint64_t card_received = 0;  ///< frames that the card accepted for this host
  Drops card_tx_drops;
  Drops card_rx_drops;

  /// True: the card's counters are whole.
  [[nodiscard]] bool compared() const;
  /// Completed frames that no counter of the card shows: counted before a reset, or lost in it.
  [[nodiscard]] std::uint64_t lost_sent() const;
  /// Frames that the card accepted and the driver never saw.
  [[nodiscard]] std::uint64_t lost_received() const;
  [[nodiscard]] Drops transmit_drops() const;
  [[nodiscard]] Drops receive_drops() const;
  /// Returns the equations; a balanced run holds all of them.
  [[nodiscard]] std::vector<Balance> balances() const;
  [[nodiscard]] bool accounted() const;

  [[nodiscard]] nlohmann::json json() const;
  /// Returns lines for people.
  [[nodiscard]] std::string text() const;

 private:
  [[nodiscard]] std::uint64_t seen_by_card() const { return card_sent + total(card_tx_drops); }
  [[nodiscard]] std::uint64_t seen_by_driver() const;
};

/// Takes the figures of a port that has stopped; reads the card's counters unless it is removed.
template <class P>
AttachBalance attach_balance(P& port, const AttachCounters& above) {
  AttachBalance b;
  b.above = above;
  b.queues = sum_queues(port);
  b.recoveries = port.recoveries();
  const CounterValues& v =
      port.state() == PortState::kReady ? port.statistics().update() : port.statistics().values();
  b.card_sent = v.get(Counter::kMacTxFrames);
  b.card_received = v.get(Counter::kEnqueueFrames, 0);
  add(b.card_tx_drops, "dropped at the MAC", v.get(Counter::kTmiDropFrames));
  add(b.card_tx_drops, "too long", v.get(Counter::kTtiFrameDropFrames));
  add_buffer_drops(b.card_rx_drops, v);
  return b;
}

}  // namespace hni::tools
