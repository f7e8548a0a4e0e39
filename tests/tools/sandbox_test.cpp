// SPDX-License-Identifier: Apache-2.0
// Verifies the restrictions of a card's process, by attempts and by reading /proc.
#include "tools/hni/sandbox.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include "tools/hni/fd.hpp"

namespace hni::tools {
namespace {

constexpr int kNotConfined = 99;

/// Returns the wait status of a process that enters the sandbox and then calls `what`.
int confined(const SandboxPolicy& policy, const std::function<void()>& what) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!enter_sandbox(policy)) ::_exit(kNotConfined);
    what();
    ::_exit(0);
  }
  int status = -1;
  EXPECT_EQ(child, ::waitpid(child, &status, 0));
  return status;
}

bool killed(int status) {
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS && !WCOREDUMP(status);
}

TEST(Sandbox, WhatTheLoopNeedsIsAllowed) {
  std::array<int, 2> ends{};
  ASSERT_EQ(0, ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()));
  const Fd memory(::memfd_create("guest", MFD_CLOEXEC));
  ASSERT_EQ(0, ::ftruncate(memory.get(), 4096));
  const int status = confined({}, [&] {
    bool good = ::send(ends[0], "x", 1, MSG_DONTWAIT) == 1;
    char byte = 0;
    good = good && ::recv(ends[1], &byte, 1, MSG_DONTWAIT) == 1;
    void* const at = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
    good = good && at != MAP_FAILED && ::madvise(at, 4096, MADV_DONTDUMP) == 0 &&
           ::munmap(at, 4096) == 0;
    const std::string much(10'000'000, 'x');  // memory that the C++ library obtains by mmap
    good = good && much.size() == 10'000'000 && ::fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
    std::array<char, 64> target{};
    good = good && ::readlink("/proc/self/fd/0", target.data(), target.size()) > 0;
    ::_exit(good ? 0 : 1);
  });
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(0, WEXITSTATUS(status));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(Sandbox, AnyOtherCallEndsTheProcess) {
  if (!sandbox_has_list()) GTEST_SKIP() << "a build with sanitizers has no list of calls";
  const std::pair<const char*, std::function<void()>> calls[] = {
      {"open", [] { (void)!::open("/etc/passwd", O_RDONLY); }},
      {"socket", [] { (void)!::socket(AF_INET, SOCK_STREAM, 0); }},
      {"unix socket", [] { (void)!::socket(AF_UNIX, SOCK_STREAM, 0); }},
      {"fork", [] { (void)!::fork(); }},
      {"execve", [] { (void)!::execl("/bin/true", "true", nullptr); }},
      {"ptrace", [] { (void)!::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr); }},
      {"kill", [] { (void)!::kill(::getppid(), 0); }},
      {"executable memory",
       [] { (void)!::mmap(nullptr, 4096, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }},
      {"setuid", [] { (void)!::setuid(0); }},
      {"chmod", [] { (void)!::chmod("/nothing", 0); }},
      {"duplicate a descriptor", [] { (void)!::fcntl(0, F_DUPFD, 10); }},
  };
  for (const auto& [name, call] : calls) EXPECT_TRUE(killed(confined({}, call))) << name;
}

TEST(Sandbox, OnlyACableMakesUnixSockets) {
  if (!sandbox_has_list()) GTEST_SKIP() << "a build with sanitizers has no list of calls";
  SandboxPolicy policy;
  policy.unix_sockets = true;
  const auto make = [](int family) {
    return [family] { ::_exit(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0 ? 0 : 1); };
  };
  EXPECT_EQ(0, confined(policy, make(AF_UNIX)));
  EXPECT_TRUE(killed(confined(policy, make(AF_INET))));
}

/// Reads /proc/PID/FILE of a process in the sandbox.
std::string proc_of_confined(const SandboxPolicy& policy, const char* file) {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  EXPECT_EQ(0, ::pipe2(in.data(), O_CLOEXEC));
  EXPECT_EQ(0, ::pipe2(out.data(), O_CLOEXEC));
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(in[1]);
    if (!enter_sandbox(policy)) ::_exit(kNotConfined);
    (void)!::write(out[1], "r", 1);
    char byte = 0;
    (void)!::read(in[0], &byte, 1);
    ::_exit(0);
  }
  ::close(out[1]);
  char byte = 0;
  EXPECT_EQ(1, ::read(out[0], &byte, 1));
  std::ifstream from("/proc/" + std::to_string(child) + "/" + file);
  const std::string text{std::istreambuf_iterator<char>(from), {}};
  for (const int fd : {in[0], in[1], out[0]}) ::close(fd);
  int status = -1;
  EXPECT_EQ(child, ::waitpid(child, &status, 0));
  EXPECT_EQ(0, status);
  return text;
}

bool has_line(const std::string& text, const std::string& name, const std::string& value) {
  return text.find("\n" + name + ":\t" + value + "\n") != std::string::npos;
}

TEST(Sandbox, ProcShowsNoCapabilityNoNewPrivilegesAndTheFilter) {
  const std::string status = proc_of_confined({}, "status");
  for (const char* set : {"CapInh", "CapPrm", "CapEff", "CapAmb"})
    EXPECT_TRUE(has_line(status, set, "0000000000000000")) << set << status;
  if (::geteuid() == 0) {
    EXPECT_TRUE(has_line(status, "CapBnd", "0000000000000000")) << status;
  }
  EXPECT_TRUE(has_line(status, "NoNewPrivs", "1")) << status;
  if (sandbox_has_list()) {
    EXPECT_TRUE(has_line(status, "Seccomp", "2")) << status;
  }
  const std::string limits = proc_of_confined({}, "limits");
  const std::size_t core = limits.find("Max core file size");
  ASSERT_NE(std::string::npos, core);
  EXPECT_EQ(core + 26, limits.find("0                    0", core));
}

TEST(Sandbox, AnotherUserKeepsNoRootPrivileges) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root becomes another user";
  SandboxPolicy policy;
  policy.user = "nobody";
  const std::string status = proc_of_confined(policy, "status");
  EXPECT_TRUE(has_line(status, "Uid", "65534\t65534\t65534\t65534")) << status;
  EXPECT_TRUE(has_line(status, "Gid", "65534\t65534\t65534\t65534")) << status;
  EXPECT_TRUE(has_line(status, "CapEff", "0000000000000000")) << status;
  EXPECT_TRUE(has_line(status, "Groups", " ") || has_line(status, "Groups", "65534 ")) << status;
}

TEST(Sandbox, AnUnknownUserIsAUsageError) {
  const auto ids = find_user("no-such-user-here");
  ASSERT_FALSE(ids);
  EXPECT_EQ(kExitUsage, ids.error().status);
}

}  // namespace
}  // namespace hni::tools
