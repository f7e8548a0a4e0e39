// SPDX-License-Identifier: Apache-2.0
#pragma once

/// DeviceRunner: `hni device` from the first socket to the summary. One thread, one event loop for
/// all cards: it sleeps in epoll when no client asks, no frame comes and no timer is due.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "device/wire.hpp"
#include "tools/hni/cleanup_process.hpp"
#include "tools/hni/poller.hpp"
#include "tools/hni/problem.hpp"
#include "tools/hni/register_recorder.hpp"
#include "tools/hni/scripted_card.hpp"
#include "vfio_user/card_server.hpp"
#include "vfio_user/external_firmware.hpp"

namespace hni::tools {

struct DeviceOptions {
  std::vector<std::string> sockets;
  /// From this one on they speak vhost-user, for User Mode Linux; those before speak vfio-user.
  std::size_t first_vhost = ~std::size_t{0};
  std::vector<std::string> wires;      ///< one for each socket
  std::vector<std::string> macs;       ///< none, or one for each socket
  std::vector<std::string> scripts;    ///< none, or one for each socket; "none": an honest card
  std::vector<std::string> records;    ///< none, or one for each socket; "none": no file
  std::vector<std::string> firmwares;  ///< none, or one for each: "unix:PATH", or "own"
  unsigned vectors = 130;
  std::uint64_t firmware_delay_us = 0;
  double duration_s = 0;  ///< 0: until a signal
  bool json = false;
  bool quiet = false;
};

/// Where a wire's frames come from, to wait for them; -1: nowhere.
struct OpenWire {
  std::unique_ptr<device::Wire> wire;
  int fd = -1;
  /// Frames come as fast as the card takes them: only while its receiver is on.
  bool eager = false;
};

/// "tap:NAME", "cable:PATH", "pcap:IN,OUT" or "loop".
Outcome<OpenWire> open_wire(const std::string& text);

class DeviceRunner {
 public:
  DeviceRunner(const DeviceOptions& options, ScriptLoader load)
      : options_(options), load_(std::move(load)) {}

  /// The exit status of the whole run.
  Outcome<int> run();

 private:
  struct Slot {
    OpenWire wire;
    std::unique_ptr<fuzz::FaultScriptPlayer> player;                ///< outlives the card
    std::unique_ptr<RegisterRecorder> recorder;                     ///< outlives the card, too
    std::unique_ptr<device::vfio_user::ExternalFirmware> firmware;  ///< outlives the card, too
    std::unique_ptr<device::vfio_user::CardServer> server;
    bool firmware_speaks = false;
    int polled = -1;  ///< the client's socket that the poller knows
    bool ready = false;
    bool wants_write = false;
  };

  Outcome<> set_up();
  Outcome<> watch_signals();
  Outcome<> open_card(std::size_t index);
  Outcome<> open_server(Slot& slot, std::size_t index, const device::CardConfig& config);
  Outcome<> give_firmware(Slot& slot, const std::string& where, std::uint64_t token);
  Outcome<> give_script(Slot& slot, const std::string& file);
  static Outcome<> give_record(Slot& slot, const std::string& file);
  Outcome<> loop();
  bool turn(Slot& slot, Time now);
  Outcome<> follow_client(std::size_t index);
  void wait(Time now, bool busy);
  void read_signals();
  Time deadline(Time now) const;
  void say(const Slot* slot, const std::string& line) const;
  void print_summary() const;

  DeviceOptions options_;
  ScriptLoader load_;
  std::optional<CleanupProcess> cleanup_process_;
  std::optional<Poller> poller_;
  Fd signals_;
  std::vector<std::unique_ptr<Slot>> slots_;
  bool stop_ = false;
  Time stop_at_ = Time::max();
};

}  // namespace hni::tools
