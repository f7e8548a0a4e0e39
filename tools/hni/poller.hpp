// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Poller: epoll with a timer of nanosecond resolution.

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <span>

#include "driver/core/types.hpp"
#include "tools/hni/fd.hpp"
#include "tools/hni/problem.hpp"

namespace hni::tools {

/// What every loop calls the descriptor of its signals; its other tokens are larger.
inline constexpr std::uint64_t kSignalToken = 1;
/// Nobody waits longer without looking up.
inline constexpr Duration kLongestSleep = std::chrono::seconds(3600);

class Poller {
 public:
  struct Event {
    std::uint64_t token = 0;
    bool readable = false;
    bool writable = false;
    bool hung_up = false;
  };

  static Outcome<Poller> create();

  /// `edge`: told once per arrival instead of as long as something waits.
  Outcome<> add(int fd, std::uint64_t token, bool edge = false);
  /// For output: reported as writable once per time that there is room again. False: a regular
  /// file, which is never full.
  bool add_output(int fd, std::uint64_t token);
  /// Whether `fd` is reported at all, for a listener that cannot accept now.
  void mute(int fd, std::uint64_t token, bool muted);
  /// Whether to hear of room to write, too.
  void want_write(int fd, std::uint64_t token, bool want);
  void remove(int fd);

  /// Waits until something happens, at most for `longest`; zero: only looks. The events are valid
  /// until the next call. The first is told first; more than 64 come with the next calls.
  std::span<const Event> wait(Duration longest);

 private:
  Poller() = default;
  void arm(Duration in);

  Fd epoll_;
  Fd timer_;
  std::array<Event, 64> events_{};
};

/// Nanoseconds on the clock that never goes back.
Time monotonic_now();

}  // namespace hni::tools
