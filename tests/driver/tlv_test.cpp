// SPDX-License-Identifier: Apache-2.0
#include "driver/firmware/tlv.hpp"

#include <gtest/gtest.h>

#include <random>

#include "tests/support/fake_firmware.hpp"

namespace hni {
namespace {

using spec::FwMessage;
using test::Bytes;
using test::words;

constexpr auto kKnown = std::to_array<spec::FwAttribute>({
    {0, spec::TlvType::kUnsigned, 4, false, "U32", 0, 0, 0, true},
    {1, spec::TlvType::kSigned, 8, false, "S64", 0, 0, 0, true},
    {2, spec::TlvType::kFlag, 0, false, "FLAG", 0, 0, 0, true},
    {3, spec::TlvType::kString, 8, false, "TEXT", 0, 0, 0, true},
    {4, spec::TlvType::kBinary, 6, false, "MAC", 0, 0, 0, true},
    {5, spec::TlvType::kArray, 48, false, "ARRAY", 4, 4, 0, true},
    {6, spec::TlvType::kUnsigned, 4, false, "GUESS", 0, 0, 0, false},
});

/// Parses and returns the input site of the refusal, or nothing.
std::optional<Site> refused_at(const Bytes& bytes) {
  const PrivateBytes source(bytes);
  const auto message = tlv_message(source);
  if (!message) return message.error().site;
  const auto attributes = Attributes::parse(source, 4, message->end, kKnown);
  if (!attributes) return attributes.error().site;
  return std::nullopt;
}

/// A parsed message together with the bytes that it refers to.
struct Parsed {
  explicit Parsed(Bytes message) : bytes(std::move(message)), attributes(parse(bytes)) {}
  Parsed(const Parsed&) = delete;
  static Attributes parse(const Bytes& bytes) {
    const PrivateBytes source(bytes);
    const auto message = tlv_message(source);
    EXPECT_TRUE(message);
    auto attributes = Attributes::parse(source, 4, message->end, kKnown);
    EXPECT_TRUE(attributes);
    return *attributes;
  }
  const Attributes* operator->() const { return &attributes; }
  Bytes bytes;
  Attributes attributes;
};

TEST(TlvHeader, AcceptsAMessageThatIsShorterThanItsDescriptor) {
  EXPECT_EQ(refused_at(words({0x00018011, 0xffffffff})), std::nullopt);
}

TEST(TlvHeader, RefusesHeadersThatAreNotMessages) {
  EXPECT_EQ(refused_at(words({0x00010011})), Site::kMessageHeader);
}

TEST(TlvHeader, RefusesLengthsBelowOneAndBeyondTheDescriptor) {
  EXPECT_EQ(refused_at(words({0x00008011})), Site::kMessageHeader);
  EXPECT_EQ(refused_at(words({0x00038011, 0x00040002})), Site::kMessageHeader);
  EXPECT_EQ(refused_at(words({0xffff8011})), Site::kMessageHeader);
}

TEST(TlvHeader, RefusesFewerThanFourBytes) {
  for (std::size_t n = 0; n < 4; ++n) EXPECT_EQ(refused_at(Bytes(n)), Site::kMessageHeader) << n;
}

TEST(TlvWalk, AttributeMustLieInsideTheMessage) {
  // The attribute claims eight bytes of value; the message ends after four, the buffer does not.
  EXPECT_EQ(refused_at(words({0x00038011, 0x000c0001, 0, 0, 0})), Site::kAttributeHeader);
  EXPECT_EQ(refused_at(words({0x00048011, 0x000c0001, 0, 0, 0})), std::nullopt);
}

TEST(TlvWalk, AttributeShorterThanItsHeaderIsRefused) {
  for (std::uint32_t length = 0; length < 4; ++length)
    EXPECT_EQ(refused_at(words({0x00028011, length << 16 | 9})), Site::kAttributeHeader);
}

TEST(TlvWalk, MessageInsideAMessageIsRefused) {
  EXPECT_EQ(refused_at(words({0x00028011, 0x00048002})), Site::kAttributeHeader);
}

TEST(TlvWalk, IdsFrom32OnAreRefused) {
  EXPECT_EQ(refused_at(words({0x00028011, 0x0004001f})), std::nullopt);
  EXPECT_EQ(refused_at(words({0x00028011, 0x00040020})), Site::kAttributeHeader);
  EXPECT_EQ(refused_at(words({0x00028011, 0x00040fff})), Site::kAttributeHeader);
}

TEST(TlvWalk, RepeatedIdIsRefusedEvenIfUnknown) {
  EXPECT_EQ(refused_at(words({0x00038011, 0x00040002, 0x00040002})), Site::kAttributeHeader);
  EXPECT_EQ(refused_at(words({0x00038011, 0x00040013, 0x00040013})), Site::kAttributeHeader);
}

TEST(TlvWalk, UnknownAttributeIsSkippedUnlessItCannotBeIgnored) {
  EXPECT_EQ(refused_at(words({0x00028011, 0x00040013})), std::nullopt);
  EXPECT_EQ(refused_at(words({0x00028011, 0x00044013})), Site::kAttributeHeader);
}

TEST(TlvWalk, AttributeWhoseTypeIsAGuessIsSkipped) {
  const Parsed attributes(words({0x00048011, 0x000c0006, 1, 2}));
  EXPECT_FALSE(attributes->has(6));
}

TEST(TlvWalk, UnalignedLengthIsPaddedToTheNextWord) {
  const Parsed attributes(words({0x00058011, 0x000a0004, 0x44332211, 0x00006655, 0x00040002}));
  EXPECT_EQ(attributes->at(4)->length, 6u);
  EXPECT_TRUE(attributes->has(2));
}

TEST(TlvValues, IntegersOfEverySizeAreReadLittleEndian) {
  for (std::uint32_t n = 1; n <= 4; ++n) {
    const Parsed attributes(words({0x00038011, (4 + n) << 16, 0x84838281}));
    EXPECT_EQ(attributes->unsigned_at(0).as_data(),
              0x84838281U & (n == 4 ? ~0U : (1U << 8 * n) - 1));
  }
}

TEST(TlvValues, SignedIntegersAreExtendedFromTheirActualLength) {
  for (std::uint32_t n = 1; n <= 8; ++n) {
    const Bytes minus_two =
        words({n <= 4 ? 0x00038011U : 0x00048011U, (4 + n) << 16 | 1, 0xfffffffe, 0xffffffff});
    EXPECT_EQ(static_cast<std::int64_t>(Parsed(minus_two)->signed_at(1).as_data()), -2) << n;
  }
  const Parsed positive(words({0x00038011, 0x00060001, 0x00007fff}));
  EXPECT_EQ(positive->signed_at(1).as_data(), 0x7fffu);
}

TEST(TlvValues, IntegerLongerThanDeclaredIsRefused) {
  EXPECT_EQ(refused_at(words({0x00048011, 0x000c0000, 0, 0})), Site::kAttributeValue);
  EXPECT_EQ(refused_at(words({0x00028011, 0x00040000})), Site::kAttributeValue);
  EXPECT_EQ(refused_at(words({0x00058011, 0x00100001, 0, 0, 0})), Site::kAttributeValue);
}

TEST(TlvValues, FlagWithAPayloadIsRefused) {
  EXPECT_EQ(refused_at(words({0x00038011, 0x00080002, 0})), Site::kAttributeValue);
}

TEST(TlvValues, StringMustEndWithNulAndFit) {
  EXPECT_EQ(refused_at(words({0x00038011, 0x00080003, 0x00636261})), std::nullopt);
  EXPECT_EQ(refused_at(words({0x00038011, 0x00080003, 0x64636261})), Site::kAttributeValue);
  EXPECT_EQ(refused_at(words({0x00038011, 0x00070003, 0x00636261})), Site::kAttributeValue);
  EXPECT_EQ(refused_at(words({0x00028011, 0x00040003})), Site::kAttributeValue);
  EXPECT_EQ(refused_at(words({0x00058011, 0x000d0003, 0x61616161, 0x61616161, 0})),
            Site::kAttributeValue);
}

TEST(TlvValues, ArrayPayloadMustBeAMultipleOfFour) {
  EXPECT_EQ(refused_at(words({0x00038011, 0x00060005, 0})), Site::kAttributeValue);
  EXPECT_EQ(refused_at(words({0x00028011, 0x00040005})), std::nullopt);
}

TEST(TlvParser, IsTotalOnRandomBytes) {
  std::mt19937 random(1);
  unsigned accepted = 0;
  for (int run = 0; run < 200'000; ++run) {
    // An allocation of the exact size, so that a sanitizer detects a read beyond it.
    Bytes bytes(random() % 68);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() & 0xff);
    if (bytes.size() >= 4 && run % 2 == 0) {  // well-formed headers get past the first checks
      bytes[1] = std::byte{0x80};
      bytes[2] = static_cast<std::byte>(bytes.size() / 4);
      bytes[3] = std::byte{0};
      for (std::size_t i = 4; i + 4 <= bytes.size(); i += 8) {
        bytes[i] &= std::byte{0x1f};
        bytes[i + 1] = std::byte{0};
        bytes[i + 2] &= std::byte{0x0f};
        bytes[i + 3] = std::byte{0};
      }
    }
    const PrivateBytes source(bytes);
    const auto message = tlv_message(source);
    if (!message) continue;
    ASSERT_LE(message->end, bytes.size());
    unsigned steps = 0;
    for (TlvWalk<PrivateBytes> walk(source, 4, message->end); walk.more(); ++steps) {
      const auto attribute = walk.next();
      if (!attribute) break;
      ASSERT_TRUE(walk.is_valid());
      ASSERT_LE(attribute->offset + attribute->length, message->end);
    }
    ASSERT_LE(steps, bytes.size() / 4);
    const auto attributes = Attributes::parse(source, 4, message->end, kKnown);
    if (!attributes) continue;
    ++accepted;
    for (std::uint16_t id = 0; id < 8; ++id) {
      (void)attributes->unsigned_at(id);
      (void)attributes->signed_at(id);
    }
  }
  EXPECT_GT(accepted, 1000u);
}

TEST(TlvParser, EveryTruncationOfAMessageIsRefusedOrShorter) {
  const Bytes whole = words({0x00088011, 0x00080000, 7, 0x000c0001, 1, 2, 0x00040002, 0x00040013});
  ASSERT_EQ(refused_at(whole), std::nullopt);
  for (std::size_t n = 0; n < whole.size(); ++n)
    EXPECT_EQ(refused_at(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n))),
              Site::kMessageHeader);
}

TEST(TlvBuilder, WritesWhatTheParserReads) {
  std::array<std::byte, 256> room;
  room.fill(std::byte{0xee});
  const std::array<std::byte, 6> mac{std::byte{2}};
  TlvBuilder builder(room, FwMessage::TEST);
  const auto message = builder.u32(0, 0x01020304)
                           .s64(1, -5)
                           .flag(2)
                           .string(3, "abc")
                           .open(5)
                           .binary(4, mac)
                           .binary(4, mac)
                           .close()
                           .finish();
  ASSERT_EQ(message.size() % 4, 0u);
  const Parsed attributes(Bytes(message.begin(), message.end()));
  EXPECT_EQ(attributes->unsigned_at(0).as_data(), 0x01020304u);
  EXPECT_EQ(static_cast<std::int64_t>(attributes->signed_at(1).as_data()), -5);
  EXPECT_TRUE(attributes->has(2));
  EXPECT_EQ(attributes->at(3)->length, 4u);
  unsigned elements = 0;
  for (auto walk = attributes->inside(5); walk.more(); ++elements) {
    const auto element = walk.next();
    ASSERT_TRUE(element);
    EXPECT_EQ(element->length, 6u);
  }
  EXPECT_EQ(elements, 2u);
}

TEST(TlvBuilder, EmptyArrayIsOmitted) {
  std::array<std::byte, 64> room;
  EXPECT_EQ(TlvBuilder(room, FwMessage::TEST).open(5).close().finish().size(), 4u);
}

TEST(TlvBuilder, ReturnsNothingIfTheBufferIsTooSmall) {
  for (std::size_t n = 4; n < 40; ++n) {
    Bytes room(n);
    TlvBuilder builder(room, FwMessage::TEST);
    const auto message =
        builder.u64(0, 1).string(3, "abcdef").u32(1, 2).open(4).flag(2).close().finish();
    EXPECT_EQ(message.empty(), n < 44) << n;
  }
  Bytes room(44);
  TlvBuilder builder(room, FwMessage::TEST);
  EXPECT_EQ(
      builder.u64(0, 1).string(3, "abcdef").u32(1, 2).open(4).flag(2).close().finish().size(),
      44u);
}

}  // namespace
}  // namespace hni
