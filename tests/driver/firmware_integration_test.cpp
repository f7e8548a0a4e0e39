// SPDX-License-Identifier: Apache-2.0
// The driver's firmware client talking to the firmware of the emulated card; both were written
// independently from the same reference.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "device/firmware.hpp"
#include "device/wire/cable.hpp"
#include "driver/firmware/firmware_client.hpp"
#include "driver/io/in_process_card.hpp"

namespace hni {
namespace {

using namespace std::chrono_literals;
using Bytes = std::vector<std::byte>;

struct Integration : testing::Test {
  device::FirmwareConfig firmware_config;
  device::CardConfig card_config;
  device::Cable cable;  // nothing is connected to its other end
  std::unique_ptr<io::InProcessCard> card;
  NullObserver obs;
  std::unique_ptr<CheckedIo<io::InProcess>> device;
  std::unique_ptr<FirmwareClient<io::InProcess>> fw;
  std::array<LogRecord, 64> storage{};
  FirmwareLog log{storage};
  Time now{1s};

  void build() {
    card_config.firmware = &firmware_config;
    card = std::make_unique<io::InProcessCard>(card_config, cable.end(0));
    device = std::make_unique<CheckedIo<io::InProcess>>(card->io, obs);
    fw = std::make_unique<FirmwareClient<io::InProcess>>(*device);
    fw->set_log(&log);
  }
  device::Firmware& model() { return card->card.firmware(); }
  void tick() {
    card->card.tick(static_cast<std::uint64_t>(now.count()));
    card->vectors.take([&](Vector vector) {
      if (raw(vector) == 0) fw->interrupt(now);
    });
    fw->step(now);
    ASSERT_TRUE(fw->is_valid());
  }
  void advance(Duration by) {
    for (const Time end = now + by; now < end;) {
      now += 10ms;
      tick();
    }
  }
  void bring_up() {
    build();
    ASSERT_TRUE(fw->allocate());
    ASSERT_TRUE(fw->start(now));
    advance(100ms);
    ASSERT_TRUE(fw->ready());
  }
  void own() {
    bring_up();
    ASSERT_TRUE(fw->take_ownership(true, now));
    advance(50ms);
    ASSERT_TRUE(fw->owned());
  }
  template <class Poll>
  auto wait_for(Poll poll) {
    for (int i = 0; i < 3000; ++i) {
      if (auto outcome = poll()) return outcome;
      advance(10ms);
    }
    return poll();
  }
  /// Checks that no access of the driver violated the card's protocol rules.
  void expect_clean() {
    EXPECT_EQ(card->dma.refused(), 0u);
    const device::CardEvents& events = card->card.events();
    EXPECT_EQ(events.unknown_register, 0u);
    EXPECT_EQ(events.read_only_write, 0u);
    EXPECT_EQ(events.partly_modelled, 0u);
    for (const std::uint64_t count : events.protocol) EXPECT_EQ(count, 0u);
    for (const std::uint64_t count : events.illegal_action) EXPECT_EQ(count, 0u);
    EXPECT_EQ(model().counters().malformed, 0u);
    EXPECT_EQ(model().counters().unknown_messages, 0u);
    EXPECT_EQ(fw->counters().refused, 0u);
    EXPECT_EQ(fw->counters().unsolicited, 0u);
  }
};

TEST_F(Integration, BothSidesAgreeOnTheCapabilities) {
  firmware_config.active_slot = 3;
  firmware_config.anti_rollback_version = 77;
  firmware_config.link_speed = 2;
  firmware_config.link_fec = 3;
  firmware_config.bmc_present = true;
  firmware_config.bmc_macs = {{0x02, 1, 2, 3, 4, 5}, {0x02, 1, 2, 3, 4, 6}};
  own();
  const Capabilities& caps = fw->capabilities();
  EXPECT_EQ(caps.running.version, firmware_config.running.version);
  EXPECT_EQ(caps.running.commit.view(), firmware_config.running.commit);
  EXPECT_EQ(caps.boot_stored.commit.view(), firmware_config.stored_bootloader.commit);
  EXPECT_EQ(caps.option_rom.version, firmware_config.uefi.version);
  EXPECT_EQ(caps.active_slot, 3);
  EXPECT_EQ(caps.anti_rollback, 77u);
  EXPECT_EQ(static_cast<unsigned>(caps.link_speed), 2u);
  EXPECT_EQ(static_cast<unsigned>(caps.link_fec), 3u);
  ASSERT_EQ(caps.bmc_mac_count, 2);
  EXPECT_EQ(caps.bmc_macs[1][5], 6);
  EXPECT_TRUE(model().owned());
  expect_clean();
}

TEST_F(Integration, HeartbeatRunsForAnHour) {
  own();
  advance(3600s);
  EXPECT_TRUE(fw->owned());
  EXPECT_EQ(fw->counters().heartbeats, 361u);
  EXPECT_EQ(model().counters().heartbeats, 361u);
  expect_clean();
}

TEST_F(Integration, SensorsSelfTestAndModulePages) {
  own();
  model().set_temperature(-4'500);
  model().set_voltage(801);
  ASSERT_TRUE(fw->request_sensors(now));
  ASSERT_TRUE(fw->request_self_test(now));
  std::array<std::uint8_t, 128> image;
  for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<std::uint8_t>(i ^ 0x5a);
  ASSERT_TRUE(model().set_qsfp(3, 128, image));
  ASSERT_TRUE(fw->request_module_page({0, 3, 128, 128}, now));
  const auto sensors = wait_for([&] { return fw->poll_sensors(); });
  ASSERT_TRUE(sensors && sensors->has_value());
  EXPECT_EQ((*sensors)->temperature_mdeg, -4'500);
  EXPECT_EQ((*sensors)->voltage_mv, 801);
  EXPECT_TRUE(wait_for([&] { return fw->poll_self_test(); })->has_value());
  std::array<std::byte, 128> page;
  ASSERT_TRUE(wait_for([&] { return fw->poll_module_page(page); })->has_value());
  EXPECT_TRUE(std::ranges::equal(page, std::as_bytes(std::span(image))));
  model().remove_qsfp();
  ASSERT_TRUE(fw->request_module_page({0, 3, 128, 128}, now));
  const auto gone = wait_for([&] { return fw->poll_module_page(page); });
  EXPECT_EQ(gone->error().code, ErrorCode::kFirmwareRefused);
  EXPECT_EQ(static_cast<FirmwareFault>(gone->error().detail), FirmwareFault::kNoDevice);
  expect_clean();
}

TEST_F(Integration, LogsArriveWithTheirHistory) {
  build();
  for (int i = 0; i < 20; ++i) {
    std::string text = "early ";
    text += std::to_string(i);
    model().log(text, static_cast<std::uint64_t>(now.count()));
  }
  ASSERT_TRUE(fw->allocate());
  ASSERT_TRUE(fw->start(now));
  advance(200ms);
  ASSERT_TRUE(fw->ready());
  EXPECT_GE(log.size(), 20u);
  model().log("late", static_cast<std::uint64_t>(now.count()));
  advance(50ms);
  EXPECT_EQ(log.at(log.size() - 1).text.view(), "late");
  for (std::size_t i = 1; i < log.size(); ++i) EXPECT_EQ(log.at(i).index, log.at(i - 1).index + 1);
  expect_clean();
}

TEST_F(Integration, CoreDumpArrivesByteForByte) {
  firmware_config.core_dump_bytes = 10'000;
  own();
  ASSERT_TRUE(fw->request_core_dump_info(true, now));
  const auto info = wait_for([&] { return fw->poll_core_dump_info(); });
  ASSERT_TRUE(info && info->has_value());
  EXPECT_EQ(**info, 10'000u);
  Bytes to(**info);
  ASSERT_TRUE(fw->request_core_dump(to, now));
  ASSERT_TRUE(wait_for([&] { return fw->poll_core_dump(); })->has_value());
  EXPECT_TRUE(std::ranges::equal(to, model().core_dump()));
  expect_clean();
}

TEST_F(Integration, FlashedImageArrivesByteForByte) {
  for (const std::uint32_t chunk : {1u, 100u, 2048u, 3584u}) {
    firmware_config.flash_chunk_bytes = chunk;
    own();
    Bytes image(chunk == 1 ? 300 : 20'001);
    for (std::size_t i = 0; i < image.size(); ++i) image[i] = static_cast<std::byte>(i * 31 & 255);
    ASSERT_TRUE(fw->request_flash(FlashSection::kBoot2, image, now));
    const auto outcome = wait_for([&] { return fw->poll_flash(); });
    ASSERT_TRUE(outcome && outcome->has_value());
    EXPECT_TRUE(std::ranges::equal(model().flash_section(1), image));
    expect_clean();
  }
}

TEST_F(Integration, FlashErrorOfTheFirmwareIsMapped) {
  own();
  model().faults().flash_error = -5;
  Bytes image(5'000);
  ASSERT_TRUE(fw->request_flash(FlashSection::kOptionRom, image, now));
  const auto outcome = wait_for([&] { return fw->poll_flash(); });
  ASSERT_TRUE(outcome && !outcome->has_value());
  EXPECT_EQ(static_cast<FirmwareFault>(outcome->error().detail), FirmwareFault::kInputOutput);
}

TEST_F(Integration, MacSyncReachesTheFirmware) {
  firmware_config.bmc_present = true;
  firmware_config.bmc_macs = {{0x02, 1, 2, 3, 4, 5}};
  own();
  const std::array<MacAddress, 2> unicast = {{{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}}};
  const std::array<MacAddress, 1> multicast = {{{1, 0, 0x5e, 0, 0, 1}}};
  ASSERT_TRUE(fw->send_mac_sync({unicast, multicast, MacSync::kBroadcast}, now));
  advance(20ms);
  const device::MacSyncRequest& seen = model().mac_sync();
  EXPECT_EQ(seen.rx_flags, MacSync::kBroadcast);
  ASSERT_EQ(seen.unicast_count, 2u);
  ASSERT_EQ(seen.multicast_count, 1u);
  EXPECT_EQ(seen.unicast[1], unicast[1]);
  EXPECT_EQ(seen.multicast[0], multicast[0]);
  expect_clean();
}

TEST_F(Integration, AnnouncedCapabilitiesAreRequestedAndApplied) {
  own();
  advance(11s);
  model().config().bmc_present = true;
  model().config().bmc_macs = {{0x02, 1, 2, 3, 4, 5}};
  model().announce_capabilities(static_cast<std::uint64_t>(now.count()));
  advance(50ms);
  EXPECT_TRUE(fw->capabilities().bmc_present);
  EXPECT_EQ(fw->capabilities().generation, 2u);
  EXPECT_EQ(fw->counters().capability_hints, 1u);
}

TEST_F(Integration, SilentFirmwareIsACrashAndRecovers) {
  own();
  model().faults().silent = true;
  advance(21s);
  ASSERT_TRUE(fw->crashed());
  model().faults().silent = false;
  for (int attempt = 0; attempt < 3 && !fw->owned(); ++attempt) {
    if (fw->crashed() || fw->failed()) {
      ASSERT_TRUE(fw->recover(now));
    }
    advance(10100ms);
  }
  EXPECT_TRUE(fw->owned());
}

TEST_F(Integration, RebootedFirmwareIsACrashAndRecovers) {
  own();
  advance(25s);
  model().reboot(static_cast<std::uint64_t>(now.count()));
  advance(21s);
  ASSERT_TRUE(fw->crashed());
  for (int attempt = 0; attempt < 3 && !fw->owned(); ++attempt) {
    if (fw->crashed() || fw->failed()) {
      ASSERT_TRUE(fw->recover(now));
    }
    advance(10100ms);
  }
  EXPECT_TRUE(fw->owned());
  advance(60s);
  EXPECT_TRUE(fw->owned());
}

TEST_F(Integration, DecreasingUptimeIsACrash) {
  own();
  model().faults().backwards_uptime = true;
  advance(21s);
  EXPECT_TRUE(fw->crashed());
  EXPECT_EQ(fw->crash_cause(), CrashCause::kUptimeBack);
}

TEST_F(Integration, FirmwareThatNeverInterruptsIsPolled) {
  build();
  ASSERT_TRUE(fw->allocate());
  ASSERT_TRUE(fw->start(now));
  advance(100ms);
  ASSERT_TRUE(fw->ready());
  model().faults().no_interrupts = true;
  ASSERT_TRUE(fw->take_ownership(true, now));
  advance(60s);
  EXPECT_TRUE(fw->owned());
}

TEST_F(Integration, FailedRequestsDuringBringUpAreRepeated) {
  build();
  model().faults().fail_requests = 5;
  ASSERT_TRUE(fw->allocate());
  ASSERT_TRUE(fw->start(now));
  advance(500ms);
  EXPECT_TRUE(fw->ready());
}

TEST_F(Integration, StopDrainsWithTheVectorMaskedAndLeavesDmaDisabled) {
  own();
  fw->stop(now);
  advance(50ms);
  EXPECT_TRUE(fw->down());
  EXPECT_FALSE(model().owned());
  EXPECT_FALSE(model().logs_enabled());
  fw->release();
  expect_clean();
}

TEST_F(Integration, TwentyLifecyclesOnOneCard) {
  build();
  ASSERT_TRUE(fw->allocate());
  for (int life = 0; life < 20; ++life) {
    ASSERT_TRUE(fw->start(now));
    advance(100ms);
    ASSERT_TRUE(fw->take_ownership(true, now));
    advance(100ms);
    ASSERT_TRUE(fw->owned());
    fw->stop(now);
    advance(100ms);
    ASSERT_TRUE(fw->down());
    if (life % 5 == 4) card->card.reset(device::ResetKind::kFunctionLevel);
  }
  expect_clean();
}

// Messages of random bytes with headers that pass the first checks. None may change the driver's
// state, and the conversation continues.
TEST_F(Integration, RandomMessagesChangeNothing) {
  own();
  std::mt19937 random(7);
  const auto known = spec::kFwMessages;
  for (int i = 0; i < 3'000; ++i) {
    Bytes message(4 + random() % 60);
    for (std::byte& byte : message) byte = static_cast<std::byte>(random() & 0xff);
    const auto type = static_cast<unsigned>(known[random() % known.size()].id);
    message[0] = static_cast<std::byte>(type & 0xff);
    message[1] = std::byte{0x80};
    message[2] = static_cast<std::byte>(message.size() / 4);
    message[3] = std::byte{0};
    for (std::size_t at = 4; at + 4 <= message.size(); at += 8) {
      message[at] = static_cast<std::byte>(random() % 7);
      message[at + 1] = std::byte{0};
      message[at + 2] = static_cast<std::byte>(random() % 16);
      message[at + 3] = std::byte{0};
    }
    (void)model().send_raw(message, static_cast<std::uint64_t>(now.count()));
    if (i % 8 == 0) advance(10ms);
  }
  advance(15s);
  EXPECT_TRUE(fw->owned());
  EXPECT_FALSE(fw->poll_sensors());
  EXPECT_FALSE(fw->poll_flash());
  EXPECT_EQ(fw->capabilities().running.version, firmware_config.running.version);
  EXPECT_GT(fw->counters().refused, 500u);
  EXPECT_EQ(card->dma.refused(), 0u);
}

}  // namespace
}  // namespace hni
