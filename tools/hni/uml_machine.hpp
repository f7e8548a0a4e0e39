// SPDX-License-Identifier: Apache-2.0
#pragma once

/// UmlMachine: a User Mode Linux kernel with our cards on its PCI bus, from the first socket to
/// shutdown. One thread, one loop, in real time or in virtual time (VirtualClock).

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tools/hni/device_runner.hpp"
#include "tools/hni/link_rate.hpp"
#include "tools/hni/scripted_card.hpp"
#include "tools/hni/uml_process.hpp"
#include "tools/hni/virtual_clock.hpp"
#include "vhost_user/server.hpp"

namespace hni::tools {

struct LinuxOptions {
  std::string kernel;                ///< output folder of tools/linux/build
  std::string directory;             ///< folder of this run: sockets, the command, its status
  std::vector<std::string> wires;    ///< none: two cards and a cable between them
  std::vector<std::string> scripts;  ///< none, or one per card; "none": without faults
  std::string command;               ///< empty: a shell
  std::string log;                   ///< file for the kernel's log
  std::string append;                ///< additional arguments of the kernel's command line
  unsigned memory_mib = 192;
  unsigned vectors = 8;            ///< MSI-X vectors per card
  std::uint64_t rate_mbit = 1000;  ///< rate of the cable between two cards, in virtual time
  std::uint64_t firmware_delay_us = 0;
  double timeout_s = 0;  ///< 0: none
  /// Fault scripts start when the guest writes this number to /sys/kernel/um-ext-time/bc-message;
  /// 0: immediately.
  std::uint64_t script_at = 0;
  bool virtual_time = false;
  bool interfaces_up = true;
  bool json = false;
  bool quiet = false;
};

/// How a run ended.
struct LinuxResult {
  std::optional<int> status;            ///< exit status of the command; empty: it did not end
  std::string why;                      ///< if it did not
  std::vector<std::string> last_lines;  ///< last lines of the kernel's log in that case
};

class UmlMachine {
 public:
  UmlMachine(LinuxOptions options, ScriptLoader load)
      : options_(std::move(options)), load_(std::move(load)) {}

  Outcome<LinuxResult> run();

 private:
  struct Slot {
    std::unique_ptr<LinkRate> paced;  ///< must outlive the card, as must the wire
    OpenWire open;
    device::Wire* wire = nullptr;
    std::unique_ptr<fuzz::FaultScriptPlayer> script;
    std::unique_ptr<device::vhost_user::Server> server;
  };

  Outcome<> set_up();
  Outcome<> open_card(std::size_t index, std::size_t cards);
  Outcome<> start_kernel();
  Outcome<> loop();
  Outcome<> poll_once(int timeout_ms);
  /// Runs the cards at this moment until no work is left. Returns true if the limit of work was
  /// exceeded.
  bool work();
  void follow_signal();
  bool turn(Slot& slot, std::uint64_t now_ns);
  Outcome<> advance();
  bool wait_readable(int fd);
  std::uint64_t next_deadline() const;
  std::uint64_t now() const;
  void serve_cards();
  void report(const Slot* slot, const std::string& line) const;
  void print_summary() const;
  LinuxResult result();

  LinuxOptions options_;
  ScriptLoader load_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::optional<VirtualClock> clock_;
  std::optional<UmlProcess> kernel_;
  Fd signals_;
  std::string stopped_;  ///< why we killed the kernel
  bool ended_ = false;
  bool script_runs_ = false;
  Time stop_at_ = Time::max();
};

}  // namespace hni::tools
