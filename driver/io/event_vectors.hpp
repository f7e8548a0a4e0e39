// SPDX-License-Identifier: Apache-2.0
#pragma once

/// EventVectors: one eventfd per MSI-X vector of a device in another process, and one descriptor
/// to wait on for all of them.

#include <cstdint>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "vfio_user/owned_fd.hpp"

namespace hni::io {

/// The vectors of one device.
class EventVectors {
 public:
  /// Opens the eventfds.
  /// @param count number of vectors
  /// @return an error of one line
  tl::expected<void, std::string> open(unsigned count);

  /// @return number of vectors
  [[nodiscard]] unsigned count() const { return static_cast<unsigned>(eventfds_.size()); }
  /// Returns the eventfd of a vector.
  /// @param vector 0 .. count() - 1
  /// @return file descriptor; owned by this object
  [[nodiscard]] int eventfd(unsigned vector) const { return eventfds_[vector].get(); }
  /// @return file descriptor that is readable while a vector is pending
  [[nodiscard]] int waitable() const { return epoll_.get(); }
  /// Fetches pending vectors, each once.
  /// @return at most 64; valid until the next call
  std::span<const std::uint16_t> take();

 private:
  device::vfio_user::OwnedFd epoll_;
  std::vector<device::vfio_user::OwnedFd> eventfds_;
  std::vector<std::uint16_t> fired_;
};

}  // namespace hni::io
