// SPDX-License-Identifier: Apache-2.0
// The firmware's ring discipline, tested with a host that follows the Linux driver's [device 4].
#include "device/firmware.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "tests/device/firmware_rig.hpp"

namespace hni::device {
namespace {

using test::FirmwareHost;
using test::Words;
using Rig = test::FirmwareRig;

FirmwareConfig bare_config() {
  FirmwareConfig config;
  config.running.commit.clear();
  config.stored = config.bootloader = config.stored_bootloader = config.uefi = {};
  return config;
}

TEST(DeviceFirmware, PowerOnRaisesVectorZeroAndProgramsTheLanes) {
  const Rig rig;
  EXPECT_EQ(rig.host.interrupts, 1u);
  EXPECT_EQ(rig.host.pcs, (std::array<std::uint32_t, 2>{0x60040, 0xf}));
}

TEST(DeviceFirmware, ResettingTheTxRingInterruptsAlthoughNothingIsValid) {
  Rig rig;
  rig.host.interrupts = 0;
  rig.host.reset_ring(1);
  EXPECT_EQ(rig.host.interrupts, 16u);  // includes one write of a low half
  EXPECT_EQ(rig.firmware.counters().requests, 0u);
}

TEST(DeviceFirmware, WriteBackOfAnAnswerKeepsAddressAndSetsLengthAndEom) {
  Rig rig(bare_config());
  rig.up();
  rig.host.send_words({0x00018014});
  const std::uint64_t raw = rig.host.descriptor(0, 0);
  EXPECT_EQ(raw & 0x3ffffffffff8, FirmwareHost::kBase);
  EXPECT_EQ(raw >> 46, (16u << 2) | 1u);  // LEN 16, EOM
  EXPECT_EQ(raw & 7, 3u);
}

TEST(DeviceFirmware, HeadFollowsAHostThatResetsAnywhere) {
  for (unsigned sent = 0; sent < 40; ++sent) {
    Rig rig;
    rig.up();
    for (unsigned i = 0; i < sent; ++i) {
      rig.host.send_words({0x00018014});
      ASSERT_EQ(rig.host.receive().size(), 16u);
    }
    EXPECT_EQ(rig.firmware.tx_head(), sent % 16);
    rig.up();  // resets both rings and posts again
    EXPECT_EQ(rig.firmware.tx_head(), 0u) << sent;
    EXPECT_EQ(rig.firmware.rx_head(), 0u) << sent;
    rig.host.send_words({0x00018014});
    ASSERT_EQ(rig.host.receive().size(), 16u) << sent;
  }
}

TEST(DeviceFirmware, AnswersWaitForReceiveDescriptorsAndKeepTheirOrder) {
  Rig rig;
  rig.host.reset_ring(0);
  rig.host.reset_ring(1);
  rig.host.post_receive();  // one buffer only
  for (unsigned i = 0; i < 3; ++i) {
    rig.host.now_ns += 1'000'000;
    rig.host.send_words({0x00018014});
  }
  EXPECT_EQ(rig.firmware.counters().messages, 1u);
  for (std::uint32_t i = 1; i <= 3; ++i) {
    EXPECT_EQ(rig.host.receive_words(), (Words{0x00048015, 0x000c0000, i, 0}));
  }
  EXPECT_TRUE(rig.host.receive().empty());
}

TEST(DeviceFirmware, RequestsStayInTheRingWhileTheAnswerQueueIsFull) {
  Rig rig;
  rig.host.reset_ring(0);
  rig.host.reset_ring(1);
  unsigned completed = 0;
  for (unsigned i = 0; i < 15 * 4; ++i) {
    const unsigned slot = rig.host.send_words({0x00018014});
    if ((rig.host.descriptor(1, slot) & 2) == 0) break;
    ++completed;
  }
  EXPECT_EQ(completed, 30u);  // of 32 slots 3 must stay free
  for (unsigned i = 0; i < 15; ++i) rig.host.post_receive();
  unsigned received = 0;
  while (!rig.host.receive().empty()) ++received;
  EXPECT_EQ(received, completed + 1);
  EXPECT_EQ(rig.firmware.counters().messages_dropped, 0u);
}

TEST(DeviceFirmware, ResettingTheRxRingDiscardsWaitingMessages) {
  Rig rig;
  rig.host.reset_ring(0);
  rig.host.reset_ring(1);
  rig.host.send_words({0x00018014});
  rig.up();
  EXPECT_TRUE(rig.host.receive().empty());
  EXPECT_EQ(rig.firmware.counters().messages_dropped, 1u);
}

TEST(DeviceFirmware, TornDescriptorIsNotUsed) {
  Rig rig;
  rig.up();
  rig.host.tear = true;
  rig.host.send_words({0x00018014});
  EXPECT_EQ(rig.firmware.counters().requests, 0u);
  rig.host.tear = false;
  rig.host.firmware->mailbox_written(1, 0, 0, 0);
  EXPECT_EQ(rig.firmware.counters().requests, 1u);
}

TEST(DeviceFirmware, StateBetweenTheTwoWritesOfAnInvalidationIsNotADescriptor) {
  Rig rig;
  rig.up();
  rig.host.words[1][0][1] = 0x00044000;  // a stale high half: LEN 4, EOM
  rig.host.write(1, 0, 0, 0);
  EXPECT_EQ(rig.firmware.counters().requests, 0u);
}

TEST(DeviceFirmware, MalformedRequestsCompleteWithFwErr) {
  Rig rig;
  rig.up();
  const unsigned not_a_message = rig.host.send_words({0x00010010});
  const unsigned too_long = rig.host.send_words({0x00058014});
  const unsigned zero_length = rig.host.send_words({0x00008014});
  // attribute length 3 is shorter than its header; duplicate id; unknown id that must not be
  // ignored
  const unsigned short_attribute = rig.host.send_words({0x00028012, 0x00030000});
  const unsigned duplicate = rig.host.send_words({0x00038012, 0x00040000, 0x00040000});
  const unsigned unknown = rig.host.send_words({0x00028012, 0x00044009});
  for (const unsigned slot :
       {not_a_message, too_long, zero_length, short_attribute, duplicate, unknown}) {
    EXPECT_EQ(rig.host.descriptor(1, slot) & 7, 7u) << slot;
  }
  const unsigned ignorable = rig.host.send_words({0x00028012, 0x00040009});
  EXPECT_EQ(rig.host.descriptor(1, ignorable) & 7, 3u);
  EXPECT_EQ(rig.firmware.counters().requests_failed, 6u);
}

TEST(DeviceFirmware, RefusedDmaAndMissingEomCompleteWithFwErr) {
  Rig rig;
  rig.up();
  rig.host.publish(1, 0, std::uint64_t{4} << 48 | std::uint64_t{1} << 46 | 0x3ff000000000 | 1);
  EXPECT_EQ(rig.host.descriptor(1, 0) & 7, 7u);
  rig.host.publish(1, 1, std::uint64_t{4} << 48 | FirmwareHost::kBase | 1);
  EXPECT_EQ(rig.host.descriptor(1, 1) & 7, 7u);
}

TEST(DeviceFirmware, UnknownMessageIsConsumed) {
  Rig rig;
  rig.up();
  const unsigned slot = rig.host.send_words({0x000187ff});
  EXPECT_EQ(rig.host.descriptor(1, slot) & 7, 3u);
  EXPECT_EQ(rig.firmware.counters().unknown_messages, 1u);
  EXPECT_TRUE(rig.host.receive().empty());
}

TEST(DeviceFirmware, DelayedResponsesAreSentWhenDue) {
  FirmwareConfig config;
  config.response_delay_ns = 500;
  Rig rig(config);
  rig.up();
  rig.host.now_ns = 1000;
  const unsigned slot = rig.host.send_words({0x00018014});
  EXPECT_EQ(rig.host.descriptor(1, slot) & 7, 3u);  // consumed at once
  EXPECT_EQ(rig.firmware.next_deadline_ns(), 1500u);
  rig.firmware.tick(1499);
  EXPECT_TRUE(rig.host.receive().empty());
  rig.host.interrupts = 0;
  rig.firmware.tick(1500);
  EXPECT_EQ(rig.host.interrupts, 1u);
  EXPECT_EQ(rig.host.receive().size(), 16u);
  EXPECT_EQ(rig.firmware.next_deadline_ns(), ~std::uint64_t{0});
}

TEST(DeviceFirmware, SilentFirmwareDoesNothingAndCatchesUpLater) {
  Rig rig;
  rig.up();
  rig.host.interrupts = 0;
  rig.firmware.faults().silent = true;
  rig.host.send_words({0x00018014});
  EXPECT_EQ(rig.host.interrupts, 0u);
  EXPECT_EQ(rig.host.descriptor(1, 0) & 7, 1u);
  rig.firmware.faults().silent = false;
  rig.firmware.tick(1);
  EXPECT_EQ(rig.host.receive().size(), 16u);
}

TEST(DeviceFirmware, RebootStartsUptimeAndRingsAgain) {
  Rig rig;
  rig.up();
  rig.host.now_ns = 9'000'000'000;
  rig.host.send_words({0x00018014});
  rig.host.receive();
  rig.firmware.reboot(rig.host.now_ns);
  EXPECT_EQ(rig.firmware.tx_head(), 0u);
  EXPECT_EQ(rig.firmware.uptime_ms(rig.host.now_ns + 5'000'000), 5u);
  rig.up();
  rig.host.send_words({0x00018014});
  EXPECT_EQ(rig.host.receive_words(), (Words{0x00048015, 0x000c0000, 0, 0}));
}

TEST(DeviceFirmware, FailRequestsReturnsFwErrThatManyTimes) {
  Rig rig;
  rig.up();
  rig.firmware.faults().fail_requests = 2;
  EXPECT_EQ(rig.host.descriptor(1, rig.host.send_words({0x00018010})) & 7, 7u);
  EXPECT_EQ(rig.host.descriptor(1, rig.host.send_words({0x00018010})) & 7, 7u);
  EXPECT_EQ(rig.host.descriptor(1, rig.host.send_words({0x00018010})) & 7, 3u);
}

TEST(DeviceFirmware, RefusedReceiveBufferCompletesWithFwErr) {
  Rig rig;
  rig.up();
  rig.host.writes_blocked = true;
  rig.host.send_words({0x00018014});
  EXPECT_EQ(rig.host.descriptor(0, 0) & 7, 7u);
  EXPECT_EQ(rig.host.descriptor(0, 0) >> 48, 0u);
  rig.host.writes_blocked = false;
  rig.host.publish(0, 1, std::uint64_t{8} << 48 | FirmwareHost::kBase | 1);  // 8 bytes: too small
  rig.host.send_words({0x00018014});
  EXPECT_EQ(rig.host.descriptor(0, 1) & 7, 7u);
  EXPECT_EQ(rig.firmware.counters().messages_dropped, 2u);
}

TEST(DeviceFirmware, RandomMailboxWordsAndMessagesAreSurvived) {
  std::mt19937_64 random(7);
  Rig rig;
  for (unsigned round = 0; round < 20'000; ++round) {
    if (round % 64 == 0) rig.up();
    std::vector<std::byte> message(random() % 64 * 4 + 4);
    for (std::byte& b : message) b = static_cast<std::byte>(random() & (random() & 1 ? 0xff : 7));
    const std::uint32_t ids[] = {0,    0x10, 0x12, 0x14, 0x18, 0x20, 0x22, 0x25,
                                 0x2a, 0x2c, 0x38, 0x3c, 0x3e, 0x43, 0x46, 0x7ff};
    const auto header =
        ids[random() % 16] | 0x8000u | static_cast<std::uint32_t>(message.size() / 4) << 16;
    std::memcpy(message.data(), &header, 4);
    rig.host.now_ns += 1000;
    if (round % 3 != 0) {
      rig.host.send(message);
    } else {
      rig.host.write(static_cast<unsigned>(random() % 2), static_cast<unsigned>(random() % 16),
                     static_cast<unsigned>(random() % 2), static_cast<std::uint32_t>(random()));
    }
    if (round % 5 == 0) rig.host.receive();
    if (round % 97 == 0) rig.firmware.log("noise", rig.host.now_ns);
  }
  rig.up();
  rig.host.send_words({0x00018014});
  EXPECT_EQ(rig.host.receive().size(), 16u);
}

}  // namespace
}  // namespace hni::device
