// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/cleanup_process.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <array>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <map>

#include "tools/hni/net_namespace.hpp"

namespace hni::tools {
namespace {

constexpr char kDone = '\0';  // instead of a line
constexpr std::string_view kRecord = ".run";
constexpr std::string_view kUnfinished = ".run.new";
constexpr std::size_t kMaxLines = 65536;

/// Accepts a word of at most 200 characters that names a file in a folder and is not a path.
bool is_name(const std::string& word) {
  return !word.empty() && word.find('/') == std::string::npos && word != "." && word != "..";
}

void remove_socket(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) == 0 && S_ISSOCK(info.st_mode)) (void)::unlink(path.c_str());
}

/// Removes a file, a link (not its target) or an empty folder.
void remove_path(const std::string& path) {
  (void)::remove(path.c_str());
}

std::string read_all(int fd, std::size_t most) {
  std::string text;
  std::array<char, 4096> bytes;
  while (text.size() < most) {
    const ssize_t n = ::read(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    text.append(bytes.data(), static_cast<std::size_t>(n));
  }
  return text;
}

/// Waits until the other side ends, then removes everything registered, unless the other side
/// reported completion.
[[noreturn]] void work(int pipe, const RuntimeFolder* folder) {
  const std::string lines = read_all(pipe, ~std::size_t{0});
  if (lines.find(kDone) == std::string::npos) remove_leftovers(lines, folder);
  ::_exit(0);
}

/// Standard streams may be pipes that another process reads to the end.
void leave_standard_streams() {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) (void)::dup2(null, fd);
}

void write_line(const Fd& fd, const std::string& line) {
  const std::string text = line + "\n";
  (void)!::write(fd.get(), text.data(), text.size());
}

}  // namespace

void remove_leftovers(std::string_view lines, const RuntimeFolder* folder) {
  std::map<std::string, std::uint64_t> namespaces;
  while (!lines.empty()) {
    const auto end = lines.find('\n');
    if (end == std::string_view::npos) break;  // an incomplete line: nothing was created yet
    const std::string line(lines.substr(0, end));
    lines.remove_prefix(end + 1);
    std::array<char, 256> name{};
    std::uint64_t inode = 0;
    if (std::sscanf(line.c_str(), "netns %255s %" SCNu64, name.data(), &inode) == 2) {
      if (is_name(name.data())) namespaces[name.data()] = inode;
    } else if (std::sscanf(line.c_str(), "not %255s", name.data()) == 1) {
      namespaces.erase(name.data());
    } else if (std::sscanf(line.c_str(), "file %255s", name.data()) == 1) {
      if (folder != nullptr && is_name(name.data())) folder->remove(name.data());
    } else if (line.starts_with("socket ")) {
      remove_socket(line.substr(7));
    } else if (line.starts_with("path ")) {
      remove_path(line.substr(5));
    }
  }
  for (const auto& [name, inode] : namespaces) NetNamespace::remove_named(name, inode);
}

// ---- The record

Outcome<RunRecord> RunRecord::create(const RuntimeFolder& folder) {
  const std::string stem = std::to_string(::getpid());
  const std::string unfinished = stem + std::string(kUnfinished);
  // A concurrent sweep may remove the new file before it is locked; then it is created again.
  for (int attempt = 0; attempt < 3; ++attempt) {
    Fd fd(::openat(folder.fd(), unfinished.c_str(),
                   O_RDWR | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) return system_problem(folder.path());
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) continue;
    std::string name = stem + std::string(kRecord);
    if (::renameat(folder.fd(), unfinished.c_str(), folder.fd(), name.c_str()) == 0)
      return RunRecord(folder, std::move(name), std::move(fd));
  }
  return system_problem(folder.path());
}

RunRecord::~RunRecord() {
  if (!name_.empty()) folder_.remove(name_);
}

void RunRecord::add(const std::string& line) const {
  write_line(fd_, line);
}

void RunRecord::sweep(const RuntimeFolder& folder) {
  for (const std::string& name : folder.entries()) {
    if (!name.ends_with(kRecord) && !name.ends_with(kUnfinished)) continue;
    const Fd fd(
        ::openat(folder.fd(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat info {};
    if (!fd || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) continue;
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) continue;
    remove_leftovers(read_all(fd.get(), kMaxLines), &folder);
    folder.remove(name);
  }
}

// ---- The process

Outcome<CleanupProcess> CleanupProcess::start(const RuntimeFolder* folder) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_problem("pipe");
  const Fd reader(ends[0]);
  Fd writer(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return system_problem("fork");
  if (pid == 0) {
    writer.reset();
    // Signals to the terminal's process group are meant for the supervised process.
    (void)::setsid();
    (void)!::chdir("/");
    sigset_t all;
    sigfillset(&all);
    (void)::sigprocmask(SIG_BLOCK, &all, nullptr);
    leave_standard_streams();
    work(reader.get(), folder);
  }
  return CleanupProcess(std::move(writer), pid);
}

CleanupProcess::~CleanupProcess() {
  if (pid_ == 0) return;
  (void)!::write(pipe_.get(), &kDone, 1);
  pipe_.reset();
  (void)::waitpid(pid_, nullptr, 0);
}

void CleanupProcess::add(const std::string& line) const {
  write_line(pipe_, line);
}

}  // namespace hni::tools
