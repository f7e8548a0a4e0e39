// SPDX-License-Identifier: Apache-2.0
#include "vfio_user/connection.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace hni::device::vfio_user {
namespace {

/// Space for one descriptor more than allowed, so that an excess is detected.
constexpr std::size_t kControlFds = kMaxMessageFds + 1;

std::string words(const char* what, std::uint64_t number) {
  return std::string(what) + " " + std::to_string(number);
}

std::vector<OwnedFd> descriptors_of(msghdr& message) {
  std::vector<OwnedFd> fds;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
      fds.emplace_back(fd);
    }
  }
  return fds;
}

}  // namespace

Connection::Connection(OwnedFd socket, SocketCalls& calls)
    : socket_(std::move(socket)), calls_(&calls), in_(kBuffer) {}

void Connection::fail(std::string why, bool breach) {
  if (broken()) return;
  why_ = std::move(why);
  breach_ = breach;
}

void Connection::end_of_stream() {
  fail(in_begin_ == in_end_ ? "closed by the other side" : "closed in the middle of a message");
}

bool Connection::fill() {
  if (broken()) return false;
  if (in_begin_ != 0) {
    std::memmove(in_.data(), in_.data() + in_begin_, in_end_ - in_begin_);
    in_end_ -= in_begin_;
    in_begin_ = 0;
  }
  if (in_end_ == in_.size()) return false;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kControlFds * sizeof(int))> control;
  iovec io{in_.data() + in_end_, in_.size() - in_end_};
  msghdr message{};
  message.msg_iov = &io;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t n = calls_->receive(socket_.get(), &message);
  if (n < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
      fail(std::string("receive: ") + std::strerror(errno));
    return false;
  }
  std::vector<OwnedFd> fds = descriptors_of(message);
  if ((message.msg_flags & MSG_CTRUNC) != 0 || fds.size() > kMaxMessageFds ||
      waiting_fds_ + fds.size() > kMaxWaitingFds) {
    fail("more file descriptors than agreed", true);
    return false;
  }
  if (n == 0) {
    end_of_stream();
    return false;
  }
  in_end_ += static_cast<std::size_t>(n);
  if (!fds.empty()) {
    waiting_fds_ += fds.size();
    arrived_.push_back({consumed_ + (in_end_ - in_begin_) - 1, std::move(fds)});
  }
  return true;
}

void Connection::take_fds(std::vector<OwnedFd>& into, std::uint64_t end) {
  while (!arrived_.empty() && arrived_.front().at < end) {
    for (OwnedFd& fd : arrived_.front().fds) into.push_back(std::move(fd));
    waiting_fds_ -= arrived_.front().fds.size();
    arrived_.pop_front();
  }
}

std::optional<Message> Connection::next() {
  const std::size_t have = in_end_ - in_begin_;
  if (broken() || have < sizeof(Header)) return std::nullopt;
  const std::span<const std::byte> bytes(in_.data() + in_begin_, have);
  Message message;
  message.header = load<Header>(bytes);
  const std::size_t size = message.header.bytes;
  if (size < sizeof(Header) || size > kMaxMessage) {
    fail(words("a message of invalid length,", size), true);
    return std::nullopt;
  }
  if (have < size) return std::nullopt;
  message.payload = bytes.subspan(sizeof(Header), size - sizeof(Header));
  in_begin_ += size;
  consumed_ += size;
  take_fds(message.fds, consumed_);
  if (message.fds.size() > kMaxMessageFds) {
    fail("more file descriptors than agreed", true);
    return std::nullopt;
  }
  return message;
}

void Connection::send(const Header& header, std::span<const std::byte> payload,
                      std::span<const std::byte> more, std::span<const int> fds) {
  if (broken()) return;
  std::array<iovec, 3> io{{{const_cast<Header*>(&header), sizeof header},
                           {const_cast<std::byte*>(payload.data()), payload.size()},
                           {const_cast<std::byte*>(more.data()), more.size()}}};
  std::size_t sent = 0;
  if (unsent() == 0) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxMessageFds * sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = io.data();
    message.msg_iovlen = io.size();
    if (!fds.empty()) {
      message.msg_control = control.data();
      message.msg_controllen = CMSG_SPACE(fds.size_bytes());
      cmsghdr* const c = CMSG_FIRSTHDR(&message);
      c->cmsg_level = SOL_SOCKET;
      c->cmsg_type = SCM_RIGHTS;
      c->cmsg_len = CMSG_LEN(fds.size_bytes());
      std::memcpy(CMSG_DATA(c), fds.data(), fds.size_bytes());
    }
    const ssize_t n = calls_->send(socket_.get(), &message);
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
      return fail(std::string("send: ") + std::strerror(errno));
    if (n < 0 && !fds.empty()) return fail("send: no room for file descriptors");
    sent = n < 0 ? 0 : static_cast<std::size_t>(n);
  } else if (!fds.empty()) {
    return fail("send: no room for file descriptors");
  }
  for (const iovec& part : io) {
    const std::size_t skip = std::min(sent, part.iov_len);
    sent -= skip;
    const auto* from = static_cast<const std::byte*>(part.iov_base);
    if (skip < part.iov_len) out_.insert(out_.end(), from + skip, from + part.iov_len);
  }
}

void Connection::flush() {
  while (!broken() && unsent() != 0) {
    iovec rest{out_.data() + out_at_, unsent()};
    msghdr message{};
    message.msg_iov = &rest;
    message.msg_iovlen = 1;
    const ssize_t n = calls_->send(socket_.get(), &message);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK)
        fail(std::string("send: ") + std::strerror(errno));
      return;
    }
    out_at_ += static_cast<std::size_t>(n);
  }
  out_.clear();
  out_at_ = 0;
}

}  // namespace hni::device::vfio_user
