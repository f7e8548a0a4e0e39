// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Accounting: the location of every packet and every buffer of a Testbed. Each balance is an
/// equation whose sides are counted in different places.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "driver/port_counters.hpp"
#include "tools/hni/testbed.hpp"

namespace hni::tools {

struct Balance {
  /// both sides in words
  std::string what;
  std::uint64_t left = 0;
  std::uint64_t right = 0;
  [[nodiscard]] bool holds() const { return left == right; }
};

/// Packets dropped between the two endpoints, by reason; only reasons that occurred.
using Drops = std::vector<std::pair<std::string, std::uint64_t>>;

/// Appends a reason, if it occurred.
void add(Drops& drops, const char* reason, std::uint64_t count);
std::uint64_t total(const Drops& drops);
/// Appends what the card dropped after it had accepted the frame for the host.
void add_buffer_drops(Drops& drops, const CounterValues& v);
/// Appends what the driver dropped.
void add_driver_drops(Drops& drops, const RxCounters& rx);

/// Counters of all queues of a port together.
struct QueueSums {
  TxCounters tx;
  RxCounters rx;
  std::uint64_t outstanding = 0;  ///< packets posted and not completed
};

template <class P>
QueueSums sum_queues(const P& port) {
  QueueSums t{transmit_counters(port), receive_counters(port)};
  t.outstanding =
      t.tx.packets - t.tx.completed_packets - t.tx.reclaimed_packets - t.tx.invalid_packets;
  return t;
}

/// Returns the drops of frames that node `index` received or should have received.
Drops receive_drops(Testbed& testbed, unsigned index);
/// Returns the drops of packets that node `index` sent.
Drops transmit_drops(Testbed& testbed, unsigned index);

/// Returns the packet balances of a drained testbed. Reads the cards' counters.
std::vector<Balance> packet_balances(Testbed& testbed);
/// Returns where the fragments of each port of a drained testbed are.
std::vector<Balance> buffer_balances(const Testbed& testbed);

}  // namespace hni::tools
