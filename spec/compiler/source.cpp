// SPDX-License-Identifier: Apache-2.0
#include "spec/compiler/source.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace hni::rdl {

std::uint32_t SourceSet::add(std::string name, std::string text) {
  SourceFile file{std::move(name), std::move(text), {0}};
  for (std::size_t i = 0; i < file.text.size(); ++i) {
    if (file.text[i] == '\n') file.line_starts.push_back(static_cast<std::uint32_t>(i + 1));
  }
  files_.push_back(std::move(file));
  return static_cast<std::uint32_t>(files_.size() - 1);
}

Position SourceSet::position(const Span& span) const {
  const auto& starts = files_[span.file].line_starts;
  const auto after = std::upper_bound(starts.begin(), starts.end(), span.begin);
  const auto line = static_cast<std::uint32_t>(after - starts.begin());
  return {line, span.begin - starts[line - 1] + 1};
}

std::string_view SourceSet::line_of(const Span& span) const {
  const SourceFile& file = files_[span.file];
  const std::string_view text = file.text;
  const std::size_t start = file.line_starts[position(span).line - 1];
  std::size_t stop = text.find('\n', start);
  if (stop == std::string_view::npos) stop = text.size();
  std::string_view line = text.substr(start, stop - start);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

namespace {

// Closes a file descriptor at the end of a scope.
class OpenFile {
 public:
  // O_NONBLOCK: open() must not block on a FIFO without a writer or on a device.
  explicit OpenFile(const std::string& path)
      : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {}
  ~OpenFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

const char* kind_of_file(unsigned mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

}  // namespace

std::optional<std::string> read_file(const std::string& path) {
  struct stat status = {};
  // Checked before open() as well: opening some devices has side effects.
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  const OpenFile file(path);
  if (file.descriptor() < 0 || ::fstat(file.descriptor(), &status) != 0) return std::nullopt;
  if (!S_ISREG(status.st_mode)) return std::nullopt;
  std::string text;
  std::vector<char> buffer(std::size_t{1} << 16);
  while (text.size() <= kMaxFileBytes) {
    const auto got = ::read(file.descriptor(), buffer.data(), buffer.size());
    if (got < 0) return std::nullopt;
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return std::nullopt;
}

std::string read_problem(const std::string& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) return std::strerror(errno);
  if (!S_ISREG(status.st_mode)) {
    return fmt::format("it is {}, not a regular file", kind_of_file(status.st_mode));
  }
  if (static_cast<std::uint64_t>(status.st_size) > kMaxFileBytes) {
    return fmt::format("it has more than {} bytes", kMaxFileBytes);
  }
  const OpenFile file(path);
  if (file.descriptor() < 0) return std::strerror(errno);
  return "reading it failed";
}

void Diagnostics::add(std::string code, Span span, std::string message, std::string remedy) {
  ++total_;
  if (items_.size() >= kMaxDiagnostics) return;
  items_.push_back({std::move(code), span, std::move(message), std::move(remedy)});
}

void Diagnostics::warn(std::string code, Span span, std::string message, std::string remedy) {
  ++total_warnings_;
  if (warnings_.size() >= kMaxDiagnostics) return;
  warnings_.push_back({std::move(code), span, std::move(message), std::move(remedy)});
}

namespace {

// A line of a damaged file may be long or contain control bytes, so the excerpt is shortened and
// made printable.
constexpr std::size_t kExcerptBytes = 120;

std::string printable(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = ' ';
  }
  return out;
}

std::string render_one(const SourceSet& sources, const Diagnostic& item, const char* severity) {
  const Position at = sources.position(item.span);
  const std::string_view line = sources.line_of(item.span);
  std::size_t column = at.column - 1;
  std::size_t first = 0;
  if (column > kExcerptBytes / 2) first = column - kExcerptBytes / 2;
  const std::string excerpt = printable(line.substr(std::min(first, line.size()), kExcerptBytes));
  column -= first;
  const std::size_t width = item.span.end > item.span.begin ? item.span.end - item.span.begin : 1;
  const std::size_t room = excerpt.size() > column ? excerpt.size() - column : 1;
  const std::string carets(std::max<std::size_t>(1, std::min(width, room)), '^');
  return fmt::format("{}:{}:{}: {}: {} [{}]\n{:>6} | {}\n       | {}{}\n       = to do: {}\n",
                     sources.file(item.span.file).name, at.line, at.column, severity, item.message,
                     item.code, at.line, excerpt, std::string(column, ' '), carets, item.remedy);
}

}  // namespace

std::string Diagnostics::render(const SourceSet& sources) const {
  std::string out;
  const auto list = [&](const std::vector<Diagnostic>& items, std::size_t total,
                        const char* severity) {
    for (const Diagnostic& item : items) out += render_one(sources, item, severity);
    const std::size_t more = total - items.size();
    if (more > 0)
      out += fmt::format("... and {} more {}{}\n", more, severity, more == 1 ? "" : "s");
  };
  list(items_, total_, "error");
  list(warnings_, total_warnings_, "warning");
  return out;
}

}  // namespace hni::rdl
