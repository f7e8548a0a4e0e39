// SPDX-License-Identifier: Apache-2.0
// SegmentRun joins exactly the frames that SegmentJoiner, which has the bytes of all, would join,
// and makes the same packet.
#include "tools/hni/segment_run.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

#include "device/wire/segment_joiner.hpp"
#include "tests/support/frame_builder.hpp"

namespace hni::tools {
namespace {

using test::FrameBuilder;
using Bytes = FrameBuilder::Bytes;

Bytes segment(bool ip6, std::uint32_t sequence, std::size_t payload, std::uint32_t flags = 0x10,
              std::size_t options = 12, std::uint16_t fragment = 0x4000) {
  FrameBuilder builder;
  if (ip6) {
    builder.ethernet(0x86dd).ipv6(6, test::kV6A, test::kV6B);
  } else {
    builder.ethernet(0x0800).ipv4(6, test::kV4A, test::kV4B, 0, fragment);
  }
  return builder.tcp(1, 2, options, sequence, flags)
      .payload(payload, static_cast<std::uint8_t>(sequence))
      .finish();
}

/// A run with the bytes of its packet, as the endpoint writes them.
struct RunBytes {
  SegmentRun run;
  Bytes payload;

  bool add(const Bytes& frame) {
    if (!run.add(std::span(frame).first(std::min<std::size_t>(frame.size(), 200)),
                 static_cast<std::uint32_t>(frame.size())))
      return false;
    payload.insert(payload.end(), frame.begin() + run.header_bytes(), frame.end());
    return true;
  }
  Bytes packet() {
    device::VnetHeader vnet;
    const auto head = run.finish(vnet);
    Bytes out(head.begin(), head.end());
    out.insert(out.end(), payload.begin(), payload.end());
    return out;
  }
};

TEST(SegmentRun, DescribesThePacketToTheHost) {
  for (const bool ip6 : {false, true}) {
    RunBytes r;
    ASSERT_TRUE(r.add(segment(ip6, 1, 1000)));
    EXPECT_FALSE(r.run.complete());
    ASSERT_TRUE(r.add(segment(ip6, 1001, 300, 0x18)));
    EXPECT_TRUE(r.run.complete());
    EXPECT_FALSE(r.add(segment(ip6, 1301, 300)));
    EXPECT_EQ(r.run.frames(), 2U);
    device::VnetHeader vnet;
    const auto head = r.run.finish(vnet);
    const std::uint16_t tcp = ip6 ? 54 : 34;
    EXPECT_EQ(head.size(), tcp + 32U);
    EXPECT_EQ(vnet.flags, device::VnetHeader::kNeedsChecksum);
    EXPECT_EQ(vnet.gso_type, ip6 ? device::VnetHeader::kGsoTcp6 : device::VnetHeader::kGsoTcp4);
    EXPECT_EQ(vnet.gso_bytes, 1000);
    EXPECT_EQ(vnet.header_bytes, tcp + 32);
    EXPECT_EQ(vnet.checksum_start, tcp);
    EXPECT_EQ(vnet.checksum_offset, 16);
    EXPECT_EQ(head[tcp + 13U], std::byte{0x18});  // PSH of the last segment
  }
}

TEST(SegmentRun, HeadersMustBeInTheFirstFragment) {
  const Bytes frame = segment(false, 1, 1000);
  SegmentRun run;
  for (std::size_t bytes = 0; bytes < 66; ++bytes)
    EXPECT_FALSE(run.add(std::span(frame).first(bytes), 1066)) << bytes;
  EXPECT_TRUE(run.add(std::span(frame).first(66), 1066));
}

TEST(SegmentRun, LengthsThatContradictTheFrameAreRefused) {
  const Bytes frame = segment(true, 1, 1000);
  SegmentRun run;
  for (const std::uint32_t bytes : {0U, 66U, 1085U, 1087U, 70000U})
    EXPECT_FALSE(run.add(std::span(frame).first(200), bytes)) << bytes;
  EXPECT_TRUE(run.add(std::span(frame).first(200), 1086));
}

TEST(SegmentRun, JoinsWhatTheJoinerOfWholeFramesJoins) {
  std::mt19937 random(11);
  const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  std::size_t joined = 0;
  for (int round = 0; round < 400; ++round) {
    auto reference = std::make_unique<device::SegmentJoiner>();
    RunBytes r;
    const bool ip6 = below(2) == 0;
    std::uint32_t sequence = static_cast<std::uint32_t>(random());
    const std::size_t bytes = 1 + below(3000);
    for (int i = 0; i < 60; ++i) {
      const std::uint32_t odd = below(60);
      const Bytes frame = segment(odd == 0 ? !ip6 : ip6, odd == 1 ? sequence + 1 : sequence,
                                  odd == 2 ? below(3000) : bytes,
                                  odd == 3   ? 0x18
                                  : odd == 4 ? 0x12
                                             : 0x10,
                                  odd == 5 ? 8 : 12, odd == 6 ? 0 : 0x4000);
      device::TcpSegment parsed;
      const bool begins_with_push =
          r.run.frames() == 0 && device::parse_segment(frame, frame.size(), parsed) && parsed.push;
      if (begins_with_push) continue;  // the joiner passes it on alone; a run ends with it
      const bool expected = reference->add(frame);
      ASSERT_EQ(r.add(frame), expected) << round << " " << i;
      if (!expected) continue;
      sequence += static_cast<std::uint32_t>(frame.size() - r.run.header_bytes());
      ++joined;
      ASSERT_EQ(r.run.complete(), reference->complete());
    }
    if (r.run.frames() < 2) continue;
    const auto whole = reference->packet();
    ASSERT_EQ(whole.frames, r.run.frames());
    ASSERT_EQ(r.packet(), Bytes(whole.bytes.begin(), whole.bytes.end())) << round;
  }
  EXPECT_GT(joined, 4000U);
}

}  // namespace
}  // namespace hni::tools
