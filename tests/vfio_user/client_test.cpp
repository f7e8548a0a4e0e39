// SPDX-License-Identifier: Apache-2.0
// Our driver in this process and our card in another one, connected by a socket.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>

#include "device/wire/cable.hpp"
#include "driver/io/vfio_user.hpp"
#include "driver/port.hpp"
#include "vfio_user/server.hpp"

namespace hni {
namespace {

using SocketPort = Port<io::VfioUser>;
constexpr std::uint32_t kBurst = 32;

Time now() {
  return std::chrono::duration_cast<Time>(std::chrono::steady_clock::now().time_since_epoch());
}

/// A process with a card whose wire loops every frame back.
class CardProcess {
 public:
  explicit CardProcess(const std::string& path) : pid_(::fork()) {
    if (pid_ == 0) serve(path);
    for (int look = 0; look < 1000 && ::access(path.c_str(), F_OK) != 0; ++look)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  ~CardProcess() { kill(); }
  void kill() {
    if (pid_ == 0) return;
    (void)::kill(pid_, SIGKILL);
    (void)::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  [[noreturn]] static void serve(const std::string& path) {
    device::Loopback wire;
    auto server = device::vfio_user::Server::create(path, {}, wire, [](const std::string&) {});
    if (!server) ::_exit(1);
    device::vfio_user::Server& s = **server;
    for (;;) {
      const auto t = static_cast<std::uint64_t>(now().count());
      bool busy = s.serve(t, 64);
      s.card().tick(t);
      busy = s.card().run(256) || busy;
      busy = wire.poll(s.card(), t, 64) != 0 || busy;
      pollfd wait[2] = {{s.listener(), POLLIN, 0}, {s.client(), POLLIN, 0}};
      if (::poll(wait, 2, busy ? 0 : 1) > 0 && (wait[0].revents & POLLIN) != 0) s.accept_client();
    }
  }

  pid_t pid_;
};

class VfioUserClient : public testing::Test {
 protected:
  VfioUserClient()
      : path_(testing::TempDir() + "hni-client-" + std::to_string(::getpid())), card_(path_) {}
  ~VfioUserClient() override { ::unlink(path_.c_str()); }

  std::unique_ptr<io::VfioUser> connect() {
    auto made = io::VfioUser::connect(path_);
    EXPECT_TRUE(made.has_value()) << made.error();
    return made ? std::move(*made) : nullptr;
  }
  template <class Done>
  static bool turn_until(io::VfioUser& io, SocketPort& port, Done&& done) {
    for (const Time end = now() + std::chrono::seconds(60); now() < end;) {
      (void)io.take_interrupts([&](Vector vector) { port.interrupt(vector, now()); });
      if (now() >= port.deadline()) port.step(now());
      if (done()) return true;
    }
    return false;
  }

  std::string path_;
  CardProcess card_;
};

bool make(SocketPort& port, Packet& packet, std::uint32_t number) {
  const std::uint32_t bytes = 60 + number % 1455;
  if (!port.allocate(packet, bytes)) return false;
  std::byte* const at = port.data(packet.segments[0]);
  std::memset(at, static_cast<int>(number), bytes);
  const std::uint8_t header[14] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2,
                                   0,    0,    0,    0,    1,    0x88, 0xb5};
  std::memcpy(at, header, sizeof header);
  std::memcpy(at + 14, &number, sizeof number);
  return true;
}

bool is(SocketPort& port, const Packet& packet, std::uint32_t number) {
  Packet wanted;
  if (packet.length != 60 + number % 1455 || packet.segment_count != 1) return false;
  if (!make(port, wanted, number)) return false;
  const bool same = std::memcmp(port.data(packet.segments[0]), port.data(wanted.segments[0]),
                                packet.length) == 0;
  port.release(wanted);
  return same;
}

TEST_F(VfioUserClient, ReadsTheCardsAddressAndRegisters) {
  const auto io = connect();
  ASSERT_TRUE(io);
  EXPECT_EQ((MacAddress{2, 0, 0, 0, 0, 1}), io->mac());
  EXPECT_EQ(130u, io->vectors());
  const RegAddr mailbox{Bar::kBar4, 0x18000};
  io->write32(mailbox, 0x12345678);
  EXPECT_EQ(0x12345678u, io->read32(Site{}, mailbox));
}

TEST_F(VfioUserClient, ReadsTheLimitsThatTheHostSetsForTheCard) {
  const auto io = connect();
  ASSERT_TRUE(io);
  EXPECT_EQ(256u, io->pcie().max_payload);
  EXPECT_EQ(512u, io->pcie().max_read_request);
  EXPECT_TRUE(io->pcie().relaxed_ordering);
}

TEST(PciFunction, ACyclicCapabilityListEnds) {
  unsigned reads = 0;
  const auto limits =
      io::pcie_limits([&](std::uint32_t at) -> tl::expected<std::uint32_t, std::string> {
        ++reads;
        // power management capability whose next pointer refers to itself
        return at == 0x34 ? 0x40u : 0x4001u;
      });
  ASSERT_TRUE(limits);
  EXPECT_EQ(256u, limits->max_payload);
  EXPECT_FALSE(limits->relaxed_ordering);
  EXPECT_EQ(49u, reads);
}

TEST(PciFunction, ACapabilityAtTheEndOfTheSpaceIsNotRead) {
  const auto limits =
      io::pcie_limits([&](std::uint32_t at) -> tl::expected<std::uint32_t, std::string> {
        EXPECT_LE(at, 0xfcu);
        return at == 0x34 ? 0xfcu : 0x10u;
      });
  ASSERT_TRUE(limits);
  EXPECT_EQ(512u, limits->max_read_request);
}

TEST_F(VfioUserClient, FramesReturnUnchangedThroughTheOtherProcess) {
  const auto io = connect();
  ASSERT_TRUE(io);
  SocketPort port(*io);
  PortConfig config;
  config.mac = io->mac();
  ASSERT_TRUE(port.attach(config, now()));
  port.start(now());
  ASSERT_TRUE(turn_until(*io, port,
                         [&] { return port.state() == PortState::kRunning && port.link_up(); }));
  constexpr std::uint32_t kFrames = 5000;
  std::uint32_t sent = 0;
  std::uint32_t received = 0;
  std::uint32_t wrong = 0;
  ASSERT_TRUE(turn_until(*io, port, [&] {
    std::array<Packet, kBurst> packets;
    std::uint32_t ready = 0;
    while (ready < kBurst && sent + ready < kFrames && sent + ready < received + 200 &&
           make(port, packets[ready], sent + ready)) {
      ++ready;
    }
    const std::uint32_t taken = port.tx_burst(QueueId{0}, std::span(packets).first(ready), now());
    sent += taken;
    while (ready > taken) port.release(packets[--ready]);
    const std::uint32_t got = port.rx_burst(QueueId{0}, packets, now());
    for (std::uint32_t i = 0; i < got; ++i) {
      if (!is(port, packets[i], received++)) ++wrong;
      port.release(packets[i]);
    }
    return received == kFrames;
  }));
  EXPECT_EQ(kFrames, sent);
  EXPECT_EQ(0u, wrong);
  EXPECT_TRUE(port.is_valid());
  port.detach(now());
  EXPECT_TRUE(turn_until(*io, port, [&] { return port.state() == PortState::kDetached; }));
  EXPECT_FALSE(io->gone());
}

TEST_F(VfioUserClient, ACardWhoseProcessDiesIsReportedAsRemoved) {
  const auto io = connect();
  ASSERT_TRUE(io);
  SocketPort port(*io);
  PortConfig config;
  config.mac = io->mac();
  ASSERT_TRUE(port.attach(config, now()));
  port.start(now());
  ASSERT_TRUE(turn_until(*io, port, [&] { return port.state() == PortState::kRunning; }));
  card_.kill();
  EXPECT_TRUE(turn_until(*io, port, [&] { return port.state() == PortState::kGone; }));
  EXPECT_TRUE(io->gone());
  EXPECT_EQ(~0u, io->read32(Site{}, {Bar::kBar0, 0x3106c}));
  port.detach(now());
  EXPECT_EQ(PortState::kDetached, port.state());
}

TEST_F(VfioUserClient, TheNextDriverFindsTheCardReset) {
  {
    const auto io = connect();
    ASSERT_TRUE(io);
    SocketPort port(*io);
    PortConfig config;
    config.mac = io->mac();
    ASSERT_TRUE(port.attach(config, now()));
    port.start(now());
    ASSERT_TRUE(turn_until(*io, port, [&] { return port.state() == PortState::kRunning; }));
  }
  std::unique_ptr<io::VfioUser> io;
  for (int look = 0; look < 1000 && !io; ++look) {
    auto made = io::VfioUser::connect(path_);
    if (made) io = std::move(*made);
  }
  ASSERT_TRUE(io);
  EXPECT_EQ(0u, io->read32(Site{}, spec::QUEUE_RCQ_CTL::at(0)));
}

TEST_F(VfioUserClient, WithoutAListenerTheErrorNamesTheCause) {
  const auto made = io::VfioUser::connect(path_ + "-nobody");
  ASSERT_FALSE(made.has_value());
  EXPECT_NE(std::string::npos, made.error().find("No such file"));
}

}  // namespace
}  // namespace hni
