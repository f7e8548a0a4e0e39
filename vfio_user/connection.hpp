// SPDX-License-Identifier: Apache-2.0
#pragma once
// One vfio-user connection: whole messages with their file descriptors, over a non-blocking stream
// socket. Both sides use it. The other side is not trusted: a length that is no message, more
// descriptors than agreed, and the end in the middle of a message all break the connection, with
// one line that says why.
//
// Which message do descriptors belong to? A stream has no borders, but the kernel ends a read
// after the bytes that carried descriptors. So they belong to the last message that has a byte in
// that read.

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

namespace hni::device::vfio_user {

/// A received message. `payload` is valid until the next call of Connection::next().
struct Message {
  Header header{};
  std::span<const std::byte> payload;
  std::vector<OwnedFd> fds;
};

class Connection {
 public:
  explicit Connection(OwnedFd socket);

  int fd() const { return socket_.get(); }

  /// Reads what has arrived, without blocking. False: nothing came.
  bool fill();
  /// The next whole message, if there is one.
  std::optional<Message> next();

  /// Queues a message and sends as much as the socket takes.
  void send(const Header& header, std::span<const std::byte> payload,
            std::span<const std::byte> more = {}, std::span<const int> fds = {});
  /// Sends more of what the socket did not take.
  void flush();
  /// Bytes that wait for the other side to read. Whoever serves it stops until they are gone, so
  /// that a client that never reads costs no memory.
  std::size_t unsent() const { return out_.size() - out_at_; }

  /// The other side broke the protocol, in a way that only its partner sees.
  void refuse(std::string why) { fail(std::move(why), true); }
  bool broken() const { return !why_.empty(); }
  /// True: the other side broke the protocol; false: it went away, in order or in the middle.
  bool breach() const { return breach_; }
  const std::string& why() const { return why_; }

 private:
  struct Arrived {
    std::uint64_t at;  ///< the last byte of the read that carried them
    std::vector<OwnedFd> fds;
  };

  static constexpr std::size_t kBuffer = 2 * kMaxMessage;
  static constexpr std::size_t kMaxWaitingFds = 64;

  /// Ends the connection; the first reason stays.
  void fail(std::string why, bool breach = false);
  void take_fds(std::vector<OwnedFd>& into, std::uint64_t end);
  void end_of_stream();

  OwnedFd socket_;
  std::vector<std::byte> in_;
  std::size_t in_begin_ = 0;
  std::size_t in_end_ = 0;
  std::uint64_t consumed_ = 0;  ///< bytes of all messages that were handed out
  std::deque<Arrived> arrived_;
  std::size_t waiting_fds_ = 0;
  std::vector<std::byte> out_;
  std::size_t out_at_ = 0;
  std::string why_;
  bool breach_ = false;
};

}  // namespace hni::device::vfio_user
