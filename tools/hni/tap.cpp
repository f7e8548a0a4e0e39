// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/tap.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <fstream>

namespace hni::tools {
namespace {

// The kernel's queue towards the process. The kernel drops packets that do not fit, so it is
// larger than the windows of a few dozen TCP connections.
constexpr int kTransmitQueue = 16384;

// TUN_F_USO4
// TUN_F_USO6: in Linux since 6.2, but missing in Debian 12's headers.
constexpr unsigned kUdpSegmentation = 0x20 | 0x40;

/// The layout that SIOCSIFADDR expects for IPv6; <linux/ipv6.h> conflicts with <netinet/in.h>.
struct Ipv6Request {
  in6_addr address;
  std::uint32_t prefix;
  int index;
};

ifreq request_for(const std::string& name) {
  ifreq request{};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  return request;
}

/// Disables duplicate address detection and router solicitation, which are useless on a private
/// cable. These files may be read-only in a container; the addresses are then usable a second
/// later.
void quieten_ipv6(const std::string& name) {
  const std::string folder = "/proc/sys/net/ipv6/conf/" + name + "/";
  for (const char* file : {"accept_dad", "router_solicitations", "accept_ra"})
    std::ofstream(folder + file) << "0";
}

}  // namespace

Outcome<Tap> Tap::create(const NetNamespace& where, const TapOptions& options) {
  if (options.name.empty() || options.name.size() >= IFNAMSIZ)
    return problem("TAP name '" + options.name + "' must have 1 to 15 characters", kExitUsage);
  return where.inside([&]() -> Outcome<Tap> {
    Tap tap;
    tap.name_ = options.name;
    tap.control_ = Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!tap.control_) return system_problem("TAP '" + options.name + "'");
    if (auto r = tap.open_queues(options); !r) return tl::unexpected(r.error());
    if (auto r = tap.configure(options); !r) return tl::unexpected(r.error());
    return tap;
  });
}

Outcome<> Tap::open_queues(const TapOptions& options) {
  ifreq request = request_for(name_);
  if (::ioctl(control_.get(), SIOCGIFINDEX, &request) == 0)
    return problem("TAP name '" + name_ + "' is in use: choose another name");
  for (unsigned q = 0; q < options.queues; ++q) {
    Fd fd(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!fd) return system_problem("/dev/net/tun", errno == ENOENT ? ENODEV : errno);
    request = request_for(name_);
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    if (options.header) request.ifr_flags |= IFF_VNET_HDR;
    if (options.queues > 1) request.ifr_flags |= IFF_MULTI_QUEUE;
    if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) {
      if (errno == EBUSY)
        return problem("TAP name '" + name_ + "' is in use: choose another name");
      return system_problem("TAP '" + name_ + "'");
    }
    queues_.push_back(std::move(fd));
  }
  return {};
}

Outcome<> Tap::configure(const TapOptions& options) {
  const std::string what = "TAP '" + name_ + "'";
  unsigned features = 0;
  if (options.header && options.offload) {
    features = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    if (::ioctl(queue(0), TUNSETOFFLOAD, features | kUdpSegmentation) == 0)
      features |= kUdpSegmentation;
  }
  if (::ioctl(queue(0), TUNSETOFFLOAD, features) != 0) return system_problem(what + ": offloads");
  quieten_ipv6(name_);
  ifreq request = request_for(name_);
  request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  std::memcpy(request.ifr_hwaddr.sa_data, options.mac.data(), options.mac.size());
  if (::ioctl(control_.get(), SIOCSIFHWADDR, &request) != 0)
    return system_problem(what + ": MAC address");
  request = request_for(name_);
  request.ifr_mtu = static_cast<int>(options.mtu);
  if (::ioctl(control_.get(), SIOCSIFMTU, &request) != 0) return system_problem(what + ": MTU");
  request = request_for(name_);
  request.ifr_qlen = kTransmitQueue;
  if (::ioctl(control_.get(), SIOCSIFTXQLEN, &request) != 0)
    return system_problem(what + ": queue length");
  request = request_for(name_);
  request.ifr_flags = IFF_UP;
  if (::ioctl(control_.get(), SIOCSIFFLAGS, &request) != 0) return system_problem(what + ": up");
  if (auto r = set_address(options.ipv4, AF_INET); !r) return r;
  if (auto r = set_address(options.ipv6, AF_INET6); !r) return r;
  events_ = Fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE));
  sockaddr_nl listen{};
  listen.nl_family = AF_NETLINK;
  listen.nl_groups = RTMGRP_LINK;
  if (!events_ ||
      ::bind(events_.get(), reinterpret_cast<sockaddr*>(&listen), sizeof listen) != 0) {
    return system_problem(what + ": events");
  }
  return {};
}

Outcome<> Tap::set_address(const std::string& text, int family) {
  if (text.empty()) return {};
  const auto bad = [&] { return problem("'" + text + "' is not an address with prefix length"); };
  const auto slash = text.find('/');
  if (slash == std::string::npos) return bad();
  const std::string address = text.substr(0, slash);
  unsigned prefix = 0;
  if (std::sscanf(text.c_str() + slash + 1, "%u", &prefix) != 1) return bad();
  ifreq request = request_for(name_);
  if (family == AF_INET) {
    auto* in = reinterpret_cast<sockaddr_in*>(&request.ifr_addr);
    in->sin_family = AF_INET;
    if (prefix == 0 || prefix > 32 || ::inet_pton(AF_INET, address.c_str(), &in->sin_addr) != 1)
      return bad();
    if (::ioctl(control_.get(), SIOCSIFADDR, &request) != 0) return system_problem(text);
    in->sin_addr.s_addr = htonl(~std::uint32_t{0} << (32 - prefix));
    if (::ioctl(control_.get(), SIOCSIFNETMASK, &request) != 0) return system_problem(text);
    return {};
  }
  const Fd socket6(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  // A kernel without IPv6 still carries IPv4.
  if (!socket6 || ::ioctl(control_.get(), SIOCGIFINDEX, &request) != 0) return {};
  Ipv6Request in6{};
  if (prefix > 128 || ::inet_pton(AF_INET6, address.c_str(), &in6.address) != 1) return bad();
  in6.prefix = prefix;
  in6.index = request.ifr_ifindex;
  if (::ioctl(socket6.get(), SIOCSIFADDR, &in6) != 0 && errno != EOPNOTSUPP && errno != EACCES)
    return system_problem(text);
  return {};
}

void Tap::take_changes() const {
  std::array<char, 8192> notices;
  while (::recv(events_.get(), notices.data(), notices.size(), 0) > 0) {
  }
}

TapMode Tap::mode() const {
  TapMode mode;
  ifreq request = request_for(name_);
  if (::ioctl(control_.get(), SIOCGIFFLAGS, &request) != 0) return mode;
  mode.up = (request.ifr_flags & IFF_UP) != 0;
  mode.promiscuous = (request.ifr_flags & IFF_PROMISC) != 0;
  mode.all_multicast = (request.ifr_flags & IFF_ALLMULTI) != 0;
  if (::ioctl(control_.get(), SIOCGIFHWADDR, &request) != 0) return mode;
  std::memcpy(mode.mac.data(), request.ifr_hwaddr.sa_data, mode.mac.size());
  return mode;
}

}  // namespace hni::tools
