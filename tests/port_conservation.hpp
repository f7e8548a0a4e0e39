// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Where every packet and every buffer of a port is: the check that nothing is lost and nothing is
/// in two places.

#include <gtest/gtest.h>

#include "driver/port.hpp"

namespace hni::test {

/// Transmit: taken = completed + reclaimed + invalid + still posted. `posted` counts packets still
/// in the rings.
template <class AnyPort>
void expect_transmit_conserved(const AnyPort& port, std::uint64_t posted = 0) {
  for (std::uint32_t q = 0; q < port.queues(); ++q) {
    const TxCounters& tx = port.pair(QueueId{static_cast<std::uint16_t>(q)}).tx.counters();
    EXPECT_EQ(tx.packets,
              tx.completed_packets + tx.reclaimed_packets + tx.invalid_packets + posted)
        << "queue " << q;
  }
}

/// Memory: with no packet in the application's hands every page is free or lent to the card, and
/// in one place only.
template <class AnyPort>
void expect_buffers_conserved(const AnyPort& port) {
  std::uint32_t lent = 0;
  for (std::uint32_t q = 0; q < port.queues(); ++q) {
    const auto& pair = port.pair(QueueId{static_cast<std::uint16_t>(q)});
    lent += pair.rx.headers().ring.used() + pair.rx.payloads().ring.used();
  }
  EXPECT_EQ(port.pool().free_pages() + lent / port.pool().fragments_per_page(),
            port.pool().page_count());
}

}  // namespace hni::test
