// SPDX-License-Identifier: Apache-2.0
#pragma once

/// LogQueue: text output that never blocks on its reader. With a full pipe, a stopped terminal or a
/// full disk, lines are dropped and counted, and the event loop continues.
///
/// Use: print() whole lines from anywhere in the loop, flush() once per iteration, poll fd() for
/// writability while waiting(), finish() before the process ends. The process ignores SIGPIPE.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "driver/core/types.hpp"
#include "tools/hni/fd.hpp"

namespace hni::tools {

class LogQueue {
 public:
  static constexpr std::size_t kMaxBytes = 256 * 1024;

  /// Formats the line (with its line feed) that replaces `lines` dropped lines.
  using DropNotice = std::function<std::string(std::uint64_t lines)>;

  /// Writes to `fd`, which must outlive the queue; at most `max_bytes` are buffered. The flags of
  /// `fd` are not changed, as other processes may share its open file description.
  explicit LogQueue(int fd, std::size_t max_bytes = kMaxBytes, DropNotice notice = {});

  /// Queues whole lines, each with its line feed, as one unit: either all are queued or all are
  /// dropped and counted. Returns false if they were dropped.
  bool print(std::string_view lines);
  /// Writes as much as the descriptor accepts without blocking. Returns true if nothing is left.
  bool flush();
  /// Gives the reader up to `patience` to accept the rest. Returns true if every line that was
  /// ever printed has been written.
  bool finish(std::chrono::milliseconds patience);

  /// Returns the descriptor to poll for writability while waiting(); it differs from the
  /// constructor's.
  [[nodiscard]] int fd() const { return own_ ? own_.get() : fd_; }
  [[nodiscard]] bool waiting() const { return used() != 0; }
  /// Returns false for regular files, which epoll refuses and to which flush() always writes
  /// everything.
  [[nodiscard]] bool pollable() const { return kind_ != Kind::kFile; }

  /// Returns the number of lines that were dropped.
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }
  /// Returns the errno value that ended the output (EPIPE: the reader closed it; ENOSPC: disk
  /// full), or 0.
  [[nodiscard]] int error() const { return error_; }

 private:
  enum class Kind : std::uint8_t {
    kFile,         ///< a regular file, which never returns EAGAIN
    kNonBlocking,  ///< a pipe or terminal that was reopened in non-blocking mode
    kSocket,       ///< MSG_DONTWAIT
    kPolled,       ///< could not be reopened: polled before each short write
  };

  [[nodiscard]] std::size_t used() const { return text_.size() - begin_; }
  std::ptrdiff_t write_some(std::string_view text) const;
  void drop(std::string_view lines);
  void add_notice();
  void fail(int error);

  int fd_;
  Fd own_;
  Kind kind_ = Kind::kPolled;
  std::size_t max_bytes_;
  DropNotice notice_;
  std::string text_;
  std::size_t begin_ = 0;
  std::uint64_t dropped_ = 0;
  std::uint64_t unnoticed_ = 0;  ///< dropped since the last notice
  int error_ = 0;
};

/// LineRate: at most `burst` lines at once and one per `period` after that, for lines that another
/// process can cause at will.
class LineRate {
 public:
  explicit LineRate(std::uint32_t burst = 10, Duration period = std::chrono::seconds(1))
      : burst_(burst), period_(period) {}

  /// Returns whether a line may be written now; otherwise counts it.
  bool allow(Time now);
  /// Returns the number of lines that allow() refused since the last call of this function.
  std::uint64_t take_suppressed() { return std::exchange(suppressed_, 0); }

 private:
  std::uint32_t burst_;
  Duration period_;
  std::uint32_t used_ = 0;
  Time refilled_{};
  std::uint64_t suppressed_ = 0;
};

}  // namespace hni::tools
