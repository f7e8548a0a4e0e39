// SPDX-License-Identifier: Apache-2.0
#include "device/wire/cable.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace hni::device {
namespace {

using Bytes = std::vector<std::byte>;

struct Collector final : FrameSink {
  bool receive(std::span<const std::byte> frame, std::uint64_t) override {
    frames.emplace_back(frame.begin(), frame.end());
    return true;
  }
  std::vector<Bytes> frames;
};

Bytes frame_of(std::size_t bytes, unsigned seed) {
  Bytes out(bytes);
  for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<std::byte>(i + seed);
  return out;
}

TEST(WireCable, FramesOfEveryLengthArriveInOrderAndIdentical) {
  Cable cable(16384);
  Collector sink;
  for (std::size_t bytes = 14; bytes <= kMaxFrameBytes; ++bytes) {
    ASSERT_TRUE(cable.end(0).transmit(frame_of(bytes, 3), 0));
  }
  EXPECT_EQ(cable.end(1).poll(sink, 0, 100'000), kMaxFrameBytes - 13);
  for (std::size_t i = 0; i < sink.frames.size(); ++i) {
    ASSERT_EQ(sink.frames[i], frame_of(14 + i, 3));
  }
  EXPECT_EQ(cable.end(0).poll(sink, 0, 10), 0u);
}

TEST(WireCable, FullQueueRefusesUntilThePeerPolls) {
  Cable cable(4);
  Collector sink;
  for (unsigned i = 0; i < 4; ++i) EXPECT_TRUE(cable.end(0).transmit(frame_of(60, i), 0));
  EXPECT_FALSE(cable.end(0).transmit(frame_of(60, 4), 0));
  EXPECT_EQ(cable.counters(0).refused, 1u);
  EXPECT_EQ(cable.end(1).poll(sink, 0, 1), 1u);
  EXPECT_TRUE(cable.end(0).transmit(frame_of(60, 4), 0));
  EXPECT_EQ(cable.end(1).poll(sink, 0, 100), 4u);
  EXPECT_EQ(sink.frames.back(), frame_of(60, 4));
}

TEST(WireCable, PauseStopsDeliveryAndIsSeenByThePeer) {
  Cable cable(4);
  Collector sink;
  cable.end(1).set_pause(true);
  EXPECT_TRUE(cable.end(0).peer_pause());
  EXPECT_FALSE(cable.end(1).peer_pause());
  EXPECT_TRUE(cable.end(0).transmit(frame_of(60, 0), 0));
  EXPECT_EQ(cable.end(1).poll(sink, 0, 10), 0u);
  cable.end(1).set_pause(false);
  EXPECT_EQ(cable.end(1).poll(sink, 0, 10), 1u);
}

TEST(WireCable, AnUnpluggedEndTakesBothLinksDownAndLosesFrames) {
  Cable cable(4);
  EXPECT_TRUE(cable.end(0).link());
  cable.set_plugged(1, false);
  EXPECT_FALSE(cable.end(0).link());
  EXPECT_FALSE(cable.end(1).link());
  EXPECT_TRUE(cable.end(0).transmit(frame_of(60, 0), 0));
  EXPECT_EQ(cable.counters(0).lost, 1u);
  EXPECT_EQ(cable.waiting(1), 0u);
}

TEST(WireCable, AnOverlongFrameIsDroppedNotHeld) {
  Cable cable(4);
  EXPECT_TRUE(cable.end(0).transmit(frame_of(kMaxFrameBytes + 1, 0), 0));
  EXPECT_EQ(cable.counters(0).lost, 1u);
  EXPECT_EQ(cable.waiting(1), 0u);
}

TEST(WireCable, TwoThreadsMoveEveryFrameOnce) {
  Cable cable(8);
  constexpr unsigned kFrames = 20'000;
  std::thread producer([&] {
    for (unsigned i = 0; i < kFrames;) {
      if (cable.end(0).transmit(frame_of(20 + i % 100, i), 0)) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  Collector sink;
  while (sink.frames.size() < kFrames) {
    if (cable.end(1).poll(sink, 0, 32) == 0) std::this_thread::yield();
  }
  producer.join();
  for (unsigned i = 0; i < kFrames; ++i) ASSERT_EQ(sink.frames[i], frame_of(20 + i % 100, i));
}

TEST(WireLoopback, FramesComeBackToTheirSender) {
  Loopback loop(4);
  Collector sink;
  EXPECT_TRUE(loop.transmit(frame_of(60, 9), 0));
  EXPECT_EQ(loop.poll(sink, 0, 10), 1u);
  EXPECT_EQ(sink.frames[0], frame_of(60, 9));
  EXPECT_TRUE(loop.transmit(frame_of(kMaxFrameBytes + 1, 9), 0));
  EXPECT_EQ(loop.poll(sink, 0, 10), 0u);
}

}  // namespace
}  // namespace hni::device
