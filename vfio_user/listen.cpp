// SPDX-License-Identifier: Apache-2.0
#include "vfio_user/listen.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

namespace hni::device::vfio_user {
namespace {

std::string because(const std::string& path) {
  return "'" + path + "': " + std::strerror(errno);
}

/// A socket whose owner died stays in the file system; connecting to it is refused.
bool is_abandoned(const std::string& path, const sockaddr_un& address) {
  struct stat about {};
  if (::lstat(path.c_str(), &about) != 0 || !S_ISSOCK(about.st_mode)) return false;
  const OwnedFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  return probe &&
         ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
             0 &&
         errno == ECONNREFUSED;
}

}  // namespace

tl::expected<OwnedFd, std::string> listen_on(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path)
    return tl::make_unexpected("'" + path + "': a socket's path has 1 to 107 characters");
  std::memcpy(address.sun_path, path.data(), path.size());
  if (is_abandoned(path, address)) ::unlink(path.c_str());
  OwnedFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // Permission to connect means control of the card, so only the owner gets it, whatever the
  // umask.
  const mode_t before = ::umask(0177);
  const bool bound =
      fd && ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const int error = errno;
  (void)::umask(before);
  errno = error;
  if (!bound || ::listen(fd.get(), 16) != 0) return tl::make_unexpected(because(path));
  return fd;
}

bool has_hung_up(int socket) {
  pollfd one{socket, POLLIN, 0};
  return ::poll(&one, 1, 0) == 1 && (one.revents & (POLLHUP | POLLERR)) != 0;
}

}  // namespace hni::device::vfio_user
