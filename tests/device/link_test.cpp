// SPDX-License-Identifier: Apache-2.0
// The MAC and PCS registers as the Linux driver's link code uses them [device 10].
#include "device/link.hpp"

#include <gtest/gtest.h>

#include "openhni/spec/registers.hpp"

namespace hni::device {
namespace {

using spec::RegAddr;

RegAddr pcs(std::uint32_t page, std::uint32_t reg) {
  return {spec::Bar::kBar0, (0x10000 + 0x400 * page + reg) * 4};
}

/// The driver's link test: LINK is set and the lock field equals all lanes exactly [device 10.3].
struct Lock {
  std::uint32_t link, block, amps, fc;
};
Lock lock_of(const LinkModel& link) {
  const std::uint32_t out0 = *link.read(spec::SIG_PCS_OUT0::at());
  const std::uint32_t out1 = *link.read(spec::SIG_PCS_OUT1::at());
  return {out0 >> 27 & 1, out0 >> 5 & 0xfffff, out0 >> 1 & 0xf, out1 >> 8 & 0xf};
}

TEST(DeviceLink, LockFieldIsExactForEveryMode) {
  struct Case {
    std::uint32_t in0, in1;
    Lock lock;
    std::uint32_t control1;
    std::uint64_t mbps;
  };
  const Case cases[] = {
      {0x203, 0, {1, 0x1, 0, 0}, 0x2054, 25'000},
      {0x203, 0xf, {1, 0, 0x1, 0}, 0x2054, 25'000},
      {0x203, 0x0f000000, {1, 0, 0, 0x1}, 0x2054, 25'000},
      {0, 0, {1, 0x63, 0, 0}, 0x2058, 50'000},
      {0, 0xf, {1, 0, 0x5, 0}, 0x2058, 50'000},
      {0, 0x0f000000, {1, 0, 0, 0xf}, 0x2058, 50'000},
      {0x60000, 0xf, {1, 0, 0x3, 0}, 0x2058, 50'000},
      {0x60040, 0xf, {1, 0, 0xf, 0}, 0x2050, 100'000},
      {0x60000, 0, {0, 0, 0, 0}, 0x2058, 50'000},  // needs RS
      {0x12345, 0xf, {0, 0, 0, 0}, 0x2040, 0},     // no known lane mode
      {0x60040, 0x123, {0, 0, 0, 0}, 0x2050, 100'000},
  };
  for (const Case& c : cases) {
    LinkModel link{LinkModelConfig{}};
    link.set_pcs_in(c.in0, c.in1);
    const Lock lock = lock_of(link);
    EXPECT_EQ(lock.link, c.lock.link) << c.in0 << " " << c.in1;
    EXPECT_EQ(lock.block, c.lock.block);
    EXPECT_EQ(lock.amps, c.lock.amps);
    EXPECT_EQ(lock.fc, c.lock.fc);
    EXPECT_EQ(*link.read(pcs(0, 0)) & 0x207c, c.control1);
    EXPECT_EQ(link.speed_mbps(), c.mbps);
  }
}

TEST(DeviceLink, UnprogrammedLanesHaveNoLink) {
  LinkModel link{LinkModelConfig{}};
  EXPECT_FALSE(link.up());
  link.set_pcs_in(0x60040, 0xf);
  EXPECT_TRUE(link.up());
  link.reset_power();
  EXPECT_FALSE(link.up());
}

TEST(DeviceLink, ClearingLatchedBitsLeavesALiveLinkUp) {
  LinkModel link{LinkModelConfig{}};
  link.set_pcs_in(0x60040, 0xf);
  EXPECT_TRUE(link.write(spec::SIG_PCS_OUT0::at(), 0x09fffffe));
  EXPECT_TRUE(link.write(spec::SIG_PCS_OUT1::at(), 0x00000f00));
  EXPECT_EQ(*link.read(spec::SIG_PCS_OUT0::at()), 0x0c00001fu);
}

TEST(DeviceLink, EventsAreLatchedMaskedAndCleared) {
  LinkModel link{LinkModelConfig{}};
  link.set_pcs_in(0x60040, 0xf);
  EXPECT_FALSE(link.interrupt_cause());  // masked after reset
  link.write(spec::SIG_PCS_INTR_MASK::at(), 0xfffffffc);
  EXPECT_TRUE(link.interrupt_cause());
  EXPECT_EQ(*link.read(spec::SIG_PCS_INTR_STS::at()) & 3, 1u);
  link.write(spec::SIG_PCS_INTR_STS::at(), 3);
  EXPECT_FALSE(link.interrupt_cause());
  link.set_cable(false, 1000);
  EXPECT_EQ(*link.read(spec::SIG_PCS_INTR_STS::at()) & 3, 2u);
  EXPECT_TRUE(link.interrupt_cause());
  EXPECT_EQ(*link.read(spec::SIG_PCS_OUT0::at()), 0u);
}

TEST(DeviceLink, LockTakesTimeAfterLight) {
  LinkModelConfig config;
  config.plugged_at_power_on = false;
  config.lock_time_ns = 500;
  LinkModel link{config};
  link.set_pcs_in(0x60040, 0xf);
  EXPECT_FALSE(link.up());
  link.set_cable(true, 1000);
  EXPECT_EQ(link.next_deadline_ns(), 1500u);
  link.tick(1499);
  EXPECT_FALSE(link.up());
  link.tick(1500);
  EXPECT_TRUE(link.up());
  link.set_cable(false, 1600);
  link.set_cable(true, 1700);
  link.set_cable(false, 1800);  // signal lost again before the PCS locked
  link.tick(10'000);
  EXPECT_FALSE(link.up());
}

TEST(DeviceLink, XpcsStatusIsCleanWhileUp) {
  LinkModel link{LinkModelConfig{}};
  link.set_pcs_in(0x203, 0xf);
  for (std::uint32_t page = 0; page < 2; ++page) {
    EXPECT_EQ(*link.read(pcs(page, 0x001)) & 0x84, 0x04u);
    EXPECT_EQ(*link.read(pcs(page, 0x008)) & 0x0c00, 0u);
    EXPECT_EQ(*link.read(pcs(page, 0x210)) & 0x60, 0u);
    EXPECT_EQ(*link.read(pcs(page, 0x020)) & 1, 1u);
    EXPECT_EQ(*link.read(pcs(page, 0x021)) & 0xff, 0u);
  }
  link.set_cable(false, 0);
  EXPECT_EQ(*link.read(pcs(0, 0x001)) & 0x04, 0u);
}

TEST(DeviceLink, PcsResetClearsItselfAndKeepsTheSpeed) {
  LinkModel link{LinkModelConfig{}};
  link.set_pcs_in(0x60040, 0xf);
  EXPECT_TRUE(link.write(pcs(0, 0), 0x8000));
  EXPECT_EQ(*link.read(pcs(0, 0)) & 0x8000, 0u);
  EXPECT_EQ(*link.read(pcs(0, 0)) & 0x207c, 0x2050u);
}

TEST(DeviceLink, MacPassesTrafficOnlyEnabledAndOutOfReset) {
  LinkModel link{LinkModelConfig{}};
  link.set_pcs_in(0x60040, 0xf);
  EXPECT_FALSE(link.tx_enabled());
  link.write(spec::MAC_COMMAND_CONFIG::at(), 0x00000813);  // the driver's link-up sequence
  EXPECT_TRUE(link.tx_enabled());
  EXPECT_TRUE(link.rx_enabled());
  EXPECT_TRUE(link.tx_pause_enabled());
  EXPECT_TRUE(link.rx_pause_enabled());
  link.write(spec::SIG_MAC_IN0::at(), 0x7800);
  EXPECT_FALSE(link.tx_enabled());
  EXPECT_FALSE(link.rx_enabled());
  link.write(spec::SIG_MAC_IN0::at(), 0);
  link.write(spec::MAC_COMMAND_CONFIG::at(), 0x30000810);  // its link down
  EXPECT_FALSE(link.rx_enabled());
  EXPECT_FALSE(link.tx_pause_enabled());
  EXPECT_FALSE(link.rx_pause_enabled());
  link.write(spec::MAC_COMMAND_CONFIG::at(), 0x00000813);
  link.set_cable(false, 0);
  EXPECT_FALSE(link.tx_enabled());
}

TEST(DeviceLink, FunctionResetKeepsTheLanes) {
  LinkModel link{LinkModelConfig{}};
  link.set_pcs_in(0x60040, 0xf);
  link.write(spec::MAC_COMMAND_CONFIG::at(), 0x00000813);
  link.reset_function();
  EXPECT_TRUE(link.up());
  EXPECT_FALSE(link.tx_enabled());
  EXPECT_EQ(*link.read(spec::SIG_PCS_INTR_MASK::at()), 0xffffffffu);
}

TEST(DeviceLink, OtherRegistersAreNotHandled) {
  LinkModel link{LinkModelConfig{}};
  EXPECT_FALSE(link.read({spec::Bar::kBar0, 0x44000}).has_value());
  EXPECT_FALSE(link.read(pcs(0, 0x111)).has_value());
  EXPECT_FALSE(link.write(pcs(0, 0x111), 1));
  EXPECT_FALSE(link.read({spec::Bar::kBar4, spec::SIG_PCS_OUT0::kByteOffset}).has_value());
}

}  // namespace
}  // namespace hni::device
