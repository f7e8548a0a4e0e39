// SPDX-License-Identifier: Apache-2.0
#pragma once

/// JSON for people.

#include <string>

#include "tools/hni/view.hpp"

namespace hni::tools {

/// Members a line each, inner objects indented, arrays of flat objects as tables.
std::string as_text(const Json& value);

/// 12345678 as "12.3 M"
std::string with_unit(double value);

/// The live table of one moment: a line for each port and one for its drops, if there are any.
std::string live_table(const std::vector<Json>& ports);

}  // namespace hni::tools
