// SPDX-License-Identifier: Apache-2.0
// Failures of the card, the firmware or the host: the port reacts as defined, traffic resumes, and
// no packet is lost.

#include <gtest/gtest.h>

#include <functional>

#include "device/firmware.hpp"
#include "tests/driver/port_conservation.hpp"
#include "tests/support/two_ports.hpp"

namespace hni::test {
namespace {

/// Replaces the values that the driver reads at one input site.
class TamperIo : public PlainIo {
 public:
  using PlainIo::PlainIo;
  std::uint64_t load64(Site site, const std::uint64_t* word) {
    const std::uint64_t value = PlainIo::load64(site, word);
    return on_load ? on_load(site, value) : value;
  }
  void write32(RegAddr at, std::uint32_t value) {
    if (!deaf) PlainIo::write32(at, value);
    if (at == spec::TMI_DROP_CTRL::at()) drops = value != 0;
  }
  std::uint32_t read32(Site site, RegAddr at) {
    if (site == Site::kIdle && busy_until_dropped && !drops) return 0;
    return gone ? ~0U : PlainIo::read32(site, at);
  }
  std::function<std::uint64_t(Site, std::uint64_t)> on_load;
  bool gone = false;                ///< reads return all ones, as if the device were off the bus
  bool deaf = false;                ///< writes are discarded
  bool busy_until_dropped = false;  ///< no queue becomes idle before the MAC is down
  bool drops = false;
};

using World = TwoPortsOver<TamperIo>;

class PortRecovery : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(world.up()); }

  /// Sends `count` frames from A to B, one at a time, each with a limit of 50 steps. Returns how
  /// many arrived unchanged.
  int send(int count) {
    int arrived = 0;
    for (int i = 0; i < count; ++i) {
      const auto frame = make_frame(200, static_cast<std::uint32_t>(i));
      Packet packet;
      if (!fill(a(), packet, frame)) continue;
      if (a().tx_burst(QueueId{0}, std::span(&packet, 1), world.now) == 0) {
        a().release(packet);
        world.advance();
        continue;
      }
      for (int turn = 0; turn < 50; ++turn) {
        world.advance();
        Packet got;
        if (b().rx_burst(QueueId{0}, std::span(&got, 1), world.now) == 0) continue;
        arrived += bytes_of(b(), got) == frame;
        b().release(got);
        break;
      }
    }
    (void)a().tx_reap(QueueId{0}, world.now);
    return arrived;
  }

  /// Modifies the next word read at `site` on port `port`, once.
  void tamper_once(unsigned port, Site site, std::function<std::uint64_t(std::uint64_t)> change) {
    auto done = std::make_shared<bool>(false);
    world.ios[port]->on_load = [=](Site s, std::uint64_t value) {
      if (s != site || *done || value == change(value)) return value;
      *done = true;
      return change(value);
    };
  }

  void expect_recovered(std::uint64_t queue_resets_a, std::uint64_t queue_resets_b) {
    world.run_until([] { return false; }, 20ms);
    EXPECT_EQ(a().recoveries().queue_resets, queue_resets_a);
    EXPECT_EQ(b().recoveries().queue_resets, queue_resets_b);
    EXPECT_EQ(send(100), 100);
    world.run_until([] { return false; }, 5ms);
    (void)a().tx_reap(QueueId{0}, world.now);
    expect_transmit_conserved(a());
    expect_buffers_conserved(a());
    expect_buffers_conserved(b());
    EXPECT_TRUE(a().is_valid() && b().is_valid());
  }

  World::SimPort& a() { return *world.ports[0]; }
  World::SimPort& b() { return *world.ports[1]; }
  std::uint64_t refused(unsigned port, Site site) {
    return world.ports[port]->refused()[static_cast<std::size_t>(site)];
  }

  World world;
};

constexpr std::uint64_t kDone = 1ULL << 63;
bool is_type(std::uint64_t word, std::uint64_t type) {
  return ((word >> 61) & 3) == type;
}

TEST_F(PortRecovery, AHeaderBufferThatWasNeverPostedResetsTheQueue) {
  tamper_once(1, Site::kRcqWord,
              [](std::uint64_t w) { return w != 0 && is_type(w, 0) ? (w | 0xffff) : w; });
  EXPECT_EQ(send(1), 0);
  EXPECT_EQ(refused(1, Site::kRcdHeaderId), 1U);
  expect_recovered(0, 1);
}

TEST_F(PortRecovery, AHeaderInsideTheHeadRoomResetsTheQueue) {
  tamper_once(1, Site::kRcqWord, [](std::uint64_t w) {
    return w != 0 && is_type(w, 0) ? (w & ~(0xfffULL << 32)) : w;
  });
  EXPECT_EQ(send(1), 0);
  EXPECT_EQ(refused(1, Site::kRcdHeaderOffset), 1U);
  expect_recovered(0, 1);
}

TEST_F(PortRecovery, AHeaderPastItsFragmentResetsTheQueue) {
  tamper_once(1, Site::kRcqWord,
              [](std::uint64_t w) { return w != 0 && is_type(w, 0) ? (w | 0x1fffULL << 16) : w; });
  EXPECT_EQ(send(1), 0);
  EXPECT_EQ(refused(1, Site::kRcdHeaderLength), 1U);
  expect_recovered(0, 1);
}

TEST_F(PortRecovery, MetadataWithoutAHeaderResetsTheQueue) {
  tamper_once(1, Site::kRcqWord,
              [](std::uint64_t w) { return w != 0 && is_type(w, 0) ? (w | 3ULL << 61) : w; });
  EXPECT_EQ(send(1), 0);
  EXPECT_EQ(refused(1, Site::kRcdGrammar), 1U);
  expect_recovered(0, 1);
}

TEST_F(PortRecovery, ATransmitHeadBeyondTheTailResetsTheQueue) {
  tamper_once(0, Site::kTcqWord,
              [](std::uint64_t w) { return w & kDone ? (w & ~0xffffULL) | 700 : w; });
  EXPECT_EQ(send(1), 1);
  EXPECT_EQ(refused(0, Site::kTcdHead), 1U);
  expect_recovered(1, 0);
}

TEST_F(PortRecovery, ATransmitHeadInsideAPacketResetsTheQueue) {
  tamper_once(0, Site::kTcqWord, [](std::uint64_t w) { return w & kDone ? w - 1 : w; });
  EXPECT_EQ(send(1), 1);
  EXPECT_EQ(refused(0, Site::kTcdHead), 1U);
  expect_recovered(1, 0);
}

TEST_F(PortRecovery, ACompletionOfAnUnknownTypeResetsTheQueue) {
  tamper_once(0, Site::kTcqWord, [](std::uint64_t w) { return w & kDone ? w | 3ULL << 61 : w; });
  EXPECT_EQ(send(1), 1);
  EXPECT_EQ(refused(0, Site::kTcdType), 1U);
  expect_recovered(1, 0);
}

TEST_F(PortRecovery, LostTransmitCompletionsAreDetectedAsAHang) {
  world.ios[0]->on_load = [](Site s, std::uint64_t v) {
    return s == Site::kTcqWord ? v & ~kDone : v;
  };
  (void)send(3);
  world.run_until([&] { return a().recoveries().tx_hangs != 0; }, 20s);
  EXPECT_EQ(a().recoveries().tx_hangs, 1U);
  world.ios[0]->on_load = nullptr;
  expect_recovered(1, 0);
}

TEST_F(PortRecovery, LostReceiveDoorbellsAreRepeated) {
  world.ios[1]->deaf = true;
  constexpr int kMoreThanTheRingHolds = 2000;
  EXPECT_LT(send(kMoreThanTheRingHolds), kMoreThanTheRingHolds);
  world.ios[1]->deaf = false;
  EXPECT_EQ(send(1), 0) << "nothing to read, so nothing was said";
  Packet late;
  (void)world.run_until(
      [&] {
        if (b().rx_burst(QueueId{0}, std::span(&late, 1), world.now) != 0) b().release(late);
        return false;
      },
      2s);
  expect_recovered(0, 0);
}

TEST_F(PortRecovery, UnresponsiveFirmwareIsRecoveredAndTrafficContinues) {
  world.cards[0]->card.firmware().faults().silent = true;
  ASSERT_TRUE(world.run_until([&] { return a().recoveries().firmware_crashes != 0; }, 60s));
  world.cards[0]->card.firmware().faults().silent = false;
  ASSERT_TRUE(world.run_until(
      [&] {
        return a().state() == PortState::kRunning && a().firmware().owned() && a().link_up();
      },
      60s))
      << to_string(a().state()) << ": " << a().error().text();
  EXPECT_EQ(send(100), 100);
  expect_buffers_conserved(a());
}

TEST_F(PortRecovery, AFirmwareRestartIsDetectedAndTrafficContinues) {
  world.cards[0]->card.firmware().reboot(static_cast<std::uint64_t>(world.now.count()));
  ASSERT_TRUE(world.run_until([&] { return a().recoveries().firmware_crashes != 0; }, 60s));
  ASSERT_TRUE(world.run_until(
      [&] {
        return a().state() == PortState::kRunning && a().firmware().owned() && a().link_up();
      },
      60s))
      << to_string(a().state()) << ": " << a().error().text();
  EXPECT_EQ(send(100), 100);
}

TEST_F(PortRecovery, SurpriseRemovalIsPermanentAndFreesEverything) {
  Packet packet;
  ASSERT_TRUE(fill(a(), packet, make_frame(100, 1)));
  ASSERT_EQ(a().tx_burst(QueueId{0}, std::span(&packet, 1), world.now), 1U);
  a().detach(world.now);
  ASSERT_TRUE(world.run_until([&] { return a().state() == PortState::kDetached; }, 30s))
      << to_string(a().state());
  EXPECT_EQ(world.cards[0]->dma.mappings(), 0U);
}

TEST_F(PortRecovery, ALatePollOfAStopLetsTheMacDropBeforeGivingUp) {
  world.ios[0]->busy_until_dropped = true;
  a().stop(world.now);
  world.now += 5s;
  ASSERT_TRUE(world.run_until([&] { return a().state() == PortState::kReady; }, 5s))
      << to_string(a().state());
  EXPECT_EQ(a().recoveries().card_resets, 0U);
  EXPECT_FALSE(world.ios[0]->drops);
}

TEST_F(PortRecovery, AMacThatWasLeftDroppingSendsAfterAStart) {
  a().stop(world.now);
  ASSERT_TRUE(world.run_until([&] { return a().state() == PortState::kReady; }, 5s));
  world.cards[0]->card.write(spec::TMI_DROP_CTRL::at(), 1);
  a().start(world.now);
  ASSERT_TRUE(world.run_until([&] { return a().link_up() && b().link_up(); }, 30s));
  EXPECT_EQ(send(10), 10);
}

TEST_F(PortRecovery, AReturnedCardIsProgrammedCompletely) {
  const std::uint32_t key = world.cards[0]->card.read(spec::RPC_RSS_KEY::at(0));
  world.ios[0]->gone = true;
  ASSERT_TRUE(world.run_until([&] { return a().state() == PortState::kGone; }, 5s));
  world.ios[0]->gone = false;
  a().detach(world.now);
  ASSERT_TRUE(a().attach(World::config_for(0), world.now));
  world.cards[0]->card.reset(device::ResetKind::kFunctionLevel);
  a().start(world.now);
  ASSERT_TRUE(world.run_until([&] { return a().link_up() && b().link_up(); }, 60s));
  EXPECT_EQ(world.cards[0]->card.read(spec::RPC_RSS_KEY::at(0)), key);
  EXPECT_EQ(send(10), 10);
}

TEST_F(PortRecovery, StopAndStartAgainCarriesTraffic) {
  EXPECT_EQ(send(10), 10);
  a().stop(world.now);
  ASSERT_TRUE(world.run_until([&] { return a().state() == PortState::kReady; }, 5s))
      << to_string(a().state());
  expect_transmit_conserved(a());
  expect_buffers_conserved(a());
  a().start(world.now);
  ASSERT_TRUE(world.run_until([&] { return a().link_up() && b().link_up(); }, 30s));
  EXPECT_EQ(send(10), 10);
}

TEST_F(PortRecovery, AnExternalCardResetIsDetectedWithinAHousekeepingPeriod) {
  for (const auto kind : {device::ResetKind::kFunctionLevel, device::ResetKind::kPower}) {
    const std::uint64_t before = b().recoveries().card_resets;
    EXPECT_EQ(send(5), 5);
    world.cards[1]->card.reset(kind);
    EXPECT_TRUE(
        world.run_until([&] { return b().recoveries().card_resets == before + 1; }, 1s + 1ms));
    EXPECT_EQ(b().error().code, ErrorCode::kCardReset);
    ASSERT_TRUE(world.run_until([&] { return a().link_up() && b().link_up(); }, 60s));
    EXPECT_EQ(b().recoveries().card_resets, before + 1);
    EXPECT_EQ(send(10), 10);
    expect_buffers_conserved(b());
  }
}

TEST_F(PortRecovery, PacketsInACardThatIsResetAreCounted) {
  for (int i = 0; i < 20; ++i) {
    Packet packet;
    ASSERT_TRUE(fill(a(), packet, make_frame(200, static_cast<std::uint32_t>(i))));
    ASSERT_EQ(a().tx_burst(QueueId{0}, std::span(&packet, 1), world.now), 1U);
  }
  world.cards[0]->card.reset(device::ResetKind::kFunctionLevel);
  ASSERT_TRUE(world.run_until([&] { return a().recoveries().card_resets == 1; }, 2s));
  ASSERT_TRUE(world.run_until([&] { return a().link_up(); }, 60s));
  EXPECT_EQ(a().pair(QueueId{0}).tx.counters().reclaimed_packets, 20U);
  expect_transmit_conserved(a());
  expect_buffers_conserved(a());
}

TEST_F(PortRecovery, TheClockContinuesAcrossAResetOfTheCard) {
  constexpr std::uint64_t kStart = 1'700'000'000'000'000'000;
  ASSERT_TRUE(a().clock().set(kStart));
  ASSERT_TRUE(a().clock().slew(100'000));  // 100 ppm fast
  const Time begin = world.now;
  world.run_until([] { return false; }, 100s);
  world.cards[0]->card.reset(device::ResetKind::kFunctionLevel);
  while (a().next_event()) {
  }
  ASSERT_TRUE(
      world.run_until([&] { return a().recoveries().card_resets == 1 && a().link_up(); }, 60s));
  std::optional<std::uint32_t> off_us;
  while (const auto event = a().next_event()) {
    if (event->kind == PortEventKind::kClockContinued) off_us = event->value;
  }
  ASSERT_TRUE(off_us);
  EXPECT_LT(*off_us, 5000U);
  world.cards[0]->card.tick(static_cast<std::uint64_t>(world.now.count()));
  const auto elapsed = (world.now - begin).count();
  const auto expected = static_cast<std::int64_t>(kStart) + elapsed + elapsed / 10'000;
  const auto got = static_cast<std::int64_t>(a().clock().read().value());
  EXPECT_NEAR(static_cast<double>(got - expected), 0, 1000.0 * *off_us);
}

TEST_F(PortRecovery, AMissingCompletionIsDetectedWithoutLosses) {
  // The driver reads zeros in place of completions until it refuses one.
  world.ios[1]->on_load = [&](Site site, std::uint64_t value) -> std::uint64_t {
    return site == Site::kRcqWord && refused(1, Site::kRcqWord) == 0 ? 0 : value;
  };
  for (int turn = 0; turn < 400'000 && b().recoveries().rx_stalls == 0; ++turn) {
    Packet packet;
    if (turn % 8 == 0 && fill(a(), packet, make_frame(60, 0)) &&
        a().tx_burst(QueueId{0}, std::span(&packet, 1), world.now) != 1)
      a().release(packet);
    Packet got;
    if (b().rx_burst(QueueId{0}, std::span(&got, 1), world.now) == 1) b().release(got);
    world.advance();
  }
  world.ios[1]->on_load = nullptr;
  EXPECT_EQ(b().recoveries().rx_stalls, 1U);
  EXPECT_EQ(refused(1, Site::kRcqWord), 1U);
  ASSERT_TRUE(
      world.run_until([&] { return b().pair(QueueId{0}).state() == PairState::kRunning; }, 5s));
  EXPECT_GT(b().pair(QueueId{0}).rx.counters().reset_drops, 100U);
  EXPECT_EQ(send(10), 10);
  expect_buffers_conserved(b());
}

TEST_F(PortRecovery, AnApplicationThatDoesNotPollDoesNotCountAsACardFault) {
  for (int turn = 0; turn < 400'000; ++turn) {
    Packet packet;
    if (turn % 8 == 0 && fill(a(), packet, make_frame(60, 0)) &&
        a().tx_burst(QueueId{0}, std::span(&packet, 1), world.now) != 1)
      a().release(packet);
    world.advance();
  }
  EXPECT_EQ(b().recoveries().rx_stalls, 0U);
  EXPECT_EQ(b().recoveries().queue_resets, 0U);
}

TEST_F(PortRecovery, ABmcGetsItsEntriesOnceRulesAreRemoved) {
  std::vector<RuleId> rules;
  for (std::uint8_t i = 0; i < 64; ++i) {
    const auto id = a().filter().add_rule(
        {.type = FlowType::kEther, .mac = MacAddress{0x01, 0, 0x5e, 0, 0, i}, .queue = 0});
    if (!id) break;
    rules.push_back(*id);
  }
  ASSERT_GE(rules.size(), 20U);
  auto& firmware = world.cards[0]->card.firmware().config();
  firmware.bmc_present = true;
  firmware.bmc_all_multi = true;
  firmware.bmc_macs = {{0x02, 0, 0, 0, 1, 1}};
  while (a().next_event()) {
  }
  ASSERT_TRUE(a().firmware().refresh_capabilities(world.now));
  ASSERT_TRUE(world.run_until([&] { return a().recoveries().bmc_deferred == 1; }, 5s));
  bool told = false;
  while (const auto event = a().next_event()) told |= event->kind == PortEventKind::kBmcDeferred;
  EXPECT_TRUE(told);
  const auto has_bmc = [&] {
    const auto& entries = a().filter().mac_table().entries;
    return std::any_of(entries.begin(), entries.end(),
                       [](const auto& e) { return e.value == MacAddress{0x02, 0, 0, 0, 1, 1}; });
  };
  EXPECT_FALSE(has_bmc());
  for (const RuleId id : rules) ASSERT_TRUE(a().filter().remove_rule(id));
  EXPECT_TRUE(world.run_until(has_bmc, 2s));
  EXPECT_EQ(a().recoveries().bmc_deferred, 1U);
}

}  // namespace
}  // namespace hni::test
