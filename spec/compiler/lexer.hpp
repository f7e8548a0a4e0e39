// SPDX-License-Identifier: Apache-2.0
// Converts preprocessed SystemRDL 2.0 source (preprocess.hpp) to a stream of tokens. Embedded Perl
// is reported as unsupported. Limits bound the work for any input.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "spec/compiler/bits.hpp"
#include "spec/compiler/preprocess.hpp"
#include "spec/compiler/source.hpp"

namespace hni::rdl {

enum class TokenKind : std::uint8_t {
  kEnd,      // end of input; returned on every further call
  kName,     // identifier, plain or escaped with a backslash
  kKeyword,  // reserved word of SystemRDL 2.0
  kNumber,   // value in `number`
  kString,   // `text` is the content between the quotes, escapes still in place
  kPunct,    // operator or punctuation, `text` is its spelling
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  bool wide = false;         // the number needs more than 64 bits: see wide_number()
  std::uint32_t width = 64;  // of a number, in bits; 64 if the literal has no size
  Span span;
  std::string_view text;
  std::uint64_t number = 0;
};

// Returns true for the reserved words of the standard, including the easily overlooked r, w, rw
// and na.
bool is_reserved_word(std::string_view word);

// Returns the content of a string literal: \" and \\ lose their backslash.
std::string unescape(std::string_view text);

// Returns the value of a number token's text.
Bits wide_number(std::string_view text);

// Returns the tokens of a text one at a time, as a map of a hundred thousand registers has
// millions of them. After an error (in `diagnostics`) the stream is at its end. The text must
// outlive the stream and all objects that refer to its tokens.
class TokenStream {
 public:
  TokenStream(const Preprocessed& source, Diagnostics& diagnostics, const LexLimits& limits);

  const Token& now() const { return now_; }
  const Token& ahead() const { return ahead_; }  // the one after now()
  const Span& previous() const { return previous_; }
  void next();
  bool failed() const { return failed_; }

 private:
  void produce(Token& token);
  bool skip_blank();
  bool lex_token(Token& token);
  bool lex_name(Token& token);
  bool lex_number(Token& token);
  bool lex_based_number(Token& token, std::uint64_t width, std::size_t start);
  bool lex_string(Token& token);
  bool lex_punct(Token& token);
  bool digits(unsigned base, Bits& value, std::size_t start);
  bool put_number(Token& token, std::size_t start, const Bits& value, std::uint32_t width);
  bool fail(const char* code, std::size_t begin, std::size_t end, std::string message,
            std::string remedy);
  bool put(Token& token, TokenKind kind, std::size_t begin, std::string_view text);
  // Returns the location of the bytes in their file.
  Span span(std::size_t begin, std::size_t end);
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }

  const Preprocessed& source_;
  Diagnostics& diagnostics_;
  const LexLimits& limits_;
  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t segment_ = 0;  // the segment that contains at_
  std::size_t count_ = 0;
  bool failed_ = false;
  Span previous_;
  Token now_;
  Token ahead_;
};

}  // namespace hni::rdl
