// SPDX-License-Identifier: Apache-2.0
// Arbitrary bytes as a recording, for every reader of recordings: the plot, the trace events, the
// script converter. The order of lines must not matter (each processor has its own buffer), and
// every accepted recording must be drawn and converted.
#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include "fuzz/script/finding.hpp"
#include "fuzz/script/target.hpp"
#include "fuzz/worlds/recorded.hpp"
#include "trace/recording_perfetto.hpp"
#include "trace/recording_plot.hpp"

namespace hni::fuzz {
namespace {

std::string with_lines_reversed(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  std::reverse(lines.begin(), lines.end());
  std::string out;
  for (const std::string& line : lines) out += line + "\n";
  return out;
}

struct Answers {
  std::string read, page, trace_events;
};

Answers answers_to(const std::string& text) {
  Answers out;
  std::istringstream in(text);
  trace::RecordingReader reader(in);
  while (reader.next()) ++work().events;
  out.read = reader.error();
  std::istringstream again(text);
  const auto page = trace::plot_recording(again);
  out.page = page ? *page : page.error();
  require(!page || out.read.empty(), "recording", "a broken recording is drawn");
  std::istringstream third(text);
  std::ostringstream converted;
  const std::string wrong = trace::write_perfetto(third, converted);
  require(out.read.empty() || wrong == out.read, "recording",
          "the converter does not report what the reader does");
  out.trace_events = converted.str();
  require(!wrong.empty() || out.trace_events.ends_with("]}\n"), "recording",
          "the trace events have no end");
  return out;
}

void run(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const Answers forwards = answers_to(text);
  // Lines that are too long or truncated are reported by number.
  if (forwards.read.empty()) {
    const Answers backwards = answers_to(with_lines_reversed(text));
    require(backwards.read.empty() && backwards.page == forwards.page &&
                backwards.trace_events == forwards.trace_events,
            "recording", "the order of the lines matters");
  }
  std::istringstream in(text);
  trace::RecordingReader reader(in);
  const auto script = script_of(reader, 0, 0);
  require(!script || script->script.size() <= 8 + 8 * size, "recording",
          "the script is much longer than its recording");
}

}  // namespace

const Target& recording_target() {
  static constexpr Target kTarget{"recording",
                                  "plot, conversion and scripts of a trace recording of any bytes",
                                  {},
                                  run,
                                  16384};
  return kTarget;
}

}  // namespace hni::fuzz
