// SPDX-License-Identifier: Apache-2.0
#include "driver/control/statistics.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/support/fake_device.hpp"

namespace hni {
namespace {

using namespace std::chrono_literals;
using test::bar0;

class StatisticsTest : public ::testing::Test {
 protected:
  std::vector<std::string> names(std::uint32_t queues) {
    std::vector<std::string> list;
    for_each_counter(stats_.values(), queues,
                     [&](std::string_view name, std::uint64_t) { list.emplace_back(name); });
    return list;
  }

  test::CheckedFakeDevice fake_;
  Statistics<test::FakeDevice> stats_{fake_.io};
};

TEST(WideCounterTest, GrowsAcrossTheWrap) {
  WideCounter<std::uint32_t, std::uint64_t> c;
  c.rebase(0xfffffff0);
  c.advance(0xffffffff);
  EXPECT_EQ(c.value, 15U);
  c.advance(5);
  EXPECT_EQ(c.value, 21U);
  c.advance(5);
  EXPECT_EQ(c.value, 21U);
  c.advance(4);
  EXPECT_EQ(c.value, 20U + (std::uint64_t{1} << 32));
}

// Names and order as `ethtool -S` prints them for fbnic.
TEST_F(StatisticsTest, NamesComeInLinuxsOrder) {
  const auto list = names(2);
  const std::vector<std::string> head{
      "tti_cm_drop_frames",  "tti_cm_drop_bytes",  "tti_frame_drop_frames", "tti_frame_drop_bytes",
      "tti_tbi_drop_frames", "tti_tbi_drop_bytes", "ptp_illegal_req",       "ptp_good_ts",
      "ptp_bad_ts",          "rpc_unkn_etype",     "rpc_unkn_ext_hdr",      "rpc_ipv4_frag",
      "rpc_ipv6_frag",       "rpc_ipv4_esp",       "rpc_ipv6_esp",          "rpc_tcp_opt_err",
      "rpc_out_of_hdr_err",  "rxb_integrity_err0", "rxb_mac_err0",          "rxb_parser_err0",
      "rxb_frm_err0",        "rxb_drbo0_frames",   "rxb_drbo0_bytes",       "rxb_integrity_err1"};
  ASSERT_GT(list.size(), head.size());
  EXPECT_TRUE(std::equal(head.begin(), head.end(), list.begin()));
  const auto at = [&](std::string_view name) {
    const auto it = std::find(list.begin(), list.end(), name);
    EXPECT_NE(it, list.end()) << name;
    return it - list.begin();
  };
  EXPECT_EQ(at("rxb_fifo0_drop"), 17 + 4 * 6);
  EXPECT_EQ(at("rxb_fifo7_level"), 17 + 4 * 6 + 8 * 4 - 1);
  EXPECT_EQ(at("rxb_intf0_frames"), 17 + 4 * 6 + 8 * 4);
  EXPECT_EQ(at("rxb_pbuf3_bytes"), 17 + 4 * 6 + 8 * 4 + 4 * 4 - 1);
  EXPECT_EQ(at("rde_1_pkt_bdq_drop"), 17 + 4 * 6 + 8 * 4 + 4 * 4 + 2 * 3 - 1);
  at("rmon-rx-etherStatsPkts9217to9742Octets");
  at("eth-mac-FramesTransmittedOK");
  at("ob_rd_no_cpl_cred");
}

TEST_F(StatisticsTest, NoNameComesTwice) {
  const auto list = names(128);
  EXPECT_EQ(std::set<std::string>(list.begin(), list.end()).size(), list.size());
  EXPECT_EQ(list.size(), kCounterSlots);
  for (const std::string& name : list) EXPECT_EQ(name.find('%'), std::string::npos);
}

// Each counter is at the location of [device 16]: low word, high word, element stride.
TEST_F(StatisticsTest, RegistersAreThoseOfTheReference) {
  struct Row {
    Counter c;
    std::uint32_t low, high, stride;
  };
  const Row rows[] = {
      {Counter::kTtiCmDropFrames, 0x0403e, 0, 0},
      {Counter::kTtiCmDropBytes, 0x0403f, 0x04040, 0},
      {Counter::kTtiFrameDropFrames, 0x04041, 0, 0},
      {Counter::kTtiFrameDropBytes, 0x04042, 0x04043, 0},
      {Counter::kTtiTbiDropFrames, 0x04044, 0, 0},
      {Counter::kTtiTbiDropBytes, 0x04045, 0x04046, 0},
      {Counter::kTmiDropFrames, 0x04402, 0, 0},
      {Counter::kTmiDropBytes, 0x04403, 0x04404, 0},
      {Counter::kPtpIllegalRequests, 0x04409, 0, 0},
      {Counter::kPtpGoodTimestamps, 0x0440a, 0, 0},
      {Counter::kPtpBadTimestamps, 0x0440b, 0, 0},
      {Counter::kRpcTcpOptionErrors, 0x0849e, 0, 0},
      {Counter::kRpcUnknownEtherType, 0x0849f, 0, 0},
      {Counter::kRpcIpv4Fragments, 0x084a0, 0, 0},
      {Counter::kRpcIpv6Fragments, 0x084a1, 0, 0},
      {Counter::kRpcIpv4Esp, 0x084a2, 0, 0},
      {Counter::kRpcIpv6Esp, 0x084a3, 0, 0},
      {Counter::kRpcUnknownExtHeader, 0x084a4, 0, 0},
      {Counter::kRpcOutOfHeaderErrors, 0x084a5, 0, 0},
      {Counter::kRpcOversizeErrors, 0x084a6, 0, 0},
      {Counter::kFifoDroppedFrames, 0x08057, 0, 1},
      {Counter::kFifoTruncatedFrames, 0x08091, 0, 1},
      {Counter::kFifoTransDrops, 0x080d9, 0, 1},
      {Counter::kFifoEcn, 0x080e1, 0, 1},
      {Counter::kFifoLevel, 0x0811d, 0, 1},
      {Counter::kFifoDroppedBytes, 0x08080, 0x08081, 2},
      {Counter::kFifoTruncatedBytes, 0x080c0, 0x080c1, 2},
      {Counter::kEnqueueFrames, 0x080f9, 0, 1},
      {Counter::kEnqueueBytes, 0x080fd, 0x08101, 1},
      {Counter::kEnqueueIntegrityErrors, 0x0812f, 0, 1},
      {Counter::kEnqueueMacErrors, 0x08133, 0, 1},
      {Counter::kEnqueueParserErrors, 0x08137, 0, 1},
      {Counter::kEnqueueFrameErrors, 0x0813b, 0, 1},
      {Counter::kDequeueInterfaceFrames, 0x08105, 0, 1},
      {Counter::kDequeueInterfaceBytes, 0x08109, 0x0810d, 1},
      {Counter::kDequeueBufferFrames, 0x08111, 0, 1},
      {Counter::kDequeueBufferBytes, 0x08115, 0x08119, 1},
      {Counter::kQueueErrors, 0x402a3, 0, 0x400},
      {Counter::kQueueCqDrops, 0x402a4, 0, 0x400},
      {Counter::kQueueBdqDrops, 0x402a5, 0, 0x400},
      {Counter::kFecCorrected, 0x10802, 0, 8},
      {Counter::kFecUncorrectable, 0x10804, 0, 8},
      {Counter::kSymbolErrors, 0x10880, 0, 2},
      {Counter::kPauseStorms, 0x080e9, 0, 1},
      {Counter::kPauseRx, 0x11a00, 0x11a01, 0},
      {Counter::kPauseTx, 0x11a04, 0x11a05, 0},
      {Counter::kMacRxBytes, 0x11a08, 0x11a09, 0},
      {Counter::kMacRxAlignmentErrors, 0x11a0a, 0x11a0b, 0},
      {Counter::kMacRxTooLong, 0x11a0e, 0x11a0f, 0},
      {Counter::kMacRxFrames, 0x11a12, 0x11a13, 0},
      {Counter::kMacRxBadFcs, 0x11a14, 0x11a15, 0},
      {Counter::kMacRxErrors, 0x11a18, 0x11a19, 0},
      {Counter::kMacRxMulticast, 0x11a1c, 0x11a1d, 0},
      {Counter::kMacRxBroadcast, 0x11a1e, 0x11a1f, 0},
      {Counter::kRmonUndersize, 0x11a24, 0x11a25, 0},
      {Counter::kRmonRx64, 0x11a26, 0x11a27, 0},
      {Counter::kRmonRx65, 0x11a28, 0x11a29, 0},
      {Counter::kRmonRx128, 0x11a2a, 0x11a2b, 0},
      {Counter::kRmonRx256, 0x11a2c, 0x11a2d, 0},
      {Counter::kRmonRx512, 0x11a2e, 0x11a2f, 0},
      {Counter::kRmonRx1024, 0x11a30, 0x11a31, 0},
      {Counter::kRmonOversize, 0x11a34, 0x11a35, 0},
      {Counter::kRmonJabbers, 0x11a36, 0x11a37, 0},
      {Counter::kRmonFragments, 0x11a38, 0x11a39, 0},
      {Counter::kControlRx, 0x11a3c, 0x11a3d, 0},
      {Counter::kMacTxBytes, 0x11a3e, 0x11a3f, 0},
      {Counter::kMacTxFrames, 0x11a42, 0x11a43, 0},
      {Counter::kMacTxErrors, 0x11a46, 0x11a47, 0},
      {Counter::kMacTxMulticast, 0x11a4a, 0x11a4b, 0},
      {Counter::kMacTxBroadcast, 0x11a4c, 0x11a4d, 0},
      {Counter::kRmonTx64, 0x11a4e, 0x11a4f, 0},
      {Counter::kRmonTx65, 0x11a50, 0x11a51, 0},
      {Counter::kRmonTx128, 0x11a52, 0x11a53, 0},
      {Counter::kRmonTx256, 0x11a54, 0x11a55, 0},
      {Counter::kRmonTx512, 0x11a56, 0x11a57, 0},
      {Counter::kRmonTx1024, 0x11a58, 0x11a59, 0},
      {Counter::kControlTx, 0x11a5e, 0x11a5f, 0},
      {Counter::kRmonRx1519, 0x0855f, 0x08560, 0},
      {Counter::kRmonRx2048, 0x08561, 0x08562, 0},
      {Counter::kRmonRx4096, 0x08563, 0x08564, 0},
      {Counter::kRmonRx8192, 0x08565, 0x08566, 0},
      {Counter::kRmonRx9217, 0x08567, 0x08568, 0},
      {Counter::kRmonTx1519, 0x04433, 0x04434, 0},
      {Counter::kRmonTx2048, 0x04435, 0x04436, 0},
      {Counter::kRmonTx4096, 0x04437, 0x04438, 0},
      {Counter::kRmonTx8192, 0x04439, 0x0443a, 0},
      {Counter::kRmonTx9217, 0x0443b, 0x0443c, 0},
      {Counter::kPcieRdTlp, 0x3106e, 0x3106f, 0},
      {Counter::kPcieRdDword, 0x31070, 0x31071, 0},
      {Counter::kPcieWrTlp, 0x31072, 0x31073, 0},
      {Counter::kPcieWrDword, 0x31074, 0x31075, 0},
      {Counter::kPcieCplTlp, 0x31076, 0x31077, 0},
      {Counter::kPcieCplDword, 0x31078, 0x31079, 0},
      {Counter::kPcieRdNoCplCredit, 0x3107a, 0x3107b, 0},
      {Counter::kPcieRdNoTag, 0x3107c, 0x3107d, 0},
      {Counter::kPcieRdNoNpCredit, 0x3107e, 0x3107f, 0},
  };
  std::set<Counter> covered;
  for (const Row& r : rows) {
    const CounterGroup& g = counter_group(r.c);
    covered.insert(r.c);
    EXPECT_EQ(g.low(0), bar0(r.low)) << g.name;
    EXPECT_EQ(g.is_wide(), r.high != 0) << g.name;
    if (g.is_wide()) {
      EXPECT_EQ(g.high(0), bar0(r.high)) << g.name;
    }
    if (g.count > 1) {
      EXPECT_EQ(g.low(1), bar0(r.low + r.stride)) << g.name;
    }
  }
  EXPECT_EQ(covered.size(), kCounterGroups.size());
}

TEST_F(StatisticsTest, ValuesStartAtZeroForAnyCardValue) {
  fake_.device.poke(bar0(0x4402), 0xfffffff0);
  fake_.device.poke(bar0(0x11a09), 0x12);
  fake_.device.poke(bar0(0x11a08), 0xffffff00);
  stats_.snapshot();
  EXPECT_EQ(stats_.value(Counter::kTmiDropFrames), 0U);
  fake_.device.poke(bar0(0x4402), 0x10);
  fake_.device.poke(bar0(0x11a09), 0x13);
  fake_.device.poke(bar0(0x11a08), 0x100);
  stats_.update();
  EXPECT_EQ(stats_.value(Counter::kTmiDropFrames), 0x20U);
  EXPECT_EQ(stats_.value(Counter::kMacRxBytes), 0x200U);
}

TEST_F(StatisticsTest, AResetOfTheCardLosesNothing) {
  stats_.snapshot();
  fake_.device.poke(bar0(0x402a3 + 5 * 0x400), 7);
  stats_.update();
  fake_.device.poke(bar0(0x402a3 + 5 * 0x400), 0);
  stats_.snapshot();
  fake_.device.poke(bar0(0x402a3 + 5 * 0x400), 2);
  EXPECT_EQ(stats_.update().get(Counter::kQueueErrors, 5), 9U);
  EXPECT_EQ(card_drops(stats_.values()).rx_errors, 9U);
}

TEST_F(StatisticsTest, EachSecondTheNarrowOnesAreRead) {
  stats_.snapshot();
  fake_.device.poke(bar0(0x8105), 3);
  fake_.device.poke(bar0(0x8109), 300);
  fake_.device.forget();
  stats_.step(0ns);
  EXPECT_EQ(stats_.value(Counter::kDequeueInterfaceFrames), 3U);
  EXPECT_EQ(stats_.value(Counter::kDequeueInterfaceBytes), 0U);
  EXPECT_EQ(fake_.device.reads_from(Site::kCounter64High), 0U);
  EXPECT_EQ(stats_.deadline(), 1s);
  const std::size_t reads = fake_.device.reads;
  EXPECT_LE(reads, 500U);
  stats_.step(999ms);
  EXPECT_EQ(fake_.device.reads, reads);
}

TEST_F(StatisticsTest, QueuesThatAreNotUsedAreNotRead) {
  Statistics<test::FakeDevice> few{fake_.io, 2};
  few.update();
  const std::size_t narrow = fake_.device.reads_from(Site::kCounter32);
  fake_.device.forget();
  stats_.update();
  EXPECT_EQ(fake_.device.reads_from(Site::kCounter32), narrow + 126 * 3);
}

TEST_F(StatisticsTest, FecCountersAddWhatReadingCleared) {
  fake_.device.poke(bar0(0x10802), 5);
  stats_.snapshot();
  EXPECT_EQ(stats_.value(Counter::kFecCorrected), 0U);
  fake_.device.script(bar0(0x10802), {0xdead0003});
  fake_.device.script(bar0(0x10803), {0xbeef0001});
  fake_.device.poke(bar0(0x10802), 0);
  stats_.update();
  EXPECT_EQ(stats_.value(Counter::kFecCorrected), 0x10003U) << "16 bits of each half";
}

TEST_F(StatisticsTest, ALevelIsNotSummed) {
  fake_.device.poke(bar0(0x811d + 4), 100);
  stats_.update();
  const CounterValues before = stats_.values();
  fake_.device.poke(bar0(0x811d + 4), 60);
  stats_.update();
  EXPECT_EQ(stats_.value(Counter::kFifoLevel, 4), 60U);
  EXPECT_EQ(stats_.values().since(before).get(Counter::kFifoLevel, 4), 60U);
}

TEST_F(StatisticsTest, AHighHalfThatMovesOnceIsReadAgain) {
  stats_.snapshot();
  fake_.device.script(bar0(0x11a09), {0, 1, 1});
  fake_.device.script(bar0(0x11a08), {0xffffffff, 4});
  stats_.update();
  EXPECT_EQ(stats_.value(Counter::kMacRxBytes), 0x100000004U);
  EXPECT_EQ(fake_.refused(Site::kCounter64High), 0U);
}

TEST_F(StatisticsTest, AHighHalfThatNeverStabilisesIsRefused) {
  stats_.snapshot();
  fake_.device.forget();
  std::uint32_t n = 0;
  fake_.device.on_read = [&](RegAddr at) -> std::optional<std::uint32_t> {
    if (at == bar0(0x11a09)) return ++n;
    return std::nullopt;
  };
  stats_.update();
  EXPECT_EQ(stats_.value(Counter::kMacRxBytes), 0U);
  EXPECT_EQ(fake_.refused(Site::kCounter64High), 1U);
  EXPECT_EQ(n, 4U);
}

TEST_F(StatisticsTest, ARemovedCardCountsNothing) {
  stats_.snapshot();
  fake_.device.gone = true;
  stats_.update();
  for_each_counter(stats_.values(), 128,
                   [](std::string_view name, std::uint64_t v) { EXPECT_EQ(v, 0U) << name; });
  EXPECT_LE(fake_.device.reads, 700U + 700U);
}

TEST_F(StatisticsTest, AllOnesIsAValueWhileTheCardIsPresent) {
  stats_.snapshot();
  fake_.device.poke(bar0(0x4402), 0xffffffff);
  fake_.device.poke(bar0(0xc41b), 0);
  stats_.update();
  EXPECT_EQ(stats_.value(Counter::kTmiDropFrames), 0xffffffffU);
}

TEST_F(StatisticsTest, DropsAreSummedAsAnInterfaceShowsThem) {
  stats_.snapshot();
  fake_.device.poke(bar0(0x8057 + 4), 1);
  fake_.device.poke(bar0(0x8057 + 6), 2);
  fake_.device.poke(bar0(0x8057 + 0), 64);
  fake_.device.poke(bar0(0x402a4), 4);
  fake_.device.poke(bar0(0x402a5 + 127 * 0x400), 8);
  fake_.device.poke(bar0(0x4402), 16);
  fake_.device.poke(bar0(0x403e), 32);
  const CardDrops drops = card_drops(stats_.update());
  EXPECT_EQ(drops.rx_missed, 3U);
  EXPECT_EQ(drops.rx_over, 12U);
  EXPECT_EQ(drops.tx_dropped, 48U);
}

}  // namespace
}  // namespace hni
