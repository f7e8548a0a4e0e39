// SPDX-License-Identifier: Apache-2.0
#include "driver/control/self_test.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_device.hpp"

namespace hni {
namespace {

using namespace std::chrono_literals;
using test::bar0;

// A card whose queue registers behave as [device 20.1] requires.
class RegisterTestTest : public ::testing::Test {
 protected:
  RegisterTestTest() {
    fake_.device.on_write = [this](RegAddr at, std::uint32_t value) {
      fake_.device.poke(at, value & mask(at.byte_offset / 4 & 0x3ff));
      return true;
    };
  }
  virtual std::uint32_t mask(std::uint32_t index) {
    switch (index) {
      case 0x004:
      case 0x005:
      case 0x082:
      case 0x202:
      case 0x243:
      case 0x244:
        return 0;
      case 0x00a:
      case 0x00b:
      case 0x084:
      case 0x204:
      case 0x247:
      case 0x248:
        return 0xf;
      case 0x020:
      case 0x022:
      case 0x0a0:
      case 0x220:
      case 0x260:
      case 0x262:
        return 0xffffff80;
      default:
        return 0xffffffff;
    }
  }

  test::CheckedFakeDevice fake_;
  RegisterTest<test::FakeDevice> test_{fake_.io};
};

TEST_F(RegisterTestTest, AGoodCardPasses) {
  test_.start();
  EXPECT_TRUE(test_.step(29 * 64));
  EXPECT_FALSE(test_.fault());
  EXPECT_EQ(fake_.device.writes.size(), 29U * 64 * 4);
  for (std::uint32_t q = 0; q < 64; ++q)
    for (const std::uint32_t ctl : {0x000U, 0x001U, 0x080U, 0x200U, 0x240U})
      EXPECT_EQ(fake_.device.writes_to(bar0(0x40000 + 0x400 * q + ctl)),
                (std::vector<std::uint32_t>{1, 0, 1, 0}))
          << "RESET only";
}

TEST_F(RegisterTestTest, TheBudgetBoundsTheWork) {
  test_.start();
  EXPECT_FALSE(test_.step(10));
  EXPECT_EQ(fake_.device.writes.size(), 40U);
  int steps = 1;
  while (!test_.step(10)) ++steps;
  EXPECT_EQ(steps, 29 * 64 / 10);
}

TEST_F(RegisterTestTest, AStuckBitIsFoundAndNamed) {
  const std::uint32_t bad = 0x40000 + 0x400 * 17 + 0x261;  // HPQ_BAH of queue 17
  fake_.device.on_read = [&](RegAddr at) -> std::optional<std::uint32_t> {
    if (at == bar0(bad)) return fake_.device.peek(at) & ~0x10U;
    return std::nullopt;
  };
  test_.start();
  EXPECT_TRUE(test_.step(29 * 64));
  ASSERT_TRUE(test_.fault());
  EXPECT_EQ(test_.fault()->code(), bad);
  EXPECT_EQ(test_.fault()->expected, 0xffffffffU);
  EXPECT_EQ(test_.fault()->found, 0xffffffefU);
}

TEST_F(RegisterTestTest, APointerThatCanBeWrittenIsAFault) {
  fake_.device.on_write = nullptr;
  test_.start();
  EXPECT_TRUE(test_.step(29 * 64));
  ASSERT_TRUE(test_.fault());
  EXPECT_EQ(test_.fault()->code(), 0x40004U);
}

TEST_F(RegisterTestTest, SurpriseRemovalFailsImmediately) {
  fake_.device.gone = true;
  test_.start();
  EXPECT_TRUE(test_.step(29 * 64));
  EXPECT_TRUE(test_.fault());
  EXPECT_LE(fake_.device.reads, 2U);
}

// A card that fires, masks and auto-clears as [device 3.2] specifies, with one defect at a time.
class MsixTestTest : public ::testing::Test {
 protected:
  enum class Broken { kNothing, kMask, kLatch, kSticky, kSet, kAutoMask, kAutoClear };

  MsixTestTest() {
    mask_.fill(0xffffffff);
    fake_.device.on_write = [this](RegAddr at, std::uint32_t v) { return write(at, v); };
    fake_.device.on_read = [this](RegAddr at) -> std::optional<std::uint32_t> {
      const std::uint32_t index = at.byte_offset / 4;
      if (index < 8) return status_[index];
      if (index < 16) return mask_[index - 8];
      return std::nullopt;
    };
  }

  bool write(RegAddr at, std::uint32_t v) {
    const std::uint32_t n = at.byte_offset / 4 % 8;
    switch (at.byte_offset / 32) {
      case 2:
        if (broken_ == Broken::kSet && (mask_[n] & v) == 0) break;
        if (broken_ != Broken::kLatch || (mask_[n] & v) == 0) status_[n] |= v;
        if (broken_ == Broken::kMask)
          test_.interrupt(Vector{
              static_cast<std::uint16_t>(32 * n + static_cast<unsigned>(std::countr_zero(v)))});
        break;
      case 3:
        status_[n] &= ~v;
        break;
      case 6:
        mask_[n] |= v;
        break;
      case 7:
        mask_[n] &= ~v;
        if (broken_ == Broken::kSticky) status_[n] |= v;
        break;
      default:
        break;
    }
    fire(n);
    return true;
  }
  void fire(std::uint32_t n) {
    const std::uint32_t now = status_[n] & ~mask_[n];
    for (std::uint32_t bit = 0; bit < 32; ++bit)
      if ((now >> bit & 1U) != 0)
        test_.interrupt(Vector{static_cast<std::uint16_t>(32 * n + bit)});
    if (broken_ != Broken::kAutoMask) mask_[n] |= now;
    if (broken_ != Broken::kAutoClear) status_[n] &= ~now;
  }
  MsixFault run(std::uint16_t vectors, Broken broken = Broken::kNothing) {
    broken_ = broken;
    Time now = 0ns;
    test_.start(now, vectors);
    for (int i = 0; i < 4 * 256 && !test_.done(); ++i) test_.step(now = test_.deadline());
    EXPECT_TRUE(test_.done());
    return test_.fault();
  }

  test::CheckedFakeDevice fake_;
  MsixTest<test::FakeDevice> test_{fake_.io};
  std::array<std::uint32_t, 8> status_{}, mask_{};
  Broken broken_ = Broken::kNothing;
};

TEST_F(MsixTestTest, AGoodCardPassesOnAllVectors) {
  EXPECT_EQ(run(256), MsixFault::kNone);
  EXPECT_EQ(test_.vector(), Vector{256});
  for (const std::uint32_t m : mask_) EXPECT_EQ(m, 0xffffffffU);
}

TEST_F(MsixTestTest, EachBrokenRuleHasItsNumber) {
  EXPECT_EQ(run(4, Broken::kMask), MsixFault::kFiredWhileMasked);
  EXPECT_EQ(run(4, Broken::kLatch), MsixFault::kSilentAfterUnmask);
  EXPECT_EQ(run(4, Broken::kSticky), MsixFault::kFiredWithoutCause);
  EXPECT_EQ(run(4, Broken::kSet), MsixFault::kSilent);
  EXPECT_EQ(test_.vector(), Vector{2});
  EXPECT_EQ(static_cast<int>(MsixFault::kSilent), 50);
}

TEST_F(MsixTestTest, AVectorThatDoesNotMaskItselfIsAFault) {
  EXPECT_EQ(run(3, Broken::kAutoMask), MsixFault::kNotClearedOrMasked);
}

TEST_F(MsixTestTest, AnInterruptAfterTheTestIsAFault) {
  Time now = 0ns;
  test_.start(now, 4);
  while (test_.vector() == Vector{2}) test_.step(now = test_.deadline());
  test_.interrupt(Vector{2});
  while (!test_.step(now)) now = test_.deadline();
  EXPECT_EQ(test_.fault(), MsixFault::kFiredAfterTest);
}

TEST_F(MsixTestTest, WithoutVectorsTheTestIsDone) {
  test_.start(0ns, 2);
  EXPECT_TRUE(test_.done());
  EXPECT_EQ(test_.deadline(), Time::max());
  EXPECT_EQ(test_.fault(), MsixFault::kNone);
}

}  // namespace
}  // namespace hni
