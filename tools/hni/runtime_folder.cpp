// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/runtime_folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdlib>

#include "tools/hni/printable.hpp"

namespace hni::tools {
namespace {

constexpr const char* kName = "hni";

}  // namespace

Outcome<RuntimeFolder> RuntimeFolder::open(Create create) {
  // Root's runs are in a fixed folder, so that every root shell finds them, whatever its
  // environment.
  if (::geteuid() == 0) return open_in("/run", create);
  const char* base = std::getenv("XDG_RUNTIME_DIR");
  if (base == nullptr || base[0] != '/')
    return problem("XDG_RUNTIME_DIR is not set: set it to a folder that only you can write");
  return open_in(base, create);
}

Outcome<RuntimeFolder> RuntimeFolder::open_in(const std::string& base, Create create) {
  RuntimeFolder folder;
  folder.path_ = base + "/" + kName;
  const Fd base_folder(::open(base.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct stat info {};
  if (!base_folder || ::fstat(base_folder.get(), &info) != 0)
    return system_problem("'" + printable(base) + "'");
  if ((info.st_uid != ::geteuid() && info.st_uid != 0) || (info.st_mode & 022) != 0)
    return problem(fmt::format("'{}' can be written by other users: use a folder of your own",
                               printable(base)));
  const int base_fd = base_folder.get();
  if (create == Create::kYes && ::mkdirat(base_fd, kName, 0700) != 0 && errno != EEXIST)
    return system_problem("'" + printable(folder.path_) + "'");
  folder.fd_ = Fd(::openat(base_fd, kName, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder.fd_) {
    if (errno == ENOTDIR || errno == ELOOP)
      return problem(fmt::format("'{}' is not a folder: remove it", printable(folder.path_)));
    return system_problem("'" + printable(folder.path_) + "'");
  }
  if (::fstat(folder.fd_.get(), &info) != 0) return system_problem(printable(folder.path_));
  if (info.st_uid != ::geteuid() || (info.st_mode & 077) != 0)
    return problem(fmt::format("'{}' belongs to user {} with mode {:o}: remove it",
                               printable(folder.path_), info.st_uid, info.st_mode & 07777));
  return folder;
}

std::vector<std::string> RuntimeFolder::entries() const {
  std::vector<std::string> names;
  const int again = ::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const directory = again < 0 ? nullptr : ::fdopendir(again);
  if (directory == nullptr) return names;
  while (const dirent* entry = ::readdir(directory)) names.emplace_back(entry->d_name);
  ::closedir(directory);
  return names;
}

void RuntimeFolder::remove(const std::string& name) const {
  (void)::unlinkat(fd_.get(), name.c_str(), 0);
}

}  // namespace hni::tools
