// SPDX-License-Identifier: Apache-2.0
#pragma once
/// One vfio-user connection: whole messages with their file descriptors, over a non-blocking
/// stream socket. Both sides use it. The peer is not trusted: an invalid length, more descriptors
/// than agreed, and an end of file within a message all break the connection, with one line that
/// gives the reason.
///
/// A stream has no message boundaries, but the kernel ends a read after the bytes that carried
/// descriptors. So descriptors belong to the last message that has a byte in that read.

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vfio_user/owned_fd.hpp"
#include "vfio_user/protocol.hpp"
#include "vfio_user/socket_calls.hpp"

namespace hni::device::vfio_user {

/// A received message. `payload` is valid until the next call of Connection::next().
struct Message {
  /// Its header.
  Header header{};
  /// Bytes after the header.
  std::span<const std::byte> payload;
  /// File descriptors that arrived with it.
  std::vector<OwnedFd> fds;
};

/// One end of a connection.
class Connection {
 public:
  /// Takes over a connected socket.
  /// @param socket made non-blocking
  /// @param calls system calls on it; must outlive the connection
  explicit Connection(OwnedFd socket, SocketCalls& calls = SocketCalls::system());

  /// @return file descriptor of the socket
  int fd() const { return socket_.get(); }

  /// Reads what has arrived, without blocking.
  /// @return false if nothing arrived
  bool fill();
  /// Removes the next whole message.
  /// @return nullopt if there is none
  std::optional<Message> next();

  /// Queues a message and sends as much as the socket accepts.
  /// @param header header; the lengths must match
  /// @param payload first part of the payload
  /// @param more second part of the payload
  /// @param fds file descriptors; stay open
  void send(const Header& header, std::span<const std::byte> payload,
            std::span<const std::byte> more = {}, std::span<const int> fds = {});
  /// Sends more of what is queued.
  void flush();
  /// Bytes that the peer has not read. A server must not serve a client until they are read, so
  /// that a client that never reads costs no memory.
  /// @return bytes
  std::size_t unsent() const { return out_.size() - out_at_; }

  /// Breaks the connection for a protocol violation that only the caller detects.
  /// @param why the reason, one line
  void refuse(std::string why) { fail(std::move(why), true); }
  /// Breaks the connection for a reason that is not the peer's.
  /// @param why the reason, one line
  void abandon(std::string why) { fail(std::move(why), false); }
  /// @return true once the connection is broken
  bool broken() const { return !why_.empty(); }
  /// @return true if the peer violated the protocol; false if it disconnected
  bool breach() const { return breach_; }
  /// @return why the connection is broken; empty if it is not
  const std::string& why() const { return why_; }

 private:
  struct Arrived {
    std::uint64_t at;  ///< the last byte of the read that carried them
    std::vector<OwnedFd> fds;
  };

  static constexpr std::size_t kBuffer = 2 * kMaxMessage;
  static constexpr std::size_t kMaxWaitingFds = 64;

  /// Breaks the connection; the first reason is kept.
  void fail(std::string why, bool breach = false);
  void take_fds(std::vector<OwnedFd>& into, std::uint64_t end);
  void end_of_stream();

  OwnedFd socket_;
  SocketCalls* calls_;
  std::vector<std::byte> in_;
  std::size_t in_begin_ = 0;
  std::size_t in_end_ = 0;
  std::uint64_t consumed_ = 0;  ///< bytes of all messages that next() returned
  std::deque<Arrived> arrived_;
  std::size_t waiting_fds_ = 0;
  std::vector<std::byte> out_;
  std::size_t out_at_ = 0;
  std::string why_;
  bool breach_ = false;
};

}  // namespace hni::device::vfio_user
