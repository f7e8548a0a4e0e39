// SPDX-License-Identifier: Apache-2.0
#pragma once

/// DeviceRunner: `hni device` in one process, from the first socket to the summary. One thread,
/// one event loop for its cards, which sleeps in epoll while no client sends, no frame arrives and
/// no timer is due. The loop never blocks on a client: a time slice of one card ends after kTurn,
/// output goes through a LogQueue, and signals are read once per iteration and during every wait
/// for a client.

#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "device/wire/pcap.hpp"
#include "tools/hni/cleanup_process.hpp"
#include "tools/hni/device_report.hpp"
#include "tools/hni/log_queue.hpp"
#include "tools/hni/poller.hpp"
#include "tools/hni/problem.hpp"
#include "tools/hni/register_recorder.hpp"
#include "tools/hni/scripted_card.hpp"
#include "vfio_user/card_server.hpp"
#include "vfio_user/external_firmware.hpp"

namespace hni::tools {

struct DeviceOptions {
  std::vector<std::string> sockets;
  /// Cards from this index on use vhost-user, for User Mode Linux; those before it use vfio-user.
  std::size_t first_vhost = ~std::size_t{0};
  std::vector<std::string> wires;      ///< one for each socket
  std::vector<std::string> macs;       ///< none, or one per socket
  std::vector<std::string> scripts;    ///< none, or one per socket; "none": a well-behaved card
  std::vector<std::string> records;    ///< none, or one per socket; "none": no file
  std::vector<std::string> firmwares;  ///< none, or one per socket: "unix:PATH", or "own"
  unsigned vectors = 130;
  std::uint64_t firmware_delay_us = 0;
  double duration_s = 0;  ///< 0: until a signal
  /// Seconds from the time at which the driver enables its receiver to the first frame of a
  /// capture; negative: the first frame follows when the driver enables its filter.
  double replay_after_s = -1;
  bool json = false;
  bool quiet = false;
  bool shared = false;  ///< all cards in one process
  bool sandbox = true;
  /// user to switch to once all is open; empty: keep the current one
  std::string user;
  /// index of the first card in this process, for its serial number
  std::size_t first_card = 0;
  bool ends_with_parent = false;  ///< this is one of several card processes
};

/// Returns the options of a process that has only card `index` of `all`.
DeviceOptions one_card(const DeviceOptions& all, std::size_t index);

/// Returns the descriptor that signals arriving frames of a wire; -1 without one.
struct OpenWire {
  std::unique_ptr<device::Wire> wire;
  int fd = -1;
  device::PcapWire* capture = nullptr;  ///< `wire`, if it consists of capture files
};

/// Opens "tap:NAME", "cable:PATH", "pcap:IN,OUT" or "loop".
Outcome<OpenWire> open_wire(const std::string& text);

class DeviceRunner final : private device::vfio_user::LoopHooks {
 public:
  DeviceRunner(const DeviceOptions& options, ScriptLoader load)
      : options_(options),
        load_(std::move(load)),
        log_(STDOUT_FILENO, LogQueue::kMaxBytes, drop_notice(options.json)),
        errors_(STDERR_FILENO) {}
  ~DeviceRunner() override;
  DeviceRunner(const DeviceRunner&) = delete;
  DeviceRunner& operator=(const DeviceRunner&) = delete;

  /// Called once all sockets exist and the sandbox is active.
  void when_ready(std::function<void()> ready) { ready_ = std::move(ready); }

  /// Returns the exit status of the whole run.
  Outcome<int> run();

 private:
  struct Slot {
    OpenWire wire;
    std::unique_ptr<fuzz::FaultScriptPlayer> player;                ///< outlives the card
    std::unique_ptr<RegisterRecorder> recorder;                     ///< must outlive the card
    std::unique_ptr<device::vfio_user::ExternalFirmware> firmware;  ///< must outlive the card
    std::unique_ptr<device::vfio_user::CardServer> server;
    bool firmware_speaks = false;
    int polled = -1;  ///< the client's socket that is registered with the poller
    bool ready = false;
    bool wants_write = false;
    bool muted = false;  ///< the poller ignores the listener
    LineRate lines;      ///< that clients cause
    std::optional<Time> receiving_since;
  };
  /// Time for which one card may delay signals and the other cards of the process.
  static constexpr Duration kTurn = std::chrono::milliseconds(2);
  /// Limit of the waits for replies to DMA messages while several cards share the loop. The
  /// allowance grows again at a twentieth of the elapsed time.
  static constexpr Duration kMaxWaited = std::chrono::milliseconds(200);

  // LoopHooks.
  bool turn_spent() override { return monotonic_now() >= turn_end_; }
  std::optional<device::vfio_user::WaitEnd> wait(int fd, short events,
                                                 std::chrono::milliseconds patience) override;

  Outcome<> set_up();
  Outcome<> watch_signals();
  Outcome<> close_sandbox();
  Outcome<> open_card(std::size_t index);
  Outcome<> open_server(Slot& slot, std::size_t index, const device::CardConfig& config);
  Outcome<> give_firmware(Slot& slot, const std::string& where, std::uint64_t token);
  Outcome<> give_script(Slot& slot, const std::string& file);
  static Outcome<> give_record(Slot& slot, const std::string& file);
  Outcome<> loop();
  bool turn(Slot& slot);
  bool hold_capture(Slot& slot, Time now) const;
  void keep_watch(Time now);
  Outcome<> follow_client(std::size_t index);
  void sleep(Time now, bool busy);
  void read_signals();
  Time deadline(Time now) const;
  void say(const Slot* slot, const std::string& line);
  /// The same for a line that a client can cause at will; rate-limited.
  void say_rarely(Slot* slot, const std::string& line);
  void print_summary();
  int conclude();

  DeviceOptions options_;
  ScriptLoader load_;
  std::optional<CleanupProcess> cleanup_process_;
  std::optional<Poller> poller_;
  Fd signals_;
  LogQueue log_;
  LogQueue errors_;
  std::function<void()> ready_;
  Time turn_end_ = Time::max();
  Duration waited_{};  ///< time spent waiting for clients, minus the allowance earned since
  Time forgiven_{};
  std::optional<timer_t> watch_;
  Time watch_armed_{};
  std::vector<std::unique_ptr<Slot>> slots_;
  bool stop_ = false;
  Time stop_at_ = Time::max();
};

}  // namespace hni::tools
