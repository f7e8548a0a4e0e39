// SPDX-License-Identifier: Apache-2.0
// Interrupt moderation of completion queues, observed at the card's interface.
#include <gtest/gtest.h>

#include "tests/device/device_fixture.hpp"

namespace hni::device {
namespace {

using namespace spec;

constexpr std::uint64_t kMicrosecond = 1000;

class DeviceModeration : public ::testing::Test {
 protected:
  DeviceModeration() {
    test.receive_to(0);
    test.write(INTR_MASK_CLEAR::at(0), 4);  // vector 2
  }
  void rearm(std::uint32_t rx_us, std::uint32_t tx_us) {
    test.write(INTR_CQ_REARM::at(2), 0x80000000u | 1u << 29 | tx_us << 15 | 1u << 14 | rx_us);
  }
  unsigned fired() const { return test.sink.count[2]; }

  TestCard test;
  TestRx rx{test, 0};
};

TEST_F(DeviceModeration, TimeoutZeroInterruptsAtOnce) {
  rx.deliver(plain_frame(60));
  EXPECT_EQ(fired(), 1u);
}

TEST_F(DeviceModeration, InterruptComesWhenTheTimeoutOfTheFirstCompletionPassed) {
  test.write(QUEUE_RIM_THRESHOLD::at(0), 100);
  rearm(30, 35);
  test.card.tick(10 * kMicrosecond);
  rx.deliver(plain_frame(60));
  EXPECT_EQ(fired(), 0u);
  EXPECT_EQ(test.card.next_deadline_ns(), 40 * kMicrosecond);
  test.card.tick(20 * kMicrosecond);
  rx.deliver(plain_frame(60));
  test.card.tick(40 * kMicrosecond - 1);
  EXPECT_EQ(fired(), 0u);
  test.card.tick(40 * kMicrosecond);
  EXPECT_EQ(fired(), 1u);
}

TEST_F(DeviceModeration, ReachingTheThresholdInterruptsBeforeTheTimeout) {
  test.write(QUEUE_RIM_THRESHOLD::at(0), 6);
  rearm(10000, 10000);
  rx.deliver(plain_frame(60));
  rx.deliver(plain_frame(60));
  EXPECT_EQ(fired(), 0u);
  rx.deliver(plain_frame(60));
  EXPECT_EQ(fired(), 1u);
}

TEST_F(DeviceModeration, AcknowledgedCompletionsDoNotInterruptAgainAtTheUnmask) {
  rx.deliver(plain_frame(60));
  ASSERT_EQ(fired(), 1u);
  rx.next_packet();
  rx.acknowledge();
  rearm(30, 35);
  EXPECT_EQ(fired(), 1u);
  EXPECT_EQ(test.card.next_deadline_ns(), ~0ull);
}

TEST_F(DeviceModeration, CompletionBetweenLastPollAndUnmaskIsNotLost) {
  rearm(30, 35);
  rx.deliver(plain_frame(60));
  test.card.tick(30 * kMicrosecond);
  ASSERT_EQ(fired(), 1u);
  rx.next_packet();
  rx.deliver(plain_frame(60));
  rx.acknowledge();
  test.write(INTR_CQ_REARM::at(2), 0x80000000u);
  test.card.tick(60 * kMicrosecond);
  EXPECT_EQ(fired(), 2u);
}

TEST_F(DeviceModeration, AcknowledgingAPartStartsTheTimeoutOfTheRest) {
  test.write(QUEUE_RIM_THRESHOLD::at(0), 100);
  rearm(30, 35);
  rx.deliver(plain_frame(60));
  rx.deliver(plain_frame(60));
  rx.next_packet();
  test.card.tick(20 * kMicrosecond);
  rx.acknowledge();
  test.card.tick(50 * kMicrosecond - 1);
  EXPECT_EQ(fired(), 0u);
  test.card.tick(50 * kMicrosecond);
  EXPECT_EQ(fired(), 1u);
}

TEST_F(DeviceModeration, MaskedVectorKeepsTheCausePending) {
  test.write(INTR_MASK_SET::at(0), 4);
  rx.deliver(plain_frame(60));
  EXPECT_EQ(fired(), 0u);
  EXPECT_EQ(test.read(INTR_STATUS::at(0)) & 4, 4u);
  test.write(INTR_MASK_CLEAR::at(0), 4);
  EXPECT_EQ(fired(), 1u);
}

TEST_F(DeviceModeration, MaskingTheManagerStopsTheCause) {
  test.write(QUEUE_RIM_MASK::at(0), 1);
  rx.deliver(plain_frame(60));
  EXPECT_EQ(fired(), 0u);
  test.write(QUEUE_RIM_MASK::at(0), 0);
  EXPECT_EQ(fired(), 1u);
}

TEST_F(DeviceModeration, SetAndClearRaiseACauseByHand) {
  test.write(QUEUE_TIM_CTL::at(5), 2);
  test.write(QUEUE_TIM_SET::at(5), 1);
  EXPECT_EQ(fired(), 1u);
  EXPECT_EQ(test.read(INTR_STATUS::at(0)) & 4, 4u);
  test.write(QUEUE_TIM_CLEAR::at(5), 1);
  EXPECT_EQ(test.read(INTR_STATUS::at(0)) & 4, 0u);
}

TEST_F(DeviceModeration, TxAndRxTimeoutsOfAVectorAreSeparate) {
  TestTx tx(test, 0);
  test.write(QUEUE_TIM_THRESHOLD::at(0), 100);
  test.write(QUEUE_RIM_THRESHOLD::at(0), 100);
  rearm(30, 35);
  EXPECT_EQ(test.read(INTR_RCQ_TIMEOUT::at(2)), 30u);
  EXPECT_EQ(test.read(INTR_TCQ_TIMEOUT::at(2)), 35u);
  tx.send(plain_frame(60));
  test.card.tick(34 * kMicrosecond);
  EXPECT_EQ(fired(), 0u);
  test.card.tick(35 * kMicrosecond);
  EXPECT_EQ(fired(), 1u);
}

TEST_F(DeviceModeration, UpdateWithoutUnmaskChangesOnlyTheTimeouts) {
  test.write(INTR_MASK_SET::at(0), 4);
  test.write(INTR_CQ_REARM::at(2), 1u << 29 | 7u << 15);
  EXPECT_EQ(test.read(INTR_TCQ_TIMEOUT::at(2)), 7u);
  EXPECT_EQ(test.read(INTR_RCQ_TIMEOUT::at(2)), 0u);
  EXPECT_EQ(test.read(INTR_MASK::at(0)) & 4, 4u);
}

TEST_F(DeviceModeration, TickLengthFollowsTheCycleRegister) {
  test.write(QM_RCQ_CTL0::at(), 1200u << 16);
  test.write(QUEUE_RIM_THRESHOLD::at(0), 100);
  rearm(30, 30);
  rx.deliver(plain_frame(60));
  EXPECT_EQ(test.card.next_deadline_ns(), 60 * kMicrosecond);
}

TEST_F(DeviceModeration, CountersShowPendingCompletions) {
  test.write(QUEUE_RIM_THRESHOLD::at(0), 100);
  rearm(30, 35);
  rx.deliver(plain_frame(60));
  test.card.tick(10 * kMicrosecond);
  const QUEUE_RIM_COAL_STATUS status{test.read(QUEUE_RIM_COAL_STATUS::at(0))};
  EXPECT_EQ(status.raw >> 16 & 0x7fff, 2u);
  EXPECT_EQ(status.raw & 0x3fff, 20u);
}

TEST_F(DeviceModeration, DisablingTheQueueDropsItsCause) {
  test.write(INTR_MASK_SET::at(0), 4);
  rx.deliver(plain_frame(60));
  test.write(QUEUE_RCQ_CTL::at(0), 0);
  EXPECT_EQ(test.read(INTR_STATUS::at(0)) & 4, 0u);
}

}  // namespace
}  // namespace hni::device
