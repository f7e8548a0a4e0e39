// SPDX-License-Identifier: Apache-2.0
// Two cards, a cable and two drivers in virtual time: every frame that is sent is accounted for.

#include "tools/hni/testbed.hpp"

#include <gtest/gtest.h>

#include "tools/hni/accounting.hpp"
#include "tools/hni/generator_endpoint.hpp"

namespace hni::tools {
namespace {

using namespace std::chrono_literals;

class World {
 public:
  explicit World(const TestbedOptions& options, GeneratorOptions generator = {}) {
    auto made = Testbed::create(options);
    testbed = std::move(*made);
    for (unsigned i = 0; i < 2; ++i) {
      generator.from = Node::mac_of(i);
      generator.to = Node::mac_of(i ^ 1);
      testbed->side(i).set_end(
          std::make_unique<GeneratorEndpoint>(testbed->side(i).port(), generator, options.queues));
    }
  }

  bool up() {
    return testbed->start(now).has_value() && run_until([&] { return testbed->up(); });
  }
  bool run_until(const std::function<bool()>& done, Duration limit = 20s, Duration step = 20us) {
    for (const Time end = now + limit; now < end; now += step) {
      testbed->turn(now);
      if (done()) return true;
    }
    return false;
  }
  void stop() {
    for (unsigned i = 0; i < 2; ++i) testbed->side(i).port().stop(now);
    EXPECT_TRUE(run_until([&] {
      return testbed->side(0).port().state() == PortState::kReady &&
             testbed->side(1).port().state() == PortState::kReady;
    }));
  }

  std::unique_ptr<Testbed> testbed;
  Time now{1s};
};

void expect_all_hold(const std::vector<Balance>& balances) {
  for (const Balance& b : balances) EXPECT_EQ(b.left, b.right) << b.what;
}

TEST(Testbed, EveryFrameLengthArrivesUnchangedOnEveryNumberOfQueues) {
  for (const std::uint32_t queues : {1U, 3U, 4U}) {
    TestbedOptions options;
    options.queues = queues;
    options.mtu = 9728;
    options.split_headers = queues == 3;
    GeneratorOptions generator;
    generator.longest = 9216;
    generator.limit = 9216 - 60 + 1;
    World world(options, generator);
    ASSERT_TRUE(world.up());
    Testbed& testbed = *world.testbed;
    ASSERT_TRUE(world.run_until([&] {
      return testbed.side(0).end()->finished() && testbed.side(1).end()->finished() &&
             testbed.quiet();
    }));
    for (unsigned i = 0; i < 2; ++i) {
      const EndCounters& end = testbed.side(i).end()->counters();
      EXPECT_EQ(end.written, generator.limit);
      EXPECT_EQ(end.corrupt, 0U);
      EXPECT_EQ(end.reordered, 0U);
    }
    expect_all_hold(buffer_balances(testbed));
    expect_all_hold(packet_balances(testbed));
  }
}

TEST(Testbed, EveryBufferIsFreedWhereverTrafficIsStopped) {
  for (int turns = 1; turns < 200; turns += 7) {
    TestbedOptions options;
    options.queues = 2;
    options.ring = 64;
    World world(options);
    ASSERT_TRUE(world.up());
    Testbed& testbed = *world.testbed;
    for (int i = 0; i < turns; ++i) testbed.turn(world.now += 1us);
    world.stop();
    for (unsigned i = 0; i < 2; ++i) {
      const CardPort& port = testbed.side(i).port();
      EXPECT_EQ(port.pool().free_pages(), port.pool().page_count()) << "after turn " << turns;
      EXPECT_TRUE(port.is_valid());
      for (std::uint16_t q = 0; q < 2; ++q) {
        const TxCounters& tx = port.pair(QueueId{q}).tx.counters();
        EXPECT_EQ(tx.packets, tx.completed_packets + tx.reclaimed_packets + tx.invalid_packets);
      }
    }
  }
}

TEST(Testbed, AnUnpluggedCableIsADropWithAReason) {
  World world(TestbedOptions{});
  ASSERT_TRUE(world.up());
  Testbed& testbed = *world.testbed;
  testbed.cable().set_plugged(0, false);
  ASSERT_TRUE(world.run_until([&] { return !testbed.side(0).port().link_up(); }));
  for (unsigned i = 0; i < 2; ++i) testbed.side(i).end()->stop_reading();
  ASSERT_TRUE(world.run_until([&] { return testbed.quiet(); }));
  expect_all_hold(packet_balances(testbed));
  testbed.cable().set_plugged(0, true);
  EXPECT_TRUE(world.run_until([&] { return testbed.up(); }));
}

TEST(Testbed, AnInjectedFaultIsRefusedOnceAndTrafficContinues) {
  for (const Site site : {Site::kRcdHeaderLength, Site::kTcdHead}) {
    const std::uint32_t value = site == Site::kTcdHead ? 0xffff : 0;
    World world(TestbedOptions{});
    ASSERT_TRUE(world.up());
    Testbed& testbed = *world.testbed;
    CardPort& port = testbed.side(1).port();
    const auto received = [&] { return port.pair(QueueId{0}).rx.counters().packets; };
    ASSERT_TRUE(world.run_until([&] { return received() > 1000; }));
    testbed.side(1).inject(site, value);
    ASSERT_TRUE(world.run_until([&] { return port.recoveries().queue_resets == 1; }));
    ASSERT_TRUE(world.run_until([&, before = received()] { return received() > before + 1000; }));
    for (unsigned i = 0; i < 2; ++i) testbed.side(i).end()->stop_reading();
    ASSERT_TRUE(world.run_until([&] { return testbed.quiet(); }));
    expect_all_hold(buffer_balances(testbed));
    world.stop();
    EXPECT_EQ(port.refused()[static_cast<std::size_t>(site)], 1U);
    EXPECT_EQ(port.recoveries().queue_resets, 1U);
    expect_all_hold(packet_balances(testbed));
  }
}

TEST(Testbed, AFailedPortIsStartedAgainEverMoreRarely) {
  World world(TestbedOptions{});
  ASSERT_TRUE(world.up());
  Testbed& testbed = *world.testbed;
  std::vector<std::string> said;
  for (unsigned i = 0; i < 2; ++i)
    testbed.side(i).retry([&](const std::string& line) { said.push_back(line); });
  CardPort& port = testbed.side(1).port();
  // Every firmware response is unreadable, so each reset fails, and finally the port fails.
  testbed.side(1).inject(Site::kMailboxLow, 0, 1'000'000);
  ASSERT_TRUE(world.run_until([&] { return said.size() == 3; }, 300s, 10ms));
  EXPECT_NE(said[0].find("; starting it again in 1 s"), std::string::npos) << said[0];
  EXPECT_TRUE(said[0].starts_with("hni1: failed: ")) << said[0];
  EXPECT_NE(said[2].find("; starting it again in 4 s"), std::string::npos) << said[2];
  EXPECT_EQ(testbed.side(1).restarts(), 2U);
  EXPECT_EQ(testbed.side(0).restarts(), 0U);
  EXPECT_EQ(testbed.broken(), std::nullopt);
  testbed.side(1).inject(Site::kMailboxLow, 0, 0);
  ASSERT_TRUE(world.run_until([&] { return testbed.up(); }, 60s, 10ms));
  EXPECT_EQ(testbed.side(1).restarts(), 3U);
  const std::uint64_t before = port.pair(QueueId{0}).rx.counters().packets;
  ASSERT_TRUE(world.run_until(
      [&] { return port.pair(QueueId{0}).rx.counters().packets > before + 1000; }));
  for (unsigned i = 0; i < 2; ++i) testbed.side(i).end()->stop_reading();
  ASSERT_TRUE(world.run_until([&] { return testbed.quiet(); }));
  world.stop();
  expect_all_hold(packet_balances(testbed));
}

TEST(Testbed, BadRingSizeIsANamedError) {
  TestbedOptions options;
  options.ring = 100;
  World world(options);
  const auto started = world.testbed->start(world.now);
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().text, "hni0: ring size must be a power of two from 64 to 65536");
}

TEST(Testbed, CaptureThatCannotBeWrittenIsNamed) {
  TestbedOptions options;
  options.pcap = "/nowhere/x.pcap";
  const auto testbed = Testbed::create(options);
  ASSERT_FALSE(testbed.has_value());
  EXPECT_NE(testbed.error().text.find("/nowhere/x.pcap"), std::string::npos);
}

}  // namespace
}  // namespace hni::tools
