// SPDX-License-Identifier: Apache-2.0
#pragma once

/// RuntimeFolder: the folder for control sockets and records of running processes: /run/hni for
/// root, $XDG_RUNTIME_DIR/hni for users. Owner and mode are checked on the descriptor, and
/// symbolic links are not followed, so that every object in it is the user's own.

#include <string>
#include <vector>

#include "tools/hni/fd.hpp"
#include "tools/hni/problem.hpp"

namespace hni::tools {

class RuntimeFolder {
 public:
  enum class Create : std::uint8_t { kNo, kYes };

  /// Opens or creates the folder of this user.
  static Outcome<RuntimeFolder> open(Create create);
  /// `base`/hni.
  static Outcome<RuntimeFolder> open_in(const std::string& base, Create create);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int fd() const { return fd_.get(); }
  /// Returns a path of `name` that is short enough for a socket address and refers to exactly this
  /// folder.
  [[nodiscard]] std::string address(const std::string& name) const {
    return "/proc/self/fd/" + std::to_string(fd_.get()) + "/" + name;
  }
  [[nodiscard]] std::vector<std::string> entries() const;
  /// Removes a file or a socket, never the target of a link.
  void remove(const std::string& name) const;

 private:
  RuntimeFolder() = default;
  std::string path_;
  Fd fd_;
};

}  // namespace hni::tools
