// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/trace_target.hpp"

#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tools/hni/control.hpp"

namespace hni::tools {
namespace {

namespace fs = std::filesystem;

/// Returns the installation prefix or the build folder: this program is
/// PREFIX/libexec/openhni/NAME.
fs::path prefix() {
  std::error_code error;
  return fs::read_symlink("/proc/self/exe", error).parent_path().parent_path().parent_path();
}

/// Returns the command hni, which contains the probes: in `bin` of an installation, in `tools` of
/// a build.
fs::path hni_command() {
  std::error_code error;
  const fs::path installed = prefix() / "bin/hni";
  return fs::exists(installed, error) ? installed : prefix() / "tools/hni";
}

/// Returns whether this process has effective capability `bit`.
bool capable(unsigned bit) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("CapEff:"))
      return (std::strtoull(line.c_str() + 7, nullptr, 16) >> bit & 1) != 0;
  }
  return false;
}

/// Returns 0, or the errno of the smallest BPF request: an array of one element.
int try_bpf() {
  struct {
    std::uint32_t type = 2, key = 4, value = 4, entries = 1;
    std::array<std::uint32_t, 28> rest{};
  } attributes;
  const long fd = ::syscall(SYS_bpf, 0, &attributes, sizeof attributes);
  if (fd < 0) return errno;
  ::close(static_cast<int>(fd));
  return 0;
}

Outcome<TraceTarget> running_target() {
  std::vector<int> pids;
  for (const RunningLab& testbed : running_labs()) pids.push_back(testbed.pid);
  if (pids.empty()) {
    return problem(
        "no `hni run` is running: start one, name a process with --pid, or a command after --");
  }
  if (pids.size() > 1)
    return problem(fmt::format("several instances are running: select one with --pid: {}",
                               fmt::join(pids, ", ")));
  return find_target(pids.front(), {});
}

std::string link_of(const std::string& path) {
  std::error_code error;
  return fs::read_symlink(path, error).string();
}

/// Returns a path at which the tracer finds the program of a process, in the process's own file
/// system if that differs (a container).
Outcome<std::string> program_of(int pid) {
  const std::string folder = fmt::format("/proc/{}", pid);
  std::error_code error;
  if (!fs::exists(folder, error))
    return problem(fmt::format("--pid {}: there is no such process", pid));
  const std::string program = link_of(folder + "/exe");
  if (program.empty())
    return system_problem(fmt::format("the program of process {}", pid), EACCES);
  if (program.ends_with(" (deleted)"))
    return problem(
        fmt::format("the program of process {} was replaced or deleted since it "
                    "started: start it again to trace it",
                    pid));
  if (link_of(folder + "/ns/mnt") == link_of("/proc/self/ns/mnt") &&
      link_of(folder + "/root") == link_of("/proc/self/root"))
    return folder + "/exe";
  std::string inside = folder + "/root" + program;
  if (!fs::equivalent(inside, folder + "/exe", error))
    return problem(
        fmt::format("the program of process {} is not at {} in its file system: it "
                    "cannot be traced from outside",
                    pid, program));
  return inside;
}

}  // namespace

bool has_probes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return false;
  const std::string content{std::istreambuf_iterator<char>(in), {}};
  // Provider and name of a note are adjacent.
  static constexpr char kNote[] = "hni\0ring__posted";
  return content.find(std::string(kNote, sizeof kNote)) != std::string::npos;
}

std::string find_program(const std::string& word) {
  if (word.find('/') != std::string::npos) return ::access(word.c_str(), X_OK) == 0 ? word : "";
  const char* path = std::getenv("PATH");
  std::string folders = path != nullptr ? path : "/usr/bin:/bin";
  folders += ":/usr/sbin:/sbin";
  while (!folders.empty()) {
    const auto end = std::min(folders.find(':'), folders.size());
    const std::string file = folders.substr(0, end) + "/" + word;
    if (::access(file.c_str(), X_OK) == 0 && fs::is_regular_file(file)) return file;
    folders.erase(0, end + 1);
  }
  return "";
}

Outcome<TraceTarget> find_target(int pid, const std::vector<std::string>& command) {
  TraceTarget target{pid, command, ""};
  if (pid == 0 && command.empty()) return running_target();
  if (pid != 0) {
    auto program = program_of(pid);
    if (!program) return tl::unexpected(program.error());
    target.binary = std::move(*program);
    if (!has_probes(target.binary))
      return problem(fmt::format("process {} has no openhni USDT probes", pid));
    return target;
  }
  target.binary = find_program(command.front());
  if (target.binary.empty()) return problem(fmt::format("'{}': no such program", command.front()));
  // For a script or another program that starts this binary, the binary's probes are traced.
  if (!has_probes(target.binary)) target.binary = hni_command().string();
  if (!has_probes(target.binary))
    return problem("this hni was built without probes (HNI_TRACE=OFF)");
  target.binary = fs::absolute(target.binary).string();
  return target;
}

Outcome<> check_machine(const std::string& bpftrace) {
  if (bpftrace.empty()) return problem("bpftrace is missing: apt-get install bpftrace");
  constexpr unsigned kSysAdmin = 21;
  if (::geteuid() != 0 || !capable(kSysAdmin)) {
    return problem("tracing needs root with all its capabilities (CAP_SYS_ADMIN): use sudo");
  }
  if (::access("/sys/bus/event_source/devices/uprobe", F_OK) != 0)
    return problem("this kernel has no uprobes (CONFIG_UPROBE_EVENTS)");
  const int error = try_bpf();
  if (error == ENOSYS) return problem("this kernel has no BPF (CONFIG_BPF_SYSCALL)");
  if (error != 0) return system_problem("BPF is not allowed here (container, lockdown?)", error);
  return {};
}

std::string trace_folder() {
  const char* other = std::getenv("HNI_TRACE_PROGRAMS");
  if (other != nullptr) return other;
  return (prefix() / "share/openhni/trace").string();
}

}  // namespace hni::tools
