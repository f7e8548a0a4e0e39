// SPDX-License-Identifier: Apache-2.0
#include "driver/firmware/mailbox.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_firmware.hpp"

namespace hni {
namespace {

using test::Bytes;
using test::FakeFirmware;
using test::words;
using namespace std::chrono_literals;

struct Collector {
  std::vector<Bytes> messages;
  std::vector<std::pair<std::uint16_t, bool>> completions;
  void message(std::span<const std::byte> bytes, Time) {
    messages.emplace_back(bytes.begin(), bytes.end());
  }
  void sent(std::uint16_t type, bool refused, Time) { completions.emplace_back(type, refused); }
};

struct MailboxTest : testing::Test {
  FakeFirmware io;
  NullObserver obs;
  CheckedIo<FakeFirmware> device{io, obs};
  Mailbox<FakeFirmware> mailbox{device};
  Collector collector;
  Time now{};

  void advance(Duration by) {
    now += by;
    io.run();
    mailbox.step(now, collector);
    EXPECT_TRUE(mailbox.is_valid());
  }
  void bring_up(bool relaxed = false) {
    ASSERT_TRUE(mailbox.allocate());
    ASSERT_TRUE(mailbox.start(now, relaxed));
    advance(20ms);
    ASSERT_EQ(mailbox.state(), MailboxState::kReady);
  }
  std::uint32_t low(unsigned m, unsigned d) const { return io.mailbox[m][d][0]; }
  std::uint32_t high(unsigned m, unsigned d) const { return io.mailbox[m][d][1]; }
};

TEST(MailboxRing, HoldsFifteenOfSixteenSlots) {
  MailboxRing<std::uint32_t> ring;
  for (unsigned i = 0; i < 15; ++i) {
    ASSERT_FALSE(ring.full());
    const auto post = ring.post();
    EXPECT_EQ(post.slot, i);
    EXPECT_EQ(post.stop, i + 1);
    EXPECT_TRUE(ring.is_valid());
  }
  EXPECT_TRUE(ring.full());
  EXPECT_EQ(ring.used(), 15u);
  EXPECT_FALSE(ring.window.owned_by_card(ring.window.tail));
}

TEST(MailboxRing, EveryReachableStateIsValid) {
  for (std::uint32_t head = 0; head < 16; ++head) {
    for (std::uint32_t used = 0; used < 16; ++used) {
      MailboxRing<std::uint32_t> ring;
      ring.window.head = head;
      ring.window.tail = (head + used) & 15;
      ASSERT_TRUE(ring.is_valid());
      EXPECT_EQ(ring.full(), used == 15);
      if (!ring.empty()) {
        EXPECT_EQ(ring.pop_completed(), head);
        EXPECT_EQ(ring.used(), used - 1);
        EXPECT_TRUE(ring.is_valid());
      }
    }
  }
}

TEST(MailboxRing, DescriptorOfTheReferenceExampleIsEncoded) {
  const MailboxWords w = mailbox_words(DmaAddr{0x3fff'ffff'f000}, 4096, false);
  EXPECT_EQ(w.low, 0xfffff001u);
  EXPECT_EQ(w.high, 0x10003fffu);
  EXPECT_EQ(mailbox_words(DmaAddr{0x1000}, 28, true).high, 0x001c4000u);
}

TEST_F(MailboxTest, BringUpPostsFifteenReceivePagesAndAStopAfterThem) {
  bring_up();
  for (unsigned d = 0; d < 15; ++d) {
    EXPECT_EQ(low(0, d) & 7, 1u) << d;
    EXPECT_EQ(high(0, d) >> 16, 4096u);
    EXPECT_EQ(high(0, d) & 0x4000, 0u) << "EOM is the firmware's to set";
  }
  EXPECT_EQ(low(0, 15), 0u);
  EXPECT_EQ(low(1, 0), 0u);
  for (unsigned d = 1; d < 16; ++d) EXPECT_EQ(low(1, d), 3u);
}

TEST_F(MailboxTest, DmaIsEnabledOnlyAfterTheRingsAreReset) {
  ASSERT_TRUE(mailbox.allocate());
  ASSERT_TRUE(mailbox.start(now, false));
  EXPECT_EQ(io.write_gate, 0x00180000u);
  EXPECT_EQ(io.read_gate, 0x00080000u);
  advance(20ms);
  EXPECT_EQ(io.write_gate, 0x00040000u);
  EXPECT_EQ(io.read_gate, 0x00040000u);
}

TEST_F(MailboxTest, RelaxedOrderingSetsTheAttributes) {
  bring_up(true);
  EXPECT_EQ(io.write_gate, 0x00050400u);
  EXPECT_EQ(io.read_gate, 0x00052400u);
}

TEST_F(MailboxTest, SilentFirmwareFailsBringUpAfterTenSeconds) {
  io.alive = false;
  ASSERT_TRUE(mailbox.allocate());
  ASSERT_TRUE(mailbox.start(now, false));
  while (now < 9980ms) {
    advance(20ms);
    ASSERT_EQ(mailbox.state(), MailboxState::kWaitFirmware);
  }
  advance(20ms);
  EXPECT_EQ(mailbox.state(), MailboxState::kFailed);
  EXPECT_EQ(mailbox.error().code, ErrorCode::kFirmwareSilent);
  EXPECT_EQ(io.write_gate, 0x00180000u);
}

TEST_F(MailboxTest, SurpriseRemovalFailsBringUpImmediately) {
  ASSERT_TRUE(mailbox.allocate());
  ASSERT_TRUE(mailbox.start(now, false));
  io.present = false;
  advance(20ms);
  EXPECT_EQ(mailbox.state(), MailboxState::kFailed);
  EXPECT_EQ(mailbox.error().code, ErrorCode::kCardGone);
}

TEST_F(MailboxTest, FailedAllocationLeavesNothingBehind) {
  for (const unsigned allowed : {0u, 1u}) {
    io.allocations_left = allowed;
    const auto result = mailbox.allocate();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::kNoMemory);
    EXPECT_TRUE(io.mapped.empty());
    EXPECT_FALSE(mailbox.start(now, false));
  }
}

TEST_F(MailboxTest, PublishesStopThenHighThenLow) {
  bring_up();
  io.writes.clear();
  ASSERT_TRUE(mailbox.send(words({0x00018010}), now));
  ASSERT_EQ(io.writes.size(), 3u);
  EXPECT_EQ(io.writes[0].first, spec::MBX_DESC_LO::at(1, 1));
  EXPECT_EQ(io.writes[0].second, 0u);
  EXPECT_EQ(io.writes[1].first, spec::MBX_DESC_HI::at(1, 0));
  EXPECT_EQ(io.writes[1].second >> 16, 4u);
  EXPECT_NE(io.writes[1].second & 0x4000, 0u);
  EXPECT_EQ(io.writes[2].first, spec::MBX_DESC_LO::at(1, 0));
  EXPECT_EQ(io.writes[2].second & 7, 1u);
}

TEST_F(MailboxTest, InvalidatesTheLowHalfFirst) {
  ASSERT_TRUE(mailbox.allocate());
  ASSERT_TRUE(mailbox.start(now, false));
  std::map<std::uint32_t, std::size_t> first;
  for (std::size_t i = 0; i < io.writes.size(); ++i)
    if (io.writes[i].first.bar == Bar::kBar4) first.emplace(io.writes[i].first.byte_offset, i);
  for (unsigned m = 0; m < 2; ++m)
    for (unsigned d = 0; d < 16; ++d)
      EXPECT_LT(first.at(spec::MBX_DESC_LO::at(m, d).byte_offset),
                first.at(spec::MBX_DESC_HI::at(m, d).byte_offset));
}

TEST_F(MailboxTest, OutgoingPageHoldsTheMessageAndZeros) {
  bring_up();
  Bytes longest(4096, std::byte{0xaa});
  ASSERT_TRUE(mailbox.send(longest, now));
  for (int round = 0; round < 16; ++round) {
    advance(1ms);
    ASSERT_TRUE(mailbox.send(words({0x00018010}), now));
  }
  // The 17th message reused slot 0.
  const std::uint64_t iova = (std::uint64_t{high(1, 0)} << 32 | low(1, 0)) & 0x3ffffffff000;
  const std::byte* page = io.memory_at(iova, 4096);
  ASSERT_NE(page, nullptr);
  for (unsigned i = 4; i < 4096; ++i) ASSERT_EQ(page[i], std::byte{0}) << i;
}

TEST_F(MailboxTest, AcceptsFifteenMessagesThenReportsFull) {
  bring_up();
  io.frozen = true;
  for (int i = 0; i < 15; ++i) ASSERT_TRUE(mailbox.send(words({0x00018010}), now));
  const auto result = mailbox.send(words({0x00018010}), now);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kMailboxFull);
  io.frozen = false;
  advance(1ms);
  EXPECT_EQ(mailbox.sends_under_way(), 0u);
  EXPECT_EQ(io.received.size(), 15u);
  EXPECT_TRUE(mailbox.send(words({0x00018010}), now));
}

TEST_F(MailboxTest, RefusesMessagesOfImpossibleLength) {
  bring_up();
  for (const std::size_t n : {0u, 1u, 3u, 6u, 4097u, 4100u})
    EXPECT_FALSE(mailbox.send(Bytes(n), now)) << n;
}

TEST_F(MailboxTest, RefusalsAreReportedWithTheTypeOfTheirMessage) {
  bring_up();
  io.fail_next = 1;
  ASSERT_TRUE(mailbox.send(words({0x00018014}), now));
  ASSERT_TRUE(mailbox.send(words({0x00018010}), now));
  advance(1ms);
  ASSERT_EQ(collector.completions.size(), 2u);
  EXPECT_EQ(collector.completions[0], std::make_pair(std::uint16_t{0x14}, true));
  EXPECT_EQ(collector.completions[1], std::make_pair(std::uint16_t{0x10}, false));
}

TEST_F(MailboxTest, HundredMessagesPassTheRingInOrder) {
  bring_up();
  for (std::uint32_t i = 0; i < 100; ++i) {
    io.send(words({0x00038015, 0x00080000, i}));
    if (i % 7 == 0) advance(1ms);
  }
  for (int i = 0; i < 20; ++i) advance(1ms);
  ASSERT_EQ(collector.messages.size(), 100u);
  for (std::uint32_t i = 0; i < 100; ++i) EXPECT_EQ(test::word_at(collector.messages[i], 8), i);
  EXPECT_EQ(io.dma_faults, 0u);
}

TEST_F(MailboxTest, OneStepProcessesAtMostSixteenMessages) {
  bring_up();
  // A firmware that refills receive descriptors as fast as the host recycles them.
  unsigned sent = 0;
  io.before_copy = [&] {
    if (sent < 1000 && io.deliver(words({0x00018015}))) ++sent;
  };
  ASSERT_TRUE(io.deliver(words({0x00018015})));
  mailbox.step(now, collector);
  EXPECT_LE(collector.messages.size(), 16u);
}

TEST_F(MailboxTest, LengthsAreCheckedAndEmptyMessagesDropped) {
  bring_up();
  const Bytes message = words({0x00018015});
  ASSERT_TRUE(io.deliver(message, 0));
  ASSERT_TRUE(io.deliver(message, 3));
  ASSERT_TRUE(io.deliver(message, 4097));
  ASSERT_TRUE(io.deliver(message, 65535));
  ASSERT_TRUE(io.deliver(message, 4096));
  ASSERT_TRUE(io.deliver(message, 4));
  advance(1ms);
  EXPECT_EQ(mailbox.counters().receive_empty, 1u);
  EXPECT_EQ(mailbox.counters().receive_bad, 3u);
  EXPECT_EQ(device.refused()[static_cast<std::size_t>(Site::kMailboxLength)], 3u);
  ASSERT_EQ(collector.messages.size(), 2u);
  EXPECT_EQ(collector.messages[0].size(), 4096u);
  EXPECT_EQ(collector.messages[1].size(), 4u);
}

TEST_F(MailboxTest, BytesThatTheFirmwareDidNotWriteAreZero) {
  bring_up();
  for (int round = 0; round < 40; ++round) {
    ASSERT_TRUE(io.deliver(Bytes(4096, std::byte{0x5a})));
    ASSERT_TRUE(io.deliver(words({0x00018015}), 4096));
    collector.messages.clear();
    advance(1ms);
    ASSERT_EQ(collector.messages.size(), 2u);
    for (unsigned i = 4; i < 4096; ++i) ASSERT_EQ(collector.messages[1][i], std::byte{0});
  }
}

TEST_F(MailboxTest, ChangesAfterTheCopyDoNotReachTheMessage) {
  bring_up();
  io.after_copy = [](std::byte* page, std::size_t n) { std::memset(page, 0xff, n); };
  ASSERT_TRUE(io.deliver(words({0x00018015})));
  advance(1ms);
  ASSERT_EQ(collector.messages.size(), 1u);
  EXPECT_EQ(collector.messages[0], words({0x00018015}));
}

TEST_F(MailboxTest, FailedReceiveDescriptorsAreRecycled) {
  bring_up();
  io.rx_error = true;
  ASSERT_TRUE(io.deliver(words({0x00018015})));
  advance(1ms);
  EXPECT_EQ(mailbox.counters().receive_failed, 1u);
  EXPECT_TRUE(collector.messages.empty());
  EXPECT_TRUE(mailbox.rx_ring().full());
}

TEST_F(MailboxTest, CompletionBitsOfUnpostedSlotsAreIgnored) {
  bring_up();
  for (auto& desc : io.mailbox[1]) desc[0] = 0xffffffff;
  advance(1ms);
  EXPECT_EQ(mailbox.sends_under_way(), 0u);
  EXPECT_TRUE(collector.completions.empty());
}

TEST_F(MailboxTest, InterruptClearsTheCauseBeforeItPollsAndUnmasksLast) {
  bring_up();
  mailbox.enable_interrupt();
  EXPECT_FALSE(io.masked);
  ASSERT_TRUE(io.deliver(words({0x00018015})));
  io.masked = true;  // delivery masks the vector
  io.writes.clear();
  mailbox.interrupt(now, collector);
  ASSERT_FALSE(io.writes.empty());
  EXPECT_EQ(io.writes.front().first, spec::INTR_CLEAR::at(0));
  EXPECT_EQ(io.writes.back().first, spec::INTR_MASK_CLEAR::at(0));
  EXPECT_EQ(collector.messages.size(), 1u);
}

TEST_F(MailboxTest, InterruptsDuringBringUpAndShutdownTouchNothing) {
  ASSERT_TRUE(mailbox.allocate());
  ASSERT_TRUE(mailbox.start(now, false));
  io.writes.clear();
  mailbox.interrupt(now, collector);
  EXPECT_TRUE(io.writes.empty());
  advance(20ms);
  mailbox.enable_interrupt();
  io.frozen = true;
  ASSERT_TRUE(mailbox.send(words({0x00018010}), now));
  mailbox.shutdown(now);
  EXPECT_EQ(mailbox.state(), MailboxState::kDraining);
  io.writes.clear();
  mailbox.interrupt(now, collector);
  EXPECT_TRUE(io.writes.empty());
  EXPECT_TRUE(io.masked);
}

TEST_F(MailboxTest, ShutdownWaitsUntilTheFirmwareConsumedEverything) {
  bring_up();
  io.frozen = true;
  ASSERT_TRUE(mailbox.send(words({0x00018010}), now));
  mailbox.shutdown(now);
  EXPECT_FALSE(mailbox.send(words({0x00018010}), now));
  advance(20ms);
  EXPECT_EQ(mailbox.state(), MailboxState::kDraining);
  io.frozen = false;
  advance(20ms);
  EXPECT_EQ(mailbox.state(), MailboxState::kDown);
  EXPECT_EQ(io.write_gate, 0x00180000u);
  EXPECT_EQ(io.read_gate, 0x00080000u);
  EXPECT_EQ(mailbox.counters().lost_at_shutdown, 0u);
}

TEST_F(MailboxTest, ShutdownTimesOutAfterTenSecondsAndDisablesDma) {
  bring_up();
  io.frozen = true;
  ASSERT_TRUE(mailbox.send(words({0x00018010}), now));
  mailbox.shutdown(now);
  while (now < 10s) advance(20ms);
  EXPECT_EQ(mailbox.state(), MailboxState::kDraining);
  advance(20ms);
  EXPECT_EQ(mailbox.state(), MailboxState::kDown);
  EXPECT_EQ(mailbox.counters().lost_at_shutdown, 1u);
  EXPECT_EQ(io.write_gate & 0x40000, 0u);
}

TEST_F(MailboxTest, PagesAreFreedOnceAndOnlyWhenDown) {
  bring_up();
  mailbox.release();
  EXPECT_EQ(io.mapped.size(), 2u);
  mailbox.shutdown(now);
  mailbox.release();
  mailbox.release();
  EXPECT_TRUE(io.mapped.empty());
  EXPECT_EQ(io.bad_frees, 0u);
}

TEST_F(MailboxTest, RestartsAfterAFailureWithTheFirmwaresHeadAnywhere) {
  bring_up();
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(mailbox.send(words({0x00018014}), now));
  advance(1ms);
  mailbox.abort(ErrorCode::kFirmwareSilent);
  EXPECT_EQ(mailbox.state(), MailboxState::kFailed);
  ASSERT_TRUE(mailbox.start(now, false));
  advance(20ms);
  ASSERT_EQ(mailbox.state(), MailboxState::kReady);
  collector = {};
  ASSERT_TRUE(mailbox.send(words({0x00018010}), now));
  advance(1ms);
  advance(1ms);
  EXPECT_EQ(collector.completions.size(), 1u);
  ASSERT_EQ(collector.messages.size(), 1u);
  EXPECT_EQ(collector.messages[0], io.capabilities);
}

TEST_F(MailboxTest, SurpriseRemovalFailsARunningMailbox) {
  bring_up();
  io.present = false;
  advance(1ms);
  EXPECT_EQ(mailbox.state(), MailboxState::kFailed);
  EXPECT_EQ(mailbox.error().code, ErrorCode::kCardGone);
  EXPECT_FALSE(mailbox.send(words({0x00018010}), now));
}

/// Random faults in every mailbox word, between the driver and a well-behaved firmware.
struct LyingIo {
  FakeFirmware& inner;
  std::uint32_t state = 1;
  bool lie = false;

  std::uint32_t random() {
    state = state * 1664525U + 1013904223U;
    return state >> 8;
  }
  std::uint32_t read32(Site site, RegAddr reg) {
    const std::uint32_t truth = inner.read32(site, reg);
    if (!lie || reg.bar != Bar::kBar4 || site == Site::kPresence) return truth;
    switch (random() % 8) {
      case 0:
        return 3;
      case 1:
        return 7;
      case 2:
        return random() << 16;
      case 3:
        return 0xfffffffe;  // all ones in slot 0 would be taken as surprise removal
      case 4:
        return (random() % 5000) << 16 | 0x4000;
      default:
        return truth;
    }
  }
  void write32(RegAddr reg, std::uint32_t value) { inner.write32(reg, value); }
  std::uint64_t load64(Site site, const std::uint64_t* w) { return inner.load64(site, w); }
  void store64(std::uint64_t* w, std::uint64_t v) { inner.store64(w, v); }
  void copy_in(Site s, std::byte* to, const std::byte* from, std::size_t n) {
    ASSERT_LE(n, kMailboxPageBytes);
    inner.copy_in(s, to, from, n);
  }
  std::optional<DmaSpan> dma_alloc(std::size_t n) { return inner.dma_alloc(n); }
  void dma_free(DmaSpan span) { inner.dma_free(span); }
};

TEST(MailboxHostile, AnyDescriptorWordsLeaveTheRingsValidAndTheMailboxRestartable) {
  FakeFirmware firmware;
  LyingIo io{firmware};
  NullObserver obs;
  CheckedIo<LyingIo> device{io, obs};
  Mailbox<LyingIo> mailbox{device};
  Collector collector;
  Time now{};
  ASSERT_TRUE(mailbox.allocate());
  for (int life = 0; life < 50; ++life) {
    io.lie = false;
    ASSERT_TRUE(mailbox.start(now, false));
    now += 20ms;
    mailbox.step(now, collector);
    ASSERT_EQ(mailbox.state(), MailboxState::kReady);
    io.lie = true;
    for (int i = 0; i < 200; ++i) {
      now += 1ms;
      for (std::uint32_t n = io.random() % 4; n > 0; --n)
        (void)mailbox.send(words({0x00018014}), now);
      firmware.run();
      const std::uint64_t before = firmware.reads;
      mailbox.step(now, collector);
      // Two reads per descriptor, and at most two presence checks for each of these.
      ASSERT_LE(firmware.reads - before, (15 + 2 * 16) * 3U);
      ASSERT_TRUE(mailbox.is_valid());
      for (const Bytes& message : collector.messages) {
        ASSERT_GE(message.size(), 4u);
        ASSERT_LE(message.size(), 4096u);
      }
      collector = {};
    }
    firmware.received.clear();
    mailbox.abort(ErrorCode::kFirmwareSilent);
  }
}

}  // namespace
}  // namespace hni
