// SPDX-License-Identifier: Apache-2.0
#include "trace/recording.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <sstream>
#include <utility>

namespace hni::trace {
namespace {

/// Splits a line into words; words beyond `most` are ignored.
template <std::size_t most>
std::size_t split(std::string_view line, std::array<std::string_view, most>& words) {
  std::size_t n = 0;
  while (n < most && !line.empty()) {
    const auto end = std::min(line.find(' '), line.size());
    if (end != 0) words[n++] = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return n;
}

template <class Number>
bool read(std::string_view word, int base, Number& number) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number, base);
  return error == std::errc{} && end == word.data() + word.size();
}

using Words = std::array<std::string_view, 9>;

bool is_ring(const Event& e) {
  return e.ring < kRecordedRings && (e.mask & (e.mask + 1)) == 0 && e.mask < kRecordedRingSize &&
         e.slot <= e.mask && e.count <= e.mask + 1;
}

/// Parses everything after number and time; returns false if it is not an event of a driver.
bool read_event(const Words& w, std::size_t n, Event& e) {
  if (n < 5 || w[2].size() != 1 || !read(w[3], 10, e.port)) return false;
  e.kind = static_cast<EventKind>(w[2][0]);
  switch (e.kind) {
    case EventKind::kState:
      return n == 5 && read(w[4], 10, e.ring);
    case EventKind::kLink:
      return n == 6 && read(w[4], 10, e.slot) && read(w[5], 10, e.count);
    case EventKind::kRefused:
      return n == 6 && read(w[4], 10, e.slot) && read(w[5], 16, e.word);
    case EventKind::kMessageSent:
    case EventKind::kMessageReceived:
      return n == 5 && read(w[4], 16, e.slot);
    default:
      break;
  }
  if (!read(w[4], 10, e.queue) || e.queue >= kRecordedQueues) return false;
  switch (e.kind) {
    case EventKind::kCompletion:
      return n == 8 && read(w[5], 10, e.ring) && read(w[6], 16, e.slot) &&
             read(w[7], 16, e.word) && e.ring < kRecordedRings && e.slot < kRecordedRingSize;
    case EventKind::kReceivePoll:
    case EventKind::kTransmitPoll:
      return n == 7 && read(w[5], 16, e.slot) && read(w[6], 16, e.count) &&
             e.count <= kRecordedRingSize;
    case EventKind::kSent:
      return n == 8 && read(w[5], 16, e.slot) && read(w[6], 16, e.count) &&
             read(w[7], 10, e.ring) && e.ring < kRecordedRings;
    case EventKind::kPosted:
    case EventKind::kReturned:
      return n == 9 && read(w[5], 10, e.ring) && read(w[6], 16, e.slot) &&
             read(w[7], 16, e.count) && read(w[8], 16, e.mask) && is_ring(e);
    case EventKind::kQueueReset:
      return n == 5;
    case EventKind::kDropped:
      return n == 6 && read(w[5], 10, e.slot);
    default:
      return false;
  }
}

}  // namespace

void RecordingReader::fail(const std::string& what) {
  if (error_.empty()) error_ = what;
  done_ = true;
  pending_.clear();
}

/// Returns the next line without its line feed; false at the end of the input, or if a line is too
/// long.
bool RecordingReader::read_line(std::string_view& line) {
  for (;;) {
    const std::string_view unread(buffer_.data() + begin_, end_ - begin_);
    const auto length = unread.find('\n');
    if (length != std::string_view::npos || unread.size() > kMaxLine ||
        (in_.eof() && !unread.empty())) {
      line = unread.substr(0, length);
      begin_ += std::min(line.size() + 1, unread.size());
      ++line_;
      return true;
    }
    if (!in_) return false;
    std::memmove(buffer_.data(), unread.data(), unread.size());
    begin_ = 0;
    end_ = unread.size();
    in_.read(buffer_.data() + end_, static_cast<std::streamsize>(buffer_.size() - end_));
    end_ += static_cast<std::size_t>(in_.gcount());
  }
}

void RecordingReader::parse(std::string_view line) {
  Words words;
  const std::size_t n = split(line, words);
  if (n == 0 && line.size() <= kMaxLine) return;
  std::uint64_t number = 0;
  Event event;
  const bool numbered = line.size() <= kMaxLine && read(words[0], 10, number);
  if (numbered && n == 2 && words[1] == "end") {
    count_ = number;
    return;
  }
  if (!numbered || n < 3 || !read(words[1], 10, event.time_us) || !read_event(words, n, event))
    return fail("line " + std::to_string(line_) + ": no event");
  ++events_;
  if (overflowed_) return;
  if (number < next_number_ || !pending_.emplace(number, event).second)
    return fail("line " + std::to_string(line_) + ": event " + std::to_string(number) +
                " for the second time");
  if (pending_.size() <= kMaxPending) return;
  overflowed_ = true;
  pending_.clear();
}

void RecordingReader::finish() {
  done_ = true;
  if (in_.bad()) return fail("the recording cannot be read to its end");
  if (!count_) return fail("the recording has no end: its tracer was killed");
  if (events_ > *count_)
    return fail("the end reports " + std::to_string(*count_) + " events, but there are " +
                std::to_string(events_));
  if (events_ < *count_)
    return fail(std::to_string(*count_ - events_) + " events of " + std::to_string(*count_) +
                " were lost");
  if (!pending_.empty() || overflowed_)
    fail("the recording is incomplete: the event numbers do not start at 1 or have gaps");
}

std::optional<Event> RecordingReader::next() {
  std::string_view line;
  while (pending_.empty() || pending_.begin()->first != next_number_) {
    if (done_) return std::nullopt;
    if (read_line(line)) {
      parse(line);
    } else {
      finish();
    }
  }
  const Event event = pending_.begin()->second;
  pending_.erase(pending_.begin());
  ++next_number_;
  return event;
}

tl::expected<std::vector<Event>, std::string> read_recording(std::string_view text) {
  std::istringstream in{std::string(text)};
  RecordingReader reader(in);
  std::vector<Event> events;
  while (const auto event = reader.next()) events.push_back(*event);
  if (!reader.error().empty()) return tl::unexpected<std::string>(reader.error());
  return events;
}

}  // namespace hni::trace
