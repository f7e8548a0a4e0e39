// SPDX-License-Identifier: Apache-2.0
// Turns SystemRDL 2.0 source into one flat list of tokens, included files in place.
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
  kEnd,      // one at the end of the list, always
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

// Lexes file `path`. On an error the list ends there and `diagnostics` says why.
std::vector<Token> lex(const std::string& path, const FileReader& reader, SourceSet& sources,
                       Diagnostics& diagnostics, const LexLimits& limits = {});

}  // namespace hni::rdl
