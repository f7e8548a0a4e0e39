// SPDX-License-Identifier: Apache-2.0
#pragma once

/// finish(): the last call of main() in every program of openhni.

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace hni::tools {

/// Flushes standard output and returns `status`; returns 1, after one line on standard error, if
/// output was lost: a full disk, a closed descriptor.
inline int finish(const char* command, int status) {
  // The stream flag records an earlier failure, but not its reason.
  const bool lost = std::ferror(stdout) != 0;
  errno = 0;
  if (std::fflush(stdout) == 0 && !lost) return status;
  std::fprintf(stderr, "%s: standard output: %s: output was lost\n", command,
               errno != 0 ? std::strerror(errno) : "a write failed");
  return 1;
}

}  // namespace hni::tools
