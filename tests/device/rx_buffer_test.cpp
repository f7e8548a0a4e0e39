// SPDX-License-Identifier: Apache-2.0
// The RX buffer: thresholds, pause, pause storm. Frames pile up in a queue that has no buffers and
// must not drop; a frame of 640 bytes takes ten buffer units.
#include <gtest/gtest.h>

#include "device/statistics.hpp"
#include "tests/device/device_fixture.hpp"

namespace hni::device {
namespace {

using namespace spec;

class DeviceRxBuffer : public ::testing::Test {
 protected:
  DeviceRxBuffer() {
    test.write(RXB_PBUF_CFG::at(4), 0x00180000);  // 384 KiB: 6144 units
    test.write(RXB_PAUSE_THLD::at(4), 20u << 13 | 100u);
    test.write(RXB_DROP_THLD::at(4), 140u << 13 | 200u);
    test.write(RXB_ECN_THLD::at(4), 0x00001fff);
    test.write(RXB_PAUSE_DROP_CTRL::at(), 0x0010147d);
    test.receive_to(0);
  }
  void deliver(unsigned count) {
    for (; count != 0; --count) rx.deliver(plain_frame(640, sequence++));
  }
  void drain(unsigned count) {
    rx.post_headers(count);
    test.run();
  }
  std::uint32_t level() { return test.read(RXB_PBUF_FIFO_LEVEL::at(4)); }

  static TestRx::Options options() {
    TestRx::Options out;
    out.ctl0 = 0x4c0a0000;
    out.fill = false;
    out.rcq_entries = 256;
    return out;
  }
  TestCard test;
  TestRx rx{test, 0, options()};
  unsigned sequence = 0;
};

TEST_F(DeviceRxBuffer, PauseIsRequestedAboveOnAndWithdrawnBelowOff) {
  deliver(10);
  EXPECT_EQ(level(), 100u);
  EXPECT_FALSE(test.wire.pause);
  deliver(1);
  EXPECT_TRUE(test.wire.pause);
  EXPECT_EQ(test.read(RXB_TRANS_PAUSE_STS::at(4)), 1u);
  EXPECT_EQ(test.read(MAC_STAT_TX_XOFF_STB_L::at()), 1u);
  drain(3);  // one header fragment holds three such frames, so nine were consumed
  EXPECT_EQ(level(), 20u);
  EXPECT_TRUE(test.wire.pause);
  drain(1);
  EXPECT_EQ(level(), 0u);
  EXPECT_FALSE(test.wire.pause);
}

TEST_F(DeviceRxBuffer, NoPauseWhileTheMacMayNotSendIt) {
  test.write(MAC_COMMAND_CONFIG::at(), 0x30000813);
  deliver(15);
  EXPECT_FALSE(test.wire.pause);
  EXPECT_EQ(test.wire.pauses, 0u);
}

TEST_F(DeviceRxBuffer, TurningPauseOffInTheMacWithdrawsIt) {
  deliver(11);
  ASSERT_TRUE(test.wire.pause);
  test.write(MAC_COMMAND_CONFIG::at(), 0x30000810);
  EXPECT_FALSE(test.wire.pause);
}

TEST_F(DeviceRxBuffer, NoPauseForAFifoThatIsNotEnabledForIt) {
  test.write(RXB_PAUSE_DROP_CTRL::at(), 0x0010007d);
  deliver(15);
  EXPECT_FALSE(test.wire.pause);
}

TEST_F(DeviceRxBuffer, FramesAboveTheDropThresholdAreDroppedUntilDownToOff) {
  deliver(20);
  EXPECT_EQ(level(), 200u);
  EXPECT_FALSE(rx.deliver(plain_frame(640, 77)));
  EXPECT_FALSE(rx.deliver(plain_frame(60, 78)));
  EXPECT_EQ(test.read(RXB_DROP_FRMS_STS::at(4)), 2u);
  EXPECT_EQ(test.read(RXB_DROP_BYTES_STS_L::at(4)), 700u);
  EXPECT_EQ(test.read(RXB_TRANS_DROP_STS::at(4)), 1u);
  drain(1);
  EXPECT_EQ(level(), 170u);
  EXPECT_FALSE(rx.deliver(plain_frame(60, 79)));
  drain(1);
  EXPECT_EQ(level(), 140u);
  EXPECT_TRUE(rx.deliver(plain_frame(60, 80)));
}

TEST_F(DeviceRxBuffer, CapacityIsTheLastLimit) {
  test.write(RXB_PAUSE_DROP_CTRL::at(), 0);
  test.write(RXB_PBUF_CFG::at(4), 4u << 13);  // 8 KiB: 128 units
  deliver(12);
  EXPECT_EQ(level(), 120u);
  EXPECT_FALSE(rx.deliver(plain_frame(640, 50)));
  EXPECT_TRUE(rx.deliver(plain_frame(512, 51)));
  EXPECT_EQ(level(), 128u);
  EXPECT_EQ(test.read(RXB_DROP_FRMS_STS::at(4)), 1u);
}

TEST_F(DeviceRxBuffer, FramesThatWaitedAboveTheEcnThresholdAreMarked) {
  test.write(RXB_ECN_THLD::at(4), 30u << 13 | 30u);
  deliver(6);
  EXPECT_EQ(test.read(RXB_TRANS_ECN_STS::at(4)), 1u);
  drain(10);
  for (unsigned i = 0; i < 6; ++i) {
    const TestRx::Packet packet = rx.next_packet();
    EXPECT_EQ(packet.bytes, plain_frame(640, i));
    EXPECT_EQ(packet.meta.ECN(), i < 3 ? 0u : 1u) << i;
  }
}

TEST_F(DeviceRxBuffer, PauseStormEndsThePauseAfterTheProgrammedTime) {
  test.write(RXB_PAUSE_DROP_CTRL::at(), 0x0110147d);
  test.write(RXB_PAUSE_STORM_UNIT_WR::at(), 0x1770);
  test.write(RXB_PAUSE_STORM::at(0), 50000u | 1u << 20);
  test.write(RXB_PAUSE_STORM::at(0), 50000u);
  test.card.tick(1'000'000);
  deliver(11);
  EXPECT_TRUE(test.wire.pause);
  EXPECT_EQ(test.card.next_deadline_ns(), 501'000'000u);
  test.card.tick(500'999'999);
  EXPECT_TRUE(test.wire.pause);
  test.card.tick(501'000'000);
  EXPECT_FALSE(test.wire.pause);
  EXPECT_EQ(test.read(RXB_ERR_INTR_STS::at()) & 0x1000, 0x1000u);
  EXPECT_EQ(test.read(RXB_INTR_PS_COUNT::at(0)), 1u);
  // FORCE_NORMAL alone lets the card request pause again.
  deliver(1);
  EXPECT_FALSE(test.wire.pause);
  test.write(RXB_ERR_INTR_STS::at(), 0x1000);
  test.write(RXB_PAUSE_STORM::at(0), 50000u | 1u << 20);
  test.write(RXB_PAUSE_STORM::at(0), 50000u);
  EXPECT_EQ(test.read(RXB_ERR_INTR_STS::at()) & 0x1000, 0u);
  EXPECT_TRUE(test.wire.pause);
}

TEST_F(DeviceRxBuffer, PauseStormRaisesItsCauseWhenRoutedAndUnmasked) {
  test.write(RXB_PAUSE_DROP_CTRL::at(), 0x0110147d);
  test.write(RXB_PAUSE_STORM_UNIT_WR::at(), 0x1770);
  test.write(RXB_PAUSE_STORM::at(0), 1);
  test.write(INTR_MSIX_CTRL::at(7), 0x80000009);
  test.write(INTR_MASK_CLEAR::at(0), 1u << 9);
  test.write(RXB_ERR_INTR_MASK::at(), 0);
  deliver(11);
  test.card.tick(10'000);
  EXPECT_EQ(test.sink.count[9], 1u);
}

TEST_F(DeviceRxBuffer, ResetWithdrawsThePause) {
  deliver(11);
  ASSERT_TRUE(test.wire.pause);
  test.card.reset(ResetKind::kFunctionLevel);
  EXPECT_FALSE(test.wire.pause);
  EXPECT_EQ(test.card.occupancy().rx_frames_held, 0u);
}

TEST_F(DeviceRxBuffer, EveryFrameIsDeliveredDroppedOrHeld) {
  test.write(RXB_PAUSE_DROP_CTRL::at(), 0x0010007d);
  unsigned delivered = 0;
  for (unsigned i = 0; i < 500; ++i) {
    deliver(3);
    if (i % 2 == 0) drain(1);
    while (rx.next_packet().complete) ++delivered;
    rx.acknowledge();
  }
  EXPECT_EQ(delivered + test.read(RXB_DROP_FRMS_STS::at(4)) + test.card.occupancy().rx_frames_held,
            1500u);
  EXPECT_GT(test.read(RXB_DROP_FRMS_STS::at(4)), 500u);
}

}  // namespace
}  // namespace hni::device
