// SPDX-License-Identifier: Apache-2.0
// The firmware's response to each message. The exact words are from [device 6.1, 6.2].
#include "device/firmware.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "device/firmware_storage.hpp"
#include "tests/device/firmware_rig.hpp"

namespace hni::device {
namespace {

namespace fw = spec::fw;
using spec::FwMessage;
using test::attribute;
using test::is;
using test::text_of;
using test::Words;
using Rig = test::FirmwareRig;

TEST(DeviceFirmwareMessages, LanesFollowSpeedAndFecCodes) {
  struct Case {
    std::uint32_t speed, fec, in0, in1;
  };
  for (const Case& c :
       {Case{1, 1, 0x203, 0}, Case{1, 3, 0x203, 0x0f000000}, Case{1, 9, 0x203, 0xf},
        Case{2, 2, 0, 0xf}, Case{3, 1, 0x60000, 0xf}, Case{4, 1, 0x60040, 0xf}}) {
    FirmwareConfig config;
    config.link_speed = c.speed;
    config.link_fec = c.fec;
    const Rig rig(config);
    EXPECT_EQ(rig.host.pcs, (std::array<std::uint32_t, 2>{c.in0, c.in1})) << c.speed << c.fec;
  }
}

TEST(DeviceFirmwareMessages, HandshakeAnswersTheCapabilityRequest) {
  Rig rig;
  rig.up();
  const unsigned slot = rig.host.send_words({0x00018010});
  EXPECT_EQ(slot, 0u);
  EXPECT_EQ(rig.host.descriptor(1, 0) & 7, 3u);  // HOST_CMPL and FW_CMPL, no FW_ERR
  const std::vector<std::byte> answer = rig.host.receive();
  EXPECT_TRUE(is(answer, FwMessage::FW_CAP_RESP));
  EXPECT_EQ(attribute(answer, fw::FW_CAP_RESP::VERSION).unsigned_or(0), 0x19071902u);
  EXPECT_EQ(attribute(answer, fw::FW_CAP_RESP::FW_LINK_SPEED).unsigned_or(0), 4u);
  EXPECT_EQ(attribute(answer, fw::FW_CAP_RESP::FW_LINK_FEC).unsigned_or(0), 2u);
  EXPECT_FALSE(attribute(answer, fw::FW_CAP_RESP::BMC_PRESENT).present);
  EXPECT_EQ(text_of(attribute(answer, fw::FW_CAP_RESP::VERSION_COMMIT_STR)),
            std::string("openhni-control\0", 16));
}

TEST(DeviceFirmwareMessages, OwnershipAndHeartbeatHaveTheWireFormOfTheReference) {
  Rig rig;
  rig.up();
  rig.host.now_ns = 5'000'000'000'000;  // 5000 s
  rig.host.send_words({0x00028012, 0x00040000});
  EXPECT_TRUE(rig.firmware.owned());
  EXPECT_EQ(rig.host.receive_words(), (Words{0x00048013, 0x000c0001, 5'000'000, 0}));
  rig.host.now_ns = 5'000'001'000'000;
  rig.host.send_words({0x00018014});
  EXPECT_EQ(rig.host.receive_words(), (Words{0x00048015, 0x000c0000, 5'000'001, 0}));
  rig.host.send_words({0x00018012});
  EXPECT_FALSE(rig.firmware.owned());
  EXPECT_EQ(rig.firmware.counters().heartbeats, 1u);
}

TEST(DeviceFirmwareMessages, TestMessageIsEchoedVerbatim) {
  Rig rig;
  rig.up();
  const Words message{0x00058000, 0x00080002, 0xdeadbeef, 0x00064006, 0x00001122};
  rig.host.send(std::as_bytes(std::span{message}));
  EXPECT_EQ(rig.host.receive_words(), message);
}

TEST(DeviceFirmwareMessages, BmcCapabilitiesCarryUpToFourAddresses) {
  FirmwareConfig config;
  config.bmc_present = true;
  config.bmc_all_multi = true;
  for (std::uint8_t i = 0; i < 6; ++i) config.bmc_macs.push_back({2, 0, 0, 0, 0, i});
  Rig rig(config);
  rig.up();
  rig.host.send_words({0x00018010});
  const auto answer = rig.host.receive();
  EXPECT_TRUE(attribute(answer, fw::FW_CAP_RESP::BMC_PRESENT).present);
  EXPECT_EQ(attribute(answer, fw::FW_CAP_RESP::BMC_ALL_MULTI).unsigned_or(0), 1u);
  std::array<std::span<const std::byte>, 8> macs;
  const auto array = attribute(answer, fw::FW_CAP_RESP::BMC_MAC_ARRAY).bytes;
  EXPECT_EQ(array.size(), 4u * 12);
  ASSERT_EQ(parse_tlv_array(array, fw::FW_CAP_RESP::BMC_MAC_ADDR, 6, macs), 4u);
  EXPECT_EQ(macs[3][5], std::byte{3});
}

TEST(DeviceFirmwareMessages, SensorsReadWhatWasSet) {
  Rig rig;
  rig.up();
  rig.firmware.set_temperature(-12'345);
  rig.firmware.set_voltage(801);
  rig.host.send_words({0x0001803c});
  auto answer = rig.host.receive();
  EXPECT_EQ(attribute(answer, fw::TSENE_READ_RESP::THERM).signed_or(0), -12'345);
  EXPECT_EQ(attribute(answer, fw::TSENE_READ_RESP::VOLT).signed_or(0), 801);
  rig.firmware.faults().sensor_error = -5;
  rig.host.send_words({0x0001803c});
  answer = rig.host.receive();
  EXPECT_EQ(attribute(answer, fw::TSENE_READ_RESP::ERROR).signed_or(0), -5);
  EXPECT_FALSE(attribute(answer, fw::TSENE_READ_RESP::THERM).present);
}

TEST(DeviceFirmwareMessages, ReadingOutsideItsRangeIsAnnouncedOnRequest) {
  FirmwareConfig config;
  config.threshold_messages = true;
  Rig rig(config);
  rig.up();
  rig.firmware.set_temperature(95'000);
  rig.firmware.tick(1);
  EXPECT_TRUE(rig.host.receive().empty());
  rig.firmware.set_temperature(95'001);
  rig.firmware.tick(2);
  const auto message = rig.host.receive();
  EXPECT_TRUE(is(message, FwMessage::SENSOR_THRESHOLD_EXCEEDED_RESP));
  namespace attr = fw::SENSOR_THRESHOLD_EXCEEDED_RESP;
  EXPECT_TRUE(attribute(message, attr::THERM_EXCEEDED).present);
  EXPECT_FALSE(attribute(message, attr::VOLT_EXCEEDED).present);
  EXPECT_EQ(attribute(message, attr::THERM).signed_or(0), 95'001);
}

TEST(DeviceFirmwareMessages, LaneModeNeedsOwnership) {
  Rig rig;
  rig.up();
  const auto set_mode = [&] {
    rig.host.send_words({0x0005803e, 0x00080000, 0, 0x00080004, 1});
    return attribute(rig.host.receive(), fw::COMPHY_SET_MODE_RESP::ERROR).present;
  };
  EXPECT_TRUE(set_mode());
  rig.host.send_words({0x00028012, 0x00040000});
  rig.host.receive();
  EXPECT_FALSE(set_mode());
  EXPECT_EQ(rig.host.pcs[0], 0x203u);  // one NRZ lane: 25G
}

TEST(DeviceFirmwareMessages, QsfpReadEchoesItsFourFieldsAlsoInErrors) {
  Rig rig;
  rig.up();
  const auto read = [&](std::uint32_t bank, std::uint32_t page, std::uint32_t offset,
                        std::uint32_t length) {
    rig.host.send_words(
        {0x00098038, 0x00080000, bank, 0x00080001, page, 0x00080002, offset, 0x00080003, length});
    auto answer = rig.host.receive();
    EXPECT_EQ(attribute(answer, fw::QSFP_READ_RESP::BANK).unsigned_or(99), bank);
    EXPECT_EQ(attribute(answer, fw::QSFP_READ_RESP::PAGE).unsigned_or(99), page);
    EXPECT_EQ(attribute(answer, fw::QSFP_READ_RESP::OFFSET).unsigned_or(99), offset);
    EXPECT_EQ(attribute(answer, fw::QSFP_READ_RESP::LENGTH).unsigned_or(99), length);
    return answer;
  };
  const auto name = read(0, 0, 148, 16);
  EXPECT_EQ(text_of(attribute(name, fw::QSFP_READ_RESP::DATA)), "openhni         ");
  EXPECT_EQ(attribute(read(0, 0, 0, 1), fw::QSFP_READ_RESP::DATA).unsigned_or(0), 0x11u);
  EXPECT_EQ(attribute(read(0, 3, 128, 1), fw::QSFP_READ_RESP::ERROR).signed_or(0), kErrNoDevice);
  EXPECT_EQ(attribute(read(1, 0, 0, 1), fw::QSFP_READ_RESP::ERROR).signed_or(0), kErrNoDevice);
  EXPECT_EQ(attribute(read(0, 0, 200, 128), fw::QSFP_READ_RESP::ERROR).signed_or(0), kErrInvalid);
  EXPECT_EQ(attribute(read(0, 0, 0, 0xffffffff), fw::QSFP_READ_RESP::ERROR).signed_or(0),
            kErrInvalid);
  const std::array<std::uint8_t, 2> image{0xab, 0xcd};
  ASSERT_TRUE(rig.firmware.set_qsfp(3, 130, image));
  EXPECT_EQ(attribute(read(0, 3, 130, 2), fw::QSFP_READ_RESP::DATA).unsigned_or(0), 0xcdabu);
  rig.firmware.remove_qsfp();
  EXPECT_EQ(attribute(read(0, 0, 0, 1), fw::QSFP_READ_RESP::ERROR).signed_or(0), kErrNoDevice);
}

TEST(DeviceFirmwareMessages, DefaultModuleHasRightChecksums) {
  std::array<std::byte, 128> lower{}, upper{};
  fill_default_module(lower, upper);
  const auto sum = [&](std::size_t from, std::size_t to) {
    unsigned total = 0;
    for (std::size_t i = from; i < to; ++i) total += std::to_integer<unsigned>(upper[i - 128]);
    return total & 0xff;
  };
  EXPECT_EQ(sum(128, 191), std::to_integer<unsigned>(upper[191 - 128]));
  EXPECT_EQ(sum(192, 223), std::to_integer<unsigned>(upper[223 - 128]));
}

TEST(DeviceFirmwareMessages, CoreDumpReadsInStridesOfTlvMaxData) {
  Rig rig;
  rig.up();
  rig.host.send_words({0x00028018, 0x00040000});
  const auto info = rig.host.receive();
  EXPECT_TRUE(attribute(info, fw::COREDUMP_GET_INFO_RESP::AVAILABLE).present);
  ASSERT_EQ(attribute(info, fw::COREDUMP_GET_INFO_RESP::SIZE).unsigned_or(0), 8192u);
  std::vector<std::byte> dump;
  for (const auto& [offset, length] : {std::pair{0u, 3584u}, {3584u, 3584u}, {7168u, 1024u}}) {
    if (offset == 0) {
      rig.host.send_words({0x00038020, 0x00080001, length});  // OFFSET is omitted when 0
    } else {
      rig.host.send_words({0x00058020, 0x00080000, offset, 0x00080001, length});
    }
    const auto answer = rig.host.receive();
    EXPECT_EQ(attribute(answer, fw::COREDUMP_READ_RESP::OFFSET).unsigned_or(9), offset);
    const auto data = attribute(answer, fw::COREDUMP_READ_RESP::DATA).bytes;
    dump.insert(dump.end(), data.begin(), data.end());
  }
  const auto stored = rig.firmware.core_dump();
  EXPECT_TRUE(std::equal(dump.begin(), dump.end(), stored.begin(), stored.end()));
  rig.host.send_words({0x00058020, 0x00080000, 8192, 0x00080001, 1});
  EXPECT_EQ(attribute(rig.host.receive(), fw::COREDUMP_READ_RESP::ERROR).signed_or(0),
            kErrInvalid);
}

std::vector<std::byte> chunk_answer(std::uint32_t offset, std::span<const std::byte> data) {
  std::vector<std::byte> buffer(4096);
  TlvWriter out(buffer, FwMessage::FW_WRITE_CHUNK_RESP);
  out.u32(fw::FW_WRITE_CHUNK_RESP::OFFSET, offset)
      .u32(fw::FW_WRITE_CHUNK_RESP::LENGTH, static_cast<std::uint32_t>(data.size()));
  out.binary(fw::FW_WRITE_CHUNK_RESP::DATA, data);
  const auto message = out.finish();
  return {message.begin(), message.end()};
}

TEST(DeviceFirmwareMessages, FlashStoresTheImageChunkByChunk) {
  Rig rig;
  rig.up();
  std::vector<std::byte> image(5000);
  for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<std::byte>(i * 7);
  rig.host.send_words({0x00058022, 0x00080001, 1, 0x00080002, 5000});
  EXPECT_EQ(rig.host.receive_words(), (Words{0x00018023}));
  unsigned chunks = 0;
  while (true) {
    const auto message = rig.host.receive();
    if (!is(message, FwMessage::FW_WRITE_CHUNK_REQ)) {
      EXPECT_TRUE(is(message, FwMessage::FW_CAP_RESP));
      break;
    }
    const auto offset = attribute(message, fw::FW_WRITE_CHUNK_RESP::OFFSET).unsigned_or(0);
    const auto length = attribute(message, fw::FW_WRITE_CHUNK_RESP::LENGTH).unsigned_or(0);
    EXPECT_EQ(offset, chunks * 2048u);
    EXPECT_EQ(length, std::min<std::uint64_t>(2048, 5000 - offset));
    ++chunks;
    rig.host.send(chunk_answer(static_cast<std::uint32_t>(offset),
                               std::span{image}.subspan(offset, length)));
  }
  EXPECT_EQ(chunks, 3u);
  EXPECT_EQ(rig.host.receive_words(), (Words{0x00018028}));
  const auto section = rig.firmware.flash_section(1);
  EXPECT_TRUE(std::equal(image.begin(), image.end(), section.begin(), section.end()));
  EXPECT_TRUE(rig.firmware.flash_section(0).empty());
  EXPECT_TRUE(rig.firmware.flash_section(99).empty());
}

TEST(DeviceFirmwareMessages, FlashRefusesWrongSectionSizeAndChunks) {
  Rig rig;
  rig.up();
  rig.host.send_words({0x00058022, 0x00080001, 5, 0x00080002, 100});
  EXPECT_EQ(attribute(rig.host.receive(), fw::FW_START_UPGRADE_RESP::ERROR).signed_or(0),
            kErrInvalid);
  rig.host.send_words({0x00058022, 0x00080001, 1, 0x00080002, 0xffffffff});
  EXPECT_EQ(attribute(rig.host.receive(), fw::FW_START_UPGRADE_RESP::ERROR).signed_or(0),
            kErrTooLarge);
  EXPECT_TRUE(rig.host.receive().empty());

  const std::array<std::byte, 100> data{};
  rig.host.send(chunk_answer(0, data));  // unsolicited
  EXPECT_EQ(attribute(rig.host.receive(), fw::FW_START_UPGRADE_RESP::ERROR).signed_or(0),
            kErrInvalid);
  rig.host.send_words({0x00058022, 0x00080001, 1, 0x00080002, 100});
  rig.host.receive();  // start
  rig.host.receive();  // chunk request
  rig.host.send(chunk_answer(4, data));
  EXPECT_EQ(attribute(rig.host.receive(), fw::FW_START_UPGRADE_RESP::ERROR).signed_or(0),
            kErrInvalid);
  rig.host.send_words({0x00058022, 0x00080001, 1, 0x00080002, 100});
  rig.host.receive();
  rig.host.receive();
  rig.host.send_words({0x00038025, 0x00080003, 0xffffff83});  // cancelled with -125
  EXPECT_EQ(attribute(rig.host.receive(), fw::FW_START_UPGRADE_RESP::ERROR).signed_or(0), -125);
  EXPECT_TRUE(rig.firmware.flash_section(1).empty());
}

TEST(DeviceFirmwareMessages, EepromOfTheMockReadsBackWhatWasWritten) {
  Rig rig;
  rig.up();
  rig.host.send_words({0x0007802c, 0x00080000, 284, 0x00080001, 4, 0x00080004, 0x11223344});
  EXPECT_FALSE(attribute(rig.host.receive(), fw::EEPROM_READ_RESP::ERROR).present);
  rig.host.send_words({0x0005802a, 0x00080000, 284, 0x00080001, 4});
  EXPECT_EQ(attribute(rig.host.receive(), fw::EEPROM_READ_RESP::DATA).unsigned_or(0), 0x11223344u);
  rig.host.send_words({0x0005802a, 0x00080000, 285, 0x00080001, 4});
  EXPECT_EQ(attribute(rig.host.receive(), fw::EEPROM_READ_RESP::ERROR).signed_or(0), kErrOverflow);
  rig.host.send_words({0x0005802a, 0x00080000, 288, 0x00080001, 4});
  EXPECT_EQ(attribute(rig.host.receive(), fw::EEPROM_READ_RESP::ERROR).signed_or(0), kErrInvalid);
}

TEST(DeviceFirmwareMessages, LogsAreSentOnlyWhenEnabled) {
  Rig rig;
  rig.up();
  rig.firmware.log("before", 1'000'000);
  EXPECT_TRUE(rig.host.receive().empty());
  rig.host.send_words({0x00048043, 0x00040000, 0x00080001, 1});  // enable, no history
  EXPECT_TRUE(rig.firmware.logs_enabled());
  EXPECT_TRUE(rig.host.receive().empty());
  rig.firmware.log("after", 7'000'000);
  const auto message = rig.host.receive();
  EXPECT_EQ(attribute(message, fw::LOG_MSG_REQ::MSEC).unsigned_or(0), 7u);
  EXPECT_EQ(attribute(message, fw::LOG_MSG_REQ::INDEX).unsigned_or(0),
            2u);  // after the log records "firmware started" and "before"
  EXPECT_EQ(text_of(attribute(message, fw::LOG_MSG_REQ::MSG)), std::string("after\0", 6));
  EXPECT_FALSE(attribute(message, fw::LOG_MSG_REQ::LENGTH).present);
  rig.host.send_words({0x00018043});
  rig.firmware.log("late", 8'000'000);
  EXPECT_TRUE(rig.host.receive().empty());
}

TEST(DeviceFirmwareMessages, LogHistoryComesOldestFirstInMessagesOfFourteen) {
  Rig rig;
  rig.up();
  const std::string longest(255, 'x');
  for (unsigned i = 0; i < 30; ++i) rig.firmware.log(longest, 0);
  rig.host.send_words({0x00058043, 0x00040000, 0x00080001, 1, 0x00040002});
  std::uint64_t next = 0;
  for (const std::uint64_t extra : {13u, 13u, 2u}) {
    const auto message = rig.host.receive();
    ASSERT_LE(message.size(), 4096u);
    EXPECT_EQ(attribute(message, fw::LOG_MSG_REQ::INDEX).unsigned_or(99), next++);
    EXPECT_EQ(attribute(message, fw::LOG_MSG_REQ::LENGTH).unsigned_or(99), extra);
    std::array<std::span<const std::byte>, 16> found;
    const auto indices = attribute(message, fw::LOG_MSG_REQ::INDEX_ARRAY).bytes;
    EXPECT_EQ(parse_tlv_array(indices, fw::LOG_MSG_REQ::INDEX, 8, found), extra);
    const auto texts = attribute(message, fw::LOG_MSG_REQ::MSG_ARRAY).bytes;
    EXPECT_EQ(parse_tlv_array(texts, fw::LOG_MSG_REQ::MSG, 256, found), extra);
    next += extra;
  }
  EXPECT_EQ(next, 31u);  // the first record is the firmware's own
  EXPECT_TRUE(rig.host.receive().empty());
}

TEST(DeviceFirmwareMessages, LogRingOverwritesTheOldest) {
  FirmwareConfig config;
  config.log_records = 4;
  Rig rig(config);
  rig.up();
  for (unsigned i = 0; i < 10; ++i) rig.firmware.log("x", 0);
  rig.host.send_words({0x00058043, 0x00040000, 0x00080001, 1, 0x00040002});
  const auto message = rig.host.receive();
  EXPECT_EQ(attribute(message, fw::LOG_MSG_REQ::INDEX).unsigned_or(0), 7u);
  EXPECT_EQ(attribute(message, fw::LOG_MSG_REQ::LENGTH).unsigned_or(0), 3u);
}

TEST(DeviceFirmwareMessages, MacSyncIsStored) {
  Rig rig;
  rig.up();
  // UC_ARRAY with one address, RX_FLAGS broadcast
  rig.host.send_words({0x00078046, 0x00100001, 0x000a0003, 0x33221102, 0x00005544, 0x00080000, 4});
  const MacSyncRequest& sync = rig.firmware.mac_sync();
  EXPECT_EQ(sync.rx_flags, 4u);
  EXPECT_EQ(sync.unicast_count, 1u);
  EXPECT_EQ(sync.multicast_count, 0u);
  EXPECT_EQ(sync.unicast[0], (MacBytes{0x02, 0x11, 0x22, 0x33, 0x44, 0x55}));
  EXPECT_TRUE(rig.host.receive().empty());
}

}  // namespace
}  // namespace hni::device
