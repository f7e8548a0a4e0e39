// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/command_process.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

#include "tools/hni/fd.hpp"

namespace hni::tools {
namespace {

int exit_status(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

pid_t parent_of(int pid) {
  const Fd fd(::open(("/proc/" + std::to_string(pid) + "/stat").c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 512> text{};
  if (!fd || ::read(fd.get(), text.data(), text.size() - 1) <= 0) return 0;
  // The process name in parentheses may contain any character, so fields are counted from the last
  // parenthesis.
  const std::string line(text.data());
  const auto end = line.rfind(')');
  int parent = 0;
  if (end == std::string::npos || std::sscanf(line.c_str() + end + 1, " %*c %d", &parent) != 1)
    return 0;
  return parent;
}

std::vector<pid_t> children() {
  std::vector<pid_t> found;
  DIR* const proc = ::opendir("/proc");
  if (proc == nullptr) return found;
  const pid_t self = ::getpid();
  while (const dirent* entry = ::readdir(proc)) {
    const int pid = std::atoi(entry->d_name);
    if (pid > 0 && parent_of(pid) == self) found.push_back(pid);
  }
  ::closedir(proc);
  return found;
}

/// Reaps ended children; returns false if no child is left.
bool reap_some(pid_t command, int& status) {
  for (;;) {
    int one = 0;
    const pid_t pid = ::waitpid(-1, &one, WNOHANG);
    if (pid == command) status = exit_status(one);
    if (pid == 0) return true;
    if (pid < 0 && errno != EINTR) return false;
  }
}

/// Children of an ended process are reparented to this one, so repeat until no child is left.
void end_family(pid_t command, int& status) {
  constexpr int kAsked = 50;
  constexpr int kRounds = 250;
  for (int round = 0; round < kRounds && reap_some(command, status); ++round) {
    if (round == 0 || round >= kAsked) {
      if (round == 0) (void)::kill(-command, SIGTERM);
      for (const pid_t pid : children()) (void)::kill(pid, round == 0 ? SIGTERM : SIGKILL);
    }
    const timespec pause{0, 10'000'000};
    (void)::nanosleep(&pause, nullptr);
  }
}

[[noreturn]] void supervise(pid_t command) {
  (void)::close_range(3, ~0U, 0);  // releases locks and interfaces of the run
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGCHLD);
  sigaddset(&wanted, SIGTERM);
  int status = -1;
  for (bool more = true; status < 0 && more;) {
    int signal = 0;
    (void)::sigwait(&wanted, &signal);
    if (signal == SIGTERM) break;
    more = reap_some(command, status);
  }
  end_family(command, status);
  ::_exit(status < 0 ? 128 + SIGTERM : status);
}

void block_all(sigset_t* before) {
  sigset_t all;
  sigfillset(&all);
  (void)::sigprocmask(SIG_BLOCK, &all, before);
}

[[noreturn]] void run_supervisor(pid_t parent, const std::string& command,
                                 const std::function<void()>& prepare) {
  block_all(nullptr);
  (void)::prctl(PR_SET_CHILD_SUBREAPER, 1);
  (void)::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(127);
  const pid_t self = ::getpid();
  const pid_t shell = ::fork();
  if (shell < 0) ::_exit(127);
  if (shell != 0) {
    (void)::setpgid(shell, shell);
    supervise(shell);
  }
  (void)::setpgid(0, 0);
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != self) ::_exit(127);
  prepare();
  for (const int s : {SIGPIPE, SIGINT, SIGQUIT}) (void)std::signal(s, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
  (void)::execl("/bin/sh", "sh", "-c", command.c_str(), static_cast<char*>(nullptr));
  ::_exit(127);
}

}  // namespace

Outcome<> CommandProcess::start(const std::string& command, const std::function<void()>& prepare) {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return system_problem("--exec");
  if (pid == 0) run_supervisor(parent, command, prepare);
  pid_ = pid;
  return {};
}

std::optional<int> CommandProcess::reap() {
  int status = 0;
  if (pid_ == 0 || ::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  pid_ = 0;
  return exit_status(status);
}

void CommandProcess::stop() {
  if (pid_ == 0) return;
  (void)::kill(pid_, SIGTERM);
  constexpr int kPatience = 400;  // a limit above what the supervisor needs
  for (int look = 0; look < kPatience && !reap() && pid_ != 0; ++look) (void)::usleep(10'000);
  if (pid_ == 0) return;
  (void)::kill(pid_, SIGKILL);
  (void)::waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

}  // namespace hni::tools
