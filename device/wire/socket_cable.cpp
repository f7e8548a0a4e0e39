// SPDX-License-Identifier: Apache-2.0
#include "device/wire/socket_cable.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace hni::device {
namespace {

/// Interval at which an end whose listening peer left tries to become the listener.
constexpr std::uint64_t kLookPeriodNs = 100'000'000;
constexpr int kSocketBuffer = 4 << 20;

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

int new_socket() {
  return ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

void close_fd(int& fd) {
  if (fd >= 0) ::close(std::exchange(fd, -1));
}

}  // namespace

tl::expected<std::unique_ptr<SocketCable>, WireError> SocketCable::open(const std::string& path) {
  if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path))
    return tl::make_unexpected(
        WireError{WireErrorKind::kBadName, "'" + path + "': a path of 1 to 107 characters"});
  std::unique_ptr<SocketCable> cable(new SocketCable(path));
  if (!cable->start())
    return tl::make_unexpected(
        WireError{WireErrorKind::kCannotOpen, "cable '" + path + "': " + std::strerror(errno)});
  return cable;
}

SocketCable::~SocketCable() {
  if (listener_ >= 0) ::unlink(path_.c_str());
  close_fd(listener_);
  close_fd(peer_);
  close_fd(watch_);
}

bool SocketCable::start() {
  watch_ = ::epoll_create1(EPOLL_CLOEXEC);
  return watch_ >= 0 && (join() || wait_for_peer());
}

bool SocketCable::watch_fd(int fd) const {
  epoll_event event{};
  event.events = EPOLLIN;
  return ::epoll_ctl(watch_, EPOLL_CTL_ADD, fd, &event) == 0;
}

bool SocketCable::join() {
  const sockaddr_un address = address_of(path_);
  int fd = new_socket();
  if (fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    meet(fd);
    return peer_ >= 0;
  }
  // Removes a stale socket of an earlier process; anything else is left alone.
  struct stat about {};
  if (errno == ECONNREFUSED && ::lstat(path_.c_str(), &about) == 0 && S_ISSOCK(about.st_mode))
    ::unlink(path_.c_str());
  close_fd(fd);
  return false;
}

bool SocketCable::wait_for_peer() {
  const sockaddr_un address = address_of(path_);
  listener_ = new_socket();
  // A peer sends frames to the card, so only the owner may connect, whatever the umask.
  const mode_t before = ::umask(0177);
  const bool bound =
      listener_ >= 0 &&
      ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  int error = errno;
  (void)::umask(before);
  errno = error;
  if (bound && ::listen(listener_, 1) == 0 && watch_fd(listener_)) return true;
  error = errno;
  close_fd(listener_);
  errno = error;
  return false;
}

void SocketCable::meet(int peer) {
  (void)::setsockopt(peer, SOL_SOCKET, SO_SNDBUF, &kSocketBuffer, sizeof kSocketBuffer);
  if (!watch_fd(peer)) {
    ::close(peer);
    return;
  }
  peer_ = peer;
  peer_pause_ = told_pause_ = false;
  ++counters_.peers;
  if (pause_) set_pause(true);
}

void SocketCable::lose_peer() {
  close_fd(peer_);
  peer_pause_ = told_pause_ = false;
}

void SocketCable::look_for_peer(std::uint64_t now_ns) {
  if (listener_ >= 0) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) meet(fd);
    return;
  }
  if (now_ns < next_look_ns_) return;
  next_look_ns_ = now_ns + kLookPeriodNs;
  if (!join()) (void)wait_for_peer();
}

void SocketCable::tell(Kind kind) {
  const bool on = kind == Kind::kPause;
  if (peer_ >= 0 && ::send(peer_, &kind, sizeof kind, MSG_DONTWAIT | MSG_NOSIGNAL) == 1)
    told_pause_ = on;
}

void SocketCable::set_pause(bool on) {
  pause_ = on;
  if (told_pause_ != on) tell(on ? Kind::kPause : Kind::kGo);
}

bool SocketCable::transmit(std::span<const std::byte> frame, std::uint64_t /*now_ns*/) {
  if (peer_ < 0) {
    ++counters_.lost;
    return true;
  }
  Kind kind = Kind::kFrame;
  const std::array<iovec, 2> io{
      {{&kind, sizeof kind}, {const_cast<std::byte*>(frame.data()), frame.size()}}};
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(io.data());
  message.msg_iovlen = io.size();
  if (::sendmsg(peer_, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
    ++counters_.sent;
    return true;
  }
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == EINTR) return false;
  ++counters_.lost;
  return true;
}

unsigned SocketCable::poll(FrameSink& sink, std::uint64_t now_ns, unsigned budget) {
  if (peer_ < 0) look_for_peer(now_ns);
  if (peer_ >= 0 && told_pause_ != pause_) set_pause(pause_);
  unsigned delivered = 0;
  while (peer_ >= 0 && delivered < budget && !pause_) {
    const ssize_t n = ::recv(peer_, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) break;
    if (n <= 0) {
      lose_peer();
      // The peer closed its listener before its end, so its path is free now.
      look_for_peer(now_ns);
      break;
    }
    const auto bytes = static_cast<std::size_t>(n) - 1;
    const auto kind = static_cast<Kind>(buffer_[0]);
    if (bytes == 0 && (kind == Kind::kPause || kind == Kind::kGo)) {
      peer_pause_ = kind == Kind::kPause;
      continue;
    }
    if (kind != Kind::kFrame || bytes < kEthernetHeaderBytes || bytes > kMaxFrameBytes) {
      ++counters_.unusable;
      continue;
    }
    sink.receive(std::span<const std::byte>(buffer_).subspan(1, bytes), now_ns);
    ++counters_.received;
    ++delivered;
  }
  return delivered;
}

}  // namespace hni::device
