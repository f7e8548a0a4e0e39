// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The system calls of a connection, as an interface, so that a test can simulate short reads,
/// full buffers and dead peers. None of them blocks.

#include <sys/socket.h>
#include <sys/types.h>

namespace hni::device::vfio_user {

/// The calls of the kernel.
class SocketCalls {
 public:
  /// The object must outlive its connections.
  virtual ~SocketCalls() = default;

  /// Calls recvmsg().
  /// @param fd the socket
  /// @param message as for recvmsg()
  /// @return bytes, or -1 with errno
  virtual ssize_t receive(int fd, msghdr* message) {
    return ::recvmsg(fd, message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  }
  /// Calls sendmsg().
  /// @param fd the socket
  /// @param message as for sendmsg()
  /// @return bytes, or -1 with errno
  virtual ssize_t send(int fd, const msghdr* message) {
    return ::sendmsg(fd, message, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  /// Calls accept4().
  /// @param listener the listening socket
  /// @return descriptor, or -1 with errno
  virtual int accept(int listener) {
    return ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  }

  /// @return the calls of the kernel, the same object each time
  static SocketCalls& system() {
    static SocketCalls calls;
    return calls;
  }
};

}  // namespace hni::device::vfio_user
