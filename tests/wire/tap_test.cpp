// SPDX-License-Identifier: Apache-2.0
// TAP errors can be tested everywhere; frames only where a user namespace grants CAP_NET_ADMIN and
// the kernel supports TAP. There each case runs in a child process in its own namespaces.
#include "device/wire/tap.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <vector>

#include "tests/support/frame_builder.hpp"

namespace hni::device {
namespace {

using Bytes = std::vector<std::byte>;

enum ChildResult : int { kPassed = 0, kFailed = 1, kNoNamespace = 2, kNoTap = 3 };

bool enter_namespace() {
  const uid_t uid = ::getuid();
  if (::unshare(CLONE_NEWNET) == 0) return true;  // already privileged
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/uid_map") << "0 " << uid << " 1";
  return true;
}

/// Runs `body` in a child process with its own network namespace.
template <class Body>
ChildResult in_namespace(Body body) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!enter_namespace()) ::_exit(kNoNamespace);
    ::_exit(body());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? static_cast<ChildResult>(WEXITSTATUS(status)) : kFailed;
}

void expect_passed(ChildResult result) {
  if (result == kNoNamespace) GTEST_SKIP() << "no network namespace can be made here";
  if (result == kNoTap) GTEST_SKIP() << "no TAP interface can be made here";
  EXPECT_EQ(result, kPassed);
}

struct Collector final : FrameSink {
  bool receive(std::span<const std::byte> frame, std::uint64_t) override {
    frames.emplace_back(frame.begin(), frame.end());
    return true;
  }
  std::vector<Bytes> frames;
};

/// A packet socket on the interface: the host's side of it.
class PacketSocket {
 public:
  explicit PacketSocket(const std::string& name, std::uint16_t type = kType)
      : fd_(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(type))) {
    address_.sll_family = AF_PACKET;
    address_.sll_protocol = htons(type);
    address_.sll_ifindex = static_cast<int>(::if_nametoindex(name.c_str()));
    good_ = ::bind(fd_, reinterpret_cast<sockaddr*>(&address_), sizeof address_) == 0;
  }
  ~PacketSocket() { ::close(fd_); }
  bool good() const { return good_; }
  bool send(const Bytes& frame) {
    return ::send(fd_, frame.data(), frame.size(), 0) == static_cast<ssize_t>(frame.size());
  }
  Bytes receive() {
    pollfd wait{fd_, POLLIN, 0};
    ::poll(&wait, 1, 1000);
    Bytes frame(20000);
    const ssize_t bytes = ::recv(fd_, frame.data(), frame.size(), 0);
    frame.resize(bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
    return frame;
  }
  static constexpr std::uint16_t kType = 0x88b5;  // local experimental

 private:
  int fd_;
  sockaddr_ll address_{};
  bool good_ = false;
};

Bytes frame_of(std::size_t bytes) {
  Bytes frame(bytes, std::byte{0xee});
  for (std::size_t i = 0; i < 6; ++i) frame[i] = std::byte{0xff};
  frame[6] = std::byte{2};
  frame[12] = std::byte{0x88};
  frame[13] = std::byte{0xb5};
  return frame;
}

TEST(WireTap, ImpossibleNamesAreRefusedByName) {
  for (const char* name : {"", "a/b", "sixteen-letters-", "two words", "a:b", ".."}) {
    const auto tap = TapDevice::open(name);
    ASSERT_FALSE(tap.has_value()) << name;
    EXPECT_EQ(tap.error().kind, WireErrorKind::kBadName) << name;
    EXPECT_FALSE(tap.error().text.empty());
  }
}

TEST(WireTap, MissingPrivilegeOrDeviceIsNamed) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::getuid() == 0 && ::setuid(65534) != 0) ::_exit(kFailed);
    const auto tap = TapDevice::open("hnitest0");
    if (tap.has_value()) ::_exit(kFailed);
    const WireErrorKind kind = tap.error().kind;
    const bool named = kind == WireErrorKind::kNoPrivilege || kind == WireErrorKind::kNotAvailable;
    ::_exit(named && !tap.error().text.empty() ? kPassed : kFailed);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), kPassed);
}

TEST(WireTap, NameInUseIsNamed) {
  expect_passed(in_namespace([] {
    auto first = TapDevice::open("hnitest0");
    if (!first) return kNoTap;
    const auto second = TapDevice::open("hnitest0");
    if (second || second.error().kind != WireErrorKind::kNameInUse) return kFailed;
    const auto other_kind = TapDevice::open("lo");
    if (other_kind || other_kind.error().kind != WireErrorKind::kNameInUse) return kFailed;
    return kPassed;
  }));
}

TEST(WireTap, NothingIsLeftBehind) {
  expect_passed(in_namespace([] {
    {
      const auto tap = TapDevice::open("hnitest0");
      if (!tap) return kNoTap;
      if (::if_nametoindex("hnitest0") == 0) return kFailed;
    }
    return ::if_nametoindex("hnitest0") == 0 ? kPassed : kFailed;
  }));
}

TEST(WireTap, FramesOfManyLengthsCrossBothWays) {
  expect_passed(in_namespace([] {
    auto tap = TapDevice::open("hnitest%d");
    if (!tap) return kNoTap;
    if (tap->name() != "hnitest0" || !tap->set_mtu(9728) || !tap->set_up(true)) return kFailed;
    TapWire wire(std::move(*tap));
    PacketSocket host("hnitest0");
    if (!host.good()) return kFailed;
    for (const std::size_t bytes : {14u, 42u, 59u, 60u, 1514u, 9014u, 9742u}) {
      Bytes frame = frame_of(bytes);
      Collector sink;
      if (!host.send(frame)) return kFailed;
      for (unsigned i = 0; i < 100 && sink.frames.empty(); ++i) {
        pollfd wait{wire.device().fd(), POLLIN, 0};
        ::poll(&wait, 1, 100);
        wire.poll(sink, 0, 1);
        // The network stack may send frames of its own (IPv6 router solicitations): skip them.
        if (!sink.frames.empty() && sink.frames[0][12] != std::byte{0x88}) sink.frames.clear();
      }
      if (!wire.transmit(frame, 0) || host.receive() != frame) return kFailed;
      if (bytes < kMinFrameBytes) frame.resize(kMinFrameBytes);  // padded with zeros
      if (sink.frames.size() != 1 || sink.frames[0] != frame) return kFailed;
    }
    return kPassed;
  }));
}

TEST(WireTap, SegmentsThatFollowEachOtherCrossAsOnePacketAtThePoll) {
  expect_passed(in_namespace([] {
    auto tap = TapDevice::open("hnitest0");
    if (!tap || !tap->set_up(true)) return kNoTap;
    TapWire wire(std::move(*tap));
    PacketSocket host("hnitest0", ETH_P_IP);
    for (std::uint32_t i = 0; i < 7; ++i) {
      const Bytes frame = test::FrameBuilder()
                              .ethernet(ETH_P_IP)
                              .ipv4(6, test::kV4A, test::kV4B, 0, 0x4000)  // DF
                              .tcp(1, 2, 0, 1000 * i)
                              .payload(1000)
                              .finish();
      if (!wire.transmit(frame, 0)) return kFailed;
    }
    if (wire.counters().to_host != 0) return kFailed;
    Collector sink;
    (void)wire.poll(sink, 0, 1);
    if (wire.counters().to_host != 7) return kFailed;
    return host.receive().size() == 54 + 7000 ? kPassed : kFailed;
  }));
}

TEST(WireTap, PausedWireReadsNothingAndADownInterfaceRefuses) {
  expect_passed(in_namespace([] {
    auto tap = TapDevice::open("hnitest0");
    if (!tap) return kNoTap;
    TapWire wire(std::move(*tap));
    if (!wire.transmit(frame_of(60), 0) || wire.counters().refused != 1) return kFailed;
    if (!wire.device().set_up(true)) return kFailed;
    PacketSocket host("hnitest0");
    host.send(frame_of(60));
    Collector sink;
    wire.set_pause(true);
    if (wire.poll(sink, 0, 10) != 0) return kFailed;
    wire.set_pause(false);
    return wire.poll(sink, 0, 10) > 0 ? kPassed : kFailed;
  }));
}

}  // namespace
}  // namespace hni::device
