// SPDX-License-Identifier: Apache-2.0
// The value of a property as text for people.
#pragma once

#include <string>
#include <string_view>

#include "spec/compiler/model.hpp"

namespace hni::speclib {

// Texts in one line, numbers in decimal, references as paths.
std::string value_text(const rdl::Value& value);
// Text of the source as one paragraph: every run of blanks is one blank.
std::string one_line(std::string_view text);
// The text with every byte that is no UTF-8 as '?'.
std::string valid_utf8(std::string_view text);

}  // namespace hni::speclib
