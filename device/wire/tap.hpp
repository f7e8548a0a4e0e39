// SPDX-License-Identifier: Apache-2.0
// A Linux TAP interface as the card's link partner.
//
// What the host's stack sends to the interface arrives at the card, and the other way round. All
// I/O is non-blocking; `fd()` becomes readable when frames wait. The interface lives in the
// network namespace that the calling thread was in at `open`, and vanishes with the object unless
// it existed before (made persistent by someone else).
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

/// The bare interface: whole frames in and out.
class TapDevice {
 public:
  /// `name`: 1 to 15 characters; a "%d" in it lets the kernel choose a number.
  static tl::expected<TapDevice, WireError> open(const std::string& name);

  TapDevice(TapDevice&& other) noexcept : fd_(other.fd_), name_(std::move(other.name_)) {
    other.fd_ = -1;
  }
  TapDevice& operator=(TapDevice&& other) noexcept;
  TapDevice(const TapDevice&) = delete;
  TapDevice& operator=(const TapDevice&) = delete;
  ~TapDevice();

  enum class Sent : std::uint8_t { kYes, kLater, kRefused };
  /// kLater: the queue is full. kRefused: the interface is down or rejects the frame.
  Sent write(std::span<const std::byte> frame);
  /// The same of several segments at once.
  Sent write(const SegmentJoiner::JoinedPacket& packet);
  /// Bytes of the frame read into `buffer`, 0 when none waits. A frame longer than `buffer` is
  /// cut.
  std::size_t read(std::span<std::byte> buffer);

  /// Interface settings through ioctl; false when the kernel refuses.
  bool set_up(bool up);
  bool set_mtu(unsigned bytes);

  int fd() const { return fd_; }
  const std::string& name() const { return name_; }

 private:
  TapDevice(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
  Sent send(const void* header, std::span<const std::byte> bytes);

  int fd_ = -1;
  std::string name_;
};

struct TapCounters {
  std::uint64_t to_host = 0;    ///< frames that the card sent, taken by the interface
  std::uint64_t refused = 0;    ///< lost: the interface was down
  std::uint64_t from_host = 0;  ///< frames delivered to the card
  std::uint64_t unusable = 0;   ///< from the host, but too short or too long for the card's MAC
};

class TapWire final : public Wire {
 public:
  explicit TapWire(TapDevice device) : device_(std::move(device)) {}

  /// TCP segments that follow each other are held until poll() and cross as one packet.
  bool transmit(std::span<const std::byte> frame, std::uint64_t now_ns) override;
  void set_pause(bool on) override { pause_ = on; }
  bool peer_pause() const override { return false; }
  bool link() const override { return true; }
  /// Frames shorter than 60 bytes are padded with zeros, as a link partner's MAC does.
  unsigned poll(FrameSink& sink, std::uint64_t now_ns, unsigned budget) override;

  TapDevice& device() { return device_; }
  const TapCounters& counters() const { return counters_; }

 private:
  /// Sends what is held; false: the interface takes nothing now.
  bool flush();
  bool count(TapDevice::Sent sent, std::uint32_t frames);

  TapDevice device_;
  bool pause_ = false;
  TapCounters counters_;
  SegmentJoiner joiner_;
  std::array<std::byte, kMaxFrameBytes + 64> buffer_;
};

}  // namespace hni::device
