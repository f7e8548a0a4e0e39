// SPDX-License-Identifier: Apache-2.0
#include "device/checksum.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "tests/support/frame_builder.hpp"

namespace hni::device {
namespace {

using Bytes = std::vector<std::byte>;

Bytes random_bytes(std::size_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  Bytes out(count);
  for (std::byte& byte : out) byte = static_cast<std::byte>(random() & 0xff);
  return out;
}

std::uint16_t slow(std::span<const std::byte> bytes) {
  return network_word(static_cast<std::uint16_t>(test::FrameBuilder::slow_sum(bytes)));
}

std::uint16_t folded(std::uint64_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

TEST(DeviceChecksum, EachLengthAndAlignmentIsSummed) {
  const Bytes data = random_bytes(400, 1);
  for (std::size_t at = 0; at < 9; ++at) {
    for (std::size_t bytes = 0; bytes <= 380; ++bytes) {
      Sum sum;
      sum.add(data.data() + at, bytes);
      ASSERT_EQ(sum.fold(), slow(std::span{data}.subspan(at, bytes))) << at << " " << bytes;
    }
  }
}

TEST(DeviceChecksum, EachMethodGivesTheSameSum) {
  for (const std::size_t blocks : {1u, 2u, 3u, 47u, 2048u, 16384u, 16385u, 40000u}) {
    const std::size_t bytes = blocks * kSumBlockBytes;
    for (const Bytes& data :
         {random_bytes(bytes, 2), Bytes(bytes, std::byte{0}), Bytes(bytes, std::byte{0xff}),
          Bytes(bytes, std::byte{0x80}), Bytes(bytes, std::byte{0x7f})}) {
      const std::uint16_t expected = slow(data);
      for (const auto method : {SumMethod::kPortable, SumMethod::kBaseline, SumMethod::kBest})
        EXPECT_EQ(folded(sum_blocks(data.data(), blocks, method)), expected) << blocks;
    }
  }
}

TEST(DeviceChecksum, OnlyZeroBytesHaveTheSumZero) {
  Bytes data(256, std::byte{0});
  Sum zero;
  zero.add(data.data(), data.size());
  EXPECT_EQ(zero.fold(), 0);
  // Two words whose sum is 0xffff, which is congruent to 0.
  for (const std::size_t at : {0u, 100u, 250u}) {
    Bytes other = data;
    other[at] = std::byte{0xf0};
    other[at + 1] = std::byte{0xff};
    other[at + 2] = std::byte{0x0f};
    Sum sum;
    sum.add(other.data(), other.size());
    EXPECT_EQ(sum.fold(), 0xffff) << at;
  }
}

TEST(DeviceChecksum, PartsOfEvenLengthAddUp) {
  const Bytes data = random_bytes(1500, 3);
  for (const std::size_t first : {0u, 2u, 62u, 64u, 700u}) {
    Sum parts;
    parts.add(data.data(), first);
    Sum rest;
    rest.add(data.data() + first, data.size() - first);
    parts.add(rest);
    EXPECT_EQ(parts.fold(), slow(data)) << first;
  }
}

TEST(DeviceChecksum, NetworkFieldsAreBigEndian) {
  std::array<std::byte, 8> at{};
  store_be64(at.data(), 0x0102030405060708ull);
  EXPECT_EQ(load_be64(at.data()), 0x0102030405060708ull);
  EXPECT_EQ(load_be32(at.data() + 2), 0x03040506u);
  EXPECT_EQ(load_be16(at.data() + 6), 0x0708u);
}

}  // namespace
}  // namespace hni::device
