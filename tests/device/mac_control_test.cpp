// SPDX-License-Identifier: Apache-2.0
// MAC control frames are counted in both directions; PAUSE stops the transmitter for the given
// quanta.
#include <gtest/gtest.h>

#include "device/mac_control.hpp"
#include "device/statistics.hpp"
#include "tests/device/device_fixture.hpp"

namespace hni::device {
namespace {

using namespace spec;

Bytes control_frame(std::uint16_t opcode, std::uint16_t quanta,
                    std::initializer_list<unsigned> to = {0x01, 0x80, 0xc2, 0, 0, 0x01}) {
  Bytes frame(60);
  std::size_t at = 0;
  for (const unsigned byte : to) frame[at++] = static_cast<std::byte>(byte);
  frame[6] = std::byte{2};
  frame[12] = std::byte{0x88};
  frame[13] = std::byte{0x08};
  frame[14] = static_cast<std::byte>(opcode >> 8);
  frame[15] = static_cast<std::byte>(opcode);
  frame[16] = static_cast<std::byte>(quanta >> 8);
  frame[17] = static_cast<std::byte>(quanta);
  return frame;
}

class DeviceMacControl : public ::testing::Test {
 protected:
  DeviceMacControl() { test.receive_to(0); }
  void deliver(const Bytes& frame) { rx.deliver(frame); }
  std::uint32_t received() { return test.read(MAC_STAT_RX_CONTROL_FRAMES_L::at()); }
  std::uint32_t pauses() { return test.read(MAC_STAT_RX_XOFF_STB_L::at()); }
  std::uint32_t sent() { return test.read(MAC_STAT_TX_CONTROL_FRAMES_L::at()); }
  std::uint64_t to_host() { return test.card.statistics().rxb_enqueue[0].frames; }

  TestCard test;
  TestRx rx{test, 0};
};

TEST_F(DeviceMacControl, ReceivedFramesAreCountedAndNotForwarded) {
  deliver(control_frame(0xdead, 0));
  EXPECT_EQ(received(), 1u);
  EXPECT_EQ(pauses(), 0u);
  EXPECT_EQ(to_host(), 0u);
  deliver(plain_frame(60, 1));
  EXPECT_EQ(received(), 1u);
  EXPECT_EQ(to_host(), 1u);
}

TEST_F(DeviceMacControl, TheMacForwardsConfiguredFrames) {
  const std::uint32_t command = test.read(MAC_COMMAND_CONFIG::at());
  test.write(MAC_COMMAND_CONFIG::at(), command | 1u << 13);
  deliver(control_frame(0xdead, 0));
  EXPECT_EQ(to_host(), 1u);
  deliver(control_frame(1, 9));
  EXPECT_EQ(to_host(), 1u);
  test.write(MAC_COMMAND_CONFIG::at(), command | 1u << 7);
  deliver(control_frame(1, 9));
  EXPECT_EQ(to_host(), 2u);
}

TEST_F(DeviceMacControl, SentFramesAreCounted) {
  TestTx tx(test, 0);
  tx.enable();
  tx.send(control_frame(0xdead, 0));
  EXPECT_EQ(sent(), 1u);
  EXPECT_EQ(test.read(MAC_STAT_TX_XOFF_STB_L::at()), 0u);
  tx.send(control_frame(1, 5));
  EXPECT_EQ(sent(), 2u);
  EXPECT_EQ(test.read(MAC_STAT_TX_XOFF_STB_L::at()), 1u);
  tx.send(plain_frame(60, 1));
  EXPECT_EQ(sent(), 2u);
  EXPECT_EQ(test.wire.sent.size(), 3u);
}

TEST_F(DeviceMacControl, PauseStopsTheSenderForItsQuanta) {
  TestTx tx(test, 0);
  tx.enable();
  const std::uint64_t quantum_1000 = pause_ns(1000, test.card.link().speed_mbps());
  ASSERT_NE(quantum_1000, 0u);
  deliver(control_frame(1, 1000));
  EXPECT_EQ(pauses(), 1u);
  EXPECT_EQ(received(), 1u);
  tx.send(plain_frame(60, 1));
  EXPECT_TRUE(test.wire.sent.empty());
  EXPECT_EQ(test.card.next_deadline_ns(), test.now + quantum_1000);
  test.now += quantum_1000 - 1;
  test.card.tick(test.now);
  test.run();
  EXPECT_TRUE(test.wire.sent.empty());
  test.now += 1;
  test.card.tick(test.now);
  test.run();
  EXPECT_EQ(test.wire.sent.size(), 1u);
}

TEST_F(DeviceMacControl, PauseOfZeroEndsOne) {
  TestTx tx(test, 0);
  tx.enable();
  deliver(control_frame(1, 65535));
  tx.send(plain_frame(60, 1));
  EXPECT_TRUE(test.wire.sent.empty());
  deliver(control_frame(1, 0));
  test.run();
  EXPECT_EQ(test.wire.sent.size(), 1u);
}

TEST_F(DeviceMacControl, PauseIsIgnoredWhenTheDriverSwitchedItOff) {
  TestTx tx(test, 0);
  tx.enable();
  test.write(MAC_COMMAND_CONFIG::at(), test.read(MAC_COMMAND_CONFIG::at()) | 1u << 29);
  deliver(control_frame(1, 65535));
  EXPECT_EQ(pauses(), 1u);
  tx.send(plain_frame(60, 1));
  EXPECT_EQ(test.wire.sent.size(), 1u);
}

TEST_F(DeviceMacControl, OnlyAPauseToTheGroupOrAStationStopsTheSender) {
  TestTx tx(test, 0);
  tx.enable();
  deliver(control_frame(1, 65535, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}));
  EXPECT_EQ(pauses(), 0u);
  EXPECT_EQ(received(), 1u);
  tx.send(plain_frame(60, 1));
  EXPECT_EQ(test.wire.sent.size(), 1u);
  deliver(control_frame(1, 65535, {2, 0, 0, 0, 0, 1}));
  EXPECT_EQ(pauses(), 1u);
}

TEST_F(DeviceMacControl, AResetEndsAPause) {
  deliver(control_frame(1, 65535));
  test.card.reset(ResetKind::kPower);
  EXPECT_EQ(test.card.next_deadline_ns(), TestCard().card.next_deadline_ns());
}

TEST_F(DeviceMacControl, ItsOwnPauseAndThePeersAreControlFrames) {
  test.wire.peer_paused = true;
  test.run();
  EXPECT_EQ(pauses(), 1u);
  EXPECT_EQ(received(), 1u);
}

}  // namespace
}  // namespace hni::device
