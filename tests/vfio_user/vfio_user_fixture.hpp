// SPDX-License-Identifier: Apache-2.0
#pragma once
// A card behind a vfio-user socket and a scripted client, in one thread: the client writes, the
// server works, the client reads.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "device/wire/cable.hpp"
#include "vfio_user/server.hpp"

namespace hni::device::vfio_user {

using Bytes = std::vector<std::byte>;

template <class... Parts>
Bytes join(const Parts&... parts) {
  Bytes all;
  const auto add = [&](auto bytes) { all.insert(all.end(), bytes.begin(), bytes.end()); };
  (add(bytes_of(parts)), ...);
  return all;
}

inline Bytes text(const std::string& s) {
  const auto bytes = std::as_bytes(std::span(s.c_str(), s.size() + 1));
  return {bytes.begin(), bytes.end()};
}

inline Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline OwnedFd memory_file(std::size_t bytes, unsigned flags = 0) {
  OwnedFd fd(::memfd_create("guest", MFD_CLOEXEC | flags));
  EXPECT_EQ(0, ::ftruncate(fd.get(), static_cast<off_t>(bytes)));
  return fd;
}

inline OwnedFd event_file() {
  return OwnedFd(::eventfd(0, EFD_CLOEXEC));
}

/// Returns how often the eventfd was signalled since the last call.
inline std::uint64_t signals(const OwnedFd& fd) {
  std::uint64_t count = 0;
  (void)::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
  return ::read(fd.get(), &count, sizeof count) == sizeof count ? count : 0;
}

inline const Bytes kVersion01 =
    join(Version{0, 1}) + text(R"({"capabilities":{"max_msg_fds":8,"max_data_xfer_size":1048576,)"
                               R"("write_multiple":true,"twin_socket":{"supported":true}}})");

struct Answer {
  Header header{};
  Bytes payload;
  template <class T>
  T as() const {
    EXPECT_GE(payload.size(), sizeof(T));
    return payload.size() < sizeof(T) ? T{} : load<T>(payload);
  }
};

class VfioUserTest : public testing::Test {
 protected:
  VfioUserTest() {
    path_ = testing::TempDir() + "hni-vfio-" + std::to_string(::getpid());
    auto made = Server::create(path_, CardConfig{}, wire_,
                               [this](const std::string& line) { reports_.push_back(line); });
    EXPECT_TRUE(made.has_value()) << made.error();
    server_ = std::move(*made);
  }

  OwnedFd connect() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof address.sun_path, "%s", path_.c_str());
    OwnedFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    EXPECT_EQ(0, ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
    server_->accept_client();
    return fd;
  }
  void start() {
    client_ = connect();
    (void)ask(Command::kVersion, kVersion01);
    reports_.clear();
  }

  void put(const Bytes& bytes, const std::vector<int>& fds = {}) {
    alignas(cmsghdr) char control[CMSG_SPACE(64 * sizeof(int))] = {};
    iovec io{const_cast<std::byte*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &io;
    message.msg_iovlen = 1;
    if (!fds.empty()) {
      message.msg_control = control;
      message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
      cmsghdr* c = CMSG_FIRSTHDR(&message);
      c->cmsg_level = SOL_SOCKET;
      c->cmsg_type = SCM_RIGHTS;
      c->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
      std::memcpy(CMSG_DATA(c), fds.data(), fds.size() * sizeof(int));
    }
    EXPECT_EQ(static_cast<ssize_t>(bytes.size()),
              ::sendmsg(client_.get(), &message, MSG_NOSIGNAL));
  }
  static Bytes message(std::uint16_t command, const Bytes& payload, std::uint32_t flags = 0,
                       std::uint16_t id = 7) {
    return join(Header{id, command, static_cast<std::uint32_t>(sizeof(Header) + payload.size()),
                       flags, 0}) +
           payload;
  }
  static Bytes message(Command command, const Bytes& payload, std::uint32_t flags = 0) {
    return message(static_cast<std::uint16_t>(command), payload, flags);
  }
  void work() {
    while (server_->serve(now_, 64)) {
    }
  }

  /// Returns the next reply; nothing if there is none or if the server closed the connection.
  std::optional<Answer> take() {
    Answer answer;
    if (::recv(client_.get(), &answer.header, sizeof answer.header, 0) != sizeof answer.header)
      return std::nullopt;
    answer.payload.resize(answer.header.bytes - sizeof answer.header);
    if (!answer.payload.empty()) {
      EXPECT_EQ(static_cast<ssize_t>(answer.payload.size()),
                ::recv(client_.get(), answer.payload.data(), answer.payload.size(), 0));
    }
    return answer;
  }
  std::optional<Answer> ask(Command command, const Bytes& payload,
                            const std::vector<int>& fds = {}) {
    put(message(command, payload), fds);
    work();
    return take();
  }
  /// Returns the errno value of the reply, or -1 if there is none.
  int error(Command command, const Bytes& payload, const std::vector<int>& fds = {}) {
    const auto answer = ask(command, payload, fds);
    if (!answer) return -1;
    EXPECT_EQ((answer->header.flags & Header::kError) != 0, answer->header.error != 0);
    return static_cast<int>(answer->header.error);
  }
  /// Checks that the client was closed for this reason and that the next client is served.
  void expect_closed(const std::string& why) {
    work();
    ASSERT_FALSE(reports_.empty());
    EXPECT_EQ("client closed: " + why, reports_.back());
    EXPECT_EQ(-1, server_->client());
    EXPECT_EQ(0u, server_->memory().windows());
    start();
    EXPECT_EQ(0, error(Command::kGetInfo, join(DeviceInfo{})));
  }

  std::uint32_t read32(std::uint32_t region, std::uint64_t offset) {
    const auto answer = ask(Command::kRegionRead, join(RegionAccess{offset, region, 4}));
    if (!answer || answer->payload.size() != sizeof(RegionAccess) + 4) return 0xdeadbeef;
    return load<std::uint32_t>(std::span(answer->payload).subspan(sizeof(RegionAccess)));
  }
  int write32(std::uint32_t region, std::uint64_t offset, std::uint32_t value) {
    return error(Command::kRegionWrite, join(RegionAccess{offset, region, 4}, value));
  }

  std::string path_;
  Loopback wire_;
  std::vector<std::string> reports_;
  std::unique_ptr<Server> server_;
  OwnedFd client_;
  std::uint64_t now_ = 1'000'000;
};

}  // namespace hni::device::vfio_user
