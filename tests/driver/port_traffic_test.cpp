// SPDX-License-Identifier: Apache-2.0
// Port features that packet applications use: offloads, several queues, timestamps, a plain ring,
// large pages.

#include <gtest/gtest.h>

#include <map>

#include "tests/driver/port_conservation.hpp"
#include "tests/support/two_ports.hpp"

namespace hni::test {
namespace {

constexpr std::size_t kL2 = 14, kIp4 = 20, kIp6 = 40, kTcp = 20, kUdp = 8;

std::uint32_t add16(std::span<const std::byte> bytes, std::uint32_t sum = 0) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    sum += std::to_integer<std::uint32_t>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
  }
  return sum;
}
std::uint16_t fold(std::uint32_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}
void put16(std::span<std::byte> at, std::uint32_t v) {
  at[0] = static_cast<std::byte>(v >> 8);
  at[1] = static_cast<std::byte>(v);
}

/// A TCP or UDP packet from A to B with `payload` bytes and correct checksums.
std::vector<std::byte> make_packet(bool v6, bool tcp, std::size_t payload, std::uint16_t port) {
  const std::size_t l3 = v6 ? kIp6 : kIp4, l4 = tcp ? kTcp : kUdp;
  auto frame = make_frame(kL2 + l3 + l4 + payload, port);
  const auto ip = std::span(frame).subspan(kL2);
  const auto seg = ip.subspan(l3);
  put16(std::span(frame).subspan(12), v6 ? 0x86dd : 0x0800);
  std::fill(ip.begin(), ip.begin() + static_cast<std::ptrdiff_t>(l3 + l4), std::byte{0});
  if (v6) {
    ip[0] = std::byte{0x60};
    put16(ip.subspan(4), static_cast<std::uint32_t>(l4 + payload));
    ip[6] = static_cast<std::byte>(tcp ? 6 : 17);
    ip[7] = std::byte{64};
    ip[8] = ip[24] = std::byte{0xfd};
    ip[23] = std::byte{1};
    ip[39] = std::byte{2};
  } else {
    ip[0] = std::byte{0x45};
    put16(ip.subspan(2), static_cast<std::uint32_t>(l3 + l4 + payload));
    ip[8] = std::byte{64};
    ip[9] = static_cast<std::byte>(tcp ? 6 : 17);
    ip[12] = ip[16] = std::byte{10};
    ip[15] = std::byte{1};
    ip[19] = std::byte{2};
    put16(ip.subspan(10), static_cast<std::uint16_t>(~fold(add16(ip.first(kIp4)))));
  }
  put16(seg, port);
  put16(seg.subspan(2), 5201);
  if (tcp) {
    put16(seg.subspan(12), 0x5018);  // data offset 5, ACK PSH
    put16(seg.subspan(14), 0xffff);
  } else {
    put16(seg.subspan(4), static_cast<std::uint32_t>(l4 + payload));
  }
  const auto addresses = v6 ? ip.subspan(8, 32) : ip.subspan(12, 8);
  const std::uint32_t pseudo =
      add16(addresses) + (tcp ? 6U : 17U) + static_cast<std::uint32_t>(l4 + payload);
  put16(seg.subspan(tcp ? 16 : 6), static_cast<std::uint16_t>(~fold(add16(seg, pseudo))));
  return frame;
}

/// Stores in the checksum field what an offload expects there: the pseudo-header sum, with or
/// without the length.
void leave_checksum_to_the_card(std::span<std::byte> frame, bool v6, bool tcp, bool segment) {
  const std::size_t l3 = v6 ? kIp6 : kIp4;
  const auto ip = frame.subspan(kL2);
  const auto seg = ip.subspan(l3);
  const auto addresses = v6 ? ip.subspan(8, 32) : ip.subspan(12, 8);
  std::uint32_t pseudo = add16(addresses) + (tcp ? 6U : 17U);
  if (!segment) pseudo += static_cast<std::uint32_t>(seg.size());
  put16(seg.subspan(tcp ? 16 : 6), fold(pseudo));
}

TxOffload offload_for(bool v6, bool tcp) {
  TxOffload o;
  o.l2_bytes = kL2;
  o.l3_bytes = v6 ? kIp6 : kIp4;
  o.l4_bytes = tcp ? kTcp : kUdp;
  o.checksum_offset = tcp ? 16 : 6;
  o.l3_type = v6 ? spec::L3_TYPE::IPV6 : spec::L3_TYPE::IPV4;
  o.l4_type = tcp ? spec::L4_TYPE::TCP : spec::L4_TYPE::UDP;
  return o;
}

class PortTraffic : public testing::Test {
 protected:
  void start(const PortConfig& config = {}) { ASSERT_TRUE(world.up(config)); }

  void send(const Packet& packet, std::uint16_t queue = 0) {
    ASSERT_EQ(a().tx_burst(QueueId{queue}, std::span(&packet, 1), world.now), 1U);
  }

  struct Received {
    std::uint16_t queue;
    RxInfo info;
    std::vector<std::byte> bytes;
  };

  /// Returns everything that arrives at B within 200 steps.
  std::vector<Received> receive() {
    std::vector<Received> all;
    for (int turn = 0; turn < 200; ++turn) {
      world.advance();
      for (std::uint16_t q = 0; q < b().queues(); ++q) {
        std::array<Packet, 32> got;
        const std::uint32_t n = b().rx_burst(QueueId{q}, got, world.now);
        for (std::uint32_t i = 0; i < n; ++i) {
          all.push_back({q, got[i].rx, bytes_of(b(), got[i])});
          b().release(got[i]);
        }
      }
    }
    return all;
  }

  SimPort& a() { return *world.ports[0]; }
  SimPort& b() { return *world.ports[1]; }
  TwoPorts world;
};

TEST_F(PortTraffic, ChecksumOffloadProducesTheSameBytesAsSoftware) {
  start();
  for (const bool v6 : {false, true}) {
    for (const bool tcp : {false, true}) {
      const auto expected = make_packet(v6, tcp, 333, 1000);
      auto sent = expected;
      leave_checksum_to_the_card(sent, v6, tcp, false);
      Packet packet;
      ASSERT_TRUE(fill(a(), packet, sent));
      packet.tx = offload_for(v6, tcp);
      packet.tx.flags = TxOffload::kChecksum;
      send(packet);
      const auto got = receive();
      ASSERT_EQ(got.size(), 1U);
      EXPECT_EQ(got[0].bytes, expected) << "v6 " << v6 << " tcp " << tcp;
      EXPECT_TRUE(got[0].info.l4_checksum_good());
      EXPECT_EQ(got[0].info.l3_type(), packet.tx.l3_type);
      EXPECT_EQ(got[0].info.l4_type(), packet.tx.l4_type);
    }
  }
}

TEST_F(PortTraffic, SegmentationCutsAtMssAndEverySegmentVerifies) {
  start();
  for (const bool v6 : {false, true}) {
    for (const bool tcp : {false, true}) {
      const std::size_t payload = 40000, mss = 1400;
      auto sent = make_packet(v6, tcp, payload, 2000);
      const std::size_t headers = sent.size() - payload;
      const std::vector<std::byte> data(sent.begin() + static_cast<std::ptrdiff_t>(headers),
                                        sent.end());
      leave_checksum_to_the_card(sent, v6, tcp, true);
      Packet packet;
      ASSERT_TRUE(fill(a(), packet, sent));
      packet.tx = offload_for(v6, tcp);
      packet.tx.flags = TxOffload::kSegment | TxOffload::kChecksum;
      packet.tx.mss = mss;
      send(packet);
      const auto got = receive();
      ASSERT_EQ(got.size(), (payload + mss - 1) / mss) << "v6 " << v6 << " tcp " << tcp;
      std::vector<std::byte> joined;
      for (const Received& r : got) {
        EXPECT_TRUE(r.info.l4_checksum_good());
        joined.insert(joined.end(), r.bytes.begin() + static_cast<std::ptrdiff_t>(headers),
                      r.bytes.end());
      }
      EXPECT_EQ(joined, data) << "v6 " << v6 << " tcp " << tcp;
    }
  }
}

TEST_F(PortTraffic, FlowsSpreadOverTheQueuesAndEachStaysOnOne) {
  PortConfig config;
  config.queues = 4;
  start(config);
  std::map<std::uint32_t, std::uint16_t> queue_of_hash;
  std::array<int, 4> count{};
  // The default TCP hash covers addresses and ports.
  for (int round = 0; round < 2; ++round) {
    for (std::uint16_t port = 1; port <= 200; ++port) {
      Packet packet;
      ASSERT_TRUE(fill(a(), packet, make_packet(false, true, 100, port)));
      send(packet, port % 4);
    }
    for (const Received& r : receive()) {
      ++count[r.queue];
      const auto [it, fresh] = queue_of_hash.emplace(r.info.rss_hash(), r.queue);
      EXPECT_EQ(it->second, r.queue);
    }
  }
  EXPECT_EQ(count[0] + count[1] + count[2] + count[3], 400);
  for (const int n : count) EXPECT_GT(n, 40);
}

TEST_F(PortTraffic, TimestampsOfBothSidesAreTheTimeOfTheWire) {
  start();
  world.advance();  // the cards' clocks now follow the time of the test
  ASSERT_TRUE(b().filter().set_timestamps(RxTimestamps::kAll));
  ASSERT_TRUE(a().clock().set(1'000'000'000'000));
  ASSERT_TRUE(b().clock().set(1'000'000'000'000));
  Packet packet;
  ASSERT_TRUE(fill(a(), packet, make_packet(false, false, 64, 9)));
  packet.tx.flags = TxOffload::kTimestamp;
  packet.tx.cookie = 4711;
  const auto before = a().clock().read();
  send(packet);
  const auto got = receive();
  ASSERT_EQ(got.size(), 1U);
  (void)a().tx_reap(QueueId{0}, world.now);
  const auto stamp = a().next_timestamp(QueueId{0});
  ASSERT_TRUE(stamp);
  EXPECT_EQ(stamp->cookie, 4711U);
  ASSERT_TRUE(got[0].info.has_timestamp);
  EXPECT_GE(stamp->time_ns, *before);
  EXPECT_LE(stamp->time_ns, *before + 100'000);
  EXPECT_GE(got[0].info.timestamp_ns, stamp->time_ns);
  EXPECT_LE(got[0].info.timestamp_ns, stamp->time_ns + 100'000);
  EXPECT_FALSE(a().next_timestamp(QueueId{0}));
}

TEST_F(PortTraffic, ThePlainRingCarriesFramesWithoutMetadata) {
  PortConfig config;
  config.queue.plain_ring = true;
  start(config);
  for (std::uint32_t i = 0; i < 300; ++i) {
    Packet packet;
    const auto frame = make_frame(60 + i, i);
    ASSERT_TRUE(fill(a(), packet, frame));
    ASSERT_EQ(a().tx_burst_plain(QueueId{0}, std::span(&packet, 1), world.now), 1U);
    if (i % 10 != 9) continue;
    EXPECT_EQ(receive().size(), 10U);
  }
  world.advance();
  (void)a().tx_reap(QueueId{0}, world.now);
  expect_transmit_conserved(a());
  expect_buffers_conserved(a());
}

TEST_F(PortTraffic, LargePagesCarryEveryKindOfFrame) {
  PortConfig config;
  config.page_shift = 4;
  start(config);
  for (std::uint32_t i = 0; i < 200; ++i) {
    const auto frame = make_frame(60 + 45 * i, i);
    Packet packet;
    ASSERT_TRUE(fill(a(), packet, frame)) << i;
    send(packet);
    const auto got = receive();
    ASSERT_EQ(got.size(), 1U) << i;
    EXPECT_EQ(got[0].bytes, frame) << i;
  }
  EXPECT_TRUE(b().is_valid());
}

TEST_F(PortTraffic, SplitHeadersArriveInASeparateSegment) {
  PortConfig config;
  config.queue.split_headers = true;
  start(config);
  const auto frame = make_packet(false, true, 500, 77);
  Packet packet;
  ASSERT_TRUE(fill(a(), packet, frame));
  send(packet);
  for (int turn = 0; turn < 50; ++turn) {
    world.advance();
    Packet got;
    if (b().rx_burst(QueueId{0}, std::span(&got, 1), world.now) == 0) continue;
    ASSERT_EQ(got.segment_count, 2U);
    EXPECT_EQ(got.segments[0].length, kL2 + kIp4 + kTcp);
    EXPECT_EQ(bytes_of(b(), got), frame);
    b().release(got);
    return;
  }
  FAIL() << "nothing arrived";
}

TEST_F(PortTraffic, AFrameForAnotherStationIsReceivedOnlyIfPromiscuous) {
  start();
  const auto frame = make_frame(100, 1, {0x02, 9, 9, 9, 9, 9});
  Packet packet;
  ASSERT_TRUE(fill(a(), packet, frame));
  send(packet);
  EXPECT_EQ(receive().size(), 0U);
  ASSERT_TRUE(b().filter().set_promiscuous(true));
  ASSERT_TRUE(fill(a(), packet, frame));
  send(packet);
  EXPECT_EQ(receive().size(), 1U);
}

TEST_F(PortTraffic, UnpolledPacketsAreCountedAtAStop) {
  start();
  for (std::uint32_t i = 0; i < 5; ++i) {
    Packet packet;
    ASSERT_TRUE(fill(a(), packet, make_frame(100, i)));
    send(packet);
  }
  world.run_until([] { return false; }, 1ms);
  b().stop(world.now);
  ASSERT_TRUE(world.run_until([&] { return b().state() == PortState::kReady; }, 1s));
  std::uint64_t received = 0, dropped = 0;
  for (std::uint16_t q = 0; q < b().queues(); ++q) {
    received += b().pair(QueueId{q}).rx.counters().packets;
    dropped += b().pair(QueueId{q}).rx.counters().reset_drops;
  }
  EXPECT_EQ(received, 0U);
  EXPECT_EQ(dropped, 5U);
}

TEST_F(PortTraffic, APacketThatCannotBeDescribedToTheCardIsDroppedAndCounted) {
  start();
  Packet packet;
  ASSERT_TRUE(fill(a(), packet, make_frame(100, 1)));
  packet.tx = offload_for(false, true);
  packet.tx.flags = TxOffload::kChecksum;
  packet.tx.l3_bytes = 21;  // odd
  send(packet);
  EXPECT_EQ(a().pair(QueueId{0}).tx.counters().invalid_packets, 1U);
  EXPECT_EQ(receive().size(), 0U);
  expect_transmit_conserved(a());
  expect_buffers_conserved(a());
}

TEST_F(PortTraffic, TheDriverNeverViolatesARuleOfTheSpec) {
  start();
  for (std::uint32_t i = 0; i < 100; ++i) {
    Packet packet;
    ASSERT_TRUE(fill(a(), packet, make_frame(60 + 90 * i, i)));
    send(packet);
    EXPECT_EQ(receive().size(), 1U);
  }
  for (auto& port : world.ports) port->detach(world.now);
  world.run_until(
      [&] { return a().state() == PortState::kDetached && b().state() == PortState::kDetached; });
  for (auto& c : world.cards) {
    const device::CardEvents& events = c->card.events();
    EXPECT_EQ(events.unknown_register, 0U);
    EXPECT_EQ(events.read_only_write, 0U);
    EXPECT_EQ(events.partly_modelled, 0U);
    EXPECT_EQ(events.illegal_actions(), 0U);
    EXPECT_EQ(c->dma.refused(), 0U);
  }
}

}  // namespace
}  // namespace hni::test
