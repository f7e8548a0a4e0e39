// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Filters bpftrace's output for `hni trace`, line by line: no empty lines, no template arguments,
/// names for registers, and without harmless warnings.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "tools/hni/live_screen.hpp"
#include "tools/hni/trace_top.hpp"
#include "tools/hni/view.hpp"

namespace hni::tools {

class TraceOutput {
 public:
  /// Additional conversions:
  enum class Extra : std::uint8_t {
    kNone,
    kRegisters,  ///< keys (port, BAR, byte offset) of @reads and @writes become (port, name)
    kTop,        ///< sums become a table, once a second
  };
  explicit TraceOutput(bool json, Extra extra = Extra::kNone, LiveScreen screen = LiveScreen(0))
      : json_(json), registers_(extra == Extra::kRegisters) {
    if (extra == Extra::kTop) top_.emplace(std::move(screen));
  }

  /// Returns the text to print for a line of bpftrace's standard output, with its line ends.
  std::string line(const std::string& text);
  /// Returns the text that was withheld until the end.
  std::string end();
  /// Returns whether a line on standard error should be shown.
  static bool matters(const std::string& error);

 private:
  std::string json_line(const std::string& text);
  const std::string& register_name(unsigned bar, std::uint32_t offset);
  bool collect(const std::string& text);

  bool json_;
  bool registers_;
  std::optional<TraceTop> top_;
  std::map<std::pair<unsigned, std::uint32_t>, std::string> names_;
  std::map<std::string, std::uint64_t> counts_;  ///< "@reads[0, INTR_STATUS]"
};

/// Removes "<...>" and parameter lists: hni::TxQueue<A, B>::poll(C)+12 becomes
/// hni::TxQueue::poll+12.
std::string short_symbol(const std::string& text);

}  // namespace hni::tools
