// SPDX-License-Identifier: Apache-2.0
// Turns SystemRDL 2.0 source into one flat stream of tokens, included files in place.
//
// Of the preprocessor only `include "file"` exists here. Every other directive, and the
// embedded-Perl markers, are refused by name. Limits (bytes, tokens, include depth) keep any input
// finite.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "spec/compiler/source.hpp"

namespace hni::rdl {

enum class TokenKind : std::uint8_t {
  kEnd,      // the end, as often as it is asked for
  kName,     // identifier, plain or escaped with a backslash
  kKeyword,  // reserved word of SystemRDL 2.0
  kNumber,   // value in `number`; `width` is 0 when the literal states none
  kString,   // `text` is the content between the quotes, escapes still in place
  kPunct,    // operator or punctuation, `text` is its spelling
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::uint8_t width = 0;
  Span span;
  std::string_view text;
  std::uint64_t number = 0;
};

struct LexLimits {
  std::size_t total_bytes = 64u << 20;
  std::size_t tokens = 16u << 20;
  std::size_t include_depth = 16;
};

// True for the reserved words of the standard, among them the traps r, w, rw and na.
bool is_reserved_word(std::string_view word);

// The content of a string literal: \" and \\ lose their backslash.
std::string unescape(std::string_view text);

// The tokens of file `path` and all that it includes, one at a time: a map of a hundred thousand
// registers has millions of them. After an error (in `diagnostics`) the stream is at its end.
class TokenStream {
 public:
  TokenStream(const std::string& path, const FileReader& reader, SourceSet& sources,
              Diagnostics& diagnostics, const LexLimits& limits);

  const Token& now() const { return now_; }
  const Token& ahead() const { return ahead_; }  // the one after now()
  const Span& previous() const { return previous_; }
  void next();
  bool failed() const { return failed_; }

 private:
  struct Frame {
    std::string path;
    std::uint32_t file = 0;
    std::string_view text;
    std::size_t at = 0;
  };
  void produce(Token& token);
  bool open(const std::string& path, Span included_at);
  bool skip_blank();
  bool lex_token(Token& token);
  bool lex_name(Token& token);
  bool lex_number(Token& token);
  bool lex_based_number(Token& token, std::uint64_t width, std::size_t start);
  bool lex_string(Token& token);
  bool lex_punct(Token& token);
  bool lex_directive();
  bool digits(unsigned base, std::uint64_t& value, std::size_t start);
  bool fail(const char* code, std::size_t begin, std::size_t end, std::string message,
            std::string remedy);
  bool put(Token& token, TokenKind kind, std::size_t begin, std::string_view text,
           std::uint64_t number = 0, std::uint8_t width = 0);
  Span span(std::size_t begin, std::size_t end) const;
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  const FileReader& reader_;
  SourceSet& sources_;
  Diagnostics& diagnostics_;
  const LexLimits& limits_;
  std::vector<Frame> frames_;  // open files, the innermost last
  std::string_view text_;      // of the innermost
  std::size_t at_ = 0;
  std::uint32_t file_ = 0;
  std::uint32_t top_file_ = 0;
  std::size_t bytes_ = 0;
  std::size_t count_ = 0;
  bool failed_ = false;
  Span previous_;
  Token now_;
  Token ahead_;
};

}  // namespace hni::rdl
