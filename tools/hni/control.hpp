// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The control socket of a running `hni run`: the request is one JSON object and a newline, and so
/// is the response. A request is {"verb": "stats", "port": "hni0"}; a response is {"ports": [...]}
/// or {"error": "..."}. Sockets are in /run/hni (root), $XDG_RUNTIME_DIR/hni or /tmp/hni-UID and
/// are named PID.sock; only their owner and root may connect.

#include <memory>
#include <string>
#include <vector>

#include "tools/hni/fd.hpp"
#include "tools/hni/poller.hpp"
#include "tools/hni/view.hpp"

namespace hni::tools {

class ControlServer {
 public:
  /// Tokens that it registers with the poller: kFirstToken and up.
  static constexpr std::uint64_t kFirstToken = std::uint64_t{1} << 32;

  static Outcome<std::unique_ptr<ControlServer>> create(Poller& poller, Testbed& testbed);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::string& folder() const { return folder_; }
  static bool owns(std::uint64_t token) { return token >= kFirstToken && token < 2 * kFirstToken; }
  void handle(const Poller::Event& event, Time now);
  /// Sends responses that waited for the firmware.
  void step(Time now);
  /// Returns whether a response waits for the firmware.
  [[nodiscard]] bool waiting() const;

 private:
  struct Client {
    Fd fd;
    std::string in;
    std::string out;
    bool close_after = false;
    Json answer;  ///< not empty: complete but for the sensors
    Time give_up{};
  };
  static constexpr std::size_t kMaxClients = 16;
  static constexpr std::size_t kMaxQuestion = 1 << 20;

  ControlServer(Poller& poller, Testbed& testbed) : poller_(poller), testbed_(testbed) {}
  Outcome<> listen();
  void accept();
  void read(std::size_t slot, Time now);
  void write(std::size_t slot);
  void reply(std::size_t slot, const Json& answer);
  void drop(std::size_t slot);
  Json answer(const Json& question);
  Json inject(unsigned index, const Json& question);
  Json read_registers(unsigned index, const Json& question);
  bool collect_sensors(Json& answer);

  Poller& poller_;
  Testbed& testbed_;
  std::string folder_;
  std::string path_;
  Fd listener_;
  std::vector<std::unique_ptr<Client>> clients_{kMaxClients};
};

/// Folders of sockets, the preferred one first.
std::vector<std::string> control_folders();
/// A running `hni run`.
struct RunningLab {
  int pid = 0;
  std::string path;
};
/// Returns all runs that respond. Stale sockets are removed.
std::vector<RunningLab> running_labs();
/// Sends one request and returns the response.
Outcome<Json> ask(const std::string& path, const Json& question);

}  // namespace hni::tools
