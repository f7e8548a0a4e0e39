// SPDX-License-Identifier: Apache-2.0
#pragma once

/// LogQueue: text output that never waits for its reader. A full pipe, a stopped terminal and a
/// full disk cost lines, which are counted, and never the time of the event loop.
///
/// Use: print() whole lines from anywhere in the loop, flush() once per turn, poll fd() for room
/// to write while waiting(), finish() before the process ends. The process ignores SIGPIPE.

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

  /// Formats the line (with its line feed) that stands where `lines` lines were dropped.
  using DropNotice = std::function<std::string(std::uint64_t lines)>;

  /// Writes to `fd`, which outlives the queue; at most `max_bytes` wait for the reader. The flags
  /// of `fd` stay as they are: other processes may share its open file description.
  explicit LogQueue(int fd, std::size_t max_bytes = kMaxBytes, DropNotice notice = {});

  /// Queues whole lines, each with its line feed, as one unit: either all are queued or all are
  /// dropped and counted. Returns false if they were dropped.
  bool print(std::string_view lines);
  /// Writes as much as the descriptor accepts without blocking. Returns true if nothing is left.
  bool flush();
  /// Gives the reader up to `patience` to accept what is left. Returns true if every line that
  /// was ever printed has been written.
  bool finish(std::chrono::milliseconds patience);

  /// The descriptor to poll for room to write while waiting(); not that of the constructor.
  [[nodiscard]] int fd() const { return own_ ? own_.get() : fd_; }
  [[nodiscard]] bool waiting() const { return used() != 0; }
  /// False for regular files, which epoll refuses; flush() leaves nothing behind there.
  [[nodiscard]] bool pollable() const { return kind_ != Kind::kFile; }

  /// Lines that were not written and never will be.
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }
  /// The errno value that ended the output (EPIPE: the reader left; ENOSPC: disk full), or 0.
  [[nodiscard]] int error() const { return error_; }

 private:
  enum class Kind : std::uint8_t {
    kFile,         ///< never full in the sense of EAGAIN
    kNonBlocking,  ///< a pipe or terminal that was opened once more, without blocking
    kSocket,       ///< MSG_DONTWAIT
    kPolled,       ///< could not be opened once more: polled before each short write
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

  /// True if a line may be written now; otherwise it is counted.
  bool allow(Time now);
  /// Lines that allow() refused since the last call of this function.
  std::uint64_t take_suppressed() { return std::exchange(suppressed_, 0); }

 private:
  std::uint32_t burst_;
  Duration period_;
  std::uint32_t used_ = 0;
  Time refilled_{};
  std::uint64_t suppressed_ = 0;
};

}  // namespace hni::tools
