// SPDX-License-Identifier: Apache-2.0
#pragma once

/// VirtualClock: the time of a User Mode Linux kernel in external time-travel mode (Linux,
/// include/uapi/linux/um_timetravel.h). The kernel runs infinitely fast and requests each step of
/// time here; a step is granted when no other event is due before it. So the whole machine, kernel
/// and cards, is reproducible, and no real time is spent waiting.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "tools/hni/fd.hpp"
#include "tools/hni/problem.hpp"

namespace hni::tools {

class VirtualClock {
 public:
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};
  /// A kernel that for this long, in real time, neither accesses a card nor requests time is
  /// considered hung.
  static constexpr int kMaxSilenceMs = 60'000;

  /// Listens on `path` for one kernel.
  static Outcome<VirtualClock> listen(const std::string& path);

  /// Returns the descriptor to poll: the listener, then the kernel's socket; -1: the kernel has
  /// exited.
  int fd() const { return kernel_ ? kernel_.get() : listener_.get(); }
  std::uint64_t now() const { return now_; }
  /// Returns true if the kernel is idle before requested().
  bool waiting() const { return waiting_; }
  std::uint64_t requested() const { return requested_; }

  /// Handles what has arrived; call when fd() is readable. Returns an error if the kernel violated
  /// the protocol.
  Outcome<> serve();
  /// Advances the time while the kernel waits, but not beyond requested().
  void advance(std::uint64_t to) { now_ = to; }
  /// Returns the last number that the guest wrote to /sys/kernel/um-ext-time/bc-message, if it is
  /// new.
  std::optional<std::uint64_t> take_signal() { return std::exchange(signal_, std::nullopt); }
  /// Lets the kernel run from requested() on. Before `free_until` it need not request time.
  Outcome<> grant(std::uint64_t free_until);
  /// Call while the kernel runs and waits for a reply of this process: the kernel must request time
  /// from `free_until` on, if it did not have to before.
  Outcome<> limit(std::uint64_t free_until);

 private:
  struct Message;

  Outcome<> handle(const Message& message);
  Outcome<> send(const Message& message);

  Fd listener_;
  Fd kernel_;
  std::uint64_t now_ = 0;
  std::uint64_t requested_ = kNever;
  std::uint64_t free_until_ = 0;
  std::uint32_t sequence_ = 0;
  std::uint32_t acknowledged_ = 0;
  bool waiting_ = false;
  std::optional<std::uint64_t> signal_;
};

}  // namespace hni::tools
