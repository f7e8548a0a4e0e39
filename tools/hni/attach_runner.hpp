// SPDX-License-Identifier: Apache-2.0
#pragma once

/// AttachRunner: `hni attach`, our driver on a card in another process (io::VfioUser) or on this
/// machine's PCI bus (io::Vfio), with a TAP interface or a packet source as its host side. One
/// thread; it sleeps until the card, the interface or a timer wakes it.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "device/wire/tap.hpp"
#include "driver/io/vfio.hpp"
#include "driver/io/vfio_user.hpp"
#include "driver/port.hpp"
#include "tools/hni/attach_balance.hpp"
#include "tools/hni/log_queue.hpp"
#include "tools/hni/poller.hpp"
#include "tools/hni/port_retry.hpp"
#include "tools/hni/problem.hpp"

namespace hni::tools {

struct AttachOptions {
  std::string socket;  ///< path of a vfio-user server; or
  std::string vfio;    ///< PCI address of a card of this machine
  std::string tap;     ///< name of the interface; empty: no interface
  /// number of frames to send one after the other; with a looped wire they return
  std::uint64_t frames = 0;
  std::uint32_t bytes = 64;
  std::uint32_t mtu = 1500;
  double duration_s = 0;
  bool standby = false;  ///< SIGUSR1 starts and stops the port
  bool json = false;
};

/// Io is io::VfioUser or io::Vfio.
template <class Io>
class AttachRunner {
 public:
  explicit AttachRunner(const AttachOptions& options) : options_(options) {}

  /// Returns the exit status of the whole run.
  Outcome<int> run();

 private:
  using CardPort = Port<Io>;

  static constexpr std::uint32_t kBatch = 32;

  Outcome<> set_up();
  Outcome<> loop();
  bool turn(Time now);
  bool poll_card(Time now);
  bool read_tap(Time now);
  bool send_frames(Time now);
  void take(Packet& packet);
  bool fill(Packet& packet, std::uint64_t number);
  bool finished(Time now) const;
  Outcome<> announce(Time now);
  void tell(const std::string& line);
  void wait(Time now, bool busy);
  void read_signals();
  void drain();
  template <class Done>
  void step_until(Done done);
  void stop();
  void detach();
  int conclude();

  AttachOptions options_;
  std::optional<Poller> poller_;
  Fd signals_;
  std::optional<device::TapDevice> tap_;
  std::unique_ptr<Io> io_;
  std::unique_ptr<CardPort> port_;
  LogQueue log_{STDOUT_FILENO};
  AttachCounters counters_;
  bool wanted_ = true;      ///< the port is to run
  PortRetry retry_;         ///< used once the port has been up or ready
  bool announced_ = false;  ///< that it does
  bool reported_ready_ = false;
  bool was_up_ = false;  ///< a failure before that ends the run, later ones do not
  bool stop_ = false;
  bool active_ = false;  ///< the queue is polled until it is empty
  bool readable_ = true;
  AttachBalance balance_;
  std::optional<Packet> held_;  ///< read from the interface, not yet accepted by the ring
  Time started_{};
  Time stop_at_ = Time::max();
};

extern template class AttachRunner<io::VfioUser>;
extern template class AttachRunner<io::Vfio>;

}  // namespace hni::tools
