// SPDX-License-Identifier: Apache-2.0
#include "device/wire/tap.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace hni::device {
namespace {

constexpr const char* kTunDevice = "/dev/net/tun";

WireError error_of(int error, const std::string& name) {
  switch (error) {
    case EPERM:
    case EACCES:
      return {WireErrorKind::kNoPrivilege,
              "TAP interface '" + name + "': not permitted (needs CAP_NET_ADMIN)"};
    case EBUSY:
    case EINVAL:  // the name belongs to an interface of another kind
    case EEXIST:
      return {WireErrorKind::kNameInUse, "TAP interface '" + name + "': the name is in use"};
    case ENOENT:
    case ENODEV:
    case ENXIO:
      return {WireErrorKind::kNotAvailable,
              std::string("TAP is not available here: no ") + kTunDevice};
    default:
      return {WireErrorKind::kSystem, "TAP interface '" + name + "': " + std::strerror(error)};
  }
}

bool name_possible(const std::string& name) {
  return !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
         std::none_of(name.begin(), name.end(),
                      [](char c) { return c == '/' || c == ':' || c <= ' ' || c == '\x7f'; });
}

ifreq request_for(const std::string& name) {
  ifreq request{};
  std::copy_n(name.data(), std::min<std::size_t>(name.size(), IFNAMSIZ - 1), request.ifr_name);
  return request;
}

// Runs one interface ioctl on a throw-away socket.
bool configure(unsigned long operation, ifreq& request) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool good = ::ioctl(fd, operation, &request) == 0;
  ::close(fd);
  return good;
}

}  // namespace

tl::expected<TapDevice, WireError> TapDevice::open(const std::string& name) {
  if (!name_possible(name)) {
    return tl::make_unexpected(
        WireError{WireErrorKind::kBadName, "'" + name + "' is no possible interface name"});
  }
  const int fd = ::open(kTunDevice, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return tl::make_unexpected(error_of(errno, name));
  TapDevice device(fd, name);
  ifreq request = request_for(name);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (::ioctl(fd, TUNSETIFF, &request) != 0) return tl::make_unexpected(error_of(errno, name));
  device.name_ = request.ifr_name;
  return device;
}

TapDevice& TapDevice::operator=(TapDevice&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(name_, other.name_);
  return *this;
}

TapDevice::~TapDevice() {
  if (fd_ >= 0) ::close(fd_);
}

TapDevice::Sent TapDevice::write(std::span<const std::byte> frame) {
  const ssize_t written = ::write(fd_, frame.data(), frame.size());
  if (written >= 0) return Sent::kYes;
  const bool later = errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == EINTR;
  return later ? Sent::kLater : Sent::kRefused;
}

std::size_t TapDevice::read(std::span<std::byte> buffer) {
  const ssize_t bytes = ::read(fd_, buffer.data(), buffer.size());
  return bytes > 0 ? static_cast<std::size_t>(bytes) : 0;
}

bool TapDevice::set_up(bool up) {
  ifreq request = request_for(name_);
  if (!configure(SIOCGIFFLAGS, request)) return false;
  const int flags = request.ifr_flags;
  request.ifr_flags = static_cast<short>(up ? flags | IFF_UP : flags & ~IFF_UP);
  return configure(SIOCSIFFLAGS, request);
}

bool TapDevice::set_mtu(unsigned bytes) {
  ifreq request = request_for(name_);
  request.ifr_mtu = static_cast<int>(bytes);
  return configure(SIOCSIFMTU, request);
}

bool TapWire::transmit(std::span<const std::byte> frame, std::uint64_t /*now_ns*/) {
  switch (device_.write(frame)) {
    case TapDevice::Sent::kLater:
      return false;
    case TapDevice::Sent::kYes:
      ++counters_.to_host;
      break;
    case TapDevice::Sent::kRefused:
      ++counters_.refused;
      break;
  }
  return true;
}

unsigned TapWire::poll(FrameSink& sink, std::uint64_t now_ns, unsigned budget) {
  unsigned delivered = 0;
  for (unsigned i = 0; i < budget && !pause_; ++i) {
    std::size_t bytes = device_.read(buffer_);
    if (bytes == 0) break;
    if (bytes < kEthernetHeaderBytes || bytes > kMaxFrameBytes) {
      ++counters_.unusable;
      continue;
    }
    if (bytes < kMinFrameBytes) {
      std::memset(buffer_.data() + bytes, 0, kMinFrameBytes - bytes);
      bytes = kMinFrameBytes;
    }
    sink.receive(std::span{buffer_}.first(bytes), now_ns);
    ++counters_.from_host;
    ++delivered;
  }
  return delivered;
}

}  // namespace hni::device
