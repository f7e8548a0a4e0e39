// SPDX-License-Identifier: Apache-2.0
#include "driver/filter/flow_rules.hpp"

#include <random>

#include "tests/driver/rx_filter_fixture.hpp"

namespace hni::test {
namespace {

class FlowRulesTest : public RxFilterFixture {};

TEST_F(FlowRulesTest, ATcpRuleComparesAddressesAndPorts) {
  ASSERT_TRUE(filter_.set_queue_count(8));
  filter_.start();
  FlowRule rule{.type = FlowType::kTcp4,
                .source = IpMatch::v4({10, 0, 0, 0}, 8),
                .destination = IpMatch::v4({192, 168, 1, 2}, 32),
                .destination_port = {443, 0xffff},
                .queue = 5};
  const auto id = filter_.add_rule(rule);
  ASSERT_TRUE(id);
  EXPECT_EQ(*id, RuleId{47});
  EXPECT_EQ(at(0x8800 + 49), 0x00040512U);
  EXPECT_EQ(at(act(0, 49)), 0xff0000ffU);  // both lookups hit entry 7
  EXPECT_EQ(at(act(1, 49)), 0x23ff9400U);
  EXPECT_EQ(at(act(3, 49)), 0xffff0000U);
  EXPECT_EQ(at(act(4, 49)), 443U);
  EXPECT_TRUE(live(49));
  EXPECT_EQ(at(0x8c90 + 7), 0xffff0000U);      // low half of the source: don't care
  EXPECT_EQ(at(0x8c90 + 8 + 7), 0x00ff0a00U);  // 10.x
  EXPECT_EQ(at(0x8c90 + 64 + 7), 0x80000000U);
  EXPECT_EQ(at(0x8cd8 + 7), 0x0102U);
  EXPECT_EQ(at(0x8cd8 + 8 + 7), 0xc0a8U);
  EXPECT_EQ(at(0x8cd8 + 16 + 7), 0xffff0000U);
  ASSERT_TRUE(filter_.remove_rule(*id));
  EXPECT_FALSE(live(49));
  EXPECT_EQ(at(0x8c90 + 64 + 7), 0U);
  EXPECT_EQ(filter_.rule_count(), 0U);
}

TEST_F(FlowRulesTest, AnIpv6EntryIsMarked) {
  filter_.start();
  std::array<std::uint8_t, 16> address{0x20, 0x01, 0x0d, 0xb8};
  ASSERT_TRUE(filter_.add_rule(
      {.type = FlowType::kUdp6, .source = IpMatch::v6(address, 32), .action = FlowAction::kDrop}));
  EXPECT_EQ(at(0x8800 + 49), 0x00040001U);
  EXPECT_EQ(at(act(0, 49)), 0xfff00008U);
  EXPECT_EQ(at(act(1, 49)), 0x23ffdc00U);
  EXPECT_EQ(at(0x8c90 + 56), 0x2001U);
  EXPECT_EQ(at(0x8c90 + 48), 0x0db8U);
  EXPECT_EQ(at(0x8c90 + 64), 0x80000001U);
}

TEST_F(FlowRulesTest, ATunnelRuleComparesTheOuterHeaderAndItsPresence) {
  filter_.start();
  std::array<std::uint8_t, 16> address{0xfd};
  ASSERT_TRUE(filter_.add_rule(
      {.type = FlowType::kIp6, .outer = true, .destination = IpMatch::v6(address, 8)}));
  EXPECT_EQ(at(act(0, 49)), 0x0fff8000U);
  EXPECT_EQ(at(act(1, 49)), 0xc3ff3c00U);
  EXPECT_EQ(at(0x8c48 + 64), 0x80000000U) << "outer entries carry no version";
}

TEST_F(FlowRulesTest, AnEthernetRuleComparesTheIndexOfItsAddress) {
  filter_.start();
  ASSERT_TRUE(filter_.set_queue_count(4));
  ASSERT_TRUE(filter_.add_rule({.type = FlowType::kEther, .mac = unicast(1), .queue = 3}));
  EXPECT_EQ(mac_at(29), unicast(1));
  EXPECT_EQ(at(act(1, 49)), (0xffffU & ~0x7e0U) << 16 | 0x400U | 29U << 5);
  ASSERT_TRUE(filter_.add_rule({.type = FlowType::kEther, .mac = kHost, .queue = 2}));
  EXPECT_EQ(at(act(1, 48)) & 0x3e0, 30U << 5);
  ASSERT_TRUE(filter_.add_rule({.type = FlowType::kEther, .mac = group(1), .queue = 2}));
  EXPECT_EQ(at(act(1, 47)) & 0x3e0, 5U << 5);
}

TEST_F(FlowRulesTest, RulesToTheSecondTableOfQueues) {
  filter_.start();
  ASSERT_TRUE(
      filter_.add_rule({.type = FlowType::kTcp6, .action = FlowAction::kHash, .rss_context = 1}));
  EXPECT_EQ(at(0x8800 + 49), 0x40040002U);
}

TEST_F(FlowRulesTest, WhatTheCardCannotExpressIsRefused) {
  const FlowRule bad[] = {
      {.type = FlowType::kTcp4, .queue = 1},
      {.type = FlowType::kTcp4, .rss_context = 2},
      {.type = FlowType::kIp4, .source_port = {1, 1}},
      {.type = FlowType::kTcp4, .source = IpMatch::v6({1}, 8)},
      {.type = FlowType::kTcp4, .mac = kHost},
      {.type = FlowType::kEther, .source = IpMatch::v4({1, 2, 3, 4}, 32)},
      {.type = FlowType::kEther, .mac = MacAddress{}},
      {.type = FlowType::kTcp6, .outer = true},
  };
  for (const FlowRule& rule : bad) EXPECT_FALSE(filter_.add_rule(rule));
  EXPECT_EQ(filter_.rule_count(), 0U);
  EXPECT_EQ(filter_.remove_rule(RuleId{47}).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(filter_.remove_rule(RuleId{200}).error().code, ErrorCode::kNotFound);
}

TEST_F(FlowRulesTest, TablesHaveTheirLimits) {
  filter_.start();
  for (std::uint8_t n = 0; n < 8; ++n)
    ASSERT_TRUE(
        filter_.add_rule({.type = FlowType::kIp4, .source = IpMatch::v4({10, 0, 0, n}, 32)}));
  const auto shadow = filter_.shadow().ip;
  const auto ninth =
      filter_.add_rule({.type = FlowType::kIp4, .source = IpMatch::v4({10, 0, 0, 99}, 32)});
  ASSERT_FALSE(ninth);
  EXPECT_EQ(ninth.error().code, ErrorCode::kTableFull);
  EXPECT_EQ(filter_.shadow().ip, shadow);
  for (int n = 8; n < 48; ++n) ASSERT_TRUE(filter_.add_rule({.type = FlowType::kUdp4}));
  EXPECT_EQ(filter_.add_rule({.type = FlowType::kUdp4}).error().code, ErrorCode::kTableFull);
  expect_card_holds_the_shadow();
}

TEST_F(FlowRulesTest, LongerPrefixesComeFirstInWhateverOrderTheyAreAdded) {
  for (const bool v6 : {false, true}) {
    RxFilter<FakeDevice> filter{fake_.io};
    ASSERT_TRUE(filter.set_mac(kHost));
    filter.start();
    for (const unsigned prefix : {16U, 8U, 32U, 24U, 20U, 28U, 12U, 30U}) {
      const IpMatch m =
          v6 ? IpMatch::v6({10, 1, 2, 3}, prefix) : IpMatch::v4({10, 1, 2, 3}, prefix);
      ASSERT_TRUE(
          filter.add_rule({.type = v6 ? FlowType::kIp6 : FlowType::kIp4, .destination = m}));
      EXPECT_TRUE(flow_detail::is_ordered(filter.shadow().ip[raw(IpTable::kDestination)]));
      EXPECT_TRUE(filter.shadow().is_valid());
    }
  }
}

TEST_F(FlowRulesTest, ARuleIsInvalidWhileItsAddressMoves) {
  filter_.start();
  ASSERT_TRUE(
      filter_.add_rule({.type = FlowType::kIp4, .source = IpMatch::v4({10, 1, 2, 3}, 32)}));
  for (std::uint8_t n = 1; n < 7; ++n)
    ASSERT_TRUE(
        filter_.add_rule({.type = FlowType::kIp4, .source = IpMatch::v4({10, 9, 9, n}, 32)}));
  // The shorter prefix must come after entry 7, so all entries move.
  bool rule_was_out = false;
  fake_.device.on_write = [&](RegAddr where, std::uint32_t) {
    if (where.byte_offset / 4 >= 0x8c90 && where.byte_offset / 4 < 0x8cd8)
      rule_was_out = rule_was_out || !live(49);
    return false;
  };
  ASSERT_TRUE(
      filter_.add_rule({.type = FlowType::kIp4, .source = IpMatch::v4({10, 1, 0, 0}, 16)}));
  EXPECT_TRUE(rule_was_out);
  EXPECT_TRUE(live(49));
  expect_card_holds_the_shadow();
}

TEST_F(FlowRulesTest, ARuleKeepsItsAddressWhateverTheListsDo) {
  filter_.start();
  for (std::uint8_t n = 0; n < 12; ++n)
    ASSERT_TRUE(filter_.add_rule({.type = FlowType::kEther, .mac = unicast(n)}));
  EXPECT_EQ(filter_.mac_table().boundary, 16U);
  ASSERT_TRUE(filter_.set_multicast(macs(25, group)));
  EXPECT_TRUE(filter_.mac_table().multicast_overflow);
  for (std::uint8_t n = 0; n < 12; ++n) EXPECT_TRUE(filter_.mac_table().find(unicast(n)));
  expect_card_holds_the_shadow();
}

// After any sequence of changes the card's tables match the configuration.
TEST_F(FlowRulesTest, RandomChangesKeepTheInvariant) {
  std::mt19937 random(7);
  const auto below = [&](std::uint32_t n) { return static_cast<std::uint8_t>(random() % n); };
  ASSERT_TRUE(filter_.set_queue_count(4));
  filter_.start();
  for (int round = 0; round < 2000; ++round) {
    switch (below(8)) {
      case 0:
        (void)filter_.set_unicast(macs(below(18), unicast));
        break;
      case 1:
        (void)filter_.set_multicast(macs(below(30), group));
        break;
      case 2: {
        BmcConfig bmc{.present = below(2) == 0, .all_multicast = below(2) == 0, .addresses = {}};
        for (auto& mac : bmc.addresses)
          mac = below(2) == 0 ? group(below(40)) : unicast(below(40));
        (void)filter_.set_bmc(bmc);
        break;
      }
      case 3:
        (void)filter_.add_rule({.type = FlowType::kEther,
                                .mac = below(2) == 0 ? group(below(40)) : unicast(below(40))});
        break;
      case 4:
        (void)filter_.add_rule({.type = FlowType::kIp4,
                                .source = IpMatch::v4({10, below(3), below(3), 1}, below(33)),
                                .destination = IpMatch::v4({10, below(3), 0, 0}, below(33))});
        break;
      case 5:
        (void)filter_.add_rule({.type = FlowType::kIp6,
                                .outer = below(2) == 0,
                                .source = IpMatch::v6({below(2), below(2)}, below(129))});
        break;
      default:
        (void)filter_.remove_rule(RuleId{below(kMaxRules)});
        break;
    }
    const MacTable& macs = filter_.mac_table();
    ASSERT_TRUE(filter_.shadow().is_valid());
    for (const auto& table : filter_.shadow().ip) ASSERT_TRUE(flow_detail::is_ordered(table));
    for (const MacAddress& mac : filter_.filter().unicast.all())
      ASSERT_TRUE(macs.unicast_overflow || macs.find(mac));
    for (const MacAddress& mac : filter_.filter().multicast.all())
      ASSERT_TRUE(macs.multicast_overflow || macs.find(mac));
    for (std::uint8_t n = 0; n < kMaxRules; ++n) {
      const FlowRule* rule = filter_.rule(RuleId{n});
      ASSERT_TRUE(rule == nullptr || !rule->mac || macs.find(*rule->mac));
    }
    if (round % 100 == 0) expect_card_holds_the_shadow();
  }
}

}  // namespace
}  // namespace hni::test
