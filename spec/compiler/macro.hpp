// SPDX-License-Identifier: Apache-2.0
// Text functions of the preprocessor: what a macro is, how its parameters and arguments are
// written, and what its use stands for.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hni::rdl {

struct Macro {
  std::string text;
  std::vector<std::string> parameters;  // empty: used without parentheses
};

// The identifier that begins at `at`, empty if there is none.
std::string_view word_at(std::string_view text, std::size_t at);
// Names that a macro cannot have.
bool is_directive_name(std::string_view name);
// Where the comment or string that begins at `at` ends; at + 1 if none begins there.
std::size_t after_comment_or_string(std::string_view text, std::size_t at);

// Reads "(a, b) text" or " text" behind a macro's name, to the end of the line; a backslash joins
// the next line. Moves `at` behind it. Returns what is wrong, or null.
const char* parse_macro(std::string_view text, std::size_t& at, Macro& macro);
// Reads "(x, y)" behind a use. Moves `at` behind it. Returns what is wrong, or null.
const char* parse_arguments(std::string_view text, std::size_t& at,
                            std::vector<std::string>& arguments);
std::string render_macro(const Macro& macro, const std::vector<std::string>& arguments);

}  // namespace hni::rdl
