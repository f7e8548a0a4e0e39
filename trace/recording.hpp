// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What `hni trace record` writes, read again. trace/record.bt says what the lines mean.

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace hni::trace {

enum class EventKind : char {
  kCompletion = 'W',
  kReceivePoll = 'R',
  kTransmitPoll = 'T',
  kSent = 'S',
  kPosted = 'P',
  kReturned = 'C',
  kQueueReset = 'Q',
  kState = 'L',
};

struct Event {
  EventKind kind{};
  std::uint8_t port = 0;
  std::uint8_t ring = 0;  ///< RingKind of W, P, C and S; the state of L
  std::uint16_t queue = 0;
  std::uint32_t slot = 0;   ///< W, P, C; of polls the budget, of S the segments
  std::uint32_t count = 0;  ///< P, C; of polls the work, of S the bytes
  std::uint32_t mask = 0;   ///< P, C
  std::uint64_t word = 0;   ///< W
  std::uint64_t time_us = 0;
};

/// All events in the order in which they happened, or what is wrong: a line that means nothing,
/// events that were lost, no end.
tl::expected<std::vector<Event>, std::string> read_recording(std::string_view text);

}  // namespace hni::trace
