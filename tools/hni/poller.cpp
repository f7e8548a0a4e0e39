// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/poller.hpp"

#include <sys/timerfd.h>

#include <ctime>

namespace hni::tools {
namespace {

constexpr std::uint64_t kTimerToken = ~std::uint64_t{0};
constexpr std::int64_t kNsPerSecond = 1'000'000'000;

}  // namespace

Time monotonic_now() {
  timespec now{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &now);
  return Time(std::int64_t{now.tv_sec} * kNsPerSecond + now.tv_nsec);
}

Outcome<Poller> Poller::create() {
  Poller poller;
  poller.epoll_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
  poller.timer_ = Fd(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!poller.epoll_ || !poller.timer_) return system_problem("event loop");
  if (auto r = poller.add(poller.timer_.get(), kTimerToken, true); !r)
    return tl::unexpected(r.error());
  return poller;
}

Outcome<> Poller::add(int fd, std::uint64_t token, bool edge) {
  epoll_event event{};
  event.events = EPOLLIN;
  if (edge) event.events |= EPOLLET;
  event.data.u64 = token;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    return system_problem("event loop");
  return {};
}

bool Poller::add_output(int fd, std::uint64_t token) {
  epoll_event event{};
  event.events = EPOLLOUT | EPOLLET;
  event.data.u64 = token;
  return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

void Poller::mute(int fd, std::uint64_t token, bool muted) {
  epoll_event event{};
  if (!muted) event.events = EPOLLIN;
  event.data.u64 = token;
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void Poller::want_write(int fd, std::uint64_t token, bool want) {
  epoll_event event{};
  event.events = EPOLLIN;
  if (want) event.events |= EPOLLOUT;
  event.data.u64 = token;
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void Poller::remove(int fd) {
  (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void Poller::arm(Duration in) {
  const std::int64_t count = in.count();
  itimerspec when{};
  when.it_value.tv_sec = count / kNsPerSecond;
  when.it_value.tv_nsec = count % kNsPerSecond;
  (void)::timerfd_settime(timer_.get(), 0, &when, nullptr);
}

std::span<const Poller::Event> Poller::wait(Duration longest) {
  std::array<epoll_event, 64> ready;
  const bool sleep = longest > Duration::zero();
  if (sleep) arm(longest);
  const int n =
      ::epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), sleep ? -1 : 0);
  std::size_t count = 0;
  for (int i = 0; i < n; ++i) {
    const epoll_event& event = ready[static_cast<std::size_t>(i)];
    if (event.data.u64 == kTimerToken) continue;
    events_[count++] = {event.data.u64, (event.events & EPOLLIN) != 0,
                        (event.events & EPOLLOUT) != 0,
                        (event.events & (EPOLLHUP | EPOLLERR)) != 0};
  }
  return std::span(events_).first(count);
}

}  // namespace hni::tools
