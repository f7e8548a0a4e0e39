// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A receive filter on a fake device, and accessors for the card's classifier tables.

#include <gtest/gtest.h>

#include <vector>

#include "driver/filter/rx_filter.hpp"
#include "tests/support/fake_device.hpp"

namespace hni::test {

inline constexpr MacAddress kHost{0x02, 0x11, 0x22, 0x33, 0x44, 0x55};

inline MacAddress unicast(std::uint8_t n) {
  return {0x02, 0, 0, 0, 1, n};
}
inline MacAddress group(std::uint8_t n) {
  return {0x01, 0, 0x5e, 0, 0, n};
}

inline std::vector<MacAddress> macs(std::uint8_t count, MacAddress (*make)(std::uint8_t)) {
  std::vector<MacAddress> list;
  for (std::uint8_t n = 0; n < count; ++n) list.push_back(make(n));
  return list;
}

// Word indices of [device 14].
constexpr std::uint32_t act(std::uint32_t word, std::uint32_t n) {
  return 0x8880 + 0x40 * word + n;
}
constexpr std::uint32_t macda(std::uint32_t word, std::uint32_t n) {
  return 0x8b80 + 0x20 * word + n;
}

class RxFilterFixture : public ::testing::Test {
 protected:
  RxFilterFixture() { EXPECT_TRUE(filter_.set_mac(kHost)); }

  std::uint32_t at(std::uint32_t index) { return fake_.device.peek(bar0(index)); }
  bool live(std::uint32_t n) { return at(act(11, n)) == 0x80000000; }
  bool mac_live(std::uint32_t n) { return at(macda(3, n)) == 0x80000000; }
  MacAddress mac_at(std::uint32_t n) {
    MacAddress mac;
    for (std::uint32_t w = 0; w < 3; ++w) {
      mac[4 - 2 * w] = static_cast<std::uint8_t>(at(macda(w, n)) >> 8);
      mac[5 - 2 * w] = static_cast<std::uint8_t>(at(macda(w, n)));
    }
    return mac;
  }
  void expect_card_holds_the_shadow() {
    const ClassifierTables& t = filter_.shadow();
    EXPECT_TRUE(t.is_valid());
    for (std::uint32_t n = 0; n < kActionEntries; ++n) {
      EXPECT_EQ(live(n), t.action[n].used) << n;
      if (t.action[n].used) {
        EXPECT_EQ(at(0x8800 + n), t.action[n].action.raw);
        EXPECT_EQ(at(0x8840 + n), t.action[n].hash.raw);
      }
    }
    for (std::uint32_t n = 0; n < kMacEntries; ++n) {
      EXPECT_EQ(mac_live(n), t.mac[n].used()) << n;
      EXPECT_EQ(mac_at(n), t.mac[n].value) << n;
    }
  }

  CheckedFakeDevice fake_;
  RxFilter<FakeDevice> filter_{fake_.io};
};

}  // namespace hni::test
