// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "tools/hni/control.hpp"
#include "tools/hni/printable.hpp"

namespace hni::tools {
namespace {

constexpr std::size_t kMaxAnswer = 64U << 20;
constexpr Duration kConnectPatience = std::chrono::seconds(1);
constexpr Duration kAnswerPatience = std::chrono::seconds(10);

/// Returns a connected, non-blocking socket, or errno.
tl::expected<Fd, int> connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return tl::unexpected<int>(ENAMETOOLONG);
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const Time end = monotonic_now() + kConnectPatience;
  while (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    // The listener's queue is full: the run may be busy or stopped.
    if (errno != EAGAIN && errno != EINTR) return tl::unexpected<int>(errno);
    if (monotonic_now() >= end) return tl::unexpected<int>(ETIMEDOUT);
    (void)::usleep(10'000);
  }
  return fd;
}

/// Waits for `events`; returns false on timeout.
bool wait_for(const Fd& fd, short events, Time end) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - monotonic_now()).count();
    if (left <= 0) return false;
    pollfd wanted{fd.get(), events, 0};
    if (::poll(&wanted, 1, static_cast<int>(left)) > 0) return true;
  }
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

Outcome<> send_all(const Fd& fd, const std::string& path, std::string_view text, Time end) {
  while (!text.empty()) {
    const ssize_t n = ::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (n > 0) {
      text.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno != EAGAIN && errno != EINTR) {
      return system_problem(path);
    } else if (!wait_for(fd, POLLOUT, end)) {
      return system_problem(path, ETIMEDOUT);
    }
  }
  return {};
}

}  // namespace

std::vector<RunningLab> running_labs() {
  std::vector<RunningLab> labs;
  const auto folder = RuntimeFolder::open(RuntimeFolder::Create::kNo);
  if (!folder) return labs;
  for (const std::string& name : folder->entries()) {
    const int pid = pid_of(name);
    struct stat info {};
    if (pid == 0 || ::fstatat(folder->fd(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        !S_ISSOCK(info.st_mode))
      continue;
    const auto connection = connect_to(folder->address(name));
    if (connection || connection.error() == ETIMEDOUT) {
      labs.push_back({pid, folder->path() + "/" + name});
    } else if (connection.error() == ECONNREFUSED) {
      folder->remove(name);
    }
  }
  std::sort(labs.begin(), labs.end(),
            [](const RunningLab& a, const RunningLab& b) { return a.pid < b.pid; });
  return labs;
}

Outcome<Json> ask(const std::string& path, const Question& question) {
  const Time end = monotonic_now() + kAnswerPatience;
  const auto connection = connect_to(path);
  if (!connection) return system_problem(path, connection.error());
  ucred peer{};
  socklen_t length = sizeof peer;
  if (::getsockopt(connection->get(), SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
    return system_problem(path);
  if (peer.uid != ::geteuid() && peer.uid != 0)
    return problem(fmt::format("{} belongs to user {}: remove it", path, peer.uid));
  if (auto r = send_all(*connection, path, question_text(question) + "\n", end); !r)
    return tl::unexpected(r.error());
  std::string answer;
  std::array<char, 16384> bytes;
  while (answer.find('\n', answer.size() - std::min(answer.size(), bytes.size())) ==
             std::string::npos &&
         answer.size() < kMaxAnswer) {
    const ssize_t n = ::recv(connection->get(), bytes.data(), bytes.size(), 0);
    if (n == 0) break;
    if (n > 0) {
      answer.append(bytes.data(), static_cast<std::size_t>(n));
    } else if (errno != EAGAIN && errno != EINTR) {
      return system_problem(path);
    } else if (!wait_for(*connection, POLLIN, end)) {
      return problem(path + ": the run does not answer: is it stopped?");
    }
  }
  Json parsed = Json::parse(answer, nullptr, false);
  if (!parsed.is_object()) return problem(path + ": the run ended before it answered");
  if (parsed.contains("error"))
    return problem(parsed["error"].is_string() ? printable(parsed["error"].get<std::string>())
                                               : "unknown error");
  return parsed;
}

}  // namespace hni::tools
