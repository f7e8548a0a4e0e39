// SPDX-License-Identifier: Apache-2.0
// Every word that a queue block is programmed with, in order, from [device 9, 11.3, 18].
#include "driver/queues/queue_setup.hpp"

#include <gtest/gtest.h>

#include <tuple>
#include <vector>

#include "tests/support/fake_device.hpp"

namespace hni {
namespace {

using test::RegWrite;

constexpr QueueId kQueue{5};

/// The register at `offset` bytes of the block of queue 5.
constexpr RegAddr block(std::uint32_t offset) {
  return {Bar::kBar0, 0x100000 + 5 * 0x1000 + offset};
}

class QueueSetupTest : public ::testing::Test {
 protected:
  static TxQueueSetup transmit() {
    return {.work0 = DmaAddr{0x1'2345'6000},
            .work1 = DmaAddr{0x2'3456'7000},
            .completions = DmaAddr{0x3'4567'8000},
            .size = 1024,
            .vector = Vector{9}};
  }
  static RxQueueSetup receive() {
    return {.headers = DmaAddr{0x4'5678'9000},
            .payloads = DmaAddr{0x5'6789'a000},
            .completions = DmaAddr{0x6'789a'b000},
            .header_size = 256,
            .payload_size = 512,
            .completion_size = 2048,
            .head_room = 192,
            .tail_room = 320,
            .max_header = 1536,
            .vector = Vector{7}};
  }
  std::uint32_t last(std::uint32_t offset) {
    return fake_.device.last_write(block(offset)).value_or(0xdeadbeef);
  }

  test::CheckedFakeDevice fake_;
  QueueSetup<test::FakeDevice, NullObserver> setup_{fake_.io};
};

TEST_F(QueueSetupTest, RingSizesAreEncodedAsALogarithm) {
  EXPECT_EQ(encode_ring_size(16), 4U);
  EXPECT_EQ(encode_ring_size(1024), 10U);
  EXPECT_EQ(encode_ring_size(32768), 15U);
  EXPECT_EQ(encode_ring_size(65536), 0U);
}

TEST_F(QueueSetupTest, ATransmitQueueIsProgrammedBeforeItIsEnabled) {
  setup_.enable_tx(kQueue, transmit());
  const std::vector<RegWrite> expected = {
      {block(0x000), 1},  {block(0x080), 0x23456000}, {block(0x084), 1},
      {block(0x028), 10}, {block(0x000), 2},  // work queue 0
      {block(0x200), 1},  {block(0x280), 0x45678000}, {block(0x284), 3},
      {block(0x210), 10},  // completion queue
      {block(0x300), 9},  {block(0x304), 511},        {block(0x310), 0},
      {block(0x200), 2},
  };
  EXPECT_EQ(fake_.device.writes, expected);
}

TEST_F(QueueSetupTest, ThePlainRingIsEnabledOnRequest) {
  TxQueueSetup with = transmit();
  with.plain_ring = true;
  setup_.enable_tx(kQueue, with);
  EXPECT_EQ(fake_.device.writes_to(block(0x004)), (std::vector<std::uint32_t>{1, 2}));
  EXPECT_EQ(last(0x088), 0x34567000U);
  EXPECT_EQ(last(0x08c), 2U);
  EXPECT_EQ(last(0x02c), 10U);
}

TEST_F(QueueSetupTest, AReceiveQueueIsProgrammedBeforeItIsEnabled) {
  setup_.enable_rx(kQueue, receive());
  const std::vector<RegWrite> expected = {
      {block(0x900), 1},  // resets both buffer queues
      {block(0x980), 0x56789000},
      {block(0x984), 4},
      {block(0x91c), 8},
      {block(0x988), 0x6789a000},
      {block(0x98c), 5},
      {block(0x920), 9},
      {block(0x900), 1U << 30 | 2},  // with the payload page queue
      {block(0xa80), 192U << 20 | 320U << 11},
      {block(0xa84), 1536U << 12},
      {block(0x800), 1},
      {block(0x880), 0x789ab000},
      {block(0x884), 6},
      {block(0x810), 11},
      {block(0xb00), 7},
      {block(0xb04), 1023},
      {block(0xb10), 0},
      {block(0x800), 2},
  };
  EXPECT_EQ(fake_.device.writes, expected);
}

TEST_F(QueueSetupTest, AFrameCountsAsTwoCompletionsForTheReceiveThreshold) {
  RxQueueSetup moderated = receive();
  moderated.frames_per_interrupt = 40;
  setup_.enable_rx(kQueue, moderated);
  EXPECT_EQ(last(0xb04), 80U);
}

TEST_F(QueueSetupTest, DropModeAndHeaderSplitAreBitsOfTheSameRegister) {
  RxQueueSetup s = receive();
  s.wait_for_buffers = true;
  s.split_headers = true;
  setup_.set_drop_mode(kQueue, s);
  const std::vector<RegWrite> expected = {
      {block(0xa80), 1U << 31 | 2U << 29 | 192U << 20 | 320U << 11}};
  EXPECT_EQ(fake_.device.writes, expected);
}

TEST_F(QueueSetupTest, DisablingMasksTheInterrupts) {
  setup_.disable_tx(kQueue);
  setup_.disable_rx(kQueue);
  const std::vector<RegWrite> expected = {
      {block(0x000), 0},        {block(0x004), 0}, {block(0x200), 0}, {block(0x310), 1},
      {block(0x900), 1U << 30}, {block(0x800), 0}, {block(0xb10), 1},
  };
  EXPECT_EQ(fake_.device.writes, expected);
}

TEST_F(QueueSetupTest, TheMacDiscardsOnRequest) {
  setup_.drop_at_mac(true);
  setup_.drop_at_mac(false);
  const RegAddr at = spec::TMI_DROP_CTRL::at();
  EXPECT_EQ(fake_.device.writes_to(at), (std::vector<std::uint32_t>{1, 0}));
}

TEST_F(QueueSetupTest, IdleRequiresTheQueuesBitInEachRegister) {
  using namespace spec;
  // Bit 5 of word 1 and bit 0 of word 2; their second work queues are 165 and 192: words 5 and 6.
  for (const auto& [queue, word, bit] : {std::tuple{37, 1U, 1U << 5}, {64, 2U, 1U}}) {
    const QueueId id{static_cast<std::uint16_t>(queue)};
    const std::vector<RegAddr> words = {QM_TWQ_IDLE::at(word), QM_TQS_IDLE::at(word),
                                        QM_TDE_IDLE::at(word), QM_TWQ_IDLE::at(word + 4),
                                        QM_TCQ_IDLE::at(word), QM_HPQ_IDLE::at(word),
                                        QM_PPQ_IDLE::at(word), QM_RCQ_IDLE::at(word)};
    for (const RegAddr at : words) fake_.device.poke(at, bit);
    EXPECT_TRUE(setup_.idle(id));
    for (const RegAddr at : words) {
      fake_.device.poke(at, ~bit);
      EXPECT_FALSE(setup_.idle(id)) << std::hex << at.byte_offset;
      fake_.device.poke(at, bit);
    }
  }
  EXPECT_FALSE(setup_.idle(kQueue)) << "another word";
}

}  // namespace
}  // namespace hni
