// SPDX-License-Identifier: Apache-2.0
#pragma once
// The card as a PCI function behind messages: executes one virtio-pcidev command (Linux,
// include/uapi/linux/virtio_pcidev.h) on the configuration space, the MSI-X table or the card's
// registers. An invalid command has no effect; an invalid read returns all ones, as Unsupported
// Request does on a bus.

#include <cstdint>
#include <span>

#include "device/card.hpp"
#include "vfio_user/config_space.hpp"
#include "vfio_user/guest_memory.hpp"
#include "vhost_user/msix_table.hpp"
#include "vhost_user/protocol.hpp"

namespace hni::device::vhost_user {

struct PciCounters {
  std::uint64_t reads = 0;   ///< commands
  std::uint64_t writes = 0;  ///< commands
  std::uint64_t refused = 0;
  std::uint64_t resets = 0;
  /// Register accesses other than whole, aligned 32-bit words. Reads return the requested bytes,
  /// writes are ignored: [device 2] defines 32-bit accesses only.
  std::uint64_t odd_accesses = 0;
};

class PciFunction {
 public:
  /// All arguments must outlive this object. `msix` is the card's interrupt sink, `memory` feeds
  /// its DmaMemory.
  PciFunction(Card& card, vfio_user::ConfigSpace& config, vfio_user::GuestMemory& memory,
              MsixTable& msix)
      : card_(card),
        config_(config),
        memory_(memory),
        msix_(msix),
        refused_reads_(memory.refused_reads()) {}

  /// Executes `command`: 16 bytes and its data. Fills `answer` if the command is a read.
  void execute(std::span<const std::byte> command, std::span<std::byte> answer);

  /// Performs a function-level reset: on request of the driver, or because the front-end
  /// disconnected.
  void reset();

  const PciCounters& counters() const { return counters_; }

 private:
  bool config_read(const PciCommand& command, std::span<std::byte> to);
  bool config_write(const PciCommand& command, std::span<const std::byte> from);
  bool read_bar(const PciCommand& command, std::span<std::byte> to);
  bool write_bar(const PciCommand& command, std::span<const std::byte> from);
  void note_master_abort();

  Card& card_;
  vfio_user::ConfigSpace& config_;
  vfio_user::GuestMemory& memory_;
  MsixTable& msix_;
  /// refused reads of the card that the configuration space already reports
  std::uint64_t refused_reads_;
  std::vector<std::byte> fill_;  ///< the data byte of a memset
  PciCounters counters_;
};

}  // namespace hni::device::vhost_user
