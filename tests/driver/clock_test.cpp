// SPDX-License-Identifier: Apache-2.0
#include "driver/control/clock.hpp"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/fake_device.hpp"

namespace hni {
namespace {

using namespace std::chrono_literals;
using test::bar0;
using test::RegWrite;

class ClockTest : public ::testing::Test {
 protected:
  void set_counter(std::uint64_t ns) {
    fake_.device.poke(bar0(0x4808), static_cast<std::uint32_t>(ns >> 32));
    fake_.device.poke(bar0(0x4809), static_cast<std::uint32_t>(ns));
  }
  std::uint64_t time_of(std::uint64_t stamp) {
    return clock_.time_of(Untrusted<std::uint64_t>(stamp));
  }

  static constexpr std::uint64_t kMask = (std::uint64_t{1} << 40) - 1;
  test::CheckedFakeDevice fake_;
  Clock<test::FakeDevice> clock_{fake_.io};
};

TEST_F(ClockTest, SetupIsLinuxsSequence) {
  clock_.setup(Time{});
  EXPECT_EQ(fake_.device.writes, (std::vector<RegWrite>{{bar0(0x4800), 0x00100001},
                                                        {bar0(0x4806), 1},
                                                        {bar0(0x4807), 0xaaaaaaaa},
                                                        {bar0(0x4802), 0},
                                                        {bar0(0x4803), 0},
                                                        {bar0(0x4801), 1},
                                                        {bar0(0x4800), 0x00103101}}));
  EXPECT_EQ(fake_.device.reads, 1U) << "PTP_SPARE, to flush";
}

TEST_F(ClockTest, SlewChangesTheIncrement) {
  ASSERT_TRUE(clock_.slew(1'000'000));  // a thousandth faster
  EXPECT_EQ(fake_.device.writes,
            (std::vector<RegWrite>{
                {bar0(0x4806), 1}, {bar0(0x4807), 0xab17e4b0}, {bar0(0x4801), 0x01000000}}));
  ASSERT_TRUE(clock_.slew(0));
  EXPECT_EQ(fake_.device.peek(bar0(0x4807)), 0xaaaaaaaaU);
}

TEST_F(ClockTest, TheIncrementStaysPositiveAndInItsField) {
  using clock_detail::increment;
  EXPECT_GT(increment(-999'999'999), 0U);
  EXPECT_LT(increment(999'999'999), std::uint64_t{1} << 48);
  EXPECT_EQ(increment(0), 0x1aaaaaaaaU);
  EXPECT_FALSE(clock_.slew(1'000'000'000));
  EXPECT_FALSE(clock_.slew(-1'000'000'000));
  EXPECT_FALSE(clock_.slew(INT64_MIN));
  EXPECT_TRUE(fake_.device.writes.empty());
}

TEST_F(ClockTest, AResetKeepsSlewAndOffset) {
  ASSERT_TRUE(clock_.slew(-500'000'000));
  set_counter(1000);
  ASSERT_TRUE(clock_.set(5000));
  clock_.setup(Time{});
  EXPECT_EQ(fake_.device.peek(bar0(0x4806)), 0U);
  EXPECT_EQ(fake_.device.peek(bar0(0x4807)), 0xd5555555U);
  EXPECT_EQ(clock_.read().value(), 5000U);
}

TEST_F(ClockTest, StepsMoveAnOffset) {
  set_counter(0x1'2345'6789);
  ASSERT_TRUE(clock_.set(42));
  EXPECT_EQ(clock_.read().value(), 42U);
  clock_.step_by(-40);
  EXPECT_EQ(clock_.read().value(), 2U);
  clock_.step_by(8);
  EXPECT_EQ(clock_.read().value(), 10U);
  EXPECT_TRUE(fake_.device.writes.empty()) << "the counter runs free";
}

TEST_F(ClockTest, AHighHalfThatMovesOnceIsReadAgain) {
  fake_.device.script(bar0(0x4808), {7, 8, 8});
  fake_.device.script(bar0(0x4809), {0xffffffff, 3});
  EXPECT_EQ(clock_.read().value(), 0x8'0000'0003U);
}

TEST_F(ClockTest, AHighHalfThatNeverStabilisesIsRefused) {
  std::uint32_t n = 0;
  fake_.device.on_read = [&](RegAddr at) -> std::optional<std::uint32_t> {
    if (at == bar0(0x4808)) return ++n;
    return std::nullopt;
  };
  EXPECT_EQ(clock_.read().error().code, ErrorCode::kTimeout);
  EXPECT_EQ(clock_.set(1).error().code, ErrorCode::kTimeout);
  EXPECT_EQ(n, 2U * 5);
  EXPECT_EQ(fake_.refused(Site::kClockHigh), 2U);
}

TEST_F(ClockTest, SurpriseRemovalIsReported) {
  fake_.device.gone = true;
  EXPECT_EQ(clock_.read().error().code, ErrorCode::kCardGone);
  EXPECT_EQ(clock_.slew(1).error().code, ErrorCode::kCardGone);
  clock_.start(0ns);
  EXPECT_LE(fake_.device.reads, 6U);
}

TEST_F(ClockTest, TimestampsAreExtendedAcrossEveryWrap) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 10000; ++i) {
    const std::uint64_t base = random();
    const std::uint64_t age = random() & kMask;
    EXPECT_EQ(extend_stamp<std::uint64_t>(base, (base + age) & kMask), base + age);
  }
  EXPECT_EQ(extend_stamp<std::uint64_t>(5, 5), 5U);
  EXPECT_EQ(extend_stamp<std::uint64_t>(5, 4), 4U + kMask + 1);
}

TEST_F(ClockTest, ATimestampShortlyBeforeAndLongAfterTheRefreshIsCorrect) {
  for (const std::uint64_t counter :
       {std::uint64_t{1000}, std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
    set_counter(counter);
    clock_.start(0ns);
    for (const std::int64_t later : {-60'000'000'000LL, -1LL, 0LL, 1LL, 900'000'000'000LL}) {
      const std::uint64_t when = counter + static_cast<std::uint64_t>(later);
      EXPECT_EQ(time_of(when & kMask), when);
    }
  }
}

TEST_F(ClockTest, TheBaseIsRenewedBeforeTimestampsBecomeAmbiguous) {
  clock_.start(0ns);
  EXPECT_EQ(clock_.deadline(), Duration(std::int64_t{1} << 36));
  EXPECT_FALSE(clock_.is_stale(100s));
  EXPECT_TRUE(clock_.is_stale(104s));
  set_counter(std::uint64_t{500} << 32);
  clock_.step(104s);
  EXPECT_FALSE(clock_.is_stale(104s));
  EXPECT_EQ(time_of((std::uint64_t{500} << 32) & kMask), std::uint64_t{500} << 32);
  clock_.stop();
  EXPECT_EQ(clock_.deadline(), Time::max());
}

TEST_F(ClockTest, TimestampsFollowTheOffset) {
  set_counter(std::uint64_t{100} << 32);
  clock_.start(0ns);
  ASSERT_TRUE(clock_.set(1'000'000));
  EXPECT_EQ(time_of((std::uint64_t{100} << 32) + 5), 1'000'005U);
}

}  // namespace
}  // namespace hni
