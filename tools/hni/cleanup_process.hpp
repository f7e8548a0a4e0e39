// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What a run that is killed leaves behind, and who removes it: a CleanupProcess that notices the
/// death, or, where that was killed too, the sweep of the next run.
///
/// Each thing is registered before it is made, so there is no moment at which a kill loses it.
/// Only what is ours is removed: a namespace by the inode number that was registered, files by
/// their name in our RuntimeFolder. Mounts of others are left alone.

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "tools/hni/fd.hpp"
#include "tools/hni/problem.hpp"
#include "tools/hni/runtime_folder.hpp"

namespace hni::tools {

/// Removes what these lines name: "netns NAME INODE", "not NAME" (it belongs to another process),
/// "file NAME" (in `folder`), "socket PATH", "path PATH". Lines that mean nothing are skipped.
void remove_leftovers(std::string_view lines, const RuntimeFolder* folder);

/// A file in the RuntimeFolder that lists the same lines, locked while its process lives.
class RunRecord {
 public:
  static Outcome<RunRecord> create(const RuntimeFolder& folder);
  RunRecord(RunRecord&& other) noexcept
      : folder_(other.folder_), name_(std::exchange(other.name_, {})), fd_(std::move(other.fd_)) {}
  RunRecord& operator=(RunRecord&&) = delete;
  /// Everything was removed in order: the record goes, too.
  ~RunRecord();

  void add(const std::string& line) const;
  [[nodiscard]] const std::string& name() const { return name_; }
  /// Removes what dead processes left, with their records. A record that is still locked belongs
  /// to a living process, in whatever process namespace.
  static void sweep(const RuntimeFolder& folder);

 private:
  RunRecord(const RuntimeFolder& folder, std::string name, Fd fd)
      : folder_(folder), name_(std::move(name)), fd_(std::move(fd)) {}
  const RuntimeFolder& folder_;
  std::string name_;
  Fd fd_;
};

class CleanupProcess {
 public:
  /// Starts it; early, so that it inherits nothing else. `folder` may be nullptr.
  static Outcome<CleanupProcess> start(const RuntimeFolder* folder);
  static Outcome<CleanupProcess> hire() { return start(nullptr); }
  CleanupProcess(CleanupProcess&& other) noexcept
      : pipe_(std::move(other.pipe_)), pid_(std::exchange(other.pid_, 0)) {}
  CleanupProcess& operator=(CleanupProcess&&) = delete;
  /// Everything was removed in order: nothing is left for it to do.
  ~CleanupProcess();

  void add(const std::string& line) const;
  /// Registers a socket by its path, which may be relative to the working directory of now and may
  /// contain anything but a line feed.
  void remember(const std::string& path) const {
    add("socket " + std::filesystem::absolute(path).string());
  }
  /// Registers a file, a socket or a folder that is empty by then, made by this process in a
  /// folder that no other user writes to.
  void remember_own(const std::string& path) const {
    add("path " + std::filesystem::absolute(path).string());
  }

 private:
  CleanupProcess(Fd pipe, pid_t pid) : pipe_(std::move(pipe)), pid_(pid) {}

  Fd pipe_;
  pid_t pid_ = 0;
};

}  // namespace hni::tools
