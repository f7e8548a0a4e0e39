// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/trace_plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <deque>
#include <map>
#include <tuple>
#include <vector>

#include "trace/recording.hpp"

namespace hni::tools {
namespace {

using trace::Event;
using trace::EventKind;

constexpr unsigned kColumns = 160;
constexpr unsigned kRows = 20;  // powers of two of a microsecond
constexpr unsigned kCell = 5;   // pixels
constexpr unsigned kLeft = 70;
constexpr unsigned kWidth = kLeft + kColumns * kCell + 20;
constexpr unsigned kGraph = 100;  // height of an occupancy graph, pixels
constexpr std::array<const char*, 8> kRings{"TWQ0", "TWQ1", "TCQ",        "HPQ",
                                            "PPQ",  "RCQ",  "mailbox RX", "mailbox TX"};

/// One ring over time.
struct Ring {
  std::array<std::array<std::uint64_t, kRows>, kColumns> latency{};
  std::array<double, kColumns> most{};  ///< occupancy, of 1; -1: nothing happened
  std::array<double, kColumns> least{};
  std::uint64_t samples = 0;
  std::uint32_t used = 0;
  std::uint32_t mask = 0;
  std::uint32_t back = 0;                                     ///< returned of the oldest post
  std::deque<std::pair<std::uint64_t, std::uint32_t>> posts;  ///< time, length

  Ring() {
    most.fill(-1);
    least.fill(-1);
  }
  void forget() {
    used = back = 0;
    posts.clear();
  }
};

using Key = std::tuple<unsigned, unsigned, unsigned>;  // port, queue, ring

class Plot {
 public:
  explicit Plot(const std::vector<Event>& events) {
    if (events.empty()) return;
    begin_ = events.front().time_us;
    span_ = std::max<std::uint64_t>(events.back().time_us - begin_ + 1, kColumns);
    for (const Event& e : events) take(e);
  }

  [[nodiscard]] std::string html() const {
    std::string out =
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<title>hni recording</title>\n<style>body{font:14px sans-serif;margin:20px}"
        "text{font:11px sans-serif}</style></head><body>\n";
    out += fmt::format(
        "<h1>{:.3f} s of rings</h1>\n<p>Heat maps: how long posts stayed with the "
        "card, by when they came back; darker is more. Graphs: how much of the "
        "ring the card owned, least and most.</p>\n",
        static_cast<double>(span_) / 1e6);
    for (const auto& [key, ring] : rings_) {
      const auto [port, queue, kind] = key;
      out += fmt::format("<h2>hni{} queue {} {}, {} descriptors: {} posts came back</h2>\n", port,
                         queue, kRings[kind % kRings.size()], ring.mask + 1, ring.samples);
      out += heat_map(ring) + occupancy(ring);
    }
    return out + "</body></html>\n";
  }

 private:
  [[nodiscard]] unsigned column(std::uint64_t time_us) const {
    return static_cast<unsigned>((time_us - begin_) * kColumns / span_);
  }

  void take(const Event& e) {
    if (e.kind == EventKind::kQueueReset || e.kind == EventKind::kState) {
      for (auto& [key, ring] : rings_) {
        const bool same = std::get<0>(key) == e.port;
        if (same && (e.kind == EventKind::kState || std::get<1>(key) == e.queue)) ring.forget();
      }
      return;
    }
    const bool posted = e.kind == EventKind::kPosted;
    // Completion queues are consumed, never posted.
    if ((!posted && e.kind != EventKind::kReturned) || e.ring == 2 || e.ring == 5) return;
    Ring& ring = rings_[{e.port, e.queue, e.ring}];
    ring.mask = e.mask;
    if (posted) {
      ring.used += e.count;
      ring.posts.emplace_back(e.time_us, e.count);
    } else {
      free_completed(ring, e);
    }
    note(ring, e.time_us);
  }

  void free_completed(Ring& ring, const Event& e) {
    ring.used -= std::min(ring.used, e.count);
    ring.back += e.count;
    while (!ring.posts.empty() && ring.back >= ring.posts.front().second) {
      const std::uint64_t us = e.time_us - ring.posts.front().first;
      const auto row = std::min<unsigned>(static_cast<unsigned>(std::bit_width(us)), kRows - 1);
      ++ring.latency[column(e.time_us)][row];
      ++ring.samples;
      ring.back -= ring.posts.front().second;
      ring.posts.pop_front();
    }
    if (ring.posts.empty()) ring.back = 0;
  }

  void note(Ring& ring, std::uint64_t time_us) const {
    const unsigned at = column(time_us);
    const double part = static_cast<double>(ring.used) / (ring.mask + 1.0);
    ring.most[at] = std::max(ring.most[at], part);
    ring.least[at] = ring.least[at] < 0 ? part : std::min(ring.least[at], part);
  }

  [[nodiscard]] std::string time_axis(unsigned y) const {
    std::string out;
    for (unsigned i = 0; i <= 4; ++i) {
      out +=
          fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{:.3f} s</text>\n",
                      kLeft + kColumns * kCell * i / 4, y, static_cast<double>(span_) * i / 4e6);
    }
    return out;
  }

  [[nodiscard]] std::string heat_map(const Ring& ring) const {
    std::uint64_t most = 1;
    for (const auto& column : ring.latency)
      most = std::max(most, *std::max_element(column.begin(), column.end()));
    const unsigned height = kRows * kCell;
    std::string out = fmt::format("<svg width=\"{}\" height=\"{}\">\n", kWidth, height + 20);
    for (unsigned row = 0; row < kRows; row += 4)
      out += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{} us</text>\n", kLeft - 6,
                         height - row * kCell, 1U << row >> 1);
    out += fmt::format("<rect x=\"{}\" y=\"0\" width=\"{}\" height=\"{}\" fill=\"#f4f4f4\"/>\n",
                       kLeft, kColumns * kCell, height);
    for (unsigned x = 0; x < kColumns; ++x) {
      for (unsigned row = 0; row < kRows; ++row) {
        const std::uint64_t n = ring.latency[x][row];
        if (n == 0) continue;
        const double heat =
            std::log1p(static_cast<double>(n)) / std::log1p(static_cast<double>(most));
        out += fmt::format(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"hsl(12,80%,{:.0f}%)\">"
            "<title>{}</title></rect>\n",
            kLeft + x * kCell, height - (row + 1) * kCell, kCell, kCell, 85 - 60 * heat, n);
      }
    }
    return out + time_axis(height + 15) + "</svg>\n";
  }

  [[nodiscard]] std::string occupancy(const Ring& ring) const {
    std::string out = fmt::format("<br><svg width=\"{}\" height=\"{}\">\n", kWidth, kGraph + 20);
    out += fmt::format("<rect x=\"{}\" y=\"0\" width=\"{}\" height=\"{}\" fill=\"#f4f4f4\"/>\n",
                       kLeft, kColumns * kCell, kGraph);
    for (unsigned i = 0; i <= 2; ++i)
      out += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{} %</text>\n", kLeft - 6,
                         kGraph - i * (kGraph - 10) / 2, i * 50);
    for (unsigned x = 0; x < kColumns; ++x) {
      if (ring.most[x] < 0) continue;
      const double top = kGraph * (1 - ring.most[x]);
      const double height = std::max(1.0, kGraph * (ring.most[x] - ring.least[x]));
      out += fmt::format(
          "<rect x=\"{}\" y=\"{:.1f}\" width=\"{}\" height=\"{:.1f}\" fill=\"#36c\"/>\n",
          kLeft + x * kCell, top, kCell, height);
    }
    return out + time_axis(kGraph + 15) + "</svg>\n";
  }

  std::uint64_t begin_ = 0;
  std::uint64_t span_ = 1;
  std::map<Key, Ring> rings_;
};

}  // namespace

Outcome<std::string> plot_recording(std::string_view recording) {
  const auto events = trace::read_recording(recording);
  if (!events) return problem(events.error());
  if (events->empty()) return problem("nothing was recorded");
  return Plot(*events).html();
}

}  // namespace hni::tools
