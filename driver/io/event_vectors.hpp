// SPDX-License-Identifier: Apache-2.0
#pragma once

/// EventVectors: one eventfd for each MSI-X vector of a card that is not in this process, and one
/// descriptor to wait on for all of them.

#include <cstdint>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "vfio_user/owned_fd.hpp"

namespace hni::io {

class EventVectors {
 public:
  /// `count` eventfds, numbered from 0. An error is one line.
  tl::expected<void, std::string> open(unsigned count);

  [[nodiscard]] unsigned count() const { return static_cast<unsigned>(eventfds_.size()); }
  [[nodiscard]] int eventfd(unsigned vector) const { return eventfds_[vector].get(); }
  /// Readable while a vector has fired.
  [[nodiscard]] int waitable() const { return epoll_.get(); }
  /// The vectors that fired since the last call, each once, at most 64; valid until the next call.
  std::span<const std::uint16_t> take();

 private:
  device::vfio_user::OwnedFd epoll_;
  std::vector<device::vfio_user::OwnedFd> eventfds_;
  std::vector<std::uint16_t> fired_;
};

}  // namespace hni::io
