// SPDX-License-Identifier: Apache-2.0
// The lists of the driver's own counters: complete, and each counter reachable under one name.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <string>

#include "driver/core/counters.hpp"
#include "driver/port_counters.hpp"

namespace hni {
namespace {

/// Every member of the struct is in its list.
template <class Counters>
constexpr bool complete() {
  return sizeof(Counters) == kCountersOf<Counters> * sizeof(std::uint64_t);
}
static_assert(complete<RxCounters>() && complete<TxCounters>() && complete<RecoveryCounters>() &&
              complete<LinkCounters>() && complete<MailboxCounters>() &&
              complete<FirmwareClientCounters>());

TEST(Counters, AreAddedAndSubtractedByMember) {
  TxCounters a;
  std::uint64_t next = 1;
  for (const auto& counter : TxCounters::list()) a.*counter.value = next++;
  TxCounters sum = a;
  add_counters(sum, a);
  EXPECT_EQ(sum.timestamps_lost, 2 * kCountersOf<TxCounters>);
  EXPECT_EQ(counter_values(counted_since(sum, a)), counter_values(a));
}

/// A substitute for a port, with the members that for_each_driver_counter() uses.
struct CountingPort {
  struct Queue {
    RxCounters c;
    [[nodiscard]] const RxCounters& counters() const { return c; }
  };
  struct TxQueue {
    TxCounters c;
    [[nodiscard]] const TxCounters& counters() const { return c; }
  };
  struct Pair {
    Queue rx;
    TxQueue tx;
  };
  struct LinkPart {
    LinkCounters c;
    [[nodiscard]] const LinkCounters& counters() const { return c; }
  };
  struct MailboxPart {
    MailboxCounters c;
    [[nodiscard]] const MailboxCounters& counters() const { return c; }
  };
  struct FirmwarePart {
    FirmwareClientCounters c;
    MailboxPart box;
    [[nodiscard]] const FirmwareClientCounters& counters() const { return c; }
    [[nodiscard]] const MailboxPart& mailbox() const { return box; }
  };
  std::array<Pair, 2> pairs;
  RecoveryCounters recovered;
  LinkPart line;
  FirmwarePart client;

  [[nodiscard]] std::uint32_t queues() const { return 2; }
  [[nodiscard]] const Pair& pair(QueueId queue) const { return pairs[raw(queue)]; }
  [[nodiscard]] const RecoveryCounters& recoveries() const { return recovered; }
  [[nodiscard]] const LinkPart& link() const { return line; }
  [[nodiscard]] const FirmwarePart& firmware() const { return client; }
};

TEST(Counters, AreAllReachableUnderOneName) {
  CountingPort port;
  port.pairs[0].tx.c.timestamps_lost = 3;
  port.pairs[1].tx.c.timestamps_lost = 4;
  port.pairs[1].rx.c.refill_empty = 5;
  port.client.box.c.receive_bad = 6;
  port.client.c.timeouts = 7;
  port.line.c.pcs_resets = 8;
  port.recovered.events_lost = 9;
  std::map<std::string, std::uint64_t> seen;
  std::size_t visits = 0;
  for_each_driver_counter(port, [&](std::string_view prefix, std::string_view name,
                                    std::string_view meaning, std::uint64_t value) {
    ++visits;
    EXPECT_FALSE(meaning.empty()) << name;
    seen[std::string(prefix) + std::string(name)] = value;
  });
  EXPECT_EQ(visits, kCountersOf<RxCounters> + kCountersOf<TxCounters> +
                        kCountersOf<RecoveryCounters> + kCountersOf<LinkCounters> +
                        kCountersOf<FirmwareClientCounters> + kCountersOf<MailboxCounters>);
  EXPECT_EQ(seen.size(), visits) << "two counters have the same name";
  EXPECT_EQ(seen["tx_timestamps_lost"], 7U);
  EXPECT_EQ(seen["rx_refill_empty"], 5U);
  EXPECT_EQ(seen["mailbox_receive_bad"], 6U);
  EXPECT_EQ(seen["fw_timeouts"], 7U);
  EXPECT_EQ(seen["link_pcs_resets"], 8U);
  EXPECT_EQ(seen["events_lost"], 9U);
}

}  // namespace
}  // namespace hni
