// SPDX-License-Identifier: Apache-2.0
// The complete driver on the complete card: bring-up, traffic, stop, conservation.

#include "driver/port.hpp"

#include <gtest/gtest.h>

#include "tests/support/two_ports.hpp"

namespace hni::test {
namespace {

TEST(Port, ComesUpOnTheEmulatedCard) {
  TwoPorts world;
  ASSERT_TRUE(world.up()) << to_string(world.ports[0]->state()) << ": "
                          << world.ports[0]->error().text();
  EXPECT_EQ(world.ports[0]->link().speed_mbps(), 100000U);
}

TEST(Port, EveryFrameLengthArrivesUnchanged) {
  TwoPorts world;
  ASSERT_TRUE(world.up());
  SimPort& a = *world.ports[0];
  SimPort& b = *world.ports[1];
  for (std::uint32_t length = 60; length <= 9216; ++length) {
    const auto frame = make_frame(length, length);
    Packet packet;
    ASSERT_TRUE(fill(a, packet, frame)) << length;
    ASSERT_EQ(a.tx_burst(QueueId{0}, std::span(&packet, 1), world.now), 1U) << length;
    Packet got;
    std::uint32_t n = 0;
    for (int turn = 0; turn < 20 && n == 0; ++turn) {
      world.advance();
      n = b.rx_burst(QueueId{0}, std::span(&got, 1), world.now);
    }
    ASSERT_EQ(n, 1U) << "length " << length;
    ASSERT_EQ(bytes_of(b, got), frame) << "length " << length;
    b.release(got);
  }
  EXPECT_TRUE(a.is_valid());
  EXPECT_TRUE(b.is_valid());
}

TEST(Port, DestructionWhileRunningDisablesQueuesBeforeDma) {
  TwoPorts world;
  ASSERT_TRUE(world.up());
  world.ports[0].reset();
  EXPECT_EQ(world.cards[0]->card.events().illegal_actions(), 0U);
}

TEST(Port, DisablingDmaUnderRunningQueuesIsCountedByTheCard) {
  TwoPorts world;
  ASSERT_TRUE(world.up());
  world.ports[0]->firmware().abandon();
  EXPECT_EQ(world.cards[0]->card.events().count(spec::ProtocolAction::kDmaGateClosedInUse), 2U);
}

}  // namespace
}  // namespace hni::test
