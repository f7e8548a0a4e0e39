// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Problem: why a tool cannot go on, as one line for a person. Errors are values here, too; only
/// main() turns one into an exit status.

#include <cerrno>
#include <cstring>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace hni::tools {

/// Exit statuses of every command.
inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;  ///< it was asked for properly and could not be done
inline constexpr int kExitUsage = 2;   ///< the command line makes no sense

struct Problem {
  std::string text;
  int status = kExitFailed;
  bool unavailable = false;  ///< this machine or this user does not have what it takes
};

template <class T = void>
using Outcome = tl::expected<T, Problem>;

inline tl::unexpected<Problem> problem(std::string text, int status = kExitFailed) {
  return tl::unexpected<Problem>(Problem{std::move(text), status, false});
}

/// "what: No such file or directory", from errno.
inline tl::unexpected<Problem> system_problem(const std::string& what, int error = errno) {
  const bool unavailable =
      error == EPERM || error == EACCES || error == ENODEV || error == ENOSYS || error == EROFS;
  return tl::unexpected<Problem>(
      Problem{what + ": " + std::strerror(error), kExitFailed, unavailable});
}

}  // namespace hni::tools
