// SPDX-License-Identifier: Apache-2.0
#include "vfio_user/irq_lines.hpp"

#include <fcntl.h>
#include <poll.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace hni::device::vfio_user {
namespace {

/// Writing to anything but an eventfd may block or have unexpected side effects.
bool is_eventfd(int fd) {
  std::array<char, 40> path{};
  std::array<char, 40> target{};
  (void)std::snprintf(path.data(), path.size(), "/proc/self/fd/%d", fd);
  const ssize_t n = ::readlink(path.data(), target.data(), target.size() - 1);
  return n > 0 && std::strcmp(target.data(), "anon_inode:[eventfd]") == 0;
}

}  // namespace

void IrqLines::msix(std::uint16_t vector) {
  if (vector >= vectors_) return;
  if (dma_ != nullptr) dma_->flush();
  Line& line = lines_[vector];
  if (line.masked || !line.eventfd) {
    line.pending = true;
    if (!line.eventfd) ++unheard_;
    return;
  }
  deliver(line);
}

void IrqLines::deliver(Line& line) {
  line.pending = false;
  const std::uint64_t one = 1;
  // A saturated counter already signals that an interrupt happened.
  pollfd room{line.eventfd.get(), POLLOUT, 0};
  if (::poll(&room, 1, 0) != 1 || (room.revents & POLLOUT) == 0) return;
  if (::write(line.eventfd.get(), &one, sizeof one) == sizeof one)
    ++signalled_;
  else if (errno == EINTR)
    blocked_ = true;
}

int IrqLines::assign(unsigned vector, OwnedFd eventfd) {
  Line& line = lines_[vector];
  if (eventfd) {
    if (!is_eventfd(eventfd.get())) return EINVAL;
    const int flags = ::fcntl(eventfd.get(), F_GETFL);
    if (flags < 0 || ::fcntl(eventfd.get(), F_SETFL, flags | O_NONBLOCK) != 0) return errno;
  }
  line.eventfd = std::move(eventfd);
  if (line.eventfd && line.pending && !line.masked) deliver(line);
  return 0;
}

void IrqLines::set_mask(unsigned vector, bool masked) {
  Line& line = lines_[vector];
  line.masked = masked;
  if (!masked && line.pending && line.eventfd) deliver(line);
}

void IrqLines::clear() {
  lines_.clear();
  lines_.resize(vectors_);
  blocked_ = false;
}

}  // namespace hni::device::vfio_user
