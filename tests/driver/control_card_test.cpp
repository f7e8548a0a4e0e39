// SPDX-License-Identifier: Apache-2.0
// The driver's control paths on the emulated card. In contrast to a fake device this shows that
// driver and card interpret the same registers in the same way.
#include <gtest/gtest.h>

#include <map>

#include "driver/control/register_dump.hpp"
#include "driver/control/self_test.hpp"
#include "tests/support/frame_builder.hpp"
#include "tests/support/two_ports.hpp"

namespace hni::test {
namespace {

// One card without a driver; each test constructs the driver part that it needs.
class SingleCardTest : public ::testing::Test {
 protected:
  device::Cable cable_;
  io::InProcessCard card_{device::CardConfig{}, cable_.end(0)};
  NullObserver observer_;
  CheckedIo<io::InProcess> device_{card_.io, observer_};
};

TEST_F(SingleCardTest, PassesTheRegisterTest) {
  RegisterTest<io::InProcess> test(device_);
  test.start();
  while (!test.step(100)) continue;
  EXPECT_FALSE(test.fault().has_value());
}

TEST_F(SingleCardTest, PassesTheMsixTestOnAllItsVectors) {
  MsixTest<io::InProcess> test(device_);
  Time now{0};
  test.start(now, 130);
  while (!test.done()) {
    now = std::min(test.deadline(), now + 1ms);
    card_.card.tick(static_cast<std::uint64_t>(now.count()));
    card_.vectors.take([&](Vector v) { test.interrupt(v); });
    test.step(now);
  }
  EXPECT_EQ(test.fault(), MsixFault::kNone) << "vector " << raw(test.vector());
}

TEST_F(SingleCardTest, SetupViolatesNoRuleOfTheSpec) {
  hni::Setup<io::InProcess> setup(device_);
  ASSERT_TRUE(setup.program({}));
  EXPECT_FALSE(setup.check_otp());
  EXPECT_EQ(card_.card.events().illegal_actions(), 0U);
  EXPECT_EQ(card_.card.events().unknown_register, 0U);
  EXPECT_EQ(card_.card.events().read_only_write, 0U);
}

TEST_F(SingleCardTest, TheDumpHoldsWhatWasWritten) {
  hni::Setup<io::InProcess> setup(device_);
  ASSERT_TRUE(setup.program({}));
  RegisterDump<io::InProcess> dump(device_);
  std::vector<std::uint32_t> words(kDumpWords);
  dump.start();
  ASSERT_EQ(dump.read(words).value(), kDumpWords);
  EXPECT_TRUE(dump.done());
  // Sections INTR, INTR_CQ, then QM_TX with QM_TQS_MTU_CTL0 at 0x81d.
  const std::size_t qm_tx = 2 + 0x60 + 2 + 0x3ff;
  ASSERT_EQ(words[qm_tx], 0x800U);
  EXPECT_EQ(words[qm_tx + 2 + 0x1d], 0x260fU);
  EXPECT_FALSE(device_.gone());
}

TEST_F(SingleCardTest, TheClockFollowsTheCardsTime) {
  Clock<io::InProcess> clock(device_);
  clock.setup(Time{});
  const std::uint64_t zero = clock.read().value();
  card_.card.tick(1'000'000'000);
  EXPECT_NEAR(static_cast<double>(clock.read().value() - zero), 1e9, 100);
  ASSERT_TRUE(clock.slew(100'000'000));
  const std::uint64_t before = clock.read().value();
  card_.card.tick(2'000'000'000);
  EXPECT_NEAR(static_cast<double>(clock.read().value() - before), 1.1e9, 100);
}

// Two ports with four queues each. Frames are chosen so that either a rule or the hash selects the
// queue.
class ClassifierOnCardTest : public ::testing::Test {
 protected:
  void SetUp() override {
    PortConfig config;
    config.queues = 4;
    ASSERT_TRUE(two_.up(config));
  }
  RxFilter<PlainIo>& filter() { return two_.ports[1]->filter(); }

  /// Sends `frame` from A and returns the queue on which B received it, or -1.
  int queue_of(const FrameBuilder::Bytes& frame) {
    Packet packet;
    EXPECT_TRUE(fill(*two_.ports[0], packet, frame));
    EXPECT_EQ(two_.ports[0]->tx_burst(QueueId{0}, std::span(&packet, 1), two_.now), 1U);
    int found = -1;
    two_.run_until([&] { return (found = poll()) >= 0; }, 2ms);
    return found;
  }
  int poll() {
    for (std::uint16_t q = 0; q < 4; ++q) {
      Packet got;
      if (two_.ports[1]->rx_burst(QueueId{q}, std::span(&got, 1), two_.now) == 0) continue;
      two_.ports[1]->release(got);
      return q;
    }
    return -1;
  }
  static FrameBuilder::Bytes udp4(std::uint16_t port, const MacAddress& to = kMacB,
                                  std::uint32_t source = 0x0a000001) {
    return FrameBuilder{}
        .ethernet(0x0800, to)
        .ipv4(17, source, 0x0a000002)
        .udp(1000, port)
        .payload(64)
        .finish();
  }
  static FrameBuilder::Bytes tcp6(const std::array<std::uint8_t, 16>& source) {
    return FrameBuilder{}
        .ethernet(0x86dd, kMacB)
        .ipv6(6, source, {0xfd, 2})
        .tcp(1, 2)
        .payload(64)
        .finish();
  }

  TwoPorts two_;
};

TEST_F(ClassifierOnCardTest, APortRuleWinsOverTheHash) {
  for (std::uint8_t q = 0; q < 4; ++q) {
    ASSERT_TRUE(
        filter().add_rule({.type = FlowType::kUdp4,
                           .destination_port = {static_cast<std::uint16_t>(5000 + q), 0xffff},
                           .queue = q}));
  }
  for (std::uint16_t q = 0; q < 4; ++q)
    EXPECT_EQ(queue_of(udp4(static_cast<std::uint16_t>(5000 + q))), q);
}

TEST_F(ClassifierOnCardTest, ADropRuleDropsAndARemovedOneDoesNot) {
  const auto id = filter().add_rule({.type = FlowType::kUdp4,
                                     .source = IpMatch::v4({10, 0, 0, 0}, 24),
                                     .action = FlowAction::kDrop});
  ASSERT_TRUE(id);
  EXPECT_EQ(queue_of(udp4(9)), -1);
  EXPECT_GE(queue_of(udp4(9, kMacB, 0x0b000001)), 0) << "another network";
  ASSERT_TRUE(filter().remove_rule(*id));
  EXPECT_GE(queue_of(udp4(9)), 0);
}

TEST_F(ClassifierOnCardTest, TheLongestPrefixDecides) {
  const auto rule = [&](std::array<std::uint8_t, 16> address, unsigned prefix, std::uint8_t q) {
    ASSERT_TRUE(filter().add_rule(
        {.type = FlowType::kTcp6, .source = IpMatch::v6(address, prefix), .queue = q}));
  };
  rule({0x20, 0x01}, 16, 1);
  rule({0x20, 0x01, 0x0d, 0xb8}, 32, 2);
  rule({0x20, 0x01, 0x0d, 0xb8, 1}, 40, 3);
  EXPECT_EQ(queue_of(tcp6({0x20, 0x01, 9})), 1);
  EXPECT_EQ(queue_of(tcp6({0x20, 0x01, 0x0d, 0xb8, 7})), 2);
  EXPECT_EQ(queue_of(tcp6({0x20, 0x01, 0x0d, 0xb8, 1, 1})), 3);
}

TEST_F(ClassifierOnCardTest, ATunnelRuleSeesTheOuterAddress) {
  const std::array<std::uint8_t, 16> outer{0xfc, 1}, inner{0xfc, 2}, to{0xfc, 3};
  ASSERT_TRUE(filter().add_rule(
      {.type = FlowType::kIp6, .outer = true, .source = IpMatch::v6(outer, 128), .queue = 3}));
  ASSERT_TRUE(filter().set_hash_fields(FlowType::kTcp6, kHashDiscard));
  const auto tunnelled = FrameBuilder{}
                             .ethernet(0x86dd, kMacB)
                             .ipv6(41, outer, to)
                             .ipv6(6, inner, to)
                             .tcp(1, 2)
                             .payload(32)
                             .finish();
  EXPECT_EQ(queue_of(tunnelled), 3);
  EXPECT_EQ(queue_of(tcp6(outer)), -1) << "no tunnel: the discarding hash rule";
}

TEST_F(ClassifierOnCardTest, AnEthernetRuleCatchesItsAddress) {
  const MacAddress extra{0x02, 0, 0, 0, 7, 7};
  EXPECT_EQ(queue_of(udp4(1, extra)), -1);
  ASSERT_TRUE(filter().add_rule({.type = FlowType::kEther, .mac = extra, .queue = 2}));
  EXPECT_EQ(queue_of(udp4(1, extra)), 2);
}

TEST_F(ClassifierOnCardTest, HashingSpreadsAndTheTableDecides) {
  std::map<int, int> seen;
  for (std::uint32_t n = 0; n < 64; ++n) ++seen[queue_of(udp4(1, kMacB, 0x0a000100 + n))];
  EXPECT_EQ(seen.size(), 4U);
  EXPECT_EQ(seen.count(-1), 0U);
  RssTable table{};
  table.fill(3);
  ASSERT_TRUE(filter().set_rss_table(0, table));
  for (std::uint32_t n = 0; n < 8; ++n) EXPECT_EQ(queue_of(udp4(1, kMacB, 0x0a000100 + n)), 3);
}

TEST_F(ClassifierOnCardTest, ARuleMaySelectTheSecondTable) {
  RssTable table{};
  table.fill(2);
  ASSERT_TRUE(filter().set_rss_table(1, table));
  table.fill(1);
  ASSERT_TRUE(filter().set_rss_table(0, table));
  ASSERT_TRUE(filter().add_rule({.type = FlowType::kUdp4,
                                 .destination_port = {77, 0xffff},
                                 .action = FlowAction::kHash,
                                 .rss_context = 1}));
  EXPECT_EQ(queue_of(udp4(77)), 2);
  EXPECT_EQ(queue_of(udp4(78)), 1);
}

TEST_F(ClassifierOnCardTest, OnlyConfiguredAddressesAreReceived) {
  const MacAddress other{0x02, 0, 0, 0, 9, 9}, group{0x01, 0, 0x5e, 1, 2, 3};
  const MacAddress other_group{0x33, 0x33, 0, 0, 0, 1};
  const auto in = [&](const MacAddress& to) { return queue_of(udp4(1, to)) >= 0; };
  EXPECT_TRUE(in(kMacB));
  EXPECT_TRUE(in(kBroadcastMac));
  EXPECT_FALSE(in(other));
  EXPECT_FALSE(in(group));
  ASSERT_TRUE(filter().set_unicast(std::span(&other, 1)));
  ASSERT_TRUE(filter().set_multicast(std::span(&group, 1)));
  EXPECT_TRUE(in(other));
  EXPECT_TRUE(in(group));
  EXPECT_FALSE(in(other_group));
  ASSERT_TRUE(filter().set_all_multicast(true));
  EXPECT_TRUE(in(other_group));
  ASSERT_TRUE(filter().set_unicast({}));
  EXPECT_FALSE(in(other));
  ASSERT_TRUE(filter().set_promiscuous(true));
  EXPECT_TRUE(in(other));
  ASSERT_TRUE(filter().set_promiscuous(false));
  ASSERT_TRUE(filter().set_all_multicast(false));
  ASSERT_TRUE(filter().set_broadcast(false));
  EXPECT_FALSE(in(kBroadcastMac));
}

TEST_F(ClassifierOnCardTest, ListsThatMoveTheBoundaryLoseNoAddress) {
  std::vector<MacAddress> unicast, groups;
  for (std::uint8_t n = 0; n < 14; ++n) unicast.push_back({0x02, 0, 0, 1, 0, n});
  for (std::uint8_t n = 0; n < 11; ++n) groups.push_back({0x01, 0, 0, 1, 0, n});
  ASSERT_TRUE(filter().set_unicast(unicast));
  ASSERT_TRUE(filter().set_multicast(groups));
  EXPECT_EQ(filter().mac_table().boundary, 16U);
  for (const MacAddress& mac : unicast) EXPECT_GE(queue_of(udp4(1, mac)), 0);
  for (const MacAddress& mac : groups) EXPECT_GE(queue_of(udp4(1, mac)), 0);
}

TEST_F(ClassifierOnCardTest, TimestampsAreTimesOfThePortsClock) {
  ASSERT_TRUE(filter().set_timestamps(RxTimestamps::kUdp));
  ASSERT_TRUE(two_.ports[1]->clock().set(1'700'000'000'000'000'000));
  Packet packet, got;
  ASSERT_TRUE(fill(*two_.ports[0], packet, udp4(319)));
  ASSERT_EQ(two_.ports[0]->tx_burst(QueueId{0}, std::span(&packet, 1), two_.now), 1U);
  ASSERT_TRUE(two_.run_until([&] {
    for (std::uint16_t q = 0; q < 4; ++q)
      if (two_.ports[1]->rx_burst(QueueId{q}, std::span(&got, 1), two_.now) == 1) return true;
    return false;
  }));
  ASSERT_TRUE(got.rx.has_timestamp);
  const std::uint64_t now = two_.ports[1]->clock().read().value();
  EXPECT_GE(got.rx.timestamp_ns, 1'700'000'000'000'000'000U);
  EXPECT_LE(got.rx.timestamp_ns, now);
  two_.ports[1]->release(got);
}

TEST_F(ClassifierOnCardTest, TheFilterIsRestoredAfterAFirmwareCrash) {
  ASSERT_TRUE(
      filter().add_rule({.type = FlowType::kUdp4, .destination_port = {80, 0xffff}, .queue = 3}));
  filter().rewrite_rules();
  EXPECT_EQ(queue_of(udp4(80)), 3);
}

TEST_F(ClassifierOnCardTest, CountersAgreeWithTheTraffic) {
  auto& sender = two_.ports[0]->statistics();
  auto& receiver = two_.ports[1]->statistics();
  const CounterValues before = receiver.update();
  const CounterValues sent_before = sender.update();
  for (int n = 0; n < 10; ++n) ASSERT_GE(queue_of(udp4(1)), 0);
  ASSERT_GE(queue_of(udp4(1, kBroadcastMac)), 0);
  const CounterValues got = receiver.update().since(before);
  const CounterValues sent = sender.update().since(sent_before);
  EXPECT_EQ(sent.get(Counter::kMacTxFrames), 11U);
  EXPECT_EQ(got.get(Counter::kMacRxFrames), 11U);
  EXPECT_EQ(got.get(Counter::kMacRxBroadcast), 1U);
  EXPECT_EQ(sent.get(Counter::kMacTxBytes), got.get(Counter::kMacRxBytes));
  EXPECT_EQ(got.get(Counter::kRmonRx65) + got.get(Counter::kRmonRx64), 11U);
  const CardDrops drops = card_drops(got);
  EXPECT_EQ(drops.rx_missed + drops.rx_over + drops.rx_errors + drops.tx_dropped, 0U);
}

TEST_F(ClassifierOnCardTest, ConfigurationViolatesNoRuleOfTheSpec) {
  ASSERT_TRUE(filter().add_rule({.type = FlowType::kEther, .mac = kMacB}));
  two_.ports[1]->link().set_pause(false, false);
  ASSERT_TRUE(two_.ports[1]->link().set_storm_timeout(100));
  (void)two_.ports[1]->statistics().update();
  for (const auto& card : two_.cards) {
    const device::CardEvents& events = card->card.events();
    EXPECT_EQ(events.illegal_actions(), 0U);
    EXPECT_EQ(events.read_only_write, 0U);
    EXPECT_EQ(events.unknown_register, 0U) << std::hex << events.last_unknown.byte_offset;
  }
}

}  // namespace
}  // namespace hni::test
