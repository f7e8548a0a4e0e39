// SPDX-License-Identifier: Apache-2.0
#include "device/wire/tap.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "device/wire/vnet_header.hpp"

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
    case EINVAL:  // the name is that of another kind of interface
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

// Performs one interface ioctl on a temporary socket.
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
        WireError{WireErrorKind::kBadName, "'" + name + "' is not a valid interface name"});
  }
  const int fd = ::open(kTunDevice, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return tl::make_unexpected(error_of(errno, name));
  TapDevice device(fd, name);
  ifreq request = request_for(name);
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
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

TapDevice::Sent TapDevice::send(const void* header, std::span<const std::byte> bytes) {
  const std::array<iovec, 2> parts{iovec{const_cast<void*>(header), sizeof(VnetHeader)},
                                   iovec{const_cast<std::byte*>(bytes.data()), bytes.size()}};
  if (::writev(fd_, parts.data(), parts.size()) >= 0) return Sent::kYes;
  const bool later = errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == EINTR;
  return later ? Sent::kLater : Sent::kRefused;
}

TapDevice::Sent TapDevice::write(std::span<const std::byte> frame) {
  const VnetHeader none{};
  return send(&none, frame);
}

TapDevice::Sent TapDevice::write(const SegmentJoiner::JoinedPacket& packet) {
  VnetHeader header{};
  if (packet.frames > 1) {
    constexpr std::uint16_t kTcpChecksum = 16;
    header.flags = VnetHeader::kNeedsChecksum;
    header.gso_type = packet.ip6 ? VnetHeader::kGsoTcp6 : VnetHeader::kGsoTcp4;
    header.header_bytes = packet.header_bytes;
    header.gso_bytes = packet.segment_bytes;
    header.checksum_start = packet.tcp_offset;
    header.checksum_offset = kTcpChecksum;
  }
  return send(&header, packet.bytes);
}

std::size_t TapDevice::read(std::span<std::byte> buffer) {
  VnetHeader header{};
  const std::array<iovec, 2> parts{iovec{&header, sizeof header},
                                   iovec{buffer.data(), buffer.size()}};
  const ssize_t bytes = ::readv(fd_, parts.data(), parts.size());
  constexpr auto kHeader = static_cast<ssize_t>(sizeof header);
  return bytes > kHeader ? static_cast<std::size_t>(bytes - kHeader) : 0;
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
  const bool continues = joiner_.add(frame);
  if (!continues) {
    if (!flush()) return false;
    if (!joiner_.add(frame)) return count(device_.write(frame), 1);
  }
  if (joiner_.complete()) (void)flush();  // on failure retried at the next frame or poll
  return true;
}

bool TapWire::flush() {
  if (joiner_.empty()) return true;
  const SegmentJoiner::JoinedPacket packet = joiner_.packet();
  if (!count(device_.write(packet), packet.frames)) return false;
  joiner_.clear();
  return true;
}

bool TapWire::count(TapDevice::Sent sent, std::uint32_t frames) {
  switch (sent) {
    case TapDevice::Sent::kLater:
      return false;
    case TapDevice::Sent::kYes:
      counters_.to_host += frames;
      break;
    case TapDevice::Sent::kRefused:
      counters_.refused += frames;
      break;
  }
  return true;
}

unsigned TapWire::poll(FrameSink& sink, std::uint64_t now_ns, unsigned budget) {
  (void)flush();
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
