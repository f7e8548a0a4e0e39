// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/net_namespace.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <cstdlib>

namespace hni::tools {
namespace {

constexpr const char* kFolder = "/run/netns";
constexpr const char* kOwn = "/proc/thread-self/ns/net";
constexpr long kNamespaceFileSystem = 0x6e736673;  // NSFS_MAGIC

void raise_loopback() {
  const Fd socket_fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", IFNAMSIZ - 1);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  (void)::ioctl(socket_fd.get(), SIOCSIFFLAGS, &request);
}

}  // namespace

NetNamespace::Visit::Visit(int target) : home_(::open(kOwn, O_RDONLY | O_CLOEXEC)) {
  // Entering cannot fail for a namespace that this process created. Without /proc there is no way
  // back, so it is not entered.
  if (home_) (void)::setns(target, CLONE_NEWNET);
}

NetNamespace::Visit::~Visit() {
  // Continuing in the wrong namespace would configure the wrong network.
  if (home_ && ::setns(home_.get(), CLONE_NEWNET) != 0) std::abort();
}

Outcome<NetNamespace> NetNamespace::current() {
  NetNamespace here;
  here.fd_ = Fd(::open(kOwn, O_RDONLY | O_CLOEXEC));
  if (!here.fd_) return system_problem("this network namespace");
  return here;
}

Outcome<NetNamespace> NetNamespace::create(const std::string& name,
                                           const Register& about_to_make) {
  const std::string what = "network namespace '" + name + "'";
  const Fd home(::open(kOwn, O_RDONLY | O_CLOEXEC));
  if (!home || ::unshare(CLONE_NEWNET) != 0) return system_problem(what);
  NetNamespace made;
  made.fd_ = Fd(::open(kOwn, O_RDONLY | O_CLOEXEC));
  int error = errno;
  raise_loopback();
  if (::setns(home.get(), CLONE_NEWNET) != 0) std::abort();
  struct stat info {};
  if (!made.fd_ || ::fstat(made.fd_.get(), &info) != 0) return system_problem(what, error);
  made.inode_ = info.st_ino;

  const std::string path = path_of(name);
  made.made_folder_ = ::mkdir(kFolder, 0755) == 0;
  // A process that is killed between the next lines must not leave an unregistered file or mount.
  about_to_make("netns " + name + " " + std::to_string(info.st_ino));
  const Fd mark(::open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
  if (!mark) {
    error = errno;
    about_to_make("not " + name);
    if (made.made_folder_) (void)::rmdir(kFolder);
    if (error == EEXIST) return problem(what + " exists already: choose another --name");
    return system_problem(what, error);
  }
  made.name_ = Name(name);
  const std::string source = "/proc/self/fd/" + std::to_string(made.fd_.get());
  if (::mount(source.c_str(), path.c_str(), "none", MS_BIND, nullptr) != 0)
    return system_problem(what);
  return made;
}

void NetNamespace::remove_named(const std::string& name, std::uint64_t inode) {
  const std::string path = path_of(name);
  Fd fd(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat info {};
  struct statfs system {};
  if (!fd || ::fstat(fd.get(), &info) != 0 || ::fstatfs(fd.get(), &system) != 0) return;
  const bool mounted = static_cast<long>(system.f_type) == kNamespaceFileSystem;
  fd.reset();
  if (mounted &&
      (info.st_ino != inode || ::umount2(path.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0))
    return;
  if (mounted && ::lstat(path.c_str(), &info) != 0) return;
  // The file that a namespace is mounted on: empty, and on the file system of /run itself.
  if (S_ISREG(info.st_mode) && info.st_size == 0 && info.st_uid == ::geteuid())
    (void)::unlink(path.c_str());
}

void NetNamespace::remove() {
  fd_.reset();
  if (name_.text.empty()) return;
  remove_named(std::exchange(name_.text, {}), inode_);
  if (made_folder_) (void)::rmdir(kFolder);
}

}  // namespace hni::tools
