// SPDX-License-Identifier: Apache-2.0
// The classifier with the rules that the Linux driver installs [device 14.6].
#include "device/classifier.hpp"

#include <gtest/gtest.h>

#include <random>

#include "openhni/spec/registers.hpp"
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
constexpr std::array<std::uint8_t, 6> kHost{2, 0, 0, 0, 0, 1};
constexpr std::array<std::uint8_t, 6> kOther{2, 0, 0, 0, 0, 9};
constexpr std::array<std::uint8_t, 6> kBroadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
constexpr std::array<std::uint8_t, 6> kMulticast{1, 0, 0x5e, 0, 0, 1};

constexpr std::array<std::uint32_t, 10> kKey{0x6d5a56da, 0x255b0ec2, 0x4167253d, 0x43a38fb0,
                                             0xd0ca2bcb, 0xae7b30b4, 0x77cb2da3, 0x8030f20c,
                                             0x6a42b73b, 0xbeac01fa};

class Rpc {
 public:
  void put(spec::RegAddr at, std::uint32_t value) { classifier.changed(at.byte_offset, value); }

  void mac(std::uint32_t n, const std::array<std::uint8_t, 6>& value,
           const std::array<std::uint8_t, 6>& ignore = {}) {
    for (std::uint32_t w = 0; w < 3; ++w) {
      const std::size_t at = 4 - 2 * w;
      const auto pair = [at](const std::array<std::uint8_t, 6>& b) {
        return std::uint32_t{b[at]} << 8 | b[at + 1];
      };
      put(spec::RPC_TCAM_MACDA::at(w, n), pair(ignore) << 16 | pair(value));
    }
    put(spec::RPC_TCAM_MACDA::at(3, n), 1u << 31);
  }

  /// Matches words 0, 1, 3 and 4 with the given masks and ignores all other words.
  void act(std::uint32_t n, std::array<std::uint32_t, 4> value, std::array<std::uint32_t, 4> care,
           std::uint32_t table0, std::uint32_t table1) {
    put(spec::RPC_ACT_TBL0::at(n), table0);
    put(spec::RPC_ACT_TBL1::at(n), table1);
    for (std::uint32_t w = 0; w < 11; ++w) put(spec::RPC_TCAM_ACT::at(w, n), 0xffff0000);
    const std::array<std::uint32_t, 4> words{0, 1, 3, 4};
    for (std::size_t i = 0; i < 4; ++i) {
      put(spec::RPC_TCAM_ACT::at(words[i], n), (~care[i] & 0xffff) << 16 | value[i]);
    }
    put(spec::RPC_TCAM_ACT::at(11, n), 1u << 31);
  }

  void ip(std::uint32_t base, std::uint32_t n, std::uint32_t address, std::uint32_t ignore) {
    const auto word = [&](std::uint32_t w, std::uint32_t v) {
      classifier.changed(base + 4 * (8 * w + n), v);
    };
    word(0, (ignore & 0xffff) << 16 | (address & 0xffff));
    word(1, (ignore & 0xffff0000) | address >> 16);
    for (std::uint32_t w = 2; w < 8; ++w) word(w, 0xffff0000);
    word(8, 1u << 31);
  }

  /// The classifier state after `ip link set up` [device 9, 14.6], with round robin over `queues`
  /// queues.
  void open(std::uint32_t queues) {
    for (std::uint32_t i = 0; i < 256; ++i) {
      put(spec::RPC_RSS_TBL::at(0, i), i % queues);
      put(spec::RPC_RSS_TBL::at(1, i), queues - 1 - i % queues);
    }
    for (std::uint32_t i = 0; i < kKey.size(); ++i) put(spec::RPC_RSS_KEY::at(i), kKey[i]);
    put(spec::RPC_ACT_TBL0_DEFAULT::at(), 1);
    put(spec::RPC_ACT_TBL1_DEFAULT::at(), 0);
    put(spec::RPC_RMI_CONFIG::at(), 0x260e1014);
    const std::array<std::uint32_t, 7> flags{0xdc00, 0xd400, 0x9c00, 0x9400,
                                             0x1c00, 0x1400, 0x0400};
    const std::array<std::uint32_t, 7> fields{0x03, 0x03, 0x0f, 0x0f, 0x03, 0x03, 0x10};
    for (std::uint32_t i = 0; i < 7; ++i) {
      act(57 + i, {0, flags[i], 0, 0}, {0, flags[i], 0, 0}, 4u << 16 | 1u << 1, fields[i]);
    }
    mac(4, kBroadcast);
    mac(30, kHost);
  }

  Decision of(const Bytes& frame) { return classifier.classify(parse_frame(frame)); }

  Classifier classifier;
};

Bytes tcp4(std::array<std::uint8_t, 6> to = kHost, std::uint16_t port = 80) {
  return FrameBuilder{}
      .ethernet(kIp4, to)
      .ipv4(6, kV4A, kV4B)
      .tcp(1000, port)
      .payload(50)
      .finish();
}

TEST(DeviceClassifier, NothingReachesTheHostAfterReset) {
  Rpc rpc;
  EXPECT_FALSE(rpc.of(tcp4()).to_host());
  rpc.open(4);
  EXPECT_TRUE(rpc.of(tcp4()).to_host());
  rpc.put(spec::RPC_RMI_CONFIG::at(), 0x14);
  EXPECT_FALSE(rpc.of(tcp4()).to_host());
  rpc.open(4);
  rpc.classifier.reset();
  EXPECT_FALSE(rpc.of(tcp4()).to_host());
}

TEST(DeviceClassifier, EachTrafficClassHitsItsRssRule) {
  Rpc rpc;
  rpc.open(4);
  const auto hit = [&](const Bytes& frame) { return int{rpc.of(frame).action_index}; };
  EXPECT_EQ(hit(FrameBuilder{}.ethernet(kIp6).ipv6(17, kV6A, kV6B).udp(1, 2).finish()), 57);
  EXPECT_EQ(hit(FrameBuilder{}.ethernet(kIp4).ipv4(17, kV4A, kV4B).udp(1, 2).finish()), 58);
  EXPECT_EQ(hit(FrameBuilder{}.ethernet(kIp6).ipv6(6, kV6A, kV6B).tcp(1, 2).finish()), 59);
  EXPECT_EQ(hit(FrameBuilder{}.ethernet(kIp4).ipv4(6, kV4A, kV4B).tcp(1, 2).finish()), 60);
  EXPECT_EQ(hit(FrameBuilder{}.ethernet(kIp6).ipv6(58, kV6A, kV6B).payload(8).finish()), 61);
  EXPECT_EQ(hit(FrameBuilder{}.ethernet(kIp4).ipv4(1, kV4A, kV4B).payload(8).finish()), 62);
  EXPECT_EQ(hit(FrameBuilder{}.ethernet(0x0806).payload(46).finish()), 63);
}

TEST(DeviceClassifier, ForeignDestinationFallsToTheDroppingDefault) {
  Rpc rpc;
  rpc.open(4);
  const Decision decision = rpc.of(tcp4(kOther));
  EXPECT_FALSE(decision.action_hit);
  EXPECT_TRUE(decision.drop);
  EXPECT_TRUE(rpc.of(tcp4(kBroadcast)).to_host());
  EXPECT_FALSE(rpc.of(tcp4(kMulticast)).to_host());
}

TEST(DeviceClassifier, PromiscuousAndAllMulticastEntriesWidenTheFilter) {
  Rpc rpc;
  rpc.open(4);
  rpc.mac(31, {1, 0, 0, 0, 0, 0}, {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff});
  EXPECT_TRUE(rpc.of(tcp4(kMulticast)).to_host());
  EXPECT_FALSE(rpc.of(tcp4(kOther)).to_host());
  rpc.mac(31, {}, kBroadcast);
  EXPECT_TRUE(rpc.of(tcp4(kOther)).to_host());
  rpc.put(spec::RPC_TCAM_MACDA::at(3, 31), 0);
  EXPECT_FALSE(rpc.of(tcp4(kOther)).to_host());
}

TEST(DeviceClassifier, HashAndQueueFollowTheMicrosoftVectors) {
  Rpc rpc;
  rpc.open(7);
  const Bytes tcp =
      FrameBuilder{}.ethernet(kIp4).ipv4(6, 0x420995bb, 0xa18e6450).tcp(2794, 1766).finish();
  Decision decision = rpc.of(tcp);
  EXPECT_EQ(decision.hash, 0x51ccc178u);
  EXPECT_TRUE(decision.hash_valid);
  EXPECT_TRUE(decision.from_table);
  EXPECT_EQ(decision.queue, 0x78 % 7);
  const Bytes udp =
      FrameBuilder{}.ethernet(kIp4).ipv4(17, 0x420995bb, 0xa18e6450).udp(2794, 1766).finish();
  decision = rpc.of(udp);
  EXPECT_EQ(decision.hash, 0x323e8fc2u);
  rpc.put(spec::RPC_RSS_TBL::at(0, 0xc2), 99);
  EXPECT_EQ(rpc.of(udp).queue, 99);
}

TEST(DeviceClassifier, RssContextOneUsesTheSecondTable) {
  Rpc rpc;
  rpc.open(8);
  const std::uint8_t first = rpc.of(tcp4()).queue;
  rpc.put(spec::RPC_ACT_TBL0::at(60), 1u << 30 | 4u << 16 | 2u);
  EXPECT_EQ(rpc.of(tcp4()).queue, 7 - first);
}

TEST(DeviceClassifier, KeyChangeTakesEffectAtTheNextFrame) {
  Rpc rpc;
  rpc.open(8);
  const std::uint32_t before = rpc.of(tcp4()).hash;
  rpc.put(spec::RPC_RSS_KEY::at(0), 0);
  EXPECT_NE(rpc.of(tcp4()).hash, before);
  rpc.put(spec::RPC_RSS_KEY::at(0), kKey[0]);
  EXPECT_EQ(rpc.of(tcp4()).hash, before);
}

TEST(DeviceClassifier, LowestMatchingRuleWinsAndSelectsItsQueue) {
  Rpc rpc;
  rpc.open(4);
  const std::array<std::uint32_t, 4> value{0, 0x9400, 0, 80}, care{0, 0xfc00, 0, 0xffff};
  rpc.act(49, value, care, 4u << 16 | 17u << 8 | 1u << 4 | 1u << 29 | 2u, 0);
  Decision decision = rpc.of(tcp4());
  EXPECT_EQ(decision.action_index, 49);
  EXPECT_EQ(decision.queue, 17);
  EXPECT_FALSE(decision.from_table);
  EXPECT_TRUE(decision.report_action);
  EXPECT_EQ(rpc.of(tcp4(kHost, 81)).action_index, 60);
  rpc.act(48, value, care, 1u, 0);  // a drop rule at a higher index
  decision = rpc.of(tcp4());
  EXPECT_EQ(decision.action_index, 48);
  EXPECT_TRUE(decision.drop);
  EXPECT_FALSE(decision.to_host());
  rpc.put(spec::RPC_TCAM_ACT::at(11, 48), 0);
  EXPECT_EQ(rpc.of(tcp4()).action_index, 49);
}

TEST(DeviceClassifier, AddressRulesGoThroughTheIpTcams) {
  Rpc rpc;
  rpc.open(4);
  rpc.ip(spec::RPC_TCAM_IPSRC::kByteOffset, 5, kV4A & 0xffffff00, 0xff);
  rpc.ip(spec::RPC_TCAM_IPDST::kByteOffset, 2, kV4B, 0);
  // IPSRC 5 valid, IPDST 2 valid
  rpc.act(10, {0xad, 0x1000, 0, 0}, {0xff, 0x1800, 0, 0}, 4u << 16 | 3u << 8 | 1u << 4 | 2u, 0);
  EXPECT_EQ(rpc.of(tcp4()).action_index, 10);
  EXPECT_TRUE(rpc.of(tcp4()).action_hit);
  const Bytes elsewhere = FrameBuilder{}.ethernet(kIp4).ipv4(6, kV4A, kV4B + 1).tcp(1, 2).finish();
  EXPECT_EQ(rpc.of(elsewhere).action_index, 60);
  rpc.ip(spec::RPC_TCAM_IPSRC::kByteOffset, 1, kV4A, 0);  // the lowest matching index wins
  EXPECT_EQ(rpc.of(tcp4()).action_index, 60);
}

TEST(DeviceClassifier, InnerIpEntriesCompareTheIpVersion) {
  Rpc rpc;
  rpc.open(4);
  rpc.ip(spec::RPC_TCAM_IPSRC::kByteOffset, 0, 0, 0xffffffff);  // any IPv4 address
  rpc.act(3, {0x8, 0, 0, 0}, {0xf, 0, 0, 0}, 2u, 0);
  EXPECT_EQ(rpc.of(tcp4()).action_index, 3);
  const Bytes six = FrameBuilder{}.ethernet(kIp6).ipv6(6, kV6A, kV6B).tcp(1, 2).finish();
  EXPECT_EQ(rpc.of(six).action_index, 59);
}

TEST(DeviceClassifier, OuterTablesSeeOnlyTunnels) {
  Rpc rpc;
  rpc.open(4);
  const std::uint32_t base = spec::RPC_TCAM_OUTER_IPDST::kByteOffset;
  for (std::uint32_t w = 0; w < 8; ++w) rpc.classifier.changed(base + 4 * (8 * w + 7), 0xffff0000);
  rpc.classifier.changed(base + 4 * (8 * 8 + 7), 1u << 31);  // entry 7 matches any address
  rpc.act(2, {0xf000, 0x2000, 0, 0}, {0xf000, 0x2000, 0, 0}, 2u, 0);
  const Bytes tunnel =
      FrameBuilder{}.ethernet(kIp6).ipv6(41, kV6A, kV6B).ipv6(17, kV6B, kV6A).udp(1, 2).finish();
  EXPECT_EQ(rpc.of(tunnel).action_index, 2);
  const Bytes plain = FrameBuilder{}.ethernet(kIp6).ipv6(17, kV6A, kV6B).udp(1, 2).finish();
  EXPECT_EQ(rpc.of(plain).action_index, 57);
}

TEST(DeviceClassifier, EntryWithUnknownKeyBitsNeverMatches) {
  Rpc rpc;
  rpc.open(4);
  rpc.act(2, {0, 0, 0, 0}, {0, 0, 0, 0}, 2u, 0);
  EXPECT_EQ(rpc.of(tcp4()).action_index, 2);
  rpc.put(spec::RPC_TCAM_ACT::at(7, 2), 0xfffe0001);
  EXPECT_EQ(rpc.of(tcp4()).action_index, 60);
}

TEST(DeviceClassifier, HeaderSplitFollowsTheHintDownToWhatThereIs) {
  Rpc rpc;
  rpc.open(1);
  const Bytes tcp = tcp4();
  EXPECT_EQ(rpc.of(tcp).header_bytes, 54);
  EXPECT_EQ(rpc.of(tcp).hint_used, 4);
  const Bytes icmp = FrameBuilder{}.ethernet(kIp4).ipv4(1, kV4A, kV4B).payload(40).finish();
  EXPECT_EQ(rpc.of(icmp).header_bytes, 34);
  EXPECT_EQ(rpc.of(icmp).hint_used, 2);
  const Bytes arp = FrameBuilder{}.ethernet(0x0806).payload(46).finish();
  EXPECT_EQ(rpc.of(arp).header_bytes, 14);
  EXPECT_EQ(rpc.of(arp).hint_used, 1);
  rpc.put(spec::RPC_ACT_TBL0::at(60), 2u << 16 | 2u);
  EXPECT_EQ(rpc.of(tcp).header_bytes, 34);
  rpc.put(spec::RPC_ACT_TBL0::at(60), 1u << 16 | 2u);
  EXPECT_EQ(rpc.of(tcp).header_bytes, 14);
}

TEST(DeviceClassifier, FramesBeyondTheMtuAreOversize) {
  Rpc rpc;
  rpc.open(1);
  Bytes frame(0x260e);
  frame[0] = std::byte{0xff};
  for (std::size_t i = 0; i < 6; ++i) frame[i] = std::byte{0xff};
  EXPECT_FALSE(rpc.of(frame).oversize);
  EXPECT_TRUE(rpc.of(frame).to_host());
  frame.push_back(std::byte{0});
  EXPECT_TRUE(rpc.of(frame).oversize);
  EXPECT_FALSE(rpc.of(frame).to_host());
}

TEST(DeviceClassifier, TimestampBitIsPassedOn) {
  Rpc rpc;
  rpc.open(1);
  EXPECT_FALSE(rpc.of(tcp4()).timestamp);
  rpc.put(spec::RPC_ACT_TBL0::at(60), 1u << 28 | 4u << 16 | 2u);
  EXPECT_TRUE(rpc.of(tcp4()).timestamp);
}

TEST(DeviceClassifier, EveryHashFieldCombinationIsSafeForEveryFrame) {
  std::mt19937 random(11);
  Rpc rpc;
  rpc.open(4);
  for (unsigned round = 0; round < 50'000; ++round) {
    if (round % 16 == 0) {
      const std::uint32_t offset = 0x21000 + static_cast<std::uint32_t>(random() % 0xc00) * 4;
      rpc.classifier.changed(offset, static_cast<std::uint32_t>(random()));
      rpc.put(spec::RPC_RMI_CONFIG::at(), 0x260e1014);
    }
    rpc.put(spec::RPC_ACT_TBL1_DEFAULT::at(), static_cast<std::uint32_t>(random() & 0xffff));
    Bytes frame(random() % 200);
    for (std::byte& b : frame) b = static_cast<std::byte>(random());
    if (frame.size() > 60) {
      frame[12] = std::byte{0x86};
      frame[13] = std::byte{0xdd};
      frame[14] = std::byte{0x60};
      frame[20] = static_cast<std::byte>(random() % 2 != 0 ? 41 : 6);
    }
    const Decision decision = rpc.of(frame);
    EXPECT_LE(decision.header_bytes, frame.size());
    EXPECT_LT(decision.action_index, 64);
  }
}

TEST(DeviceTxClassifier, EntriesCopyToTheirDestinations) {
  TxClassifier tce;
  const Bytes frame = tcp4(kOther);
  EXPECT_EQ(tce.destinations(frame, TxClassifier::kMac), TxClassifier::kMac);
  tce.changed(spec::TCE_RAM_TCAM::at(0, 3).byte_offset, 0x0009u << 16);  // MASK 15:0, VALUE 31:16
  tce.changed(spec::TCE_RAM_TCAM::at(1, 3).byte_offset, 0x0000u << 16);
  tce.changed(spec::TCE_RAM_TCAM::at(2, 3).byte_offset, 0x0200u << 16);
  tce.changed(spec::TCE_RAM_TCAM3::at(3).byte_offset, 0x800000b8);
  tce.changed(spec::TCE_TCAM_IDX2DEST_MAP::at().byte_offset, 0x3u << 12);
  EXPECT_EQ(tce.destinations(frame, TxClassifier::kMac), TxClassifier::kMac);  // not enabled yet
  tce.changed(spec::TCE_TXB_CTRL::at().byte_offset, 3);
  EXPECT_EQ(tce.destinations(frame, TxClassifier::kMac), TxClassifier::kMac | TxClassifier::kBmc);
  EXPECT_EQ(tce.destinations(tcp4(kHost), TxClassifier::kMac), TxClassifier::kMac);
  tce.changed(spec::TCE_RAM_TCAM::at(0, 3).byte_offset, 0xffff);  // ignore the last two bytes
  EXPECT_EQ(tce.destinations(tcp4(kHost), TxClassifier::kMac), 3);
  tce.changed(spec::TCE_RAM_TCAM3::at(3).byte_offset, 0);
  EXPECT_EQ(tce.destinations(frame, TxClassifier::kMac), TxClassifier::kMac);
}

}  // namespace
}  // namespace hni::device
