// SPDX-License-Identifier: Apache-2.0
// The virtio-net header of a TAP frame becomes an offload request to the card, and the card sends
// the same bytes as software would.

#include "tools/hni/vnet.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "tests/support/two_ports.hpp"

namespace hni::tools {
namespace {

using test::bytes_of;
using test::SimPort;
using test::TwoPorts;
using Bytes = std::vector<std::byte>;

std::uint32_t u8(const Bytes& b, std::size_t at) {
  return std::to_integer<std::uint32_t>(b[at]);
}
void put16(Bytes& b, std::size_t at, std::uint32_t v) {
  b[at] = static_cast<std::byte>(v >> 8);
  b[at + 1] = static_cast<std::byte>(v);
}
std::uint32_t get16(const Bytes& b, std::size_t at) {
  return u8(b, at) << 8 | u8(b, at + 1);
}
void put32(Bytes& b, std::size_t at, std::uint32_t v) {
  put16(b, at, v >> 16);
  put16(b, at + 2, v & 0xffff);
}
std::uint32_t get32(const Bytes& b, std::size_t at) {
  return get16(b, at) << 16 | get16(b, at + 2);
}

/// The Internet checksum by definition, word by word.
std::uint32_t sum_of(const Bytes& b, std::size_t from, std::size_t to, std::uint32_t sum = 0) {
  for (std::size_t i = from; i < to; i += 2)
    sum += u8(b, i) << 8 | (i + 1 < to ? u8(b, i + 1) : 0);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

struct Kind {
  bool ipv6;
  bool tcp;
  std::size_t vlan = 0;         ///< bytes of VLAN tags
  std::size_t tcp_options = 0;  ///< bytes

  [[nodiscard]] std::size_t l3_at() const { return 14 + vlan; }
  [[nodiscard]] std::size_t l4_at() const { return l3_at() + (ipv6 ? 40 : 20); }
  [[nodiscard]] std::size_t l4_bytes() const { return tcp ? 20 + tcp_options : 8; }
  [[nodiscard]] std::size_t header() const { return l4_at() + l4_bytes(); }
  [[nodiscard]] std::size_t checksum_offset() const { return tcp ? 16 : 6; }
};

/// The sum of the pseudo-header with this L4 length.
std::uint32_t pseudo_sum(const Kind& kind, const Bytes& frame, std::size_t l4_length) {
  const std::size_t addresses = kind.l3_at() + (kind.ipv6 ? 8 : 12);
  return sum_of(frame, addresses, addresses + (kind.ipv6 ? 32 : 8),
                static_cast<std::uint32_t>(l4_length) + (kind.tcp ? 6U : 17U));
}

/// A packet as the kernel submits it for segmentation: lengths of the whole packet, pseudo-header
/// sum in the checksum field.
Bytes super_packet(const Kind& kind, std::size_t payload) {
  Bytes frame(kind.header() + payload);
  for (std::size_t i = 0; i < frame.size(); ++i) frame[i] = static_cast<std::byte>(i * 131 + 7);
  std::memcpy(frame.data(), test::kMacB.data(), 6);
  std::memcpy(frame.data() + 6, test::kMacA.data(), 6);
  for (std::size_t tag = 0; tag < kind.vlan; tag += 4) put16(frame, 12 + tag, 0x8100);
  put16(frame, kind.l3_at() - 2, kind.ipv6 ? 0x86dd : 0x0800);
  const std::size_t l3 = kind.l3_at();
  const std::size_t l4 = kind.l4_at();
  if (kind.ipv6) {
    frame[l3] = std::byte{0x60};
    put16(frame, l3 + 4, static_cast<std::uint32_t>(frame.size() - l4));
    frame[l3 + 6] = std::byte{kind.tcp ? std::uint8_t{6} : std::uint8_t{17}};
  } else {
    frame[l3] = std::byte{0x45};
    put16(frame, l3 + 2, static_cast<std::uint32_t>(frame.size() - l3));
    put16(frame, l3 + 6, 0x4000);
    frame[l3 + 9] = std::byte{kind.tcp ? std::uint8_t{6} : std::uint8_t{17}};
    put16(frame, l3 + 10, 0);
    put16(frame, l3 + 10, ~sum_of(frame, l3, l4) & 0xffff);
  }
  if (kind.tcp) {
    frame[l4 + 12] = static_cast<std::byte>(kind.l4_bytes() / 4 << 4);
    frame[l4 + 13] = std::byte{0x19};  // ACK, PSH, FIN
  } else {
    put16(frame, l4 + 4, static_cast<std::uint32_t>(frame.size() - l4));
  }
  put16(frame, l4 + kind.checksum_offset(), pseudo_sum(kind, frame, frame.size() - l4));
  return frame;
}

/// The segments that software segmentation produces.
std::vector<Bytes> segmented(const Kind& kind, const Bytes& super, std::size_t mss) {
  std::vector<Bytes> out;
  const std::size_t header = kind.header();
  const std::size_t l3 = kind.l3_at();
  const std::size_t l4 = kind.l4_at();
  for (std::size_t at = header; at < super.size(); at += mss) {
    const std::size_t end = std::min(at + mss, super.size());
    Bytes frame(super.begin(), super.begin() + static_cast<std::ptrdiff_t>(header));
    frame.insert(frame.end(), super.begin() + static_cast<std::ptrdiff_t>(at),
                 super.begin() + static_cast<std::ptrdiff_t>(end));
    const auto index = static_cast<std::uint32_t>(out.size());
    if (kind.ipv6) {
      put16(frame, l3 + 4, static_cast<std::uint32_t>(frame.size() - l4));
    } else {
      put16(frame, l3 + 2, static_cast<std::uint32_t>(frame.size() - l3));
      put16(frame, l3 + 4, get16(super, l3 + 4) + index);
      put16(frame, l3 + 10, 0);
      put16(frame, l3 + 10, ~sum_of(frame, l3, l4) & 0xffff);
    }
    if (kind.tcp) {
      put32(frame, l4 + 4, get32(super, l4 + 4) + static_cast<std::uint32_t>(at - header));
      if (end != super.size()) frame[l4 + 13] &= std::byte{0xf6};  // no FIN, no PSH
    } else {
      put16(frame, l4 + 4, static_cast<std::uint32_t>(frame.size() - l4));
    }
    const std::size_t field = l4 + kind.checksum_offset();
    put16(frame, field, pseudo_sum(kind, frame, frame.size() - l4));
    std::uint32_t sum = ~sum_of(frame, l4, frame.size()) & 0xffff;
    if (!kind.tcp && sum == 0) sum = 0xffff;
    put16(frame, field, sum);
    frame.resize(std::max<std::size_t>(frame.size(), 60));  // the MAC pads
    frame.resize(std::max<std::size_t>(frame.size(), 60));  // the MAC pads
    out.push_back(frame);
  }
  return out;
}

VnetHeader header_for(const Kind& kind, std::size_t mss) {
  VnetHeader header;
  header.flags = VnetHeader::kNeedsChecksum;
  header.checksum_start = static_cast<std::uint16_t>(kind.l4_at());
  header.checksum_offset = static_cast<std::uint16_t>(kind.checksum_offset());
  if (mss == 0) return header;
  header.gso_bytes = static_cast<std::uint16_t>(mss);
  header.gso_type = !kind.tcp   ? VnetHeader::kGsoUdp
                    : kind.ipv6 ? VnetHeader::kGsoTcp6
                                : VnetHeader::kGsoTcp4;
  return header;
}

/// Sends the super packet as `hni run` does and returns the frames that arrive at the other port.
std::vector<Bytes> through_the_cards(TwoPorts& world, const VnetHeader& header, Bytes super) {
  const OffloadPlan plan = plan_offload(header, super, static_cast<std::uint32_t>(super.size()));
  EXPECT_EQ(plan.verdict, OffloadVerdict::kReady);
  SimPort& a = *world.ports[0];
  SimPort& b = *world.ports[1];
  Packet packet;
  EXPECT_TRUE(test::fill(a, packet, super));
  packet.tx = plan.offload;
  EXPECT_EQ(a.tx_burst(QueueId{0}, std::span(&packet, 1), world.now), 1U);
  std::vector<Bytes> arrived;
  std::array<Packet, 32> packets;
  for (int turn = 0; turn < 100; ++turn) {
    world.advance();
    const std::uint32_t n = b.rx_burst(QueueId{0}, packets, world.now);
    for (std::uint32_t i = 0; i < n; ++i) {
      EXPECT_TRUE(packets[i].rx.l4_checksum_good());
      arrived.push_back(bytes_of(b, packets[i]));
      b.release(packets[i]);
    }
  }
  EXPECT_EQ(arrived.size(), plan.frames);
  return arrived;
}

constexpr std::array<Kind, 6> kKinds{{{false, true},
                                      {false, true, 4, 12},
                                      {true, true, 0, 12},
                                      {true, true, 8},
                                      {false, false},
                                      {true, false}}};

TEST(VnetOffload, CardSegmentsAsSoftwareDoes) {
  TwoPorts world;
  ASSERT_TRUE(world.up());
  for (const Kind& kind : kKinds) {
    for (const std::size_t mss : {536U, 1000U, 1448U, 1447U}) {
      for (const std::size_t payload : {mss + 1, 2 * mss, 7 * mss - 3, std::size_t{60000}}) {
        const Bytes super = super_packet(kind, payload);
        EXPECT_EQ(through_the_cards(world, header_for(kind, mss), super),
                  segmented(kind, super, mss))
            << "IPv" << (kind.ipv6 ? 6 : 4) << (kind.tcp ? " TCP " : " UDP ") << payload << "/"
            << mss;
      }
    }
  }
}

TEST(VnetOffload, CardFillsInTheChecksumLikeSoftware) {
  TwoPorts world;
  ASSERT_TRUE(world.up());
  for (const Kind& kind : kKinds) {
    for (std::size_t payload = 12; payload < 300; ++payload) {
      const Bytes frame = super_packet(kind, payload);
      EXPECT_EQ(through_the_cards(world, header_for(kind, 0), frame),
                segmented(kind, frame, payload));
    }
  }
}

TEST(VnetOffload, FrameWithoutFlagsIsUnchanged) {
  Bytes frame = super_packet({false, true}, 100);
  const Bytes before = frame;
  const OffloadPlan plan = plan_offload({}, frame, static_cast<std::uint32_t>(frame.size()));
  EXPECT_EQ(plan.verdict, OffloadVerdict::kReady);
  EXPECT_FALSE(plan.offload.any());
  EXPECT_EQ(plan.frames, 1U);
  EXPECT_EQ(frame, before);
}

TEST(VnetOffload, ChecksumAtAnOddOffsetIsLeftToSoftware) {
  Bytes frame = super_packet({false, true}, 100);
  VnetHeader header = header_for({false, true}, 0);
  ++header.checksum_start;
  EXPECT_EQ(plan_offload(header, frame, static_cast<std::uint32_t>(frame.size())).verdict,
            OffloadVerdict::kSoftware);
}

TEST(VnetOffload, HeaderThatContradictsTheFrameIsRefused) {
  const Kind kind{false, true};
  const auto verdict = [&](auto&& damage, std::size_t head = 4096) {
    Bytes frame = super_packet(kind, 3000);
    VnetHeader header = header_for(kind, 1000);
    damage(header, frame);
    const auto length = static_cast<std::uint32_t>(frame.size());
    return plan_offload(header, std::span(frame).first(std::min(head, frame.size())), length)
        .verdict;
  };
  using F = Bytes;
  using H = VnetHeader;
  constexpr auto kRefused = OffloadVerdict::kRefused;
  EXPECT_EQ(verdict([](H&, F&) {}), OffloadVerdict::kReady);
  EXPECT_EQ(verdict([](H& h, F&) { h.checksum_start = 5000; }), kRefused);
  EXPECT_EQ(verdict([](H& h, F&) { h.checksum_offset = 5000; }), kRefused);
  EXPECT_EQ(verdict([](H& h, F&) { h.checksum_start = 0; }), kRefused);
  EXPECT_EQ(verdict([](H& h, F&) { h.flags = 0; }), kRefused);
  EXPECT_EQ(verdict([](H& h, F&) { h.gso_type = 3; }), kRefused);
  EXPECT_EQ(verdict([](H& h, F&) { h.gso_bytes = 0; }), kRefused);
  EXPECT_EQ(verdict([](H& h, F&) { h.gso_bytes = 16384; }), kRefused);
  EXPECT_EQ(verdict([&](H&, F& f) { f[kind.l4_at() + 12] = std::byte{0x40}; }), kRefused);
  EXPECT_EQ(verdict([](H&, F& f) { f.resize(40); }), kRefused);
  EXPECT_EQ(verdict([](H&, F&) {}, 36), kRefused);
  EXPECT_EQ(verdict([](H&, F& f) {
              for (std::size_t i = 12; i + 1 < f.size(); i += 4) put16(f, i, 0x8100);
            }),
            kRefused);
}

TEST(VnetOffload, VerifiedChecksumIsPassedOnOnlyWithOffload) {
  RxInfo info;
  EXPECT_EQ(received_header(info, true).flags, 0);
  info.meta = spec::RCD_META{}.set_L4_CSUM_UNNECESSARY(1).raw;
  EXPECT_EQ(received_header(info, true).flags, VnetHeader::kDataValid);
  EXPECT_EQ(received_header(info, false).flags, 0);
}

}  // namespace
}  // namespace hni::tools
