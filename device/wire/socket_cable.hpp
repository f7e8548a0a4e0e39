// SPDX-License-Identifier: Apache-2.0
/// A cable between two cards in different processes: a Unix socket that preserves frame
/// boundaries.
///
/// The first end listens at a path, the second one connects to it; when one leaves, the other
/// waits for the next. There is light while both are connected. The peer is not trusted: malformed
/// datagrams are counted and dropped.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <tl/expected.hpp>

#include "device/wire.hpp"
#include "device/wire/wire_error.hpp"

namespace hni::device {

/// Counters of one end.
struct SocketCableCounters {
  std::uint64_t sent = 0;      ///< frames sent
  std::uint64_t received = 0;  ///< frames received
  std::uint64_t lost = 0;      ///< sent without light
  std::uint64_t unusable = 0;  ///< malformed datagrams received
  std::uint64_t peers = 0;     ///< connections so far
};

/// One end of the cable.
class SocketCable final : public Wire {
 public:
  /// Connects to the other end, or listens for it.
  /// @param path path of the socket
  /// @return the end, or why it failed
  static tl::expected<std::unique_ptr<SocketCable>, WireError> open(const std::string& path);
  /// Disconnects; removes the path if this end listens.
  ~SocketCable() override;
  /// Not copyable: it owns the socket.
  SocketCable(const SocketCable&) = delete;
  /// Not copyable.
  SocketCable& operator=(const SocketCable&) = delete;

  bool transmit(std::span<const std::byte> frame, std::uint64_t now_ns) override;
  void set_pause(bool on) override;
  bool peer_pause() const override { return peer_pause_; }
  bool link() const override { return peer_ >= 0; }
  unsigned poll(FrameSink& sink, std::uint64_t now_ns, unsigned budget) override;

  /// @return file descriptor that is readable when poll() has work; constant across connections
  int fd() const { return watch_; }
  /// @return the counters
  const SocketCableCounters& counters() const { return counters_; }

 private:
  explicit SocketCable(std::string path) : path_(std::move(path)) {}

  enum class Kind : std::uint8_t { kFrame, kPause, kGo };

  bool start();
  bool join();
  bool wait_for_peer();
  void meet(int peer);
  void lose_peer();
  void look_for_peer(std::uint64_t now_ns);
  void tell(Kind kind);
  bool watch_fd(int fd) const;

  std::string path_;
  int watch_ = -1;  ///< an epoll descriptor over the two below
  int listener_ = -1;
  int peer_ = -1;
  bool pause_ = false;
  bool told_pause_ = false;  ///< last value of pause_ that was sent to the peer
  bool peer_pause_ = false;
  std::uint64_t next_look_ns_ = 0;
  SocketCableCounters counters_;
  std::array<std::byte, kMaxFrameBytes + 2> buffer_{};
};

}  // namespace hni::device
