// SPDX-License-Identifier: Apache-2.0
#include "device/statistics.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "openhni/spec/registers.hpp"
#include "tests/support/frame_builder.hpp"

namespace hni::device {
namespace {

using spec::RegAddr;

RegAddr word(std::uint32_t index) {
  return {spec::Bar::kBar0, index * 4};
}

std::uint64_t pair(HardwareCounters& s, std::uint32_t low, std::uint32_t high_distance = 1) {
  return std::uint64_t{*s.read(word(low + high_distance))} << 32 | *s.read(word(low));
}

TEST(DeviceStatistics, LengthClassesCountTheFcs) {
  struct Case {
    std::size_t bytes;  // without FCS
    std::uint32_t rx, tx;
  };
  // Registers from [device 16]; 60 bytes plus 4 of FCS belong to the 64-byte class.
  const Case cases[] = {{60, 0x11a26, 0x11a4e},   {61, 0x11a28, 0x11a50},
                        {123, 0x11a28, 0x11a50},  {124, 0x11a2a, 0x11a52},
                        {252, 0x11a2c, 0x11a54},  {508, 0x11a2e, 0x11a56},
                        {1020, 0x11a30, 0x11a58}, {1514, 0x11a30, 0x11a58},
                        {1515, 0x11a32, 0x11a5a}, {9738, 0x11a32, 0x11a5a}};
  for (const Case& c : cases) {
    HardwareCounters s;
    s.rx_frame(c.bytes, HardwareCounters::Cast::kUnicast);
    s.tx_frame(c.bytes, HardwareCounters::Cast::kUnicast);
    EXPECT_EQ(pair(s, c.rx), 1u) << c.bytes;
    EXPECT_EQ(pair(s, c.tx), 1u) << c.bytes;
    EXPECT_EQ(pair(s, 0x11a08), c.bytes + 4);
    EXPECT_EQ(pair(s, 0x11a3e), c.bytes + 4);
  }
}

TEST(DeviceStatistics, JumboClassesAreCountedByRpcAndTmi) {
  const std::pair<std::size_t, std::uint32_t> cases[] = {
      {1515, 0}, {2043, 0}, {2044, 1}, {4092, 2}, {8188, 3}, {9212, 3}, {9213, 4}};
  for (const auto& [bytes, index] : cases) {
    HardwareCounters s;
    s.rx_frame(bytes, HardwareCounters::Cast::kUnicast);
    s.tx_frame(bytes, HardwareCounters::Cast::kUnicast);
    EXPECT_EQ(pair(s, 0x0855f + 2 * index), 1u) << bytes;
    EXPECT_EQ(pair(s, 0x04433 + 2 * index), 1u) << bytes;
  }
}

TEST(DeviceStatistics, CastFollowsTheDestination) {
  HardwareCounters s;
  std::vector<std::byte> frame(60);
  EXPECT_EQ(HardwareCounters::cast_of(frame), HardwareCounters::Cast::kUnicast);
  frame[0] = std::byte{1};
  EXPECT_EQ(HardwareCounters::cast_of(frame), HardwareCounters::Cast::kMulticast);
  for (std::size_t i = 0; i < 6; ++i) frame[i] = std::byte{0xff};
  EXPECT_EQ(HardwareCounters::cast_of(frame), HardwareCounters::Cast::kBroadcast);
  s.rx_frame(60, HardwareCounters::Cast::kMulticast);
  s.rx_frame(60, HardwareCounters::Cast::kBroadcast);
  s.tx_frame(60, HardwareCounters::Cast::kBroadcast);
  EXPECT_EQ(pair(s, 0x11a1c), 1u);
  EXPECT_EQ(pair(s, 0x11a1e), 1u);
  EXPECT_EQ(pair(s, 0x11a4c), 1u);
  EXPECT_EQ(pair(s, 0x11a4a), 0u);
  EXPECT_EQ(pair(s, 0x11a12), 2u);
}

TEST(DeviceStatistics, SixtyFourBitCountersSplitIntoHalves) {
  HardwareCounters s;
  s.mac_rx.bytes = 0x1122334455667788;
  EXPECT_EQ(*s.read(word(0x11a08)), 0x55667788u);
  EXPECT_EQ(*s.read(word(0x11a09)), 0x11223344u);
  s.rxb_enqueue[2].bytes = 0xa0000000b;
  EXPECT_EQ(pair(s, 0x080fd + 2, 4), 0xa0000000bu);  // in this block H = L + 4 [device 23 trap 14]
  s.rxb_dequeue[3].interface_bytes = 0xc0000000d;
  EXPECT_EQ(pair(s, 0x08109 + 3, 4), 0xc0000000du);
  s.rxb_dequeue[0].buffer_bytes = 0xe0000000f;
  EXPECT_EQ(pair(s, 0x08115, 4), 0xe0000000fu);
  s.rxb_fifo[7].drop_bytes = 0x100000002;
  EXPECT_EQ(pair(s, 0x08080 + 14), 0x100000002u);
}

TEST(DeviceStatistics, EveryCounterOfTheReferenceHasItsRegister) {
  HardwareCounters s;
  const std::uint32_t words[] = {0x04402, 0x04409, 0x0440a, 0x0440b, 0x0403e, 0x04041,
                                 0x04044, 0x0849e, 0x0849f, 0x084a0, 0x084a1, 0x084a2,
                                 0x084a3, 0x084a4, 0x084a5, 0x084a6, 0x080e9};
  for (const std::uint32_t index : words) EXPECT_TRUE(s.read(word(index)).has_value()) << index;
  const std::uint32_t groups[][2] = {{0x08057, 8}, {0x08091, 8}, {0x080d9, 8}, {0x080e1, 8},
                                     {0x0811d, 8}, {0x080f9, 4}, {0x0812f, 4}, {0x08133, 4},
                                     {0x08137, 4}, {0x0813b, 4}, {0x08105, 4}, {0x08111, 4}};
  for (const auto& [first, count] : groups) {
    for (std::uint32_t i = 0; i < count; ++i) {
      EXPECT_TRUE(HardwareCounters::owns(word(first + i))) << first + i;
    }
  }
  for (std::uint32_t i = 0x3106e; i <= 0x3107f; ++i) EXPECT_TRUE(HardwareCounters::owns(word(i)));
  EXPECT_FALSE(HardwareCounters::owns(word(0x11a60)));
  EXPECT_FALSE(HardwareCounters::owns(word(0x0c41b)));
  EXPECT_FALSE(HardwareCounters::owns({spec::Bar::kBar4, 0x11a08 * 4}));
}

TEST(DeviceStatistics, FecCountersClearOnReadLowThenHigh) {
  HardwareCounters s;
  s.fec_corrected.value = 0x00021234;
  EXPECT_EQ(*s.read(word(0x10802)), 0x1234u);
  s.fec_corrected.value += 5;  // counted between the two reads: belongs to the next snapshot
  EXPECT_EQ(*s.read(word(0x10803)), 2u);
  EXPECT_EQ(*s.read(word(0x10803)), 0u);
  EXPECT_EQ(*s.read(word(0x10802)), 5u);
  s.symbol_errors[3].value = 7;
  EXPECT_EQ(*s.read(word(0x10880 + 6)), 7u);
  EXPECT_EQ(*s.read(word(0x10880 + 6)), 0u);
}

TEST(DeviceStatistics, ParserFindingsAreCountedByKind) {
  HardwareCounters s;
  ParsedFrame frame;
  frame.l3 = spec::L3_TYPE::IPV4;
  frame.fragment = frame.esp = frame.tcp_option_error = true;
  s.rx_parsed(frame);
  frame.l3 = spec::L3_TYPE::IPV6;
  s.rx_parsed(frame);
  frame = {};
  frame.unknown_ethertype = frame.out_of_header = frame.unknown_extension = true;
  s.rx_parsed(frame);
  EXPECT_EQ(*s.read(word(0x0849e)), 2u);
  EXPECT_EQ(*s.read(word(0x0849f)), 1u);
  EXPECT_EQ(*s.read(word(0x084a0)), 1u);
  EXPECT_EQ(*s.read(word(0x084a1)), 1u);
  EXPECT_EQ(*s.read(word(0x084a2)), 1u);
  EXPECT_EQ(*s.read(word(0x084a3)), 1u);
  EXPECT_EQ(*s.read(word(0x084a4)), 1u);
  EXPECT_EQ(*s.read(word(0x084a5)), 1u);
}

}  // namespace
}  // namespace hni::device
