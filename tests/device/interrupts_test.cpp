// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "device/interrupts.hpp"
#include "tests/device/device_fixture.hpp"

namespace hni::device {
namespace {

using namespace spec;

TEST(DeviceInterrupts, MsixSelfTestPassesForEveryVector) {
  TestCard test;
  test.write(INTR_SW_AC_MODE::at(0), 0xfffffffe);
  for (unsigned v = 2; v < 130; ++v) {
    const unsigned word = v / 32;
    const std::uint32_t bit = 1u << (v % 32);
    unsigned& count = test.sink.count[v];
    ASSERT_EQ(count, 0u) << v;
    // 1. A cause that is set while the vector is masked does not fire.
    test.write(INTR_MASK_SET::at(word), bit);
    test.write(INTR_CLEAR::at(word), bit);
    test.write(INTR_SET::at(word), bit);
    ASSERT_EQ(count, 0u) << v;
    ASSERT_EQ(test.read(INTR_STATUS::at(word)) & bit, bit) << v;
    // 2. The latched cause fires on unmask.
    test.write(INTR_MASK_CLEAR::at(word), bit);
    ASSERT_EQ(count, 1u) << v;
    // 3. Without a pending cause unmasking does not fire.
    test.write(INTR_MASK_CLEAR::at(word), bit);
    ASSERT_EQ(count, 1u) << v;
    // 4. A cause that is set while unmasked fires.
    test.write(INTR_SET::at(word), bit);
    ASSERT_EQ(count, 2u) << v;
    // 5. Delivery masked the vector and cleared the cause.
    ASSERT_EQ(test.read(INTR_STATUS::at(word)) & bit, 0u) << v;
    ASSERT_EQ(test.read(INTR_MASK::at(word)) & bit, bit) << v;
  }
  EXPECT_EQ(test.sink.fired.size(), 2u * 128);
}

TEST(DeviceInterrupts, FirmwareCauseIsVisibleWhileMaskedAtPowerOn) {
  TestCard test;
  EXPECT_EQ(test.read(INTR_STATUS::at(0)) & 1, 1u);
  EXPECT_EQ(test.read(INTR_MASK::at(0)), ~0u);
  EXPECT_TRUE(test.sink.fired.empty());
}

TEST(DeviceInterrupts, VectorZeroKeepsItsCauseUntilItIsCleared) {
  TestCard test;
  test.write(INTR_SW_AC_MODE::at(0), 0xfffffffe);
  test.write(INTR_CLEAR::at(0), 1);
  test.write(INTR_MASK_CLEAR::at(0), 1);
  ASSERT_EQ(test.sink.count[0], 0u);
  test.write(INTR_SET::at(0), 1);
  EXPECT_EQ(test.sink.count[0], 1u);
  EXPECT_EQ(test.read(INTR_STATUS::at(0)) & 1, 1u);
  EXPECT_EQ(test.read(INTR_MASK::at(0)) & 1, 1u);
  test.write(INTR_CLEAR::at(0), 1);
  EXPECT_EQ(test.read(INTR_STATUS::at(0)) & 1, 0u);
}

TEST(DeviceInterrupts, MessageBetweenClearAndUnmaskIsNotLost) {
  TestCard test;
  test.write(INTR_SW_AC_MODE::at(0), 0xfffffffe);
  test.write(INTR_CLEAR::at(0), 1);
  test.write(INTR_MASK_CLEAR::at(0), 1);
  test.write(INTR_SET::at(0), 1);
  test.write(INTR_CLEAR::at(0), 1);
  test.write(INTR_SET::at(0), 1);
  ASSERT_EQ(test.sink.count[0], 1u);
  test.write(INTR_MASK_CLEAR::at(0), 1);
  EXPECT_EQ(test.sink.count[0], 2u);
}

TEST(DeviceInterrupts, QueueVectorsAbove32AutoClearAfterReset) {
  TestCard test;
  for (unsigned word = 0; word < 8; ++word) {
    EXPECT_EQ(test.read(INTR_SW_AC_MODE::at(word)), ~0u);
  }
}

TEST(DeviceInterrupts, OneWriteFiresAllUnmaskedVectorsOfAWord) {
  TestCard test;
  test.write(INTR_MASK_CLEAR::at(1), 0x00000f0f);
  test.write(INTR_SET::at(1), 0x0000ffff);
  EXPECT_EQ(test.sink.fired, (std::vector<std::uint16_t>{32, 33, 34, 35, 40, 41, 42, 43}));
  EXPECT_EQ(test.read(INTR_STATUS::at(1)), 0x0000f0f0u);
}

TEST(DeviceInterrupts, VectorOutsideTheMsixTableSendsNothing) {
  CardConfig config;
  config.msix_vectors = 3;
  TestCard test(config);
  test.write(INTR_MASK_CLEAR::at(0), 0xc);
  test.write(INTR_SET::at(0), 0xc);
  EXPECT_EQ(test.sink.fired, std::vector<std::uint16_t>{2});
}

TEST(DeviceInterrupts, LinkCauseReachesItsVectorOnlyWhileRouted) {
  TestCard test;
  test.write(INTR_MASK_CLEAR::at(0), 2);
  test.write(SIG_PCS_INTR_STS::at(), 3);
  test.write(SIG_PCS_INTR_MASK::at(), 0xfffffffc);
  test.wire.plugged = false;
  test.card.tick(1000);
  EXPECT_EQ(test.sink.count[1], 0u);
  test.write(INTR_MSIX_CTRL::at(34), 0x80000001);
  EXPECT_EQ(test.sink.count[1], 1u);
}

TEST(DeviceInterrupts, LinkCauseIsALevelThatStaysUntilItsStatusIsCleared) {
  TestCard test;
  test.write(INTR_MSIX_CTRL::at(34), 0x80000001);
  test.write(SIG_PCS_INTR_STS::at(), 3);
  test.write(SIG_PCS_INTR_MASK::at(), 0xfffffffc);
  test.write(INTR_CLEAR::at(0), 2);
  test.write(INTR_MASK_CLEAR::at(0), 2);
  const unsigned before = test.sink.count[1];
  test.wire.plugged = false;
  test.card.tick(1000);
  EXPECT_EQ(test.sink.count[1], before + 1);
  test.write(INTR_MASK_CLEAR::at(0), 2);
  EXPECT_EQ(test.sink.count[1], before + 2);
  test.write(SIG_PCS_INTR_STS::at(), 3);
  test.write(INTR_MASK_CLEAR::at(0), 2);
  EXPECT_EQ(test.sink.count[1], before + 2);
}

TEST(DeviceInterrupts, TwoSourcesOfOneVectorKeepItUntilBothAreLow) {
  TestSink sink;
  InterruptBlock interrupts(sink, 8);
  interrupts.raise(3);
  interrupts.raise(3);
  interrupts.lower(3);
  EXPECT_EQ(interrupts.status(0), 8u);
  interrupts.lower(3);
  EXPECT_EQ(interrupts.status(0), 0u);
  interrupts.lower(3);
  EXPECT_EQ(interrupts.status(0), 0u);
}

}  // namespace
}  // namespace hni::device
