// SPDX-License-Identifier: Apache-2.0
// A cable between two cards in different processes: a Unix socket that keeps the borders of
// frames.
//
// The first end listens at a path, the second one finds it there; when one leaves, the other waits
// for the next. There is light while both are there. The peer is not trusted: what is no frame is
// counted and dropped.
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

struct SocketCableCounters {
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::uint64_t lost = 0;      ///< sent into a dark cable
  std::uint64_t unusable = 0;  ///< from the peer, but no frame
  std::uint64_t peers = 0;     ///< that came so far
};

class SocketCable final : public Wire {
 public:
  static tl::expected<std::unique_ptr<SocketCable>, WireError> open(const std::string& path);
  ~SocketCable() override;
  SocketCable(const SocketCable&) = delete;
  SocketCable& operator=(const SocketCable&) = delete;

  bool transmit(std::span<const std::byte> frame, std::uint64_t now_ns) override;
  void set_pause(bool on) override;
  bool peer_pause() const override { return peer_pause_; }
  bool link() const override { return peer_ >= 0; }
  unsigned poll(FrameSink& sink, std::uint64_t now_ns, unsigned budget) override;

  /// Readable when something is to be polled. It stays the same as peers come and go.
  int fd() const { return watch_; }
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
  bool told_pause_ = false;  ///< what the peer knows of pause_
  bool peer_pause_ = false;
  std::uint64_t next_look_ns_ = 0;
  SocketCableCounters counters_;
  std::array<std::byte, kMaxFrameBytes + 2> buffer_{};
};

}  // namespace hni::device
