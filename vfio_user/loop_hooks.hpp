// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What a server asks of the event loop that owns it: whether its turn is over, and to wait for a
/// client without neglecting signals and the other cards. The protocol code reads no clock for
/// turns.

#include <poll.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <string>

namespace hni::device::vfio_user {

/// Why a wait ended without the event.
struct WaitEnd {
  std::string why;     ///< one line
  bool breach = true;  ///< the client is to blame
};

/// The event loop as a server sees it; this one never ends a turn.
class LoopHooks {
 public:
  /// The loop outlives its servers.
  virtual ~LoopHooks() = default;

  /// Tests whether the turn has used up its time; the rest of the work waits for the next one.
  /// @return true if so
  virtual bool turn_spent() { return false; }

  /// Waits for a descriptor.
  /// @param fd the descriptor
  /// @param events events of poll()
  /// @param patience limit
  /// @return nullopt if it is ready, or worth a try
  virtual std::optional<WaitEnd> wait(int fd, short events, std::chrono::milliseconds patience) {
    pollfd one{fd, events, 0};
    const bool ready = patience.count() > 0 &&
                       (::poll(&one, 1, static_cast<int>(patience.count())) > 0 || errno == EINTR);
    if (ready) return std::nullopt;
    return WaitEnd{"no answer to a DMA message", true};
  }

  /// For owners without a loop: tests, the fuzzer.
  /// @return the same object each time
  static LoopHooks& none() {
    static LoopHooks hooks;
    return hooks;
  }
};

}  // namespace hni::device::vfio_user
