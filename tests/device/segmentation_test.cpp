// SPDX-License-Identifier: Apache-2.0
// Checksum offload and segmentation, compared byte by byte with a simple reference implementation
// in this file.
#include <gtest/gtest.h>

#include <numeric>

#include "device/checksum.hpp"
#include "tests/device/device_fixture.hpp"

namespace hni::device {
namespace {

using spec::TWD_META;

/// RFC 1071 checksum over big-endian words.
std::uint16_t reference_sum(std::span<const std::byte> bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    const unsigned high = std::to_integer<unsigned>(bytes[i]);
    const unsigned low = i + 1 < bytes.size() ? std::to_integer<unsigned>(bytes[i + 1]) : 0;
    sum += high << 8 | low;
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<std::uint16_t>(sum);
}

void put16(Bytes& frame, std::size_t at, unsigned value) {
  frame[at] = static_cast<std::byte>(value >> 8);
  frame[at + 1] = static_cast<std::byte>(value & 0xff);
}
unsigned get16(std::span<const std::byte> frame, std::size_t at) {
  return std::to_integer<unsigned>(frame[at]) << 8 | std::to_integer<unsigned>(frame[at + 1]);
}
std::uint32_t get32(std::span<const std::byte> frame, std::size_t at) {
  return get16(frame, at) << 16 | get16(frame, at + 2);
}

struct Shape {
  bool ipv6 = false;
  bool tunnel = false;  // IPv6 in IPv6
  bool udp = false;
  unsigned vlan = 0;
  std::size_t payload = 0;
  std::size_t l4_options = 0;
};

struct Packet {
  Bytes bytes;
  std::size_t l2 = 14, outer = 14, inner = 14, l4 = 0, header = 0;
  bool ipv6 = false, udp = false, tunnel = false;
};

/// A packet as a driver submits it: the checksum field holds the pseudo-header sum over
/// `l4_length` (0 for segmentation, where the device adds the length).
Packet make_packet(const Shape& shape, bool with_length) {
  Packet p;
  p.ipv6 = shape.ipv6 || shape.tunnel;
  p.udp = shape.udp;
  p.tunnel = shape.tunnel;
  p.l2 = 14 + 4 * shape.vlan;
  p.outer = p.l2;
  p.inner = p.outer + (shape.tunnel ? 40 : 0);
  p.l4 = p.inner + (p.ipv6 ? 40 : 20);
  p.header = p.l4 + (shape.udp ? 8 : 20 + shape.l4_options);
  p.bytes = plain_frame(p.header + shape.payload, 7);
  const unsigned protocol = shape.udp ? 17 : 6;
  put16(p.bytes, p.l2 - 2, p.ipv6 ? 0x86dd : 0x0800);
  if (shape.tunnel) {
    put16(p.bytes, p.outer, 0x6000);
    p.bytes[p.outer + 6] = std::byte{41};
  }
  if (p.ipv6) {
    put16(p.bytes, p.inner, 0x6000);
    p.bytes[p.inner + 6] = static_cast<std::byte>(protocol);
  } else {
    put16(p.bytes, p.inner, 0x4500);
    put16(p.bytes, p.inner + 4, 0xfffe);  // IP ID: wraps within three segments
    p.bytes[p.inner + 9] = static_cast<std::byte>(protocol);
  }
  if (!shape.udp) {
    put16(p.bytes, p.l4 + 4, 0xffff);  // sequence number: carries into the upper half
    put16(p.bytes, p.l4 + 6, 0xff00);
    const std::size_t words = (p.header - p.l4) / 4;
    put16(p.bytes, p.l4 + 12, static_cast<unsigned>(words << 12) | 0x1ff);  // all nine flags
  }
  const std::size_t addresses = p.ipv6 ? p.inner + 8 : p.inner + 12;
  const std::size_t length = with_length ? p.bytes.size() - p.l4 : 0;
  const std::uint16_t pseudo =
      reference_sum(std::span(p.bytes).subspan(addresses, p.ipv6 ? 32 : 8),
                    static_cast<std::uint32_t>(protocol + length));
  put16(p.bytes, p.l4 + (shape.udp ? 6 : 16), pseudo);
  return p;
}

TWD_META meta_of(const Packet& p, std::size_t mss) {
  TWD_META meta = TestTx::meta();
  meta.set_L2_HLEN(p.l2 / 2)
      .set_L3_OHLEN((p.inner - p.outer) / 2)
      .set_L3_IHLEN((p.l4 - p.inner) / 2)
      .set_CSUM_OFFSET(p.udp ? 3 : 8);
  if (mss == 0) return meta.set_REQ_CSO(1);
  const spec::L3_TYPE l3 = p.tunnel ? spec::L3_TYPE::V6V6
                           : p.ipv6 ? spec::L3_TYPE::IPV6
                                    : spec::L3_TYPE::IPV4;
  return meta.set_REQ_LSO(1)
      .set_L3_TYPE(static_cast<std::uint64_t>(l3))
      .set_L4_TYPE(p.udp ? 2 : 1)
      .set_L4_HLEN((p.header - p.l4) / 4)
      .set_MSS(mss);
}

/// Verifies the checksum of one segment over its actual pseudo-header.
void expect_good_checksums(const Packet& p, std::span<const std::byte> segment) {
  const unsigned protocol = p.udp ? 17 : 6;
  const std::size_t addresses = p.ipv6 ? p.inner + 8 : p.inner + 12;
  const std::uint16_t pseudo =
      reference_sum(segment.subspan(addresses, p.ipv6 ? 32 : 8),
                    static_cast<std::uint32_t>(protocol + segment.size() - p.l4));
  EXPECT_EQ(reference_sum(segment.subspan(p.l4), pseudo), 0xffff);
  if (!p.ipv6) {
    EXPECT_EQ(reference_sum(segment.subspan(p.inner, p.l4 - p.inner)), 0xffff);
  }
}

class DeviceSegmentation : public ::testing::TestWithParam<Shape> {
 protected:
  /// Sends a packet with segmentation and checks each segment against the expected fields.
  void run(std::size_t mss) {
    const Packet p = make_packet(GetParam(), false);
    tx.send(p.bytes, meta_of(p, mss));
    const std::size_t payload = p.bytes.size() - p.header;
    const std::size_t count = (payload + mss - 1) / mss;
    ASSERT_EQ(test.wire.sent.size(), count);
    Bytes joined;
    for (std::size_t i = 0; i < count; ++i) {
      const Bytes& segment = test.wire.sent[i];
      const std::size_t bytes = std::min(mss, payload - i * mss);
      ASSERT_EQ(segment.size(), std::max<std::size_t>(60, p.header + bytes));
      check_headers(p, std::span(segment).first(p.header + bytes), i, count, mss);
      joined.insert(joined.end(), segment.begin() + static_cast<std::ptrdiff_t>(p.header),
                    segment.begin() + static_cast<std::ptrdiff_t>(p.header + bytes));
    }
    EXPECT_TRUE(std::equal(joined.begin(), joined.end(),
                           p.bytes.begin() + static_cast<std::ptrdiff_t>(p.header),
                           p.bytes.end()));
    EXPECT_NE(tx.next_completion(), 0u);
    EXPECT_EQ(tx.next_completion(), 0u);
  }

  void check_headers(const Packet& p, std::span<const std::byte> segment, std::size_t i,
                     std::size_t count, std::size_t mss) {
    expect_good_checksums(p, segment);
    if (p.ipv6) {
      EXPECT_EQ(get16(segment, p.inner + 4), segment.size() - p.inner - 40);
      if (p.tunnel) {
        EXPECT_EQ(get16(segment, p.outer + 4), segment.size() - p.outer - 40);
      }
    } else {
      EXPECT_EQ(get16(segment, p.inner + 2), segment.size() - p.inner);
      EXPECT_EQ(get16(segment, p.inner + 4), (0xfffe + i) & 0xffff);
    }
    if (p.udp) {
      EXPECT_EQ(get16(segment, p.l4 + 4), segment.size() - p.l4);
      return;
    }
    EXPECT_EQ(get32(segment, p.l4 + 4), static_cast<std::uint32_t>(0xffffff00 + i * mss));
    unsigned flags = 0x1ff;
    if (count > 1) flags &= ~(i == 0 ? 0x09u : i + 1 == count ? 0x80u : 0x89u);
    EXPECT_EQ(get16(segment, p.l4 + 12) & 0x1ff, flags);
  }

  TestCard test;
  TestTx tx{test, 0};
};

TEST_P(DeviceSegmentation, EverySegmentIsAWholeCorrectPacket) {
  run(1448);
}
TEST_P(DeviceSegmentation, OddSegmentSizesKeepTheirChecksums) {
  run(777);
}
TEST_P(DeviceSegmentation, SegmentsShorterThanTheMinimumFrameArePadded) {
  run(3);
}
TEST_P(DeviceSegmentation, OneSegmentKeepsItsFlags) {
  run(16383);
}

TEST_P(DeviceSegmentation, ChecksumOffloadCompletesTheField) {
  const Packet p = make_packet(GetParam(), true);
  tx.send(p.bytes, meta_of(p, 0));
  ASSERT_EQ(test.wire.sent.size(), 1u);
  const Bytes& sent = test.wire.sent[0];
  // Only the checksum field changed. (The IPv4 header sum is computed by the driver in this case.)
  const std::size_t field = p.l4 + (p.udp ? 6 : 16);
  Bytes expected = p.bytes;
  expected[field] = sent[field];
  expected[field + 1] = sent[field + 1];
  EXPECT_EQ(sent, expected);
  const std::size_t addresses = p.ipv6 ? p.inner + 8 : p.inner + 12;
  const std::uint16_t pseudo =
      reference_sum(std::span(sent).subspan(addresses, p.ipv6 ? 32 : 8),
                    static_cast<std::uint32_t>((p.udp ? 17 : 6) + sent.size() - p.l4));
  EXPECT_EQ(reference_sum(std::span(sent).subspan(p.l4), pseudo), 0xffff);
}

INSTANTIATE_TEST_SUITE_P(Protocols, DeviceSegmentation,
                         ::testing::Values(Shape{false, false, false, 0, 9001, 0},
                                           Shape{false, false, false, 1, 5000, 12},
                                           Shape{true, false, false, 0, 9001, 12},
                                           Shape{false, false, true, 0, 4000, 0},
                                           Shape{true, false, true, 2, 4003, 0},
                                           Shape{false, true, false, 0, 7001, 0},
                                           Shape{false, true, true, 0, 3000, 0}),
                         [](const auto& shape) {
                           const Shape& s = shape.param;
                           return std::string(s.tunnel ? "V6InV6"
                                              : s.ipv6 ? "Ipv6"
                                                       : "Ipv4") +
                                  (s.udp ? "Udp" : "Tcp") +
                                  (s.vlan != 0 ? "Vlan" + std::to_string(s.vlan) : "");
                         });

TEST(DeviceOffload, UdpChecksumThatComesOutZeroIsSentAsAllOnes) {
  TestCard test;
  TestTx tx(test, 0);
  Packet p = make_packet(Shape{false, false, true, 0, 20, 0}, true);
  // Choose the payload so that the sum becomes all ones.
  put16(p.bytes, p.header, 0);
  const unsigned rest = reference_sum(std::span(p.bytes).subspan(p.l4));
  put16(p.bytes, p.header, 0xffff - rest);
  tx.send(p.bytes, meta_of(p, 0));
  EXPECT_EQ(get16(test.wire.sent.at(0), p.l4 + 6), 0xffffu);
}

TEST(DeviceOffload, UdpSegmentThatSumsToZeroIsSentAsAllOnes) {
  TestCard test;
  TestTx tx(test, 0);
  Packet p = make_packet(Shape{false, false, true, 0, 200, 0}, false);
  // The sum of the first segment, including its length twice (pseudo-header and UDP header), must
  // be all ones.
  put16(p.bytes, p.header, 0);
  put16(p.bytes, p.l4 + 4, 108);
  const unsigned rest = reference_sum(std::span(p.bytes).subspan(p.l4, 108), 108);
  put16(p.bytes, p.header, 0xffff - rest);
  tx.send(p.bytes, meta_of(p, 100));
  ASSERT_EQ(test.wire.sent.size(), 2u);
  EXPECT_EQ(get16(test.wire.sent[0], p.l4 + 6), 0xffffu);
}

TEST(DeviceOffload, PartialTunnelSegmentsKeepTheBytesBetweenL2AndL4) {
  TestCard test;
  TestTx tx(test, 0);
  const Packet p = make_packet(Shape{false, false, false, 0, 3000, 0}, false);
  tx.send(p.bytes, meta_of(p, 1000).set_L3_TYPE(0));
  ASSERT_EQ(test.wire.sent.size(), 3u);
  for (const Bytes& segment : test.wire.sent) {
    EXPECT_TRUE(std::equal(segment.begin() + 14, segment.begin() + 34, p.bytes.begin() + 14));
  }
}

TEST(DeviceOffload, IpIdStaysWhenIncrementIsOff) {
  TestCard test;
  test.write(spec::TCE_LSO_CTRL::at(), 0x02011209);
  TestTx tx(test, 0);
  const Packet p = make_packet(Shape{false, false, false, 0, 3000, 0}, false);
  tx.send(p.bytes, meta_of(p, 1000));
  ASSERT_EQ(test.wire.sent.size(), 3u);
  for (const Bytes& segment : test.wire.sent) EXPECT_EQ(get16(segment, 18), 0xfffeu);
}

TEST(DeviceOffload, SegmentsThatTheWireHoldsLeaveLaterUnchanged) {
  TestCard reference;
  TestTx reference_tx(reference, 0);
  const Packet p = make_packet(Shape{false, false, false, 0, 9000, 0}, false);
  reference_tx.send(p.bytes, meta_of(p, 700));

  TestCard test;
  TestTx tx(test, 0);
  tx.post(p.bytes, meta_of(p, 700));
  tx.ring_doorbell();
  for (unsigned i = 0; i < 100; ++i) {
    test.wire.accept = i % 3 == 2;
    test.card.run(1);
  }
  EXPECT_EQ(test.wire.sent, reference.wire.sent);
  EXPECT_EQ(test.wire.sent.size(), 13u);
  EXPECT_GT(test.wire.refused, 12u);
}

TEST(DeviceOffload, PacketOf64KiBIsSegmentedWhole) {
  TestCard test;
  TestTx tx(test, 0);
  const Packet p = make_packet(Shape{false, false, false, 0, 65535, 0}, false);
  // Three descriptors are needed, since one describes at most 65535 bytes.
  const std::uint64_t at = tx.place(p.bytes);
  tx.put(meta_of(p, 1448).raw);
  tx.put_al(at, 54, false);
  tx.put_al(at + 54, 30000, false);
  tx.put_al(at + 30054, p.bytes.size() - 30054, true);
  tx.ring_doorbell();
  test.run();
  EXPECT_EQ(test.wire.sent.size(), 46u);
  EXPECT_EQ(test.wire.sent.back().size(), 54u + 65535 - 45 * 1448);
}

TEST(DeviceOffload, ContradictingLengthsStopTheQueue) {
  const Packet p = make_packet(Shape{false, false, false, 0, 3000, 0}, false);
  const TWD_META good = meta_of(p, 1000);
  const auto changed = [&](auto change) {
    TWD_META meta = good;
    change(meta);
    return meta;
  };
  const std::vector<TWD_META> bad = {
      changed([](TWD_META& m) { m.set_MSS(0); }),
      changed([](TWD_META& m) { m.set_L4_TYPE(0); }),
      changed([](TWD_META& m) { m.set_L4_TYPE(3); }),
      changed([](TWD_META& m) { m.set_L4_HLEN(4); }),
      changed([](TWD_META& m) { m.set_L3_IHLEN(9); }),
      changed([](TWD_META& m) { m.set_L3_TYPE(2); }),
      changed([](TWD_META& m) { m.set_L3_TYPE(3); }),
      changed([](TWD_META& m) {
        m.set_REQ_LSO(0).set_REQ_CSO(1).set_L2_HLEN(63).set_L3_OHLEN(255).set_L3_IHLEN(255);
      }),
  };
  for (std::size_t i = 0; i < bad.size(); ++i) {
    TestCard test;
    TestTx tx(test, 0);
    const bool checksum_only = bad[i].REQ_CSO() != 0;
    tx.send(checksum_only ? plain_frame(1000) : p.bytes, bad[i]);
    EXPECT_TRUE(test.wire.sent.empty()) << i;
    EXPECT_EQ(test.read(spec::QUEUE_TWQ0_ERR_CNT::at(0)), 1u) << i;
    EXPECT_EQ(test.card.events().malformed_twd, 1u) << i;
    EXPECT_EQ(test.read(spec::QM_TWQ_IDLE::at(0)), ~0u) << i;
    tx.send(plain_frame(60));
    EXPECT_TRUE(test.wire.sent.empty()) << i;
    test.write(spec::QUEUE_TWQ0_CTL::at(0), 0);
    tx.enable();
    tx.send(plain_frame(60));
    EXPECT_EQ(test.wire.sent.size(), 1u) << i;
  }
}

TEST(DeviceChecksum, SumAgreesWithTheTextbookAtEveryLengthAndAlignment) {
  const Bytes data = plain_frame(400, 99);
  for (std::size_t start = 0; start < 9; ++start) {
    for (std::size_t bytes = 0; bytes + start <= data.size(); ++bytes) {
      Sum sum;
      sum.add(data.data() + start, bytes);
      const std::uint16_t expected = reference_sum(std::span(data).subspan(start, bytes));
      ASSERT_EQ(network_word(sum.fold()), expected) << start << " " << bytes;
    }
  }
}

TEST(DeviceChecksum, CarriesOfAllOnesAreKept) {
  const Bytes ones(4096, std::byte{0xff});
  Sum sum;
  sum.add(ones.data(), ones.size());
  sum.add(ones.data(), ones.size());
  EXPECT_EQ(sum.fold(), 0xffff);
}

}  // namespace
}  // namespace hni::device
