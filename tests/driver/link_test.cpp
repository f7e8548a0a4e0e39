// SPDX-License-Identifier: Apache-2.0
#include "driver/control/link.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "tests/support/fake_device.hpp"

namespace hni {
namespace {

using namespace std::chrono_literals;
using test::bar0;
using test::RegWrite;

constexpr auto k100G = static_cast<spec::FW_LINK_SPEED>(4);
constexpr auto kRs = static_cast<spec::FW_LINK_FEC>(2);
constexpr std::uint32_t kOut0Up = 0x0800001e;  // 100G with RS: [device 10.3]

// A card whose PCS registers are live rather than latched, and whose PCS is healthy unless the
// test changes it.
class LinkTest : public ::testing::Test {
 protected:
  LinkTest() {
    fake_.device.on_write = [this](RegAddr at, std::uint32_t value) { return live(at, value); };
    fake_.device.poke(bar0(0x10001), 1U << 2);
    fake_.device.poke(bar0(0x10000), 0x2050);
    fake_.device.poke(bar0(0x10020), 1);
  }

  virtual bool live(RegAddr at, std::uint32_t value) {
    if (at == bar0(0x11808) || at == bar0(0x11809)) return true;
    if (at == bar0(0x11814)) {
      fake_.device.poke(at, fake_.device.peek(at) & ~value);
      return true;
    }
    if (at == bar0(0x10000)) return true;  // reset completes immediately
    return false;
  }

  void set_lock(bool on) {
    fake_.device.poke(bar0(0x11808), on ? kOut0Up : 0);
    fake_.device.poke(bar0(0x11814), on ? 1 : 2);
  }
  LinkEvent start(bool locked) {
    set_lock(locked);
    return link_.start(0ns, k100G, kRs).value();
  }
  std::uint32_t last(std::uint32_t index) {
    return fake_.device.last_write(bar0(index)).value_or(0xdeadbeef);
  }

  test::CheckedFakeDevice fake_;
  Link<test::FakeDevice> link_{fake_.io};
};

TEST_F(LinkTest, ALinkThatIsLockedAtStartNeedsNoTraining) {
  fake_.device.poke(bar0(0x11800), 0x7d00);
  fake_.device.poke(bar0(0x8052), 0xffffffff & ~1U);
  bool told = false;
  set_lock(true);
  const auto event = link_.start(0ns, k100G, kRs, [&](bool tx_pause) {
    told = tx_pause;
    EXPECT_FALSE(fake_.device.last_write(bar0(0x11002)));
  });
  EXPECT_EQ(event, LinkEvent::kUp);
  EXPECT_TRUE(told);
  EXPECT_EQ(link_.speed_mbps(), 100000U);
  EXPECT_EQ(fake_.device.writes, (std::vector<RegWrite>{{bar0(0x62), 0x80000001},
                                                        {bar0(0x47), 0},
                                                        {bar0(0x11816), 0xffffffff},
                                                        {bar0(0x11814), 0xffffffff},
                                                        {bar0(0x11808), 0x09fffffe},
                                                        {bar0(0x11809), 0x00000f00},
                                                        {bar0(0x11814), 3},
                                                        {bar0(0x8008), 0x0010147d},
                                                        {bar0(0x801d), 0x1770},
                                                        {bar0(0x8019), 0x0010c350},
                                                        {bar0(0x8019), 0x0000c350},
                                                        {bar0(0x8008), 0x0110147d},
                                                        {bar0(0x8050), 0x1000},
                                                        {bar0(0x8052), 0xffff0ffe},
                                                        {bar0(0x11800), 0x0500},
                                                        {bar0(0x11002), 0x00000813},
                                                        {bar0(0x11816), 0xfffffffc},
                                                        {bar0(0x38), 2}}));
}

TEST_F(LinkTest, ALinkThatRisesLaterTrainsForFourSeconds) {
  EXPECT_EQ(start(false), LinkEvent::kNone);
  EXPECT_EQ(link_.state(), LinkState::kNoSignal);
  EXPECT_EQ(last(0x11002), 0x30000810U);
  EXPECT_EQ(last(0x11800) & 0x7800, 0x7800U);

  set_lock(true);
  EXPECT_EQ(link_.interrupt(500ms), LinkEvent::kNone);
  EXPECT_EQ(link_.state(), LinkState::kTraining);
  EXPECT_EQ(link_.deadline(), 4500ms);
  EXPECT_EQ(link_.step(4499ms), LinkEvent::kNone);
  EXPECT_EQ(link_.step(4500ms), LinkEvent::kUp);
  EXPECT_EQ(last(0x11002), 0x00000813U);
}

TEST_F(LinkTest, TrainingBeginsAgainWhenTheSignalIsLost) {
  start(false);
  set_lock(true);
  link_.interrupt(1s);
  set_lock(false);
  link_.interrupt(2s);
  EXPECT_EQ(link_.state(), LinkState::kNoSignal);
  set_lock(true);
  link_.interrupt(3s);
  EXPECT_EQ(link_.deadline(), 7s);
}

TEST_F(LinkTest, ALostInterruptIsRecoveredWithinASecond) {
  start(false);
  set_lock(true);
  EXPECT_EQ(link_.deadline(), 1s);
  link_.step(1s);
  EXPECT_EQ(link_.state(), LinkState::kTraining);
  EXPECT_EQ(link_.step(5s), LinkEvent::kUp);
  set_lock(false);
  EXPECT_EQ(link_.deadline(), 6s);
  EXPECT_EQ(link_.step(6s), LinkEvent::kDown);
}

TEST_F(LinkTest, LossOfSignalPutsTheMacDown) {
  start(true);
  set_lock(false);
  fake_.device.forget();
  EXPECT_EQ(link_.interrupt(1s), LinkEvent::kDown);
  EXPECT_FALSE(link_.up());
  EXPECT_EQ(link_.counters().down_events, 1U);
  EXPECT_EQ(last(0x11800), 0x7800U);
  EXPECT_EQ(last(0x11002), 0x30000810U);
  EXPECT_EQ(last(0x38), 2U);
}

TEST_F(LinkTest, AnInterruptWithoutACauseOnlyUnmasks) {
  start(true);
  fake_.device.poke(bar0(0x11814), 0);
  fake_.device.forget();
  EXPECT_EQ(link_.interrupt(1ms), LinkEvent::kNone);
  EXPECT_EQ(fake_.device.writes, (std::vector<RegWrite>{{bar0(0x38), 2}}));
}

TEST_F(LinkTest, LockBitsAreComparedExactly) {
  struct Row {
    std::uint32_t speed, fec, out0, out1;
  };
  constexpr std::uint32_t kLink = 1U << 27;
  for (const Row& r : {Row{1, 1, kLink | 0x1 << 5, 0}, Row{1, 2, kLink | 0x1 << 1, 0},
                       Row{1, 3, kLink, 0x1 << 8}, Row{2, 1, kLink | 0x63 << 5, 0},
                       Row{2, 2, kLink | 0x5 << 1, 0}, Row{2, 3, kLink, 0xf << 8},
                       Row{3, 1, kLink | 0x3 << 1, 0}, Row{4, 3, kLink | 0xf << 1, 0}}) {
    const auto state = [&](std::uint32_t out0, std::uint32_t out1) {
      Link<test::FakeDevice> link{fake_.io};
      fake_.device.poke(bar0(0x11808), out0);
      fake_.device.poke(bar0(0x11809), out1);
      EXPECT_TRUE(link.start(0ns, static_cast<spec::FW_LINK_SPEED>(r.speed),
                             static_cast<spec::FW_LINK_FEC>(r.fec)));
      return link.state();
    };
    EXPECT_NE(state(r.out0, r.out1), LinkState::kNoSignal) << r.speed << "/" << r.fec;
    EXPECT_EQ(state(r.out0 & ~kLink, r.out1), LinkState::kNoSignal);
    // One bit too many in the lock field, and one too few.
    const std::uint32_t lock0 = r.out0 & ~kLink;
    if (lock0 != 0) {
      EXPECT_EQ(state(r.out0 & ~(lock0 & -lock0), r.out1), LinkState::kNoSignal);
    } else {
      EXPECT_EQ(state(r.out0, r.out1 & ~0x100U), LinkState::kNoSignal);
    }
  }
  Link<test::FakeDevice> link{fake_.io};
  fake_.device.poke(bar0(0x11808), kLink | 0x3 << 5);
  ASSERT_TRUE(
      link.start(0ns, static_cast<spec::FW_LINK_SPEED>(1), static_cast<spec::FW_LINK_FEC>(1)));
  EXPECT_EQ(link.state(), LinkState::kNoSignal);
}

TEST_F(LinkTest, AlignDoneAndHiBerBitsDoNotMatter) {
  fake_.device.poke(bar0(0x11808), kOut0Up | 1U << 26 | 1U);
  EXPECT_EQ(link_.start(0ns, k100G, kRs).value(), LinkEvent::kUp);
}

TEST_F(LinkTest, ASpeedThatDoesNotExistIsRefused) {
  for (const std::uint32_t speed : {0U, 5U, 0x104U}) {
    const auto result = link_.start(0ns, static_cast<spec::FW_LINK_SPEED>(speed), kRs);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::kFirmwareBadLink);
  }
  EXPECT_TRUE(fake_.device.writes.empty());
  EXPECT_EQ(link_.deadline(), Time::max());
}

TEST_F(LinkTest, FaultHandlingIsOffOnlyWithoutFec) {
  fake_.device.poke(bar0(0x11808), 0x08000000 | 1 << 5);
  fake_.device.poke(bar0(0x10000), 0x2054);
  ASSERT_TRUE(
      link_.start(0ns, static_cast<spec::FW_LINK_SPEED>(1), static_cast<spec::FW_LINK_FEC>(1)));
  EXPECT_TRUE(link_.up());
  EXPECT_EQ(link_.speed_mbps(), 25000U);
  EXPECT_EQ(last(0x11002), 0x08000813U);
}

TEST_F(LinkTest, PauseOffInBothDirections) {
  start(true);
  fake_.device.forget();
  bool drop_mode_told = false;
  link_.set_pause(false, false, [&](bool tx_pause) { drop_mode_told = !tx_pause; });
  EXPECT_TRUE(drop_mode_told);
  EXPECT_EQ(last(0x11002), 0x30000813U);
  EXPECT_EQ(last(0x8008), 0x0010007dU);
  EXPECT_EQ(last(0x8052) & 0xf000, 0xf000U);
  EXPECT_FALSE(link_.tx_pause_on());
}

TEST_F(LinkTest, APauseStormIsCountedAndEnded) {
  start(true);
  fake_.device.poke(bar0(0x8050), 0x1000);
  fake_.device.forget();
  link_.step(1s);
  EXPECT_EQ(link_.counters().pause_storms, 1U);
  EXPECT_EQ(last(0x8050), 0x1000U);
  EXPECT_EQ(fake_.device.writes_to(bar0(0x8019)),
            (std::vector<std::uint32_t>{0x0010c350, 0x0000c350}));
  fake_.device.poke(bar0(0x8050), 0x2000);
  link_.step(2s);
  EXPECT_EQ(link_.counters().pause_storms, 1U) << "only the network side's bit counts";
}

TEST_F(LinkTest, StormTimeoutHasItsLimit) {
  EXPECT_FALSE(link_.set_storm_timeout(10486));
  start(true);
  fake_.device.forget();
  ASSERT_TRUE(link_.set_storm_timeout(10485));
  EXPECT_EQ(last(0x8019), 1048500U);
  ASSERT_TRUE(link_.set_storm_timeout(0));
  EXPECT_EQ(last(0x8008), 0x0010147dU);
  ASSERT_TRUE(link_.set_storm_timeout(500));
  EXPECT_EQ(last(0x8008), 0x0110147dU);
}

TEST_F(LinkTest, StopTurnsTheCauseOffBeforeItMasks) {
  start(true);
  fake_.device.forget();
  link_.stop();
  EXPECT_EQ(fake_.device.writes, (std::vector<RegWrite>{{bar0(0x62), 1},
                                                        {bar0(0x30), 2},
                                                        {bar0(0x11800), 0x7800},
                                                        {bar0(0x11002), 0x30000810}}));
  EXPECT_EQ(link_.deadline(), Time::max());
  EXPECT_EQ(link_.interrupt(1s), LinkEvent::kNone);
}

TEST_F(LinkTest, StopCanLeaveTheMacToTheBmc) {
  start(true);
  fake_.device.forget();
  link_.stop(true);
  EXPECT_FALSE(fake_.device.last_write(bar0(0x11002)));
}

// Hostile cards.

TEST_F(LinkTest, AStuckEventBitCannotStorm) {
  start(true);
  fake_.device.on_write = [](RegAddr at, std::uint32_t) { return at == bar0(0x11814); };
  fake_.device.poke(bar0(0x11814), 3);
  fake_.device.forget();
  for (int i = 0; i < 1000; ++i) link_.interrupt(10ms);
  EXPECT_EQ(fake_.device.writes_to(bar0(0x38)).size(), link_.kMaxEventsPerSecond);
  EXPECT_EQ(fake_.refused(Site::kPcsIntrStatus), 1U);
  EXPECT_LE(link_.deadline(), 1s);
  fake_.device.forget();
  link_.step(1s);
  EXPECT_EQ(fake_.device.writes_to(bar0(0x38)).size(), 1U) << "listens again";
}

TEST_F(LinkTest, AMaskedLinkInterruptIsUnmaskedAfterASecondEvenInTraining) {
  start(false);
  set_lock(true);
  fake_.device.on_write = [](RegAddr at, std::uint32_t) {
    return at == bar0(0x11814) || at == bar0(0x11808);
  };
  for (int i = 0; i < 1000; ++i) link_.interrupt(10ms);
  EXPECT_EQ(link_.deadline(), 1s);
  fake_.device.forget();
  link_.step(1s);
  EXPECT_EQ(fake_.device.writes_to(bar0(0x38)).size(), 1U);
  EXPECT_EQ(link_.deadline(), 4010ms);
}

TEST_F(LinkTest, APcsFaultIsResetAtMostOnceASecond) {
  fake_.device.poke(bar0(0x10001), 1U << 2 | 1U << 7);
  start(true);
  EXPECT_EQ(link_.state(), LinkState::kSettling);
  for (Time now = 0ns; now < 10s; now = std::max(now + 1ms, link_.deadline())) link_.step(now);
  EXPECT_FALSE(link_.up());
  EXPECT_LE(link_.counters().pcs_resets, 11U);
  EXPECT_GE(link_.counters().pcs_resets, 9U);
  fake_.device.poke(bar0(0x10001), 1U << 2);
  EXPECT_EQ(link_.step(link_.deadline()), LinkEvent::kUp);
}

TEST_F(LinkTest, APcsResetThatNeverCompletesTimesOut) {
  fake_.device.poke(bar0(0x10001), 1U << 2 | 1U << 7);
  start(true);
  EXPECT_EQ(last(0x10000), 0x8000U);
  fake_.device.poke(bar0(0x10000), 0x8000);
  const std::uint64_t before = fake_.device.reads;
  int steps = 0;
  for (Time now = 0ns; now <= 600ms; now = link_.deadline(), ++steps) link_.step(now);
  EXPECT_EQ(fake_.refused(Site::kXpcs), 1U);
  EXPECT_LE(steps, 14);
  EXPECT_LE(fake_.device.reads - before, 14U * 12);
}

TEST_F(LinkTest, EveryPcsFaultKeepsTheLinkDown) {
  const std::pair<std::uint32_t, std::uint32_t> faults[] = {
      {0x10001, 1U << 7 | 1U << 2}, {0x10001, 0},    {0x10210, 1U << 5},
      {0x10210, 1U << 6},           {0x10021, 0x01}, {0x10000, 0x2054},
  };
  for (const auto& [index, value] : faults) {
    const std::uint32_t good = fake_.device.peek(bar0(index));
    fake_.device.poke(bar0(index), value);
    set_lock(true);
    Link<test::FakeDevice> link{fake_.io};
    EXPECT_EQ(link.start(0ns, k100G, kRs).value(), LinkEvent::kNone) << std::hex << index;
    EXPECT_EQ(link.state(), LinkState::kSettling);
    fake_.device.poke(bar0(index), good);
  }
}

TEST_F(LinkTest, ErroredBlocksDuringTrainingAreDiscarded) {
  fake_.device.script(bar0(0x10021), {0xff});
  EXPECT_EQ(start(true), LinkEvent::kUp);
}

TEST_F(LinkTest, SurpriseRemovalIsALinkDown) {
  start(true);
  fake_.device.gone = true;
  EXPECT_EQ(link_.interrupt(1s), LinkEvent::kDown);
  EXPECT_TRUE(fake_.io.gone());
  EXPECT_EQ(link_.step(2s), LinkEvent::kNone);
}

TEST_F(LinkTest, AllOnesInTheLockRegistersAreNotALock) {
  fake_.device.poke(bar0(0x11808), 0xffffffff);
  fake_.device.poke(bar0(0x11809), 0xffffffff);
  fake_.device.poke(bar0(0xc41b), 1);
  ASSERT_TRUE(link_.start(0ns, static_cast<spec::FW_LINK_SPEED>(1), kRs));
  EXPECT_EQ(link_.state(), LinkState::kNoSignal);
  EXPECT_FALSE(fake_.io.gone());
}

}  // namespace
}  // namespace hni
