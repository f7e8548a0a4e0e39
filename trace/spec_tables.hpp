// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Statements for bpftrace programs that are generated from the built-in spec.

#include <optional>
#include <string>

namespace hni::trace {

/// One of
///   message    @message_name[type], the firmware's messages
///   reply      @reply_to[type], the request that a reply answers
/// Returns nothing if there is no such table.
std::optional<std::string> spec_table(const std::string& name);

}  // namespace hni::trace
