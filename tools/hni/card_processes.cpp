// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/card_processes.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "tools/hni/device_report.hpp"
#include "tools/hni/signals.hpp"
#include "tools/hni/words.hpp"

namespace hni::tools {
namespace {

constexpr std::uint64_t kJoinedLogToken = 2;
constexpr std::uint64_t kFirstCard = 0x100;
constexpr std::chrono::milliseconds kLastLines{1000};
/// Lines longer than this are forwarded in pieces of this size.
constexpr std::size_t kMaxLine = 64 * 1024;

struct Pipe {
  Fd reader;
  Fd writer;
};

Outcome<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_problem("pipe");
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

}  // namespace

CardProcesses::CardProcesses(const DeviceOptions& options, ScriptLoader load)
    : options_(options),
      load_(std::move(load)),
      log_(STDOUT_FILENO, LogQueue::kMaxBytes, drop_notice(options.json)),
      errors_(STDERR_FILENO) {}

Outcome<int> CardProcesses::run() {
  if (auto r = set_up(); !r) return tl::unexpected(r.error());
  for (std::size_t i = 0; i < options_.sockets.size() && !stopping_; ++i) {
    if (auto r = start(i); !r) {
      signal_all(SIGTERM);
      while (running()) {
        (void)::poll(nullptr, 0, 10);
        reap();
      }
      return tl::unexpected(r.error());
    }
  }
  while (running()) {
    (void)log_.flush();
    for (const Poller::Event& event : poller_->wait(kLongestSleep)) {
      if (event.token == kSignalToken) read_signals();
      if (event.token >= kFirstCard) read_log(processes_[event.token - kFirstCard]);
    }
  }
  return conclude();
}

Outcome<> CardProcesses::set_up() {
  auto poller = Poller::create();
  if (!poller) return tl::unexpected(poller.error());
  poller_.emplace(std::move(*poller));
  auto signals = watch_signals(signal_set({SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD}));
  if (!signals) return tl::unexpected(signals.error());
  signals_ = std::move(*signals);
  if (log_.pollable()) (void)poller_->add_output(log_.fd(), kJoinedLogToken);
  return poller_->add(signals_.get(), kSignalToken);
}

Outcome<> CardProcesses::start(std::size_t index) {
  auto log = make_pipe();
  auto ready = make_pipe();
  if (!log || !ready) return tl::unexpected((log ? ready : log).error());
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return system_problem("fork");
  if (pid == 0) {
    // Ends the child when this process ends for any reason.
    (void)::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(kExitFailed);
    log->reader.reset();
    ready->reader.reset();
    be_card(index, log->writer, ready->writer);
  }
  ready->writer.reset();
  log->writer.reset();
  (void)::fcntl(log->reader.get(), F_SETFL, O_NONBLOCK);
  processes_.push_back({pid, std::move(log->reader), {}});
  if (auto r = poller_->add(processes_.back().log.get(), kFirstCard + index); !r) return r;
  return wait_until_ready(index, ready->reader);
}

void CardProcesses::be_card(std::size_t index, const Fd& log, const Fd& ready) {
  // Closes what belongs to the parent: its event loop and the logs of the other cards.
  processes_.clear();
  poller_.reset();
  signals_.reset();
  (void)::dup2(log.get(), STDOUT_FILENO);
  int status = kExitFailed;
  {
    DeviceRunner runner(one_card(options_, index), load_);
    runner.when_ready([&] { (void)!::write(ready.get(), "r", 1); });
    const auto ended = runner.run();
    status = ended ? *ended : complain("hni device", ended.error());
  }
  ::_exit(status);
}

/// Waits until the card's socket exists, so that cards start in order, as in a single process.
Outcome<> CardProcesses::wait_until_ready(std::size_t index, const Fd& ready) {
  for (;;) {
    std::array<pollfd, 2> both{{{ready.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}}};
    if (::poll(both.data(), both.size(), -1) < 0 && errno != EINTR) return system_problem("poll");
    char byte = 0;
    if (both[0].revents != 0) {
      if (::read(ready.get(), &byte, 1) == 1) return {};
      // End of file without the byte: the card has already reported the reason on stderr.
      int status = 0;
      const pid_t pid = std::exchange(processes_[index].pid, 0);
      (void)::waitpid(pid, &status, 0);
      read_log(processes_[index]);
      return problem("", WIFEXITED(status) ? WEXITSTATUS(status) : kExitFailed);
    }
    if (both[1].revents != 0) read_signals();
    if (stopping_) return {};
  }
}

/// Forwards complete lines only, so that lines of two cards do not mix.
void CardProcesses::read_log(Process& process) {
  std::array<char, 64 * 1024> bytes;
  const ssize_t n = ::read(process.log.get(), bytes.data(), bytes.size());
  if (n > 0) {
    process.text.append(bytes.data(), static_cast<std::size_t>(n));
  } else if (n == 0) {
    poller_->remove(process.log.get());
    process.log.reset();
  }
  const std::size_t last = process.text.rfind('\n');
  std::size_t whole = last == std::string::npos ? 0 : last + 1;
  if (n == 0 || process.text.size() - whole > kMaxLine) whole = process.text.size();
  if (whole != 0) (void)log_.print(std::string_view(process.text).substr(0, whole));
  process.text.erase(0, whole);
}

void CardProcesses::read_signals() {
  while (const auto info = next_signal(signals_)) {
    const auto signal = static_cast<int>(info->ssi_signo);
    if (signal == SIGCHLD) continue;
    if (signal == SIGUSR1 || signal == SIGUSR2) {
      signal_all(signal);
    } else {
      stopping_ = true;
      signal_all(SIGTERM);
    }
  }
  reap();
}

void CardProcesses::reap() {
  for (std::size_t i = 0; i < processes_.size(); ++i) {
    int status = 0;
    if (processes_[i].pid == 0 || ::waitpid(processes_[i].pid, &status, WNOHANG) <= 0) continue;
    processes_[i].pid = 0;
    note_end(i, status);
  }
}

void CardProcesses::note_end(std::size_t index, int status) {
  if (WIFEXITED(status)) {
    status_ = std::max(status_, WEXITSTATUS(status));
    return;
  }
  status_ = std::max(status_, kExitFailed);
  const int signal = WTERMSIG(status);
  const std::string what =
      fmt::format("the card's process was ended by signal {} ({})", signal,
                  signal == SIGSYS ? "a system call outside of the sandbox" : ::strsignal(signal));
  const std::string& path = options_.sockets[index];
  (void)log_.print(options_.json ? event_line(path, what) + "\n"
                                 : fmt::format("{}: {}\n", path, what));
}

void CardProcesses::signal_all(int signal) const {
  for (const Process& process : processes_) {
    if (process.pid != 0) (void)::kill(process.pid, signal);
  }
}

/// Handles a process that has ended and whose output is completely in the log.
bool CardProcesses::running() const {
  return std::any_of(processes_.begin(), processes_.end(),
                     [](const Process& process) { return process.pid != 0 || process.log; });
}

int CardProcesses::conclude() {
  (void)log_.finish(kLastLines);
  if (log_.error() == 0) return status_;
  (void)errors_.print(fmt::format(
      "hni device: {} lines of output lost: {}\n", log_.dropped(),
      log_.error() == ETIMEDOUT ? "the reader is too slow" : std::strerror(log_.error())));
  (void)errors_.finish(kLastLines);
  return std::max(status_, kExitFailed);
}

}  // namespace hni::tools
