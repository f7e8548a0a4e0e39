// SPDX-License-Identifier: Apache-2.0
// Receive: placement of headers and payloads, contents of completions, behaviour without buffers.
#include <gtest/gtest.h>

#include "device/checksum.hpp"
#include "device/rx_engine.hpp"
#include "tests/device/device_fixture.hpp"

namespace hni::device {
namespace {

using spec::RCD_HDR_AL;
using spec::RCD_META;
using spec::RCD_OPT_META;
using spec::RCD_PAY_AL;

constexpr std::uint32_t kSplit = 1u << 31;
constexpr std::uint32_t kNever = 2u << 29;
constexpr std::uint32_t kRooms = 0x0c0a0000;  // headroom 192, tailroom 320

spec::RCD_TYPE type_of(std::uint64_t raw) {
  return static_cast<spec::RCD_TYPE>(spec::RCD{raw}.TYPE());
}

/// An IPv4 TCP frame with valid checksums and 54 bytes of headers.
Bytes tcp_frame(std::size_t bytes) {
  Bytes frame = plain_frame(bytes, 3);
  const auto put = [&](std::size_t at, unsigned value) {
    frame[at] = static_cast<std::byte>(value >> 8);
    frame[at + 1] = static_cast<std::byte>(value & 0xff);
  };
  put(12, 0x0800);
  put(14, 0x4500);
  put(16, static_cast<unsigned>(bytes - 14));
  put(20, 0);
  put(22, 0x4006);
  put(24, 0);
  put(46, 0x5010);
  put(50, 0);
  Sum ip;
  ip.add(frame.data() + 14, 20);
  store_sum(frame.data() + 24, static_cast<std::uint16_t>(~ip.fold()));
  Sum tcp;
  tcp.add(frame.data() + 26, 8);
  tcp.add_word(network_word(6));
  tcp.add_word(network_word(static_cast<std::uint16_t>(bytes - 34)));
  tcp.add(frame.data() + 34, bytes - 34);
  store_sum(frame.data() + 50, static_cast<std::uint16_t>(~tcp.fold()));
  return frame;
}

TEST(DeviceRx, ShortFrameIsAtOffset256OfTheFirstHeaderBuffer) {
  TestCard test;
  TestRx rx(test, 5);
  test.receive_to(5);
  const Bytes frame = plain_frame(60);
  EXPECT_TRUE(rx.deliver(frame));
  const RCD_HDR_AL header{rx.next_completion()};
  EXPECT_EQ(header.BUFF_ID(), 0x4000u);
  EXPECT_EQ(header.OFF(), 256u);
  EXPECT_EQ(header.LEN(), 60u);
  EXPECT_EQ(header.PAGE_FIN(), 0u);
  EXPECT_EQ(type_of(rx.next_completion()), spec::RCD_TYPE::META);
  EXPECT_EQ(rx.next_completion(), 0u);
  EXPECT_EQ(std::memcmp(test.memory.at(rx.header[0]) + 256, frame.data(), 60), 0);
}

TEST(DeviceRx, HeadersFollowTheDriversArithmeticInsideAFragment) {
  TestCard test;
  TestRx rx(test, 0);
  test.receive_to(0);
  // OFF' = align128(OFF + LEN + 320 + 192); a header fits while OFF + LEN + 320 <= 4096.
  std::uint64_t slot = 0;
  std::uint64_t offset = 256;
  for (unsigned i = 0; i < 60; ++i) {
    const std::size_t bytes = 60 + (i * 211) % 1400;
    if (i != 0 && offset + bytes + 320 > 4096) {
      ++slot;
      offset = 256;
    }
    rx.deliver(plain_frame(bytes, i));
    const RCD_HDR_AL header{rx.next_completion()};
    rx.next_completion();
    rx.acknowledge();
    ASSERT_EQ(header.BUFF_ID(), 0x4000 + slot) << i;
    ASSERT_EQ(header.OFF(), offset) << i;
    ASSERT_EQ(header.LEN(), bytes) << i;
    const std::uint64_t next = (offset + bytes + 320 + 192 + 127) / 128 * 128;
    // The buffer address that the driver computes must end inside the fragment; otherwise PAGE_FIN
    // means 4096.
    ASSERT_TRUE(next - 192 <= 4096 || header.PAGE_FIN() == 1) << i;
    ASSERT_EQ(header.PAGE_FIN(), next + 320 >= 4096 ? 1u : 0u) << i;
    offset = header.PAGE_FIN() == 1 ? 4096 : next;
  }
  EXPECT_GT(slot, 10u);
  EXPECT_EQ(test.read(spec::QUEUE_BDQ_HPQ_PTRS::at(0)) >> 16, slot + 1);
}

TEST(DeviceRx, BytesAroundAHeaderAreUntouched) {
  TestCard test;
  TestRx rx(test, 0);
  test.receive_to(0);
  std::memset(test.memory.at(rx.header[0]), 0xee, 4096);
  rx.deliver(plain_frame(1000));
  for (std::size_t i = 0; i < 4096; ++i) {
    if (i == 256) i += 1000;
    ASSERT_EQ(test.memory.at(rx.header[0])[i], std::byte{0xee}) << i;
  }
}

TEST(DeviceRx, WithoutSplitAFrameUpToMaxHdrIsAllHeader) {
  TestCard test;
  TestRx rx(test, 0);
  test.receive_to(0);
  rx.deliver(plain_frame(1536));
  EXPECT_EQ(RCD_HDR_AL{rx.next_completion()}.LEN(), 1536u);
  EXPECT_EQ(type_of(rx.next_completion()), spec::RCD_TYPE::META);
  EXPECT_EQ(test.read(spec::QUEUE_BDQ_PPQ_PTRS::at(0)) >> 16, 0u);
}

TEST(DeviceRx, WithoutSplitTheRestOfALongFrameIsPayload) {
  TestCard test;
  TestRx rx(test, 0);
  test.receive_to(0);
  const Bytes frame = plain_frame(1537);
  rx.deliver(frame);
  EXPECT_EQ(RCD_HDR_AL{rx.next_completion()}.LEN(), 1536u);
  const RCD_PAY_AL payload{rx.next_completion()};
  EXPECT_EQ(type_of(payload.raw), spec::RCD_TYPE::PAY_AL);
  EXPECT_EQ(payload.BUFF_ID(), 0x8000u);
  EXPECT_EQ(payload.LEN(), 1u);
  EXPECT_EQ(payload.OFF(), 0u);
  EXPECT_EQ(payload.PAGE_FIN(), 1u);
  EXPECT_EQ(test.memory.at(rx.payload[0])[0], frame[1536]);
}

TEST(DeviceRx, LongestFrameSpreadsOverPayloadFragmentsInOrder) {
  TestCard test;
  TestRx rx(test, 0);
  test.receive_to(0);
  const Bytes frame = plain_frame(9216);
  rx.deliver(frame);
  const TestRx::Packet packet = rx.next_packet();
  ASSERT_TRUE(packet.complete);
  EXPECT_EQ(packet.bytes, frame);
  ASSERT_EQ(packet.completions.size(), 4u);
  EXPECT_EQ(RCD_PAY_AL{packet.completions[1]}.LEN(), 4096u);
  EXPECT_EQ(RCD_PAY_AL{packet.completions[2]}.LEN(), 3584u);
  EXPECT_EQ(RCD_PAY_AL{packet.completions[2]}.BUFF_ID(), 0x8001u);
}

TEST(DeviceRx, EveryLengthArrivesByteIdentical) {
  for (const std::uint32_t ctl0 : {kRooms, kRooms | kSplit}) {
    TestCard test;
    TestRx::Options options;
    options.ctl0 = ctl0;
    TestRx rx(test, 0, options);
    test.receive_to(0);
    for (std::size_t bytes = 60; bytes <= 9216; bytes += bytes < 1700 ? 7 : 61) {
      const Bytes frame = bytes % 2 == 0 ? tcp_frame(bytes) : plain_frame(bytes);
      ASSERT_TRUE(rx.deliver(frame));
      const TestRx::Packet packet = rx.next_packet();
      ASSERT_TRUE(packet.complete) << bytes;
      ASSERT_EQ(packet.bytes, frame) << bytes;
      rx.acknowledge();
      const std::uint32_t used = (test.read(spec::QUEUE_BDQ_HPQ_PTRS::at(0)) >> 16);
      rx.post_headers((used + 63 - rx.header_tail) % 64);
      const std::uint32_t used_payload = (test.read(spec::QUEUE_BDQ_PPQ_PTRS::at(0)) >> 16);
      rx.post_payloads((used_payload + 63 - rx.payload_tail) % 64);
    }
  }
}

TEST(DeviceRx, SplitPutsHeadersUpToL4IntoTheHeaderBuffer) {
  TestCard test;
  TestRx::Options options;
  options.ctl0 = kRooms | kSplit;
  TestRx rx(test, 0, options);
  test.receive_to(0);
  const Bytes frame = tcp_frame(1000);
  rx.deliver(frame);
  const TestRx::Packet packet = rx.next_packet();
  ASSERT_EQ(packet.completions.size(), 3u);
  const RCD_HDR_AL header{packet.completions[0]};
  EXPECT_EQ(header.LEN(), 54u);
  EXPECT_EQ(header.DMA_HINT(), 4u);
  EXPECT_EQ(header.OVERFLOW(), 0u);
  EXPECT_EQ(RCD_PAY_AL{packet.completions[1]}.LEN(), 946u);
  EXPECT_EQ(packet.bytes, frame);
}

TEST(DeviceRx, SplitFallsBackToL2WithoutANetworkHeader) {
  TestCard test;
  TestRx::Options options;
  options.ctl0 = kRooms | kSplit;
  TestRx rx(test, 0, options);
  test.receive_to(0);
  rx.deliver(plain_frame(500));
  const RCD_HDR_AL header{rx.next_completion()};
  EXPECT_EQ(header.LEN(), 14u);
  EXPECT_EQ(header.DMA_HINT(), 1u);
}

TEST(DeviceRx, HeaderLongerThanMaxHdrOverflowsIntoThePayload) {
  TestCard test;
  TestRx::Options options;
  options.ctl0 = kRooms | kSplit;
  options.max_header = 40;
  TestRx rx(test, 0, options);
  test.receive_to(0);
  const Bytes frame = tcp_frame(300);
  rx.deliver(frame);
  const TestRx::Packet packet = rx.next_packet();
  const RCD_HDR_AL header{packet.completions.at(0)};
  EXPECT_EQ(header.LEN(), 40u);
  EXPECT_EQ(header.OVERFLOW(), 1u);
  EXPECT_EQ(packet.bytes, frame);
}

TEST(DeviceRx, FrameWithoutPayloadUsesNoPayloadBuffer) {
  TestCard test;
  TestRx::Options options;
  options.ctl0 = kRooms | kSplit;
  TestRx rx(test, 0, options);
  test.receive_to(0);
  Bytes frame = plain_frame(14);
  rx.deliver(frame);
  EXPECT_EQ(RCD_HDR_AL{rx.next_completion()}.LEN(), 14u);
  EXPECT_EQ(type_of(rx.next_completion()), spec::RCD_TYPE::META);
}

TEST(DeviceRx, MaxHdrBeyondTheFragmentIsLimited) {
  TestCard test;
  TestRx::Options options;
  options.max_header = 8191;
  TestRx rx(test, 0, options);
  test.receive_to(0);
  const Bytes frame = plain_frame(9000);
  rx.deliver(frame);
  const TestRx::Packet packet = rx.next_packet();
  EXPECT_EQ(RCD_HDR_AL{packet.completions.at(0)}.LEN(), 3520u);  // 4096 - 256 - 320
  EXPECT_EQ(RCD_HDR_AL{packet.completions.at(0)}.PAGE_FIN(), 1u);
  EXPECT_EQ(packet.bytes, frame);
}

TEST(DeviceRx, FragmentWithoutRoomForOneMoreByteIsFinished) {
  TestCard test;
  TestRx::Options options;
  options.ctl0 = 192u << 20 | 384u << 11;
  options.max_header = 3000;
  TestRx rx(test, 0, options);
  test.receive_to(0);
  // 256 + 2880 + 384 + 192 = 3712, and 3712 + 384 is the end of the fragment.
  rx.deliver(plain_frame(2880));
  EXPECT_EQ(RCD_HDR_AL{rx.next_completion()}.PAGE_FIN(), 1u);
  rx.next_completion();
  rx.deliver(plain_frame(60));
  EXPECT_EQ(RCD_HDR_AL{rx.next_completion()}.BUFF_ID(), 0x4001u);
}

TEST(DeviceRx, MetaCarriesChecksumTypesAndVerdict) {
  TestCard test;
  TestRx rx(test, 0);
  test.receive_to(0);
  const Bytes good = tcp_frame(200);
  Bytes bad = good;
  bad[100] ^= std::byte{1};
  for (const Bytes& frame : {good, bad}) {
    rx.deliver(frame);
    const RCD_META meta = rx.next_packet().meta;
    Sum sum;
    sum.add(frame.data() + 14, frame.size() - 14);
    EXPECT_EQ(meta.L2_CSUM(), sum.fold());
    EXPECT_EQ(meta.L3_TYPE(), 1u);
    EXPECT_EQ(meta.L4_TYPE(), 1u);
    EXPECT_EQ(meta.L4_CSUM_UNNECESSARY(), frame == good ? 1u : 0u);
    EXPECT_EQ(meta.ERR_MAC_EOP() | meta.ERR_TRUNCATED_FRAME() | meta.ERR_PARSER(), 0u);
  }
}

TEST(DeviceRx, TimestampComesInAnOptMetaBeforeTheMeta) {
  TestCard test;
  test.write(spec::PTP_ADD_VAL_NS::at(), 1);
  test.write(spec::PTP_ADD_VAL_SUBNS::at(), 0xaaaaaaaa);
  test.write(spec::PTP_ADJUST::at(), 1);
  test.write(spec::PTP_CTRL::at(), 0x00103101);
  TestRx rx(test, 0);
  test.receive_to(0, 4, 1u << 28);
  test.card.receive(plain_frame(60), 30'000);
  const TestRx::Packet packet = rx.next_packet();
  ASSERT_EQ(packet.completions.size(), 3u);
  const RCD_OPT_META option{packet.completions[1]};
  EXPECT_EQ(type_of(option.raw), spec::RCD_TYPE::OPT_META);
  EXPECT_EQ(option.TS_VALID(), 1u);
  EXPECT_EQ(option.OPT_TYPE(), 0u);
  EXPECT_NEAR(static_cast<double>(option.TS()), 30'000.0, 1.0);
}

TEST(DeviceRx, PhaseAndOrderHoldOverManyLapsOfAllRings) {
  TestCard test;
  TestRx::Options options;
  options.rcq_entries = 8;
  options.hpq_entries = 4;
  options.ppq_entries = 4;
  TestRx rx(test, 0, options);
  test.receive_to(0);
  for (unsigned i = 0; i < 200; ++i) {
    const Bytes frame = plain_frame(i % 3 == 0 ? 5000 : 1500, i);
    ASSERT_TRUE(rx.deliver(frame));
    const TestRx::Packet packet = rx.next_packet();
    ASSERT_TRUE(packet.complete) << i;
    ASSERT_EQ(packet.bytes, frame) << i;
    ASSERT_EQ(rx.next_completion(), 0u) << i;
    rx.acknowledge();
    const std::uint32_t headers = test.read(spec::QUEUE_BDQ_HPQ_PTRS::at(0)) >> 16;
    // The card keeps the fragment in use and returns all older ones.
    rx.post_headers((headers + 4 - 1 - rx.header_tail) % 4);
    const std::uint32_t payloads = test.read(spec::QUEUE_BDQ_PPQ_PTRS::at(0)) >> 16;
    rx.post_payloads((payloads + 3 - rx.payload_tail) % 4);
  }
  EXPECT_EQ(test.read(spec::QUEUE_RDE_PKT_CNT::at(0)), 200u);
  EXPECT_EQ(test.card.events().illegal_actions(), 0u);
}

TEST(DeviceRx, UnacknowledgedCompletionsAreNeverOverwritten) {
  TestCard test;
  TestRx::Options options;
  options.rcq_entries = 8;
  TestRx rx(test, 0, options);
  test.receive_to(0);
  for (unsigned i = 0; i < 6; ++i) rx.deliver(plain_frame(60, i));
  EXPECT_EQ(test.read(spec::QUEUE_RCQ_PTRS::at(0)) >> 16, 6u);
  EXPECT_EQ(test.memory.word(rx.rcq + 6 * 8), 0u);
  EXPECT_EQ(test.memory.word(rx.rcq + 7 * 8), 0u);
  EXPECT_EQ(test.read(spec::QUEUE_RDE_CQ_DROP_CNT::at(0)), 3u);
}

TEST(DeviceRx, DropAtOnceCountsMissingBuffers) {
  TestCard test;
  TestRx::Options options;
  options.fill = false;
  TestRx rx(test, 0, options);
  test.receive_to(0);
  rx.deliver(plain_frame(60));
  EXPECT_EQ(test.read(spec::QUEUE_RDE_BDQ_DROP_CNT::at(0)), 1u);
  rx.post_headers(1);
  rx.deliver(plain_frame(2000));
  EXPECT_EQ(test.read(spec::QUEUE_RDE_BDQ_DROP_CNT::at(0)), 2u);
  // The dropped frame consumed no buffer: the next frame still finds it.
  rx.deliver(plain_frame(60));
  EXPECT_EQ(rx.next_packet().bytes, plain_frame(60));
  EXPECT_EQ(test.card.occupancy().rx_frames_held, 0u);
}

TEST(DeviceRx, NeverDropHoldsFramesAndDeliversThemInOrder) {
  TestCard test;
  test.write(spec::RXB_PBUF_CFG::at(4), 0x00180000);
  TestRx::Options options;
  options.ctl0 = kRooms | kNever;
  options.fill = false;
  TestRx rx(test, 0, options);
  test.receive_to(0);
  for (unsigned i = 0; i < 10; ++i) EXPECT_TRUE(rx.deliver(plain_frame(1500, i)));
  EXPECT_EQ(test.card.occupancy().rx_frames_held, 10u);
  EXPECT_EQ(test.read(spec::RXB_PBUF_FIFO_LEVEL::at(4)), 240u);
  EXPECT_EQ(rx.next_completion(), 0u);
  EXPECT_EQ(test.read(spec::QM_RCQ_IDLE::at(0)), ~1u);
  rx.post_headers(20);
  test.run();
  for (unsigned i = 0; i < 10; ++i) EXPECT_EQ(rx.next_packet().bytes, plain_frame(1500, i));
  EXPECT_EQ(test.card.occupancy().rx_frames_held, 0u);
  EXPECT_EQ(test.read(spec::QM_RCQ_IDLE::at(0)), ~0u);
  EXPECT_EQ(test.read(spec::QUEUE_RDE_BDQ_DROP_CNT::at(0)), 0u);
}

TEST(DeviceRx, FrameThatCanNeverFitIsDroppedEvenWithNeverDrop) {
  TestCard test;
  test.write(spec::RXB_PBUF_CFG::at(4), 0x00180000);
  TestRx::Options options;
  options.ctl0 = kRooms | kNever;
  options.rcq_entries = 2;
  TestRx rx(test, 0, options);
  test.receive_to(0);
  rx.deliver(plain_frame(60));
  EXPECT_EQ(test.card.occupancy().rx_frames_held, 0u);
  EXPECT_EQ(test.read(spec::QUEUE_RDE_CQ_DROP_CNT::at(0)), 1u);
}

TEST(DeviceRx, HeldFramesOfADisabledQueueAreDropped) {
  TestCard test;
  test.write(spec::RXB_PBUF_CFG::at(4), 0x00180000);
  TestRx::Options options;
  options.ctl0 = kRooms | kNever;
  options.fill = false;
  TestRx rx(test, 0, options);
  test.receive_to(0);
  for (unsigned i = 0; i < 3; ++i) rx.deliver(plain_frame(60));
  test.write(spec::QUEUE_RCQ_CTL::at(0), 0);
  EXPECT_EQ(test.read(spec::QM_RCQ_IDLE::at(0)), ~0u);
  test.run();
  EXPECT_EQ(test.card.occupancy().rx_frames_held, 0u);
  EXPECT_EQ(test.card.events().rx_no_queue, 3u);
  EXPECT_EQ(rx.next_completion(), 0u);
}

TEST(DeviceRx, DropModeMayChangeWhileTheQueueRuns) {
  TestCard test;
  test.write(spec::RXB_PBUF_CFG::at(4), 0x00180000);
  TestRx::Options options;
  options.fill = false;
  TestRx rx(test, 0, options);
  test.receive_to(0);
  rx.deliver(plain_frame(60));
  test.write(spec::QUEUE_RDE_CTL0::at(0), kRooms | kNever);
  rx.deliver(plain_frame(60));
  EXPECT_EQ(test.card.occupancy().rx_frames_held, 1u);
  test.write(spec::QUEUE_RDE_CTL0::at(0), kRooms);
  test.run();
  EXPECT_EQ(test.card.occupancy().rx_frames_held, 0u);
  EXPECT_EQ(test.read(spec::QUEUE_RDE_BDQ_DROP_CNT::at(0)), 2u);
}

TEST(DeviceRx, FramesThatEndBeforeAQueueAreCountedByReason) {
  TestCard test;
  TestRx rx(test, 0);
  rx.deliver(plain_frame(60));
  EXPECT_EQ(test.card.events().rx_classifier_disabled, 1u);
  test.receive_to(99);
  rx.deliver(plain_frame(60));
  EXPECT_EQ(test.card.events().rx_no_queue, 1u);
  test.write(spec::RPC_ACT_TBL0_DEFAULT::at(), 1);
  rx.deliver(plain_frame(60));
  EXPECT_EQ(test.card.events().rx_not_for_host, 1u);
  test.receive_to(0);
  test.write(spec::RPC_RMI_CONFIG::at(), 1000u << 16 | 0x1014);
  rx.deliver(plain_frame(1001));
  EXPECT_EQ(test.read(spec::RPC_CNTR_OVR_SIZE_ERR::at()), 1u);
  test.write(spec::MAC_COMMAND_CONFIG::at(), 0x00000811);
  rx.deliver(plain_frame(60));
  EXPECT_EQ(test.card.events().rx_mac_disabled, 1u);
  EXPECT_EQ(rx.next_completion(), 0u);
}

TEST(DeviceRx, OpenHeaderFragmentSurvivesARemapOfItsMemory) {
  TestCard test;
  TestRx rx(test, 0);
  test.receive_to(0);
  rx.deliver(plain_frame(60, 1));
  alignas(8) static std::byte other[64];
  ASSERT_TRUE(test.dma.map({0x1000, sizeof other, other}));
  rx.deliver(plain_frame(60, 2));
  EXPECT_EQ(rx.next_packet().bytes, plain_frame(60, 1));
  EXPECT_EQ(rx.next_packet().bytes, plain_frame(60, 2));
}

}  // namespace
}  // namespace hni::device
