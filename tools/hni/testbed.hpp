// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Testbed: two emulated cards connected by a cable, with a driver on each; the core of `hni run`.
/// Single-threaded; the caller provides the time and calls turn() until it returns that no work is
/// left.

#include <array>
#include <bitset>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "device/wire/cable.hpp"
#include "device/wire/pcap.hpp"
#include "tools/hni/port_retry.hpp"
#include "tools/hni/problem.hpp"
#include "tools/hni/traffic_endpoint.hpp"

namespace hni::tools {

struct TestbedOptions {
  std::uint32_t queues = 1;
  std::uint32_t ring = 1024;  ///< descriptors of each transmit and completion ring; buffers: 1/4
  std::uint32_t mtu = 1500;
  bool split_headers = false;
  std::string pcap;  ///< records the frames on the cable; empty: none
};

/// Returns the port configuration for these options.
/// @param options options
/// @param mac address of the port
PortConfig port_config(const TestbedOptions& options, const MacAddress& mac);

/// One card and its driver.
class Node {
 public:
  Node(unsigned index, device::Wire& wire);

  static MacAddress mac_of(unsigned index);

  /// Performs the work that is due on this node; true if something moved.
  bool turn(Time now);
  /// From now on starts the port again when it failed, and calls `say` with a line about it.
  void retry(std::function<void(const std::string&)> say) { say_ = std::move(say); }
  [[nodiscard]] bool retries() const { return say_ != nullptr; }
  /// Stops the port. A port that has failed, or fails while it stops, is not started again.
  void stop(Time now) {
    retry_.stop();
    port_.stop(now);
  }
  /// Counts the starts of the failed port.
  [[nodiscard]] std::uint64_t restarts() const { return retry_.starts(); }
  /// Returns when this node is due without an external event.
  [[nodiscard]] Time deadline() const;
  /// Returns whether nothing is in flight in either direction, except in a queue with a moderated
  /// interrupt.
  [[nodiscard]] bool quiet() const;
  /// Polls all queues in the next call, as if each had interrupted.
  void look_everywhere() {
    for (std::uint32_t q = 0; q < port_.queues(); ++q) active_.set(q);
  }

  [[nodiscard]] const std::string& name() const { return name_; }
  CardPort& port() { return port_; }
  [[nodiscard]] const CardPort& port() const { return port_; }
  device::Card& card() { return card_.card; }
  [[nodiscard]] const device::Card& card() const { return card_.card; }
  TrafficEndpoint* end() { return end_.get(); }
  [[nodiscard]] const TrafficEndpoint* end() const { return end_.get(); }
  void set_end(std::unique_ptr<TrafficEndpoint> end) { end_ = std::move(end); }
  [[nodiscard]] std::uint64_t interrupts() const { return interrupts_; }
  /// Injects a fault into the next `count` values of `site`; FaultIo::kUntilRefused: until the
  /// driver refuses one.
  void inject(Site site, std::uint32_t value, std::uint32_t count = FaultIo::kUntilRefused) {
    io_.inject(site, value, count);
    fault_until_refused_ = count == FaultIo::kUntilRefused;
    refused_before_ = port_.refused()[static_cast<std::size_t>(site)];
  }

 private:
  /// All segments of a packet of 64 KiB, so that they can be joined again.
  static constexpr std::uint32_t kBatch = 64;
  static constexpr unsigned kCardBudget = 256;

  bool poll(QueueId queue, Time now);
  void end_fault();

  std::string name_;
  io::InProcessCard card_;
  FaultIo io_;
  CardObserver observer_;
  CardPort port_;
  std::unique_ptr<TrafficEndpoint> end_;
  std::bitset<kMaxQueues> active_;  ///< queues that are polled until they are empty
  std::uint64_t interrupts_ = 0;
  std::function<void(const std::string&)> say_;  ///< null: a failed port stays failed
  PortRetry retry_;
  bool fault_until_refused_ = false;
  std::uint64_t refused_before_ = 0;  ///< at the site of the injected fault
};

class Testbed {
 public:
  static Outcome<std::unique_ptr<Testbed>> create(const TestbedOptions& options);
  ~Testbed();
  Testbed(const Testbed&) = delete;
  Testbed& operator=(const Testbed&) = delete;

  Node& side(unsigned index) { return *sides_[index]; }
  [[nodiscard]] const Node& side(unsigned index) const { return *sides_[index]; }
  device::Cable& cable() { return cable_; }
  [[nodiscard]] const device::Cable& cable() const { return cable_; }
  [[nodiscard]] const TestbedOptions& options() const { return options_; }

  /// Delays the start until `hni port go`.
  void hold() { held_ = true; }
  void go() { held_ = false; }
  [[nodiscard]] bool held() const { return held_; }
  /// Attaches and starts both ports.
  Outcome<> start(Time now);
  /// Performs all work that is due; true if it should be called again immediately.
  bool turn(Time now);
  /// Returns when turn() is due without an external event.
  [[nodiscard]] Time deadline() const;
  /// Returns whether both ports carry packets.
  [[nodiscard]] bool up() const;
  /// Returns whether nothing is in flight.
  [[nodiscard]] bool quiet() const;
  /// Returns a port that was removed, or that failed and is not started again, as one line.
  [[nodiscard]] std::optional<std::string> broken() const;
  /// Writes the recorded frames; fails if the disk is full or not writable.
  Outcome<> flush_capture();
  /// The same without waiting for the reader of a pipe. Frames lost that way are reported at the
  /// end, by flush_capture().
  Outcome<> write_capture();

 private:
  explicit Testbed(const TestbedOptions& options) : options_(options) {}

  TestbedOptions options_;
  bool held_ = false;
  device::Cable cable_{512};
  std::optional<device::PcapWriter> capture_;
  std::optional<device::RecordingWire> recorder_;
  std::array<std::unique_ptr<Node>, 2> sides_;
};

}  // namespace hni::tools
