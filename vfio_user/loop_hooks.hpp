// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Services of the event loop for the servers that it owns: whether the server's time slice is
/// over, and waiting for a client while signals and other cards are still served. The protocol
/// code itself does not read a clock for time slices.

#include <poll.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <string>

namespace hni::device::vfio_user {

/// The reason why a wait ended without the event.
struct WaitEnd {
  std::string why;     ///< one line
  bool breach = true;  ///< the client exceeded its limit
};

/// The event loop as seen by a server. This default implementation never ends a time slice.
class LoopHooks {
 public:
  /// The loop must outlive its servers.
  virtual ~LoopHooks() = default;

  /// Tests whether the time slice is used up; the remaining work then waits for the next one.
  /// @return true if so
  virtual bool turn_spent() { return false; }

  /// Waits for a descriptor.
  /// @param fd the descriptor
  /// @param events events of poll()
  /// @param patience longest wait; negative: no limit
  /// @return nullopt if it is ready or may be ready
  virtual std::optional<WaitEnd> wait(int fd, short events, std::chrono::milliseconds patience) {
    pollfd one{fd, events, 0};
    const bool ready = patience.count() > 0 &&
                       (::poll(&one, 1, static_cast<int>(patience.count())) > 0 || errno == EINTR);
    if (ready) return std::nullopt;
    return WaitEnd{"no answer to a DMA message", true};
  }

  /// Returns the default implementation, for owners without a loop: tests, the fuzzer.
  /// @return the same object each time
  static LoopHooks& none() {
    static LoopHooks hooks;
    return hooks;
  }
};

}  // namespace hni::device::vfio_user
