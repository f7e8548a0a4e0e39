// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/uml_process.hpp"

#include <fcntl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <csignal>

namespace hni::tools {
namespace {

/// Maximum size of the log in memory, more than any boot prints.
constexpr std::size_t kMaxText = 4u << 20;

/// The console of the kernel's log needs an input, too.
constexpr int kLogInput = 3;

struct Pipe {
  Fd read;
  Fd write;
};

Outcome<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_problem("pipe");
  Pipe pipe{Fd(ends[0]), Fd(ends[1])};
  (void)::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK);
  return pipe;
}

/// In the child: executes the kernel, or exits with 127.
[[noreturn]] void become_kernel(const UmlOptions& options, char* const* argv, int in, int out,
                                int log, pid_t parent) {
  sigset_t none;
  sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
  (void)std::signal(SIGPIPE, SIG_DFL);
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  (void)::personality(ADDR_NO_RANDOMIZE);  // reproducible addresses
  // A separate process group: Ctrl-C is for the guest's shell, and the kernel's children are
  // killed with the group.
  if (!options.interactive) (void)::setpgid(0, 0);
  if (::chdir(options.directory.c_str()) != 0) ::_exit(127);
  if (!options.interactive) {
    (void)::dup2(in, STDIN_FILENO);
    (void)::dup2(out, STDOUT_FILENO);
  }
  (void)::dup2(log, STDERR_FILENO);
  (void)::dup2(in, kLogInput);
  // Its memory must be in /dev/shm, because files of other file systems are refused.
  for (const char* name : {"TMPDIR", "TMP", "TEMP"}) (void)::unsetenv(name);
  if (!options.preload.empty()) (void)::setenv("LD_PRELOAD", options.preload.c_str(), 1);
  ::execv(options.kernel.c_str(), argv);
  ::_exit(127);
}

}  // namespace

Outcome<UmlProcess> UmlProcess::start(const UmlOptions& options) {
  auto log = make_pipe();
  auto out = make_pipe();
  auto in = make_pipe();
  if (!log || !out || !in) return problem("no pipe for the guest's console");
  std::vector<std::string> words{options.kernel};
  words.insert(words.end(), options.arguments.begin(), options.arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  UmlProcess process;
  const pid_t self = ::getpid();
  std::fflush(stdout);
  process.pid_ = ::fork();
  if (process.pid_ < 0) return system_problem("fork");
  if (process.pid_ == 0)
    become_kernel(options, argv.data(), in->read.get(), out->write.get(), log->write.get(), self);
  if (!options.interactive) (void)::setpgid(process.pid_, process.pid_);
  process.pid_fd_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid_, 0)));
  if (!process.pid_fd_) return system_problem("pidfd_open");
  process.log_ = std::move(log->read);
  process.input_ = std::move(in->write);
  if (!options.interactive) process.output_ = std::move(out->read);
  if (!options.log.empty()) {
    process.copy_ = std::fopen(options.log.c_str(), "we");
    if (process.copy_ == nullptr) return system_problem("--log '" + options.log + "'");
  }
  return process;
}

UmlProcess::UmlProcess(UmlProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pid_fd_(std::move(other.pid_fd_)),
      input_(std::move(other.input_)),
      log_(std::move(other.log_)),
      output_(std::move(other.output_)),
      copy_(std::exchange(other.copy_, nullptr)),
      text_(std::move(other.text_)),
      panic_(std::move(other.panic_)),
      status_(other.status_) {}

UmlProcess::~UmlProcess() {
  if (pid_ > 0) {
    (void)::kill(-pid_, SIGKILL);
    (void)::kill(pid_, SIGKILL);
    (void)::waitpid(pid_, &status_, 0);
  }
  if (copy_ != nullptr) (void)std::fclose(copy_);
}

void UmlProcess::read_log() {
  std::array<char, 16384> buffer;
  ssize_t n = 0;
  while ((n = ::read(log_.get(), buffer.data(), buffer.size())) > 0) {
    const auto count = static_cast<std::size_t>(n);
    if (copy_ != nullptr) {
      (void)std::fwrite(buffer.data(), 1, count, copy_);
      (void)std::fflush(copy_);
    }
    // Carriage returns of the console are not part of the lines.
    std::copy_if(buffer.data(), buffer.data() + count, std::back_inserter(text_),
                 [](char c) { return c != '\r'; });
    if (text_.size() > kMaxText) text_.erase(0, text_.size() - kMaxText);
  }
  if (n == 0) log_.reset();
}

void UmlProcess::read_output() {
  std::array<char, 16384> buffer;
  ssize_t n = 0;
  while ((n = ::read(output_.get(), buffer.data(), buffer.size())) > 0) {
    (void)std::fwrite(buffer.data(), 1, static_cast<std::size_t>(n), stdout);
    (void)std::fflush(stdout);
  }
  if (n == 0) output_.reset();
}

bool UmlProcess::reap() {
  if (pid_ < 0) return true;
  if (::waitpid(pid_, &status_, WNOHANG) != pid_) return false;
  // Kills its children, the guest's processes.
  (void)::kill(-pid_, SIGKILL);
  pid_ = -1;
  if (log_) read_log();
  if (output_) read_output();
  return true;
}

std::vector<std::string> UmlProcess::last_lines(std::size_t count) const {
  std::vector<std::string> lines;
  std::size_t end = text_.size();
  while (end > 0 && lines.size() < count) {
    const std::size_t newline = text_.rfind('\n', end - 1);
    const std::size_t begin = newline == std::string::npos ? 0 : newline + 1;
    if (end > begin) lines.push_back(text_.substr(begin, end - begin));
    if (newline == std::string::npos) break;
    end = newline;
  }
  std::reverse(lines.begin(), lines.end());
  return lines;
}

std::string UmlProcess::panic_line() const {
  for (const char* mark : {"Kernel panic", "BUG:", "KASAN:"}) {
    const std::size_t at = text_.find(mark);
    if (at == std::string::npos) continue;
    const std::size_t end = text_.find('\n', at);
    return text_.substr(at, end == std::string::npos ? end : end - at);
  }
  return {};
}

}  // namespace hni::tools
