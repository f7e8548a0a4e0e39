// SPDX-License-Identifier: Apache-2.0
#include "driver/io/event_vectors.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace hni::io {
namespace {

constexpr std::size_t kAtOnce = 64;

}  // namespace

tl::expected<void, std::string> EventVectors::open(unsigned count) {
  epoll_ = device::vfio_user::OwnedFd(::epoll_create1(EPOLL_CLOEXEC));
  for (unsigned i = 0; i < count && epoll_; ++i) {
    eventfds_.emplace_back(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    if (!eventfds_.back() ||
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, eventfds_.back().get(), &event) != 0)
      return tl::unexpected(std::string("eventfd: ") + std::strerror(errno));
  }
  if (!epoll_) return tl::unexpected(std::string("epoll: ") + std::strerror(errno));
  fired_.reserve(kAtOnce);
  return {};
}

std::span<const std::uint16_t> EventVectors::take() {
  fired_.clear();
  std::array<epoll_event, kAtOnce> events;
  const int n = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < n; ++i) {
    const auto vector = static_cast<std::uint16_t>(events[static_cast<std::size_t>(i)].data.u64);
    std::uint64_t count = 0;
    if (::read(eventfds_[vector].get(), &count, sizeof count) == sizeof count)
      fired_.push_back(vector);
  }
  return fired_;
}

}  // namespace hni::io
