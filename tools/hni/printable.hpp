// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Makes text of external origin (a peer, a file, the firmware) safe for a terminal.

#include <string>
#include <string_view>

namespace hni::tools {

/// Returns the text with control characters (C0, DEL, C1) and invalid UTF-8 escaped as \xNN. Line
/// feeds are escaped, too: a message is one line.
std::string printable(std::string_view text);

}  // namespace hni::tools
