// SPDX-License-Identifier: Apache-2.0
// A malicious driver: whatever it writes to registers and memory, the card neither crashes nor
// stalls, accesses mapped memory only, and counts each violation.
#include <gtest/gtest.h>

#include <random>

#include "device/tx_engine.hpp"
#include "tests/device/device_fixture.hpp"

namespace hni::device {
namespace {

using namespace spec;

void expect_stopped(TestCard& test, TestTx& tx) {
  test.run();
  EXPECT_TRUE(test.wire.sent.empty());
  EXPECT_EQ(test.read(QUEUE_TWQ0_ERR_CNT::at(0)), 1u);
  EXPECT_EQ(test.read({Bar::kBar0, 0x100018}) & 2, 2u);  // DISABLED_ON_ERR
  EXPECT_EQ(test.read(QM_TWQ_IDLE::at(0)), ~0u);
  EXPECT_EQ(tx.next_completion(), 0u);
}

TEST(DeviceHostile, InvalidDescriptorSequencesStopTheQueue) {
  const std::uint64_t meta = TestTx::meta().raw;
  const std::uint64_t option = TWD_OPT_META{}.set_TYPE(1).raw;
  const auto al = [](std::uint64_t iova, std::uint64_t type, std::uint64_t bytes = 60) {
    return TWD_AL{}.set_ADDR(iova).set_LEN(bytes).set_TYPE(type).raw;
  };
  const std::uint64_t at = TestMemory::kFirstIova;
  const std::vector<std::vector<std::uint64_t>> bad = {
      {meta, meta, al(at, 3)},
      {option, al(at, 3)},
      {meta, option, option, al(at, 3)},
      {meta, al(at, 2), meta, al(at, 3)},
      {meta, al(at, 2), option, al(at, 3)},
      {meta, al(at, 3, 13)},
      {meta, al(at, 3, 0)},
      {al(at, 2), meta, al(at, 3)},
  };
  for (const auto& sequence : bad) {
    TestCard test;
    TestTx tx(test, 0);
    for (const std::uint64_t raw : sequence) tx.put(raw);
    tx.ring_doorbell();
    expect_stopped(test, tx);
    EXPECT_EQ(test.card.events().malformed_twd, 1u);
    EXPECT_EQ(test.card.events().count(ProtocolAction::kPacketForm), 1u);
  }
}

TEST(DeviceHostile, TooManyFragmentsOrBytesStopTheQueue) {
  for (const std::uint64_t bytes : {1ull, 65535ull}) {
    TestCard test;
    TestTx tx(test, 0, 512);
    tx.put(TestTx::meta().raw);
    for (unsigned i = 0; i < kMaxTxFragments; ++i) tx.put_al(TestMemory::kFirstIova, bytes, false);
    tx.put_al(TestMemory::kFirstIova, bytes, true);
    tx.ring_doorbell();
    expect_stopped(test, tx);
  }
}

TEST(DeviceHostile, RingFullOfAnUnfinishedPacketIsWalkedOnce) {
  TestCard test;
  TestTx tx(test, 0, 256);
  tx.put(TestTx::meta().raw);
  for (unsigned i = 0; i < 254; ++i) tx.put_al(TestMemory::kFirstIova, 1, false);
  tx.ring_doorbell();
  test.run();
  EXPECT_FALSE(test.card.run(64));
  EXPECT_TRUE(test.wire.sent.empty());
  EXPECT_EQ(test.read(QUEUE_TWQ0_PTRS::at(0)), 255u);
}

TEST(DeviceHostile, RefusedFragmentStopsTheQueueAndIsReported) {
  TestCard test;
  TestTx tx(test, 0);
  tx.put(TestTx::meta().raw);
  tx.put_al(0x1000, 60, true);
  tx.ring_doorbell();
  expect_stopped(test, tx);
  EXPECT_EQ(test.dma.refused(), 1u);
  EXPECT_EQ(test.dma.last_fault()->iova, 0x1000u);
  EXPECT_EQ(test.dma.last_fault()->access, Access::kRead);
  EXPECT_EQ(test.card.events().tx_dma_fault, 1u);
}

TEST(DeviceHostile, FragmentThatLeavesItsMappingIsRefused) {
  TestCard test;
  TestTx tx(test, 0);
  tx.put(TestTx::meta().raw);
  tx.put_al(TestMemory::kFirstIova + TestMemory::kBytes - 30, 60, true);
  tx.ring_doorbell();
  expect_stopped(test, tx);
}

TEST(DeviceHostile, UnmappedRingsStopTheirQueues) {
  TestCard test;
  TestTx tx(test, 0);
  TestRx rx(test, 1);
  test.receive_to(1);
  tx.post(plain_frame(60));
  tx.ring_doorbell();
  ASSERT_TRUE(test.dma.unmap(TestMemory::kFirstIova, TestMemory::kBytes));
  test.run();
  rx.deliver(plain_frame(60));
  EXPECT_TRUE(test.wire.sent.empty());
  EXPECT_EQ(test.read(QUEUE_TWQ0_ERR_CNT::at(0)), 1u);
  EXPECT_EQ(test.read(QUEUE_RDE_PKT_ERR_CNT::at(1)), 1u);
  EXPECT_EQ(test.card.events().rx_dma_fault, 1u);
  EXPECT_GE(test.dma.refused(), 2u);
}

TEST(DeviceHostile, RefusedReceiveBufferStopsTheQueueUntilReset) {
  TestCard test;
  TestRx::Options options;
  options.fill = false;
  TestRx rx(test, 0, options);
  test.receive_to(0);
  test.memory.set_word(rx.hpq, BD{}.set_ADDR_4K(1).raw);
  test.write(QUEUE_BDQ_HPQ_TAIL::at(0), 1);
  rx.deliver(plain_frame(60));
  rx.deliver(plain_frame(60));
  EXPECT_EQ(test.read(QUEUE_RDE_PKT_ERR_CNT::at(0)), 2u);
  EXPECT_EQ(test.read({Bar::kBar0, 0x100914}) & 2, 2u);  // DISABLED_ON_ERR
  EXPECT_EQ(rx.next_completion(), 0u);
  test.write(QUEUE_BDQ_CTL::at(0), 0x40000000);
  test.write(QUEUE_RCQ_CTL::at(0), 0);
  rx.enable();
  rx.post_headers(3);
  rx.deliver(plain_frame(60));
  EXPECT_EQ(rx.next_packet().bytes, plain_frame(60));
}

TEST(DeviceHostile, PartlyMappedRingWorksUpToItsHole) {
  TestCard test;
  alignas(4096) static std::byte half[256];
  constexpr std::uint64_t kRing = 0x40000000;
  ASSERT_TRUE(test.dma.map({kRing, sizeof half, half}));  // 32 of 64 entries
  TestTx tx(test, 0);
  test.write(QUEUE_TWQ0_CTL::at(0), 1);
  test.write(QUEUE_TWQ0_BAL::at(0), kRing & 0xffffffff);
  test.write(QUEUE_TWQ0_BAH::at(0), 0);
  test.write(QUEUE_TWQ0_CTL::at(0), 2);
  const std::uint64_t frame = tx.place(plain_frame(60));
  for (unsigned i = 0; i < 32; i += 2) {
    const std::uint64_t meta = TestTx::meta().raw;
    const std::uint64_t al = TWD_AL{}.set_ADDR(frame).set_LEN(60).set_TYPE(3).raw;
    std::memcpy(half + 8 * i, &meta, 8);
    std::memcpy(half + 8 * i + 8, &al, 8);
  }
  test.write(QUEUE_TWQ0_TAIL::at(0), 34);
  test.run();
  EXPECT_EQ(test.wire.sent.size(), 16u);
  EXPECT_EQ(test.read(QUEUE_TWQ0_ERR_CNT::at(0)), 1u);
}

TEST(DeviceHostile, DoorbellsOutsideTheRingOrBeyondTheCardAreIgnored) {
  TestCard test;
  TestTx tx(test, 0);
  TestRx rx(test, 0);
  const CardEvents& events = test.card.events();
  test.write(QUEUE_TWQ0_TAIL::at(0), 64);
  test.write(QUEUE_TWQ0_TAIL::at(0), 0xffffffff);
  test.write(QUEUE_BDQ_HPQ_TAIL::at(0), 64);
  test.write(QUEUE_TCQ_HEAD::at(0), 70);
  EXPECT_EQ(events.count(ProtocolAction::kDoorbellOutOfRing), 4u);
  test.write(QUEUE_TCQ_HEAD::at(0), 1);
  test.write(QUEUE_RCQ_HEAD::at(0), 63);
  EXPECT_EQ(events.count(ProtocolAction::kHeadPastTail), 2u);
  test.write(QUEUE_BDQ_PPQ_TAIL::at(0), 5);
  EXPECT_EQ(events.count(ProtocolAction::kDoorbellOverruns), 1u);
  EXPECT_EQ(test.read(QUEUE_TWQ0_PTRS::at(0)), 0u);
  EXPECT_EQ(test.read(QUEUE_TCQ_PTRS::at(0)), 0u);
}

TEST(DeviceHostile, InvalidHeadAndTailRoomDropFrames) {
  TestCard test;
  TestRx::Options options;
  options.max_header = 0;
  TestRx rx(test, 0, options);
  test.receive_to(0);
  rx.deliver(plain_frame(60));
  EXPECT_EQ(test.read(QUEUE_RDE_PKT_ERR_CNT::at(0)), 1u);
  EXPECT_EQ(rx.next_completion(), 0u);
}

TEST(DeviceHostile, RegistersRewrittenUnderALiveQueueTakeEffectAtTheNextEnable) {
  TestCard test;
  TestTx tx(test, 0);
  test.write(QUEUE_TWQ0_SIZE::at(0), 1);
  test.write(QUEUE_TWQ0_BAL::at(0), 0);
  test.write(QUEUE_TCQ_BAH::at(0), ~0u);
  tx.send(plain_frame(60));
  EXPECT_EQ(test.wire.sent.size(), 1u);
  EXPECT_NE(tx.next_completion(), 0u);
  EXPECT_EQ(test.card.events().illegal_actions(), 3u);
}

/// Random register writes, memory, frames and delays. Host memory is a single mapping, so that an
/// access outside it is refused, and an ASan build detects faults of the card itself.
class RandomDriver {
 public:
  explicit RandomDriver(unsigned seed) : engine_(seed) { revive(); }

  void step(unsigned i) {
    if (i % 500 == 0) revive();
    switch (random() % 8) {
      case 0:
      case 1: {
        const std::uint32_t value = random() % 3 == 0 ? random() : random() % 256;
        return test.write({random() % 16 == 0 ? Bar::kBar4 : Bar::kBar0, any_offset()}, value);
      }
      case 2:
        test.read({Bar::kBar0, any_offset()});
        return;
      case 3:
        return spoil_descriptor();
      case 4:
        return test.write(QUEUE_TWQ0_TAIL::at(0), random() % 64);
      case 5:
        rx_.deliver(plain_frame(random() % 9800, i));
        return;
      case 6:
        now_ += random() % 100000;
        return test.card.tick(now_);
      default:
        test.wire.accept = random() % 4 != 0;
        test.wire.peer_paused = random() % 8 == 0;
        test.card.run(random() % 64);
        return;
    }
  }

  TestCard test;

 private:
  std::uint32_t random() { return static_cast<std::uint32_t>(engine_()); }

  std::uint32_t any_offset() {
    switch (random() % 4) {
      case 0:
        return 0x100000 + (random() % 4) * 0x1000 + random() % 0x400 * 4;
      case 1:
        return random() % 0x1000 * 4;
      case 2:
        return 0x20000 + random() % 0x1000 * 4;
      default:
        return random() % 0x80000 * 4;
    }
  }
  void spoil_descriptor() {
    const std::uint64_t ring = random() % 2 == 0 ? tx_.ring : rx_.hpq;
    std::uint64_t raw = std::uint64_t{random()} << 32 | random();
    if (random() % 2 == 0) {  // a mapped address
      raw = (raw & ~0x3fffffffffffull) | (TestMemory::kFirstIova + raw % (8u << 20));
    }
    test.memory.set_word(ring + random() % 64 * 8, raw);
  }
  /// Re-enables the queues, which random writes keep disabling.
  void revive() {
    test.write(PUL_OB_TLP_HDR_AW_CFG::at(), 1u << 18);
    test.write(PUL_OB_TLP_HDR_AR_CFG::at(), 1u << 18);
    test.write(SIG_MAC_IN0::at(), 0);
    test.write(MAC_COMMAND_CONFIG::at(), 0x813);
    tx_.enable();
    rx_.enable();
    test.receive_to(0);
    test.wire.sent.clear();
    test.wire.sent_at.clear();
  }

  std::mt19937 engine_;
  TestTx tx_{test, 0};
  TestRx rx_{test, 0};
  std::uint64_t now_ = 0;
};

TEST(DeviceHostile, RandomDriverCannotCrashOrStallTheCard) {
  for (unsigned seed = 0; seed < 12; ++seed) {
    RandomDriver driver(seed);
    for (unsigned i = 0; i < 20000; ++i) driver.step(i);
    // A bounded number of rounds drains all remaining work.
    TestCard& test = driver.test;
    test.wire.accept = true;
    test.wire.peer_paused = false;
    unsigned rounds = 0;
    while (test.card.run(1000) && rounds < 10000) ++rounds;
    EXPECT_LT(rounds, 10000u) << seed;
    test.card.reset(ResetKind::kFunctionLevel);
    EXPECT_EQ(test.read(QM_TWQ_IDLE::at(0)), ~0u);
  }
}

}  // namespace
}  // namespace hni::device
