// SPDX-License-Identifier: Apache-2.0
#pragma once

/// VirtualClock: the time of a User Mode Linux kernel in external time-travel mode (Linux,
/// include/uapi/linux/um_timetravel.h). The kernel runs infinitely fast and asks here for each
/// step of time; it is granted when nothing else is due before. So the whole machine, kernel and
/// cards, is repeatable, and no time is spent on waiting.

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
  /// A kernel that neither runs a card nor asks for time for so long, in real time, hangs.
  static constexpr int kMaxSilenceMs = 60'000;

  /// Listens on `path` for one kernel.
  static Outcome<VirtualClock> listen(const std::string& path);

  /// What to poll for: the listener, then the kernel's socket; -1: the kernel is gone.
  int fd() const { return kernel_ ? kernel_.get() : listener_.get(); }
  std::uint64_t now() const { return now_; }
  /// True: the kernel has nothing to do before requested().
  bool waiting() const { return waiting_; }
  std::uint64_t requested() const { return requested_; }

  /// fd() is readable: handles what has arrived. An error: the kernel broke the protocol.
  Outcome<> serve();
  /// Time goes on while the kernel waits, not beyond requested().
  void advance(std::uint64_t to) { now_ = to; }
  /// The last number that the guest wrote to /sys/kernel/um-ext-time/bc-message, if it is new.
  std::optional<std::uint64_t> take_signal() { return std::exchange(signal_, std::nullopt); }
  /// Lets the kernel run, from requested() on. Before `free_until` it need not ask for time.
  Outcome<> grant(std::uint64_t free_until);
  /// The kernel runs, and waits for a reply of ours: from now on it must ask for time from
  /// `free_until` on, if it did not have to before.
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
