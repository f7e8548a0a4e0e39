// SPDX-License-Identifier: Apache-2.0
// The port's own decisions in time: what it restores after a reset, how long it waits, what it
// reports to the firmware, and when it gives up.

#include <gtest/gtest.h>

#include <vector>

#include "device/firmware.hpp"
#include "tests/support/two_ports.hpp"

namespace hni::test {
namespace {

/// Counts kicks of vectors, and can report that no queue ever becomes idle.
class WatchedIo : public PlainIo {
 public:
  using PlainIo::PlainIo;
  void write32(RegAddr at, std::uint32_t value) {
    PlainIo::write32(at, value);
    if (at.bar != Bar::kBar0) return;
    for (std::uint32_t n = 0; n < 8; ++n) kicks += at == spec::INTR_SET::at(n);
  }
  std::uint32_t read32(Site site, RegAddr at) {
    if (site == Site::kIdle && never_idle) return 0;
    return PlainIo::read32(site, at);
  }
  std::uint64_t kicks = 0;
  bool never_idle = false;
};

using WatchedPorts = TwoPortsOver<WatchedIo>;

class PortLife : public testing::Test {
 protected:
  bool start(const PortConfig& config = {}) { return world.up(config); }

  WatchedPorts::SimPort& a() { return *world.ports[0]; }
  WatchedPorts::SimPort& b() { return *world.ports[1]; }
  device::Card& card(unsigned i) { return world.cards[i]->card; }
  device::FirmwareConfig& firmware_config(unsigned i) { return card(i).firmware().config(); }

  void pass(Duration time) {
    (void)world.run_until([] { return false; }, time);
  }
  bool both_up() { return a().link_up() && b().link_up(); }
  bool send_one(std::size_t bytes = 200) {
    Packet packet;
    if (!fill(a(), packet, make_frame(bytes, 1))) return false;
    const bool sent = a().tx_burst(QueueId{0}, std::span(&packet, 1), world.now) == 1;
    if (!sent) a().release(packet);
    for (int turn = 0; turn < 5; ++turn) world.advance();
    return sent;
  }
  /// Receives all packets that have arrived and appends them to `kept`.
  void receive(std::vector<Packet>& kept) {
    Packet got;
    while (b().rx_burst(QueueId{0}, std::span(&got, 1), world.now) == 1) kept.push_back(got);
  }
  void release(std::vector<Packet>& kept) {
    for (Packet& packet : kept) b().release(packet);
    kept.clear();
  }

  WatchedPorts world;
};

// ---- Counters

TEST_F(PortLife, CountersStartAtZeroOnACardThatCountedBefore) {
  ASSERT_TRUE(start());
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(send_one());
  ASSERT_EQ(b().statistics().update().get(Counter::kMacRxFrames), 10U);
  b().detach(world.now);
  ASSERT_TRUE(world.run_until([&] { return b().state() == PortState::kDetached; }, 30s));
  world.ports[1] = std::make_unique<WatchedPorts::SimPort>(*world.ios[1]);
  ASSERT_TRUE(b().attach(WatchedPorts::config_for(1), world.now));
  b().start(world.now);
  ASSERT_TRUE(world.run_until([&] { return both_up(); }, 30s));
  EXPECT_EQ(b().statistics().update().get(Counter::kMacRxFrames), 0U);
}

TEST_F(PortLife, CountersContinueAfterAResetClearedTheCards) {
  ASSERT_TRUE(start());
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(send_one());
  ASSERT_EQ(b().statistics().update().get(Counter::kMacRxFrames), 10U);
  card(1).reset(device::ResetKind::kPower);
  ASSERT_TRUE(
      world.run_until([&] { return b().recoveries().card_resets == 1 && both_up(); }, 60s));
  ASSERT_TRUE(send_one());
  EXPECT_EQ(b().statistics().update().get(Counter::kMacRxFrames), 11U);
}

// ---- Starvation

TEST_F(PortLife, AStarvedQueueIsRefilledAndKickedOnce) {
  PortConfig config;
  config.queue = {.tx_ring = 64, .rx_ring = 64, .header_ring = 64, .payload_ring = 64};
  config.queue.wait_for_buffers = false;
  config.spare_fragments = 1;
  config.link.tx_pause = false;
  ASSERT_TRUE(start(config));
  // The application keeps everything until no buffer is left to post.
  std::vector<Packet> kept;
  for (int i = 0; i < 400 && !b().pair(QueueId{0}).rx.starving(); ++i) {
    (void)send_one(1400);
    (void)a().tx_reap(QueueId{0}, world.now);
    receive(kept);
  }
  ASSERT_TRUE(b().pair(QueueId{0}).rx.starving());
  ASSERT_EQ(b().recoveries().starvation_kicks, 0U);
  release(kept);
  const std::uint64_t kicks = world.ios[1]->kicks;
  ASSERT_TRUE(world.run_until([&] { return b().recoveries().starvation_kicks != 0; }, 2s));
  EXPECT_EQ(world.ios[1]->kicks, kicks + 1);
  EXPECT_FALSE(b().pair(QueueId{0}).rx.starving());
  pass(3s);
  EXPECT_EQ(b().recoveries().starvation_kicks, 1U);
}

// ---- Deadlines

TEST_F(PortLife, TheBackoffDoublesUpToItsLimitAndStartsAgainAfterAQuietSecond) {
  ASSERT_TRUE(start());
  const auto pause = [&]() -> Duration {
    const std::uint64_t before = b().recoveries().card_resets;
    card(1).reset(device::ResetKind::kFunctionLevel);
    EXPECT_TRUE(world.run_until([&] { return b().recoveries().card_resets == before + 1; }, 2s));
    const Time begin = world.now;
    EXPECT_TRUE(world.run_until([&] { return b().state() != PortState::kResetting; }, 20s));
    const Duration took = world.now - begin;
    EXPECT_TRUE(world.run_until([&] { return b().state() == PortState::kRunning; }, 30s));
    return took;
  };
  for (const Duration expected :
       {100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 6400ms, 10000ms, 10000ms}) {
    const Duration took = pause();
    EXPECT_GE(took, expected - 2ms);
    EXPECT_LE(took, expected + 2ms);
  }
  pass(3s);
  EXPECT_LE(pause(), 102ms);
}

TEST_F(PortLife, APairThatNeverBecomesIdleIsGivenUpAfterItsDeadline) {
  ASSERT_TRUE(start());
  world.ios[0]->never_idle = true;
  const Time begin = world.now;
  a().stop(world.now);
  ASSERT_TRUE(world.run_until([&] { return a().recoveries().card_resets == 1; }, 5s));
  EXPECT_EQ(a().error().code, ErrorCode::kNotQuiet);
  EXPECT_GE(world.now - begin, 1000ms);
  EXPECT_LE(world.now - begin, 1002ms);
  world.ios[0]->never_idle = false;
  ASSERT_TRUE(world.run_until([&] { return a().state() == PortState::kReady; }, 30s));
}

TEST_F(PortLife, TheMacDiscardsInTheSecondHalfOfTheDeadlineOnly) {
  ASSERT_TRUE(start());
  world.ios[0]->never_idle = true;
  const auto discards = [&] { return card(0).read(spec::TMI_DROP_CTRL::at()) != 0; };
  const Time begin = world.now;
  a().stop(world.now);
  ASSERT_TRUE(world.run_until(discards, 5s));
  EXPECT_GE(world.now - begin, 500ms);
  EXPECT_LE(world.now - begin, 502ms);
  world.ios[0]->never_idle = false;
  ASSERT_TRUE(world.run_until([&] { return a().state() == PortState::kReady; }, 5s));
  EXPECT_FALSE(discards());
  EXPECT_EQ(a().recoveries().card_resets, 0U);
}

TEST_F(PortLife, TheLinksDeadlineIsThePorts) {
  ASSERT_TRUE(a().attach(WatchedPorts::config_for(0), world.now));
  a().start(world.now);
  ASSERT_TRUE(world.run_until([&] { return a().state() == PortState::kRunning; }, 30s));
  ASSERT_LT(a().link().deadline(), Time::max());
  EXPECT_LE(a().deadline(), a().link().deadline());
  // Without a peer only the deadline makes the link progress; it must not stay due.
  pass(10s);
  EXPECT_GT(a().link().deadline() + 1ms, world.now);
}

// ---- Firmware

TEST_F(PortLife, EachChangeOfAddressesIsReportedToTheFirmwareOfAPortWithABmc) {
  firmware_config(0).bmc_present = true;
  firmware_config(0).bmc_macs = {{0x02, 0, 0, 0, 1, 1}};
  ASSERT_TRUE(start());
  pass(2s);
  auto& firmware = card(0).firmware();
  ASSERT_EQ(firmware.counters().mac_syncs, 1U);
  ASSERT_EQ(firmware.mac_sync().unicast_count, 1U);
  EXPECT_EQ(firmware.mac_sync().unicast[0], kMacA);
  constexpr MacAddress kOther{0x02, 0, 0, 0, 0, 0x77};
  constexpr MacAddress kGroup{0x01, 0, 0x5e, 0, 0, 3};
  ASSERT_TRUE(a().filter().set_unicast(std::span(&kOther, 1)));
  ASSERT_TRUE(a().filter().set_multicast(std::span(&kGroup, 1)));
  pass(2s);
  EXPECT_EQ(firmware.counters().mac_syncs, 2U);
  ASSERT_EQ(firmware.mac_sync().unicast_count, 2U);
  EXPECT_EQ(firmware.mac_sync().unicast[1], kOther);
  ASSERT_EQ(firmware.mac_sync().multicast_count, 1U);
  EXPECT_EQ(firmware.mac_sync().multicast[0], kGroup);
  pass(3s);
  EXPECT_EQ(firmware.counters().mac_syncs, 2U) << "once per change";
}

TEST_F(PortLife, TheTransmitTableOfABmcIsWrittenAgainAfterAReset) {
  firmware_config(0).bmc_present = true;
  firmware_config(0).bmc_macs = {{0x02, 0, 0, 0, 1, 1}};
  ASSERT_TRUE(start());
  const auto table = [&] {
    std::vector<std::uint32_t> words = {card(0).read(spec::TCE_TCAM_IDX2DEST_MAP::at())};
    for (std::uint32_t n = 0; n < 2; ++n) {
      for (std::uint32_t w = 0; w < 3; ++w)
        words.push_back(card(0).read(spec::TCE_RAM_TCAM::at(w, n)));
      words.push_back(card(0).read(spec::TCE_RAM_TCAM3::at(n)));
    }
    return words;
  };
  const auto before = table();
  ASSERT_EQ(before[0], 0x32U);
  card(0).reset(device::ResetKind::kPower);
  ASSERT_TRUE(
      world.run_until([&] { return a().recoveries().card_resets == 1 && both_up(); }, 60s));
  EXPECT_EQ(table(), before);
}

}  // namespace
}  // namespace hni::test
