// SPDX-License-Identifier: Apache-2.0
// Transfers that take several messages: core dump and flash update.
#include "tests/driver/firmware_session.hpp"

namespace hni::test {
namespace {

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

TEST_F(CoreDump, WrongOffsetLengthOrDataAbortsIt) {
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

TEST_F(Flash, ChunkMayNotBeRequestedTwice) {
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

TEST_F(Flash, ChunkWaitsForRoomInAFullMailbox) {
  start_manually();
  io.frozen = true;
  while (fw.refresh_capabilities(now)) {
  }
  io.frozen = false;
  // The firmware requests the next block before it processes the current one.
  ASSERT_TRUE(io.deliver(words({0x00058024, 0x00080000, 0, 0x00080001, 64})));
  now += 1ms;
  fw.step(now);
  EXPECT_EQ(fw.flash_progress().done, 0u);
  advance(30ms);
  EXPECT_EQ(fw.flash_progress().done, 64u);
}

TEST_F(Flash, OnlySectionsThatLinuxFlashesAreAccepted) {
  for (const unsigned section : {2u, 4u, 5u})
    EXPECT_EQ(fw.request_flash(static_cast<FlashSection>(section), image, now).error().code,
              ErrorCode::kBadArgument);
  EXPECT_EQ(fw.request_flash(FlashSection::kBoot1, {}, now).error().code, ErrorCode::kBadArgument);
}

}  // namespace
}  // namespace hni::test
