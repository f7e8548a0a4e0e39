// SPDX-License-Identifier: Apache-2.0
#pragma once

/// LiveScreen: redraws a text in place on a terminal of any width.

#include <cstddef>
#include <string>

namespace hni::tools {

class LiveScreen {
 public:
  /// A fixed number of columns, for tests; 0: not a terminal.
  explicit LiveScreen(std::size_t columns) : fixed_(true), columns_(columns) {}
  /// The terminal behind `fd`, asked for its width at each redraw, so that it may change.
  static LiveScreen of(int fd);

  [[nodiscard]] bool is_terminal() const { return columns_ != 0; }
  /// Returns what to write to replace the text of the previous call by `text`. Lines that do not
  /// fit are cut and end with '>'. On what is not a terminal it returns `text` unchanged.
  std::string redraw(const std::string& text);
  /// Makes redraw() print a new block instead of overwriting the last one. Call it after other
  /// output.
  void forget() { shown_.clear(); }
  /// Changes the width, as a terminal does; for tests.
  void resize(std::size_t columns) { columns_ = columns; }

 private:
  explicit LiveScreen() = default;

  bool fixed_ = false;
  int fd_ = -1;
  std::size_t columns_ = 0;
  std::string shown_;
};

}  // namespace hni::tools
