// SPDX-License-Identifier: Apache-2.0
#include "device/wire/pcap.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "device/wire/cable.hpp"

namespace hni::device {
namespace {

using Bytes = std::vector<std::byte>;

struct Collector final : FrameSink {
  bool receive(std::span<const std::byte> frame, std::uint64_t now) override {
    frames.emplace_back(frame.begin(), frame.end());
    times.push_back(now);
    return true;
  }
  std::vector<Bytes> frames;
  std::vector<std::uint64_t> times;
};

class WirePcap : public testing::Test {
 protected:
  void TearDown() override { std::remove(path_.c_str()); }
  static Bytes frame_of(std::size_t bytes) {
    Bytes out(bytes);
    for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<std::byte>(i * 3);
    return out;
  }
  void write_file(const std::string& bytes) { std::ofstream(path_, std::ios::binary) << bytes; }
  std::string read_file() {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  /// Builds a capture of records with these captured and wire lengths.
  void write_records(const std::vector<std::pair<std::uint32_t, std::uint32_t>>& records,
                     std::uint32_t link_type = 1) {
    std::string bytes;
    const auto word = [&](std::uint32_t value) {
      bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
    };
    for (const std::uint32_t value : {0xa1b2c3d4u, 0x00040002u, 0u, 0u, 262144u, link_type})
      word(value);
    for (const auto& [captured, on_wire] : records) {
      for (const std::uint32_t value : {1u, 0u, captured, on_wire}) word(value);
      bytes.append(captured, 'f');
    }
    write_file(bytes);
  }
  /// Builds a capture with frames at 0, 1.000000001 and 3 s.
  void record_three() {
    auto writer = PcapWriter::open(path_);
    ASSERT_TRUE(writer.has_value());
    writer->write(frame_of(60), 5'000'000'000);
    writer->write(frame_of(9742), 6'000'000'001);
    writer->write(frame_of(14), 8'000'000'000);
    EXPECT_TRUE(writer->flush());
    EXPECT_EQ(writer->frames(), 3u);
  }

  std::string path_ = testing::TempDir() + "hni_pcap_" + std::to_string(::getpid()) + ".pcap";
};

TEST_F(WirePcap, FramesAndNanosecondsSurviveTheFile) {
  record_three();
  auto reader = PcapReader::open(path_);
  ASSERT_TRUE(reader.has_value());
  const std::pair<std::size_t, std::uint64_t> expected[] = {
      {60, 5'000'000'000}, {9742, 6'000'000'001}, {14, 8'000'000'000}};
  for (const auto& [bytes, time] : expected) {
    const auto frame = reader->next();
    ASSERT_TRUE(frame.has_value());
    EXPECT_EQ(Bytes(frame->bytes.begin(), frame->bytes.end()), frame_of(bytes));
    EXPECT_EQ(frame->time_ns, time);
  }
  EXPECT_FALSE(reader->next().has_value());
  EXPECT_TRUE(reader->broken().empty());
}

TEST_F(WirePcap, UnpacedInputIsDeliveredAsFastAsPolled) {
  record_three();
  PcapWire wire(std::move(*PcapReader::open(path_)), std::nullopt);
  Collector sink;
  EXPECT_EQ(wire.poll(sink, 7, 2), 2u);
  EXPECT_FALSE(wire.finished());
  EXPECT_EQ(wire.poll(sink, 8, 2), 1u);
  EXPECT_EQ(wire.poll(sink, 9, 2), 0u);
  EXPECT_TRUE(wire.finished());
}

TEST_F(WirePcap, PacedInputKeepsItsDistances) {
  record_three();
  PcapWire wire(std::move(*PcapReader::open(path_)), std::nullopt, true);
  Collector sink;
  constexpr std::uint64_t kStart = 77;
  EXPECT_EQ(wire.poll(sink, kStart, 10), 1u);
  EXPECT_EQ(wire.poll(sink, kStart + 1'000'000'000, 10), 0u);
  EXPECT_EQ(wire.poll(sink, kStart + 1'000'000'001, 10), 1u);
  EXPECT_EQ(wire.poll(sink, kStart + 2'999'999'999, 10), 0u);
  EXPECT_EQ(wire.poll(sink, kStart + 3'000'000'000, 10), 1u);
}

TEST_F(WirePcap, PauseHoldsTheInput) {
  record_three();
  PcapWire wire(std::move(*PcapReader::open(path_)), std::nullopt);
  Collector sink;
  wire.set_pause(true);
  EXPECT_EQ(wire.poll(sink, 0, 10), 0u);
  wire.set_pause(false);
  EXPECT_EQ(wire.poll(sink, 0, 10), 3u);
}

TEST_F(WirePcap, MissingFileAndForbiddenPathAreReported) {
  const auto missing = PcapReader::open(path_ + ".absent");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().kind, WireErrorKind::kCannotOpen);
  EXPECT_NE(missing.error().text.find(path_), std::string::npos);
  const auto nowhere = PcapWriter::open(path_ + "/no/such/folder.pcap");
  ASSERT_FALSE(nowhere.has_value());
  EXPECT_EQ(nowhere.error().kind, WireErrorKind::kCannotOpen);
}

TEST_F(WirePcap, OtherFilesAreRefusedInOneLine) {
  for (const std::string& content :
       {std::string(), std::string("x"), std::string(4096, 'z'), std::string(24, '\0')}) {
    write_file(content);
    const auto reader = PcapReader::open(path_);
    ASSERT_FALSE(reader.has_value());
    EXPECT_EQ(reader.error().kind, WireErrorKind::kBrokenFile);
    EXPECT_EQ(reader.error().text.find('\n'), std::string::npos);
  }
}

TEST_F(WirePcap, OtherLinkTypesAreRefused) {
  record_three();
  std::string bytes = read_file();
  bytes[20] = 101;  // LINKTYPE_RAW
  write_file(bytes);
  const auto reader = PcapReader::open(path_);
  ASSERT_FALSE(reader.has_value());
  EXPECT_EQ(reader.error().kind, WireErrorKind::kWrongLinkType);
  EXPECT_EQ(reader.error().text,
            "'" + path_ + "' is not a capture of Ethernet but of Raw IP (RAW)");
}

TEST_F(WirePcap, ATruncatedFileDeliversCompleteFramesAndReportsIt) {
  record_three();
  const std::string whole = read_file();
  for (std::size_t length = 24; length < whole.size(); length += 97) {
    write_file(whole.substr(0, length));
    auto reader = PcapReader::open(path_);
    ASSERT_TRUE(reader.has_value()) << length;
    unsigned frames = 0;
    while (reader->next()) ++frames;
    EXPECT_LT(frames, 3u);
    const bool at_a_boundary = length == 24 || length == 24 + 16 + 60;
    EXPECT_EQ(reader->broken().empty(), at_a_boundary) << length;
  }
}

TEST_F(WirePcap, FramesThatAMacCannotCarryAreSkippedAndCounted) {
  {
    auto writer = PcapWriter::open(path_);
    ASSERT_TRUE(writer.has_value());
    writer->write(frame_of(13), 0);
    writer->write(frame_of(9743), 0);
    writer->write(frame_of(100), 0);
  }
  auto reader = PcapReader::open(path_);
  ASSERT_TRUE(reader.has_value());
  EXPECT_EQ(reader->next()->bytes.size(), 100u);
  EXPECT_EQ(reader->skipped(), 2u);
  EXPECT_EQ(reader->left_out().undersized, 1u);
  EXPECT_FALSE(reader->next().has_value());
  EXPECT_EQ(reader->left_out().text(),
            "2 frames left out: 1 shorter than an Ethernet header, 1 longer than 9742 bytes");
}

TEST_F(WirePcap, ARecordHasTheSmallerOfItsTwoLengths) {
  write_records({{1500, 60}, {73729, 60}, {60, 60}});
  auto reader = PcapReader::open(path_);
  ASSERT_TRUE(reader.has_value());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(reader->next()->bytes.size(), 60u);
  EXPECT_FALSE(reader->next().has_value());
  EXPECT_TRUE(reader->broken().empty()) << reader->broken();
  EXPECT_EQ(reader->left_out().text(), "");
}

TEST_F(WirePcap, TruncatedRecordsAreSkippedAndReported) {
  write_records(std::vector<std::pair<std::uint32_t, std::uint32_t>>(50, {96, 1000}));
  auto reader = PcapReader::open(path_);
  ASSERT_TRUE(reader.has_value());
  EXPECT_FALSE(reader->next().has_value());
  EXPECT_EQ(reader->left_out().text(), "50 frames left out: 50 cut by the capture");
}

TEST_F(WirePcap, TheFcsThatTheLinkTypeAnnouncesIsNotPayload) {
  constexpr std::uint32_t kFourBytes = 1u | 0x0400'0000u | 2u << 28;
  // A complete record; one truncated within the FCS, which is harmless; one truncated before it;
  // only the FCS.
  write_records({{64, 64}, {62, 64}, {59, 64}, {4, 4}}, kFourBytes);
  auto reader = PcapReader::open(path_);
  ASSERT_TRUE(reader.has_value());
  EXPECT_EQ(reader->next()->bytes.size(), 60u);
  EXPECT_EQ(reader->next()->bytes.size(), 60u);
  EXPECT_FALSE(reader->next().has_value());
  EXPECT_EQ(reader->left_out().cut, 1u);
  EXPECT_EQ(reader->left_out().undersized, 1u);
}

TEST_F(WirePcap, APipeIsRefusedAsInputAndAsOutputWithoutAReader) {
  ASSERT_EQ(0, ::mkfifo(path_.c_str(), 0600));
  const auto reader = PcapReader::open(path_);
  ASSERT_FALSE(reader.has_value());
  EXPECT_EQ(reader.error().text, "'" + path_ + "' is not a regular file: copy it to one first");
  const auto writer = PcapWriter::open(path_);
  ASSERT_FALSE(writer.has_value());
  EXPECT_EQ(writer.error().text,
            "cannot open '" + path_ + "': a pipe without a reader: start the reader first");
}

TEST_F(WirePcap, ASlowReaderOfAPipeDropsWholeRecords) {
  ASSERT_EQ(0, ::mkfifo(path_.c_str(), 0600));
  const int pipe = ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  auto writer = PcapWriter::open(path_);
  ASSERT_TRUE(writer.has_value());
  const Bytes frame = frame_of(9000);
  for (int i = 0; i < 1000; ++i) writer->write(frame, 0);
  EXPECT_EQ(1000u, writer->frames() + writer->lost());
  EXPECT_NE(0u, writer->lost());
  EXPECT_EQ(writer->error(), "'" + path_ + "' is not complete: its reader is too slow");
  // Every accepted frame is written, record by record.
  std::size_t bytes = 0;
  std::vector<char> some(1 << 20);
  for (ssize_t n = 1; n > 0; (void)writer->flush(std::chrono::milliseconds(0))) {
    n = ::read(pipe, some.data(), some.size());
    if (n > 0) bytes += static_cast<std::size_t>(n);
  }
  EXPECT_EQ(24 + writer->frames() * (16 + 9000), bytes);
  ::close(pipe);
}

TEST_F(WirePcap, AnOutputThatFailsIsReportedAndCounted) {
  auto writer = PcapWriter::open("/dev/full");
  ASSERT_TRUE(writer.has_value());
  writer->write(frame_of(60), 0);
  EXPECT_FALSE(writer->flush());
  EXPECT_EQ(writer->error(), "'/dev/full' cannot be written: No space left on device");
  writer->write(frame_of(60), 0);
  EXPECT_EQ(writer->lost(), 1u);
}

TEST_F(WirePcap, AFrameWithoutRoomInTheCardWaits) {
  record_three();
  struct Picky final : FrameSink {
    bool receive(std::span<const std::byte> /*frame*/, std::uint64_t /*now*/) override {
      ++received;
      return true;
    }
    bool has_room(std::span<const std::byte> /*frame*/) override { return room; }
    bool room = false;
    unsigned received = 0;
  } sink;
  PcapWire wire(std::move(*PcapReader::open(path_)), std::nullopt);
  wire.set_hold(true);
  sink.room = true;
  EXPECT_EQ(wire.poll(sink, 0, 10), 0u);
  wire.set_hold(false);
  sink.room = false;
  EXPECT_EQ(wire.poll(sink, 0, 10), 0u);
  EXPECT_EQ(wire.played(), 0u);
  sink.room = true;
  EXPECT_EQ(wire.poll(sink, 0, 10), 3u);
  EXPECT_EQ(sink.received, 3u);
  EXPECT_EQ(wire.played(), 3u);
}

TEST_F(WirePcap, RecordingWireSeesBothDirectionsOnceEach) {
  Cable cable(2);
  {
    auto writer = PcapWriter::open(path_);
    ASSERT_TRUE(writer.has_value());
    RecordingWire wire(cable.end(0), *writer);
    EXPECT_TRUE(wire.transmit(frame_of(60), 1));
    EXPECT_TRUE(wire.transmit(frame_of(61), 2));
    EXPECT_FALSE(wire.transmit(frame_of(62), 3));  // full: not recorded
    EXPECT_TRUE(cable.end(1).transmit(frame_of(70), 4));
    Collector sink;
    EXPECT_EQ(wire.poll(sink, 5, 10), 1u);
    EXPECT_EQ(sink.frames[0], frame_of(70));
    EXPECT_TRUE(wire.link());
    wire.set_pause(true);
    EXPECT_TRUE(cable.end(1).peer_pause());
  }
  auto reader = PcapReader::open(path_);
  ASSERT_TRUE(reader.has_value());
  for (const std::size_t bytes : {60u, 61u, 70u}) EXPECT_EQ(reader->next()->bytes.size(), bytes);
  EXPECT_FALSE(reader->next().has_value());
}

}  // namespace
}  // namespace hni::device
