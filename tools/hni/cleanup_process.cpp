// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/cleanup_process.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <cstdio>

namespace hni::tools {
namespace {

constexpr char kDone = '\0';  // instead of a path

void remove_all(const std::string& paths) {
  for (std::size_t at = 0; at < paths.size();) {
    const std::size_t end = paths.find('\n', at);
    if (end == std::string::npos) return;
    const std::string path = paths.substr(at, end - at);
    (void)::umount2(path.c_str(), MNT_DETACH);
    (void)::remove(path.c_str());
    at = end + 1;
  }
}

/// Reads paths until the parent ends; removes them unless it reported that all is done.
[[noreturn]] void work(int pipe) {
  std::string paths;
  std::array<char, 512> bytes;
  for (;;) {
    const ssize_t n = ::read(pipe, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    paths.append(bytes.data(), static_cast<std::size_t>(n));
  }
  if (paths.find(kDone) == std::string::npos) remove_all(paths);
  ::_exit(0);
}

}  // namespace

Outcome<CleanupProcess> CleanupProcess::hire() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_problem("pipe");
  const Fd reader(ends[0]);
  Fd writer(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return system_problem("fork");
  if (pid == 0) {
    writer.reset();
    // Signals to the terminal's process group are for the parent.
    (void)::setsid();
    sigset_t all;
    sigfillset(&all);
    (void)::sigprocmask(SIG_BLOCK, &all, nullptr);
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::close(fd);
    work(reader.get());
  }
  return CleanupProcess(std::move(writer), pid);
}

CleanupProcess::~CleanupProcess() {
  if (pid_ == 0) return;
  (void)!::write(pipe_.get(), &kDone, 1);
  pipe_.reset();
  (void)::waitpid(pid_, nullptr, 0);
}

void CleanupProcess::remember(const std::string& path) const {
  const std::string line = path + "\n";
  (void)!::write(pipe_.get(), line.data(), line.size());
}

}  // namespace hni::tools
