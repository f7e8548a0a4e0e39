// SPDX-License-Identifier: Apache-2.0
// The reference point for `hni run`: two TAP interfaces in two namespaces and a loop that copies
// each frame from one to the other with a read and a write. No card, no driver, no rings.
//
//     tap_copy [--offload] COMMAND
//
// COMMAND runs with the same environment as under `hni run --exec`. With --offload the kernel's 64
// KiB packets pass unsegmented; a cable between two cards cannot do that, so the result is an
// upper bound and not a fair comparison.

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <vector>

#include "tools/hni/net_namespace.hpp"
#include "tools/hni/tap.hpp"

namespace hni::tools {
namespace {

constexpr int kBatch = 64;
constexpr std::size_t kBufferBytes = 65536 + 64;

struct End {
  NetNamespace where;
  Tap tap;
};

std::optional<End> make_end(unsigned index, bool offload) {
  const char letter = index == 0 ? 'a' : 'b';
  auto where = NetNamespace::create(fmt::format("tapcopy-{}-{}", ::getpid(), letter),
                                    [](const std::string&) {});
  if (!where) {
    fmt::print(stderr, "tap_copy: {}\n", where.error().text);
    return std::nullopt;
  }
  TapOptions options;
  options.name = fmt::format("copy{}", index);
  options.mac = {0x02, 0x77, 0, 0, 1, static_cast<std::uint8_t>(index)};
  options.header = options.offload = offload;
  options.ipv4 = fmt::format("10.77.0.{}/24", index + 1);
  options.ipv6 = fmt::format("fd77::{}/64", index + 1);
  auto tap = Tap::create(*where, options);
  if (!tap) {
    fmt::print(stderr, "tap_copy: {}\n", tap.error().text);
    return std::nullopt;
  }
  return End{std::move(*where), std::move(*tap)};
}

/// Copies the waiting frames, at most one batch. Returns false if there were none.
bool copy(const Tap& from, const Tap& to, std::vector<char>& buffer) {
  int copied = 0;
  for (; copied < kBatch; ++copied) {
    const ssize_t n = ::read(from.queue(0), buffer.data(), buffer.size());
    if (n <= 0) break;
    (void)!::write(to.queue(0), buffer.data(), static_cast<std::size_t>(n));
  }
  return copied != 0;
}

pid_t start(const char* command, const std::array<std::optional<End>, 2>& ends) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  for (unsigned i = 0; i < 2; ++i) {
    const std::string letter = i == 0 ? "A" : "B";
    (void)::setenv(("HNI_NETNS_" + letter).c_str(), ends[i]->where.name().c_str(), 1);
    (void)::setenv(("HNI_IPV4_" + letter).c_str(), fmt::format("10.77.0.{}", i + 1).c_str(), 1);
    (void)::setenv(("HNI_IPV6_" + letter).c_str(), fmt::format("fd77::{}", i + 1).c_str(), 1);
  }
  (void)::execl("/bin/sh", "sh", "-c", command, static_cast<char*>(nullptr));
  ::_exit(127);
}

int run(bool offload, const char* command) {
  std::array<std::optional<End>, 2> ends{make_end(0, offload), std::nullopt};
  if (ends[0]) ends[1] = make_end(1, offload);
  if (!ends[1]) return kExitFailed;
  const Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  for (const auto& end : ends) {
    epoll_event event{};
    event.events = EPOLLIN;
    (void)::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, end->tap.queue(0), &event);
  }
  std::vector<char> buffer(kBufferBytes);
  const pid_t child = start(command, ends);
  int status = 0;
  while (::waitpid(child, &status, WNOHANG) == 0) {
    epoll_event event{};
    (void)::epoll_wait(epoll.get(), &event, 1, 100);
    bool moved = true;
    while (moved) {
      moved = copy(ends[0]->tap, ends[1]->tap, buffer);
      moved = copy(ends[1]->tap, ends[0]->tap, buffer) || moved;
    }
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : kExitFailed;
}

}  // namespace
}  // namespace hni::tools

int main(int argc, char** argv) {
  const bool offload = argc > 1 && std::strcmp(argv[1], "--offload") == 0;
  if (argc != (offload ? 3 : 2)) {
    fmt::print(stderr, "usage: tap_copy [--offload] COMMAND\n");
    return hni::tools::kExitUsage;
  }
  return hni::tools::run(offload, argv[argc - 1]);
}
