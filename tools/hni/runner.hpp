// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Runner: `hni run` from the first namespace to the summary. One thread, one event loop: it does
/// not sleep while packets move, and sleeps in epoll when idle.

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/hni/cleanup_process.hpp"
#include "tools/hni/command_process.hpp"
#include "tools/hni/control.hpp"
#include "tools/hni/generator_endpoint.hpp"
#include "tools/hni/live_screen.hpp"
#include "tools/hni/log_queue.hpp"
#include "tools/hni/tap_endpoint.hpp"
#include "tools/hni/testbed.hpp"

namespace hni::tools {

struct RunOptions {
  TestbedOptions testbed;
  std::string name;               ///< prefix of the namespaces: NAME-a and NAME-b
  std::vector<std::string> taps;  ///< two names: interfaces in this namespace instead
  bool offload = true;
  bool generator = false;
  std::string replay;  ///< capture file to send
  /// packets per second of the generator, per direction; 0: no limit
  std::uint64_t rate = 0;
  std::uint64_t packets = 0;    ///< packets of the generator, per direction; 0: no limit
  std::uint32_t shortest = 60;  ///< frames of the generator, bytes without FCS
  std::uint32_t longest = 0;    ///< 0: what the MTU allows
  std::uint32_t burst = GeneratorEndpoint::kMostAtOnce;
  bool hold = false;      ///< do not access the cards before `hni port go`
  double duration_s = 0;  ///< 0: until a signal
  std::string exec;       ///< command to run while the ports are up; the run ends with it
  bool json = false;
  bool quiet = false;  ///< no live figures

  /// Returns whether an option requires network interfaces, so that a generator cannot replace
  /// them.
  [[nodiscard]] bool needs_interfaces() const {
    return !exec.empty() || !taps.empty() || !name.empty();
  }
};

// Tokens of its event loop.
inline constexpr std::uint64_t kQueueToken = 0x10000;
inline constexpr std::uint64_t kNoticeToken = 0x20000;  ///< + side

class Runner {
 public:
  explicit Runner(const RunOptions& options) : options_(options) {}
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  /// Returns the exit status of the whole run.
  Outcome<int> run();

 private:
  enum class Mode : std::uint8_t { kInterfaces, kGenerator, kReplay };

  // Setup
  Outcome<> watch_signals();
  Outcome<> set_up();
  Outcome<> prepare_cleanup();
  Outcome<> listen_for_questions();
  void about_to_make(const std::string& line);
  Outcome<> make_interfaces();
  Outcome<> attach_ends();
  void wait_held();
  Outcome<> bring_up();
  Outcome<> start_command();
  void announce(Duration took);

  // The loop
  Outcome<> loop();
  void wait(Time now, bool busy);
  void handle(const Poller::Event& event, Time now);
  void read_signals();
  void reap_command();
  void tick(Time now);
  void tell(const std::string& line);
  void report(Time now);
  bool keep_going(Time now);

  // Shutdown
  Outcome<> drain();
  void note_broken_file();
  Outcome<int> conclude();
  Outcome<> finish_output();
  void print_summary(const std::vector<Balance>& balances, bool accounted);
  Outcome<> step_until(Duration limit, const std::function<bool()>& done, const char* what);

  RunOptions options_;
  Mode mode_ = Mode::kInterfaces;
  std::string why_generator_;
  LogQueue out_{STDOUT_FILENO};
  std::optional<RuntimeFolder> folder_;
  std::string why_no_folder_;
  std::optional<CleanupProcess> cleanup_process_;
  std::optional<RunRecord> record_;
  std::optional<Poller> poller_;
  Fd signals_;
  std::vector<NetNamespace> namespaces_;
  std::vector<std::unique_ptr<Tap>> taps_;
  std::unique_ptr<Testbed> testbed_;
  std::unique_ptr<ControlServer> control_;
  CommandProcess command_;
  int command_status_ = 0;

  bool stop_ = false;
  int signal_ = 0;
  std::optional<std::string> failure_;  ///< why the run ended early
  Time started_{};
  Time stop_at_ = Time::max();
  Time next_report_{};
  Time last_report_{};
  std::array<Totals, 2> last_{};
  LiveScreen screen_ = LiveScreen::of(1);
};

}  // namespace hni::tools
