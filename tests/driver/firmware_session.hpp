// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A conversation in virtual time between the driver's FirmwareClient and FakeFirmware.

#include <gtest/gtest.h>

#include "driver/firmware/firmware_client.hpp"
#include "tests/support/fake_firmware.hpp"

namespace hni::test {

using namespace std::chrono_literals;

struct FirmwareSession : testing::Test {
  FakeFirmware io;
  NullObserver obs;
  CheckedIo<FakeFirmware> device{io, obs};
  FirmwareClient<FakeFirmware> fw{device};
  Time now{};

  /// Runs one step: first the firmware, then the host, by interrupt if the vector is unmasked.
  void tick() {
    io.run();
    if (io.interrupt_pending()) {
      io.masked = true;  // delivery masks the vector [device 3.2]
      fw.interrupt(now);
    }
    fw.step(now);
    ASSERT_TRUE(fw.is_valid());
  }
  void advance(Duration by) {
    const Time end = now + by;
    while (now < end) {
      now += std::min<Duration>(10ms, end - now);
      io.uptime_ms += 10;
      tick();
    }
  }
  void bring_up() {
    ASSERT_TRUE(fw.allocate());
    ASSERT_TRUE(fw.start(now));
    advance(100ms);
    ASSERT_TRUE(fw.ready());
  }
  void own() {
    bring_up();
    ASSERT_TRUE(fw.take_ownership(true, now));
    advance(50ms);
    ASSERT_TRUE(fw.owned());
  }
  /// Advances for at most 30 s until `poll` returns a result.
  template <class Poll>
  auto wait_for(Poll poll) {
    for (int i = 0; i < 3000; ++i) {
      if (auto outcome = poll()) return outcome;
      advance(10ms);
    }
    return poll();
  }
  std::uint64_t refused(Site site) const {
    return device.refused()[static_cast<std::size_t>(site)];
  }
};

/// A session that has reached the ready state.
struct FirmwareRequests : FirmwareSession {
  void SetUp() override { bring_up(); }

  /// Responds to requests of `type` with `message`.
  void answer(std::uint32_t type, Bytes message) {
    io.script = [this, type, message = std::move(message)](std::uint32_t got, const Bytes&) {
      if (got != type) return false;
      io.send(message);
      return true;
    };
  }
  /// Leaves requests of `type` unanswered.
  void ignore(std::uint32_t type) {
    io.script = [type](std::uint32_t got, const Bytes&) { return got == type; };
  }
};

/// Returns the mapped error code of a request that the firmware refused.
template <class T>
FirmwareFault fault_in(const Result<T>& result) {
  EXPECT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, ErrorCode::kFirmwareRefused);
  return static_cast<FirmwareFault>(result.error().detail);
}

}  // namespace hni::test
