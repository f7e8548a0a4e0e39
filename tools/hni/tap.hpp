// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Tap: one TAP interface with several queues; removed with this object. Each read() and write()
/// of a queue carries one frame, after a virtio_net_hdr unless configured otherwise.

#include <cstdint>
#include <string>
#include <vector>

#include "driver/port_config.hpp"
#include "tools/hni/fd.hpp"
#include "tools/hni/net_namespace.hpp"
#include "tools/hni/problem.hpp"

namespace hni::tools {

struct TapOptions {
  std::string name;
  unsigned queues = 1;
  std::uint32_t mtu = 1500;
  MacAddress mac{};
  bool header = true;  ///< a virtio_net_hdr before each frame
  /// the kernel leaves checksums and segmentation to the card; needs `header`
  bool offload = true;
  std::string ipv4;  ///< with prefix length, "10.77.0.1/24"; empty: none
  std::string ipv6;
};

/// The receive settings of a network interface.
struct TapMode {
  bool up = false;
  bool promiscuous = false;
  bool all_multicast = false;
  MacAddress mac{};
  friend bool operator==(const TapMode&, const TapMode&) = default;
};

class Tap {
 public:
  /// Bytes of the header before each frame.
  static constexpr std::size_t kHeaderBytes = 10;

  /// Creates the interface in `where`, configures it and sets it up. Fails if the name is in use.
  static Outcome<Tap> create(const NetNamespace& where, const TapOptions& options);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] unsigned queues() const { return static_cast<unsigned>(queues_.size()); }
  [[nodiscard]] int queue(unsigned index) const { return queues_[index].get(); }
  /// Returns a file descriptor that is readable when the interface's flags or address may have
  /// changed; see take_changes().
  [[nodiscard]] int events() const { return events_.get(); }
  /// Discards the notifications of events().
  void take_changes() const;
  [[nodiscard]] TapMode mode() const;

 private:
  Tap() = default;
  Outcome<> open_queues(const TapOptions& options);
  Outcome<> configure(const TapOptions& options);
  Outcome<> set_address(const std::string& text, int family);

  std::string name_;
  std::vector<Fd> queues_;
  Fd control_;  ///< a socket in the interface's namespace
  Fd events_;
};

}  // namespace hni::tools
