// SPDX-License-Identifier: Apache-2.0
#include "trace/recording.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace hni::trace {
namespace {

/// The words of a line; more than `most` are left off.
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

/// Everything behind number and time; false if it means nothing.
bool read_event(const Words& w, std::size_t n, Event& e) {
  if (n < 5 || w[2].size() != 1 || !read(w[3], 10, e.port)) return false;
  e.kind = static_cast<EventKind>(w[2][0]);
  if (e.kind == EventKind::kState) return n == 5 && read(w[4], 10, e.ring);
  if (!read(w[4], 10, e.queue)) return false;
  switch (e.kind) {
    case EventKind::kCompletion:
      return n == 8 && read(w[5], 10, e.ring) && read(w[6], 16, e.slot) && read(w[7], 16, e.word);
    case EventKind::kReceivePoll:
    case EventKind::kTransmitPoll:
      return n == 7 && read(w[5], 16, e.slot) && read(w[6], 16, e.count);
    case EventKind::kSent:
      return n == 8 && read(w[5], 16, e.slot) && read(w[6], 16, e.count) && read(w[7], 10, e.ring);
    case EventKind::kPosted:
    case EventKind::kReturned:
      return n == 9 && read(w[5], 10, e.ring) && read(w[6], 16, e.slot) &&
             read(w[7], 16, e.count) && read(w[8], 16, e.mask);
    case EventKind::kQueueReset:
      return n == 5;
    case EventKind::kState:
      break;
  }
  return false;
}

}  // namespace

tl::expected<std::vector<Event>, std::string> read_recording(std::string_view text) {
  using Numbered = std::pair<std::uint64_t, Event>;
  std::vector<Numbered> events;
  std::uint64_t count = 0;
  bool ended = false;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const auto end = std::min(text.find('\n'), text.size());
    Words words;
    const std::size_t n = split(text.substr(0, end), words);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (n == 0) continue;
    Numbered event;
    bool good = read(words[0], 10, event.first);
    if (good && n == 2 && words[1] == "end") {
      count = event.first;
      ended = true;
      continue;
    }
    good = good && n > 2 && read(words[1], 10, event.second.time_us) &&
           read_event(words, n, event.second);
    if (!good) return tl::unexpected<std::string>("line " + std::to_string(line) + ": no event");
    events.push_back(event);
  }
  if (!ended)
    return tl::unexpected<std::string>("the recording has no end: its tracer was killed");
  if (events.size() != count)
    return tl::unexpected<std::string>(std::to_string(count - events.size()) + " events of " +
                                       std::to_string(count) + " were lost");
  // Each processor has a buffer of its own; the numbers tell the order.
  std::sort(events.begin(), events.end(),
            [](const Numbered& a, const Numbered& b) { return a.first < b.first; });
  std::vector<Event> ordered;
  ordered.reserve(events.size());
  for (const Numbered& event : events) ordered.push_back(event.second);
  return ordered;
}

}  // namespace hni::trace
