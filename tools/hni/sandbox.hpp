// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Restricts a card's process once its sockets, TAP interfaces and files are open: another user
/// (optional), no capabilities, no new privileges, no core dumps, and only the system calls that
/// its event loop needs. Any other call ends the process (SIGSYS).

#include <sys/types.h>

#include <optional>
#include <string>

#include "tools/hni/problem.hpp"

namespace hni::tools {

struct SandboxPolicy {
  /// A cable between processes creates a new Unix socket when its other end reconnects.
  bool unix_sockets = false;
  /// SIGTERM when the parent ends; reset by switching the user, so it is set again.
  bool ends_with_parent = false;
  /// The user to switch to; requires root.
  std::optional<std::string> user;
};

/// The numeric ids of a user, for ownership of objects that are created before the sandbox is
/// entered.
struct UserIds {
  uid_t user = 0;
  gid_t group = 0;
};
Outcome<UserIds> find_user(const std::string& name);

/// Enters the sandbox irrevocably. An error leaves the process partly restricted: exit then.
Outcome<> enter_sandbox(const SandboxPolicy& policy);

/// False in builds whose sanitizers need system calls outside the list; there enter_sandbox() does
/// everything except the filter.
bool sandbox_has_list();

}  // namespace hni::tools
