// SPDX-License-Identifier: Apache-2.0
#include "vhost_user/connection.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace hni::device::vhost_user {
namespace {

/// Space for one descriptor more than allowed, so that an excess is detected.
constexpr std::size_t kControlFds = kMaxMessageFds + 1;

void add_descriptors(msghdr& message, std::vector<OwnedFd>& fds) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
      fds.emplace_back(fd);
    }
  }
}

}  // namespace

void Connection::fail(std::string why, bool breach) {
  if (broken()) return;
  why_ = std::move(why);
  breach_ = breach;
}

/// Reads up to `wanted` bytes of the current message and none of the next, whose descriptors would
/// otherwise arrive with it.
bool Connection::fill(std::size_t wanted) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kControlFds * sizeof(int))> control;
  iovec io{in_.data() + have_, wanted - have_};
  msghdr message{};
  message.msg_iov = &io;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t n = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (n < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
      fail(std::string("receive: ") + std::strerror(errno), false);
    return false;
  }
  add_descriptors(message, fds_);
  if ((message.msg_flags & MSG_CTRUNC) != 0 || fds_.size() > kMaxMessageFds) {
    fail("more file descriptors than the protocol knows", true);
    return false;
  }
  if (n == 0) {
    fail(have_ == 0 ? "closed by the front-end" : "closed in the middle of a message", false);
    return false;
  }
  have_ += static_cast<std::size_t>(n);
  return true;
}

std::optional<Message> Connection::next() {
  if (handed_out_ != 0) have_ = handed_out_ = 0;
  while (!broken()) {
    std::size_t wanted = sizeof(Header);
    if (have_ >= sizeof(Header)) {
      const auto header = load<Header>(in_);
      if (header.bytes > kMaxPayload) {
        fail("a message of invalid length, " + std::to_string(header.bytes), true);
        break;
      }
      wanted += header.bytes;
      if (have_ == wanted) {
        handed_out_ = have_;
        Message message{header, std::span(in_).subspan(sizeof header, header.bytes), {}};
        message.fds.swap(fds_);
        return message;
      }
    }
    if (!fill(wanted)) break;
  }
  return std::nullopt;
}

void Connection::send(const Header& header, std::span<const std::byte> payload) {
  if (broken()) return;
  std::array<iovec, 2> io{{{const_cast<Header*>(&header), sizeof header},
                           {const_cast<std::byte*>(payload.data()), payload.size()}}};
  msghdr message{};
  message.msg_iov = io.data();
  message.msg_iovlen = io.size();
  const ssize_t n = ::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n == static_cast<ssize_t>(sizeof header + payload.size())) return;
  if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
    return fail("closed by the front-end", false);
  fail("it does not read our replies", true);
}

}  // namespace hni::device::vhost_user
