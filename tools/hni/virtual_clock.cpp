// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/virtual_clock.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

#include "vfio_user/listen.hpp"

namespace hni::tools {
namespace {

enum Op : std::uint32_t {
  kAck = 0,
  kStart = 1,
  kRequest = 2,
  kWait = 3,
  kGet = 4,
  kUpdate = 5,
  kRun = 6,
  kFreeUntil = 7,
  kGetTimeOfDay = 8,
  kBroadcast = 9,
};

/// The kernel computes with signed times.
constexpr std::uint64_t kForever = ~std::uint64_t{0} >> 2;
/// The kernel's date at the start: a fixed day, so that runs are reproducible.
constexpr std::uint64_t kStartOfTime = 1'767'225'600ull * 1'000'000'000ull;  // 2026-01-01

}  // namespace

struct VirtualClock::Message {
  std::uint32_t op;
  std::uint32_t sequence;
  std::uint64_t time;
};

Outcome<VirtualClock> VirtualClock::listen(const std::string& path) {
  auto listener = device::vfio_user::listen_on(path);
  if (!listener) return problem(listener.error());
  VirtualClock clock;
  clock.listener_ = Fd(listener->release());
  return clock;
}

Outcome<> VirtualClock::send(const Message& message) {
  const ssize_t n = ::send(kernel_.get(), &message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n == static_cast<ssize_t>(sizeof message)) return {};
  kernel_.reset();
  return {};  // the owner of the process detects its end
}

Outcome<> VirtualClock::serve() {
  if (!kernel_) {
    if (!listener_) return {};
    kernel_ = Fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (kernel_) listener_.reset();
    return {};
  }
  while (kernel_) {
    Message message{};
    const ssize_t n = ::recv(kernel_.get(), &message, sizeof message, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return {};
    if (n <= 0) {
      kernel_.reset();
      return {};
    }
    if (n != static_cast<ssize_t>(sizeof message))
      return problem(fmt::format("the kernel's clock sent a message of {} bytes", n));
    if (auto done = handle(message); !done) return done;
  }
  return {};
}

Outcome<> VirtualClock::handle(const Message& message) {
  Message reply{kAck, message.sequence, 0};
  switch (message.op) {
    case kAck:
      acknowledged_ = message.sequence;
      return {};
    case kStart:
      break;
    case kBroadcast:
      signal_ = message.time;
      break;
    case kRequest:
      requested_ = message.time;
      break;
    case kWait:
      waiting_ = true;
      break;
    case kGet:
      reply.time = now_;
      break;
    case kUpdate:
      if (message.time < now_)
        return problem(
            fmt::format("the kernel's clock went back from {} to {} ns", now_, message.time));
      now_ = message.time;
      break;
    case kGetTimeOfDay:
      reply.time = kStartOfTime + now_;
      break;
    default:
      return problem(fmt::format("the kernel's clock sent an unknown operation, {}", message.op));
  }
  return send(reply);
}

Outcome<> VirtualClock::grant(std::uint64_t free_until) {
  if (requested_ > now_) now_ = requested_;
  waiting_ = false;
  requested_ = kNever;
  free_until_ = std::min(free_until, kForever);
  if (auto sent = send({kFreeUntil, ++sequence_, free_until_}); !sent) return sent;
  return send({kRun, ++sequence_, now_});
}

Outcome<> VirtualClock::limit(std::uint64_t free_until) {
  if (waiting_ || free_until >= free_until_) return {};
  free_until_ = free_until;
  if (auto sent = send({kFreeUntil, ++sequence_, free_until_}); !sent) return sent;
  while (kernel_ && acknowledged_ != sequence_) {
    pollfd ready{kernel_.get(), POLLIN, 0};
    const int n = ::poll(&ready, 1, kMaxSilenceMs);
    if (n == 0) return problem("the kernel does not answer");
    if (auto served = serve(); !served) return served;
  }
  return {};
}

}  // namespace hni::tools
