// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/log_queue.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

namespace hni::tools {
namespace {

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

std::uint64_t lines_of(std::string_view text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

LogQueue::LogQueue(int fd, std::size_t max_bytes, DropNotice notice)
    : fd_(fd), max_bytes_(max_bytes), notice_(std::move(notice)) {
  if (!notice_) {
    notice_ = [](std::uint64_t lines) {
      return fmt::format("({} lines dropped: the reader is too slow)\n", lines);
    };
  }
  struct stat about {};
  if (::fstat(fd, &about) != 0) {
    fail(errno);
  } else if (S_ISREG(about.st_mode) || S_ISBLK(about.st_mode)) {
    kind_ = Kind::kFile;
  } else if (S_ISSOCK(about.st_mode)) {
    kind_ = Kind::kSocket;
  } else {
    // Opens a second open file description: O_NONBLOCK on the first would affect every process
    // that shares it.
    const std::string path = fmt::format("/proc/self/fd/{}", fd);
    own_ = Fd(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (own_) kind_ = Kind::kNonBlocking;
  }
}

void LogQueue::fail(int error) {
  error_ = error;
  dropped_ += lines_of(std::string_view(text_).substr(begin_));
  text_.clear();
  begin_ = 0;
}

void LogQueue::drop(std::string_view lines) {
  const std::uint64_t count = lines_of(lines);
  dropped_ += count;
  unnoticed_ += count;
}

/// Written once there is space again, before the next line.
void LogQueue::add_notice() {
  if (unnoticed_ == 0 || error_ != 0) return;
  const std::string notice = notice_(unnoticed_);
  if (used() + notice.size() > max_bytes_) return;
  text_ += notice;
  unnoticed_ = 0;
}

bool LogQueue::print(std::string_view lines) {
  if (error_ == 0 && used() + lines.size() > max_bytes_) (void)flush();
  add_notice();
  if (error_ != 0 || unnoticed_ != 0 || used() + lines.size() > max_bytes_) {
    drop(lines);
    return false;
  }
  text_ += lines;
  return true;
}

std::ptrdiff_t LogQueue::write_some(std::string_view text) const {
  switch (kind_) {
    case Kind::kSocket:
      return ::send(fd_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    case Kind::kPolled: {
      // A pipe that polls as writable has space for PIPE_BUF bytes.
      pollfd room{fd_, POLLOUT, 0};
      if (::poll(&room, 1, 0) <= 0) {
        errno = EAGAIN;
        return -1;
      }
      return ::write(fd_, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
    }
    case Kind::kFile:
    case Kind::kNonBlocking:
      break;
  }
  return ::write(fd(), text.data(), text.size());
}

bool LogQueue::flush() {
  while (error_ == 0 && used() != 0) {
    const std::ptrdiff_t n = write_some(std::string_view(text_).substr(begin_));
    if (n < 0) {
      if (!would_block(errno)) fail(errno);
      break;
    }
    begin_ += static_cast<std::size_t>(n);
  }
  if (begin_ == text_.size() || begin_ > max_bytes_ / 2) {
    text_.erase(0, begin_);
    begin_ = 0;
  }
  return used() == 0;
}

bool LogQueue::finish(std::chrono::milliseconds patience) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + patience;
  add_notice();
  while (!flush() && error_ == 0) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) break;
    pollfd room{fd(), POLLOUT, 0};
    (void)::poll(&room, 1, static_cast<int>(left));
    add_notice();
  }
  if (used() != 0) fail(ETIMEDOUT);
  return error_ == 0 && dropped_ == 0;
}

bool LineRate::allow(Time now) {
  if (used_ != 0 && now - refilled_ >= period_) {
    const auto periods = static_cast<std::uint64_t>((now - refilled_) / period_);
    used_ -= static_cast<std::uint32_t>(std::min<std::uint64_t>(periods, used_));
    refilled_ += period_ * static_cast<std::int64_t>(periods);
  }
  if (used_ == 0) refilled_ = now;
  if (used_ < burst_) {
    ++used_;
    return true;
  }
  ++suppressed_;
  return false;
}

}  // namespace hni::tools
