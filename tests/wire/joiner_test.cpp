// SPDX-License-Identifier: Apache-2.0
#include "device/wire/segment_joiner.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "tests/support/frame_builder.hpp"

namespace hni::device {
namespace {

using Bytes = std::vector<std::byte>;
using test::FrameBuilder;

constexpr std::uint32_t kPushAck = 0x18, kSynAck = 0x12;

struct Segment {
  std::uint32_t sequence = 1;
  std::size_t bytes = 1000;
  std::uint32_t flags = 0x10;
  std::size_t options = 12;
};

Bytes ip4(const Segment& s, std::uint16_t port = 2, std::uint16_t fragment = 0x4000) {
  return FrameBuilder()
      .ethernet(0x0800)
      .ipv4(6, test::kV4A, test::kV4B, 0, fragment)
      .tcp(1, port, s.options, s.sequence, s.flags)
      .payload(s.bytes, static_cast<std::uint8_t>(s.sequence))
      .finish();
}
Bytes ip6(const Segment& s) {
  return FrameBuilder()
      .ethernet(0x86dd)
      .ipv6(6, test::kV6A, test::kV6B)
      .tcp(1, 2, s.options, s.sequence, s.flags)
      .payload(s.bytes, static_cast<std::uint8_t>(s.sequence))
      .finish();
}

class Joiner : public ::testing::Test {
 protected:
  std::unique_ptr<SegmentJoiner> owned = std::make_unique<SegmentJoiner>();
  SegmentJoiner& joiner = *owned;

  Bytes packet() {
    const auto bytes = joiner.packet().bytes;
    return {bytes.begin(), bytes.end()};
  }
  /// One's complement sum over the TCP header and payload, on top of the pseudo-header sum in the
  /// checksum field.
  static Bytes tail(const Bytes& packet, std::size_t from) {
    return {packet.begin() + static_cast<std::ptrdiff_t>(from), packet.end()};
  }
};

TEST_F(Joiner, JoinsConsecutiveSegmentsUntilAShorterOne) {
  Bytes payload;
  for (const std::uint32_t i : {0U, 1U, 2U}) {
    const Bytes frame = ip4({.sequence = 1 + 1000 * i, .bytes = i == 2 ? 300U : 1000U});
    ASSERT_TRUE(joiner.add(frame));
    payload.insert(payload.end(), frame.begin() + 66, frame.end());
    EXPECT_EQ(joiner.complete(), i == 2);
  }
  const SegmentJoiner::JoinedPacket joined = joiner.packet();
  EXPECT_EQ(joined.frames, 3U);
  EXPECT_EQ(joined.segment_bytes, 1000U);
  EXPECT_EQ(joined.header_bytes, 66U);
  EXPECT_EQ(joined.tcp_offset, 34U);
  EXPECT_FALSE(joined.ip6);
  EXPECT_EQ(tail(packet(), 66), payload);
}

TEST_F(Joiner, HeadersOfTheJoinedPacketAreThoseOfOneLongSegment) {
  // With the TCP checksum filled in, it equals the frame that the builder makes of the whole
  // payload.
  ASSERT_TRUE(joiner.add(ip4({.sequence = 1, .bytes = 8})));
  Bytes second = ip4({.sequence = 9, .bytes = 8});
  ASSERT_TRUE(joiner.add(second));
  Bytes joined = packet();
  EXPECT_EQ(joined[16], std::byte{0});
  EXPECT_EQ(joined[17], std::byte{20 + 32 + 16});
  EXPECT_EQ(FrameBuilder::slow_sum(std::span(joined).subspan(14, 20)), 0xffffU);
  // The field holds the pseudo-header sum, so the sum over TCP yields the final complement.
  const std::uint32_t pseudo =
      FrameBuilder::slow_sum(std::span(joined).subspan(26, 8), 6 + 32 + 16);
  EXPECT_EQ(
      std::to_integer<std::uint32_t>(joined[50]) << 8 | std::to_integer<std::uint32_t>(joined[51]),
      (pseudo & 0xffff) + (pseudo >> 16));
  EXPECT_EQ(packet(), joined);  // asked for again
}

TEST_F(Joiner, Ip6IsJoinedToo) {
  ASSERT_TRUE(joiner.add(ip6({.sequence = 1})));
  ASSERT_TRUE(joiner.add(ip6({.sequence = 1001, .flags = kPushAck})));
  EXPECT_TRUE(joiner.complete());
  const SegmentJoiner::JoinedPacket joined = joiner.packet();
  EXPECT_TRUE(joined.ip6);
  EXPECT_EQ(joined.bytes.size(), 14U + 40 + 32 + 2000);
  EXPECT_EQ(joined.bytes[18], std::byte{(32 + 2000) >> 8});
  EXPECT_EQ(joined.bytes[54 + 13], std::byte{kPushAck});
}

TEST_F(Joiner, ASingleFrameIsUnchanged) {
  const Bytes frame = ip4({});
  ASSERT_TRUE(joiner.add(frame));
  EXPECT_EQ(packet(), frame);
  EXPECT_EQ(joiner.packet().frames, 1U);
}

TEST_F(Joiner, NonConsecutiveSegmentsAreRefused) {
  ASSERT_TRUE(joiner.add(ip4({.sequence = 1})));
  EXPECT_FALSE(joiner.add(ip4({.sequence = 1})));     // again
  EXPECT_FALSE(joiner.add(ip4({.sequence = 1002})));  // a hole
  // longer than the first segment
  EXPECT_FALSE(joiner.add(ip4({.sequence = 1001, .bytes = 1001})));
  EXPECT_FALSE(joiner.add(ip4({.sequence = 1001, .options = 8})));
  EXPECT_FALSE(joiner.add(ip4({.sequence = 1001}, 3)));
  EXPECT_FALSE(joiner.add(ip4({.sequence = 1001}, 2, 0)));  // may be fragmented
  EXPECT_FALSE(joiner.add(ip6({.sequence = 1001})));
  EXPECT_TRUE(joiner.add(ip4({.sequence = 1001})));
}

TEST_F(Joiner, FragmentablePacketsMustCountTheirIdentificationUp) {
  // The builder gives every packet the identification 0x1234.
  const auto with_id = [](const Segment& s, std::uint16_t id) {
    Bytes frame = ip4(s, 2, 0);
    const std::uint32_t sum = 0x1234U + 0xffffU - id;  // keeps the header checksum correct
    frame[18] = static_cast<std::byte>(id >> 8);
    frame[19] = static_cast<std::byte>(id & 0xff);
    const std::uint32_t checksum = (std::to_integer<std::uint32_t>(frame[24]) << 8 |
                                    std::to_integer<std::uint32_t>(frame[25])) +
                                   sum;
    const std::uint32_t folded = (checksum & 0xffff) + (checksum >> 16);
    frame[24] = static_cast<std::byte>(folded >> 8);
    frame[25] = static_cast<std::byte>(folded & 0xff);
    return frame;
  };
  ASSERT_TRUE(joiner.add(with_id({.sequence = 1}, 0xffff)));
  EXPECT_FALSE(joiner.add(with_id({.sequence = 1001}, 0xffff)));
  EXPECT_FALSE(joiner.add(with_id({.sequence = 1001}, 1)));
  EXPECT_TRUE(joiner.add(with_id({.sequence = 1001}, 0)));
  EXPECT_TRUE(joiner.add(with_id({.sequence = 2001}, 1)));
}

TEST_F(Joiner, OnlyWholeGoodDataSegmentsBegin) {
  EXPECT_FALSE(joiner.add(ip4({.bytes = 0})));
  EXPECT_FALSE(joiner.add(ip4({.flags = kSynAck})));
  EXPECT_FALSE(joiner.add(ip4({.flags = kPushAck})));
  EXPECT_FALSE(joiner.add(ip4({}, 2, 0x2000)));  // a fragment
  EXPECT_FALSE(
      joiner.add(FrameBuilder().ethernet(0x0800).ipv4(17, 1, 2).udp(1, 2).payload(99).finish()));
  EXPECT_FALSE(joiner.add(FrameBuilder().ethernet(0x88b5).payload(99).finish()));
  for (const std::size_t broken : {24U, 30U, 40U, 51U, 66U, 1065U}) {  // a bit anywhere
    Bytes frame = ip4({});
    frame[broken] ^= std::byte{4};
    EXPECT_FALSE(joiner.add(frame)) << broken;
  }
  Bytes padded = ip4({});
  padded.resize(padded.size() + 4);
  EXPECT_FALSE(joiner.add(padded));
  const Bytes whole = ip4({});
  for (std::size_t bytes = 0; bytes < whole.size(); ++bytes)
    EXPECT_FALSE(joiner.add(std::span(whole).first(bytes))) << bytes;
  EXPECT_TRUE(joiner.empty());
}

TEST_F(Joiner, ALengthFieldIsNeverExceeded) {
  std::uint32_t sequence = 1;
  std::uint32_t frames = 0;
  while (joiner.add(ip4({.sequence = sequence, .bytes = 9000}))) {
    sequence += 9000;
    ++frames;
  }
  EXPECT_EQ(frames, 7U);
  EXPECT_TRUE(joiner.complete());
  EXPECT_EQ(joiner.packet().bytes.size(), 66U + 63000);
  joiner.clear();
  EXPECT_TRUE(joiner.add(ip4({.sequence = sequence, .bytes = 9000})));
}

}  // namespace
}  // namespace hni::device
