// SPDX-License-Identifier: Apache-2.0
// Sends traffic between the two namespaces of `hni run --exec` and checks it byte for byte:
//
//     tools_traffic frames FIRST LAST   every frame length, raw Ethernet, both ways
//     tools_traffic tcp MEGABYTES       one TCP stream each way, IPv4 and IPv6
//     tools_traffic udp DATAGRAMS       UDP that the kernel leaves to the card to segment
//
// Exit status 0 with one line of output, or 1 with the first difference.

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr std::uint16_t kEthertype = 0x88b5;  // local experimental
constexpr std::uint16_t kPort = 7777;
constexpr int kUdpSegment = 103;  // UDP_SEGMENT, which older headers do not name

using Bytes = std::vector<unsigned char>;

[[noreturn]] void fail(const std::string& what) {
  fmt::print(stderr, "tools_traffic: {}\n", what);
  std::exit(1);
}

void check(bool good, const char* what) {
  if (!good) fail(fmt::format("{}: {}", what, std::strerror(errno)));
}

std::string from_environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) fail(name + " is not set: run this under hni run --exec");
  return value;
}

void enter(const std::string& letter) {
  const std::string path = "/run/netns/" + from_environment("HNI_NETNS_" + letter);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  check(fd >= 0 && ::setns(fd, CLONE_NEWNET) == 0, path.c_str());
  ::close(fd);
}

void fill(Bytes& bytes, std::size_t from, std::uint64_t seed) {
  std::uint64_t x = seed * 0x9e3779b97f4a7c15ULL + 1;
  for (std::size_t i = from; i < bytes.size(); ++i) {
    x = x * 6364136223846793005ULL + 1442695040888963407ULL;
    bytes[i] = static_cast<unsigned char>(x >> 56);
  }
}

void set_patience(int fd) {
  const timeval patience{5, 0};
  check(::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0, "timeout");
  // Frames that the kernel drops while this process is not scheduled are outside the scope of
  // these tests.
  const int room = 16 << 20;
  (void)::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
}

// ---- Raw frames

int raw_socket(const std::string& letter, const char* interface) {
  enter(letter);
  const int fd = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(kEthertype));
  check(fd >= 0, "packet socket");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(kEthertype);
  address.sll_ifindex = static_cast<int>(::if_nametoindex(interface));
  check(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, interface);
  set_patience(fd);
  return fd;
}

Bytes frame_of(std::size_t length, bool broadcast) {
  Bytes frame(length);
  fill(frame, 14, length);
  std::fill_n(frame.begin(), 6, static_cast<unsigned char>(broadcast ? 0xff : 0x33));
  frame[6] = 0x02;
  frame[12] = kEthertype >> 8;
  frame[13] = kEthertype & 0xff;
  return frame;
}

void one_way(int from, int to, std::size_t first, std::size_t last) {
  constexpr std::size_t kBatch = 64;
  Bytes got(65536);
  for (std::size_t begin = first; begin <= last; begin += kBatch) {
    const std::size_t end = std::min(begin + kBatch, last + 1);
    for (std::size_t length = begin; length < end; ++length) {
      const Bytes frame = frame_of(length, length % 2 == 0);
      check(::send(from, frame.data(), frame.size(), 0) == static_cast<ssize_t>(length), "send");
    }
    // The kernel distributes frames over the queues, so they may be reordered.
    std::vector<bool> seen(end - begin);
    for (std::size_t i = begin; i < end; ++i) {
      const ssize_t n = ::recv(to, got.data(), got.size(), 0);
      if (n < 0) fail(fmt::format("a frame of {} to {} bytes did not arrive", begin, end - 1));
      const auto length = static_cast<std::size_t>(n);
      if (length < begin || length >= end || seen[length - begin])
        fail(fmt::format("a frame of {} bytes that was not sent", length));
      seen[length - begin] = true;
      const Bytes frame = frame_of(length, length % 2 == 0);
      if (std::memcmp(got.data(), frame.data(), length) != 0)
        fail(fmt::format("the frame of {} bytes arrived changed", length));
    }
  }
}

void run_frames(std::size_t first, std::size_t last) {
  const int a = raw_socket("A", "hni0");
  const int b = raw_socket("B", "hni1");
  one_way(a, b, first, last);
  one_way(b, a, first, last);
  fmt::print("{} frame lengths, {} to {}, byte-identical both ways\n", last - first + 1, first,
             last);
}

// ---- TCP and UDP

struct Address {
  sockaddr_storage storage{};
  socklen_t bytes = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Address address_of(const std::string& letter, bool ipv6) {
  Address address;
  if (ipv6) {
    auto* in6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(kPort);
    ::inet_pton(AF_INET6, from_environment("HNI_IPV6_" + letter).c_str(), &in6->sin6_addr);
    address.bytes = sizeof *in6;
  } else {
    auto* in = reinterpret_cast<sockaddr_in*>(&address.storage);
    in->sin_family = AF_INET;
    in->sin_port = htons(kPort);
    ::inet_pton(AF_INET, from_environment("HNI_IPV4_" + letter).c_str(), &in->sin_addr);
    address.bytes = sizeof *in;
  }
  return address;
}

int bound_socket(const std::string& letter, bool ipv6, int type) {
  enter(letter);
  const Address address = address_of(letter, ipv6);
  const int fd = ::socket(address.storage.ss_family, type | SOCK_CLOEXEC, 0);
  const int on = 1;
  (void)::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  check(::bind(fd, address.get(), address.bytes) == 0, "bind");
  set_patience(fd);
  return fd;
}

/// Runs `body` in a child process; wait_for() returns whether it succeeded.
template <class Body>
pid_t in_child(Body&& body) {
  const pid_t child = ::fork();
  check(child >= 0, "fork");
  if (child != 0) return child;
  body();
  std::exit(0);
}

void wait_for(pid_t child) {
  int status = 0;
  check(::waitpid(child, &status, 0) == child, "wait");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) std::exit(1);
}

void tcp_once(const std::string& from, const std::string& to, bool ipv6, std::size_t megabytes) {
  constexpr std::size_t kPiece = 1 << 20;
  const int listener = bound_socket(to, ipv6, SOCK_STREAM);
  check(::listen(listener, 1) == 0, "listen");
  const pid_t sender = in_child([&] {
    enter(from);
    const Address address = address_of(to, ipv6);
    const int fd = ::socket(address.storage.ss_family, SOCK_STREAM, 0);
    check(::connect(fd, address.get(), address.bytes) == 0, "connect");
    Bytes piece(kPiece);
    for (std::size_t i = 0; i < megabytes; ++i) {
      fill(piece, 0, i);
      for (std::size_t at = 0; at < kPiece;) {
        const ssize_t n = ::send(fd, piece.data() + at, kPiece - at, 0);
        check(n > 0, "send");
        at += static_cast<std::size_t>(n);
      }
    }
  });
  const int fd = ::accept(listener, nullptr, nullptr);
  check(fd >= 0, "accept");
  set_patience(fd);
  Bytes expected(kPiece);
  Bytes got(kPiece);
  for (std::size_t i = 0; i < megabytes; ++i) {
    fill(expected, 0, i);
    check(::recv(fd, got.data(), kPiece, MSG_WAITALL) == static_cast<ssize_t>(kPiece), "recv");
    if (got != expected) fail(fmt::format("TCP {}: megabyte {} differs", ipv6 ? 6 : 4, i));
  }
  ::close(fd);
  ::close(listener);
  wait_for(sender);
}

void run_tcp(std::size_t megabytes) {
  for (const bool ipv6 : {false, true}) {
    tcp_once("A", "B", ipv6, megabytes);
    tcp_once("B", "A", ipv6, megabytes);
  }
  fmt::print("TCP: {} MB each way over IPv4 and IPv6, byte-identical\n", megabytes);
}

void udp_once(bool ipv6, std::size_t datagrams) {
  constexpr std::size_t kPieces = 8;
  constexpr std::size_t kPiece = 1000;
  const int receiver = bound_socket("B", ipv6, SOCK_DGRAM);
  const pid_t sender = in_child([&] {
    enter("A");
    const Address address = address_of("B", ipv6);
    const int fd = ::socket(address.storage.ss_family, SOCK_DGRAM, 0);
    const int segment = kPiece;
    (void)::setsockopt(fd, IPPROTO_UDP, kUdpSegment, &segment, sizeof segment);
    for (std::size_t i = 0; i < datagrams; i += kPieces) {
      Bytes all;
      for (std::size_t k = 0; k < kPieces; ++k) {
        Bytes piece(kPiece);
        fill(piece, 0, i + k);
        all.insert(all.end(), piece.begin(), piece.end());
      }
      check(::sendto(fd, all.data(), all.size(), 0, address.get(), address.bytes) ==
                static_cast<ssize_t>(all.size()),
            "sendto");
      ::usleep(200);  // overflow of the receiver's socket buffer is outside the scope of this test
    }
  });
  Bytes expected(kPiece);
  Bytes got(65536);
  for (std::size_t i = 0; i < datagrams; ++i) {
    fill(expected, 0, i);
    const ssize_t n = ::recv(receiver, got.data(), got.size(), 0);
    if (n != static_cast<ssize_t>(kPiece) || std::memcmp(got.data(), expected.data(), kPiece) != 0)
      fail(fmt::format("UDP over IPv{}: datagram {} differs or is missing", ipv6 ? 6 : 4, i));
  }
  ::close(receiver);
  wait_for(sender);
}

void run_udp(std::size_t datagrams) {
  udp_once(false, datagrams);
  udp_once(true, datagrams);
  fmt::print("UDP: {} datagrams over IPv4 and IPv6, byte-identical and in order\n", datagrams);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  const auto number = [&](int i) {
    return static_cast<std::size_t>(argc > i ? std::strtoul(argv[i], nullptr, 10) : 0);
  };
  if (what == "frames" && argc == 4) {
    run_frames(number(2), number(3));
  } else if (what == "tcp" && argc == 3) {
    run_tcp(number(2));
  } else if (what == "udp" && argc == 3) {
    run_udp(number(2) / 8 * 8);
  } else {
    fmt::print(stderr, "usage: tools_traffic frames FIRST LAST | tcp MEGABYTES | udp DATAGRAMS\n");
    return 2;
  }
  return 0;
}
