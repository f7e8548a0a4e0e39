// SPDX-License-Identifier: Apache-2.0
// Requests: sensors, module pages, logs, core dump, flash, self test, MAC synchronisation.
#include "tests/firmware_session.hpp"

namespace hni::test {
namespace {

struct FirmwareRequests : FirmwareSession {
  void SetUp() override { bring_up(); }

  /// Answers requests of `type` with `message`.
  void answer(std::uint32_t type, Bytes message) {
    io.script = [this, type, message = std::move(message)](std::uint32_t got, const Bytes&) {
      if (got != type) return false;
      io.send(message);
      return true;
    };
  }
  /// Leaves requests of `type` without an answer.
  void ignore(std::uint32_t type) {
    io.script = [type](std::uint32_t got, const Bytes&) { return got == type; };
  }
};

template <class T>
FirmwareFault fault_in(const Result<T>& result) {
  EXPECT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, ErrorCode::kFirmwareRefused);
  return static_cast<FirmwareFault>(result.error().detail);
}

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

TEST_F(FirmwareRequests, OneOfAKindAndFourTogether) {
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

TEST_F(FirmwareRequests, ErrorCompletionEndsTheRequestAtOnce) {
  io.fail_next = 1;
  ASSERT_TRUE(fw.request_sensors(now));
  advance(20ms);
  EXPECT_EQ(fault_in(*fw.poll_sensors()), FirmwareFault::kOther);
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
    if (!outcome) continue;  // not well-formed any more, so no answer at all
    if (outcome->has_value()) ++passed;
    ASSERT_TRUE(fw.request_self_test(now));
    advance(20ms);
  }
  // What carries no value: "cannot ignore" of eleven attributes, two bytes of padding.
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

TEST_F(Logs, RecordsArriveAndTheOldestMakesRoom) {
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

TEST_F(Logs, ControlCharactersDoNotPass) {
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

TEST_F(Logs, UnaskedLogsAreDropped) {
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

// ---- Core dump

struct CoreDump : FirmwareRequests {
  std::uint32_t size = 8192;
  int bend_offset = 0;
  int bend_length = 0;
  int bend_data = 0;
  void SetUp() override {
    FirmwareRequests::SetUp();
    io.script = [this](std::uint32_t type, const Bytes& message) { return dump(type, message); };
  }
  bool dump(std::uint32_t type, const Bytes& message) {
    if (type == 0x18) {
      io.send(words({0x00048019, 0x00040000, 0x00080001, size}));
      return true;
    }
    if (type != 0x20) return false;
    const bool first = message.size() == 12;
    const std::uint32_t offset = first ? 0 : word_at(message, 8);
    const std::uint32_t length = word_at(message, first ? 8 : 16);
    Bytes data(length + static_cast<std::uint32_t>(bend_data));
    for (std::size_t i = 0; i < data.size(); ++i)
      data[i] = static_cast<std::byte>((offset + i) * 7 & 0xff);
    std::array<std::byte, 4096> room;
    namespace A = fw::COREDUMP_READ_RESP;
    const auto bytes = TlvBuilder(room, FwMessage::COREDUMP_READ_RESP)
                           .u32(A::OFFSET, offset + static_cast<std::uint32_t>(bend_offset))
                           .u32(A::LENGTH, length + static_cast<std::uint32_t>(bend_length))
                           .binary(A::DATA, data)
                           .finish();
    io.send({bytes.begin(), bytes.end()});
    return true;
  }
};

TEST_F(CoreDump, IsReadInStridesOfTheRightLengths) {
  ASSERT_TRUE(fw.request_core_dump_info(true, now));
  const auto info = wait_for([&] { return fw.poll_core_dump_info(); });
  ASSERT_TRUE(info && info->has_value());
  EXPECT_EQ(**info, 8192u);
  EXPECT_EQ(io.sent_of(0x18)[0], words({0x00028018, 0x00040000}));
  Bytes to(**info);
  ASSERT_TRUE(fw.request_core_dump(to, now));
  ASSERT_TRUE(wait_for([&] { return fw.poll_core_dump(); })->has_value());
  for (std::size_t i = 0; i < to.size(); ++i)
    ASSERT_EQ(to[i], static_cast<std::byte>(i * 7 & 0xff)) << i;
  const auto reads = io.sent_of(0x20);
  ASSERT_EQ(reads.size(), 3u);
  EXPECT_EQ(reads[0], words({0x00038020, 0x00080001, 3584}));
  EXPECT_EQ(reads[2], words({0x00058020, 0x00080000, 7168, 0x00080001, 1024}));
}

TEST_F(CoreDump, WrongOffsetLengthOrDataEndsIt) {
  Bytes to(8192);
  for (int* knob : {&bend_offset, &bend_length, &bend_data}) {
    *knob = -1;
    ASSERT_TRUE(fw.request_core_dump(to, now));
    EXPECT_EQ(wait_for([&] { return fw.poll_core_dump(); })->error().code,
              ErrorCode::kBadFirmwareData);
    *knob = 0;
  }
}

TEST_F(CoreDump, MissingDumpIsNotFoundAndSizeZeroIsRefused) {
  answer(0x18, words({0x00018019}));
  ASSERT_TRUE(fw.request_core_dump_info(false, now));
  EXPECT_EQ(wait_for([&] { return fw.poll_core_dump_info(); })->error().code,
            ErrorCode::kNotFound);
  answer(0x18, words({0x00028019, 0x00040000}));
  ASSERT_TRUE(fw.request_core_dump_info(false, now));
  EXPECT_EQ(wait_for([&] { return fw.poll_core_dump_info(); })->error().code,
            ErrorCode::kBadFirmwareData);
}

// ---- Flash

struct Flash : FirmwareRequests {
  Bytes image;
  Bytes stored;
  std::uint32_t chunk = 2048;
  bool auto_answer = true;
  void SetUp() override {
    FirmwareRequests::SetUp();
    image.resize(10'000);
    for (std::size_t i = 0; i < image.size(); ++i)
      image[i] = static_cast<std::byte>(i * 13 & 0xff);
    io.script = [this](std::uint32_t type, const Bytes& message) { return flash(type, message); };
  }
  void ask(std::uint32_t offset, std::uint32_t length) {
    io.send(words({0x00058024, 0x00080000, offset, 0x00080001, length}));
  }
  void ask_next() {
    const auto done = static_cast<std::uint32_t>(stored.size());
    const auto total = static_cast<std::uint32_t>(image.size());
    if (done == total) {
      io.send(words({0x00018028}));
    } else {
      ask(done, std::min(chunk, total - done));
    }
  }
  bool flash(std::uint32_t type, const Bytes& message) {
    if (type != 0x22 && type != 0x25) return false;
    if (!auto_answer) return true;
    if (type == 0x22) {
      io.send(words({0x00018023}));
    } else {
      EXPECT_EQ(word_at(message, 8), stored.size());
      const std::uint32_t length = word_at(message, 16);
      EXPECT_EQ(word_at(message, 20), (length + 4) << 16 | 2);
      stored.insert(stored.end(), message.begin() + 24, message.begin() + 24 + length);
    }
    ask_next();
    return true;
  }
  void start_manually() {
    auto_answer = false;
    ASSERT_TRUE(fw.request_flash(FlashSection::kBoot2, image, now));
    advance(20ms);
    io.send(words({0x00018023}));
    advance(20ms);
  }
  ErrorCode code() {
    return wait_for([&] { return fw.poll_flash(); })->error().code;
  }
};

TEST_F(Flash, ImageArrivesByteForByte) {
  for (const std::uint32_t size : {1u, 2048u, 3584u, 3585u, 10'000u}) {
    for (const std::uint32_t step : {1024u, 3584u}) {
      image.resize(size);
      stored.clear();
      chunk = step;
      ASSERT_TRUE(fw.request_flash(FlashSection::kBoot2, image, now));
      ASSERT_TRUE(wait_for([&] { return fw.poll_flash(); })->has_value());
      EXPECT_EQ(stored, image);
    }
  }
  EXPECT_EQ(io.sent_of(0x22)[0], words({0x00058022, 0x00080001, 1, 0x00080002, 1}));
}

TEST_F(Flash, ProgressIsVisible) {
  start_manually();
  ask(0, 2048);
  advance(20ms);
  EXPECT_EQ(fw.flash_progress().done, 2048u);
  EXPECT_EQ(fw.flash_progress().total, 10'000u);
}

TEST_F(Flash, ChunkOutOfSequenceIsCancelled) {
  for (const auto& [offset, length] : std::vector<std::pair<std::uint32_t, std::uint32_t>>{
           {1, 100}, {2048, 100}, {0, 3585}, {0, 0}, {0, 0xffffffff}, {0xffffffff, 2}}) {
    start_manually();
    const std::size_t before = io.sent_of(0x25).size();
    ask(offset, length);
    EXPECT_EQ(code(), ErrorCode::kBadFirmwareData) << offset << " " << length;
    advance(20ms);
    ASSERT_EQ(io.sent_of(0x25).size(), before + 1);
    EXPECT_EQ(io.sent_of(0x25).back(), words({0x00038025, 0x00080003, 0xfffffff2}));
  }
}

TEST_F(Flash, ChunkBeyondTheImageIsRefused) {
  image.resize(100);
  start_manually();
  ask(0, 101);
  EXPECT_EQ(code(), ErrorCode::kBadFirmwareData);
}

TEST_F(Flash, ChunkMayNotBeAskedForTwice) {
  start_manually();
  ask(0, 100);
  advance(20ms);
  ask(0, 100);
  EXPECT_EQ(code(), ErrorCode::kBadFirmwareData);
}

TEST_F(Flash, EarlyFinishIsAnError) {
  start_manually();
  ask(0, 100);
  advance(20ms);
  io.send(words({0x00018028}));
  EXPECT_EQ(code(), ErrorCode::kBadFirmwareData);
}

TEST_F(Flash, ErrorsAtStartAndFinishAreMapped) {
  auto_answer = false;
  ASSERT_TRUE(fw.request_flash(FlashSection::kOptionRom, image, now));
  advance(20ms);
  io.send(words({0x00038023, 0x00080000, 0xfffffff0}));
  EXPECT_EQ(fault_in(*wait_for([&] { return fw.poll_flash(); })), FirmwareFault::kBusy);
  start_manually();
  io.send(words({0x00038028, 0x00080000, 0xfffffffb}));
  EXPECT_EQ(fault_in(*wait_for([&] { return fw.poll_flash(); })), FirmwareFault::kInputOutput);
}

TEST_F(Flash, SilenceForTenSecondsAtAnyStepCancels) {
  start_manually();
  advance(9s);
  ask(0, 100);
  advance(9s);
  EXPECT_FALSE(fw.poll_flash()) << "progress extends the deadline";
  EXPECT_EQ(code(), ErrorCode::kTimeout);
  advance(20ms);
  EXPECT_EQ(io.sent_of(0x25).back().size(), 12u);
}

TEST_F(Flash, ChunkRequestBeforeStartIsUnsolicited) {
  ask(0, 100);
  advance(20ms);
  EXPECT_EQ(fw.counters().unsolicited, 1u);
  EXPECT_TRUE(io.sent_of(0x25).empty());
}

TEST_F(Flash, PieceWaitsForRoomInAFullMailbox) {
  start_manually();
  io.frozen = true;
  while (fw.refresh_capabilities(now)) {
  }
  io.frozen = false;
  // The firmware asks before it takes what it has.
  ASSERT_TRUE(io.deliver(words({0x00058024, 0x00080000, 0, 0x00080001, 64})));
  now += 1ms;
  fw.step(now);
  EXPECT_EQ(fw.flash_progress().done, 0u);
  advance(30ms);
  EXPECT_EQ(fw.flash_progress().done, 64u);
}

TEST_F(Flash, OnlySectionsThatLinuxFlashesAreTaken) {
  for (const unsigned section : {2u, 4u, 5u})
    EXPECT_EQ(fw.request_flash(static_cast<FlashSection>(section), image, now).error().code,
              ErrorCode::kBadArgument);
  EXPECT_EQ(fw.request_flash(FlashSection::kBoot1, {}, now).error().code, ErrorCode::kBadArgument);
}

// ---- MAC synchronisation and the BMC

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

TEST_F(FirmwareRequests, BmcAddressesAreTakenExactly) {
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

TEST_F(FirmwareRequests, BmcAddressOfFiveBytesSpoilsTheMessage) {
  io.capabilities = bmc_capabilities({{2, 0, 0, 0, 0, 1}}, 5);
  ASSERT_TRUE(fw.refresh_capabilities(now));
  advance(50ms);
  EXPECT_FALSE(fw.capabilities().bmc_present);
  EXPECT_EQ(refused(Site::kAttributeValue), 1u);
}

TEST_F(FirmwareRequests, FiveBmcAddressesSpoilTheMessage) {
  const MacAddress mac{2, 0, 0, 0, 0, 1};
  io.capabilities = bmc_capabilities({mac, mac, mac, mac, mac});
  ASSERT_TRUE(fw.refresh_capabilities(now));
  advance(50ms);
  EXPECT_FALSE(fw.capabilities().bmc_present);
}

TEST_F(FirmwareRequests, BmcWithoutAddressesSpoilsTheMessage) {
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
