// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What a card's process gives up once its sockets, TAP interfaces and files are open: another
/// user
/// (optional), all capabilities, new privileges, core dumps, and every system call that its event
/// loop does not need. A call outside of the list ends the process (SIGSYS).

#include <sys/types.h>

#include <optional>
#include <string>

#include "tools/hni/problem.hpp"

namespace hni::tools {

struct SandboxPolicy {
  /// A cable between processes makes a new Unix socket when its other end comes back.
  bool unix_sockets = false;
  /// SIGTERM when the parent ends; becoming another user would forget it.
  bool ends_with_parent = false;
  /// The user to become; it needs root.
  std::optional<std::string> user;
};

/// The numeric ids of a user, for the owner of what is made before the sandbox is entered.
struct UserIds {
  uid_t user = 0;
  gid_t group = 0;
};
Outcome<UserIds> find_user(const std::string& name);

/// Enters the sandbox for good. An error leaves the process partly confined: end it.
Outcome<> enter_sandbox(const SandboxPolicy& policy);

/// False in builds whose sanitizers need system calls that the list does not have: there,
/// enter_sandbox() does all but the list.
bool sandbox_has_list();

}  // namespace hni::tools
