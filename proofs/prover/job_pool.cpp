// SPDX-License-Identifier: Apache-2.0
#include "proofs/prover/job_pool.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <vector>

namespace hni::proofs {
namespace {

using Clock = std::chrono::steady_clock;

struct Worker {
  pid_t process = -1;
  int output = -1;
  Clock::time_point deadline;
  std::string text;
  FarmTask task;
};

Worker start(FarmTask task, unsigned limit_ms) {
  Worker worker;
  worker.task = std::move(task);
  // The limit is one of processor time; elapsed time is limited to ten times as long, for busy
  // machines.
  worker.deadline = Clock::now() + 10 * std::chrono::milliseconds(limit_ms);
  std::array<int, 2> channel{};
  if (pipe2(channel.data(), O_CLOEXEC) != 0) return worker;
  std::fflush(nullptr);
  worker.process = fork();
  if (worker.process == 0) {
    setpgid(0, 0);
    const rlimit limit{limit_ms / 1000 + 1, limit_ms / 1000 + 1};
    setrlimit(RLIMIT_CPU, &limit);
    const std::string result = worker.task.work();
    std::size_t sent = 0;
    while (sent < result.size()) {
      const ssize_t n = write(channel[1], result.data() + sent, result.size() - sent);
      if (n <= 0) break;
      sent += static_cast<std::size_t>(n);
    }
    _exit(0);
  }
  close(channel[1]);
  worker.output = channel[0];
  return worker;
}

/// Reads available output; returns true when the worker is done.
bool advance(Worker& worker) {
  if (worker.output < 0 || worker.process < 0) return true;
  if (Clock::now() > worker.deadline) {
    kill(-worker.process, SIGKILL);
    kill(worker.process, SIGKILL);
    worker.text.clear();
    return true;
  }
  pollfd ready{worker.output, POLLIN, 0};
  if (poll(&ready, 1, 10) <= 0) return false;
  std::array<char, 65536> buffer{};
  const ssize_t n = read(worker.output, buffer.data(), buffer.size());
  if (n <= 0) return true;
  worker.text.append(buffer.data(), static_cast<std::size_t>(n));
  return false;
}

}  // namespace

void JobPool::run(const std::function<bool(FarmTask&)>& next) {
  std::vector<Worker> workers;
  for (;;) {
    FarmTask task;
    while (workers.size() < jobs_ && next(task))
      workers.push_back(start(std::move(task), limit_ms_));
    if (workers.empty()) return;
    for (std::size_t i = 0; i < workers.size();) {
      if (!advance(workers[i])) {
        ++i;
        continue;
      }
      Worker done = std::move(workers[i]);
      workers.erase(workers.begin() + static_cast<std::ptrdiff_t>(i));
      if (done.output >= 0) close(done.output);
      if (done.process > 0) waitpid(done.process, nullptr, 0);
      done.task.finish(done.text);
    }
  }
}

}  // namespace hni::proofs
