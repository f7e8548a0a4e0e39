// SPDX-License-Identifier: Apache-2.0
// Two ports under random injected faults in virtual time: whatever the card or its firmware
// answers, each port runs again after the last fault, and every frame is accounted for.
//
// HNI_FAULT_SEED and HNI_FAULT_SECONDS (virtual) run one other seed for longer.

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <string>

#include "device/firmware.hpp"
#include "tools/hni/accounting.hpp"
#include "tools/hni/generator_endpoint.hpp"
#include "tools/hni/testbed.hpp"

namespace hni::tools {
namespace {

using namespace std::chrono_literals;

class FaultWorld {
 public:
  FaultWorld() {
    TestbedOptions options;
    options.ring = 256;
    testbed = std::move(*Testbed::create(options));
    GeneratorOptions generator;
    generator.packets_per_second = 2000;
    for (unsigned i = 0; i < 2; ++i) {
      generator.from = Node::mac_of(i);
      generator.to = Node::mac_of(i ^ 1);
      testbed->side(i).set_end(
          std::make_unique<GeneratorEndpoint>(testbed->side(i).port(), generator, 1));
      testbed->side(i).retry([](const std::string&) {});
    }
  }

  /// Turns until `done` or for `limit`. Idle time is skipped, as the event loop sleeps then.
  template <class Done>
  bool run_until(Done done, Duration limit) {
    const Time end = now + limit;
    while (now < end) {
      const bool busy = testbed->turn(now);
      if (done()) return true;
      const Time due = busy ? now + 20us : std::max(testbed->deadline(), now + 20us);
      now = std::min(due, std::min(now + 10ms, end));
    }
    return false;
  }
  void run_for(Duration time) {
    run_until([] { return false; }, time);
  }

  /// Requires that both ports run and deliver frames again, and that each equation of the balance
  /// holds.
  void expect_recovery() {
    ASSERT_FALSE(testbed->broken().has_value()) << *testbed->broken();
    // Longer than the longest pause between two resets plus the firmware's patience.
    ASSERT_TRUE(run_until([&] { return testbed->up(); }, 60s));
    std::array<std::uint64_t, 2> before{};
    for (unsigned i = 0; i < 2; ++i) before[i] = testbed->side(i).end()->counters().written;
    ASSERT_TRUE(run_until(
        [&] {
          return testbed->side(0).end()->counters().written > before[0] + 100 &&
                 testbed->side(1).end()->counters().written > before[1] + 100;
        },
        10s));
  }
  void expect_balance() {
    for (unsigned i = 0; i < 2; ++i) testbed->side(i).end()->stop_reading();
    (void)run_until([&] { return testbed->quiet(); }, 2s);
    for (unsigned i = 0; i < 2; ++i) testbed->side(i).look_everywhere();
    ASSERT_TRUE(run_until([&] { return testbed->quiet(); }, 5s));
    for (const Balance& b : buffer_balances(*testbed)) EXPECT_EQ(b.left, b.right) << b.what;
    for (unsigned i = 0; i < 2; ++i) testbed->side(i).stop(now);
    ASSERT_TRUE(run_until([&] { return stopped(0) && stopped(1); }, 15s));
    for (const Balance& b : packet_balances(*testbed)) EXPECT_EQ(b.left, b.right) << b.what;
    for (unsigned i = 0; i < 2; ++i) {
      const CardPort& port = testbed->side(i).port();
      EXPECT_EQ(port.pool().page_count(), port.pool().free_pages()) << testbed->side(i).name();
      EXPECT_TRUE(port.is_valid());
    }
  }
  bool stopped(unsigned i) const {
    const PortState state = testbed->side(i).port().state();
    return state == PortState::kReady || state == PortState::kFailed;
  }

  std::unique_ptr<Testbed> testbed;
  Time now{1s};
};

/// Not injected: counters (no frame depends on them), what is only shown, and the removal.
bool is_left_out(Site site, std::uint32_t value) {
  switch (site) {
    case Site::kPresence:
    case Site::kCounter32:
    case Site::kCounter64High:
    case Site::kCounter64Low:
    case Site::kFecCounter:
    case Site::kDump:
      return true;
    case Site::kMailboxLow:
      return value == 0xffffffff;
    default:
      return false;
  }
}

constexpr std::array<std::uint32_t, 14> kValues = {
    0,      1,      2,      0x7f,    0xff,       0x100,      0xfff,
    0x1000, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff};

TEST(FaultWorld, PortsRecoverFromRandomFaultsAndEveryFrameIsAccountedFor) {
  const char* seed_text = std::getenv("HNI_FAULT_SEED");
  const char* seconds_text = std::getenv("HNI_FAULT_SECONDS");
  const unsigned first = seed_text != nullptr ? static_cast<unsigned>(std::stoul(seed_text)) : 1;
  const unsigned last = seed_text != nullptr ? first : 2;
  const Duration length =
      std::chrono::seconds(seconds_text != nullptr ? std::stol(seconds_text) : 20);
  for (unsigned seed = first; seed <= last; ++seed) {
    FaultWorld world;
    ASSERT_TRUE(world.testbed->start(world.now).has_value());
    ASSERT_TRUE(world.run_until([&] { return world.testbed->up(); }, 20s));
    std::mt19937 rng(seed);
    std::string log;
    const auto draw = [&](std::uint32_t n) { return static_cast<std::uint32_t>(rng() % n); };
    for (const Time end = world.now + length; world.now < end;) {
      world.run_for(200ms);
      const unsigned side = draw(2);
      const Site site = kSites[draw(kSites.size())].id;
      const std::uint32_t value =
          draw(2) == 0 ? kValues[draw(kValues.size())] : static_cast<std::uint32_t>(rng());
      constexpr std::array<std::uint32_t, 5> kCounts = {1, 1, 2, 10, 300};
      const std::uint32_t count = kCounts[draw(kCounts.size())];
      if (is_left_out(site, value)) continue;
      log = "seed " + std::to_string(seed) + ", last fault: " + std::to_string(side) + " " +
            std::string(kSites[static_cast<std::size_t>(site)].name) + " " +
            std::to_string(value) + " x " + std::to_string(count);
      world.testbed->side(side).inject(site, value, count);
      ASSERT_FALSE(world.testbed->broken().has_value()) << *world.testbed->broken() << "; " << log;
    }
    for (unsigned i = 0; i < 2; ++i) world.testbed->side(i).inject(Site::kRcqWord, 0, 0);
    SCOPED_TRACE(log);
    world.expect_recovery();
    if (!testing::Test::HasFailure()) world.expect_balance();
    if (testing::Test::HasFailure()) return;
  }
}

TEST(FaultWorld, APortThatFailsWhileItStopsStaysFailed) {
  FaultWorld world;
  ASSERT_TRUE(world.testbed->start(world.now).has_value());
  ASSERT_TRUE(world.run_until([&] { return world.testbed->up(); }, 20s));
  Node& node = world.testbed->side(1);
  // Version 0 is too old. The driver reads the version when the reset of the card brings it up.
  node.inject(Site::kFwVersion, 0, 1000);
  node.card().firmware().reboot(static_cast<std::uint64_t>(world.now.count()));
  ASSERT_TRUE(world.run_until([&] { return node.port().state() == PortState::kFailed; }, 60s));
  EXPECT_EQ(node.port().error().code, ErrorCode::kFirmwareTooOld);
  world.expect_balance();
  world.run_for(120s);
  EXPECT_EQ(node.port().state(), PortState::kFailed);
  EXPECT_EQ(node.restarts(), 0U);
}

TEST(FaultWorld, EachSiteAnsweringWronglyForLongIsRecoveredFrom) {
  for (const SiteInfo& site : kSites) {
    for (const std::uint32_t value : {1U, 0xffffffffU}) {
      if (is_left_out(site.id, value)) continue;
      SCOPED_TRACE(std::string(site.name) + " " + std::to_string(value));
      FaultWorld world;
      ASSERT_TRUE(world.testbed->start(world.now).has_value());
      ASSERT_TRUE(world.run_until([&] { return world.testbed->up(); }, 20s));
      world.testbed->side(1).inject(site.id, value, 300);
      world.run_for(1s);
      world.testbed->side(1).inject(Site::kRcqWord, 0, 0);
      world.expect_recovery();
      if (!testing::Test::HasFailure()) world.expect_balance();
      if (testing::Test::HasFailure()) return;
    }
  }
}

}  // namespace
}  // namespace hni::tools
