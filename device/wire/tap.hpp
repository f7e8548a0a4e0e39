// SPDX-License-Identifier: Apache-2.0
/// A Linux TAP interface as the card's link partner.
///
/// What the host's stack sends to the interface arrives at the card, and vice versa. All I/O is
/// non-blocking; `fd()` becomes readable when frames wait. The interface is created in the network
/// namespace of the thread that calls `open`, and is removed with the object unless it existed
/// before as a persistent interface.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <tl/expected.hpp>

#include "device/wire.hpp"
#include "device/wire/segment_joiner.hpp"
#include "device/wire/wire_error.hpp"

namespace hni::device {

/// The interface itself: sends and receives whole frames.
class TapDevice {
 public:
  /// Opens an interface.
  /// @param name 1 to 15 characters; a "%d" in it lets the kernel choose a number
  /// @return the interface, or why it failed
  static tl::expected<TapDevice, WireError> open(const std::string& name);

  /// Moves the interface.
  /// @param other is closed afterwards
  TapDevice(TapDevice&& other) noexcept : fd_(other.fd_), name_(std::move(other.name_)) {
    other.fd_ = -1;
  }
  /// Moves the interface.
  /// @param other is closed afterwards
  /// @return this
  TapDevice& operator=(TapDevice&& other) noexcept;
  /// Not copyable: it owns the file descriptor.
  TapDevice(const TapDevice&) = delete;
  /// Not copyable.
  TapDevice& operator=(const TapDevice&) = delete;
  /// Closes the interface.
  ~TapDevice();

  /// Result of a write: sent, queue full (retry later), refused (the interface is down or rejects
  /// the frame).
  enum class Sent : std::uint8_t { kYes, kLater, kRefused };
  /// Sends a frame to the host.
  /// @param frame the bytes
  /// @return the result
  Sent write(std::span<const std::byte> frame);
  /// Sends joined segments to the host.
  /// @param packet the segments
  /// @return the result
  Sent write(const SegmentJoiner::JoinedPacket& packet);
  /// Receives a frame from the host; a longer one than the buffer is cut.
  /// @param buffer receives the bytes
  /// @return its length; 0 if none waits
  std::size_t read(std::span<std::byte> buffer);

  /// Sets the interface up or down.
  /// @param up true: up
  /// @return false if the kernel refuses
  bool set_up(bool up);
  /// Sets the MTU.
  /// @param bytes MTU
  /// @return false if the kernel refuses
  bool set_mtu(unsigned bytes);

  /// @return file descriptor
  int fd() const { return fd_; }
  /// @return name of the interface
  const std::string& name() const { return name_; }

 private:
  TapDevice(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
  Sent send(const void* header, std::span<const std::byte> bytes);

  int fd_ = -1;
  std::string name_;
};

/// Counters of a TAP wire.
struct TapCounters {
  std::uint64_t to_host = 0;    ///< frames of the card that the interface accepted
  std::uint64_t refused = 0;    ///< lost: the interface was down
  std::uint64_t from_host = 0;  ///< frames delivered to the card
  /// frames of the host that were too short or too long for the card's MAC
  std::uint64_t unusable = 0;
};

/// A TAP interface as a wire.
class TapWire final : public Wire {
 public:
  /// Creates the wire.
  /// @param device the interface
  explicit TapWire(TapDevice device) : device_(std::move(device)) {}

  /// Sends a frame; consecutive TCP segments are collected until poll() and sent as one packet.
  /// @param frame the bytes
  /// @param now_ns virtual time
  /// @return false if the interface applies back-pressure
  bool transmit(std::span<const std::byte> frame, std::uint64_t now_ns) override;
  void set_pause(bool on) override { pause_ = on; }
  bool peer_pause() const override { return false; }
  bool link() const override { return true; }
  /// Delivers waiting frames. Frames shorter than 60 bytes are padded with zeros, as a link
  /// partner's MAC does.
  /// @param sink receives the frames
  /// @param now_ns virtual time
  /// @param budget maximum number of frames
  /// @return number delivered
  unsigned poll(FrameSink& sink, std::uint64_t now_ns, unsigned budget) override;

  /// @return the interface
  TapDevice& device() { return device_; }
  /// @return the counters
  const TapCounters& counters() const { return counters_; }

 private:
  /// Sends the collected segments; false if the interface applies back-pressure.
  bool flush();
  bool count(TapDevice::Sent sent, std::uint32_t frames);

  TapDevice device_;
  bool pause_ = false;
  TapCounters counters_;
  SegmentJoiner joiner_;
  std::array<std::byte, kMaxFrameBytes + 64> buffer_;
};

}  // namespace hni::device
