// SPDX-License-Identifier: Apache-2.0
// Bring-up, capabilities, ownership, heartbeat, crash, stop.
#include "tests/driver/firmware_session.hpp"

namespace hni::test {
namespace {

using FirmwareLife = FirmwareSession;

TEST_F(FirmwareLife, BringUpEndsReadyWithTheCapabilities) {
  bring_up();
  const Capabilities& caps = fw.capabilities();
  EXPECT_EQ(caps.running.version, kVersionWord);
  EXPECT_EQ(static_cast<unsigned>(caps.link_speed), 4u);
  EXPECT_EQ(static_cast<unsigned>(caps.link_fec), 2u);
  EXPECT_FALSE(caps.bmc_present);
  EXPECT_EQ(caps.generation, 1u);
  EXPECT_FALSE(io.masked) << "vector 0 is unmasked once the firmware is trusted";
  EXPECT_FALSE(fw.owned());
}

TEST_F(FirmwareLife, VectorStaysMaskedUntilTheVersionIsKnown) {
  io.script = [](std::uint32_t, const Bytes&) { return true; };
  ASSERT_TRUE(fw.allocate());
  ASSERT_TRUE(fw.start(now));
  advance(5s);
  EXPECT_EQ(fw.state(), FirmwareState::kWaitCapabilities);
  EXPECT_TRUE(io.masked);
}

TEST_F(FirmwareLife, LogHistoryIsRequestedAtTheFirstBringUpOnly) {
  bring_up();
  ASSERT_EQ(io.sent_of(0x43).size(), 1u);
  EXPECT_EQ(io.sent_of(0x43)[0], words({0x00058043, 0x00040000, 0x00080001, 1, 0x00040002}));
  fw.stop(now);
  advance(50ms);
  ASSERT_TRUE(fw.down());
  EXPECT_EQ(io.sent_of(0x43).back(), words({0x00018043}));
  ASSERT_TRUE(fw.start(now));
  advance(100ms);
  ASSERT_TRUE(fw.ready());
  EXPECT_EQ(io.sent_of(0x43).back(), words({0x00048043, 0x00040000, 0x00080001, 1}));
}

TEST_F(FirmwareLife, LogsAreNotRequestedFromFirmwareWithoutThem) {
  io.capabilities = words({0x00058011, 0x00080000, kMinFirmwareVersion, 0x0008000a, 4});
  bring_up();
  EXPECT_TRUE(io.sent_of(0x43).empty());
  EXPECT_EQ(fw.send_logs(true, false, now).error().code, ErrorCode::kFirmwareTooOld);
}

TEST_F(FirmwareLife, FirmwareOlderThanTheMinimumIsRefused) {
  io.capabilities = words({0x00058011, 0x00080000, kMinFirmwareVersion - 1, 0x0008000a, 4});
  ASSERT_TRUE(fw.allocate());
  ASSERT_TRUE(fw.start(now));
  advance(100ms);
  EXPECT_EQ(fw.state(), FirmwareState::kFailed);
  EXPECT_EQ(fw.error().code, ErrorCode::kFirmwareTooOld);
  EXPECT_EQ(fw.error().detail, kMinFirmwareVersion - 1);
  EXPECT_EQ(io.write_gate & 0x40000, 0u);
}

TEST_F(FirmwareLife, MissingCapabilitiesFailAfterTenSeconds) {
  io.script = [](std::uint32_t, const Bytes&) { return true; };
  ASSERT_TRUE(fw.allocate());
  ASSERT_TRUE(fw.start(now));
  advance(9990ms);
  EXPECT_EQ(fw.state(), FirmwareState::kWaitCapabilities);
  advance(20ms);
  EXPECT_EQ(fw.state(), FirmwareState::kFailed);
  EXPECT_EQ(fw.error().code, ErrorCode::kFirmwareSilent);
}

TEST_F(FirmwareLife, CapabilityRequestIsRepeatedAfterAnErrorCompletion) {
  io.fail_next = 3;
  bring_up();
  EXPECT_EQ(io.sent_of(0x10).size(), 4u);
}

TEST_F(FirmwareLife, MissingLinkSpeedIsReportedButManagementWorks) {
  io.capabilities = words({0x00058011, 0x00080000, kVersionWord, 0x0008000a, 0x104});
  bring_up();
  EXPECT_FALSE(fw.capabilities().has_link_speed());
  EXPECT_EQ(refused(Site::kFwLinkSpeed), 1u);
  ASSERT_TRUE(fw.request_sensors(now));
  advance(20ms);
  EXPECT_TRUE(fw.poll_sensors()->has_value());
}

TEST_F(FirmwareLife, OwnershipIsTakenAndTheFirstHeartbeatFollows) {
  own();
  ASSERT_EQ(io.sent_of(0x12).size(), 1u);
  EXPECT_EQ(io.sent_of(0x12)[0], words({0x00028012, 0x00040000}));
  EXPECT_EQ(io.sent_of(0x14).size(), 1u);
  EXPECT_EQ(fw.counters().heartbeats, 1u);
}

TEST_F(FirmwareLife, HeartbeatIsSentEveryTenSeconds) {
  own();
  advance(60s);
  EXPECT_EQ(io.sent_of(0x14).size(), 7u);
  EXPECT_EQ(fw.counters().heartbeats, 7u);
  EXPECT_FALSE(fw.crashed());
}

TEST_F(FirmwareLife, NextDeadlineIsNeverInThePast) {
  own();
  for (int i = 0; i < 3000; ++i) {
    advance(10ms);
    ASSERT_GT(fw.deadline(), now);
    ASSERT_LE(fw.deadline(), now + 10s);
  }
}

TEST_F(FirmwareLife, UnansweredOwnershipIsACrashAfterTenSeconds) {
  bring_up();
  io.script = [](std::uint32_t type, const Bytes&) { return type == 0x12; };
  ASSERT_TRUE(fw.take_ownership(true, now));
  advance(9990ms);
  EXPECT_FALSE(fw.crashed());
  advance(20ms);
  EXPECT_TRUE(fw.crashed());
  EXPECT_EQ(fw.crash_cause(), CrashCause::kNoOwnership);
}

TEST_F(FirmwareLife, UnansweredHeartbeatIsACrashAfterOnePeriod) {
  own();
  io.script = [](std::uint32_t type, const Bytes&) { return type == 0x14; };
  advance(21s);
  EXPECT_TRUE(fw.crashed());
  EXPECT_FALSE(fw.owned());
  EXPECT_EQ(fw.crash_cause(), CrashCause::kNoHeartbeat);
}

TEST_F(FirmwareLife, FrozenFirmwareIsACrashToo) {
  own();
  io.frozen = true;
  advance(21s);
  EXPECT_TRUE(fw.crashed());
}

TEST_F(FirmwareLife, DecreasingUptimeIsACrash) {
  own();
  advance(25s);
  io.uptime_ms = 10;
  advance(10s);
  EXPECT_TRUE(fw.crashed());
  EXPECT_EQ(fw.crash_cause(), CrashCause::kUptimeBack);
  EXPECT_EQ(refused(Site::kFwUptime), 1u);
}

TEST_F(FirmwareLife, EqualUptimeIsNotACrash) {
  own();
  io.script = [this](std::uint32_t type, const Bytes&) {
    if (type != 0x14) return false;
    io.send(words({0x00048015, 0x000c0000, 5000'000, 0}));
    return true;
  };
  advance(60s);
  EXPECT_FALSE(fw.crashed());
}

TEST_F(FirmwareLife, RecoveryAfterSilenceTakesOwnershipAgain) {
  own();
  io.script = [](std::uint32_t type, const Bytes&) { return type == 0x14; };
  advance(21s);
  ASSERT_TRUE(fw.crashed());
  io.script = nullptr;
  ASSERT_TRUE(fw.recover(now));
  advance(100ms);
  EXPECT_TRUE(fw.owned());
  EXPECT_FALSE(fw.crashed());
  EXPECT_EQ(io.sent_of(0x10).size(), 1u) << "the mailbox did not have to restart";
}

// A restarted firmware responds at its slot 0, which the driver does not poll: it appears silent.
TEST_F(FirmwareLife, RecoveryFromARestartedFirmwareEndsInAMailboxRestart) {
  own();
  advance(25s);
  io.reboot();
  advance(21s);
  ASSERT_TRUE(fw.crashed());
  EXPECT_FALSE(fw.recovery_restarts_mailbox());
  ASSERT_TRUE(fw.recover(now));
  advance(10100ms);
  ASSERT_TRUE(fw.crashed());
  EXPECT_EQ(fw.crash_cause(), CrashCause::kNoOwnership);
  EXPECT_TRUE(fw.recovery_restarts_mailbox());
  ASSERT_TRUE(fw.recover(now));
  advance(200ms);
  EXPECT_TRUE(fw.owned());
  EXPECT_EQ(fw.capabilities().generation, 2u);
  EXPECT_EQ(io.dma_faults, 0u);
  advance(30s);
  EXPECT_TRUE(fw.owned());
}

TEST_F(FirmwareLife, RecoveryFromAFrozenFirmwareRestartsTheMailbox) {
  own();
  io.frozen = true;
  advance(21s);
  ASSERT_TRUE(fw.crashed());
  io.frozen = false;
  ASSERT_TRUE(fw.recover(now));
  advance(200ms);
  EXPECT_TRUE(fw.owned());
}

TEST_F(FirmwareLife, TakingOwnershipAgainEndsACrash) {
  own();
  io.script = [](std::uint32_t type, const Bytes&) { return type == 0x14; };
  advance(21s);
  ASSERT_TRUE(fw.crashed());
  io.script = nullptr;
  ASSERT_TRUE(fw.take_ownership(true, now));
  advance(50ms);
  EXPECT_TRUE(fw.owned());
}

TEST_F(FirmwareLife, ErrorCompletionOfAHeartbeatIsRetriedWithinItsPeriod) {
  own();
  advance(9900ms);
  io.fail_next = 2;
  advance(5s);
  EXPECT_FALSE(fw.crashed());
  EXPECT_EQ(fw.counters().heartbeats, 2u);
}

TEST_F(FirmwareLife, OwnershipIsReleasedAndTakenAgain) {
  own();
  ASSERT_TRUE(fw.take_ownership(false, now));
  EXPECT_EQ(fw.ownership(), Ownership::kReleasing);
  advance(20ms);
  EXPECT_EQ(fw.ownership(), Ownership::kNone);
  EXPECT_EQ(io.sent_of(0x12).back(), words({0x00018012}));
  const std::size_t heartbeats = io.sent_of(0x14).size();
  advance(30s);
  EXPECT_EQ(io.sent_of(0x14).size(), heartbeats) << "no heartbeat without ownership";
  ASSERT_TRUE(fw.take_ownership(true, now));
  advance(50ms);
  EXPECT_TRUE(fw.owned());
}

TEST_F(FirmwareLife, OwnershipWantedDuringTheReleaseFollowsItsAnswer) {
  own();
  ASSERT_TRUE(fw.take_ownership(false, now));
  ASSERT_TRUE(fw.take_ownership(true, now));
  EXPECT_EQ(fw.ownership(), Ownership::kReleasing);
  advance(50ms);
  EXPECT_TRUE(fw.owned());
  EXPECT_EQ(io.sent_of(0x12).size(), 3u);
  EXPECT_EQ(fw.counters().unsolicited, 0u);
}

TEST_F(FirmwareLife, UnansweredReleaseEndsAfterTenSecondsWithoutACrash) {
  own();
  io.script = [](std::uint32_t type, const Bytes&) { return type == 0x12; };
  ASSERT_TRUE(fw.take_ownership(false, now));
  advance(9990ms);
  EXPECT_EQ(fw.ownership(), Ownership::kReleasing);
  advance(20ms);
  EXPECT_EQ(fw.ownership(), Ownership::kNone);
  EXPECT_FALSE(fw.crashed());
}

TEST_F(FirmwareLife, OwnershipRequestWaitsForRoomInTheMailbox) {
  bring_up();
  io.frozen = true;
  while (fw.refresh_capabilities(now)) {
  }
  ASSERT_TRUE(fw.take_ownership(true, now));
  advance(3s);
  io.frozen = false;
  advance(1100ms);
  EXPECT_TRUE(fw.owned());
}

TEST_F(FirmwareLife, ResponseToARequestThatWasNotSentIsUnsolicited) {
  bring_up();
  const Bytes unasked = words({0x00048013, 0x000c0001, 9999, 0});
  io.frozen = true;
  while (fw.refresh_capabilities(now)) {
  }
  ASSERT_TRUE(fw.take_ownership(true, now));
  ASSERT_TRUE(io.deliver(unasked));
  now += 20ms;
  fw.step(now);
  EXPECT_FALSE(fw.owned());
  EXPECT_EQ(fw.counters().unsolicited, 1u);
  io.frozen = false;
  advance(3s);
  EXPECT_TRUE(fw.owned());
  EXPECT_EQ(fw.counters().crashes, 0u);
}

TEST_F(FirmwareLife, OwnershipBeforeReadyIsRememberedForReady) {
  ASSERT_TRUE(fw.allocate());
  ASSERT_TRUE(fw.start(now));
  EXPECT_EQ(fw.take_ownership(true, now).error().code, ErrorCode::kNotRunning);
  advance(200ms);
  EXPECT_TRUE(fw.owned());
}

TEST_F(FirmwareLife, HeartbeatResponseWithoutUptimeIsIgnored) {
  own();
  io.script = [this](std::uint32_t type, const Bytes&) {
    if (type == 0x14) io.send(words({0x00018015}));
    return type == 0x14;
  };
  advance(21s);
  EXPECT_EQ(fw.crash_cause(), CrashCause::kNoHeartbeat);
  EXPECT_EQ(refused(Site::kMessageMandatory), 1u);
}

TEST_F(FirmwareLife, MessagesOfAnotherDirectionOrUnknownAreRefused) {
  own();
  for (const std::uint32_t type : {0x10u, 0x12u, 0x43u, 0x46u, 0x29u, 0xfffu, 0x7fu})
    io.send(words({0x00018000 | type}));
  advance(50ms);
  EXPECT_EQ(refused(Site::kMessageType), 7u);
  io.send(words({0x0001803f}));  // a known message that this driver never requests
  advance(20ms);
  EXPECT_EQ(fw.counters().unsolicited, 1u);
  EXPECT_TRUE(fw.owned());
}

TEST_F(FirmwareLife, UnsolicitedAnswersChangeNothing) {
  own();
  const std::uint64_t uptime = fw.uptime_ms();
  for (const Bytes& message :
       {words({0x00048015, 0x000c0000, 0, 0}), words({0x00048013, 0x000c0001, 0, 0}),
        words({0x0005803d, 0x00080000, 1, 0x00080001, 2}), words({0x00018000}),
        words({0x00018023}), words({0x00018028}), words({0x00018039}), words({0x00018019}),
        words({0x00018021}), words({0x00018024})})
    io.send(message);
  advance(50ms);
  EXPECT_EQ(fw.counters().unsolicited, 10u);
  EXPECT_EQ(refused(Site::kFwUnsolicited), 10u);
  EXPECT_TRUE(fw.owned());
  EXPECT_EQ(fw.uptime_ms(), uptime);
  EXPECT_FALSE(fw.poll_sensors());
  EXPECT_FALSE(fw.poll_flash());
}

TEST_F(FirmwareLife, UnsolicitedCapabilitiesTriggerOneRequestPerTenSeconds) {
  bring_up();
  io.capabilities = words({0x00058011, 0x00080000, kVersionWord + 1, 0x0008000a, 3});
  for (int i = 0; i < 500; ++i) {
    io.send(words({0x00058011, 0x00080000, kVersionWord + 2, 0x0008000a, 1}));
    advance(10ms);
  }
  EXPECT_EQ(fw.capabilities().running.version, kVersionWord) << "asked less than 10 s ago";
  advance(6s);
  EXPECT_EQ(fw.capabilities().running.version, kVersionWord + 1);
  EXPECT_EQ(io.sent_of(0x10).size(), 2u);
  EXPECT_EQ(fw.capabilities().generation, 2u);
}

TEST_F(FirmwareLife, RequestIsDelayedWhileTheMailboxIsFull) {
  bring_up();
  io.capabilities = words({0x00058011, 0x00080000, kVersionWord + 1, 0x0008000a, 3});
  const Bytes unasked = words({0x00058011, 0x00080000, kVersionWord + 2, 0x0008000a, 1});
  io.frozen = true;
  while (fw.send_logs(true, false, now)) {
  }
  EXPECT_EQ(fw.refresh_capabilities(now).error().code, ErrorCode::kMailboxFull);
  ASSERT_TRUE(io.deliver(unasked));
  now += 20ms;
  fw.step(now);
  EXPECT_EQ(fw.capabilities().generation, 1u);
  EXPECT_EQ(fw.counters().capability_hints, 1u);
  io.frozen = false;
  advance(11s);
  EXPECT_EQ(fw.capabilities().running.version, kVersionWord + 1);
  EXPECT_EQ(fw.capabilities().generation, 2u);
}

TEST_F(FirmwareLife, LaterAnswerWithATooOldVersionIsRefusedAndChangesNothing) {
  bring_up();
  io.capabilities = words({0x00038011, 0x00080000, 1});
  ASSERT_TRUE(fw.refresh_capabilities(now));
  advance(50ms);
  EXPECT_TRUE(fw.ready());
  EXPECT_EQ(fw.capabilities().running.version, kVersionWord);
  EXPECT_EQ(refused(Site::kFwVersion), 1u);
}

TEST_F(FirmwareLife, StopReleasesOwnershipAndDrains) {
  own();
  fw.stop(now);
  EXPECT_EQ(fw.state(), FirmwareState::kStopping);
  advance(50ms);
  EXPECT_TRUE(fw.down());
  EXPECT_EQ(io.sent_of(0x12).back(), words({0x00018012}));
  fw.release();
  EXPECT_TRUE(io.mapped.empty());
}

TEST_F(FirmwareLife, StopDuringAReleaseDoesNotReleaseAgain) {
  own();
  ASSERT_TRUE(fw.take_ownership(false, now));
  fw.stop(now);
  advance(50ms);
  EXPECT_TRUE(fw.down());
  EXPECT_EQ(io.sent_of(0x12).size(), 2u) << "taken once, released once";
  EXPECT_EQ(fw.counters().unsolicited, 0u);
}

TEST_F(FirmwareLife, StopOfASilentFirmwareEndsAfterTenSeconds) {
  own();
  io.frozen = true;
  fw.stop(now);
  advance(9990ms);
  EXPECT_FALSE(fw.down());
  advance(30ms);
  EXPECT_TRUE(fw.down());
}

TEST_F(FirmwareLife, StopAndStartAgainTwentyTimesLeaksNothing) {
  ASSERT_TRUE(fw.allocate());
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(fw.start(now));
    advance(100ms);
    ASSERT_TRUE(fw.take_ownership(true, now));
    advance(100ms);
    ASSERT_TRUE(fw.owned());
    fw.stop(now);
    advance(100ms);
    ASSERT_TRUE(fw.down());
  }
  EXPECT_EQ(io.mapped.size(), 2u);
  EXPECT_EQ(io.dma_faults, 0u);
}

TEST_F(FirmwareLife, SurpriseRemovalIsACrashWithItsOwnCause) {
  own();
  io.present = false;
  advance(10ms);
  EXPECT_EQ(fw.state(), FirmwareState::kFailed);
  EXPECT_EQ(fw.error().code, ErrorCode::kCardGone);
  EXPECT_TRUE(fw.crashed());
  EXPECT_EQ(fw.recover(now).error().code, ErrorCode::kCardGone);
  fw.stop(now);
  fw.release();
  EXPECT_TRUE(io.mapped.empty());
}

// Surprise removal at the n-th register read of a full lifecycle, for every n.
TEST_F(FirmwareLife, SurpriseRemovalAtAnyAccessEndsCleanly) {
  own();
  fw.stop(now);
  advance(50ms);
  const std::uint64_t whole_life = io.reads;
  ASSERT_GT(whole_life, 100u);
  for (std::uint64_t n = 1; n <= whole_life; ++n) {
    FakeFirmware card;
    struct Vanishing {  // a wrapper, as the fault injector is
      FakeFirmware& inner;
      std::uint64_t left;
      std::uint32_t read32(Site site, RegAddr reg) {
        if (--left == 0) inner.present = false;
        return inner.read32(site, reg);
      }
      void write32(RegAddr reg, std::uint32_t v) { inner.write32(reg, v); }
      std::uint64_t load64(Site site, const std::uint64_t* w) { return inner.load64(site, w); }
      void store64(std::uint64_t* w, std::uint64_t v) { inner.store64(w, v); }
      void copy_in(Site s, std::byte* to, const std::byte* from, std::size_t bytes) {
        inner.copy_in(s, to, from, bytes);
      }
      std::optional<DmaSpan> dma_alloc(std::size_t bytes) { return inner.dma_alloc(bytes); }
      void dma_free(DmaSpan span) { inner.dma_free(span); }
    } wrapper{card, n};
    CheckedIo<Vanishing> gate{wrapper, obs};
    FirmwareClient<Vanishing> client{gate};
    ASSERT_TRUE(client.allocate());
    ASSERT_TRUE(client.start(Time{}));
    Time t{};
    const auto run = [&](Duration by) {
      for (const Time end = t + by; t < end;) {
        t += 10ms;
        card.run();
        client.interrupt(t);
        client.step(t);
        ASSERT_TRUE(client.is_valid());
      }
    };
    run(100ms);
    (void)client.take_ownership(true, t);
    run(100ms);
    client.stop(t);
    run(100ms);
    if (!card.present) {
      EXPECT_TRUE(client.down() || client.failed()) << n;
    }
    client.stop(t);
    client.release();
    EXPECT_TRUE(card.mapped.empty()) << n;
    EXPECT_EQ(card.bad_frees, 0u);
  }
}

}  // namespace
}  // namespace hni::test
