// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Formats JSON as readable text.

#include <string>

#include "tools/hni/view.hpp"

namespace hni::tools {

/// Formats members one per line, inner objects indented, arrays of flat objects as tables.
std::string as_text(const Json& value);

/// 12345678 as "12.3 M"
std::string with_unit(double value);

/// Formats the live table: a line per port, and one with its drops if there are any.
std::string live_table(const std::vector<Json>& ports);

/// Formats what the ports receive, and the drops, as the end of one line of at most 79 columns.
std::string live_line(const std::vector<Json>& ports);

}  // namespace hni::tools
