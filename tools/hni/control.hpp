// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The control socket of a running `hni run`: a request and its response are one JSON object and a
/// newline each. A request is {"verb": "stats", "port": "hni0"}; a response is {"ports": [...]} or
/// {"error": "..."}. Sockets are in the RuntimeFolder of their user and are named PID.sock; only
/// their owner and root may connect.

#include <memory>
#include <string>
#include <vector>

#include "tools/hni/control_protocol.hpp"
#include "tools/hni/fd.hpp"
#include "tools/hni/poller.hpp"
#include "tools/hni/runtime_folder.hpp"
#include "tools/hni/view.hpp"

namespace hni::tools {

class ControlServer {
 public:
  /// Tokens that the server registers with the poller: kFirstToken and up.
  static constexpr std::uint64_t kFirstToken = std::uint64_t{1} << 32;

  /// Listens in `folder`, which must outlive the server.
  static Outcome<std::unique_ptr<ControlServer>> create(Poller& poller, Testbed& testbed,
                                                        const RuntimeFolder& folder);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  static bool owns(std::uint64_t token) { return token >= kFirstToken && token < 2 * kFirstToken; }
  void handle(const Poller::Event& event, Time now);
  /// Sends responses that waited for the firmware, and closes clients that exceed the time limit.
  void step(Time now);
  /// Returns whether a response waits for the firmware.
  [[nodiscard]] bool waiting() const;

 private:
  struct Client {
    Fd fd;
    QuestionReader in;
    std::string out;
    bool asked = false;
    bool close_after = false;
    Json answer;  ///< the response without the sensors; empty unless it waits for them
    Time give_up{};
    Time since{};
  };
  static constexpr std::size_t kMaxClients = 32;
  /// Time from the connection to the last byte of the response.
  static constexpr Duration kPatience = std::chrono::seconds(10);

  ControlServer(Poller& poller, Testbed& testbed, const RuntimeFolder& folder)
      : poller_(poller), testbed_(testbed), folder_(folder) {}
  Outcome<> listen();
  void accept_all(Time now);
  void refuse_one();
  std::size_t free_slot();
  void read(std::size_t slot, Time now);
  void write(std::size_t slot);
  void reply(std::size_t slot, const Json& answer);
  void drop(std::size_t slot);
  Json answer(const Question& question);
  Json inject(unsigned index, const Question& question);
  Json read_registers(unsigned index, const Question& question);
  bool collect_sensors(Json& answer);

  Poller& poller_;
  Testbed& testbed_;
  const RuntimeFolder& folder_;
  std::string name_;
  std::string path_;
  Fd listener_;
  Fd spare_;  ///< a spare descriptor, closed to refuse a client when no others are left
  std::vector<std::unique_ptr<Client>> clients_{kMaxClients};
};

/// A running `hni run`.
struct RunningLab {
  int pid = 0;
  std::string path;
};
/// Returns all runs that listen. Removes sockets without a listener.
std::vector<RunningLab> running_labs();
/// Sends one request and waits for the response for a bounded time. Refuses a socket of another
/// user, unless that is root.
Outcome<Json> ask(const std::string& path, const Question& question);

}  // namespace hni::tools
