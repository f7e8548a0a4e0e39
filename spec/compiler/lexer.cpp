// SPDX-License-Identifier: Apache-2.0
#include "spec/compiler/lexer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace hni::rdl {
namespace {

// Sorted. Annex of the standard: keywords and words reserved for later use.
constexpr std::array<std::string_view, 74> kReserved = {
    "abstract",
    "accesstype",
    "addressingtype",
    "addrmap",
    "alias",
    "all",
    "alternate",
    "bit",
    "boolean",
    "bothedge",
    "byte",
    "compact",
    "component",
    "componentwidth",
    "constraint",
    "default",
    "encode",
    "enum",
    "external",
    "false",
    "field",
    "fullalign",
    "hw",
    "inside",
    "int",
    "internal",
    "level",
    "longint",
    "mem",
    "na",
    "negedge",
    "nonsticky",
    "number",
    "onreadtype",
    "onwritetype",
    "posedge",
    "precedencetype",
    "property",
    "r",
    "rclr",
    "real",
    "ref",
    "reg",
    "regalign",
    "regfile",
    "rset",
    "ruser",
    "rw",
    "rw1",
    "shortint",
    "shortreal",
    "signal",
    "signed",
    "string",
    "struct",
    "sw",
    "this",
    "true",
    "type",
    "unsigned",
    "w",
    "w1",
    "wclr",
    "with",
    "within",
    "woclr",
    "woset",
    "wot",
    "wr",
    "wset",
    "wuser",
    "wzc",
    "wzs",
    "wzt",
};

constexpr std::string_view kPairs[] = {"'{", "->", "=>", "::", "<<", ">>", "<=", ">=", "==", "!=",
                                       "&&", "||", "**", "+=", "%=", "~&", "~|", "~^", "^~"};
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kSingles = "{}[]();:,.=@#?+-*/%&|^~!<>'";

bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_name_char(char c) {
  return is_name_start(c) || is_digit(c);
}

std::optional<unsigned> digit_value(char c) {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

}  // namespace

Span TokenStream::span(std::size_t begin, std::size_t end) const {
  return {file_, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
}

bool TokenStream::fail(const char* code, std::size_t begin, std::size_t end, std::string message,
                       std::string remedy) {
  diagnostics_.add(code, span(begin, end), std::move(message), std::move(remedy));
  return false;
}

bool TokenStream::put(Token& token, TokenKind kind, std::size_t begin, std::string_view text,
                      std::uint64_t number, std::uint8_t width) {
  if (++count_ > limits_.tokens) {
    return fail("too-large", begin, at_, "the input has too many tokens",
                fmt::format("keep one map under {} tokens", limits_.tokens));
  }
  token = {kind, width, span(begin, at_), text, number};
  return true;
}

bool TokenStream::skip_blank() {
  for (;;) {
    const char c = peek();
    if (at_ < text_.size() && (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f')) {
      ++at_;
    } else if (c == '/' && peek(1) == '/') {
      while (at_ < text_.size() && text_[at_] != '\n') ++at_;
    } else if (c == '/' && peek(1) == '*') {
      const std::size_t stop = text_.find("*/", at_ + 2);
      if (stop == std::string_view::npos) {
        return fail("unterminated-comment", at_, at_ + 2, "this comment never ends",
                    "close it with */");
      }
      at_ = stop + 2;
    } else {
      return true;
    }
  }
}

bool TokenStream::lex_name(Token& token) {
  const std::size_t start = at_;
  const bool escaped = peek() == '\\';
  if (escaped) ++at_;
  const std::size_t body = at_;
  while (at_ < text_.size() && is_name_char(text_[at_])) ++at_;
  const std::string_view word = text_.substr(body, at_ - body);
  if (word.empty() || is_digit(word.front())) {
    return fail("bad-character", start, at_ + 1, "a backslash must be followed by a name",
                "write \\name to escape a reserved word");
  }
  const bool keyword = !escaped && is_reserved_word(word);
  return put(token, keyword ? TokenKind::kKeyword : TokenKind::kName, start, word);
}

bool TokenStream::digits(unsigned base, std::uint64_t& value, std::size_t start) {
  value = 0;
  bool any = false;
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == '_' && any) {
      ++at_;
      continue;
    }
    const auto digit = digit_value(c);
    if (!digit || (*digit >= base && !is_digit(c) && base <= 10)) break;
    if (*digit >= base) {
      return fail("bad-number", start, at_ + 1,
                  fmt::format("'{}' is not a digit of base {}", c, base),
                  "correct the digit or the base letter");
    }
    if (value > (~std::uint64_t{0} - *digit) / base) {
      return fail("bad-number", start, at_ + 1, "this number does not fit 64 bits",
                  "this compiler's numbers have at most 64 bits");
    }
    value = value * base + *digit;
    any = true;
    ++at_;
  }
  if (!any) {
    return fail("bad-number", start, std::max(at_, start + 1), "this number has no digits",
                "write digits after the base");
  }
  if (at_ < text_.size() && is_name_char(text_[at_])) {
    return fail("bad-number", start, at_ + 1,
                fmt::format("'{}' cannot stand in a number", text_[at_]),
                "put a blank after the number, or correct the digit");
  }
  return true;
}

bool TokenStream::lex_based_number(Token& token, std::uint64_t width, std::size_t start) {
  ++at_;  // the quote
  const char letter = peek();
  unsigned base = 0;
  if (letter == 'h' || letter == 'H') base = 16;
  if (letter == 'd' || letter == 'D') base = 10;
  if (letter == 'o' || letter == 'O') base = 8;
  if (letter == 'b' || letter == 'B') base = 2;
  if (base == 0) {
    return fail("bad-number", start, at_ + 1, "the base of a sized number is one of h d o b",
                "write for example 8'hff");
  }
  ++at_;
  std::uint64_t value = 0;
  if (!digits(base, value, start)) return false;
  if (width == 0 || width > 64) {
    return fail("bad-number", start, at_, "the size of a number is 1 to 64 bits",
                "state a size from 1 to 64 before the quote");
  }
  if (width < 64 && (value >> width) != 0) {
    return fail("bad-number", start, at_, fmt::format("{:#x} does not fit {} bits", value, width),
                "widen the size before the quote or correct the value");
  }
  return put(token, TokenKind::kNumber, start, text_.substr(start, at_ - start), value,
             static_cast<std::uint8_t>(width));
}

bool TokenStream::lex_number(Token& token) {
  const std::size_t start = at_;
  std::uint64_t value = 0;
  if (peek() == '0' && (peek(1) == 'x' || peek(1) == 'X')) {
    at_ += 2;
    if (!digits(16, value, start)) return false;
    return put(token, TokenKind::kNumber, start, text_.substr(start, at_ - start), value);
  }
  if (!digits(10, value, start)) return false;
  if (peek() == '\'' && peek(1) != '{') return lex_based_number(token, value, start);
  return put(token, TokenKind::kNumber, start, text_.substr(start, at_ - start), value);
}

bool TokenStream::lex_string(Token& token) {
  const std::size_t start = at_++;
  while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2u : 1u;
  if (at_ >= text_.size()) {
    at_ = text_.size();
    return fail("unterminated-string", start, start + 1, "this string never ends",
                "close it with \" and write \\\" for a quote inside it");
  }
  ++at_;
  return put(token, TokenKind::kString, start, text_.substr(start + 1, at_ - start - 2));
}

bool TokenStream::lex_punct(Token& token) {
  const std::size_t start = at_;
  if (text_.substr(at_, 2) == "<%") {
    return fail("unsupported", start, start + 2, "embedded Perl (<% %>) is not supported",
                "write the generated registers out, or use an array");
  }
  for (const std::string_view punct : kPairs) {
    if (text_[at_] == punct[0] && peek(1) == punct[1]) {
      at_ += 2;
      return put(token, TokenKind::kPunct, start, text_.substr(start, 2));
    }
  }
  if (kSingles.find(text_[at_]) != std::string_view::npos) {
    ++at_;
    return put(token, TokenKind::kPunct, start, text_.substr(start, 1));
  }
  const auto byte = static_cast<unsigned char>(text_[at_]);
  return fail("bad-character", start, start + 1,
              fmt::format("byte {:#04x} cannot stand here", byte),
              "outside of strings and comments use the ASCII characters of SystemRDL");
}

namespace {

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
}

}  // namespace

bool TokenStream::lex_directive() {
  const std::size_t start = at_++;
  const std::size_t body = at_;
  while (at_ < text_.size() && is_name_char(text_[at_])) ++at_;
  const std::string_view word = text_.substr(body, at_ - body);
  if (word != "include") {
    return fail("unsupported", start, at_,
                fmt::format("the directive `{} is not supported", word.substr(0, 40)),
                "only `include \"file\" exists here: use parameters instead of macros");
  }
  if (!skip_blank()) return false;
  const std::size_t quote = at_;
  const std::size_t stop = peek() == '"' ? text_.find('"', at_ + 1) : std::string_view::npos;
  if (stop == std::string_view::npos) {
    return fail("bad-include", start, at_, "`include needs a file name in quotes",
                "write `include \"other.rdl\"");
  }
  const std::string name(text_.substr(quote + 1, stop - quote - 1));
  at_ = stop + 1;
  const std::string path =
      name.starts_with('/') ? name : directory_of(sources_.file(file_).name) + name;
  return open(path, span(start, at_));
}

bool TokenStream::lex_token(Token& token) {
  const char c = peek();
  if (is_name_start(c) || c == '\\') return lex_name(token);
  if (is_digit(c)) return lex_number(token);
  if (c == '"') return lex_string(token);
  return lex_punct(token);
}

bool TokenStream::open(const std::string& path, Span included_at) {
  const auto refuse = [&](const char* code, std::string message, std::string remedy) {
    if (frames_.empty()) included_at = {sources_.add(path, ""), 0, 0};
    diagnostics_.add(code, included_at, std::move(message), std::move(remedy));
    return false;
  };
  const bool cycle = std::any_of(frames_.begin(), frames_.end(),
                                 [&](const Frame& frame) { return frame.path == path; });
  if (cycle) {
    return refuse("include-cycle", fmt::format("{} includes itself", path),
                  "include shared definitions once, from the top file");
  }
  if (frames_.size() >= limits_.include_depth) {
    return refuse("include-depth", "too many nested includes",
                  fmt::format("at most {} files may be open at once", limits_.include_depth));
  }
  auto text = reader_(path);
  if (!text) {
    return refuse("cannot-read", fmt::format("cannot read {}: {}", path, read_problem(path)),
                  frames_.empty() ? "name a SystemRDL file"
                                  : "check the path; it counts from the including file's folder");
  }
  bytes_ += text->size();
  if (bytes_ > limits_.total_bytes) {
    return refuse("too-large", fmt::format("{} makes the input too large", path),
                  fmt::format("keep one map under {} bytes", limits_.total_bytes));
  }
  if (!frames_.empty()) frames_.back().at = at_;
  file_ = sources_.add(path, std::move(*text));
  text_ = sources_.file(file_).text;
  at_ = text_.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  frames_.push_back({path, file_, text_, 0});
  return true;
}

// The next token, or kEnd at the end of the outermost file and after an error.
void TokenStream::produce(Token& token) {
  while (!failed_ && !frames_.empty()) {
    if (!skip_blank()) {
      failed_ = true;
    } else if (at_ >= text_.size()) {
      frames_.pop_back();
      if (frames_.empty()) break;
      file_ = frames_.back().file;
      text_ = frames_.back().text;
      at_ = frames_.back().at;
    } else if (peek() == '`') {
      failed_ = !lex_directive();
    } else if (lex_token(token)) {
      return;
    } else {
      failed_ = true;
    }
  }
  const auto size = static_cast<std::uint32_t>(sources_.file(top_file_).text.size());
  token = {};
  token.span = {top_file_, size, size};
}

void TokenStream::next() {
  previous_ = now_.span;
  now_ = ahead_;
  produce(ahead_);
}

TokenStream::TokenStream(const std::string& path, const FileReader& reader, SourceSet& sources,
                         Diagnostics& diagnostics, const LexLimits& limits)
    : reader_(reader), sources_(sources), diagnostics_(diagnostics), limits_(limits) {
  top_file_ = static_cast<std::uint32_t>(sources.size());
  failed_ = !open(path, {});
  produce(now_);
  produce(ahead_);
  previous_ = now_.span;
}

bool is_reserved_word(std::string_view word) {
  if (word.size() > 14 || word.front() < 'a') return false;  // none is longer or begins otherwise
  static_assert(std::is_sorted(kReserved.begin(), kReserved.end()));
  return std::binary_search(kReserved.begin(), kReserved.end(), word);
}

std::string unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\')) ++i;
    out.push_back(text[i]);
  }
  return out;
}

}  // namespace hni::rdl
