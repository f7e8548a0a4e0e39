// SPDX-License-Identifier: Apache-2.0
// Requests: sensors, module pages, logs, self test, MAC synchronisation.
#include "tests/driver/firmware_session.hpp"

namespace hni::test {
namespace {

TEST_F(FirmwareRequests, SensorsAreRead) {
  answer(0x3c, words({0x0005803d, 0x00080000, 0xffffd8f0, 0x00080001, 812}));
  ASSERT_TRUE(fw.request_sensors(now));
  const auto outcome = wait_for([&] { return fw.poll_sensors(); });
  ASSERT_TRUE(outcome && outcome->has_value());
  EXPECT_EQ((*outcome)->temperature_mdeg, -10'000);
  EXPECT_EQ((*outcome)->voltage_mv, 812);
  EXPECT_FALSE(fw.poll_sensors()) << "an outcome is given once";
}

TEST_F(FirmwareRequests, SensorAnswerWithOneReadingIsRefused) {
  answer(0x3c, words({0x0003803d, 0x00080000, 1}));
  ASSERT_TRUE(fw.request_sensors(now));
  EXPECT_EQ(wait_for([&] { return fw.poll_sensors(); })->error().code,
            ErrorCode::kBadFirmwareData);
}

TEST_F(FirmwareRequests, ErrorCodesAreMapped) {
  const std::pair<std::int32_t, FirmwareFault> kCodes[] = {
      {-1, FirmwareFault::kNotPermitted},    {-2, FirmwareFault::kNotFound},
      {-5, FirmwareFault::kInputOutput},     {-16, FirmwareFault::kBusy},
      {-19, FirmwareFault::kNoDevice},       {-22, FirmwareFault::kInvalid},
      {-28, FirmwareFault::kNoSpace},        {-95, FirmwareFault::kUnsupported},
      {-110, FirmwareFault::kTimedOut},      {-9999, FirmwareFault::kOther},
      {INT32_MIN, FirmwareFault::kOther},    {1, FirmwareFault::kWrongSign},
      {INT32_MAX, FirmwareFault::kWrongSign}};
  for (const auto& [code, fault] : kCodes) {
    answer(0x3c, words({0x0007803d, 0x00080000, 1, 0x00080001, 2, 0x00080002,
                        static_cast<std::uint32_t>(code)}));
    ASSERT_TRUE(fw.request_sensors(now));
    EXPECT_EQ(fault_in(*wait_for([&] { return fw.poll_sensors(); })), fault) << code;
  }
  EXPECT_EQ(refused(Site::kFwError), 2u) << "only positive codes break a rule";
}

TEST_F(FirmwareRequests, OneRequestPerKindAndFourTogether) {
  io.script = [](std::uint32_t, const Bytes&) { return true; };
  ASSERT_TRUE(fw.request_sensors(now));
  EXPECT_EQ(fw.request_sensors(now).error().code, ErrorCode::kRequestPending);
  ASSERT_TRUE(fw.request_self_test(now));
  ASSERT_TRUE(fw.request_core_dump_info(false, now));
  ASSERT_TRUE(fw.request_module_page({0, 0, 0, 1}, now));
  const std::array<std::byte, 8> image{};
  EXPECT_EQ(fw.request_flash(FlashSection::kBoot2, image, now).error().code,
            ErrorCode::kTableFull);
}

TEST_F(FirmwareRequests, EveryRequestEndsAfterTenSecondsWithoutAnAnswer) {
  io.script = [](std::uint32_t, const Bytes&) { return true; };
  ASSERT_TRUE(fw.request_sensors(now));
  ASSERT_TRUE(fw.request_self_test(now));
  ASSERT_TRUE(fw.request_core_dump_info(true, now));
  ASSERT_TRUE(fw.request_module_page({0, 0, 0, 128}, now));
  advance(9990ms);
  EXPECT_FALSE(fw.poll_sensors());
  advance(20ms);
  EXPECT_EQ(fw.poll_sensors()->error().code, ErrorCode::kTimeout);
  EXPECT_EQ(fw.poll_self_test()->error().code, ErrorCode::kTimeout);
  EXPECT_EQ(fw.poll_core_dump_info()->error().code, ErrorCode::kTimeout);
  EXPECT_EQ(fw.poll_module_page({})->error().code, ErrorCode::kTimeout);
  EXPECT_EQ(fw.counters().timeouts, 4u);
}

TEST_F(FirmwareRequests, AnswerAfterTheTimeoutIsDropped) {
  ignore(0x3c);
  ASSERT_TRUE(fw.request_sensors(now));
  advance(11s);
  ASSERT_TRUE(fw.poll_sensors());
  io.send(words({0x0005803d, 0x00080000, 1, 0x00080001, 2}));
  advance(20ms);
  EXPECT_FALSE(fw.poll_sensors());
  EXPECT_EQ(fw.counters().unsolicited, 1u);
}

TEST_F(FirmwareRequests, ErrorCompletionEndsEachRequestAtOnce) {
  const auto ends = [this](const Result<>& opened, auto poll) {
    ASSERT_TRUE(opened);
    io.fail_next = 1;
    advance(20ms);
    const auto outcome = poll();
    ASSERT_TRUE(outcome);
    EXPECT_EQ(fault_in(*outcome), FirmwareFault::kOther);
  };
  Bytes memory(64);
  ends(fw.request_sensors(now), [&] { return fw.poll_sensors(); });
  ends(fw.request_module_page({0, 0, 0, 1}, now), [&] { return fw.poll_module_page({}); });
  ends(fw.request_core_dump_info(true, now), [&] { return fw.poll_core_dump_info(); });
  ends(fw.request_core_dump(memory, now), [&] { return fw.poll_core_dump(); });
  ends(fw.request_flash(FlashSection::kBoot1, memory, now), [&] { return fw.poll_flash(); });
  ends(fw.request_self_test(now), [&] { return fw.poll_self_test(); });
}

TEST_F(FirmwareRequests, StopEndsRequestsWithAName) {
  ignore(0x3c);
  ASSERT_TRUE(fw.request_sensors(now));
  fw.stop(now);
  EXPECT_EQ(fw.poll_sensors()->error().code, ErrorCode::kNotRunning);
  EXPECT_EQ(fw.request_sensors(now).error().code, ErrorCode::kNotRunning);
}

TEST_F(FirmwareRequests, SelfTestComparesTheEcho) {
  ASSERT_TRUE(fw.request_self_test(now));
  EXPECT_TRUE(wait_for([&] { return fw.poll_self_test(); })->has_value());
}

TEST_F(FirmwareRequests, SelfTestFindsEveryFlippedByteOfTheEcho) {
  Bytes sent;
  io.script = [&](std::uint32_t type, const Bytes& message) {
    if (type == 0) sent = message;
    return type == 0;
  };
  unsigned passed = 0;
  ASSERT_TRUE(fw.request_self_test(now));
  advance(20ms);
  ASSERT_GT(sent.size(), 200u);
  for (std::size_t i = 4; i < sent.size(); ++i) {
    Bytes bent = sent;
    bent[i] ^= std::byte{0x40};
    io.send(bent);
    advance(20ms);
    const auto outcome = fw.poll_self_test();
    if (!outcome) continue;  // no longer well-formed, so there is no response at all
    if (outcome->has_value()) ++passed;
    ASSERT_TRUE(fw.request_self_test(now));
    advance(20ms);
  }
  // Bits without a value: "cannot ignore" of eleven attributes, two bytes of padding.
  EXPECT_EQ(passed, 13u);
}

// ---- Module pages

Bytes module_answer(std::uint32_t bank, std::uint32_t page, std::uint32_t offset,
                    std::uint32_t length, std::uint32_t data_words) {
  Bytes out = words({(10 + data_words) << 16 | 0x8039, 0x00080000, bank, 0x00080001, page,
                     0x00080002, offset, 0x00080003, length, (4 + 4 * data_words) << 16 | 5});
  for (std::uint32_t i = 0; i < 4 * data_words; ++i) out.push_back(static_cast<std::byte>(i));
  return out;
}

TEST_F(FirmwareRequests, ModulePageIsReadExactly) {
  answer(0x38, module_answer(1, 3, 128, 16, 4));
  ASSERT_TRUE(fw.request_module_page({1, 3, 128, 16}, now));
  std::array<std::byte, 128> page;
  page.fill(std::byte{0xee});
  const auto outcome = wait_for([&] { return fw.poll_module_page(page); });
  ASSERT_TRUE(outcome && outcome->has_value());
  EXPECT_EQ(**outcome, 16u);
  EXPECT_EQ(page[15], std::byte{15});
  EXPECT_EQ(page[16], std::byte{0xee});
  EXPECT_EQ(io.sent_of(0x38)[0],
            words({0x00098038, 0x00080000, 1, 0x00080001, 3, 0x00080002, 128, 0x00080003, 16}));
}

TEST_F(FirmwareRequests, ModuleAnswerMustEchoAllFourNumbers) {
  for (const Bytes& wrong : {module_answer(2, 3, 128, 16, 4), module_answer(1, 4, 128, 16, 4),
                             module_answer(1, 3, 129, 16, 4), module_answer(1, 3, 128, 15, 4)}) {
    answer(0x38, wrong);
    ASSERT_TRUE(fw.request_module_page({1, 3, 128, 16}, now));
    EXPECT_EQ(wait_for([&] { return fw.poll_module_page({}); })->error().code,
              ErrorCode::kBadFirmwareData);
  }
  EXPECT_EQ(refused(Site::kFwPayload), 4u);
}

TEST_F(FirmwareRequests, ModuleDataShorterThanItsLengthIsRefused) {
  answer(0x38, module_answer(0, 0, 0, 128, 31));
  ASSERT_TRUE(fw.request_module_page({0, 0, 0, 128}, now));
  EXPECT_EQ(wait_for([&] { return fw.poll_module_page({}); })->error().code,
            ErrorCode::kBadFirmwareData);
}

TEST_F(FirmwareRequests, ModulePositiveErrorIsNeverALength) {
  answer(0x38, words({0x000b8039, 0x00080000, 0, 0x00080001, 0, 0x00080002, 0, 0x00080003, 128,
                      0x00080004, 64}));
  ASSERT_TRUE(fw.request_module_page({0, 0, 0, 128}, now));
  EXPECT_EQ(fault_in(*wait_for([&] { return fw.poll_module_page({}); })),
            FirmwareFault::kWrongSign);
}

TEST_F(FirmwareRequests, ModuleRangesOutsideAPageAreRefusedByTheDriver) {
  for (const ModuleRange range :
       {ModuleRange{0, 0, 0, 0}, ModuleRange{0, 0, 0, 129}, ModuleRange{0, 0, 200, 57}})
    EXPECT_EQ(fw.request_module_page(range, now).error().code, ErrorCode::kBadArgument);
}

// ---- Logs

struct Logs : FirmwareRequests {
  std::array<LogRecord, 4> storage{};
  FirmwareLog log{storage};
  void SetUp() override {
    FirmwareRequests::SetUp();
    fw.set_log(&log);
  }
};

TEST_F(Logs, RecordsArriveAndTheOldestIsOverwritten) {
  for (std::uint32_t i = 0; i < 6; ++i)
    io.send(words({0x00088044, 0x00080000, 1000 + i, 0x000c0001, i, 0, 0x00080002, 0x00636261}));
  advance(50ms);
  ASSERT_EQ(log.size(), 4u);
  EXPECT_EQ(log.total(), 6u);
  EXPECT_EQ(log.at(0).index, 2u);
  EXPECT_EQ(log.at(3).index, 5u);
  EXPECT_EQ(log.at(3).msec, 1005u);
  EXPECT_EQ(log.at(3).text.view(), "abc");
}

TEST_F(Logs, ControlCharactersAreRemoved) {
  io.send(words({0x00088044, 0x00080000, 1, 0x000c0001, 1, 0, 0x00080002, 0x00411b0a}));
  advance(50ms);
  ASSERT_EQ(log.size(), 1u);
  EXPECT_EQ(log.at(0).text.view(), "??A");
}

Bytes log_batch(std::uint32_t claimed, std::uint32_t actual) {
  std::array<std::byte, 4096> room;
  namespace A = fw::LOG_MSG_REQ;
  TlvBuilder message(room, FwMessage::LOG_MSG_REQ);
  message.u32(A::MSEC, 1).u64(A::INDEX, 0).string(A::MSG, "first").u32(A::LENGTH, claimed);
  message.open(A::MSEC_ARRAY);
  for (std::uint32_t i = 0; i < actual; ++i) message.u32(A::MSEC, i);
  message.close().open(A::INDEX_ARRAY);
  for (std::uint32_t i = 0; i < actual; ++i) message.u64(A::INDEX, i + 1);
  message.close().open(A::MSG_ARRAY);
  for (std::uint32_t i = 0; i < actual; ++i) message.string(A::MSG, "more");
  const auto bytes = message.close().finish();
  return {bytes.begin(), bytes.end()};
}

TEST_F(Logs, HistoryComesInBatchesOfUpToFourteen) {
  io.send(log_batch(13, 13));
  advance(50ms);
  EXPECT_EQ(log.total(), 14u);
}

TEST_F(Logs, BatchThatIsTooLongOrMiscountedIsRefusedAsAWhole) {
  for (const auto& [claimed, actual] : std::vector<std::pair<std::uint32_t, std::uint32_t>>{
           {14, 14}, {14, 13}, {13, 12}, {12, 13}, {1, 0}, {0x10000, 0}, {3, 14}})
    io.send(log_batch(claimed, actual));
  advance(100ms);
  EXPECT_EQ(log.total(), 0u);
  EXPECT_EQ(fw.counters().refused, 7u);
}

TEST_F(Logs, UnsolicitedLogsAreDropped) {
  ASSERT_TRUE(fw.send_logs(false, false, now));
  io.send(log_batch(0, 0));
  advance(50ms);
  EXPECT_EQ(log.total(), 0u);
  EXPECT_EQ(fw.counters().unsolicited, 1u);
}

TEST_F(Logs, RecordWithoutAMandatoryAttributeIsRefused) {
  io.send(words({0x00068044, 0x00080000, 1, 0x000c0001, 1, 0}));
  advance(50ms);
  EXPECT_EQ(refused(Site::kMessageMandatory), 1u);
  EXPECT_EQ(log.total(), 0u);
}

// ---- MAC synchronisation with the BMC

Bytes bmc_capabilities(std::initializer_list<MacAddress> macs, std::uint32_t mac_bytes = 6) {
  std::array<std::byte, 512> room;
  namespace A = fw::FW_CAP_RESP;
  TlvBuilder message(room, FwMessage::FW_CAP_RESP);
  message.u32(A::VERSION, kVersionWord).flag(A::BMC_PRESENT).open(A::BMC_MAC_ARRAY);
  for (const MacAddress& mac : macs)
    message.binary(A::BMC_MAC_ADDR, std::as_bytes(std::span(mac)).first(mac_bytes));
  const auto bytes = message.close().u32(A::FW_LINK_SPEED, 4).u32(A::BMC_ALL_MULTI, 1).finish();
  return {bytes.begin(), bytes.end()};
}

TEST_F(FirmwareRequests, BmcAddressesAreReadExactly) {
  io.capabilities =
      bmc_capabilities({{2, 0, 0, 0, 0, 1}, {}, {1, 0, 0x5e, 0, 0, 1}, {2, 0, 0, 0, 0, 2}});
  ASSERT_TRUE(fw.refresh_capabilities(now));
  advance(50ms);
  const Capabilities& caps = fw.capabilities();
  EXPECT_TRUE(caps.bmc_present);
  EXPECT_TRUE(caps.bmc_all_multi);
  ASSERT_EQ(caps.bmc_mac_count, 2u) << "zero is skipped, multicast refused";
  EXPECT_EQ(caps.bmc_macs[1][5], 2u);
  EXPECT_EQ(caps.generation, 2u);
}

TEST_F(FirmwareRequests, BmcAddressOfFiveBytesInvalidatesTheMessage) {
  io.capabilities = bmc_capabilities({{2, 0, 0, 0, 0, 1}}, 5);
  ASSERT_TRUE(fw.refresh_capabilities(now));
  advance(50ms);
  EXPECT_FALSE(fw.capabilities().bmc_present);
  EXPECT_EQ(refused(Site::kAttributeValue), 1u);
}

TEST_F(FirmwareRequests, FiveBmcAddressesInvalidateTheMessage) {
  const MacAddress mac{2, 0, 0, 0, 0, 1};
  io.capabilities = bmc_capabilities({mac, mac, mac, mac, mac});
  ASSERT_TRUE(fw.refresh_capabilities(now));
  advance(50ms);
  EXPECT_FALSE(fw.capabilities().bmc_present);
}

TEST_F(FirmwareRequests, BmcArrayOfOtherElementsInvalidatesTheMessage) {
  for (const std::uint32_t element : {0x00040001u, 0x000c0002u, 0x00040002u}) {
    io.capabilities = words(
        {0x00078011, 0x00080000, kVersionWord, 0x00040001, 0x000c0003, element, 0, 0x00040009});
    ASSERT_TRUE(fw.refresh_capabilities(now));
    advance(50ms);
    EXPECT_EQ(fw.capabilities().generation, 1u);
  }
}

TEST_F(FirmwareRequests, NumbersOutOfRangeAreReportedAndReadAsUnknown) {
  io.capabilities = bmc_capabilities({{2, 0, 0, 0, 0, 1}});
  Bytes& caps = io.capabilities;
  caps[caps.size() - 4] = std::byte{2};  // BMC_ALL_MULTI, a flag
  const Bytes slot = words({0x00080005, 0x100});
  caps.insert(caps.end(), slot.begin(), slot.end());
  caps[2] = static_cast<std::byte>(caps.size() / 4);
  ASSERT_TRUE(fw.refresh_capabilities(now));
  advance(50ms);
  EXPECT_EQ(fw.capabilities().generation, 2u);
  EXPECT_EQ(fw.capabilities().bmc_mac_count, 1);
  EXPECT_FALSE(fw.capabilities().bmc_all_multi);
  EXPECT_EQ(fw.capabilities().active_slot, 0);
  EXPECT_EQ(refused(Site::kAttributeValue), 2u);
}

TEST_F(FirmwareRequests, BmcWithoutAddressesInvalidatesTheMessage) {
  io.capabilities = words({0x00048011, 0x00080000, kVersionWord, 0x00040001});
  ASSERT_TRUE(fw.refresh_capabilities(now));
  advance(50ms);
  EXPECT_FALSE(fw.capabilities().bmc_present);
  EXPECT_EQ(refused(Site::kMessageMandatory), 1u);
}

TEST_F(FirmwareRequests, MacSyncNeedsABmcAndOverflowsIntoFlags) {
  std::vector<MacAddress> macs(9, MacAddress{2, 0, 0, 0, 0, 1});
  EXPECT_EQ(fw.send_mac_sync({macs, {}, 0}, now).error().code, ErrorCode::kNotFound);
  io.capabilities = bmc_capabilities({{2, 0, 0, 0, 0, 9}});
  ASSERT_TRUE(fw.refresh_capabilities(now));
  advance(50ms);
  ASSERT_TRUE(fw.send_mac_sync({macs, {}, MacSync::kBroadcast}, now));
  advance(20ms);
  const auto sent = io.sent_of(0x46);
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(word_at(sent[0], 4), (4 + 8 * 12) << 16 | 1) << "eight addresses in array 1";
  EXPECT_EQ(word_at(sent[0], sent[0].size() - 8), 0x00080000u);
  EXPECT_EQ(word_at(sent[0], sent[0].size() - 4), MacSync::kPromiscuous | MacSync::kBroadcast);
}

}  // namespace
}  // namespace hni::test
