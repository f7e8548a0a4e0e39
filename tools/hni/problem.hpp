// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Problem: why a tool cannot continue, in one line. Errors are values here, too; only main()
/// converts one to an exit status.

#include <cerrno>
#include <cstring>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace hni::tools {

inline constexpr int kExitDone = 0;    ///< success
inline constexpr int kExitFailed = 1;  ///< a valid command failed
inline constexpr int kExitUsage = 2;   ///< usage error

struct Problem {
  std::string text;
  int status = kExitFailed;
  bool unavailable = false;  ///< this machine or this user lacks a requirement
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
