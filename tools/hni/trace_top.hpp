// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The table of `hni trace top`: made from the sums that its program prints once a second.

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tools/hni/live_screen.hpp"

namespace hni::tools {

class TraceTop {
 public:
  /// On a terminal each table overwrites the previous one.
  explicit TraceTop(LiveScreen screen) : screen_(std::move(screen)) {}

  /// Handles a line of the program: "hni trace top, 3 s" starts the sums of a second, "@map[keys]:
  /// N" is one of them. Returns the text to print: the table of the previous second, or nothing.
  std::string line(const std::string& text);
  /// Returns the last table, with the exact sums of the whole time.
  std::string end();

 private:
  using Sums = std::map<std::string, std::map<std::vector<std::string>, std::uint64_t>>;

  std::string table(const std::string& title, bool rates);
  [[nodiscard]] std::uint64_t of(const Sums& sums, const char* map,
                                 const std::vector<std::string>& key) const;

  LiveScreen screen_;
  std::string title_;
  Sums now_, before_;
};

}  // namespace hni::tools
