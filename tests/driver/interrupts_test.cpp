// SPDX-License-Identifier: Apache-2.0
#include "driver/control/interrupts.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_device.hpp"

namespace hni {
namespace {

using test::bar0;
using test::RegWrite;

class InterruptsTest : public ::testing::Test {
 protected:
  test::CheckedFakeDevice fake_;
  Interrupts<test::FakeDevice> irq_{fake_.io};
};

TEST_F(InterruptsTest, OnlyTheMailboxVectorKeepsItsCause) {
  irq_.set_auto_clear();
  EXPECT_EQ(fake_.device.writes, (std::vector<RegWrite>{{bar0(0x28), 0xfffffffe}}));
}

TEST_F(InterruptsTest, AVectorIsItsBitInItsWord) {
  irq_.set(Vector{37});
  irq_.clear(Vector{0});
  irq_.mask(Vector{255});
  irq_.unmask(Vector{1});
  EXPECT_EQ(fake_.device.writes,
            (std::vector<RegWrite>{
                {bar0(0x11), 1U << 5}, {bar0(0x18), 1}, {bar0(0x37), 1U << 31}, {bar0(0x38), 2}}));
  fake_.device.poke(bar0(0x01), 1U << 5);
  EXPECT_TRUE(irq_.pending(Vector{37}));
  EXPECT_FALSE(irq_.pending(Vector{5}));
  fake_.device.poke(bar0(0x09), 1U << 4);
  EXPECT_FALSE(irq_.masked(Vector{37}));
  EXPECT_TRUE(irq_.masked(Vector{36}));
}

TEST_F(InterruptsTest, DefaultModerationIsLinuxs) {
  irq_.enable(Vector{2}, {});
  irq_.rearm(Vector{2});
  EXPECT_EQ(fake_.device.writes,
            (std::vector<RegWrite>{{bar0(0x408), 0xa011c01e}, {bar0(0x408), 0x80000000}}));
}

TEST_F(InterruptsTest, NewTimeoutsDoNotUnmask) {
  ASSERT_TRUE(irq_.moderate(Vector{3}, {.rx_us = 16383, .tx_us = 0}));
  EXPECT_EQ(fake_.device.writes, (std::vector<RegWrite>{{bar0(0x40c), 0x20007fff}}));
}

TEST_F(InterruptsTest, TimeoutsTheCardCannotCountAreRefused) {
  for (const Moderation& m :
       {Moderation{.rx_us = 16384}, Moderation{.tx_us = 16384}, Moderation{.rx_frames = 16384}})
    EXPECT_EQ(irq_.moderate(Vector{3}, m).error().code, ErrorCode::kBadArgument);
  EXPECT_TRUE(fake_.device.writes.empty());
}

TEST_F(InterruptsTest, ReceiveThresholdCountsTwoDescriptorsAFrame) {
  EXPECT_EQ(rx_threshold({}, 1024), 511U);
  EXPECT_EQ(rx_threshold({.rx_frames = 16}, 1024), 32U);
}

TEST_F(InterruptsTest, KickSetsOnlyTheWordsInUse) {
  VectorSet set;
  set.add(Vector{2});
  set.add(Vector{3});
  set.add(Vector{129});
  irq_.kick(set);
  EXPECT_EQ(fake_.device.writes, (std::vector<RegWrite>{{bar0(0x10), 0xc}, {bar0(0x14), 2}}));
  EXPECT_EQ(fake_.device.reads_from(Site::kPresence), 1U);
}

TEST_F(InterruptsTest, LinkCauseIsRoutedToVectorOne) {
  irq_.route_link();
  irq_.unroute_link();
  EXPECT_EQ(fake_.device.writes,
            (std::vector<RegWrite>{
                {bar0(0x62), 0x80000001}, {bar0(0x47), 0}, {bar0(0x62), 1}, {bar0(0x30), 2}}));
}

}  // namespace
}  // namespace hni
