// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The control socket of a running `hni run`: one JSON object and a newline as the question, one
/// as the the answer. A question is {"verb": "stats", "port": "hni0"}; an answer is {"ports":
/// [...]} or
/// {"error": "..."}. Sockets lie in /run/hni (root), $XDG_RUNTIME_DIR/hni or /tmp/hni-UID and are
/// called PID.sock; only their owner and root may ask.

#include <memory>
#include <string>
#include <vector>

#include "tools/hni/fd.hpp"
#include "tools/hni/poller.hpp"
#include "tools/hni/view.hpp"

namespace hni::tools {

class ControlServer {
 public:
  /// Tokens that it gives the poller: kFirstToken and up.
  static constexpr std::uint64_t kFirstToken = std::uint64_t{1} << 32;

  static Outcome<std::unique_ptr<ControlServer>> create(Poller& poller, Testbed& testbed);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::string& folder() const { return folder_; }
  static bool owns(std::uint64_t token) { return token >= kFirstToken && token < 2 * kFirstToken; }
  void handle(const Poller::Event& event, Time now);
  /// Sends answers that had to wait for the firmware.
  void step(Time now);
  /// True while somebody waits for the firmware's answer.
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

/// Folders in which sockets may lie, the preferred one first.
std::vector<std::string> control_folders();
/// A running `hni run`.
struct RunningLab {
  int pid = 0;
  std::string path;
};
/// All that answer. Sockets that nobody listens to any more are removed.
std::vector<RunningLab> running_labs();
/// Asks one question.
Outcome<Json> ask(const std::string& path, const Json& question);

}  // namespace hni::tools
