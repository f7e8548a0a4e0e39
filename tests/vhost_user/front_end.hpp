// SPDX-License-Identifier: Apache-2.0
#pragma once
// A card behind a vhost-user socket and a scripted front-end, in one thread: the front-end writes,
// the server works, the front-end reads. Its memory is one file of 1 MiB at guest address kGuest
// and user address kUser, with two virtqueues of 16 entries.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "device/wire/cable.hpp"
#include "tests/support/send_with_fds.hpp"
#include "vhost_user/server.hpp"

namespace hni::device::vhost_user {

using Bytes = std::vector<std::byte>;

template <class... Parts>
Bytes join(const Parts&... parts) {
  Bytes all;
  const auto add = [&](auto bytes) { all.insert(all.end(), bytes.begin(), bytes.end()); };
  (add(bytes_of(parts)), ...);
  return all;
}

inline constexpr std::uint64_t kGuest = 0x4000'0000;
inline constexpr std::uint64_t kUser = 0x7000'0000'0000;
inline constexpr std::size_t kMemory = 1 << 20;
inline constexpr std::uint32_t kEntries = 16;

struct Reply {
  Header header{};
  Bytes payload;
  std::uint64_t number() const {
    EXPECT_EQ(sizeof(std::uint64_t), payload.size());
    return payload.size() == sizeof(std::uint64_t) ? load<std::uint64_t>(payload) : ~0ull;
  }
};

class VhostUserTest : public testing::Test {
 protected:
  VhostUserTest() {
    path_ = testing::TempDir() + "hni-vhost-" + std::to_string(::getpid());
    auto made = Server::create(path_, CardConfig{}, wire_,
                               [this](const std::string& line) { log_.push_back(line); });
    EXPECT_TRUE(made) << (made ? "" : made.error());
    server_ = std::move(*made);
    file_ = OwnedFd(::memfd_create("guest", MFD_CLOEXEC));
    EXPECT_EQ(0, ::ftruncate(file_.get(), kMemory));
    memory_ = static_cast<std::byte*>(
        ::mmap(nullptr, kMemory, PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(), 0));
  }
  ~VhostUserTest() override { ::munmap(memory_, kMemory); }

  void connect() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    socket_ = OwnedFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(
        0, ::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
    server_->accept_client();
  }
  void work() {
    for (int i = 0; i < 64 && server_->serve(0, 64); ++i) {
    }
  }
  void put(const Bytes& bytes, const std::vector<int>& fds = {}) {
    (void)send_with_fds(socket_.get(), bytes, fds);
  }
  std::optional<Reply> take() {
    Reply reply;
    if (::recv(socket_.get(), &reply.header, sizeof(Header), MSG_DONTWAIT) != sizeof(Header))
      return std::nullopt;
    reply.payload.resize(reply.header.bytes);
    if (!reply.payload.empty())
      (void)::recv(socket_.get(), reply.payload.data(), reply.payload.size(), 0);
    return reply;
  }
  /// Sends a request that requires a reply.
  std::optional<Reply> ask(Request request, const Bytes& payload = {},
                           const std::vector<int>& fds = {}) {
    const Header header{static_cast<std::uint32_t>(request), Header::kVersion | Header::kNeedReply,
                        static_cast<std::uint32_t>(payload.size())};
    Bytes all = join(header);
    all.insert(all.end(), payload.begin(), payload.end());
    put(all, fds);
    work();
    return take();
  }
  /// Returns the acknowledgement: 0 success, ~0 none received.
  std::uint64_t status(Request request, const Bytes& payload = {},
                       const std::vector<int>& fds = {}) {
    const auto reply = ask(request, payload, fds);
    return reply ? reply->number() : ~0ull;
  }

  static std::uint64_t ring(std::uint32_t queue, std::uint32_t part) {
    return 0x1000 * (1 + 4 * queue + part);  // desc, avail, used
  }
  /// As User Mode Linux does.
  void start() {
    connect();
    (void)status(Request::kSetOwner);
    (void)ask(Request::kGetFeatures);
    (void)ask(Request::kGetProtocolFeatures);
    ASSERT_EQ(0u, status(Request::kSetProtocolFeatures, join(kProtocolFeatures)));
    std::array<int, 2> ends{};
    ASSERT_EQ(0, ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()));
    calls_ = OwnedFd(ends[0]);
    const int small = 16384;  // a limit of its own, independent of the machine's default
    ASSERT_EQ(0, ::setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof small));
    const OwnedFd theirs(ends[1]);
    ASSERT_EQ(0u, status(Request::kSetBackendReqFd, {}, {theirs.get()}));
    ASSERT_EQ(0u, status(Request::kSetFeatures, join(kFeatures)));
    ASSERT_EQ(0u, set_memory(kMemory));
    for (std::uint32_t queue = 0; queue < kQueues; ++queue) {
      ASSERT_EQ(0u, status(Request::kSetVringNum, join(VringState{queue, kEntries})));
      ASSERT_EQ(0u, status(Request::kSetVringBase, join(VringState{queue, 0})));
      ASSERT_EQ(0u, status(Request::kSetVringAddr,
                           join(VringAddr{queue, 0, kUser + ring(queue, 0), kUser + ring(queue, 2),
                                          kUser + ring(queue, 1), ~0ull})));
    }
    for (std::uint32_t queue = 0; queue < kQueues; ++queue)
      ASSERT_EQ(0u, status(Request::kSetVringEnable, join(VringState{queue, 1})));
  }
  std::uint64_t set_memory(std::uint64_t bytes) {
    return status(Request::kSetMemTable, join(MemTable{1, 0}, MemRegion{kGuest, bytes, kUser, 0}),
                  {file_.get()});
  }
  std::uint64_t kick(std::uint32_t queue) {
    return status(Request::kVringKick, join(VringState{queue, 0}));
  }

  template <class T>
  void poke(std::uint64_t offset, const T& value) {
    std::memcpy(memory_ + offset, &value, sizeof value);
  }
  template <class T>
  T peek(std::uint64_t offset) const {
    T value;
    std::memcpy(&value, memory_ + offset, sizeof value);
    return value;
  }
  struct Descriptor {
    std::uint64_t address;
    std::uint32_t bytes;
    std::uint16_t flags;
    std::uint16_t next;
  };
  void describe(std::uint32_t queue, std::uint16_t index, const Descriptor& descriptor) {
    poke(ring(queue, 0) + 16ull * index, descriptor);
  }
  void offer(std::uint32_t queue, std::uint16_t head) {
    const auto at = peek<std::uint16_t>(ring(queue, 1) + 2);
    poke(ring(queue, 1) + 4 + 2ull * (at % kEntries), head);
    poke(ring(queue, 1) + 2, static_cast<std::uint16_t>(at + 1));
  }
  std::uint16_t used(std::uint32_t queue) const { return peek<std::uint16_t>(ring(queue, 2) + 2); }

  static constexpr std::uint64_t kOut = 0x10000;
  static constexpr std::uint64_t kIn = 0x20000;
  /// Submits one command in one or two descriptors and kicks the queue.
  Bytes command(PciOp op, std::uint8_t bar, std::uint64_t address, const Bytes& data,
                std::uint32_t answer_bytes, std::uint32_t size) {
    Bytes out = join(PciCommand{static_cast<std::uint8_t>(op), bar, 0, size, address});
    out.insert(out.end(), data.begin(), data.end());
    std::memcpy(memory_ + kOut, out.data(), out.size());
    const bool reads = answer_bytes != 0;
    describe(0, 0,
             {kGuest + kOut, static_cast<std::uint32_t>(out.size()),
              static_cast<std::uint16_t>(reads ? 1 : 0), 1});
    describe(0, 1, {kGuest + kIn, answer_bytes, 2, 0});
    offer(0, 0);
    EXPECT_EQ(0u, kick(0));
    return {memory_ + kIn, memory_ + kIn + answer_bytes};
  }
  template <class T>
  T read(PciOp op, std::uint8_t bar, std::uint64_t address) {
    return load<T>(command(op, bar, address, {}, sizeof(T), sizeof(T)));
  }
  template <class T>
  void write(PciOp op, std::uint8_t bar, std::uint64_t address, const T& value) {
    (void)command(op, bar, address, join(value), 0, sizeof value);
  }
  /// Returns the notifications since the last call, as queue numbers.
  std::vector<std::uint32_t> notifications() {
    std::vector<std::uint32_t> queues;
    std::array<std::byte, 20> call{};
    while (::recv(calls_.get(), call.data(), call.size(), MSG_DONTWAIT) ==
           static_cast<ssize_t>(call.size())) {
      EXPECT_EQ(static_cast<std::uint32_t>(BackendRequest::kVringCall),
                load<Header>(call).request);
      queues.push_back(load<VringState>(std::span(call).subspan(sizeof(Header))).index);
    }
    return queues;
  }
  /// Checks that the server closed the front-end with this log line.
  void expect_closed(const std::string& why) {
    work();
    ASSERT_FALSE(log_.empty());
    EXPECT_EQ("front-end closed: " + why, log_.back());
    EXPECT_EQ(-1, server_->client());
    EXPECT_EQ(1u, server_->counters().breaches);
    EXPECT_EQ(0u, server_->memory().windows());
  }

  Loopback wire_;
  std::string path_;
  std::vector<std::string> log_;
  std::unique_ptr<Server> server_;
  OwnedFd file_;
  std::byte* memory_ = nullptr;
  OwnedFd socket_;
  OwnedFd calls_;
};

}  // namespace hni::device::vhost_user
