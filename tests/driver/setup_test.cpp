// SPDX-License-Identifier: Apache-2.0
#include "driver/control/setup.hpp"

#include <gtest/gtest.h>

#include "tests/support/fake_device.hpp"

namespace hni {
namespace {

using test::bar0;
using test::RegWrite;

class SetupTest : public ::testing::Test {
 protected:
  std::uint32_t last(std::uint32_t index) {
    return fake_.device.last_write(bar0(index)).value_or(0xdeadbeef);
  }
  bool written(std::uint32_t index) { return fake_.device.last_write(bar0(index)).has_value(); }

  test::CheckedFakeDevice fake_;
  hni::Setup<test::FakeDevice> setup_{fake_.io};
};

// Expected values from [device 8], by word index.

TEST_F(SetupTest, RequestSizesKeepTheOutstandingLimits) {
  for (const std::uint32_t index : {0x86cU, 0x86eU, 0xc2dU, 0xc2eU, 0xc2fU})
    fake_.device.poke(bar0(index), 0xff12345f);
  ASSERT_TRUE(setup_.program({.max_payload = 256, .max_read_request = 512}));
  EXPECT_EQ(last(0x86c), 0x00123453U);
  EXPECT_EQ(last(0x86e), 0xff123452U);
  EXPECT_EQ(last(0xc2d), 0x00123453U);
  EXPECT_EQ(last(0xc2e), 0xff123452U);
  EXPECT_EQ(last(0xc2f), 0xff123452U);
}

TEST_F(SetupTest, ReadRequestSizeSelectsTheTdeWord) {
  const std::pair<std::uint32_t, std::uint32_t> cases[] = {
      {0, 0x002c0800},   {64, 0x002c0800},   {128, 0x002c0801},  {256, 0x002c0802},
      {512, 0x002c0803}, {1024, 0x022c0803}, {4096, 0x022c0803},
  };
  for (const auto& [bytes, word] : cases) {
    ASSERT_TRUE(setup_.program({.max_read_request = bytes}));
    EXPECT_EQ(last(0x86d), word) << bytes;
  }
}

TEST_F(SetupTest, QueueManagerGetsItsConstants) {
  ASSERT_TRUE(setup_.program({}));
  EXPECT_EQ(last(0x818), 0x0000000eU);
  EXPECT_EQ(last(0x819), 0x00000020U);
  EXPECT_EQ(last(0x81b), 0x21U);
  EXPECT_EQ(last(0x849), 0x7fffffffU);
  EXPECT_EQ(last(0x81d), 0x260fU);
  EXPECT_EQ(last(0x81e), 0x260fU);
  EXPECT_EQ(last(0x82d), 0x0258bb80U);
  EXPECT_EQ(last(0xc0c), 0x025804b0U);
  EXPECT_EQ(last(0xc005), 0x00010002U);
}

TEST_F(SetupTest, ReceiveBufferIsLaidOut) {
  ASSERT_TRUE(setup_.program({}));
  EXPECT_FALSE(setup_.management_running());
  struct Row {
    std::uint32_t fifo, cfg, credit, pause, drop, ecn;
  };
  for (const Row& r : {Row{0, 0x00041800, 0x0404, 0x1fff, 0x006d0368, 0x1fff},
                       Row{3, 0x00021c00, 0x0204, 0x1fff, 0x002d0168, 0x1fff},
                       Row{4, 0x00180000, 0x1804, 0x00701480, 0x02ed1768, 0x00c00600},
                       Row{6, 0x00021e00, 0x0204, 0x1fff, 0x002d0168, 0x1fff}}) {
    EXPECT_EQ(last(0x8000 + r.fifo), 0x84U);
    EXPECT_EQ(last(0x8027 + r.fifo), r.cfg);
    EXPECT_EQ(last(0x8047 + r.fifo), r.credit);
    EXPECT_EQ(last(0x8009 + r.fifo), r.pause);
    EXPECT_EQ(last(0x8011 + r.fifo), r.drop);
    EXPECT_EQ(last(0x801e + r.fifo), r.ecn);
  }
  for (const std::uint32_t unused : {1U, 2U, 5U, 7U}) {
    EXPECT_EQ(last(0x8027 + unused), 0U);
    EXPECT_EQ(last(0x8047 + unused), 0U);
    EXPECT_FALSE(written(0x8009 + unused));
    EXPECT_FALSE(written(0x8011 + unused));
    EXPECT_FALSE(written(0x801e + unused));
  }
  EXPECT_EQ(last(0x8008), 0x0010007dU);
  EXPECT_EQ(last(0x804f), 0x8fffU);
  for (std::uint32_t i = 0; i < 15; ++i) EXPECT_EQ(last(0x8034 + i), 0x1b1b1b1bU);
  EXPECT_EQ(last(0x8043), 0x1e1b1b1bU);
  EXPECT_EQ(last(0x802f), 0x00500040U);
  EXPECT_EQ(last(0x8143), 0x1fU);
  EXPECT_EQ(last(0x8030), 0x40U);
  EXPECT_EQ(last(0x8144), 0x1fU);
  EXPECT_EQ(last(0x8044), 0x0aaaaaa0U);
}

TEST_F(SetupTest, TransmitBufferIsLoadedLast) {
  ASSERT_TRUE(setup_.program({}));
  const std::pair<std::uint32_t, std::uint32_t> expected[] = {
      {0x81c, 0x2040},      {0x4004, 0},          {0x4005, 0},          {0x4006, 0x00200000},
      {0x4007, 0},          {0x404b, 0x00100400}, {0x4008, 0x00100600}, {0x4000, 0x0a011209},
      {0x4001, 0},          {0x403a, 0x0983a60e}, {0x403b, 0x260e},     {0x400c, 0x1b1b1b1b},
      {0x401b, 0x1e1b1b1b}, {0x4003, 0x00040064}, {0x4009, 0},          {0x404d, 0},
      {0x404c, 0x8250},     {0x404f, 0},          {0x400a, 0x00205000}, {0x404e, 0x00030000},
      {0x403c, 0x00064078}, {0x4400, 8},
  };
  for (const auto& [index, value] : expected) EXPECT_EQ(last(index), value) << std::hex << index;
  const auto loads = fake_.device.writes_to(bar0(0x4002));
  EXPECT_EQ(loads, (std::vector<std::uint32_t>{0, 3}));
  EXPECT_EQ(fake_.device.writes.back(), (RegWrite{bar0(0x4002), 3}));
  EXPECT_GE(fake_.device.reads_from(Site::kPresence), 1U);
}

TEST_F(SetupTest, RunningManagementTrafficKeepsItsFifos) {
  fake_.device.poke(bar0(0x8400), 0x260e1014);
  fake_.device.poke(bar0(0x8027 + 4), 0xa0U << 13);
  fake_.device.poke(bar0(0x8027 + 0), 0x20U << 13);
  ASSERT_TRUE(setup_.program({}));
  EXPECT_TRUE(setup_.management_running());
  EXPECT_FALSE(written(0x8027 + 4));
  EXPECT_FALSE(written(0x8000 + 4));
  EXPECT_EQ(last(0x8009 + 4), 0x380U << 13 | (0xa0U * 32 - 0x380));
  EXPECT_EQ(last(0x8011 + 0), 0x006d0368U);
  EXPECT_FALSE(written(0x8009 + 3)) << "a FIFO of size 0 is unused";
}

TEST_F(SetupTest, AFifoTooSmallForItsThresholdsIsRefused) {
  fake_.device.poke(bar0(0x8400), 1U << 12);
  fake_.device.poke(bar0(0x8027 + 4), 0x38U << 13);  // 0x38 * 32 == 2 * 0x380: on == off
  fake_.device.poke(bar0(0x8027 + 0), 0x01U << 13);
  fake_.device.poke(bar0(0x8027 + 6), 0x1ffU << 13);
  ASSERT_TRUE(setup_.program({}));
  EXPECT_EQ(fake_.refused(Site::kPbufCfg), 3U);
  EXPECT_EQ(last(0x8009 + 4), 0x00701480U);
  EXPECT_EQ(last(0x8011 + 0), 0x006d0368U);
  EXPECT_EQ(last(0x8011 + 6), 0x002d0168U);
}

TEST_F(SetupTest, EveryAcceptedFifoSizeGivesOrderedThresholds) {
  using namespace setup_detail;
  for (std::uint32_t n = 0; n < kFifos.size(); ++n) {
    for (std::uint32_t size = min_fifo_size(n); size <= kPacketBufferSize; ++size) {
      const Thresholds t = thresholds(n, size);
      for (const std::uint32_t word : {t.pause, t.drop, t.ecn}) {
        if (word == kNever) continue;
        EXPECT_LE(word & 0x1fff, size * 32);
        EXPECT_LE(word >> 13 & 0x1fff, word & 0x1fff);
      }
    }
  }
}

TEST_F(SetupTest, SurpriseRemovalIsReported) {
  fake_.device.gone = true;
  const auto result = setup_.program({});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kCardGone);
}

TEST_F(SetupTest, OtpIsReportedOnlyIfItHasAnError) {
  EXPECT_FALSE(setup_.check_otp());
  fake_.device.poke({Bar::kBar4, 0x874}, 5);
  fake_.device.poke({Bar::kBar4, 0x878}, 0x00070009);
  const auto report = setup_.check_otp();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->status, 5U);
  EXPECT_EQ(report->write_status, 0x00070009U);
}

}  // namespace
}  // namespace hni
