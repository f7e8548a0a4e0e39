// SPDX-License-Identifier: Apache-2.0
// The cache must never differ from parser and classifier, which are its reference.
#include "device/flow_cache.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/support/frame_builder.hpp"

namespace hni::device {
namespace {

using test::FrameBuilder;
using test::kV4A;
using test::kV4B;
using test::kV6A;
using test::kV6B;
using Bytes = FrameBuilder::Bytes;

constexpr std::uint16_t kIp4 = 0x0800;
constexpr std::uint16_t kIp6 = 0x86dd;

/// A TCP header with two paddings and a timestamp; its checksum is wrong.
Bytes stamped(FrameBuilder builder, std::size_t payload) {
  Bytes frame = builder.tcp(1000, 80, 12).payload(payload).finish();
  const std::size_t options = frame.size() - payload - 12;
  frame[options + 2] = std::byte{8};
  frame[options + 3] = std::byte{10};
  return frame;
}

FrameBuilder v4(std::uint8_t protocol, std::uint16_t fragment = 0, std::uint8_t tos = 0) {
  return FrameBuilder{}.ethernet(kIp4).ipv4(protocol, kV4A, kV4B, 0, fragment, tos);
}
FrameBuilder v6(std::uint8_t next) {
  return FrameBuilder{}.ethernet(kIp6).ipv6(next, kV6A, kV6B);
}

std::vector<Bytes> usual_frames() {
  return {v4(6).tcp(1000, 80).payload(50).finish(),
          v4(6).tcp(1000, 80).payload(51).finish(9),
          v4(6, 0x4000, 3).tcp(1000, 443).payload(1400).finish(),
          v4(6).tcp(1000, 80).finish(6),
          v4(17).udp(10000, 53).payload(33).finish(),
          v4(17).udp(10000, 53).finish(18),
          v4(17).udp(10001, 53).payload(18).finish(),
          v6(6).tcp(1000, 80).payload(50).finish(),
          v6(6).tcp(1000, 80).payload(1).finish(3),
          v6(17).udp(10000, 53).payload(9).finish(),
          v6(17).udp(10000, 53).finish(),
          stamped(v4(6), 40),
          stamped(v6(6), 41)};
}

std::vector<Bytes> unusual_frames() {
  return {FrameBuilder{}.ethernet(0x0806).payload(46).finish(),
          FrameBuilder{}.ethernet(kIp4).vlan(0x8100, 5).ipv4(6, kV4A, kV4B).tcp(1, 2).finish(9),
          FrameBuilder{}.ethernet(kIp4).ipv4(6, kV4A, kV4B, 8).tcp(1, 2).payload(9).finish(),
          v4(17, 0x2000).udp(1, 2).payload(30).finish(),
          v4(17, 0x0010).udp(1, 2).payload(30).finish(),
          v4(1).payload(40).finish(),
          v4(50).payload(40).finish(),
          v4(6).tcp(1, 2, 4).payload(9).finish(),
          v6(58).payload(30).finish(),
          v6(0).extension(6, 8).tcp(1, 2).payload(9).finish(),
          v6(41).ipv6(17, kV6B, kV6A).udp(1, 2).payload(9).finish()};
}

/// A classifier that uses every header field: the hash covers all of them, and rules distinguish
/// protocols and ports.
class Rig {
 public:
  Rig() {
    using namespace spec;
    put(RPC_RMI_CONFIG::at(), 0x260e1014);
    for (std::uint32_t i = 0; i < 256; ++i) {
      put(RPC_RSS_TBL::at(0, i), i % 128);
      put(RPC_RSS_TBL::at(1, i), (i * 7 + 3) % 128);
    }
    for (std::uint32_t i = 0; i < Toeplitz::kKeyWords; ++i)
      put(RPC_RSS_KEY::at(i), 0x9e3779b9u * (i + 1));
    // Word 3 of the key is the source port, word 1 has the protocol flags.
    rule(10, 3, 1000, 0xffff, RPC_ACT_TBL0{}.set_DEST(3).set_DMA_HINT(4).set_TS_ENA(1));
    rule(20, 1, 0x4000, 0x4000, RPC_ACT_TBL0{}.set_DEST(1).set_DMA_HINT(2).set_ACT_TBL_IDX(1));
    put(RPC_ACT_TBL0_DEFAULT::at(), RPC_ACT_TBL0{}.set_DEST(1).set_RSS_CTXT_ID(1).raw);
    put(RPC_ACT_TBL1_DEFAULT::at(), 0x7ff);
  }
  void put(spec::RegAddr at, std::uint32_t value) { classifier.changed(at.byte_offset, value); }

  RxVerdict reference(const Bytes& frame) {
    const ParsedFrame parsed = parse_frame(frame);
    return RxVerdict(parsed, classifier.classify(parsed));
  }

  /// Compares one frame; remembers it if it is new. Returns true if the cache had its flow.
  bool check(const Bytes& frame, const std::string& what) {
    UsualFrame usual;
    if (!usual_form(frame, usual)) return false;
    const ParsedFrame parsed = parse_frame(frame);
    const RxVerdict expected = reference(frame);
    EXPECT_TRUE(parsed.has_l4()) << what;
    EXPECT_EQ(parsed.l4_offset, usual.l4_offset) << what;
    EXPECT_EQ(parsed.payload_end, usual.payload_end) << what;
    // What the parser counts.
    EXPECT_FALSE(parsed.tcp_option_error || parsed.unknown_ethertype || parsed.fragment ||
                 parsed.esp || parsed.unknown_extension || parsed.out_of_header ||
                 parsed.parser_error)
        << what;
    const FrameSums sums = sums_of(frame, usual);
    EXPECT_EQ(sums.l2_csum, parsed.l2_csum) << what;
    EXPECT_EQ(sums.l4_verified, parsed.l4_checksum_verified) << what;

    const RxVerdict* const known = cache.find(usual, classifier.version());
    if (known == nullptr) {
      cache.remember(usual, classifier.version(), expected);
      return false;
    }
    RxVerdict got = *known;
    got.info.bytes = static_cast<std::uint32_t>(frame.size());
    got.info.l2_csum = sums.l2_csum;
    got.info.checksum_good = sums.l4_verified;
    EXPECT_TRUE(got.info == expected.info) << what;
    EXPECT_EQ(got.to_host, expected.to_host) << what;
    EXPECT_EQ(got.to_bmc, expected.to_bmc) << what;
    return true;
  }

  Classifier classifier;
  FlowCache cache;

 private:
  void rule(std::uint32_t n, std::uint32_t word, std::uint32_t value, std::uint32_t care,
            spec::RPC_ACT_TBL0 action) {
    using namespace spec;
    for (std::uint32_t w = 0; w < 11; ++w) put(RPC_TCAM_ACT::at(w, n), 0xffff0000);
    put(RPC_TCAM_ACT::at(word, n), (~care & 0xffff) << 16 | value);
    put(RPC_ACT_TBL0::at(n), action.raw);
    put(RPC_ACT_TBL1::at(n), 0x7ff);
    put(RPC_TCAM_ACT::at(11, n), 1u << 31);
  }
};

TEST(DeviceFlowCache, AcceptsOnlyTheUsualForm) {
  UsualFrame usual;
  for (const Bytes& frame : usual_frames()) EXPECT_TRUE(usual_form(frame, usual));
  for (const Bytes& frame : unusual_frames()) EXPECT_FALSE(usual_form(frame, usual));
}

TEST(DeviceFlowCache, EqualHeadersAreFoundWhateverElseDiffers) {
  Rig rig;
  for (const Bytes& frame : usual_frames()) {
    rig.check(frame, "first");
    EXPECT_TRUE(rig.check(frame, "again"));
    Bytes other = frame;
    const std::size_t ip = 14;
    const bool six = other[12] == std::byte{0x86};
    other[six ? ip + 7 : ip + 8] ^= std::byte{0xff};  // hop limit, time to live
    if (!six) other[ip + 4] ^= std::byte{0x55};       // identification
    EXPECT_TRUE(rig.check(other, "other"));
  }
}

TEST(DeviceFlowCache, EachFlippedBitIsDecidedAsByParserAndClassifier) {
  std::size_t found = 0;
  for (const Bytes& frame : usual_frames()) {
    Rig rig;
    for (std::size_t bit = 0; bit < 8 * std::min<std::size_t>(frame.size(), 110); ++bit) {
      rig.check(frame, "the frame");
      Bytes other = frame;
      other[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
      if (rig.check(other, "bit " + std::to_string(bit))) ++found;
    }
  }
  EXPECT_GT(found, 2000U);  // sequence numbers, checksums, payload
}

TEST(DeviceFlowCache, RandomFramesAndTablesAreDecidedAsByParserAndClassifier) {
  std::mt19937 random(7);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  std::vector<Bytes> frames = usual_frames();
  for (const Bytes& frame : unusual_frames()) frames.push_back(frame);
  Rig rig;
  std::size_t found = 0;
  for (int i = 0; i < 60000; ++i) {
    Bytes frame = frames[below(frames.size())];
    for (std::size_t flips = below(4); flips != 0; --flips)
      frame[below(std::min<std::size_t>(frame.size(), 100))] = static_cast<std::byte>(random());
    if (below(8) == 0) frame.resize(14 + below(frame.size() - 14));
    if (below(8) == 0) frame.resize(frame.size() + below(40), std::byte{0x11});
    if (rig.check(frame, std::to_string(i))) ++found;
    if (below(200) == 0) {
      const auto n = static_cast<std::uint32_t>(below(64));
      rig.put(spec::RPC_ACT_TBL0::at(n), static_cast<std::uint32_t>(random()));
      rig.put(spec::RPC_TCAM_ACT::at(static_cast<std::uint32_t>(below(12)), n),
              static_cast<std::uint32_t>(random()));
    }
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(found, 5000U);
}

TEST(DeviceFlowCache, EveryWriteToTheClassifierInvalidatesIt) {
  const Bytes frame = usual_frames()[0];
  for (const spec::RegAddr at :
       {spec::RPC_RMI_CONFIG::at(), spec::RPC_RSS_TBL::at(0, 5), spec::RPC_RSS_KEY::at(1),
        spec::RPC_ACT_TBL0::at(10), spec::RPC_ACT_TBL1::at(10), spec::RPC_ACT_TBL0_DEFAULT::at(),
        spec::RPC_ACT_TBL1_DEFAULT::at(), spec::RPC_TCAM_ACT::at(3, 10),
        spec::RPC_TCAM_MACDA::at(0, 0), spec::RPC_TCAM_IPSRC::at(0, 0),
        spec::RPC_TCAM_IPDST::at(0, 0), spec::RPC_TCAM_OUTER_IPSRC::at(0, 0),
        spec::RPC_TCAM_OUTER_IPDST::at(0, 0)}) {
    Rig rig;
    rig.check(frame, "first");
    ASSERT_TRUE(rig.check(frame, "again"));
    rig.put(at, 1);
    EXPECT_FALSE(rig.check(frame, "after a write"));
    EXPECT_TRUE(rig.check(frame, "again"));
  }
  Rig rig;
  rig.check(frame, "first");
  rig.classifier.reset();
  EXPECT_FALSE(rig.check(frame, "after a reset"));
}

}  // namespace
}  // namespace hni::device
