// SPDX-License-Identifier: Apache-2.0
// Formats property values as text.
#pragma once

#include <string>
#include <string_view>

#include "spec/compiler/model.hpp"

namespace hni::speclib {

// Formats a value: texts on one line, numbers in decimal, references as paths.
std::string value_text(const rdl::Value& value);
// Returns text of the source as one paragraph: every run of blanks becomes one blank.
std::string one_line(std::string_view text);
// Returns the text with every byte of invalid UTF-8 replaced by '?'.
std::string valid_utf8(std::string_view text);

}  // namespace hni::speclib
