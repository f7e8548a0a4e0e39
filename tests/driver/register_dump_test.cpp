// SPDX-License-Identifier: Apache-2.0
#include "driver/control/register_dump.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "tests/support/fake_device.hpp"

namespace hni {
namespace {

using test::bar0;

class RegisterDumpTest : public ::testing::Test {
 protected:
  RegisterDumpTest() {
    // Each register reads as its own word index.
    fake_.device.on_read = [](RegAddr at) { return std::optional(at.byte_offset / 4); };
  }
  std::vector<std::uint32_t> dump(std::size_t piece) {
    std::vector<std::uint32_t> all, part(piece);
    dump_.start();
    while (!dump_.done()) {
      const auto n = dump_.read(part);
      EXPECT_TRUE(n);
      all.insert(all.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(*n));
    }
    return all;
  }

  test::CheckedFakeDevice fake_;
  RegisterDump<test::FakeDevice> dump_{fake_.io};
};

TEST_F(RegisterDumpTest, HasTwentySectionsInLinuxsOrder) {
  const auto words = dump(4096);
  ASSERT_EQ(words.size(), kDumpWords);
  // The sum over the sections of [device 2.1], with two header words each.
  EXPECT_EQ(kDumpWords, 151264U);
  std::vector<std::uint32_t> starts;
  for (std::size_t at = 0; at < words.size(); at += 2 + words[at + 1] - words[at] + 1)
    starts.push_back(words[at]);
  EXPECT_EQ(starts, (std::vector<std::uint32_t>{0x00000, 0x00400, 0x00800, 0x00c00, 0x04000,
                                                0x04200, 0x04400, 0x04800, 0x08000, 0x08400,
                                                0x0c000, 0x0c400, 0x10000, 0x10800, 0x11000,
                                                0x11800, 0x2442e, 0x31000, 0x40000, 0x08800}));
}

TEST_F(RegisterDumpTest, SectionsAreLinearButTheLast) {
  const auto words = dump(1000);
  std::size_t at = 0;
  for (int section = 0; section < 19; ++section) {
    const std::uint32_t first = words[at], last = words[at + 1];
    for (std::uint32_t i = first; i <= last; ++i) ASSERT_EQ(words[at + 2 + i - first], i);
    at += 2 + last - first + 1;
  }
  at += 2;
  EXPECT_EQ(words[at], 0x8880U);
  EXPECT_EQ(words[at + 1], 0x88c0U) << "word 1 of entry 0";
  EXPECT_EQ(words[at + 14], 0x8881U) << "entry 1";
  at += 64 * 14;
  EXPECT_EQ(words[at + 4 * 5 + 3], 0x8b80U + 0x60 + 5);
  at += 32 * 4;
  EXPECT_EQ(words[at + 9 + 8], 0x8c00U + 64 + 1);
  at += 4 * 72;
  EXPECT_EQ(words[at + 2 * 7], 0x8d27U);
  EXPECT_EQ(words[at + 2 * 7 + 1], 0x8e27U);
  EXPECT_EQ(words.back(), 0x8f1fU);
}

TEST_F(RegisterDumpTest, ReadsOfAnySizeReturnTheSame) {
  EXPECT_EQ(dump(1), dump(kDumpWords));
}

TEST_F(RegisterDumpTest, SurpriseRemovalEndsIt) {
  std::vector<std::uint32_t> words(1000);
  dump_.start();
  ASSERT_TRUE(dump_.read(words));
  fake_.device.gone = true;
  const auto result = dump_.read(words);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kCardGone);
}

}  // namespace
}  // namespace hni
