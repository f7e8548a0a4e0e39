// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Reads the output of `hni trace record`. trace/record.bt describes the lines.

#include <array>
#include <cstdint>
#include <istream>
#include <map>
#include <optional>
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
  kDropped = 'D',
  kRefused = 'X',
  kLink = 'U',
  kMessageSent = 'M',
  kMessageReceived = 'N',
};

struct Event {
  EventKind kind{};
  std::uint8_t port = 0;
  std::uint8_t ring = 0;  ///< RingKind of W, P, C and S; the state of L
  std::uint16_t queue = 0;
  /// W, P, C; of polls the budget; of S the segments; of D the reason; of X the site; of U 1 (up)
  /// or 0; of M and N the message type
  std::uint32_t slot = 0;
  std::uint32_t count = 0;  ///< P, C; of polls the work, of S the bytes; of U the Mbit/s
  std::uint32_t mask = 0;   ///< P, C
  std::uint64_t word = 0;   ///< W; of X the refused value
  std::uint64_t time_us = 0;
};

/// The limits of the values in a recording; the reader refuses larger ones.
inline constexpr std::uint16_t kRecordedQueues = 128;
inline constexpr std::uint8_t kRecordedRings = 8;
inline constexpr std::uint32_t kRecordedRingSize = 65536;

/// Reads a recording event by event, in the order of their numbers (each processor has its own
/// buffer, so lines may be out of order). Memory is bounded for any input.
class RecordingReader {
 public:
  explicit RecordingReader(std::istream& in) : in_(in) {}

  /// Returns the next event; nothing at the end, or at the first error.
  std::optional<Event> next();
  /// After next() returned nothing: empty, or the problem: a line that is not an event, lost
  /// events, a missing end.
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  static constexpr std::size_t kMaxLine = 200;
  static constexpr std::size_t kMaxPending = std::size_t{1} << 18;

  bool read_line(std::string_view& line);
  void parse(std::string_view line);
  void finish();
  void fail(const std::string& what);

  std::istream& in_;
  std::array<char, 65536> buffer_{};
  std::size_t begin_ = 0, end_ = 0;  ///< unread bytes of the buffer
  std::uint64_t line_ = 0;
  std::uint64_t next_number_ = 1;
  std::uint64_t events_ = 0;
  std::optional<std::uint64_t> count_;      ///< from the line "N end"
  std::map<std::uint64_t, Event> pending_;  ///< received before an event with a smaller number
  /// an event is missing; from now on events are only counted
  bool overflowed_ = false;
  bool done_ = false;
  std::string error_;
};

/// Returns all events of a small recording, or what is wrong.
tl::expected<std::vector<Event>, std::string> read_recording(std::string_view text);

}  // namespace hni::trace
