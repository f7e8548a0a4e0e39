// SPDX-License-Identifier: Apache-2.0
#include "trace/recording_perfetto.hpp"

#include <fmt/format.h>

#include <iterator>
#include <map>
#include <set>

#include "trace/ring_history.hpp"

namespace hni::trace {
namespace {

constexpr std::size_t kMaxRings = 4096;
constexpr unsigned kPortTrack = 0;    // thread of the port's own events
constexpr unsigned kQueueTracks = 1;  // + 2 * queue, + 1 for transmit

/// Process: a port. Thread: a direction of a queue. Slices: polls, and posts from posting to
/// return. Counters: descriptors that the device owns. Instants: everything else.
class Converter {
 public:
  explicit Converter(std::ostream& out) : out_(out) {
    out_ << R"({"displayTimeUnit":"ms","traceEvents":[)";
  }

  void convert(const Event& e) {
    if (named_.insert({e.port, -1}).second) {
      name("process_name", e.port, 0, fmt::format("hni{}", e.port));
      name("thread_name", e.port, kPortTrack, "port");
    }
    last_us_ = std::max(last_us_, e.time_us);
    switch (e.kind) {
      case EventKind::kCompletion:
        return note_completion(e);
      case EventKind::kReceivePoll:
      case EventKind::kTransmitPoll:
        return poll(e);
      case EventKind::kSent:
        return;  // its descriptors were posted before the recording
      case EventKind::kPosted:
      case EventKind::kReturned:
        if (has_owner(e)) ring(e);
        return;
      case EventKind::kState:
      case EventKind::kQueueReset:
        reset(e);
        break;
      default:
        break;
    }
    instant(e);
  }
  /// Ends posts that never returned with the recording. Returns an empty text, or why the
  /// recording is refused.
  std::string end() {
    for (auto& [key, ring] : rings_) end_posts(key, ring, last_us_);
    out_ << "]}\n";
    return rings_.size() > kMaxRings ? "more rings than any device has" : "";
  }

 private:
  template <class... A>
  void write(fmt::format_string<A...> format, A&&... arguments) {
    if (!first_) out_ << ',';
    first_ = false;
    out_ << '\n';
    fmt::format_to(std::ostream_iterator<char>(out_), format, std::forward<A>(arguments)...);
  }
  void name(const char* what, unsigned port, unsigned thread, const std::string& text) {
    write(R"({{"ph":"M","name":"{}","pid":{},"tid":{},"args":{{"name":"{}"}}}})", what, port + 1,
          thread, text);
  }
  unsigned track(unsigned port, unsigned queue, bool transmit) {
    const unsigned thread = kQueueTracks + 2 * queue + (transmit ? 1 : 0);
    if (named_.insert({port, static_cast<int>(thread)}).second)
      name("thread_name", port, thread,
           fmt::format("queue {} {}", queue, transmit ? "transmit" : "receive"));
    return thread;
  }

  /// A poll starts at the first completion that it consumes.
  void note_completion(const Event& e) {
    begin_.try_emplace(RingKey{e.port, e.queue, e.ring}, e.time_us);
  }
  void poll(const Event& e) {
    const bool transmit = e.kind == EventKind::kTransmitPoll;
    const auto at =
        begin_.find(RingKey{e.port, e.queue, static_cast<std::uint8_t>(transmit ? 2 : 5)});
    const std::uint64_t begin = at != begin_.end() ? std::min(at->second, e.time_us) : e.time_us;
    if (at != begin_.end()) begin_.erase(at);
    write(R"({{"ph":"X","name":"{} poll","cat":"poll","pid":{},"tid":{},"ts":{},"dur":{},)"
          R"("args":{{"budget":{},"work":{}}}}})",
          transmit ? "transmit" : "receive", e.port + 1U, track(e.port, e.queue, transmit), begin,
          e.time_us - begin, e.slot, e.count);
  }

  void post_edge(char phase, const RingKey& key, const RingHistory::Post& post,
                 std::uint64_t time_us) {
    const bool transmit = key.ring <= 1;
    write(R"({{"ph":"{}","cat":"{} posts","name":"{} x{}","id":"{}.{}.{}.{}","pid":{},"tid":{},)"
          R"("ts":{}}})",
          phase, kRingNames[key.ring], kRingNames[key.ring], post.count, key.port, key.queue,
          key.ring, post.id, key.port + 1U, track(key.port, key.queue, transmit), time_us);
  }
  void counter(const RingKey& key, std::uint32_t used, std::uint64_t time_us) {
    write(R"({{"ph":"C","name":"queue {} {}","pid":{},"ts":{},"args":{{"with device":{}}}}})",
          key.queue, kRingNames[key.ring], key.port + 1U, time_us, used);
  }
  void end_posts(const RingKey& key, RingHistory& ring, std::uint64_t time_us) {
    for (const RingHistory::Post& post : ring.posts())
      post_edge('e', key, post, std::max(time_us, post.time_us));
    ring.forget();
  }

  void ring(const Event& e) {
    const RingKey key{e.port, e.queue, e.ring};
    if (rings_.size() > kMaxRings) return;
    RingHistory& ring = rings_[key];
    if (e.kind == EventKind::kPosted && ring.used() + std::uint64_t{e.count} > e.mask + 1ULL)
      end_posts(key, ring, e.time_us);  // the recording lacks their return
    ring.follow(e, [&](const RingHistory::Post& post) {
      post_edge('e', key, post, std::max(e.time_us, post.time_us));
    });
    if (e.kind == EventKind::kPosted && !ring.posts().empty())
      post_edge('b', key, ring.posts().back(), e.time_us);
    counter(key, ring.used(), e.time_us);
  }
  void reset(const Event& e) {
    for (auto& [key, ring] : rings_) {
      if (!resets(e, key)) continue;
      end_posts(key, ring, e.time_us);
      counter(key, 0, e.time_us);
    }
    std::erase_if(begin_, [&](const auto& entry) { return resets(e, entry.first); });
  }
  void instant(const Event& e) {
    const bool of_queue = e.kind == EventKind::kQueueReset || e.kind == EventKind::kDropped;
    write(R"({{"ph":"i","name":"{}","cat":"event","s":"{}","pid":{},"tid":{},"ts":{}}})",
          describe_event(e), of_queue ? 't' : 'p', e.port + 1U,
          of_queue ? track(e.port, e.queue, false) : kPortTrack, e.time_us);
  }

  std::ostream& out_;
  bool first_ = true;
  std::uint64_t last_us_ = 0;
  std::set<std::pair<unsigned, int>> named_;
  std::map<RingKey, RingHistory> rings_;
  std::map<RingKey, std::uint64_t> begin_;  ///< start of the poll of a completion ring
};

}  // namespace

std::string write_perfetto(std::istream& in, std::ostream& out) {
  RecordingReader reader(in);
  Converter converter(out);
  std::uint64_t events = 0;
  for (; const auto event = reader.next(); ++events) converter.convert(*event);
  if (!reader.error().empty()) return reader.error();
  if (events == 0) return "nothing was recorded";
  return converter.end();
}

}  // namespace hni::trace
