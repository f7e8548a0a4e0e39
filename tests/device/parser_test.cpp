// SPDX-License-Identifier: Apache-2.0
#include "device/parser.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "tests/support/frame_builder.hpp"

namespace hni::device {
namespace {

using spec::L3_TYPE;
using spec::L4_TYPE;
using test::FrameBuilder;
using test::kV4A;
using test::kV4B;
using test::kV6A;
using test::kV6B;
using Bytes = FrameBuilder::Bytes;

constexpr std::uint16_t kIp4 = 0x0800;
constexpr std::uint16_t kIp6 = 0x86dd;

/// The one's complement sum of everything after byte 14, in little-endian form.
std::uint16_t expected_l2_csum(const Bytes& frame) {
  const std::uint32_t sum = FrameBuilder::slow_sum(std::span{frame}.subspan(14));
  return static_cast<std::uint16_t>(sum << 8 | sum >> 8);
}

TEST(DeviceParser, Tcp4WithOptionsHasItsOffsets) {
  const Bytes frame =
      FrameBuilder{}.ethernet(kIp4).ipv4(6, kV4A, kV4B, 8).tcp(1000, 80, 12).payload(100).finish();
  const ParsedFrame p = parse_frame(frame);
  EXPECT_EQ(p.l3, L3_TYPE::IPV4);
  EXPECT_EQ(p.l4, L4_TYPE::TCP);
  EXPECT_EQ(p.l3_offset, 14);
  EXPECT_EQ(p.inner_offset, 14);
  EXPECT_EQ(p.l4_offset, 14 + 28);
  EXPECT_EQ(p.l4_end, 14 + 28 + 32);
  EXPECT_EQ(p.payload_end, frame.size());
  EXPECT_EQ(p.source_port, 1000);
  EXPECT_EQ(p.destination_port, 80);
  EXPECT_TRUE(p.l4_checksum_verified);
  EXPECT_FALSE(p.parser_error);
  EXPECT_FALSE(p.tcp_option_error);
  EXPECT_EQ(p.l2_csum, expected_l2_csum(frame));
}

TEST(DeviceParser, Udp6HasItsOffsets) {
  const Bytes frame =
      FrameBuilder{}.ethernet(kIp6).ipv6(17, kV6A, kV6B).udp(53, 5353).payload(33).finish();
  const ParsedFrame p = parse_frame(frame);
  EXPECT_EQ(p.l3, L3_TYPE::IPV6);
  EXPECT_EQ(p.l4, L4_TYPE::UDP);
  EXPECT_EQ(p.l4_offset, 54);
  EXPECT_EQ(p.l4_end, 62);
  EXPECT_TRUE(p.l4_checksum_verified);
  EXPECT_EQ(p.l2_csum, expected_l2_csum(frame));
}

TEST(DeviceParser, VlanTagsMoveTheHeaders) {
  for (unsigned tags = 0; tags <= 2; ++tags) {
    FrameBuilder builder;
    builder.ethernet(kIp4);
    if (tags >= 1) builder.vlan(0x8100, 5);
    if (tags == 2) builder.vlan(0x88a8, 7);
    const Bytes frame = builder.ipv4(17, kV4A, kV4B).udp(1, 2).payload(11).finish();
    const ParsedFrame p = parse_frame(frame);
    EXPECT_EQ(p.vlan_tags, tags);
    EXPECT_EQ(p.ethertype, kIp4);
    EXPECT_EQ(p.l3_offset, 14 + 4 * tags);
    EXPECT_EQ(p.l4, L4_TYPE::UDP);
    EXPECT_TRUE(p.l4_checksum_verified);
    EXPECT_EQ(p.l2_csum, expected_l2_csum(frame));
  }
}

TEST(DeviceParser, ThirdTagIsAnUnknownEthertype) {
  const Bytes frame = FrameBuilder{}
                          .ethernet(kIp4)
                          .vlan(0x8100, 1)
                          .vlan(0x8100, 2)
                          .vlan(0x8100, 3)
                          .ipv4(17, kV4A, kV4B)
                          .udp(1, 2)
                          .finish();
  const ParsedFrame p = parse_frame(frame);
  EXPECT_TRUE(p.unknown_ethertype);
  EXPECT_EQ(p.l3, L3_TYPE::OTHER);
}

TEST(DeviceParser, Ipv6InIpv6GivesInnerAndOuterOffsets) {
  const Bytes frame = FrameBuilder{}
                          .ethernet(kIp6)
                          .ipv6(41, kV6A, kV6B)
                          .ipv6(6, kV6B, kV6A)
                          .tcp(7, 8)
                          .payload(40)
                          .finish();
  const ParsedFrame p = parse_frame(frame);
  EXPECT_EQ(p.l3, L3_TYPE::V6V6);
  EXPECT_EQ(p.l3_offset, 14);
  EXPECT_EQ(p.inner_offset, 54);
  EXPECT_EQ(p.l4_offset, 94);
  EXPECT_EQ(p.l4, L4_TYPE::TCP);
  EXPECT_TRUE(p.l4_checksum_verified);
}

TEST(DeviceParser, SecondTunnelLevelIsNotEntered) {
  const Bytes frame =
      FrameBuilder{}.ethernet(kIp6).ipv6(41, kV6A, kV6B).ipv6(41, kV6B, kV6A).payload(60).finish();
  const ParsedFrame p = parse_frame(frame);
  EXPECT_EQ(p.l3, L3_TYPE::V6V6);
  EXPECT_EQ(p.l4, L4_TYPE::OTHER);
  EXPECT_EQ(p.l4_offset, 94);
}

TEST(DeviceParser, ExtensionHeadersAreSteppedOver) {
  const Bytes frame = FrameBuilder{}
                          .ethernet(kIp6)
                          .ipv6(0, kV6A, kV6B)
                          .extension(43, 8)
                          .extension(60, 24)
                          .extension(17, 16)
                          .udp(9, 10)
                          .payload(5)
                          .finish();
  const ParsedFrame p = parse_frame(frame);
  EXPECT_EQ(p.l4, L4_TYPE::UDP);
  EXPECT_EQ(p.l4_offset, 54 + 48);
  EXPECT_TRUE(p.l4_checksum_verified);
}

TEST(DeviceParser, HeadersBeyondTheWindowAreReported) {
  FrameBuilder builder;
  builder.ethernet(kIp6).ipv6(60, kV6A, kV6B);
  for (unsigned i = 0; i < 30; ++i) builder.extension(60, 8);
  const Bytes frame = builder.extension(17, 8).udp(9, 10).payload(5).finish();
  const ParsedFrame p = parse_frame(frame);
  EXPECT_TRUE(p.out_of_header);
  EXPECT_FALSE(p.parser_error);
  EXPECT_EQ(p.l4, L4_TYPE::OTHER);
  EXPECT_EQ(p.l2_csum, expected_l2_csum(frame));
}

TEST(DeviceParser, FragmentsHaveNoL4) {
  for (const int bits : {0x2000, 0x0001, 0x1fff}) {
    const Bytes frame = FrameBuilder{}
                            .ethernet(kIp4)
                            .ipv4(17, kV4A, kV4B, 0, static_cast<std::uint16_t>(bits))
                            .udp(1, 2)
                            .payload(64)
                            .finish();
    const ParsedFrame p = parse_frame(frame);
    EXPECT_TRUE(p.fragment);
    EXPECT_EQ(p.l4, L4_TYPE::OTHER);
    EXPECT_FALSE(p.l4_checksum_verified);
    EXPECT_EQ(p.l2_csum, expected_l2_csum(frame));
  }
  const Bytes whole =  // DF alone does not make a fragment
      FrameBuilder{}.ethernet(kIp4).ipv4(17, kV4A, kV4B, 0, 0x4000).udp(1, 2).finish();
  EXPECT_FALSE(parse_frame(whole).fragment);
  const Bytes six =
      FrameBuilder{}.ethernet(kIp6).ipv6(44, kV6A, kV6B).extension(17, 8).udp(1, 2).finish();
  EXPECT_TRUE(parse_frame(six).fragment);
  EXPECT_EQ(parse_frame(six).l4, L4_TYPE::OTHER);
}

TEST(DeviceParser, EveryFlippedBitOfADatagramInvalidatesTheChecksum) {
  const Bytes good =
      FrameBuilder{}.ethernet(kIp4).ipv4(6, kV4A, kV4B).tcp(1, 2).payload(7).finish();
  ASSERT_TRUE(parse_frame(good).l4_checksum_verified);
  for (std::size_t bit = 26 * 8; bit < good.size() * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] ^= std::byte{1} << (bit % 8);
    EXPECT_FALSE(parse_frame(bad).l4_checksum_verified) << bit;
  }
}

TEST(DeviceParser, L2ChecksumCoversEveryLengthAndPadding) {
  for (std::size_t length = 0; length < 70; ++length) {
    for (std::size_t padding = 0; padding < 4; ++padding) {
      const Bytes udp = FrameBuilder{}
                            .ethernet(kIp4)
                            .ipv4(17, kV4A, kV4B)
                            .udp(1, 2)
                            .payload(length)
                            .finish(padding);
      const ParsedFrame p = parse_frame(udp);
      EXPECT_EQ(p.l2_csum, expected_l2_csum(udp)) << length << "+" << padding;
      EXPECT_TRUE(p.l4_checksum_verified) << length << "+" << padding;
      EXPECT_EQ(p.payload_end, udp.size() - padding);
      const Bytes other = FrameBuilder{}.ethernet(0x1234).payload(length).finish(padding);
      EXPECT_EQ(parse_frame(other).l2_csum, expected_l2_csum(other));
    }
  }
}

TEST(DeviceParser, AbsentUdpChecksumIsNotVerified) {
  Bytes frame = FrameBuilder{}.ethernet(kIp4).ipv4(17, kV4A, kV4B).udp(1, 2).payload(9).finish();
  frame[14 + 20 + 6] = frame[14 + 20 + 7] = std::byte{0};
  EXPECT_FALSE(parse_frame(frame).l4_checksum_verified);
  EXPECT_FALSE(parse_frame(frame).parser_error);
}

TEST(DeviceParser, BadIpv4HeaderChecksumWithdrawsTheVerdict) {
  Bytes frame = FrameBuilder{}.ethernet(kIp4).ipv4(17, kV4A, kV4B).udp(1, 2).payload(9).finish();
  frame[14 + 8] ^= std::byte{1};  // TTL: not covered by the L4 checksum
  const ParsedFrame p = parse_frame(frame);
  EXPECT_TRUE(p.ipv4_header_bad);
  EXPECT_FALSE(p.l4_checksum_verified);
  EXPECT_EQ(p.l4, L4_TYPE::UDP);
}

TEST(DeviceParser, ContradictingLengthsAreParserErrors) {
  const Bytes good =
      FrameBuilder{}.ethernet(kIp4).ipv4(6, kV4A, kV4B).tcp(1, 2).payload(9).finish();
  Bytes longer = good;
  longer[17] = std::byte{200};  // IPv4 total length beyond the end of the frame
  EXPECT_TRUE(parse_frame(longer).parser_error);
  EXPECT_EQ(parse_frame(longer).payload_end, good.size());
  Bytes shorter = good;
  shorter[17] = std::byte{19};  // below the header
  EXPECT_TRUE(parse_frame(shorter).parser_error);
  EXPECT_EQ(parse_frame(shorter).l3, L3_TYPE::OTHER);
  Bytes offset = good;
  offset[14 + 20 + 12] = std::byte{0x40};  // TCP data offset 4
  EXPECT_TRUE(parse_frame(offset).tcp_option_error);
  EXPECT_EQ(parse_frame(offset).l4, L4_TYPE::OTHER);
}

TEST(DeviceParser, BrokenTcpOptionsAreReported) {
  Bytes frame =
      FrameBuilder{}.ethernet(kIp4).ipv4(6, kV4A, kV4B).tcp(1, 2, 12).payload(9).finish();
  EXPECT_FALSE(parse_frame(frame).tcp_option_error);
  frame[14 + 20 + 20] = std::byte{8};
  frame[14 + 20 + 21] = std::byte{0};  // length 0
  EXPECT_TRUE(parse_frame(frame).tcp_option_error);
  EXPECT_EQ(parse_frame(frame).l4, L4_TYPE::TCP);
  frame[14 + 20 + 21] = std::byte{13};  // after the header
  EXPECT_TRUE(parse_frame(frame).tcp_option_error);
}

TEST(DeviceParser, CongestionAndEspAreReported) {
  const Bytes four =
      FrameBuilder{}.ethernet(kIp4).ipv4(50, kV4A, kV4B, 0, 0, 3).payload(30).finish();
  EXPECT_TRUE(parse_frame(four).esp);
  EXPECT_TRUE(parse_frame(four).ecn_ce);
  const Bytes six = FrameBuilder{}.ethernet(kIp6).ipv6(50, kV6A, kV6B, 2).payload(30).finish();
  EXPECT_TRUE(parse_frame(six).esp);
  EXPECT_FALSE(parse_frame(six).ecn_ce);
  EXPECT_TRUE(
      parse_frame(FrameBuilder{}.ethernet(kIp6).ipv6(59, kV6A, kV6B, 3).payload(30).finish())
          .ecn_ce);
}

void expect_in_bounds(const ParsedFrame& p, std::size_t size) {
  EXPECT_LE(p.l3_offset, size);
  EXPECT_LE(p.inner_offset, size);
  EXPECT_LE(p.l4_offset, size);
  EXPECT_LE(p.l4_end, size);
  EXPECT_LE(p.payload_end, size);
  EXPECT_LE(p.l3_offset, p.inner_offset);
  EXPECT_LE(p.inner_offset, p.l4_offset);
  EXPECT_LE(p.l4_offset, p.l4_end);
  EXPECT_TRUE(!p.has_l4() || p.l4_end <= p.payload_end);
  EXPECT_TRUE(!p.l4_checksum_verified || p.has_l4());
}

TEST(DeviceParser, EveryPrefixOfEveryKindOfFrameStaysInBounds) {
  const std::vector<Bytes> frames{
      FrameBuilder{}.ethernet(kIp4).ipv4(6, kV4A, kV4B, 40).tcp(1, 2, 40).payload(8).finish(),
      FrameBuilder{}.ethernet(kIp4).vlan(0x8100, 1).ipv4(17, kV4A, kV4B).udp(1, 2).finish(),
      FrameBuilder{}
          .ethernet(kIp6)
          .ipv6(0, kV6A, kV6B)
          .extension(41, 8)
          .ipv6(60, kV6A, kV6B)
          .extension(6, 16)
          .tcp(1, 2, 8)
          .payload(4)
          .finish()};
  for (const Bytes& frame : frames) {
    for (std::size_t length = 0; length <= frame.size(); ++length) {
      const Bytes prefix(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(length));
      expect_in_bounds(parse_frame(prefix), length);
      EXPECT_EQ(parse_frame(prefix).l4_checksum_verified, length == frame.size()) << length;
    }
  }
}

TEST(DeviceParser, RandomBytesStayInBounds) {
  std::mt19937 random(3);
  for (unsigned round = 0; round < 200'000; ++round) {
    Bytes frame(random() % 300);
    for (std::byte& b : frame) b = static_cast<std::byte>(random() & (random() % 2 ? 0xff : 0x3f));
    if (frame.size() > 16) {
      const std::uint16_t types[] = {0x0008, 0xdd86, 0x0081, 0xa888};
      std::memcpy(&frame[12], &types[random() % 4], 2);
      frame[14] = static_cast<std::byte>(random() % 2 ? 0x45 + random() % 11 : 0x60);
    }
    if (frame.size() > 24 && random() % 2 != 0) {
      const std::uint8_t next[] = {0, 6, 17, 41, 43, 44, 50, 51, 60, 135};
      frame[20] = static_cast<std::byte>(next[random() % 10]);
      frame[23] = static_cast<std::byte>(next[random() % 10]);
    }
    expect_in_bounds(parse_frame(frame), frame.size());
  }
}

}  // namespace
}  // namespace hni::device
