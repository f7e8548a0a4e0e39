// SPDX-License-Identifier: Apache-2.0
// Transmit: descriptors, rings, completions, timestamps, and what stops and restarts a queue.
#include <gtest/gtest.h>

#include "device/statistics.hpp"
#include "device/tx_engine.hpp"
#include "tests/device/device_fixture.hpp"

namespace hni::device {
namespace {

using spec::ProtocolAction;
using spec::TCD_TYPE0;
using spec::TCD_TYPE1;

TEST(DeviceTx, OneFragmentReachesTheWireByteForByte) {
  TestCard test;
  TestTx tx(test, 0);
  const Bytes frame = plain_frame(100);
  tx.send(frame);
  ASSERT_EQ(test.wire.sent.size(), 1u);
  EXPECT_EQ(test.wire.sent[0], frame);
}

TEST(DeviceTx, CompletionNamesTheIndexAfterTheLastDescriptor) {
  TestCard test;
  TestTx tx(test, 3);
  tx.send(plain_frame(100));
  const TCD_TYPE0 done{tx.next_completion()};
  EXPECT_EQ(done.raw, TCD_TYPE0{}.set_HEAD0(2).set_DONE(1).raw);
  EXPECT_EQ(tx.next_completion(), 0u);
  EXPECT_EQ(test.read(spec::QUEUE_TWQ0_PTRS::at(3)), 0x00020002u);
  EXPECT_EQ(test.read(spec::QUEUE_TCQ_PTRS::at(3)), 0x00010000u);
  EXPECT_EQ(test.read(spec::QUEUE_TWQ0_PKT_CNT::at(3)), 1u);
}

TEST(DeviceTx, FragmentsAreGatheredInOrder) {
  TestCard test;
  TestTx tx(test, 0);
  const Bytes frame = plain_frame(3000);
  tx.put(TestTx::meta().raw);
  std::size_t at = 0;
  for (const std::size_t bytes : {14u, 1u, 700u, 2285u}) {
    tx.put_al(tx.place(std::span(frame).subspan(at, bytes)), bytes, at + bytes == frame.size());
    at += bytes;
  }
  tx.ring_doorbell();
  test.run();
  ASSERT_EQ(test.wire.sent.size(), 1u);
  EXPECT_EQ(test.wire.sent[0], frame);
  EXPECT_EQ(TCD_TYPE0{tx.next_completion()}.HEAD0(), 5u);
}

TEST(DeviceTx, ShortFrameIsPaddedWithZeroesToSixty) {
  TestCard test;
  TestTx tx(test, 0);
  Bytes frame = plain_frame(42);
  tx.send(frame);
  frame.resize(60, std::byte{0});
  ASSERT_EQ(test.wire.sent.size(), 1u);
  EXPECT_EQ(test.wire.sent[0], frame);
}

TEST(DeviceTx, EveryLengthUpToTheLargestFrameArrivesUnchanged) {
  TestCard test;
  TestTx tx(test, 0, 64);
  const std::uint64_t buffer = test.memory.alloc(16384);
  for (std::size_t bytes = 60; bytes <= kMaxFrameBytes; bytes += bytes < 200 ? 1 : 97) {
    const Bytes frame = plain_frame(bytes, static_cast<unsigned>(bytes));
    std::memcpy(test.memory.at(buffer), frame.data(), bytes);
    tx.put(TestTx::meta().raw);
    tx.put_al(buffer, bytes, true);
    tx.ring_doorbell();
    test.run();
    ASSERT_EQ(test.wire.sent.size(), 1u) << bytes;
    ASSERT_EQ(test.wire.sent[0], frame) << bytes;
    test.wire.sent.clear();
    ASSERT_NE(tx.next_completion(), 0u);
    tx.acknowledge();
  }
}

TEST(DeviceTx, BurstIsCompletedOnceByItsLastPacket) {
  TestCard test;
  TestTx tx(test, 0);
  for (unsigned i = 0; i < 5; ++i) tx.post(plain_frame(60 + i), spec::TWD_META{}.set_DEST_MAC(1));
  tx.post(plain_frame(90));
  tx.ring_doorbell();
  test.run();
  EXPECT_EQ(test.wire.sent.size(), 6u);
  EXPECT_EQ(TCD_TYPE0{tx.next_completion()}.HEAD0(), 12u);
  EXPECT_EQ(tx.next_completion(), 0u);
}

TEST(DeviceTx, DescriptorsMayCrossTheRingEndAtAnyPoint) {
  TestCard test;
  TestTx tx(test, 0, 8);
  // Packets of three descriptors in a ring of eight: the wrap occurs at every position.
  for (unsigned i = 0; i < 40; ++i) {
    const Bytes frame = plain_frame(200, i);
    tx.put(TestTx::meta().raw);
    tx.put_al(tx.place(std::span(frame).first(50)), 50, false);
    tx.put_al(tx.place(std::span(frame).subspan(50)), 150, true);
    tx.ring_doorbell();
    test.run();
    ASSERT_EQ(test.wire.sent.size(), i + 1u);
    ASSERT_EQ(test.wire.sent.back(), frame);
    ASSERT_EQ(TCD_TYPE0{tx.next_completion()}.HEAD0(), (3 * (i + 1)) % 8);
    tx.acknowledge();
  }
}

TEST(DeviceTx, DoneBitAlternatesWithTheLapsOfTheCompletionRing) {
  TestCard test;
  TestTx tx(test, 0, 64, false, 4);
  for (unsigned i = 0; i < 20; ++i) {
    tx.send(plain_frame(60));
    const std::uint64_t raw = test.memory.word(tx.tcq + i % 4 * 8);
    EXPECT_EQ(raw >> 63, (i / 4) % 2 == 0 ? 1u : 0u) << i;
    ASSERT_NE(tx.next_completion(), 0u);
    tx.acknowledge();
  }
}

TEST(DeviceTx, UnacknowledgedCompletionsAreNeverOverwritten) {
  TestCard test;
  TestTx tx(test, 0, 64, false, 8);
  for (unsigned i = 0; i < 20; ++i) tx.post(plain_frame(60));
  tx.ring_doorbell();
  test.run();
  // Seven usable entries; one is reserved for the timestamp of the next packet.
  EXPECT_EQ(test.read(spec::QUEUE_TCQ_PTRS::at(0)) >> 16, 6u);
  EXPECT_EQ(test.wire.sent.size(), 6u);
  EXPECT_EQ(test.memory.word(tx.tcq + 7 * 8), 0u);
  EXPECT_EQ(test.read(spec::QM_TWQ_IDLE::at(0)), ~1u);
  while (tx.next_completion() != 0) {
  }
  tx.acknowledge();
  test.run();
  EXPECT_EQ(test.wire.sent.size(), 12u);
}

TEST(DeviceTx, WorkQueueEnabledBeforeItsCompletionQueueWaitsForIt) {
  TestCard test;
  TestTx tx(test, 0);
  test.write(spec::QUEUE_TCQ_CTL::at(0), 0);
  tx.send(plain_frame(60));
  EXPECT_TRUE(test.wire.sent.empty());
  test.write(spec::QUEUE_TCQ_CTL::at(0), 1);
  test.write(spec::QUEUE_TCQ_CTL::at(0), 2);
  test.run();
  EXPECT_EQ(test.wire.sent.size(), 1u);
  EXPECT_NE(tx.next_completion(), 0u);
}

TEST(DeviceTx, PacketIsFetchedOnlyAfterItsLastDescriptorWasPosted) {
  TestCard test;
  TestTx tx(test, 0);
  const Bytes frame = plain_frame(100);
  const std::uint64_t at = tx.place(frame);
  tx.put(TestTx::meta().raw);
  tx.put_al(at, 60, false);
  tx.ring_doorbell();
  test.run();
  EXPECT_TRUE(test.wire.sent.empty());
  EXPECT_EQ(test.card.events().count(ProtocolAction::kPacketForm), 1u);
  tx.put_al(at + 60, 40, true);
  tx.ring_doorbell();
  test.run();
  ASSERT_EQ(test.wire.sent.size(), 1u);
  EXPECT_EQ(test.wire.sent[0], frame);
}

TEST(DeviceTx, SecondWorkQueueReportsItsHeadInHead1) {
  TestCard test;
  TestTx tx(test, 4, 64, true);
  tx.send(plain_frame(60));
  const TCD_TYPE0 done{tx.next_completion()};
  EXPECT_EQ(done.raw, TCD_TYPE0{}.set_HEAD1(2).set_TWQ1(1).set_DONE(1).raw);
  EXPECT_EQ(test.read(spec::QUEUE_TWQ1_PKT_CNT::at(4)), 1u);
  EXPECT_EQ(test.read(spec::QUEUE_TWQ0_PKT_CNT::at(4)), 0u);
}

TEST(DeviceTx, PacketWithoutMetaUsesTheDefaultMetaAndGoesToTheWire) {
  TestCard test;
  test.write(spec::QM_TWQ_DEFAULT_META_L::at(), 0x0000000e);
  test.write(spec::QM_TWQ_DEFAULT_META_H::at(), 0x00000020);
  TestTx tx(test, 0, 64, true);
  const Bytes frame = plain_frame(80);
  tx.put_al(tx.place(frame), frame.size(), true);
  tx.ring_doorbell();
  test.run();
  ASSERT_EQ(test.wire.sent.size(), 1u);
  EXPECT_EQ(test.wire.sent[0], frame);
  EXPECT_EQ(TCD_TYPE0{tx.next_completion()}.HEAD1(), 1u);
}

TEST(DeviceTx, TimestampRequestGivesATypeOneCompletionInPacketOrder) {
  TestCard test;
  test.write(spec::PTP_ADD_VAL_NS::at(), 1);
  test.write(spec::PTP_ADD_VAL_SUBNS::at(), 0xaaaaaaaa);
  test.write(spec::PTP_ADJUST::at(), 1);
  test.write(spec::PTP_CTRL::at(), 0x00103101);
  TestTx tx(test, 0);
  test.card.tick(6000);
  tx.send(plain_frame(60), TestTx::meta().set_REQ_TS(1));
  const TCD_TYPE1 stamp{tx.next_completion()};
  EXPECT_EQ(stamp.TYPE(), 1u);
  EXPECT_EQ(stamp.TWQ1(), 0u);
  EXPECT_EQ(stamp.STATUS_TS_INVALID(), 0u);
  EXPECT_NEAR(static_cast<double>(stamp.TS()), 6000.0, 1.0);
  EXPECT_EQ(TCD_TYPE0{tx.next_completion()}.HEAD0(), 2u);
  EXPECT_EQ(test.read(spec::TMI_GOOD_PTP_TS::at()), 1u);
  EXPECT_EQ(test.read(spec::TMI_BAD_PTP_TS::at()), 0u);
}

TEST(DeviceTx, TimestampOfAFrameThatDidNotLeaveIsMarkedInvalid) {
  TestCard test;
  test.write(spec::PTP_CTRL::at(), 0x00103101);
  test.write(spec::TMI_DROP_CTRL::at(), 1);
  TestTx tx(test, 0);
  tx.send(plain_frame(60), TestTx::meta().set_REQ_TS(1));
  EXPECT_EQ(TCD_TYPE1{tx.next_completion()}.STATUS_TS_INVALID(), 1u);
  EXPECT_NE(tx.next_completion(), 0u);
  EXPECT_EQ(test.read(spec::TMI_BAD_PTP_TS::at()), 1u);
}

TEST(DeviceTx, TimestampRequestOnTheSecondQueueIsIllegal) {
  TestCard test;
  TestTx tx(test, 0, 64, true);
  tx.send(plain_frame(60), TestTx::meta().set_REQ_TS(1));
  const TCD_TYPE0 done{tx.next_completion()};
  EXPECT_EQ(done.TYPE(), 0u);
  EXPECT_EQ(done.STATUS_ILLEGAL_TS_REQ(), 1u);
  EXPECT_EQ(tx.next_completion(), 0u);
  EXPECT_EQ(test.read(spec::TMI_ILLEGAL_PTP_REQS::at()), 1u);
}

TEST(DeviceTx, FrameWaitsForTheWireAndLeavesUnchanged) {
  TestCard test;
  TestTx tx(test, 0);
  TestTx other(test, 1);
  test.wire.accept = false;
  const Bytes frame = plain_frame(300);
  tx.send(frame);
  other.send(plain_frame(60));
  EXPECT_TRUE(test.card.waits_for_wire());
  EXPECT_EQ(test.card.occupancy().tx_frames_held, 1u);
  EXPECT_EQ(tx.next_completion(), 0u);
  EXPECT_EQ(test.read(spec::QM_TWQ_IDLE::at(0)), ~3u);
  EXPECT_EQ(test.read(spec::QM_TCQ_IDLE::at(0)), ~1u);
  test.wire.accept = true;
  test.run();
  ASSERT_EQ(test.wire.sent.size(), 2u);
  EXPECT_EQ(test.wire.sent[0], frame);
  EXPECT_NE(tx.next_completion(), 0u);
  EXPECT_EQ(test.read(spec::QM_TWQ_IDLE::at(0)), ~0u);
}

TEST(DeviceTx, PauseOfThePeerHoldsFramesUnlessItIsIgnored) {
  TestCard test;
  TestTx tx(test, 0);
  test.wire.peer_paused = true;
  tx.send(plain_frame(60));
  EXPECT_TRUE(test.wire.sent.empty());
  EXPECT_EQ(test.read(spec::MAC_STAT_RX_XOFF_STB_L::at()), 1u);
  test.write(spec::MAC_COMMAND_CONFIG::at(), 0x30000813);
  test.run();
  EXPECT_EQ(test.wire.sent.size(), 1u);
}

TEST(DeviceTx, FramesAreDroppedAndCompletedWhileTheMacDoesNotSend) {
  TestCard test;
  TestTx tx(test, 0);
  test.write(spec::SIG_MAC_IN0::at(), 0x7800);
  test.write(spec::MAC_COMMAND_CONFIG::at(), 0x30000810);
  tx.send(plain_frame(100));
  EXPECT_TRUE(test.wire.sent.empty());
  EXPECT_NE(tx.next_completion(), 0u);
  EXPECT_EQ(test.read(spec::TMI_DROP_PKTS::at()), 1u);
  EXPECT_EQ(test.read(spec::TMI_DROP_BYTE_L::at()), 100u);
}

TEST(DeviceTx, DropControlUnblocksAHeldFrame) {
  TestCard test;
  TestTx tx(test, 0);
  test.wire.accept = false;
  tx.send(plain_frame(100));
  test.write(spec::TMI_DROP_CTRL::at(), 1);
  test.run();
  EXPECT_EQ(test.read(spec::QM_TWQ_IDLE::at(0)), ~0u);
  EXPECT_EQ(test.read(spec::TMI_DROP_PKTS::at()), 1u);
  EXPECT_NE(tx.next_completion(), 0u);
}

TEST(DeviceTx, FrameLongerThanTheLimitIsDroppedCountedAndCompleted) {
  TestCard test;
  test.write(spec::QM_TQS_MTU_CTL0::at(), 0x260f);
  TestTx tx(test, 0);
  tx.send(plain_frame(9742));
  EXPECT_EQ(test.wire.sent.size(), 1u);
  tx.send(plain_frame(9743));
  EXPECT_EQ(test.wire.sent.size(), 1u);
  EXPECT_EQ(test.read(spec::TCE_TTI_FRAME_DROP_PKTS::at()), 1u);
  EXPECT_EQ(TCD_TYPE0{tx.next_completion()}.HEAD0(), 2u);
  EXPECT_EQ(TCD_TYPE0{tx.next_completion()}.HEAD0(), 4u);
}

TEST(DeviceTx, LimitRegisterHoldsTheFirstLengthThatIsTooLong) {
  TestCard test;
  test.write(spec::QM_TQS_MTU_CTL0::at(), 1001);
  TestTx tx(test, 0);
  tx.send(plain_frame(1000));
  tx.send(plain_frame(1001));
  EXPECT_EQ(test.wire.sent.size(), 1u);
}

TEST(DeviceTx, LoopbackOfTheMacBringsTheFrameToTheReceiveSide) {
  TestCard test;
  TestTx tx(test, 0);
  TestRx rx(test, 0);
  test.receive_to(0);
  test.write(spec::MAC_COMMAND_CONFIG::at(), 0x00000c13);
  const Bytes frame = plain_frame(333);
  tx.send(frame);
  EXPECT_TRUE(test.wire.sent.empty());
  EXPECT_EQ(rx.next_packet().bytes, frame);
}

TEST(DeviceTx, BusyQueuesTakeTurns) {
  TestCard test;
  TestTx first(test, 0, 256);
  TestTx second(test, 127, 256);
  const spec::TWD_META quiet = spec::TWD_META{}.set_DEST_MAC(1);
  for (unsigned i = 0; i < 100; ++i) {
    first.post(plain_frame(60, 1), quiet);
    second.post(plain_frame(60, 2), quiet);
  }
  first.ring_doorbell();
  second.ring_doorbell();
  test.run();
  ASSERT_EQ(test.wire.sent.size(), 200u);
  // Neither queue waits until the other is empty.
  const auto seen = [&](unsigned seed, std::size_t within) {
    const Bytes frame = plain_frame(60, seed);
    std::size_t count = 0;
    for (std::size_t i = 0; i < within; ++i)
      if (test.wire.sent[i] == frame) ++count;
    return count;
  };
  EXPECT_GT(seen(1, 100), 30u);
  EXPECT_GT(seen(2, 100), 30u);
}

TEST(DeviceTx, RunStaysWithinItsBudgetAndReportsMoreWork) {
  TestCard test;
  TestTx tx(test, 0, 64);
  for (unsigned i = 0; i < 20; ++i) tx.post(plain_frame(60), spec::TWD_META{}.set_DEST_MAC(1));
  tx.ring_doorbell();
  EXPECT_TRUE(test.card.run(8));
  EXPECT_EQ(test.wire.sent.size(), 4u);
  EXPECT_TRUE(test.card.run(8));
  EXPECT_EQ(test.wire.sent.size(), 8u);
  test.run();
  EXPECT_EQ(test.wire.sent.size(), 20u);
  EXPECT_FALSE(test.card.run(8));
}

/// A queue with a packet in flight that the wire does not accept yet.
class DeviceTxInFlight : public testing::Test {
 protected:
  DeviceTxInFlight() {
    test.wire.accept = false;
    tx.send(plain_frame(60));
  }
  void disable() { test.write(spec::QUEUE_TWQ0_CTL::at(0), 0); }
  std::size_t sent_when_the_wire_takes_it() {
    test.wire.accept = true;
    test.run();
    return test.wire.sent.size();
  }
  void expect_idle(std::uint32_t bits) {
    for (const auto idle : {spec::QM_TWQ_IDLE::at(0), spec::QM_TQS_IDLE::at(0),
                            spec::QM_TDE_IDLE::at(0), spec::QM_TCQ_IDLE::at(0)})
      EXPECT_EQ(test.read(idle), bits);
  }
  TestCard test;
  TestTx tx{test, 0};
};

TEST_F(DeviceTxInFlight, DisabledQueueIsBusyUntilItsPacketIsSentAndSendsNoOther) {
  tx.send(plain_frame(60));
  disable();
  expect_idle(~1u);
  EXPECT_EQ(sent_when_the_wire_takes_it(), 1u);
  EXPECT_NE(tx.next_completion(), 0u);
  expect_idle(~0u);
}

TEST_F(DeviceTxInFlight, DisabledQueueDrainsAtAMacThatDrops) {
  disable();
  test.write(spec::TMI_DROP_CTRL::at(), 1);
  test.run();
  expect_idle(~0u);
  EXPECT_EQ(sent_when_the_wire_takes_it(), 0u);
}

TEST_F(DeviceTxInFlight, PacketInFlightIsSentWithDmaDisabled) {
  test.write(spec::PUL_OB_TLP_HDR_AW_CFG::at(), 0x80000);
  EXPECT_EQ(sent_when_the_wire_takes_it(), 1u);
  EXPECT_EQ(tx.next_completion(), 0u);
  expect_idle(~0u);
}

TEST_F(DeviceTxInFlight, ResetOfTheQueueDropsIt) {
  test.write(spec::QUEUE_TWQ0_CTL::at(0), spec::QUEUE_TWQ0_CTL{}.set_RESET(1).raw);
  expect_idle(~0u);
  EXPECT_EQ(sent_when_the_wire_takes_it(), 0u);
  EXPECT_EQ(tx.next_completion(), 0u);
}

TEST(DeviceTx, UpperHalfOfTheIdleRegistersIsTheSecondWorkQueue) {
  TestCard test;
  TestTx tx(test, 33, 64, true);
  test.wire.accept = false;
  tx.send(plain_frame(60));
  for (unsigned word = 0; word < 8; ++word) {
    EXPECT_EQ(test.read(spec::QM_TWQ_IDLE::at(word)), word == 5 ? ~2u : ~0u) << word;
  }
}

TEST(DeviceTx, ResetStartsPointersAndPhaseAgain) {
  TestCard test;
  TestTx tx(test, 0, 64, false, 4);
  for (unsigned i = 0; i < 6; ++i) {
    tx.send(plain_frame(60));
    ASSERT_NE(tx.next_completion(), 0u);
    tx.acknowledge();
  }
  test.write(spec::QUEUE_TWQ0_CTL::at(0), 0);
  test.write(spec::QUEUE_TCQ_CTL::at(0), 0);
  EXPECT_EQ(test.read(spec::QUEUE_TCQ_PTRS::at(0)), 0x00020002u);
  for (unsigned i = 0; i < 4; ++i) test.memory.set_word(tx.tcq + i * 8, 0);
  tx.enable();
  EXPECT_EQ(test.read(spec::QUEUE_TWQ0_PTRS::at(0)), 0u);
  EXPECT_EQ(test.read(spec::QUEUE_TCQ_PTRS::at(0)), 0u);
  tx.send(plain_frame(60));
  EXPECT_EQ(test.memory.word(tx.tcq) >> 63, 1u);
}

TEST(DeviceTx, SizeZeroStandsFor64KiEntries) {
  TestCard test;
  TestTx tx(test, 0, 65536);
  EXPECT_EQ(test.read(spec::QUEUE_TWQ0_SIZE::at(0)), 0u);
  tx.tail = 65534;
  test.memory.set_word(tx.ring + 65534ull * 8, 0);
  // Move the head there by one doorbell over descriptors that are one packet each.
  const std::uint64_t buffer = tx.place(plain_frame(60));
  for (std::uint32_t i = 0; i < 65534; ++i) {
    test.memory.set_word(tx.ring + 8ull * i,
                         i % 2 == 0 ? spec::TWD_META{}.set_DEST_MAC(1).raw
                                    : spec::TWD_AL{}.set_ADDR(buffer).set_LEN(60).set_TYPE(3).raw);
  }
  tx.ring_doorbell();
  test.run();
  EXPECT_EQ(test.wire.sent.size(), 32767u);
  tx.send(plain_frame(77));
  EXPECT_EQ(test.wire.sent.size(), 32768u);
  EXPECT_EQ(TCD_TYPE0{tx.next_completion()}.HEAD0(), 0u);
}

TEST(DeviceTx, FragmentMayLieAcrossAdjacentMappings) {
  TestCard test;
  TestTx tx(test, 0);
  alignas(8) static std::byte pages[2][64];
  const Bytes frame = plain_frame(100);
  std::memcpy(pages[1] + 4, frame.data(), 60);
  std::memcpy(pages[0], frame.data() + 60, 40);
  ASSERT_TRUE(test.dma.map({0x1000, 64, pages[1]}));
  ASSERT_TRUE(test.dma.map({0x1040, 64, pages[0]}));
  tx.put(TestTx::meta().raw);
  tx.put_al(0x1004, 100, true);
  tx.ring_doorbell();
  test.run();
  ASSERT_EQ(test.wire.sent.size(), 1u);
  EXPECT_EQ(test.wire.sent[0], frame);
}

TEST(DeviceTx, FeaturesKnownByNameOnlyAreCounted) {
  TestCard test;
  TestTx tx(test, 0);
  tx.put(TestTx::meta().raw);
  tx.put(spec::TWD_OPT_META{}.set_TYPE(1).set_TS(5).raw);
  const Bytes frame = plain_frame(60);
  tx.put_al(tx.place(frame), 60, true);
  tx.ring_doorbell();
  test.run();
  EXPECT_EQ(test.wire.sent.size(), 1u);
  EXPECT_EQ(test.card.events().partly_modelled, 1u);
  test.write(spec::QUEUE_TWQ0_CTL::at(1), 1u << 31);
  test.write(spec::QUEUE_RDE_CTL1::at(1), 1);
  EXPECT_EQ(test.card.events().partly_modelled, 3u);
}

TEST(DeviceTx, NothingIsReadOrWrittenWhileDmaIsDisabled) {
  TestCard test;
  TestTx tx(test, 0);
  for (const spec::RegAddr gate :
       {spec::PUL_OB_TLP_HDR_AW_CFG::at(), spec::PUL_OB_TLP_HDR_AR_CFG::at()}) {
    test.write(gate, 0x80000);
    const std::size_t before = test.wire.sent.size();
    tx.send(plain_frame(60));
    EXPECT_EQ(test.wire.sent.size(), before);
    EXPECT_EQ(test.read(spec::QM_TWQ_IDLE::at(0)), ~1u);
    test.write(gate, 0x40000);
    test.run();
    EXPECT_EQ(test.wire.sent.size(), before + 1);
  }
  EXPECT_GE(test.card.events().dma_gate_closed, 2u);
}

}  // namespace
}  // namespace hni::device
