// SPDX-License-Identifier: Apache-2.0
#include "spec/compiler/preprocess.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "spec/compiler/macro.hpp"

namespace hni::rdl {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::size_t kMaxExpansionDepth = 64;
constexpr std::size_t kMaxExpansions = std::size_t{1} << 20;

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
}

// One `ifdef ... `endif.
struct Conditional {
  Span span;
  bool outer_active = true;
  bool active = true;  // this branch is emitted
  bool done = false;   // a branch was emitted already
  bool in_else = false;
};

// A text that is scanned: a file, or the expansion of a macro.
struct Scan {
  std::string_view text;
  Span place;  // of an expansion: the use of the macro; of a file: its number
  bool macro = false;
  std::size_t at = 0;
  std::size_t emitted = 0;  // everything before it has been emitted
  std::vector<Conditional> conditionals;

  bool active() const { return conditionals.empty() || conditionals.back().active; }
};

class Preprocessor {
 public:
  Preprocessor(const FileReader& reader, SourceSet& sources, Diagnostics& diagnostics,
               const LexLimits& limits, const PreprocessOptions& options, Preprocessed& out)
      : reader_(reader),
        sources_(sources),
        diagnostics_(diagnostics),
        limits_(limits),
        options_(options),
        out_(out) {
    for (const auto& [name, text] : options.defines) macros_[name] = Macro{text, {}};
  }
  bool file(const std::string& path, Span included_at, const std::string& shown);

 private:
  Span span(const Scan& scan, std::size_t begin, std::size_t end) const {
    if (scan.macro) return scan.place;
    return {scan.place.file, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
  }
  bool fail(const char* code, Span where, std::string message, std::string remedy) {
    diagnostics_.add(code, where, std::move(message), std::move(remedy));
    return false;
  }
  bool run(Scan& scan);
  bool emit(Scan& scan, std::size_t end);
  bool backtick(Scan& scan);
  bool conditional(Scan& scan, std::string_view word, std::size_t start);
  bool open_conditional(Scan& scan, std::string_view word, std::size_t start);
  bool define(Scan& scan, std::size_t start);
  bool undefine(Scan& scan, std::size_t start);
  bool line_directive(Scan& scan, std::size_t start);
  bool include(Scan& scan, std::size_t start);
  bool use(Scan& scan, std::string_view name, std::size_t start);
  bool alone_on_its_line(Scan& scan, std::size_t start, std::string_view word);
  bool nothing_follows(Scan& scan, std::string_view word);
  bool take_word(Scan& scan, std::string_view& word, std::string_view directive,
                 std::size_t start);
  // Scans `text` and writes to `result` instead of the output.
  bool expand(std::string_view text, Span place, std::string& result);

  const FileReader& reader_;
  SourceSet& sources_;
  Diagnostics& diagnostics_;
  const LexLimits& limits_;
  const PreprocessOptions& options_;
  Preprocessed& out_;
  std::map<std::string, Macro, std::less<>> macros_;
  std::vector<std::string> active_macros_;
  std::vector<std::string> open_files_;
  std::size_t expansions_ = 0;
  std::string* expansion_ = nullptr;  // destination while a macro is expanded
};

bool Preprocessor::emit(Scan& scan, std::size_t end) {
  if (scan.active() && scan.emitted < end) {
    const std::string_view part = scan.text.substr(scan.emitted, end - scan.emitted);
    std::string& target = expansion_ != nullptr ? *expansion_ : out_.text;
    if (expansion_ == nullptr) {
      out_.segments.push_back({out_.text.size(), span(scan, scan.emitted, end), scan.macro});
    }
    if (target.size() + part.size() > limits_.total_bytes) {
      return fail("too-large", span(scan, scan.emitted, end), "the input is too large",
                  fmt::format("keep one map under {} bytes", limits_.total_bytes));
    }
    target += part;
  }
  scan.emitted = end;
  return true;
}

bool Preprocessor::run(Scan& scan) {
  const std::string_view text = scan.text;
  while (scan.at < text.size()) {
    scan.at = std::min(text.find_first_of("/\"`", scan.at), text.size());
    if (scan.at == text.size()) break;
    if (text[scan.at] == '`') {
      if (!backtick(scan)) return false;
    } else {
      scan.at = after_comment_or_string(text, scan.at);
    }
  }
  if (!emit(scan, text.size())) return false;
  if (scan.conditionals.empty()) return true;
  return fail("conditional", scan.conditionals.back().span, "this conditional never ends",
              "close it with `endif");
}

bool Preprocessor::backtick(Scan& scan) {
  const std::size_t start = scan.at++;
  const std::string_view word = word_at(scan.text, scan.at);
  scan.at += word.size();
  static constexpr std::string_view kConditionals[] = {"ifdef", "ifndef", "elsif", "else",
                                                       "endif"};
  const bool is_conditional = std::find(std::begin(kConditionals), std::end(kConditionals),
                                        word) != std::end(kConditionals);
  if (is_conditional) return conditional(scan, word, start);
  if (word == "define") return define(scan, start);
  if (!scan.active()) return true;
  if (word == "undef") return undefine(scan, start);
  if (word == "line") return line_directive(scan, start);
  if (word == "include") return include(scan, start);
  if (word.empty()) {
    return fail("bad-character", span(scan, start, start + 1), "a macro's name must follow `",
                "write `NAME, or remove the character");
  }
  return use(scan, word, start);
}

bool Preprocessor::alone_on_its_line(Scan& scan, std::size_t start, std::string_view word) {
  for (std::size_t i = start; i-- > 0 && scan.text[i] != '\n';) {
    const char c = scan.text[i];
    if (c == ' ' || c == '\t' || c == '\r') continue;
    return fail("directive", span(scan, start, scan.at),
                fmt::format("`{} does not begin its line", word), "put it on a line of its own");
  }
  return true;
}

bool Preprocessor::nothing_follows(Scan& scan, std::string_view word) {
  std::size_t at = scan.at;
  const std::string_view text = scan.text;
  while (at < text.size() && text[at] != '\n') {
    const char c = text[at];
    if (c == '/' && text.substr(at, 2) == "//") return true;
    if (c == '/' && text.substr(at, 2) == "/*") {
      at = after_comment_or_string(text, at);
      continue;
    }
    if (c != ' ' && c != '\t' && c != '\r') {
      return fail("directive", span(scan, at, at + 1),
                  fmt::format("only a comment may follow `{} on its line", word),
                  "put the rest on the next line");
    }
    ++at;
  }
  return true;
}

bool Preprocessor::take_word(Scan& scan, std::string_view& word, std::string_view directive,
                             std::size_t start) {
  while (scan.at < scan.text.size() && (scan.text[scan.at] == ' ' || scan.text[scan.at] == '\t')) {
    ++scan.at;
  }
  word = word_at(scan.text, scan.at);
  scan.at += word.size();
  if (!word.empty()) return true;
  return fail("directive", span(scan, start, scan.at), fmt::format("`{} needs a name", directive),
              "write the macro's name after it");
}

bool Preprocessor::open_conditional(Scan& scan, std::string_view word, std::size_t start) {
  std::string_view name;
  if (!take_word(scan, name, word, start)) return false;
  Conditional next;
  next.span = span(scan, start, scan.at);
  next.outer_active = scan.active();
  const bool defined = macros_.contains(name);
  next.active = next.outer_active && defined == (word == "ifdef");
  next.done = next.active;
  scan.conditionals.push_back(next);
  return true;
}

bool Preprocessor::conditional(Scan& scan, std::string_view word, std::size_t start) {
  if (!alone_on_its_line(scan, start, word) || !emit(scan, start)) return false;
  if (word == "ifdef" || word == "ifndef") {
    if (!open_conditional(scan, word, start)) return false;
  } else {
    if (scan.conditionals.empty() || (word != "endif" && scan.conditionals.back().in_else)) {
      return fail("conditional", span(scan, start, scan.at),
                  fmt::format("there is no `ifdef that this `{} belongs to", word),
                  "remove it or add `ifdef above");
    }
    Conditional& open = scan.conditionals.back();
    bool holds = !open.done;
    if (word == "elsif") {
      std::string_view name;
      if (!take_word(scan, name, word, start)) return false;
      holds = holds && macros_.contains(name);
    }
    open.active = open.outer_active && holds;
    open.done = open.done || holds;
    open.in_else = word == "else";
    if (word == "endif") scan.conditionals.pop_back();
  }
  scan.emitted = scan.at;
  return nothing_follows(scan, word);
}

bool Preprocessor::define(Scan& scan, std::size_t start) {
  if (!alone_on_its_line(scan, start, "define") || !emit(scan, start)) return false;
  std::string_view name;
  if (!take_word(scan, name, "define", start)) return false;
  if (is_directive_name(name)) {
    return fail("directive", span(scan, start, scan.at),
                fmt::format("a macro cannot have the name `{}", name), "choose another name");
  }
  Macro macro;
  const char* problem = parse_macro(scan.text, scan.at, macro);
  if (problem != nullptr) {
    return fail("directive", span(scan, start, scan.at),
                fmt::format("the parameters of `{} cannot be read: {}", name, problem),
                "write `define NAME(a, b) text");
  }
  if (scan.active()) macros_[std::string(name)] = std::move(macro);
  scan.emitted = scan.at;
  return true;
}

bool Preprocessor::undefine(Scan& scan, std::size_t start) {
  std::string_view name;
  if (!alone_on_its_line(scan, start, "undef") || !emit(scan, start) ||
      !take_word(scan, name, "undef", start)) {
    return false;
  }
  const auto found = macros_.find(name);
  if (found != macros_.end()) macros_.erase(found);
  scan.emitted = scan.at;
  return nothing_follows(scan, "undef");
}

// `line 10 "file" 0 only changes the location in messages, and our messages name the file that is
// actually read.
bool Preprocessor::line_directive(Scan& scan, std::size_t start) {
  if (!alone_on_its_line(scan, start, "line") || !emit(scan, start)) return false;
  const std::size_t end = std::min(scan.text.find('\n', scan.at), scan.text.size());
  const std::string_view rest = scan.text.substr(scan.at, end - scan.at);
  if (std::count(rest.begin(), rest.end(), '"') != 2) {
    return fail("directive", span(scan, start, end), "`line needs a number, a file and a level",
                "write `line 10 \"file.rdl\" 0, or remove it");
  }
  scan.at = scan.emitted = end;
  return true;
}

bool Preprocessor::include(Scan& scan, std::size_t start) {
  if (scan.macro) {
    return fail("unsupported", scan.place, "`include inside of a macro is not supported",
                "write the `include itself");
  }
  if (!alone_on_its_line(scan, start, "include") || !emit(scan, start)) return false;
  std::size_t at = scan.at;
  while (at < scan.text.size() && (scan.text[at] == ' ' || scan.text[at] == '\t')) ++at;
  const char open = at < scan.text.size() ? scan.text[at] : '\0';
  const char close = open == '<' ? '>' : '"';
  const std::size_t stop =
      open == '"' || open == '<' ? scan.text.find(close, at + 1) : std::string_view::npos;
  const std::size_t line_end = scan.text.find('\n', at);
  if (stop == std::string_view::npos || stop > line_end) {
    return fail("bad-include", span(scan, start, scan.at), "`include needs a file name in quotes",
                "write `include \"other.rdl\"");
  }
  const std::string name(scan.text.substr(at + 1, stop - at - 1));
  scan.at = scan.emitted = stop + 1;
  if (!nothing_follows(scan, "include")) return false;
  return file(name, span(scan, start, scan.at), sources_.file(scan.place.file).name);
}

bool Preprocessor::use(Scan& scan, std::string_view name, std::size_t start) {
  const auto found = macros_.find(name);
  if (found == macros_.end()) {
    const bool directive = is_directive_name(name);
    return fail(directive ? "unsupported" : "undefined-macro", span(scan, start, scan.at),
                directive ? fmt::format("`{} is not supported", name)
                          : fmt::format("the macro `{} is not defined", name.substr(0, 40)),
                "define it above with `define, or on the command line with -D");
  }
  if (!emit(scan, start)) return false;
  if (active_macros_.size() >= kMaxExpansionDepth ||
      std::find(active_macros_.begin(), active_macros_.end(), name) != active_macros_.end()) {
    return fail("directive", span(scan, start, scan.at),
                fmt::format("the macro `{} expands to itself", name), "remove the recursion");
  }
  if (++expansions_ > kMaxExpansions) {
    return fail("too-large", span(scan, start, scan.at), "too many uses of macros",
                fmt::format("at most {} are supported", kMaxExpansions));
  }
  std::vector<std::string> arguments;
  if (!found->second.parameters.empty()) {
    const char* problem = parse_arguments(scan.text, scan.at, arguments);
    if (problem == nullptr && arguments.size() != found->second.parameters.size()) {
      problem = "their number is wrong";
    }
    if (problem != nullptr) {
      return fail(
          "directive", span(scan, start, scan.at),
          fmt::format("the arguments of `{} cannot be used: {}", name, problem),
          fmt::format("give it {} arguments in parentheses", found->second.parameters.size()));
    }
  }
  const Span place = span(scan, start, scan.at);
  for (std::string& argument : arguments) {
    std::string expanded;
    if (!expand(argument, place, expanded)) return false;
    argument = std::move(expanded);
  }
  const std::string text = render_macro(found->second, arguments);
  active_macros_.emplace_back(name);
  std::string expanded;
  const bool good = expand(text, place, expanded);
  active_macros_.pop_back();
  scan.emitted = scan.at;
  if (!good) return false;
  Scan result{expanded, place, true, 0, 0, {}};
  return emit(result, expanded.size());
}

bool Preprocessor::expand(std::string_view text, Span place, std::string& result) {
  std::string* const outer = expansion_;
  expansion_ = &result;
  Scan scan{text, place, true, 0, 0, {}};
  const bool good = run(scan);
  expansion_ = outer;
  return good;
}

bool Preprocessor::file(const std::string& name, Span included_at, const std::string& from) {
  const bool top = open_files_.empty();
  std::vector<std::string> candidates;
  if (top || name.starts_with('/')) {
    candidates.push_back(name);
  } else {
    for (const std::string& folder : options_.include_folders) {
      candidates.push_back(folder.ends_with('/') ? folder + name : folder + "/" + name);
    }
    candidates.push_back(directory_of(from) + name);
  }
  std::optional<std::string> text;
  std::string path;
  for (const std::string& candidate : candidates) {
    path = candidate;
    if (std::find(open_files_.begin(), open_files_.end(), path) != open_files_.end()) {
      return fail("include-cycle", included_at, fmt::format("{} includes itself", path),
                  "include shared definitions once, from the top file");
    }
    if ((text = reader_(path)).has_value()) break;
  }
  if (top && !text) included_at = {sources_.add(path, ""), 0, 0};
  if (open_files_.size() >= limits_.include_depth) {
    return fail("include-depth", included_at, "too many nested includes",
                fmt::format("at most {} files may be open at once", limits_.include_depth));
  }
  if (!text) {
    return fail("cannot-read", included_at,
                fmt::format("cannot read {}: {}", path, read_problem(path)),
                top ? "name a SystemRDL file"
                    : "check the path; it counts from the including file's folder, or from -I");
  }
  const std::uint32_t number = sources_.add(path, std::move(*text));
  open_files_.push_back(path);
  Scan scan{sources_.file(number).text, {number, 0, 0}, false, 0, 0, {}};
  if (scan.text.starts_with(kByteOrderMark)) scan.at = scan.emitted = kByteOrderMark.size();
  const bool good = run(scan);
  open_files_.pop_back();
  return good;
}

}  // namespace

bool preprocess(const std::string& path, const FileReader& reader, SourceSet& sources,
                Diagnostics& diagnostics, const LexLimits& limits,
                const PreprocessOptions& options, Preprocessed& out) {
  return Preprocessor(reader, sources, diagnostics, limits, options, out).file(path, {}, path);
}

}  // namespace hni::rdl
