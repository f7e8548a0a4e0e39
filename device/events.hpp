// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the card noticed about its user. None of these change what the card does afterwards; they
// exist so that a test or a person can say "the driver never touched an unknown register" with a
// number.

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "openhni/spec/device_table.hpp"
#include "openhni/spec/word.hpp"

namespace hni::device {

/// The newest access of one kind, so that a count can be explained.
struct RegisterAccess {
  spec::Bar bar = spec::Bar::kBar0;
  std::uint32_t byte_offset = 0;
  std::uint32_t value = 0;
  bool write = false;
};

struct CardEvents {
  /// Access to an offset that the spec does not name; `_reads` is the part that only read.
  std::uint64_t unknown_register = 0;
  std::uint64_t unknown_register_reads = 0;
  /// Write to a register without a writable bit.
  std::uint64_t read_only_write = 0;
  /// Use of a register or mode that the model knows by name only; `_reads` as above.
  std::uint64_t partly_modelled = 0;
  std::uint64_t partly_modelled_reads = 0;
  /// Writes that the spec forbids, by rule: same index as spec::action_rules().
  std::vector<std::uint64_t> illegal_action;

  /// Broken rules about order and content, by spec::ProtocolAction; count() reads one.
  std::array<std::uint64_t, spec::kProtocolActionCount> protocol{};

  /// Work descriptors that are no packet: the queue stopped.
  std::uint64_t malformed_twd = 0;
  /// Refused access of a transmit or receive queue: the queue stopped.
  std::uint64_t tx_dma_fault = 0;
  std::uint64_t rx_dma_fault = 0;
  /// run() held work because PUL_OB_TLP_HDR_AW_CFG/AR_CFG.BME was clear.
  std::uint64_t dma_gate_closed = 0;

  // Frames that ended in the card without one of the counters that the driver can read.
  std::uint64_t rx_no_queue = 0;             ///< for a queue that is not enabled
  std::uint64_t rx_mac_disabled = 0;         ///< while link, RX_ENA or the MAC clocks were off
  std::uint64_t rx_classifier_disabled = 0;  ///< while RPC_RMI_CONFIG.ENABLE was 0
  std::uint64_t rx_not_for_host = 0;         ///< dropped by an action, or not for the host

  RegisterAccess last_unknown{};
  RegisterAccess last_read_only{};
  RegisterAccess last_partly{};

  void note(spec::ProtocolAction action) { ++protocol[static_cast<std::size_t>(action)]; }
  std::uint64_t count(spec::ProtocolAction action) const {
    return protocol[static_cast<std::size_t>(action)];
  }

  /// Sum over all rules of both kinds.
  std::uint64_t illegal_actions() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t times : illegal_action) sum += times;
    for (const std::uint64_t times : protocol) sum += times;
    return sum;
  }
};

}  // namespace hni::device
