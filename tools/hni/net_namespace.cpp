// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/net_namespace.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cstdlib>

namespace hni::tools {
namespace {

constexpr const char* kFolder = "/run/netns";
constexpr const char* kOwn = "/proc/thread-self/ns/net";

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

Outcome<NetNamespace> NetNamespace::create(const std::string& name) {
  const std::string what = "network namespace '" + name + "'";
  const std::string path = path_of(name);
  const bool made_folder = ::mkdir(kFolder, 0755) == 0;
  const Fd mark(::open(path.c_str(), O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444));
  if (!mark) {
    const int error = errno;
    if (made_folder) (void)::rmdir(kFolder);
    if (error == EEXIST) return problem(what + " exists already: choose another --name");
    return system_problem(what, error);
  }
  NetNamespace made;
  made.name_ = Name(name);
  made.made_folder_ = made_folder;

  const Fd home(::open(kOwn, O_RDONLY | O_CLOEXEC));
  if (!home) return system_problem(what);
  if (::unshare(CLONE_NEWNET) != 0) return system_problem(what);
  const bool bound = ::mount(kOwn, path.c_str(), "none", MS_BIND, nullptr) == 0;
  const int error = errno;
  raise_loopback();
  if (::setns(home.get(), CLONE_NEWNET) != 0) std::abort();
  if (!bound) return system_problem(what, error);
  made.fd_ = Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!made.fd_) return system_problem(what);
  return made;
}

void NetNamespace::remove() {
  fd_.reset();
  if (name_.text.empty()) return;
  const std::string path = path_of(std::exchange(name_.text, {}));
  (void)::umount2(path.c_str(), MNT_DETACH);
  (void)::unlink(path.c_str());
  if (made_folder_) (void)::rmdir(kFolder);
}

}  // namespace hni::tools
