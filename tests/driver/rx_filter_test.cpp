// SPDX-License-Identifier: Apache-2.0
#include "driver/filter/rx_filter.hpp"

#include <set>

#include "tests/driver/rx_filter_fixture.hpp"

namespace hni::test {
namespace {

class RxFilterTest : public RxFilterFixture {};

TEST_F(RxFilterTest, StartProgramsHashingThenRulesThenAddresses) {
  ASSERT_TRUE(filter_.set_queue_count(4));
  EXPECT_TRUE(fake_.device.writes.empty()) << "not before start";
  filter_.start();
  for (std::uint32_t i = 0; i < 256; ++i) {
    EXPECT_EQ(at(0x8d20 + i), i % 4);
    EXPECT_EQ(at(0x8e20 + i), i % 4);
  }
  EXPECT_EQ(at(0x840c), 0x6d5a56daU);
  EXPECT_EQ(at(0x840c + 13) & ~0xff800000U, 0U);
  EXPECT_EQ(at(0x840a), 1U);
  EXPECT_EQ(at(0x840b), 0U);
  EXPECT_EQ(at(0x8400), 0x260e1014U);
  expect_card_holds_the_shadow();
}

TEST_F(RxFilterTest, TheSevenHashRulesAreLinuxs) {
  filter_.start();
  const std::uint32_t values[] = {0xdc00, 0xd400, 0x9c00, 0x9400, 0x1c00, 0x1400, 0x0400};
  const std::uint32_t hashes[] = {0x03, 0x03, 0x0f, 0x0f, 0x03, 0x03, 0x10};
  for (std::uint32_t i = 0; i < 7; ++i) {
    const std::uint32_t n = 57 + i;
    EXPECT_EQ(at(act(1, n)), values[i] | (~values[i] & 0xffff) << 16);
    for (const std::uint32_t w : {0U, 2U, 3U, 4U, 5U, 6U, 7U, 8U, 9U, 10U})
      EXPECT_EQ(at(act(w, n)), 0xffff0000U);
    EXPECT_EQ(at(0x8800 + n), 0x00040002U);
    EXPECT_EQ(at(0x8840 + n), hashes[i]);
    EXPECT_TRUE(live(n));
  }
  for (std::uint32_t n = 0; n < 57; ++n) EXPECT_FALSE(live(n)) << n;
}

TEST_F(RxFilterTest, HostAndBroadcastHaveTheirEntries) {
  filter_.start();
  EXPECT_EQ(at(macda(0, 30)), 0x4455U);
  EXPECT_EQ(at(macda(1, 30)), 0x2233U);
  EXPECT_EQ(at(macda(2, 30)), 0x0211U);
  EXPECT_EQ(at(macda(0, 4)), 0xffffU);
  for (std::uint32_t n = 0; n < 32; ++n) EXPECT_EQ(mac_live(n), n == 4 || n == 30);
  ASSERT_TRUE(filter_.set_broadcast(false));
  EXPECT_FALSE(mac_live(4));
}

TEST_F(RxFilterTest, AnEntryIsValidOnlyAfterItsWords) {
  filter_.start();
  fake_.device.forget();
  const auto list = macs(1, group);
  ASSERT_TRUE(filter_.set_multicast(list));
  EXPECT_EQ(fake_.device.writes, (std::vector<RegWrite>{{bar0(macda(0, 5)), 0x0000},
                                                        {bar0(macda(1, 5)), 0x5e00},
                                                        {bar0(macda(2, 5)), 0x0100},
                                                        {bar0(macda(3, 5)), 0x80000000}}));
  EXPECT_EQ(fake_.device.reads_from(Site::kPresence), 1U);
}

TEST_F(RxFilterTest, AChangedEntryIsInvalidWhileItChanges) {
  filter_.start();
  fake_.device.forget();
  ASSERT_TRUE(filter_.set_mac(unicast(9)));
  EXPECT_EQ(fake_.device.writes, (std::vector<RegWrite>{{bar0(macda(3, 30)), 0},
                                                        {bar0(macda(0, 30)), 0x0109},
                                                        {bar0(macda(1, 30)), 0x0000},
                                                        {bar0(macda(2, 30)), 0x0200},
                                                        {bar0(macda(3, 30)), 0x80000000}}));
}

TEST_F(RxFilterTest, SettingTheSameAgainWritesNothing) {
  filter_.start();
  const auto list = macs(3, group);
  ASSERT_TRUE(filter_.set_multicast(list));
  fake_.device.forget();
  ASSERT_TRUE(filter_.set_multicast(list));
  ASSERT_TRUE(filter_.set_mac(kHost));
  ASSERT_TRUE(filter_.set_promiscuous(false));
  EXPECT_TRUE(fake_.device.writes.empty());
}

TEST_F(RxFilterTest, ListsFillFromBothEndsAndKeepTheirPlaces) {
  filter_.start();
  ASSERT_TRUE(filter_.set_unicast(macs(3, unicast)));
  ASSERT_TRUE(filter_.set_multicast(macs(4, group)));
  for (std::uint8_t n = 0; n < 3; ++n) EXPECT_EQ(mac_at(29U - n), unicast(n));
  for (std::uint8_t n = 0; n < 4; ++n) EXPECT_EQ(mac_at(5U + n), group(n));
  const std::vector<MacAddress> fewer{group(3), group(1)};
  ASSERT_TRUE(filter_.set_multicast(fewer));
  EXPECT_FALSE(mac_live(5));
  EXPECT_EQ(mac_at(6), group(1));
  EXPECT_FALSE(mac_live(7));
  EXPECT_EQ(mac_at(8), group(3));
  const std::vector<MacAddress> more{group(7), group(3), group(1)};
  ASSERT_TRUE(filter_.set_multicast(more));
  EXPECT_EQ(mac_at(5), group(7));
}

TEST_F(RxFilterTest, TheBoundaryMovesWhereAListNeedsRoom) {
  filter_.start();
  ASSERT_TRUE(filter_.set_unicast(macs(14, unicast)));
  EXPECT_EQ(filter_.mac_table().boundary, 16U);
  ASSERT_TRUE(filter_.set_unicast(macs(2, unicast)));
  ASSERT_TRUE(filter_.set_multicast(macs(23, group)));
  EXPECT_EQ(filter_.mac_table().boundary, 28U);
  ASSERT_TRUE(filter_.set_unicast({}));
  ASSERT_TRUE(filter_.set_multicast(macs(25, group)));
  EXPECT_EQ(filter_.mac_table().boundary, 30U);
  EXPECT_FALSE(filter_.mac_table().multicast_overflow);
  EXPECT_FALSE(mac_live(31));
  std::set<MacAddress> seen;
  for (std::uint32_t n = 5; n < 30; ++n) seen.insert(mac_at(n));
  EXPECT_EQ(seen.size(), 25U);
  expect_card_holds_the_shadow();
}

TEST_F(RxFilterTest, UnicastOverflowMakesThePortPromiscuous) {
  filter_.start();
  ASSERT_TRUE(filter_.set_unicast(macs(15, unicast)));
  EXPECT_TRUE(filter_.mac_table().unicast_overflow);
  EXPECT_TRUE(mac_live(31));
  EXPECT_EQ(at(macda(0, 31)), 0xffff0000U);
  EXPECT_EQ(at(macda(2, 31)), 0xffff0000U);
  ASSERT_TRUE(filter_.set_unicast(macs(6, unicast)));
  EXPECT_FALSE(mac_live(31));
}

TEST_F(RxFilterTest, MulticastOverflowAcceptsAllGroups) {
  filter_.start();
  ASSERT_TRUE(filter_.set_multicast(macs(26, group)));
  EXPECT_EQ(at(macda(0, 31)), 0xffff0000U);
  EXPECT_EQ(at(macda(1, 31)), 0xffff0000U);
  EXPECT_EQ(at(macda(2, 31)), 0xfeff0100U);
  EXPECT_TRUE(mac_live(31));
  ASSERT_TRUE(filter_.set_multicast(macs(200, group)));
  EXPECT_TRUE(filter_.mac_table().multicast_overflow);
  ASSERT_TRUE(filter_.set_promiscuous(true));
  EXPECT_EQ(at(macda(2, 31)), 0xffff0000U) << "promiscuous includes all groups";
}

TEST_F(RxFilterTest, NonUnicastAddressesAreRefused) {
  EXPECT_FALSE(filter_.set_mac({}));
  EXPECT_FALSE(filter_.set_mac(kBroadcastMac));
  EXPECT_EQ(filter_.mac(), kHost);
}

TEST_F(RxFilterTest, HashFieldsAreCheckedByType) {
  filter_.start();
  EXPECT_FALSE(filter_.set_hash_fields(FlowType::kEther, kHashIpSource));
  EXPECT_FALSE(filter_.set_hash_fields(FlowType::kIp4, kHashPortSource));
  ASSERT_TRUE(filter_.set_hash_fields(FlowType::kUdp4, kHashIp | kHashPorts));
  EXPECT_EQ(at(0x8840 + 58), 0x0fU);
  ASSERT_TRUE(filter_.set_hash_fields(FlowType::kIp6, kHashIp | kHashFlowLabel));
  EXPECT_EQ(at(0x8840 + 61), 0xc3U);
  ASSERT_TRUE(filter_.set_hash_fields(FlowType::kIp4, kHashDiscard));
  EXPECT_EQ(at(0x8800 + 62), 0x00040001U);
}

TEST_F(RxFilterTest, ANewActionDoesNotTakeTheRuleOut) {
  filter_.start();
  fake_.device.forget();
  ASSERT_TRUE(filter_.set_timestamps(RxTimestamps::kNonIp));
  EXPECT_EQ(fake_.device.writes,
            (std::vector<RegWrite>{{bar0(0x8800 + 63), 0x10040002}, {bar0(0x8840 + 63), 0x10}}));
}

TEST_F(RxFilterTest, TimestampsAreChosenByType) {
  filter_.start();
  const auto stamped = [&] {
    std::uint32_t bits = 0;
    for (std::uint32_t i = 0; i < 7; ++i) bits |= (at(0x8800 + 57 + i) >> 28 & 1U) << i;
    return bits;
  };
  ASSERT_TRUE(filter_.set_timestamps(RxTimestamps::kAll));
  EXPECT_EQ(stamped(), 0x7fU);
  ASSERT_TRUE(filter_.set_timestamps(RxTimestamps::kUdp));
  EXPECT_EQ(stamped(), 0x03U);
  ASSERT_TRUE(filter_.set_timestamps(RxTimestamps::kUdpAndNonIp));
  EXPECT_EQ(stamped(), 0x43U);
  ASSERT_TRUE(filter_.set_timestamps(RxTimestamps::kNone));
  EXPECT_EQ(stamped(), 0U);
}

TEST_F(RxFilterTest, IndirectionTablesNameOnlyQueuesThatExist) {
  ASSERT_TRUE(filter_.set_queue_count(8));
  RssTable table{};
  table[255] = 8;
  EXPECT_FALSE(filter_.set_rss_table(0, table));
  table[255] = 7;
  ASSERT_TRUE(filter_.set_rss_table(0, table));
  EXPECT_FALSE(filter_.set_rss_table(2, table));
  EXPECT_FALSE(filter_.set_queue_count(4)) << "queue 7 is in use";
  EXPECT_FALSE(filter_.set_queue_count(129));
  ASSERT_TRUE(filter_.reset_rss_table(0));
  ASSERT_TRUE(filter_.set_queue_count(4));
}

TEST_F(RxFilterTest, OnlyChangedTableEntriesAreWritten) {
  ASSERT_TRUE(filter_.set_queue_count(2));
  filter_.start();
  fake_.device.forget();
  RssTable table = filter_.rss_table(1);
  table[3] = 0;
  ASSERT_TRUE(filter_.set_rss_table(1, table));
  EXPECT_EQ(fake_.device.writes_to(bar0(0x8e23)), (std::vector<std::uint32_t>{0}));
  EXPECT_EQ(fake_.device.writes.size(), 4U) << "and the default action and RMI_CONFIG";
}

TEST_F(RxFilterTest, KeyBitsBelowItsLengthAreCleared) {
  RssKey key;
  key.fill(0xff);
  filter_.start();
  ASSERT_TRUE(filter_.set_rss_key(key));
  EXPECT_EQ(at(0x840c + 12), 0xffffffffU);
  EXPECT_EQ(at(0x840c + 13), 0xff800000U);
}

TEST_F(RxFilterTest, ReprogramWritesEverythingAgain) {
  ASSERT_TRUE(filter_.set_queue_count(4));
  filter_.start();
  ASSERT_TRUE(filter_.set_multicast(macs(5, group)));
  ASSERT_TRUE(filter_.add_rule({.type = FlowType::kTcp4, .queue = 1}));
  const auto snapshot = [&] {
    std::vector<std::uint32_t> all;
    for (std::uint32_t i = 0x8400; i < 0x8f20; ++i) all.push_back(at(i));
    return all;
  };
  const auto good = snapshot();
  for (std::uint32_t i = 0x8400; i < 0x8f20; ++i) fake_.device.poke(bar0(i), 0);
  filter_.reprogram();
  EXPECT_EQ(snapshot(), good);
}

TEST_F(RxFilterTest, StaleEntriesOfAnEarlierDriverAreCleared) {
  for (std::uint32_t n = 0; n < 64; ++n) fake_.device.poke(bar0(act(11, n)), 0x80000000);
  for (std::uint32_t n = 0; n < 32; ++n) fake_.device.poke(bar0(macda(3, n)), 0x80000000);
  filter_.start();
  expect_card_holds_the_shadow();
}

TEST_F(RxFilterTest, StopReceivesNothing) {
  filter_.start();
  filter_.stop();
  for (std::uint32_t n = 0; n < 64; ++n) EXPECT_FALSE(live(n));
  for (std::uint32_t n = 0; n < 32; ++n) EXPECT_FALSE(mac_live(n));
  EXPECT_EQ(at(0x8400), 0x14U);
  filter_.start();
  expect_card_holds_the_shadow();
  EXPECT_TRUE(mac_live(30));
}

TEST_F(RxFilterTest, AUnicastAddressInTheMulticastListThatDoesNotFitMakesThePortPromiscuous) {
  std::vector<MacAddress> macs;
  for (std::uint8_t n = 0; n < kMacEntries; ++n) macs.push_back({0x02, 0xcc, 0, 0, 0, n});
  ASSERT_TRUE(filter_.set_multicast(macs));
  EXPECT_TRUE(filter_.mac_table().unicast_overflow) << "of those that fit the list";
  EXPECT_FALSE(filter_.mac_table().multicast_overflow);
  std::vector<MacAddress> lost;
  for (std::uint8_t n = 0; n < kMacEntries; ++n) lost.push_back(group(n));
  lost.push_back(macs[0]);
  const MacList list(lost);
  EXPECT_TRUE(list.unicast_lost);
  EXPECT_FALSE(list.multicast_lost);
  ASSERT_TRUE(filter_.set_multicast(lost));
  EXPECT_TRUE(filter_.mac_table().unicast_overflow) << "of those beyond the list";
}

// A management controller shares the port.

class BmcTest : public RxFilterTest {
 protected:
  static constexpr MacAddress kBmc{0x02, 0xbb, 0, 0, 0, 1};
  BmcConfig bmc(bool all_multicast = false) {
    BmcConfig config{.present = true, .all_multicast = all_multicast, .addresses = {}};
    config.addresses[0] = kBmc;
    return config;
  }
};

TEST_F(BmcTest, ItsFramesGoOnlyToIt) {
  ASSERT_TRUE(filter_.set_bmc(bmc()));
  filter_.start();
  EXPECT_EQ(mac_at(0), kBmc);
  EXPECT_EQ(at(0x8800), 0x4U);
  EXPECT_EQ(at(act(1, 0)), (0xffffU & ~(0x1cU << 5) & ~0x400U) << 16 | 0x400U);
  EXPECT_TRUE(live(0));
  EXPECT_FALSE(live(1));
  for (std::uint32_t i = 0; i < 7; ++i) {
    EXPECT_EQ(at(act(1, 50 + i)) & 0x700, 0x700U) << "unicast rules compare the boundary";
    EXPECT_EQ(at(0x8800 + 50 + i), 0x00040002U);
    EXPECT_EQ(at(0x8800 + 57 + i), 0x00040006U);
  }
}

TEST_F(BmcTest, TransmittedFramesForItAreTurnedAround) {
  ASSERT_TRUE(filter_.set_bmc(bmc()));
  filter_.start();
  // Entry 0: the BMC's address. Entry 1: broadcast, which the driver removes as well.
  EXPECT_EQ(at(0x4200), 0x0001'0000U);
  EXPECT_EQ(at(0x4210), 0x02bb'0000U);
  EXPECT_EQ(at(0x4218), 0x800000b8U);
  EXPECT_EQ(at(0x4211), 0xffff'0000U);
  EXPECT_EQ(at(0x404a), 0x32U);
  for (std::uint32_t n = 2; n < 8; ++n) EXPECT_EQ(at(0x4218 + n), 0U);
}

TEST_F(BmcTest, AllMulticastGoesToBothIfHostAndBmcRequestIt) {
  ASSERT_TRUE(filter_.set_bmc(bmc(true)));
  filter_.start();
  EXPECT_EQ(at(macda(2, 23)), 0xfeff0100U);
  EXPECT_EQ(at(0x8801), 0x4U);
  EXPECT_EQ(at(act(1, 1)) & 0x7e0, 0x400U | 23U << 5);
  EXPECT_TRUE(live(1));
  ASSERT_TRUE(filter_.set_all_multicast(true));
  EXPECT_FALSE(live(1)) << "the hash rules now take it to both";
  EXPECT_FALSE(mac_live(31));
}

TEST_F(BmcTest, AGroupOfBothIsInTheSharedRegion) {
  BmcConfig config = bmc();
  config.addresses[1] = group(1);
  ASSERT_TRUE(filter_.set_bmc(config));
  filter_.start();
  EXPECT_EQ(mac_at(1), group(1));
  const std::vector<MacAddress> groups{group(1)};
  ASSERT_TRUE(filter_.set_multicast(groups));
  EXPECT_EQ(mac_at(5), group(1));
  EXPECT_FALSE(mac_live(1));
  ASSERT_TRUE(filter_.set_multicast({}));
  EXPECT_EQ(mac_at(1), group(1));
  ASSERT_TRUE(filter_.set_promiscuous(true));
  EXPECT_EQ(mac_at(5), group(1)) << "a promiscuous host must see it, too";
}

TEST_F(BmcTest, ItsGroupTakesAnEntryThatTheHostsWildcardCovers) {
  BmcConfig config = bmc();
  config.addresses[1] = group(1);
  ASSERT_TRUE(filter_.set_bmc(config));
  std::vector<MacAddress> groups;
  for (std::uint8_t n = 0; n < kMacEntries; ++n)
    groups.push_back(group(static_cast<std::uint8_t>(100 + n)));
  ASSERT_TRUE(filter_.set_multicast(groups));
  filter_.start();
  const MacTable& table = filter_.mac_table();
  EXPECT_TRUE(table.multicast_overflow);
  EXPECT_GE(table.find(group(1)).value_or(0), kMacMulticast)
      << "in its own region it is its alone";
  EXPECT_EQ(table.bmc_refused, 0U);
}

TEST_F(BmcTest, ItCannotTakeTheHostsAddress) {
  BmcConfig config = bmc();
  config.addresses[1] = kHost;
  ASSERT_TRUE(filter_.set_bmc(config));
  filter_.start();
  EXPECT_EQ(filter_.mac_table().bmc_refused, 1U);
  EXPECT_EQ(fake_.refused(Site::kAttributeValue), 1U);
  EXPECT_FALSE(mac_live(1));
  EXPECT_EQ(mac_at(30), kHost);
}

TEST_F(BmcTest, ItCannotTakeAnOverflowedAddressOfTheHost) {
  std::vector<MacAddress> stations;
  for (std::uint8_t n = 0; n < kMacEntries; ++n) stations.push_back({0x02, 0xcc, 0, 0, 0, n});
  ASSERT_TRUE(filter_.set_unicast(stations));
  BmcConfig config = bmc();
  config.addresses[1] = stations.back();
  ASSERT_TRUE(filter_.set_bmc(config));
  filter_.start();
  EXPECT_TRUE(filter_.mac_table().unicast_overflow);
  EXPECT_FALSE(filter_.mac_table().find(stations.back()));
  EXPECT_EQ(filter_.mac_table().bmc_refused, 1U);
}

TEST_F(BmcTest, ItsTrafficGoesOnWhenTheHostStops) {
  ASSERT_TRUE(filter_.set_bmc(bmc(true)));
  filter_.start();
  filter_.stop();
  EXPECT_TRUE(mac_live(0));
  EXPECT_TRUE(mac_live(4));
  EXPECT_FALSE(mac_live(30));
  EXPECT_TRUE(live(63));
  EXPECT_EQ(at(0x8800 + 63), 4U);
  EXPECT_EQ(at(0x8840 + 63), 0U);
  EXPECT_EQ(at(0x8400), 0x260e1014U) << "the parser stays on";
}

TEST_F(BmcTest, TheTransmitTableIsWrittenAgainAfterAReset) {
  ASSERT_TRUE(filter_.set_bmc(bmc()));
  filter_.start();
  for (const std::uint32_t index : {0x4200U, 0x4210U, 0x4218U, 0x404aU})
    fake_.device.poke(bar0(index), 0);
  filter_.reprogram();
  EXPECT_EQ(at(0x4200), 0x0001'0000U);
  EXPECT_EQ(at(0x4210), 0x02bb'0000U);
  EXPECT_EQ(at(0x4218), 0x800000b8U);
  EXPECT_EQ(at(0x404a), 0x32U);
}

TEST_F(BmcTest, RepeatedGroupsDoNotPileUp) {
  filter_.start();
  for (std::uint8_t n = 0; n < 200; ++n) {
    BmcConfig config = bmc();
    for (std::uint8_t i = 0; i < 4; ++i)
      config.addresses[i] = group(static_cast<std::uint8_t>(n + i));
    ASSERT_TRUE(filter_.set_bmc(config));
  }
  std::uint32_t used = 0;
  for (std::uint32_t n = 0; n < 32; ++n) used += mac_live(n) ? 1U : 0U;
  EXPECT_EQ(used, 6U);
  expect_card_holds_the_shadow();
}

TEST_F(BmcTest, TheFirmwareIsNotifiedOnceAfterEachChange) {
  EXPECT_FALSE(filter_.take_address_report());
  ASSERT_TRUE(filter_.set_bmc(bmc()));
  filter_.start();
  ASSERT_TRUE(filter_.set_unicast(macs(2, unicast)));
  ASSERT_TRUE(filter_.set_multicast(macs(9, group)));
  const auto sync = filter_.take_address_report();
  ASSERT_TRUE(sync);
  EXPECT_EQ(sync->unicast_count, 3U);
  EXPECT_EQ(sync->unicast[0], kHost);
  EXPECT_EQ(sync->multicast_count, 8U);
  EXPECT_EQ(sync->flags, 2U | 4U) << "the ninth group means all groups";
  EXPECT_FALSE(filter_.take_address_report());
  ASSERT_TRUE(filter_.set_unicast(macs(2, unicast)));
  EXPECT_FALSE(filter_.take_address_report());
}

}  // namespace
}  // namespace hni::test
