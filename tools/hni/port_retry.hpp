// SPDX-License-Identifier: Apache-2.0
#pragma once

/// PortRetry: starts a failed port again, ever more rarely.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "driver/core/types.hpp"
#include "driver/port_config.hpp"

namespace hni::tools {

/// A port fails when its firmware does not answer after a reset. The other ports
/// continue, and this one is started again after 1 s, 2 s, 4 s, ... at most 60 s, because the
/// firmware may recover. Once the port has run, the next wait is 1 s again.
class PortRetry {
 public:
  static constexpr Duration kFirstWait = std::chrono::seconds(1);
  static constexpr Duration kLongestWait = std::chrono::seconds(60);

  /// Call once a turn.
  /// @param port has state(), error() and start(), as Port does
  /// @param now current time
  /// @return one line when the port has failed
  template <class Port>
  std::optional<std::string> turn(Port& port, Time now) {
    const PortState state = port.state();
    if (state == PortState::kRunning) wait_ = kFirstWait;
    if (state != PortState::kFailed || stopped_) return std::nullopt;
    if (due_ == Time::max()) {
      due_ = now + wait_;
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(wait_).count();
      wait_ = std::min(2 * wait_, kLongestWait);
      return fmt::format("failed: {}; starting it again in {} s", port.error().text(), seconds);
    }
    if (now < due_) return std::nullopt;
    due_ = Time::max();
    ++starts_;
    port.start(now);
    return std::nullopt;
  }
  /// Ends the retries: a port that is to stop stays failed.
  void stop() {
    stopped_ = true;
    due_ = Time::max();
  }
  /// @return when the next start is due, or Time::max()
  [[nodiscard]] Time deadline() const { return due_; }
  /// @return starts of the failed port so far
  [[nodiscard]] std::uint64_t starts() const { return starts_; }

 private:
  Duration wait_ = kFirstWait;
  Time due_ = Time::max();
  std::uint64_t starts_ = 0;
  bool stopped_ = false;
};

}  // namespace hni::tools
