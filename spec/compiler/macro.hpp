// SPDX-License-Identifier: Apache-2.0
// Text functions of the preprocessor: macro definitions, their parameters and arguments, and
// expansion.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hni::rdl {

struct Macro {
  std::string text;
  std::vector<std::string> parameters;  // empty: used without parentheses
};

// Returns the identifier that begins at `at`, empty if there is none.
std::string_view word_at(std::string_view text, std::size_t at);
// Returns whether a macro cannot have this name.
bool is_directive_name(std::string_view name);
// Returns the end of the comment or string that begins at `at`; at + 1 if none begins there.
std::size_t after_comment_or_string(std::string_view text, std::size_t at);

// Parses "(a, b) text" or " text" after a macro's name, to the end of the line; a backslash joins
// the next line. Advances `at`. Returns what is wrong, or null.
const char* parse_macro(std::string_view text, std::size_t& at, Macro& macro);
// Parses "(x, y)" after a macro's use. Advances `at`. Returns what is wrong, or null.
const char* parse_arguments(std::string_view text, std::size_t& at,
                            std::vector<std::string>& arguments);
std::string render_macro(const Macro& macro, const std::vector<std::string>& arguments);

}  // namespace hni::rdl
