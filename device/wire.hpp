// SPDX-License-Identifier: Apache-2.0
/// What the card's port is plugged into: a cable, a TAP interface, capture files, or itself.
///
/// Frames on this interface are whole Ethernet frames without preamble and FCS: at least 14 bytes,
/// at most kMaxFrameBytes. Pause is a state, not a frame: `set_pause(true)` stands for an XOFF
/// that is refreshed until `set_pause(false)`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hni::device {

/// Longest frame that the card's MAC accepts, without FCS (0x260e) [device 8.4].
inline constexpr std::size_t kMaxFrameBytes = 0x260e;
/// Shortest frame on a wire, without FCS: the MAC pads up to this [device 12.6].
inline constexpr std::size_t kMinFrameBytes = 60;
/// A frame shorter than one Ethernet header is invalid on any wire.
inline constexpr std::size_t kEthernetHeaderBytes = 14;

/// Receives the frames that a wire delivers. The card implements it.
class FrameSink {
 public:
  /// Destroys the sink.
  virtual ~FrameSink() = default;

  /// Receives a frame. A wire that must not lose frames checks its pause state first.
  /// @param frame valid during the call only
  /// @param now_ns virtual time
  /// @return false if the sink had no room; it has counted and dropped the frame
  virtual bool receive(std::span<const std::byte> frame, std::uint64_t now_ns) = 0;

  /// Tests for room, for a wire whose frames can wait: a file.
  /// @param frame whole frame without FCS
  /// @return false if receive() would drop it now, but not once the driver has served its rings
  virtual bool has_room([[maybe_unused]] std::span<const std::byte> frame) { return true; }
};

/// One end of something that carries frames; at most one card per end. Owned by the creator of the
/// card.
class Wire {
 public:
  /// Destroys the end.
  virtual ~Wire() = default;

  /// Sends a frame; it is copied or consumed before the call returns.
  /// @param frame the bytes
  /// @param now_ns virtual time
  /// @return false if it is not accepted now (the peer requests pause, or the queue to it is
  ///     full); the caller keeps it and retries
  virtual bool transmit(std::span<const std::byte> frame, std::uint64_t now_ns) = 0;

  /// Requests the peer to pause.
  /// @param on true: stop, false: resume
  virtual void set_pause(bool on) = 0;

  /// @return true while the peer requests pause. The card obeys unless
  ///     MAC_COMMAND_CONFIG.RX_PAUSE_DIS.
  virtual bool peer_pause() const = 0;

  /// @return true while there is light: both ends are plugged in
  virtual bool link() const = 0;

  /// Delivers waiting frames, none while the card asserts pause. Never blocks.
  /// @param sink receives the frames
  /// @param now_ns virtual time
  /// @param budget maximum number of frames
  /// @return number delivered
  virtual unsigned poll(FrameSink& sink, std::uint64_t now_ns, unsigned budget) = 0;
};

}  // namespace hni::device
