// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Removes the remains of a run that is killed: a CleanupProcess detects the death, or, if that
/// was killed too, the next run sweeps. Each object is registered before it is created, so that a
/// kill at any moment loses none. Only our own objects are removed: a namespace by the registered
/// inode number, files by their name in our RuntimeFolder. Mounts of other programs are left
/// alone.

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "tools/hni/fd.hpp"
#include "tools/hni/problem.hpp"
#include "tools/hni/runtime_folder.hpp"

namespace hni::tools {

/// Removes the objects that these lines name: "netns NAME INODE", "not NAME" (it belongs to
/// another process), "file NAME" (in `folder`), "socket PATH", "path PATH". Unknown lines are
/// skipped.
void remove_leftovers(std::string_view lines, const RuntimeFolder* folder);

/// A file in the RuntimeFolder with the same lines, locked while its process lives.
class RunRecord {
 public:
  static Outcome<RunRecord> create(const RuntimeFolder& folder);
  RunRecord(RunRecord&& other) noexcept
      : folder_(other.folder_), name_(std::exchange(other.name_, {})), fd_(std::move(other.fd_)) {}
  RunRecord& operator=(RunRecord&&) = delete;
  /// Removes the record, after everything in it was removed.
  ~RunRecord();

  void add(const std::string& line) const;
  [[nodiscard]] const std::string& name() const { return name_; }
  /// Removes the objects and records of dead processes. A record that is still locked belongs to a
  /// living process, in whatever PID namespace.
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
  /// Starts the process; call early, so that it inherits no other descriptors. `folder` may be
  /// nullptr.
  static Outcome<CleanupProcess> start(const RuntimeFolder* folder);
  static Outcome<CleanupProcess> spawn() { return start(nullptr); }
  CleanupProcess(CleanupProcess&& other) noexcept
      : pipe_(std::move(other.pipe_)), pid_(std::exchange(other.pid_, 0)) {}
  CleanupProcess& operator=(CleanupProcess&&) = delete;
  /// Reports that everything was removed and nothing is left to clean up.
  ~CleanupProcess();

  void add(const std::string& line) const;
  /// Registers a socket by its path, which may be relative to the current working directory and
  /// may contain anything but a line feed.
  void remember(const std::string& path) const {
    add("socket " + std::filesystem::absolute(path).string());
  }
  /// Registers a file, a socket, or a folder that will be empty, created by this process in a
  /// folder that no other user can write to.
  void remember_own(const std::string& path) const {
    add("path " + std::filesystem::absolute(path).string());
  }

 private:
  CleanupProcess(Fd pipe, pid_t pid) : pipe_(std::move(pipe)), pid_(pid) {}

  Fd pipe_;
  pid_t pid_ = 0;
};

}  // namespace hni::tools
