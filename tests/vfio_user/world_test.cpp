// SPDX-License-Identifier: Apache-2.0
// A session with simulated socket failures: every system call of a connection may be short, fail,
// or be the moment at which the peer dies. Each step of the session is tested as that moment once.
#include <functional>
#include <map>

#include "tests/vfio_user/vfio_user_fixture.hpp"

namespace hni::device::vfio_user {
namespace {

/// Real sockets with an interposed simulation.
class World final : public SocketCalls {
 public:
  ssize_t receive(int fd, msghdr* message) override {
    if (const auto failed = step()) return *failed;
    message->msg_iov[0].iov_len = std::min(message->msg_iov[0].iov_len, most_received);
    return SocketCalls::receive(fd, message);
  }
  ssize_t send(int fd, const msghdr* message) override {
    if (const auto failed = step()) return *failed;
    msghdr less = *message;
    iovec part{};
    // Transfers only the first bytes, if the limit is lower than the length.
    for (std::size_t i = 0; i < less.msg_iovlen && most_sent != ~std::size_t{0}; ++i) {
      if (less.msg_iov[i].iov_len == 0) continue;
      part = {less.msg_iov[i].iov_base, std::min(less.msg_iov[i].iov_len, most_sent)};
      less.msg_iov = &part;
      less.msg_iovlen = 1;
    }
    return SocketCalls::send(fd, &less);
  }

  std::size_t most_received = ~std::size_t{0};
  std::size_t most_sent = ~std::size_t{0};
  unsigned refuse_every = 0;  ///< every so many calls return EAGAIN
  unsigned fail_at = 0;       ///< this call fails with `error`
  int error = 0;
  unsigned kill_at = 0;  ///< before this call, counted from 1
  std::function<void()> kill;
  unsigned steps = 0;

 private:
  std::optional<ssize_t> step() {
    ++steps;
    if (steps == kill_at) kill();
    if (steps == fail_at || (refuse_every != 0 && steps % refuse_every == 0)) {
      errno = steps == fail_at ? error : EAGAIN;
      return -1;
    }
    return std::nullopt;
  }
};

int open_files() {
  int count = 0;
  for (int fd = 0; fd < 256; ++fd) count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  return count;
}

class VfioUserWorld : public VfioUserTest {
 protected:
  VfioUserWorld() {
    server_.reset();
    auto made = Server::create(
        path_, CardConfig{}, wire_, [this](const std::string& line) { reports_.push_back(line); },
        world_);
    EXPECT_TRUE(made.has_value());
    server_ = std::move(*made);
    world_.kill = [this] { client_.reset(); };
  }

  /// Runs all parties until none has made progress for a while; EAGAIN alone does not count as
  /// idle.
  void serve_all() {
    for (int idle = 0, turns = 0; idle < 60 && turns < 400 && server_->client() >= 0; ++turns) {
      const unsigned before = world_.steps;
      const bool more = server_->serve(now_, 4);
      idle = more || server_->wants_write() || (world_.steps - before) > 2 ? 0 : idle + 10;
    }
  }
  /// Sends one message, runs the server and reads the reply. Returns false if there is no client.
  bool say(Command command, const Bytes& payload, const std::vector<int>& fds = {}) {
    if (!client_) return false;
    put(message(command, payload), fds);
    serve_all();
    std::array<char, 8192> drained;
    while (client_ && ::recv(client_.get(), drained.data(), drained.size(), MSG_DONTWAIT) > 0)
      received_ += 1;
    return server_->client() >= 0;
  }

  /// A driver's session: memory, interrupts, bus mastering, registers, one long message.
  void session() {
    client_ = connect();
    const OwnedFd memory = memory_file(64 << 10);
    const OwnedFd event = event_file();
    const SetIrqs irqs{20, SetIrqs::kDataEventFd | SetIrqs::kTrigger, kMsixIrq, 0, 1};
    Bytes many = join(std::uint64_t{40});
    for (int i = 0; i < 40; ++i) many = many + join(MultiWrite{0x10, 0, 4, {}});
    (void)(say(Command::kVersion, kVersion01) && say(Command::kGetInfo, join(DeviceInfo{})) &&
           say(Command::kDmaMap, join(DmaMap{32, 3, 0, 0x10000, 64 << 10}), {memory.get()}) &&
           say(Command::kSetIrqs, join(irqs), {event.get()}) &&
           say(Command::kRegionWrite, join(RegionAccess{4, kConfigRegion, 4}, 6u)) &&
           say(Command::kRegionRead, join(RegionAccess{0, kConfigRegion, 4096})) &&
           say(Command::kRegionWriteMulti, many) &&
           say(Command::kDmaUnmap, join(DmaUnmap{24, 0, 0x10000, 64 << 10})) &&
           say(Command::kReset, {}));
  }
  void end() {
    client_.reset();
    serve_all();
    while (server_->serve(now_, 4)) {
    }
  }
  void expect_nothing_left(int files, const std::string& where) {
    EXPECT_EQ(-1, server_->client()) << where;
    EXPECT_EQ(0u, server_->memory().windows()) << where;
    EXPECT_EQ(0u, server_->dma().mappings()) << where;
    EXPECT_EQ(files, open_files()) << where;
    // The next client gets a complete session.
    world_.kill_at = world_.fail_at = world_.refuse_every = 0;
    world_.most_received = world_.most_sent = ~std::size_t{0};
    const std::uint64_t before = server_->session_counters().messages;
    session();
    end();
    EXPECT_EQ(before + 9, server_->session_counters().messages) << where;
  }

  World world_;
  unsigned received_ = 0;
};

TEST_F(VfioUserWorld, ThePeerDiesAtEachCall) {
  end();
  const int files = open_files();
  session();
  end();
  const unsigned steps = world_.steps;
  ASSERT_GT(steps, 20u);
  for (unsigned n = 1; n <= steps; ++n) {
    world_.steps = 0;
    world_.kill_at = n;
    session();
    end();
    expect_nothing_left(files, "killed at call " + std::to_string(n));
  }
}

TEST_F(VfioUserWorld, EachCallFailsOnceWithEachError) {
  const int files = open_files();
  session();
  end();
  const unsigned steps = world_.steps;
  for (const int error : {EAGAIN, EINTR, ECONNRESET, EPIPE, ENOMEM, ENOBUFS, ETOOMANYREFS}) {
    for (unsigned n = 1; n <= steps; ++n) {
      world_.steps = 0;
      world_.fail_at = n;
      world_.error = error;
      session();
      end();
      expect_nothing_left(files, std::string(std::strerror(error)) + " at " + std::to_string(n));
    }
  }
}

TEST_F(VfioUserWorld, ShortReadsShortWritesAndEagainChangeNothing) {
  session();
  end();
  const std::uint64_t whole = server_->session_counters().messages;
  struct Setting {
    std::size_t received, sent;
    unsigned refuse;
  };
  for (const Setting& s : {Setting{1, ~std::size_t{0}, 0}, Setting{15, ~std::size_t{0}, 0},
                           Setting{~std::size_t{0}, 100, 0}, Setting{16, 64, 3},
                           Setting{~std::size_t{0}, ~std::size_t{0}, 2}}) {
    world_.most_received = s.received;
    world_.most_sent = s.sent;
    world_.refuse_every = s.refuse;
    const std::uint64_t before = server_->session_counters().messages;
    session();
    EXPECT_EQ(before + whole, server_->session_counters().messages)
        << s.received << " " << s.sent << " " << s.refuse;
    end();
  }
}

}  // namespace
}  // namespace hni::device::vfio_user
