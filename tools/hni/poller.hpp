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

/// The token of the signal descriptor in every loop; other tokens are larger.
inline constexpr std::uint64_t kSignalToken = 1;
/// Upper limit of a wait.
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

  /// `edge`: reported once per arrival instead of as long as data is waiting.
  Outcome<> add(int fd, std::uint64_t token, bool edge = false);
  /// For output: reported as writable once each time that space becomes available. Returns false
  /// for a regular file, which is never full.
  bool add_output(int fd, std::uint64_t token);
  /// Enables or disables reporting of `fd`, for a listener that cannot accept now.
  void mute(int fd, std::uint64_t token, bool muted);
  /// Enables or disables reporting of writability in addition.
  void want_write(int fd, std::uint64_t token, bool want);
  void remove(int fd);

  /// Waits for an event, at most for `longest`; zero polls without waiting. The events are valid
  /// until the next call. The first registered descriptor is reported first; more than 64 events
  /// are reported by the next calls.
  std::span<const Event> wait(Duration longest);

 private:
  Poller() = default;
  void arm(Duration in);

  Fd epoll_;
  Fd timer_;
  std::array<Event, 64> events_{};
};

/// Returns nanoseconds of the monotonic clock.
Time monotonic_now();

}  // namespace hni::tools
