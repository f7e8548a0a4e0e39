// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Text of others (a peer, a file, the firmware) made safe for a terminal.

#include <string>
#include <string_view>

namespace hni::tools {

/// The text with control characters (C0, DEL, C1) and bytes that are no UTF-8 as \xNN. Line feeds
/// too: a message is one line.
std::string printable(std::string_view text);

}  // namespace hni::tools
