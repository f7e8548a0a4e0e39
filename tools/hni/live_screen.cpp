// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/live_screen.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

namespace hni::tools {
namespace {

constexpr std::size_t kDefaultColumns = 80;

std::size_t columns_of(int fd) {
  winsize size{};
  if (::isatty(fd) == 0) return 0;
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kDefaultColumns;
  return size.ws_col;
}

/// Calls `line` for each line of `text`, without its end.
template <class F>
void for_each_line(const std::string& text, F&& line) {
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    line(text.substr(begin, end - begin));
    begin = end + 1;
  }
}

}  // namespace

LiveScreen LiveScreen::of(int fd) {
  LiveScreen screen;
  screen.fd_ = fd;
  screen.columns_ = columns_of(fd);
  return screen;
}

std::string LiveScreen::redraw(const std::string& text) {
  if (!fixed_) columns_ = columns_of(fd_);
  if (columns_ == 0) return text;
  // A terminal that became narrower has wrapped the old lines: count rows, not lines.
  std::size_t rows = 0;
  for_each_line(shown_, [&](const std::string& line) {
    rows += std::max<std::size_t>(1, (line.size() + columns_ - 1) / columns_);
  });
  std::string out = rows == 0 ? "" : fmt::format("\033[{}A\033[J", rows);
  shown_.clear();
  // The last column stays free: some terminals wrap as soon as it is written.
  const std::size_t fits = std::max<std::size_t>(2, columns_) - 1;
  for_each_line(text, [&](const std::string& line) {
    shown_ += line.size() <= fits ? line : line.substr(0, fits - 1) + ">";
    shown_ += '\n';
  });
  return out + shown_;
}

}  // namespace hni::tools
