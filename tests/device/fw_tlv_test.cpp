// SPDX-License-Identifier: Apache-2.0
// The TLV format byte by byte [device 5].
#include "device/fw_tlv.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <random>
#include <vector>

namespace hni::device {
namespace {

using spec::FwAttribute;
using spec::FwMessage;
using spec::TlvType;
using Words = std::vector<std::uint32_t>;

constexpr std::array<FwAttribute, 6> kCatalogue{{
    {0, TlvType::kFlag, 0, false, "FLAG", 0, 0, 0, true},
    {1, TlvType::kUnsigned, 4, true, "NUMBER", 0, 0, 0, true},
    {2, TlvType::kSigned, 8, false, "SIGNED", 0, 0, 0, true},
    {3, TlvType::kString, 5, false, "TEXT", 0, 0, 0, true},
    {4, TlvType::kBinary, 6, false, "MAC", 0, 0, 0, true},
    {5, TlvType::kArray, 24, false, "ARRAY", 4, 2, 0, true},
}};

TlvError parse(const Words& words, TlvTable& table) {
  return parse_tlv_message(std::as_bytes(std::span{words}), kCatalogue, table);
}
TlvError parse(const Words& words) {
  TlvTable table;
  return parse(words, table);
}

Words words_of(std::span<const std::byte> bytes) {
  Words out(bytes.size() / 4);
  std::memcpy(out.data(), bytes.data(), out.size() * 4);
  return out;
}

TEST(DeviceTlv, WriterMakesTheReferencesSmallestCapabilityAnswer) {
  std::array<std::byte, 64> buffer;
  TlvWriter out(buffer, FwMessage::FW_CAP_RESP);
  out.u32(0, 0x19071902).u32(0x0a, 4).u32(0x0b, 2);
  EXPECT_EQ(words_of(out.finish()),
            (Words{0x00078011, 0x00080000, 0x19071902, 0x0008000a, 4, 0x0008000b, 2}));
}

TEST(DeviceTlv, WriterPadsWithZerosAndNestsArrays) {
  std::array<std::byte, 64> buffer;
  buffer.fill(std::byte{0xff});
  TlvWriter out(buffer, FwMessage::TEST);
  out.flag(7).text(9, "abcd");
  const std::size_t array = out.open(11);
  out.binary(6, std::array<std::byte, 6>{});
  out.close(array);
  EXPECT_EQ(words_of(out.finish()), (Words{0x00098000, 0x00040007, 0x00090009, 0x64636261, 0,
                                           0x0010000b, 0x000a0006, 0, 0}));
}

TEST(DeviceTlv, AnOverflowingWriterReturnsNothing) {
  for (std::size_t size = 0; size < 16; ++size) {
    std::vector<std::byte> buffer(size);
    TlvWriter out(buffer, FwMessage::TEST);
    out.u64(0, 1);
    EXPECT_TRUE(out.finish().empty()) << size;
  }
  std::vector<std::byte> exact(16);
  TlvWriter out(exact, FwMessage::TEST);
  EXPECT_EQ(out.u64(0, 1).finish().size(), 16u);
}

TEST(DeviceTlv, NumbersHaveTheirOwnWidthAndSign) {
  TlvTable table;
  const Words words{0x00058000, 0x00050001, 0xffffffab, 0x00060002, 0xfffffffe};
  ASSERT_EQ(parse(words, table), TlvError::kNone);
  EXPECT_EQ(table[1].unsigned_or(0), 0xabu);  // one byte: the length excludes padding
  EXPECT_EQ(table[2].signed_or(0), -2);       // two bytes, extended
  EXPECT_EQ(table[3].unsigned_or(77), 77u);
  EXPECT_EQ(table[3].signed_or(-77), -77);
}

TEST(DeviceTlv, InvalidLengthsOfAMessageAreRefused) {
  EXPECT_EQ(parse({}), TlvError::kMalformed);
  EXPECT_EQ(parse({0x00030000, 0x00080001, 1}), TlvError::kMalformed);  // no IS_MSG
  // longer than the buffer
  EXPECT_EQ(parse({0x00048000, 0x00080001, 1}), TlvError::kMalformed);
  EXPECT_EQ(parse({0x00008000}), TlvError::kMalformed);                    // shorter than a header
  EXPECT_EQ(parse({0x00038000, 0x00030001, 1}), TlvError::kMalformed);     // attribute of 3 bytes
  EXPECT_EQ(parse({0x00038000, 0x00090001, 1}), TlvError::kMalformed);     // beyond the end
  EXPECT_EQ(parse({0x00038000, 0x00088001, 1}), TlvError::kMalformed);     // a message inside
  EXPECT_EQ(parse({0x00048000, 0x000c0001, 1, 2}), TlvError::kMalformed);  // 8 bytes for a u32
  EXPECT_EQ(parse({0x00028000, 0x00040001}), TlvError::kMalformed);  // a number of zero bytes
  EXPECT_EQ(parse({0x00058000, 0x00080001, 1, 0x00080000, 0}), TlvError::kMalformed);  // flag
}

TEST(DeviceTlv, BytesAfterTheMessageAreNotRead) {
  EXPECT_EQ(parse({0x00038000, 0x00080001, 1, 0xffffffff}), TlvError::kNone);
}

TEST(DeviceTlv, MissingMandatoryAttributeIsRefused) {
  EXPECT_EQ(parse({0x00028000, 0x00040000}), TlvError::kMalformed);
}

TEST(DeviceTlv, UnknownIdsAreSkippedUnlessTheyCannotBeIgnored) {
  EXPECT_EQ(parse({0x00048000, 0x00080001, 1, 0x0004001f}), TlvError::kNone);
  EXPECT_EQ(parse({0x00048000, 0x00080001, 1, 0x00040fff}), TlvError::kNone);
  EXPECT_EQ(parse({0x00048000, 0x00080001, 1, 0x0004401f}), TlvError::kUnknownAttribute);
}

TEST(DeviceTlv, SameIdTwiceIsRefused) {
  EXPECT_EQ(parse({0x00058000, 0x00080001, 1, 0x00080001, 1}), TlvError::kDuplicate);
}

TEST(DeviceTlv, ArraysReturnTheirElements) {
  std::array<std::span<const std::byte>, 2> out;
  const Words good{0x000a0006, 0x33221100, 0x5544, 0x000a0006, 0, 0};
  const auto bytes = std::as_bytes(std::span{good});
  EXPECT_EQ(parse_tlv_array(bytes, 6, 6, out), 2u);
  EXPECT_EQ(out[0][5], std::byte{0x55});
  EXPECT_EQ(parse_tlv_array({}, 6, 6, out), 0u);
  EXPECT_FALSE(parse_tlv_array(bytes, 7, 6, out).has_value());
  EXPECT_FALSE(parse_tlv_array(bytes, 6, 5, out).has_value());
  EXPECT_FALSE(parse_tlv_array(bytes, 6, 6, std::span{out}.first(1)).has_value());
  EXPECT_FALSE(parse_tlv_array(bytes.first(20), 6, 6, out).has_value());
}

TEST(DeviceTlv, RandomBytesNeverLeadOutsideTheMessage) {
  std::mt19937 random(5);
  unsigned good = 0;
  for (unsigned round = 0; round < 300'000; ++round) {
    Words words(random() % 8 + 1);
    for (std::uint32_t& word : words) {
      word = static_cast<std::uint32_t>(random() % 5 | random() % 14 << 16);
      if (random() % 16 == 0) word |= static_cast<std::uint32_t>(random());
    }
    words[0] = 0x8000 | static_cast<std::uint32_t>(words.size()) << 16;
    TlvTable table;
    const auto bytes = std::as_bytes(std::span{words});
    if (parse_tlv_message(bytes, kCatalogue, table) != TlvError::kNone) continue;
    ++good;
    for (const TlvValue& value : table) {
      if (value.bytes.empty()) continue;
      EXPECT_GE(value.bytes.data(), bytes.data());
      EXPECT_LE(value.bytes.data() + value.bytes.size(), bytes.data() + bytes.size());
    }
  }
  EXPECT_GT(good, 100u);
}

}  // namespace
}  // namespace hni::device
