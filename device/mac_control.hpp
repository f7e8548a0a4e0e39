// SPDX-License-Identifier: Apache-2.0
// MAC control frames (IEEE 802.3, clause 31): EtherType 0x8808, then an opcode of 16 bits. Opcode
// 1 is PAUSE: the receiver of one does not send for so many times 512 bit times.
//
// INTERPRETATION: the card's MAC counts them in both directions, for any sender, and keeps those
// that it receives to itself, but for PAUSE with PAUSE_FWD and others with CNTL_FRAME_ENA.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hni::device {

/// What a frame is to the MAC.
struct MacControl {
  bool control = false;      ///< a MAC control frame
  bool pause = false;        ///< a PAUSE for this station
  std::uint16_t quanta = 0;  ///< of a PAUSE
};

/// Classifies a frame.
/// @param frame the frame, at least 14 bytes
/// @return what it is to the MAC
inline MacControl mac_control_of(std::span<const std::byte> frame) {
  constexpr std::size_t kType = 12;
  const auto word = [&](std::size_t at) {
    return static_cast<std::uint16_t>(static_cast<unsigned>(frame[at]) << 8 |
                                      static_cast<unsigned>(frame[at + 1]));
  };
  if (word(kType) != 0x8808) return {};
  if (frame.size() < 18 || word(14) != 1) return {true, false, 0};
  // To the group 01-80-c2-00-00-01, or to a station.
  const bool group = word(0) == 0x0180 && word(2) == 0xc200 && word(4) == 0x0001;
  const bool station = (frame[0] & std::byte{1}) == std::byte{0};
  return {true, group || station, word(16)};
}

/// Converts the time of a PAUSE.
/// @param quanta of 512 bit times
/// @param mbps speed of the link
/// @return nanoseconds
constexpr std::uint64_t pause_ns(std::uint16_t quanta, std::uint64_t mbps) {
  return mbps == 0 ? 0 : std::uint64_t{quanta} * 512 * 1000 / mbps;
}

}  // namespace hni::device
