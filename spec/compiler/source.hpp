// SPDX-License-Identifier: Apache-2.0
// Source texts and the diagnostics that refer to them.
//
// A SourceSet owns the text of every file that one compilation reads. A Span names bytes in one of
// them, and stays valid as long as the set lives. Diagnostics are values: nothing here prints or
// exits. Each carries a stable code (a negative test is named after it), one sentence about what
// is wrong and one about what to do.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hni::rdl {

// Half-open byte range [begin, end) in file number `file` of the SourceSet.
struct Span {
  std::uint32_t file = 0;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

// The position of a byte for display: line and column count from 1, the column counts bytes.
struct Position {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
};

struct SourceFile {
  std::string name;
  std::string text;
  std::vector<std::uint32_t> line_starts;
};

class SourceSet {
 public:
  // Takes ownership of the text and returns the file's number. Files are never removed.
  std::uint32_t add(std::string name, std::string text);
  const SourceFile& file(std::uint32_t index) const { return files_[index]; }
  std::size_t size() const { return files_.size(); }
  Position position(const Span& span) const;
  // Returns the whole line that contains the span's first byte, without its line end.
  std::string_view line_of(const Span& span) const;

 private:
  std::deque<SourceFile> files_;
};

// Reads a file by path. Returns nothing if it cannot be read. The fuzz target and the tests pass a
// reader without disk access.
using FileReader = std::function<std::optional<std::string>(const std::string&)>;

// Reads a regular file of at most kMaxFileBytes. Folders, devices, FIFOs and sockets are refused
// without being opened, because reading one may never end.
std::optional<std::string> read_file(const std::string& path);
inline constexpr std::size_t kMaxFileBytes = std::size_t{256} << 20;
// Returns why read_file(path) returned nothing, as the end of a sentence.
std::string read_problem(const std::string& path);

struct Diagnostic {
  std::string code;  // for example "field-overlap"
  Span span;
  std::string message;  // what is wrong
  std::string remedy;   // what to do about it
};

// Collects errors. After kMaxDiagnostics further ones are only counted, as a damaged file causes
// the same error many times.
class Diagnostics {
 public:
  static constexpr std::size_t kMaxDiagnostics = 50;
  void add(std::string code, Span span, std::string message, std::string remedy);
  // Adds a warning, which does not make the compilation fail.
  void warn(std::string code, Span span, std::string message, std::string remedy);
  bool empty() const { return total_ == 0; }
  std::size_t total() const { return total_; }
  std::size_t total_warnings() const { return total_warnings_; }
  const std::vector<Diagnostic>& items() const { return items_; }
  const std::vector<Diagnostic>& warnings() const { return warnings_; }
  // Formats "file:line:column: error: ..." with the line, a caret and the remedy, one block per
  // diagnostic; warnings last.
  std::string render(const SourceSet& sources) const;

 private:
  std::vector<Diagnostic> items_;
  std::vector<Diagnostic> warnings_;
  std::size_t total_ = 0;
  std::size_t total_warnings_ = 0;
};

}  // namespace hni::rdl
