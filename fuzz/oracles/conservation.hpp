// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Balance equations over every packet and every buffer of a port, shared by tests and fuzz
/// targets: nothing is lost and nothing is counted twice.

#include <cstdint>

#include "driver/port.hpp"

namespace hni {

/// Two numbers that must be equal.
struct Balance {
  std::uint64_t left = 0;
  std::uint64_t right = 0;
  [[nodiscard]] constexpr bool holds() const { return left == right; }
};

/// Transmit, per queue: accepted = completed + reclaimed + invalid + still posted.
template <class AnyPort>
Balance transmit_balance(const AnyPort& port, std::uint32_t queue, std::uint64_t posted) {
  const TxCounters& tx = port.pair(QueueId{static_cast<std::uint16_t>(queue)}).tx.counters();
  return {tx.packets, tx.completed_packets + tx.reclaimed_packets + tx.invalid_packets + posted};
}

/// Memory: without packets in the application or in the transmit rings, every page is free or
/// posted, and only once.
template <class AnyPort>
Balance buffer_balance(const AnyPort& port) {
  std::uint32_t lent = 0;
  for (std::uint32_t q = 0; q < port.queues(); ++q) {
    const auto& pair = port.pair(QueueId{static_cast<std::uint16_t>(q)});
    lent += pair.rx.headers().window.used() + pair.rx.payloads().window.used();
  }
  return {port.pool().free_pages() + lent / port.pool().fragments_per_page(),
          port.pool().page_count()};
}

}  // namespace hni
