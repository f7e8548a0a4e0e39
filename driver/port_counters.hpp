// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Everything that the driver itself counts, as one list: every counter of every struct that is
/// made with HNI_COUNTER_STRUCT, under one name. A counter that is added to such a struct is
/// visited here, and thereby shown by `hni port stats`, without another change.

#include <cstdint>
#include <string_view>

#include "driver/core/counters.hpp"
#include "driver/port.hpp"

namespace hni {

/// Sums the counters of all queues.
/// @param port the port
/// @return the sum over the transmit queues
template <class AnyPort>
TxCounters transmit_counters(const AnyPort& port) {
  TxCounters sum;
  for (std::uint32_t q = 0; q < port.queues(); ++q)
    add_counters(sum, port.pair(QueueId{static_cast<std::uint16_t>(q)}).tx.counters());
  return sum;
}

/// Sums the counters of all queues.
/// @param port the port
/// @return the sum over the receive queues
template <class AnyPort>
RxCounters receive_counters(const AnyPort& port) {
  RxCounters sum;
  for (std::uint32_t q = 0; q < port.queues(); ++q)
    add_counters(sum, port.pair(QueueId{static_cast<std::uint16_t>(q)}).rx.counters());
  return sum;
}

/// Calls `f(prefix, name, meaning, value)` for every counter of the driver; prefix + name is
/// unique. Counters of queues are summed.
/// @param port the port
/// @param f all of its arguments but the value are string views of static strings
template <class AnyPort, class F>
void for_each_driver_counter(AnyPort& port, F&& f) {
  const auto all = [&](std::string_view prefix, const auto& counters) {
    for (const auto& counter : counters.list())
      f(prefix, counter.name, counter.meaning, counters.*counter.value);
  };
  all("rx_", receive_counters(port));
  all("tx_", transmit_counters(port));
  all("", port.recoveries());
  all("link_", port.link().counters());
  all("fw_", port.firmware().counters());
  all("mailbox_", port.firmware().mailbox().counters());
}

}  // namespace hni
