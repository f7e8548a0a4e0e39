// SPDX-License-Identifier: Apache-2.0
// Register semantics of the card: read-back, side effects and counters.
#include <gtest/gtest.h>

#include "device/register_file.hpp"
#include "openhni/spec/device_table.hpp"
#include "tests/device/device_fixture.hpp"

namespace hni::device {
namespace {

using spec::Bar;
using spec::RegAddr;

TEST(DeviceRegisters, UnknownOffsetsReadZeroAndAreCounted) {
  TestCard test;
  EXPECT_EQ(test.read({Bar::kBar0, 0x1ff000}), 0u);
  EXPECT_EQ(test.read({Bar::kBar0, 0xfffffffc}), 0u);
  EXPECT_EQ(test.read({Bar::kBar4, 0x1fffc}), 0u);
  EXPECT_EQ(test.read({Bar::kBar0, 0x3106e}), 0u);  // unaligned
  test.write({Bar::kBar0, 0x1ff000}, 7);
  EXPECT_EQ(test.card.events().unknown_register, 5u);
  EXPECT_EQ(test.card.events().unknown_register_reads, 4u);
  EXPECT_EQ(test.card.events().last_unknown.byte_offset, 0x1ff000u);
  EXPECT_TRUE(test.card.events().last_unknown.write);
  EXPECT_EQ(test.card.events().read_only_write, 0u);
}

TEST(DeviceRegisters, WriteToReadOnlyRegisterIsCountedAndChangesNothing) {
  TestCard test;
  test.write(spec::QUEUE_TWQ0_PTRS::at(7), 0xffffffff);
  test.write(spec::QM_TWQ_IDLE::at(0), 0);
  EXPECT_EQ(test.read(spec::QUEUE_TWQ0_PTRS::at(7)), 0u);
  EXPECT_EQ(test.read(spec::QM_TWQ_IDLE::at(0)), ~0u);
  EXPECT_EQ(test.card.events().read_only_write, 2u);
  EXPECT_EQ(test.card.events().unknown_register, 0u);
}

TEST(DeviceRegisters, RegisterKnownOnlyByNameIsAPartlyModelledUse) {
  TestCard test;
  const RegAddr status{Bar::kBar0, 0x100018};  // QUEUE_TWQ0_STS0
  EXPECT_EQ(test.read(status), 0u);
  test.write(status, 1);
  EXPECT_EQ(test.card.events().partly_modelled, 2u);
  EXPECT_EQ(test.card.events().partly_modelled_reads, 1u);
  EXPECT_EQ(test.card.events().unknown_register, 0u);
}

TEST(DeviceRegisters, PresenceRegistersNeverReadAllOnes) {
  TestCard test;
  test.write(spec::MASTER_SPARE_0::at(), 0x12345678);
  EXPECT_EQ(test.read(spec::MASTER_SPARE_0::at()), 0x12345678u);
  test.write(spec::MASTER_SPARE_0::at(), 0xffffffff);
  EXPECT_NE(test.read(spec::MASTER_SPARE_0::at()), 0xffffffffu);
  EXPECT_EQ(test.read(spec::MBX_DESC_LO::at(0, 0)), 0u);
}

TEST(DeviceRegisters, OneTimeProgrammableMemoryReportsNoError) {
  TestCard test;
  EXPECT_EQ(test.read(spec::NS_OTP_STATUS::at()), 0u);
  EXPECT_EQ(test.read(spec::NS_OTP_WRITE_STATUS::at()), 0u);
}

TEST(DeviceRegisters, WriteOneClearsTheErrorStatusOfTheRxBuffer) {
  TestCard test;
  spec::RXB_ERR_INTR_STS status;
  status.raw = 0xf000;
  test.card.registers().poke(status);
  test.write(spec::RXB_ERR_INTR_STS::at(), 0x1000);
  EXPECT_EQ(test.read(spec::RXB_ERR_INTR_STS::at()), 0xe000u);
}

TEST(DeviceRegisters, ReservedBitsOfARegisterDoNotStick) {
  TestCard test;
  test.write(spec::QUEUE_TWQ0_SIZE::at(0), 0xffffffff);
  test.write(spec::QUEUE_TWQ0_BAL::at(0), 0xffffffff);
  test.write(spec::INTR_MSIX_CTRL::at(34), 0xffffffff);
  EXPECT_EQ(test.read(spec::QUEUE_TWQ0_SIZE::at(0)), 0xfu);
  EXPECT_EQ(test.read(spec::QUEUE_TWQ0_BAL::at(0)), 0xffffff80u);
  EXPECT_EQ(test.read(spec::INTR_MSIX_CTRL::at(34)), 0x800000ffu);
}

/// The offline register test of `ethtool -t` [device 20.1].
class RegisterSelfTest : public ::testing::Test {
 protected:
  void check(RegAddr at, std::uint32_t write_mask) {
    for (const std::uint32_t pattern : {0xffffffffu, 0x5a5a5a5au, 0xa5a5a5a5u, 0u}) {
      test.write(at, pattern);
      ASSERT_EQ(test.read(at), pattern & write_mask) << std::hex << at.byte_offset;
    }
  }
  void check_control(RegAddr at) {
    for (const std::uint32_t pattern : {0xffffffffu, 0x5a5a5a5au, 0xa5a5a5a5u, 0u}) {
      test.write(at, pattern & 1);
      ASSERT_EQ(test.read(at), pattern & 1) << std::hex << at.byte_offset;
    }
  }
  TestCard test;
};

TEST_F(RegisterSelfTest, PassesForTheFirst64Queues) {
  using namespace spec;
  for (unsigned q = 0; q < 64; ++q) {
    for (const RegAddr at : {QUEUE_TWQ0_CTL::at(q), QUEUE_TWQ1_CTL::at(q), QUEUE_TCQ_CTL::at(q),
                             QUEUE_RCQ_CTL::at(q), QUEUE_BDQ_CTL::at(q)}) {
      check_control(at);
    }
    for (const RegAddr at :
         {QUEUE_TWQ0_PTRS::at(q), QUEUE_TWQ1_PTRS::at(q), QUEUE_TCQ_PTRS::at(q),
          QUEUE_RCQ_PTRS::at(q), QUEUE_BDQ_HPQ_PTRS::at(q), QUEUE_BDQ_PPQ_PTRS::at(q)}) {
      check(at, 0);
    }
    for (const RegAddr at :
         {QUEUE_TWQ0_SIZE::at(q), QUEUE_TWQ1_SIZE::at(q), QUEUE_TCQ_SIZE::at(q),
          QUEUE_RCQ_SIZE::at(q), QUEUE_BDQ_HPQ_SIZE::at(q), QUEUE_BDQ_PPQ_SIZE::at(q)}) {
      check(at, 0xf);
    }
    for (const RegAddr at :
         {QUEUE_TWQ0_BAL::at(q), QUEUE_TWQ1_BAL::at(q), QUEUE_TCQ_BAL::at(q), QUEUE_RCQ_BAL::at(q),
          QUEUE_BDQ_HPQ_BAL::at(q), QUEUE_BDQ_PPQ_BAL::at(q)}) {
      check(at, 0xffffff80);
    }
    for (const RegAddr at :
         {QUEUE_TWQ0_BAH::at(q), QUEUE_TWQ1_BAH::at(q), QUEUE_TCQ_BAH::at(q), QUEUE_RCQ_BAH::at(q),
          QUEUE_BDQ_HPQ_BAH::at(q), QUEUE_BDQ_PPQ_BAH::at(q)}) {
      check(at, 0xffffffff);
    }
  }
  EXPECT_EQ(test.card.events().unknown_register, 0u);
  EXPECT_EQ(test.card.events().partly_modelled, 0u);
}

TEST(DeviceRegisters, DoorbellOfADisabledQueueViolatesARuleAndHasNoEffect) {
  TestCard test;
  ASSERT_EQ(test.card.events().illegal_actions(), 0u);
  test.write(spec::QUEUE_TWQ0_TAIL::at(9), 4);
  EXPECT_EQ(test.card.events().illegal_actions(), 1u);
  EXPECT_EQ(test.read(spec::QUEUE_TWQ0_PTRS::at(9)), 0u);
  EXPECT_EQ(test.read(spec::QM_TWQ_IDLE::at(0)), ~0u);
}

TEST(DeviceRegisters, RuleReadsTheSameQueueBlock) {
  TestCard test;
  TestTx tx(test, 9);
  const std::uint64_t before = test.card.events().illegal_actions();
  test.write(spec::QUEUE_TWQ0_TAIL::at(9), 0);
  EXPECT_EQ(test.card.events().illegal_actions(), before);
  test.write(spec::QUEUE_TWQ0_TAIL::at(8), 0);
  EXPECT_EQ(test.card.events().illegal_actions(), before + 1);
}

TEST(DeviceRegisters, QueueLifecycleInOrderViolatesNoRule) {
  TestCard test;
  TestTx tx(test, 0);
  TestRx rx(test, 0);
  test.receive_to(0);
  tx.send(plain_frame(60));
  rx.deliver(plain_frame(60));
  test.write(spec::QUEUE_TWQ0_CTL::at(0), 0);
  test.write(spec::QUEUE_TCQ_CTL::at(0), 0);
  test.write(spec::QUEUE_BDQ_CTL::at(0), 0x40000000);
  test.write(spec::QUEUE_RCQ_CTL::at(0), 0);
  for (const RegAddr at : {spec::QM_TWQ_IDLE::at(0), spec::QM_TCQ_IDLE::at(0),
                           spec::QM_HPQ_IDLE::at(0), spec::QM_RCQ_IDLE::at(0)}) {
    EXPECT_EQ(test.read(at), ~0u);
  }
  tx.enable();
  rx.enable();
  EXPECT_EQ(test.card.events().illegal_actions(), 0u);
}

TEST(DeviceRegisters, ShortcutsInTheLifecycleAreCountedByName) {
  using spec::ProtocolAction;
  TestCard test;
  TestTx tx(test, 0);
  const CardEvents& events = test.card.events();
  test.write(spec::QUEUE_TWQ0_CTL::at(0), 1);
  EXPECT_EQ(events.count(ProtocolAction::kResetWhileEnabled), 1u);
  test.write(spec::QUEUE_TWQ0_CTL::at(0), 2);
  test.write(spec::QUEUE_TWQ0_CTL::at(0), 0);
  test.write(spec::QUEUE_TWQ0_CTL::at(0), 2);
  EXPECT_EQ(events.count(ProtocolAction::kEnableWithoutReset), 1u);
  test.write(spec::QUEUE_TWQ0_CTL::at(0), 0);
  test.write(spec::QUEUE_TWQ0_CTL::at(0), 1);
  EXPECT_EQ(events.count(ProtocolAction::kResetBeforeIdle), 1u);
}

TEST(DeviceRegisters, ReadingEveryRegisterTwiceGivesTheSameAndHasNoEffect) {
  TestCard test;
  std::vector<std::uint32_t> first;
  for (int pass = 0; pass < 2; ++pass) {
    std::size_t i = 0;
    for (std::uint32_t offset = 0; offset < kBar0StoredBytes; offset += 4) {
      const std::uint32_t value = test.read({Bar::kBar0, offset});
      if (pass == 0) {
        first.push_back(value);
      } else {
        ASSERT_EQ(value, first[i++]) << std::hex << offset;
      }
    }
  }
  EXPECT_EQ(test.sink.fired.size(), 0u);
}

TEST(DeviceRegisters, FunctionLevelResetRestoresRegistersAndKeepsTheFirmware) {
  TestCard test;
  TestTx tx(test, 0);
  tx.post(plain_frame(60));
  tx.ring_doorbell();
  test.write(spec::RPC_RSS_KEY::at(3), 0x1234);
  test.write(spec::INTR_MASK_CLEAR::at(0), ~0u);
  const std::uint32_t pcs = test.read(spec::SIG_PCS_OUT0::at());
  test.card.reset(ResetKind::kFunctionLevel);
  test.run();
  EXPECT_TRUE(test.wire.sent.empty());
  EXPECT_EQ(test.read(spec::RPC_RSS_KEY::at(3)), 0u);
  EXPECT_EQ(test.read(spec::QUEUE_TWQ0_CTL::at(0)), 0u);
  EXPECT_EQ(test.read(spec::QUEUE_TWQ0_PTRS::at(0)), 0u);
  EXPECT_EQ(test.read(spec::QUEUE_TWQ0_BAL::at(0)), 0u);
  EXPECT_EQ(test.read(spec::INTR_MASK::at(0)), ~0u);
  EXPECT_EQ(test.read(spec::PUL_OB_TLP_HDR_AW_CFG::at()) >> 18 & 1, 0u);
  EXPECT_EQ(test.read(spec::QM_TWQ_IDLE::at(0)), ~0u);
  EXPECT_EQ(test.read(spec::SIG_PCS_OUT0::at()), pcs);
}

}  // namespace
}  // namespace hni::device
