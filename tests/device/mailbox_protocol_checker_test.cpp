// SPDX-License-Identifier: Apache-2.0
// The ordering rules of the firmware mailbox, tested on the checker alone.
#include "device/mailbox_protocol_checker.hpp"

#include <gtest/gtest.h>

#include "openhni/spec/descriptors.hpp"

namespace hni::device {
namespace {

using spec::ProtocolAction;

constexpr unsigned kRx = 0;
constexpr unsigned kTx = 1;

class DeviceMailboxWatch : public ::testing::Test {
 protected:
  void write(unsigned mailbox, unsigned d, bool high, std::uint32_t value) {
    const MailboxProtocolChecker::View before{words[mailbox][d][0], words[mailbox][d][1],
                                              words[mailbox][(d + 1) % 16][0], gate_open};
    watch.written(mailbox, d, high, value, before, events);
    words[mailbox][d][high ? 1 : 0] = value;
  }
  void publish(unsigned mailbox, unsigned d, std::uint64_t raw) {
    write(mailbox, d, true, static_cast<std::uint32_t>(raw >> 32));
    watch.flushed();
    write(mailbox, d, false, static_cast<std::uint32_t>(raw));
  }
  void invalidate(unsigned mailbox, unsigned d, std::uint32_t low) {
    write(mailbox, d, false, low);
    watch.flushed();
    write(mailbox, d, true, 0);
  }
  static std::uint64_t message(std::uint64_t bytes) {
    return spec::MBX_DESC{}.set_HOST_CMPL(1).set_ADDR_8(0x200).set_EOM(1).set_LEN(bytes).raw;
  }
  std::uint64_t count(ProtocolAction action) const { return events.count(action); }

  MailboxProtocolChecker watch;
  CardEvents events;
  std::uint32_t words[2][16][2] = {};
  bool gate_open = true;
};

TEST_F(DeviceMailboxWatch, ResetFillAndTrafficInOrderBreakNoRule) {
  gate_open = false;
  for (const unsigned mailbox : {kRx, kTx}) {
    invalidate(mailbox, 0, 0);
    for (unsigned d = 15; d != 0; --d) invalidate(mailbox, d, 3);
  }
  gate_open = true;
  for (unsigned d = 0; d < 15; ++d) {
    write(kRx, d + 1, false, 0);
    publish(kRx, d, spec::MBX_DESC{}.set_HOST_CMPL(1).set_ADDR_8(0x200).set_LEN(4096).raw);
  }
  for (unsigned i = 0; i < 40; ++i) {
    const unsigned d = i % 16;
    write(kTx, (d + 1) % 16, false, 0);
    publish(kTx, d, message(8));
    words[kTx][d][0] |= 2;  // the firmware's completion
  }
  EXPECT_EQ(events.illegal_actions(), 0u);
}

TEST_F(DeviceMailboxWatch, PublishingWithoutFlushIsNoted) {
  write(kTx, 0, true, static_cast<std::uint32_t>(message(8) >> 32));
  write(kTx, 0, false, static_cast<std::uint32_t>(message(8)));
  EXPECT_EQ(count(ProtocolAction::kMailboxPublishOrder), 1u);
}

TEST_F(DeviceMailboxWatch, PublishingTheLowHalfFirstIsNoted) {
  write(kTx, 0, false, static_cast<std::uint32_t>(message(8)));
  EXPECT_EQ(count(ProtocolAction::kMailboxPublishOrder), 1u);
  watch.flushed();
  write(kTx, 0, true, static_cast<std::uint32_t>(message(8) >> 32));
  EXPECT_EQ(count(ProtocolAction::kMailboxInvalidateOrder), 1u);
  EXPECT_EQ(count(ProtocolAction::kMailboxOverwrite), 1u);
}

TEST_F(DeviceMailboxWatch, InvalidatingWithoutFlushIsNoted) {
  write(kRx, 4, false, 3);
  write(kRx, 4, true, 0);
  EXPECT_EQ(count(ProtocolAction::kMailboxInvalidateOrder), 1u);
}

TEST_F(DeviceMailboxWatch, WritingADescriptorOfTheFirmwareIsNotedUnlessTheRingIsReset) {
  publish(kTx, 0, message(8));
  gate_open = false;
  invalidate(kTx, 0, 0);
  EXPECT_EQ(events.illegal_actions(), 0u);
  gate_open = true;
  publish(kTx, 0, message(8));
  invalidate(kTx, 0, 0);
  EXPECT_EQ(count(ProtocolAction::kMailboxOverwrite), 1u);
}

TEST_F(DeviceMailboxWatch, FillingTheLastSlotIsNoted) {
  words[kTx][1][0] = 3;
  publish(kTx, 0, message(8));
  EXPECT_EQ(count(ProtocolAction::kMailboxFull), 1u);
}

TEST_F(DeviceMailboxWatch, DescriptorsWithoutEndOrLengthAreNoted) {
  publish(kTx, 0, spec::MBX_DESC{}.set_HOST_CMPL(1).set_ADDR_8(1).set_LEN(8).raw);
  publish(kTx, 1, message(0));
  publish(kTx, 2, message(4100));
  publish(kRx, 0, message(3));
  EXPECT_EQ(count(ProtocolAction::kMailboxDescriptor), 4u);
}

}  // namespace
}  // namespace hni::device
