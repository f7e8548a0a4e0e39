// SPDX-License-Identifier: Apache-2.0
#pragma once
/// A file descriptor with one owner. Descriptors that a client sends are closed with their
/// message.

#include <unistd.h>

#include <utility>

namespace hni::device::vfio_user {

/// A file descriptor that is closed with its owner.
class OwnedFd {
 public:
  /// Owns nothing.
  OwnedFd() = default;
  /// Takes ownership.
  /// @param fd file descriptor; -1: none
  explicit OwnedFd(int fd) : fd_(fd) {}
  /// Moves ownership.
  /// @param other owns nothing afterwards
  OwnedFd(OwnedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  /// Closes the own descriptor and moves ownership.
  /// @param other owns nothing afterwards
  /// @return this
  OwnedFd& operator=(OwnedFd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  /// Closes the descriptor.
  ~OwnedFd() { reset(); }

  /// @return the descriptor; -1 if it owns none
  int get() const { return fd_; }
  /// @return true if it owns a descriptor
  explicit operator bool() const { return fd_ >= 0; }
  /// Transfers ownership to the caller.
  /// @return the descriptor; -1 if it owns none
  int release() { return std::exchange(fd_, -1); }
  /// Closes the descriptor now.
  void reset() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

}  // namespace hni::device::vfio_user
