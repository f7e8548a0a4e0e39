// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "tools/hni/control.hpp"

namespace hni::tools {
namespace {

constexpr std::size_t kMaxAnswer = 64U << 20;

/// Connects to a socket; fails with errno.
tl::expected<Fd, int> connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return tl::unexpected<int>(ENAMETOOLONG);
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return tl::unexpected<int>(errno);
  const timeval patience{10, 0};
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return fd;
}

int pid_of(const std::string& file) {
  const auto dot = file.rfind(".sock");
  if (dot == std::string::npos || dot == 0 || dot + 5 != file.size()) return 0;
  const std::string digits = file.substr(0, dot);
  if (!std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; }) ||
      digits.size() > 9) {
    return 0;
  }
  return std::atoi(digits.c_str());
}

}  // namespace

std::vector<std::string> control_folders() {
  std::vector<std::string> folders;
  // Sockets of root are in a fixed folder, regardless of the environment.
  if (::geteuid() == 0) folders.emplace_back("/run/hni");
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && runtime[0] == '/') folders.push_back(std::string(runtime) + "/hni");
  folders.push_back("/tmp/hni-" + std::to_string(::geteuid()));
  return folders;
}

std::vector<RunningLab> running_labs() {
  std::vector<RunningLab> labs;
  for (const std::string& folder : control_folders()) {
    DIR* const directory = ::opendir(folder.c_str());
    if (directory == nullptr) continue;
    while (const dirent* entry = ::readdir(directory)) {
      const int pid = pid_of(entry->d_name);
      if (pid == 0) continue;
      const std::string path = folder + "/" + entry->d_name;
      const auto connection = connect_to(path);
      if (connection) labs.push_back({pid, path});
      if (!connection && connection.error() == ECONNREFUSED) (void)::unlink(path.c_str());
    }
    ::closedir(directory);
  }
  std::sort(labs.begin(), labs.end(),
            [](const RunningLab& a, const RunningLab& b) { return a.pid < b.pid; });
  return labs;
}

Outcome<Json> ask(const std::string& path, const Json& question) {
  const auto connection = connect_to(path);
  if (!connection) return system_problem(path, connection.error());
  const std::string text = question.dump() + "\n";
  if (::send(connection->get(), text.data(), text.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(text.size())) {
    return system_problem(path);
  }
  std::string answer;
  std::array<char, 16384> bytes;
  while (answer.find('\n') == std::string::npos && answer.size() < kMaxAnswer) {
    const ssize_t n = ::recv(connection->get(), bytes.data(), bytes.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_problem(path);
    if (n == 0) break;
    answer.append(bytes.data(), static_cast<std::size_t>(n));
  }
  Json parsed = Json::parse(answer, nullptr, false);
  if (!parsed.is_object()) return problem(path + ": the run ended before it answered");
  if (parsed.contains("error"))
    return problem(parsed["error"].is_string() ? parsed["error"].get<std::string>()
                                               : "unknown error");
  return parsed;
}

}  // namespace hni::tools
