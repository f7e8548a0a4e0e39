// SPDX-License-Identifier: Apache-2.0
// A cable between two processes; in this test both ends are in one process.
#include "device/wire/socket_cable.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <vector>

namespace hni::device {
namespace {

class Frames final : public FrameSink {
 public:
  bool receive(std::span<const std::byte> frame, std::uint64_t) override {
    got.emplace_back(frame.begin(), frame.end());
    return true;
  }
  std::vector<std::vector<std::byte>> got;
};

class WireSocketCable : public testing::Test {
 protected:
  std::unique_ptr<SocketCable> end() {
    auto made = SocketCable::open(path_);
    EXPECT_TRUE(made.has_value()) << made.error().text;
    return std::move(*made);
  }
  static std::vector<std::byte> frame(std::size_t bytes, int fill) {
    return std::vector<std::byte>(bytes, static_cast<std::byte>(fill));
  }
  unsigned poll(SocketCable& cable, unsigned budget = 64) {
    return cable.poll(sink_, now_ += 1'000'000'000, budget);
  }

  std::string path_ = testing::TempDir() + "hni-cable-" + std::to_string(::getpid());
  Frames sink_;
  std::uint64_t now_ = 0;
};

TEST_F(WireSocketCable, CarriesFramesOfEveryLengthBothWays) {
  auto a = end();
  auto b = end();
  EXPECT_EQ(0u, poll(*a));
  ASSERT_TRUE(a->link());
  ASSERT_TRUE(b->link());
  for (const std::size_t bytes : {std::size_t{14}, std::size_t{60}, kMaxFrameBytes}) {
    EXPECT_TRUE(a->transmit(frame(bytes, 1), 0));
    EXPECT_TRUE(b->transmit(frame(bytes, 2), 0));
  }
  EXPECT_EQ(3u, poll(*b));
  EXPECT_EQ(3u, poll(*a));
  ASSERT_EQ(6u, sink_.got.size());
  EXPECT_EQ(frame(kMaxFrameBytes, 1), sink_.got[2]);
  EXPECT_EQ(frame(14, 2), sink_.got[3]);
}

TEST_F(WireSocketCable, WithoutAPeerTheLinkIsDownAndFramesAreLost) {
  auto a = end();
  EXPECT_FALSE(a->link());
  EXPECT_TRUE(a->transmit(frame(60, 1), 0));
  EXPECT_EQ(1u, a->counters().lost);
}

TEST_F(WireSocketCable, PauseHoldsFramesBackAndIsSentToThePeer) {
  auto a = end();
  auto b = end();
  (void)poll(*a);
  b->set_pause(true);
  (void)poll(*a);
  EXPECT_TRUE(a->peer_pause());
  EXPECT_TRUE(a->transmit(frame(60, 1), 0));
  EXPECT_EQ(0u, poll(*b));
  b->set_pause(false);
  EXPECT_EQ(1u, poll(*b));
  (void)poll(*a);
  EXPECT_FALSE(a->peer_pause());
}

TEST_F(WireSocketCable, APeerThatDoesNotReadCausesBackPressure) {
  auto a = end();
  auto b = end();
  (void)poll(*a);
  std::uint64_t taken = 0;
  while (taken < 100'000 && a->transmit(frame(9000, 1), 0)) ++taken;
  EXPECT_LT(taken, 100'000u);
  std::uint64_t got = 0;
  while (const unsigned n = poll(*b)) got += n;
  EXPECT_EQ(taken, got);
  EXPECT_TRUE(a->transmit(frame(9000, 1), 0));
}

TEST_F(WireSocketCable, EitherEndMayDisconnectAndReconnect) {
  auto a = end();
  auto b = end();
  (void)poll(*a);
  b.reset();
  (void)poll(*a);
  EXPECT_FALSE(a->link());
  b = end();
  (void)poll(*a);
  ASSERT_TRUE(a->link());
  a.reset();  // the listening end: the other one takes over
  (void)poll(*b);
  EXPECT_FALSE(b->link());
  a = end();
  (void)poll(*b);
  ASSERT_TRUE(b->link());
  EXPECT_TRUE(a->transmit(frame(60, 7), 0));
  EXPECT_EQ(1u, poll(*b));
  EXPECT_EQ(3u, b->counters().peers + a->counters().peers);
  a.reset();
  b.reset();
  EXPECT_NE(0, ::access(path_.c_str(), F_OK));
}

TEST_F(WireSocketCable, InvalidFramesAreCountedAndDropped) {
  auto a = end();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "%s", path_.c_str());
  const int peer = ::socket(AF_UNIX, SOCK_SEQPACKET, 0);
  ASSERT_EQ(0, ::connect(peer, reinterpret_cast<const sockaddr*>(&address), sizeof address));
  const std::vector<std::byte> junk = frame(20000, 0);
  for (const std::size_t bytes :
       {std::size_t{1}, std::size_t{14}, kMaxFrameBytes + 2, junk.size()}) {
    ASSERT_EQ(static_cast<ssize_t>(bytes), ::send(peer, junk.data(), bytes, 0));
  }
  const std::vector<std::byte> unknown = frame(60, 9);
  ASSERT_EQ(60, ::send(peer, unknown.data(), 60, 0));
  EXPECT_EQ(0u, poll(*a));
  EXPECT_EQ(5u, a->counters().unusable);
  EXPECT_EQ(0u, sink_.got.size());
  ::close(peer);
}

TEST_F(WireSocketCable, APathThatIsNotASocketIsNotTouched) {
  std::FILE* file = std::fopen(path_.c_str(), "w");
  ASSERT_NE(nullptr, file);
  std::fclose(file);
  EXPECT_FALSE(SocketCable::open(path_).has_value());
  EXPECT_EQ(0, ::access(path_.c_str(), F_OK));
  ::unlink(path_.c_str());
  EXPECT_FALSE(SocketCable::open(std::string(108, 'x')).has_value());
}

TEST_F(WireSocketCable, TheSocketIsPrivateForAnyUmask) {
  for (const mode_t mask : {0u, 0777u}) {
    const mode_t before = ::umask(mask);
    const auto cable = SocketCable::open(path_);
    const mode_t after = ::umask(before);
    ASSERT_TRUE(cable.has_value());
    struct stat about {};
    ASSERT_EQ(0, ::stat(path_.c_str(), &about));
    EXPECT_EQ(0600u, about.st_mode & 07777);
    EXPECT_EQ(mask, after);
  }
}

}  // namespace
}  // namespace hni::device
