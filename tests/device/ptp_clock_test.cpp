// SPDX-License-Identifier: Apache-2.0
#include "device/ptp_clock.hpp"

#include <gtest/gtest.h>

#include "openhni/spec/registers.hpp"

namespace hni::device {
namespace {

using namespace spec;

std::uint64_t counter(const PtpClock& clock) {
  return std::uint64_t{*clock.read(PTP_CTR_VAL_HI::at())} << 32 |
         *clock.read(PTP_CTR_VAL_LO::at());
}

/// The register writes of the driver's probe [device 17].
PtpClock started() {
  PtpClock clock;
  clock.write(PTP_CTRL::at(), 0x00100001);
  clock.write(PTP_ADD_VAL_NS::at(), 1);
  clock.write(PTP_ADD_VAL_SUBNS::at(), 0xaaaaaaaa);
  clock.write(PTP_INIT_HI::at(), 0);
  clock.write(PTP_INIT_LO::at(), 0);
  clock.write(PTP_ADJUST::at(), 1);
  clock.write(PTP_CTRL::at(), 0x00103101);
  return clock;
}

TEST(DevicePtpClock, RunsAtOneNanosecondPerNanosecond) {
  PtpClock clock = started();
  clock.advance(1'000'000'000);
  // 600 M cycles of 5/3 ns rounded down to 2^-32 ns: 600e6 * 2/3 * 2^-32 = 0.09 ns short
  EXPECT_EQ(counter(clock), 999'999'999u);
  clock.advance(3'600'000'000'000);
  EXPECT_NEAR(static_cast<double>(counter(clock)), 3.6e12, 400);
}

TEST(DevicePtpClock, SmallStepsAddUpToOneBigStep) {
  PtpClock small = started();
  PtpClock big = started();
  for (std::uint64_t t = 1; t <= 100'000; ++t) small.advance(t);
  big.advance(100'000);
  EXPECT_EQ(counter(small), counter(big));
}

TEST(DevicePtpClock, IsStillBeforeItIsEnabled) {
  PtpClock clock;
  clock.advance(1'000'000);
  EXPECT_EQ(counter(clock), 0u);
}

TEST(DevicePtpClock, TimeNeverRunsBackwards) {
  PtpClock clock = started();
  clock.advance(5000);
  const std::uint64_t before = counter(clock);
  clock.advance(4000);
  EXPECT_EQ(counter(clock), before);
}

TEST(DevicePtpClock, InitSetsTheCounter) {
  PtpClock clock = started();
  clock.write(PTP_INIT_HI::at(), 0x12);
  clock.write(PTP_INIT_LO::at(), 0x3456789a);
  EXPECT_EQ(counter(clock), 0u);  // only the write to the trigger register takes effect
  clock.write(PTP_ADJUST::at(), 1);
  EXPECT_EQ(counter(clock), 0x12'3456789aull);
  EXPECT_EQ(clock.now40(), 0x12'3456789aull);
  EXPECT_EQ(*clock.read(PTP_ADJUST::at()), 0u);
}

TEST(DevicePtpClock, NewAddendWaitsForItsTrigger) {
  PtpClock clock = started();
  clock.write(PTP_ADD_VAL_NS::at(), 2);
  clock.write(PTP_ADD_VAL_SUBNS::at(), 0);
  clock.advance(5);  // 3 cycles of 5/3 ns
  EXPECT_EQ(counter(clock), 4u);
  clock.write(PTP_ADJUST::at(), 0x01000000);
  clock.advance(5 + 5'000);  // 3000 cycles of 2 ns
  EXPECT_EQ(counter(clock), 4u + 6'000);
}

TEST(DevicePtpClock, NudgesAddAndSubtract) {
  PtpClock clock = started();
  clock.write(PTP_NUDGE_NS::at(), 1000);
  clock.write(PTP_ADJUST::at(), 1u << 16);
  EXPECT_EQ(counter(clock), 1000u);
  clock.write(PTP_ADJUST::at(), 1u << 8);
  EXPECT_EQ(counter(clock), 0u);
}

TEST(DevicePtpClock, TimestampsAreTheLowFortyBits) {
  PtpClock clock = started();
  clock.write(PTP_INIT_HI::at(), 0xabcd);
  clock.write(PTP_INIT_LO::at(), 7);
  clock.write(PTP_ADJUST::at(), 1);
  EXPECT_EQ(clock.now40(), 0xcd'00000007ull);
}

TEST(DevicePtpClock, CountersAreReadOnlyAndOtherRegistersAreNotHandled) {
  PtpClock clock = started();
  EXPECT_TRUE(clock.write(PTP_CTR_VAL_HI::at(), 5));
  EXPECT_EQ(counter(clock), 0u);
  EXPECT_FALSE(clock.write({Bar::kBar0, 0x12038}, 1));
  EXPECT_FALSE(clock.read({Bar::kBar4, 0x12000}).has_value());
}

TEST(DevicePtpClock, ResetStopsAndZeroesIt) {
  PtpClock clock = started();
  clock.advance(1'000'000);
  clock.reset();
  clock.advance(2'000'000);
  EXPECT_EQ(counter(clock), 0u);
  EXPECT_EQ(*clock.read(PTP_CTRL::at()), 0u);
}

}  // namespace
}  // namespace hni::device
