// SPDX-License-Identifier: Apache-2.0
#pragma once
// One vhost-user connection: whole messages with their file descriptors, over a non-blocking
// stream socket. The front-end is not trusted: an invalid length, more descriptors than the
// protocol allows, or an end of file within a message breaks the connection, with one line that
// gives the reason. Descriptors belong to the message that has a byte in the read that delivered
// them.

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vfio_user/owned_fd.hpp"
#include "vhost_user/protocol.hpp"

namespace hni::device::vhost_user {

using vfio_user::OwnedFd;

/// A received message. `payload` is valid until the next call of Connection::next().
struct Message {
  Header header{};
  std::span<const std::byte> payload;
  std::vector<OwnedFd> fds;
};

class Connection {
 public:
  explicit Connection(OwnedFd socket) : socket_(std::move(socket)) {}

  int fd() const { return socket_.get(); }

  /// Reads and returns the next whole message, without blocking.
  std::optional<Message> next();

  /// Sends a message. The front-end waits for each reply, so a full socket breaks the connection.
  void send(const Header& header, std::span<const std::byte> payload);

  bool broken() const { return !why_.empty(); }
  /// Returns true if the front-end violated the protocol, false if it closed the connection.
  bool breach() const { return breach_; }
  const std::string& why() const { return why_; }

 private:
  /// Ends the connection; the first reason is kept.
  void fail(std::string why, bool breach);
  /// Returns false if nothing arrived.
  bool fill(std::size_t wanted);

  OwnedFd socket_;
  std::array<std::byte, sizeof(Header) + kMaxPayload> in_{};
  std::size_t have_ = 0;
  std::size_t handed_out_ = 0;
  std::vector<OwnedFd> fds_;
  std::string why_;
  bool breach_ = false;
};

}  // namespace hni::device::vhost_user
