// SPDX-License-Identifier: Apache-2.0
// What the card's port is plugged into: a cable, a TAP interface, capture files, or itself.
//
// Frames on this interface are whole Ethernet frames without preamble and without FCS: at least 14
// bytes, at most kMaxFrameBytes. Pause is a state and not a frame: `set_pause(true)` stands for an
// XOFF that is kept refreshed until `set_pause(false)`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hni::device {

/// Longest frame that the card's MAC accepts, without FCS (0x260e) [device 8.4].
inline constexpr std::size_t kMaxFrameBytes = 0x260e;
/// Shortest frame on a wire, without FCS: the MAC pads up to this [device 12.6].
inline constexpr std::size_t kMinFrameBytes = 60;
/// A frame shorter than one Ethernet header has no meaning on any wire.
inline constexpr std::size_t kEthernetHeaderBytes = 14;

/// Takes the frames that a wire delivers. The card is one.
class FrameSink {
 public:
  virtual ~FrameSink() = default;

  /// `frame` is valid only during the call. False: the sink had no room; it has counted the drop
  /// and the frame is gone. A wire that must not lose frames looks at its pause state first.
  virtual bool receive(std::span<const std::byte> frame, std::uint64_t now_ns) = 0;
};

/// One end of something that carries frames. Owned by whoever built the card; one card an end.
class Wire {
 public:
  virtual ~Wire() = default;

  /// Sends one frame; it is copied or consumed before the call returns. False: not taken now (the
  /// peer asked for pause, or the queue to it is full); the caller keeps it and tries again later.
  virtual bool transmit(std::span<const std::byte> frame, std::uint64_t now_ns) = 0;

  /// Our card asks the peer to stop sending (true) or to go on (false).
  virtual void set_pause(bool on) = 0;

  /// True while the peer asks us to stop. The card obeys unless MAC_COMMAND_CONFIG.RX_PAUSE_DIS.
  virtual bool peer_pause() const = 0;

  /// True while there is light: both ends are plugged in.
  virtual bool link() const = 0;

  /// Delivers up to `budget` waiting frames to `sink`, none while our own pause is asserted.
  /// Returns how many were delivered. Never blocks.
  virtual unsigned poll(FrameSink& sink, std::uint64_t now_ns, unsigned budget) = 0;
};

}  // namespace hni::device
