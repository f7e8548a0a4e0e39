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

Span TokenStream::span(std::size_t begin, std::size_t end) {
  const std::vector<Segment>& segments = source_.segments;
  if (segments.empty()) return {};
  while (segment_ > 0 && segments[segment_].begin > begin) --segment_;
  while (segment_ + 1 < segments.size() && segments[segment_ + 1].begin <= begin) ++segment_;
  const Segment& segment = segments[segment_];
  if (segment.fixed) return segment.source;
  const auto place = [&](std::size_t at) {
    const std::size_t offset = segment.source.begin + (at - segment.begin);
    return std::min(static_cast<std::uint32_t>(offset), segment.source.end);
  };
  return {segment.source.file, place(begin), place(end)};
}

bool TokenStream::fail(const char* code, std::size_t begin, std::size_t end, std::string message,
                       std::string remedy) {
  diagnostics_.add(code, span(begin, end), std::move(message), std::move(remedy));
  return false;
}

bool TokenStream::put(Token& token, TokenKind kind, std::size_t begin, std::string_view text) {
  if (++count_ > limits_.tokens) {
    return fail("too-large", begin, at_, "the input has too many tokens",
                fmt::format("keep one map under {} tokens", limits_.tokens));
  }
  token = {kind, false, 64, span(begin, at_), text, 0};
  return true;
}

bool TokenStream::put_number(Token& token, std::size_t start, const Bits& value,
                             std::uint32_t width) {
  if (!put(token, TokenKind::kNumber, start, text_.substr(start, at_ - start))) return false;
  token.wide = !value.fits64();
  token.width = width;
  token.number = value.low();
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

bool TokenStream::digits(unsigned base, Bits& value, std::size_t start) {
  value = {};
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
    if (!value.append_digit(base, *digit)) {
      return fail("bad-number", start, at_ + 1,
                  fmt::format("this number does not fit {} bits", Bits::kMaxBits),
                  "correct the number");
    }
    any = true;
    ++at_;
  }
  if (!any) {
    return fail("bad-number", start, std::max(at_, start + 1), "this number has no digits",
                "write digits after the base");
  }
  if (at_ < text_.size() && is_name_char(text_[at_])) {
    return fail("bad-number", start, at_ + 1,
                fmt::format("'{}' is not valid in a number", text_[at_]),
                "put a blank after the number, or correct the digit");
  }
  return true;
}

namespace {

unsigned base_of(char letter) {
  switch (letter) {
    case 'h':
    case 'H':
      return 16;
    case 'd':
    case 'D':
      return 10;
    case 'o':
    case 'O':
      return 8;
    case 'b':
    case 'B':
      return 2;
    default:
      return 0;
  }
}

}  // namespace

bool TokenStream::lex_based_number(Token& token, std::uint64_t width, std::size_t start) {
  ++at_;  // the quote
  const unsigned base = base_of(peek());
  if (base == 0) {
    return fail("bad-number", start, at_ + 1, "the base of a sized number is one of h d o b",
                "write for example 8'hff");
  }
  ++at_;
  Bits value;
  if (!digits(base, value, start)) return false;
  if (width == 0 || width > Bits::kMaxBits) {
    return fail("bad-number", start, at_,
                fmt::format("the size of a number is 1 to {} bits", Bits::kMaxBits),
                "correct the size before the quote");
  }
  if (value.length() > width) {
    return fail("bad-number", start, at_,
                fmt::format("{} does not fit {} bits", value.hex(), width),
                "widen the size before the quote or correct the value");
  }
  return put_number(token, start, value, static_cast<std::uint32_t>(width));
}

bool TokenStream::lex_number(Token& token) {
  const std::size_t start = at_;
  Bits value;
  if (peek() == '0' && (peek(1) == 'x' || peek(1) == 'X')) {
    at_ += 2;
    if (!digits(16, value, start)) return false;
  } else {
    if (!digits(10, value, start)) return false;
    if (peek() == '\'' && base_of(peek(1)) != 0) {
      return lex_based_number(token, value.fits64() ? value.low() : 0, start);
    }
    // 8'(x) is a cast; any other letter is an invalid base.
    if (peek() == '\'' && is_name_char(peek(1))) return lex_based_number(token, 1, start);
  }
  // A number without a size has 64 bits.
  if (!value.fits64()) {
    return fail("bad-number", start, at_, "this number does not fit 64 bits",
                "state its size: 128'h...");
  }
  return put_number(token, start, value, 64);
}

Bits wide_number(std::string_view text) {
  unsigned base = 10;
  if (const std::size_t quote = text.find('\''); quote != std::string_view::npos) {
    base = base_of(text[quote + 1]);
    text.remove_prefix(quote + 2);
  } else if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  }
  Bits value;
  for (const char c : text) {
    if (const auto digit = digit_value(c)) value.append_digit(base, *digit);
  }
  return value;
}

bool TokenStream::lex_string(Token& token) {
  const std::size_t start = at_++;
  while (at_ < text_.size() && text_[at_] != '"') {
    const bool escape = text_[at_] == '\\';
    if (escape && peek(1) != '"' && peek(1) != '\\' && at_ + 1 < text_.size()) {
      return fail("bad-character", at_, at_ + 1,
                  "in a string a backslash may only precede \" or \\",
                  "write \\\\ for a backslash");
    }
    at_ += escape ? 2u : 1u;
  }
  if (at_ >= text_.size()) {
    at_ = text_.size();
    return fail("unterminated-string", start, start + 1, "this string never ends",
                "close it with \" and write \\\" for a quote inside it");
  }
  ++at_;
  const std::string_view content = text_.substr(start + 1, at_ - start - 2);
  const std::size_t perl = content.find("<%");
  if (perl != std::string_view::npos && content.find("%>", perl) != std::string_view::npos) {
    return fail("unsupported", start + 1 + perl, start + 3 + perl,
                "embedded Perl (<% %>) is not supported", "write the text out");
  }
  return put(token, TokenKind::kString, start, content);
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
  if (text_.substr(at_, 2) == "\xff\xfe" || text_.substr(at_, 2) == "\xfe\xff") {
    return fail("bad-character", start, start + 2, "this file is in UTF-16",
                "save it as UTF-8 or ASCII");
  }
  const auto byte = static_cast<unsigned char>(text_[at_]);
  return fail("bad-character", start, start + 1,
              fmt::format("byte {:#04x} cannot stand here", byte),
              "outside of strings and comments use the ASCII characters of SystemRDL");
}

bool TokenStream::lex_token(Token& token) {
  const char c = peek();
  if (is_name_start(c) || c == '\\') return lex_name(token);
  if (is_digit(c)) return lex_number(token);
  if (c == '"') return lex_string(token);
  return lex_punct(token);
}

// Returns the next token, or kEnd at the end and after an error.
void TokenStream::produce(Token& token) {
  if (!failed_) {
    if (!skip_blank()) {
      failed_ = true;
    } else if (at_ < text_.size()) {
      if (lex_token(token)) return;
      failed_ = true;
    }
  }
  token = {};
  token.span = span(text_.size(), text_.size());
}

void TokenStream::next() {
  previous_ = now_.span;
  now_ = ahead_;
  produce(ahead_);
}

TokenStream::TokenStream(const Preprocessed& source, Diagnostics& diagnostics,
                         const LexLimits& limits)
    : source_(source), diagnostics_(diagnostics), limits_(limits), text_(source.text) {
  produce(now_);
  produce(ahead_);
  previous_ = now_.span;
}

bool is_reserved_word(std::string_view word) {
  // no operator is longer or starts differently
  if (word.size() > 14 || word.front() < 'a') return false;
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
