// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "tests/device_fixture.hpp"

namespace hni::device {
namespace {

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

TEST(DeviceTx, CompletionNamesTheIndexBehindTheLastDescriptor) {
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

}  // namespace
}  // namespace hni::device
