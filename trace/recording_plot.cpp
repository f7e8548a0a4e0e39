// SPDX-License-Identifier: Apache-2.0
#include "trace/recording_plot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <map>
#include <vector>

#include "trace/ring_history.hpp"

namespace hni::trace {
namespace {

constexpr unsigned kColumns = 160;
constexpr unsigned kRows = 24;  // powers of two of a microsecond, up to 4 s and more
constexpr unsigned kCell = 5;   // units of the drawing
constexpr unsigned kLeft = 70;
constexpr unsigned kPlotWidth = kColumns * kCell;
constexpr unsigned kWidth = kLeft + kPlotWidth + 30;
constexpr unsigned kHeatHeight = kRows * kCell;
constexpr unsigned kGraph = 100;  // height of an occupancy graph
constexpr std::size_t kMaxRings = 1024;
constexpr std::size_t kMaxMarks = 4096;

constexpr std::array<const char*, 8> kHeat{"#fde2c8", "#fcc896", "#f8a76a", "#ef8354",
                                           "#dd5f4b", "#bf3f4d", "#94264f", "#5f154a"};

/// Counts latencies in 16 buckets per octave, so that a percentile is exact to 1 in 16.
class Latencies {
 public:
  void add(std::uint64_t us) {
    ++buckets_[bucket(us)];
    ++count_;
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// Returns the smallest latency that a fraction `part` of all does not exceed.
  [[nodiscard]] std::uint64_t percentile(double part) const {
    const auto wanted = static_cast<std::uint64_t>(std::ceil(part * static_cast<double>(count_)));
    std::uint64_t seen = 0;
    for (std::size_t b = 0; b < kBuckets; ++b) {
      seen += buckets_[b];
      if (seen >= std::max<std::uint64_t>(wanted, 1)) return value(b);
    }
    return 0;
  }

 private:
  static constexpr std::size_t kBuckets = 16 * 61;
  static std::size_t bucket(std::uint64_t us) {
    if (us < 16) return static_cast<std::size_t>(us);
    const auto shift = static_cast<unsigned>(std::bit_width(us)) - 5;
    return std::size_t{16} * (shift + 1) + static_cast<std::size_t>((us >> shift) - 16);
  }
  static std::uint64_t value(std::size_t bucket) {
    if (bucket < 16) return bucket;
    return (16 + std::uint64_t{bucket % 16}) << (bucket / 16 - 1);
  }
  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
};

/// The data of one ring's two plots.
struct RingPlot {
  RingHistory history;
  Latencies latencies;
  std::array<std::array<std::uint64_t, kRows>, kColumns> heat{};
  std::array<std::uint32_t, kColumns> most{}, least{}, last{};
  std::array<bool, kColumns> active{};  ///< an event occurred in this column
};

struct Mark {
  std::uint64_t time_us = 0;
  std::uint8_t port = 0;
  std::string text;
};

class Plot {
 public:
  Plot(std::uint64_t begin_us, std::uint64_t end_us)
      : begin_(begin_us), span_(std::max<std::uint64_t>(end_us - begin_us, 1)) {}

  void add(const Event& e) {
    if (has_owner(e)) return add_ring(e);
    if (e.kind == EventKind::kQueueReset || e.kind == EventKind::kState) {
      for (auto& [key, ring] : rings_) {
        if (!resets(e, key)) continue;
        ring.history.forget();
        note(ring, e.time_us);
      }
    }
    const bool message =
        e.kind == EventKind::kMessageSent || e.kind == EventKind::kMessageReceived;
    std::string text = message ? std::string() : describe_event(e);
    if (text.empty()) return;
    if (marks_.size() < kMaxMarks) {
      marks_.push_back({e.time_us, e.port, std::move(text)});
    } else {
      ++unmarked_;
    }
  }

  [[nodiscard]] bool too_many_rings() const { return too_many_; }

  [[nodiscard]] std::string html() const {
    std::string out = fmt::format(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width\">"
        "<title>hni recording</title>\n<style>{}</style></head><body>\n"
        "<h1>{} of rings</h1>\n",
        kStyle, duration_text(span_));
    out +=
        "<p>Upper picture: how long descriptors stayed with the device (vertical, logarithmic), "
        "by the time of their return; the colour is their number. Lower picture: how much of the "
        "ring the device owned, from the least to the most of each moment; pale where nothing "
        "happened, hatched where the recording does not know. Vertical lines are events; hold "
        "the pointer on anything for its figures.</p>\n";
    if (unmarked_ != 0) out += fmt::format("<p>{} more events are not drawn.</p>\n", unmarked_);
    for (const auto& [key, ring] : rings_) {
      out += heading(key, ring) + heat_map(key, ring) + occupancy(key, ring);
    }
    if (rings_.empty()) out += "<p>No ring was posted to.</p>\n" + marks_list();
    return out + "</body></html>\n";
  }

 private:
  static constexpr const char* kStyle =
      "body{font:14px/1.4 sans-serif;margin:1em auto;max-width:1100px;padding:0 1em}"
      "svg{display:block;width:100%;height:auto;margin:4px 0}text{font:11px sans-serif;fill:#444}"
      "h2{font-size:16px;margin:1.5em 0 .2em}p{margin:.2em 0}.m{stroke:#06c;stroke-width:1.5}"
      "rect:hover,.m:hover{stroke:#000;stroke-width:1.5}";

  [[nodiscard]] unsigned column(std::uint64_t time_us) const {
    const double part =
        static_cast<double>(time_us - std::min(time_us, begin_)) / static_cast<double>(span_);
    return std::min(static_cast<unsigned>(part * kColumns), kColumns - 1);
  }
  [[nodiscard]] std::string column_text(unsigned x) const {
    const auto at = static_cast<std::uint64_t>(static_cast<double>(span_) * x / kColumns);
    return "at " + duration_text(at);
  }

  void add_ring(const Event& e) {
    const RingKey key{e.port, e.queue, e.ring};
    if (rings_.size() >= kMaxRings && rings_.find(key) == rings_.end()) {
      too_many_ = true;
      return;
    }
    RingPlot& ring = rings_[key];
    ring.history.follow(e, [&](const RingHistory::Post& post) {
      const std::uint64_t us = latency_us(post, e);
      const auto row = std::min(static_cast<unsigned>(std::bit_width(us)), kRows - 1);
      ++ring.heat[column(e.time_us)][row];
      ring.latencies.add(us);
    });
    note(ring, e.time_us);
  }

  void note(RingPlot& ring, std::uint64_t time_us) const {
    const unsigned x = column(time_us);
    const std::uint32_t used = ring.history.used();
    ring.most[x] = ring.active[x] ? std::max(ring.most[x], used) : used;
    ring.least[x] = ring.active[x] ? std::min(ring.least[x], used) : used;
    ring.last[x] = used;
    ring.active[x] = true;
  }

  static std::string heading(const RingKey& key, const RingPlot& ring) {
    std::string out =
        fmt::format("<h2>hni{} queue {} {}, {} descriptors</h2>\n<p>{} post{} came back", key.port,
                    key.queue, kRingNames[key.ring], ring.history.size(), ring.latencies.count(),
                    ring.latencies.count() == 1 ? "" : "s");
    if (ring.latencies.count() != 0) {
      out += fmt::format(": half within {}, 99 % within {}, 99.9 % within {} (p50, p99, p99.9)",
                         duration_text(ring.latencies.percentile(0.5)),
                         duration_text(ring.latencies.percentile(0.99)),
                         duration_text(ring.latencies.percentile(0.999)));
    }
    return out + "</p>\n";
  }

  static std::string open_svg(unsigned height) {
    return fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\">\n", kWidth, height);
  }
  [[nodiscard]] std::string time_axis(unsigned y) const {
    std::string out;
    for (unsigned i = 0; i <= 4; ++i) {
      out += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"{}\">{}</text>\n",
                         kLeft + kPlotWidth * i / 4, y,
                         i == 0   ? "start"
                         : i == 4 ? "end"
                                  : "middle",
                         duration_text(span_ * i / 4));
    }
    return out;
  }
  [[nodiscard]] std::string marks(const RingKey& key, unsigned height) const {
    std::string out;
    for (const Mark& mark : marks_) {
      if (mark.port != key.port) continue;
      const unsigned x = kLeft + column(mark.time_us) * kCell + kCell / 2;
      out += fmt::format(
          "<line class=\"m\" x1=\"{0}\" y1=\"0\" x2=\"{0}\" y2=\"{1}\"><title>{2}: {3}"
          "</title></line>\n",
          x, height, duration_text(mark.time_us - std::min(mark.time_us, begin_)), mark.text);
    }
    return out;
  }
  [[nodiscard]] std::string marks_list() const {
    std::string out = "<ul>\n";
    for (const Mark& mark : marks_)
      out += fmt::format("<li>{}: hni{} {}</li>\n",
                         duration_text(mark.time_us - std::min(mark.time_us, begin_)), mark.port,
                         mark.text);
    return out + "</ul>\n";
  }

  /// The colour scale, from one post to `most`.
  static std::string scale(std::uint64_t most, unsigned y) {
    std::string out = fmt::format("<text x=\"{}\" y=\"{}\">posts: 1</text>\n", kLeft, y + 9);
    for (unsigned i = 0; i < kHeat.size(); ++i)
      out += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"14\" height=\"10\" fill=\"{}\"/>\n",
                         kLeft + 50 + 14 * i, y, kHeat[i]);
    return out + fmt::format("<text x=\"{}\" y=\"{}\">{}</text>\n", kLeft + 56 + 14 * kHeat.size(),
                             y + 9, most);
  }

  [[nodiscard]] std::string heat_map(const RingKey& key, const RingPlot& ring) const {
    std::uint64_t most = 0;
    for (const auto& column : ring.heat)
      most = std::max(most, *std::max_element(column.begin(), column.end()));
    if (most == 0) return "<p>Nothing came back: no latencies.</p>\n";
    std::string out = open_svg(kHeatHeight + 38);
    for (unsigned row = 0; row < kRows; row += 4)
      out += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\n", kLeft - 6,
                         kHeatHeight - row * kCell, duration_text(std::uint64_t{1} << row >> 1));
    out += fmt::format("<rect x=\"{}\" y=\"0\" width=\"{}\" height=\"{}\" fill=\"#f4f4f4\"/>\n",
                       kLeft, kPlotWidth, kHeatHeight);
    for (unsigned x = 0; x < kColumns; ++x) {
      for (unsigned row = 0; row < kRows; ++row) {
        const std::uint64_t n = ring.heat[x][row];
        if (n == 0) continue;
        const double part =
            most == 1 ? 1.0
                      : std::log(static_cast<double>(n)) / std::log(static_cast<double>(most));
        const auto colour =
            std::min<std::size_t>(static_cast<std::size_t>(part * kHeat.size()), kHeat.size() - 1);
        out += fmt::format(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\">"
            "<title>{}: {} post{} after {} to {}</title></rect>\n",
            kLeft + x * kCell, kHeatHeight - (row + 1) * kCell, kCell, kCell, kHeat[colour],
            column_text(x), n, n == 1 ? "" : "s", duration_text(std::uint64_t{1} << row >> 1),
            duration_text(std::uint64_t{1} << row));
      }
    }
    return out + marks(key, kHeatHeight) + time_axis(kHeatHeight + 13) +
           scale(most, kHeatHeight + 24) + "</svg>\n";
  }

  [[nodiscard]] std::string occupancy(const RingKey& key, const RingPlot& ring) const {
    std::string out = open_svg(kGraph + 20);
    out +=
        "<defs><pattern id=\"unknown\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">"
        "<path d=\"M0 6L6 0\" stroke=\"#ccc\"/></pattern></defs>\n";
    out += fmt::format("<rect x=\"{}\" y=\"0\" width=\"{}\" height=\"{}\" fill=\"#f4f4f4\"/>\n",
                       kLeft, kPlotWidth, kGraph);
    for (unsigned i = 0; i <= 2; ++i)
      out += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{} %</text>\n", kLeft - 6,
                         kGraph - i * (kGraph - 10) / 2, i * 50);
    bool known = false;
    std::uint32_t used = 0;
    for (unsigned x = 0; x < kColumns; ++x) {
      const bool active = ring.active[x];
      // Between two events the occupancy is constant.
      const std::uint32_t most =
          active ? (known ? std::max(ring.most[x], used) : ring.most[x]) : used;
      const std::uint32_t least = active ? ring.least[x] : used;
      out += bar(ring, x, known || active, active, most, least);
      if (active) used = ring.last[x];
      known = known || active;
    }
    return out + marks(key, kGraph) + time_axis(kGraph + 13) + "</svg>\n";
  }

  [[nodiscard]] std::string bar(const RingPlot& ring, unsigned x, bool known, bool active,
                                std::uint32_t most, std::uint32_t least) const {
    const double size = ring.history.size();
    if (!known)
      return fmt::format(
          "<rect x=\"{}\" y=\"0\" width=\"{}\" height=\"{}\" fill=\"url(#unknown)\"><title>{}: "
          "nothing recorded yet</title></rect>\n",
          kLeft + x * kCell, kCell, kGraph, column_text(x));
    const double height = std::max(2.0, kGraph * (most - least) / size);
    const double top = std::min(kGraph * (1 - most / size), kGraph - height);
    return fmt::format(
        "<rect x=\"{}\" y=\"{:.1f}\" width=\"{}\" height=\"{:.1f}\" fill=\"{}\"><title>{}: {} to "
        "{} of {}{}</title></rect>\n",
        kLeft + x * kCell, top, kCell, height, active ? "#36c" : "#b9c9ee", column_text(x), least,
        most, ring.history.size(), active ? "" : ", idle");
  }

  std::uint64_t begin_;
  std::uint64_t span_;
  std::map<RingKey, RingPlot> rings_;
  std::vector<Mark> marks_;
  std::uint64_t unmarked_ = 0;
  bool too_many_ = false;
};

}  // namespace

std::string duration_text(std::uint64_t us) {
  if (us < 1000) return fmt::format("{} us", us);
  const auto value = static_cast<double>(us);
  if (us < 1'000'000) return fmt::format("{:.{}f} ms", value / 1e3, us < 10'000 ? 1 : 0);
  return fmt::format("{:.{}f} s", value / 1e6, us < 10'000'000 ? 2 : 0);
}

tl::expected<std::string, std::string> plot_recording(std::istream& in) {
  std::uint64_t begin = ~std::uint64_t{0};
  std::uint64_t end = 0;
  {
    RecordingReader reader(in);
    while (const auto event = reader.next()) {
      begin = std::min(begin, event->time_us);
      end = std::max(end, event->time_us);
    }
    if (!reader.error().empty()) return tl::unexpected<std::string>(reader.error());
  }
  if (begin > end) return tl::unexpected<std::string>("nothing was recorded");
  in.clear();
  if (!in.seekg(0))
    return tl::unexpected<std::string>(
        "the recording is not seekable: pass a regular file, not a pipe");
  Plot plot(begin, end);
  RecordingReader reader(in);
  while (const auto event = reader.next()) plot.add(*event);
  if (!reader.error().empty()) return tl::unexpected<std::string>(reader.error());
  if (plot.too_many_rings())
    return tl::unexpected<std::string>("more than 1024 rings: trace fewer processes or queues");
  return plot.html();
}

}  // namespace hni::trace
