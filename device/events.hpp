// SPDX-License-Identifier: Apache-2.0
#pragma once
/// What the card detected about its user. The counts do not change what the card does; they let a
/// test or a person state "the driver never accessed an unknown register" with a number.

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "openhni/spec/device_table.hpp"
#include "openhni/spec/word.hpp"

namespace hni::device {

/// The newest access of one kind, to explain a count.
struct RegisterAccess {
  spec::Bar bar = spec::Bar::kBar0;  ///< BAR
  std::uint32_t byte_offset = 0;     ///< offset in the BAR
  std::uint32_t value = 0;           ///< value written
  bool write = false;                ///< a write
};

/// Counts of what the card detected.
struct CardEvents {
  /// Accesses to offsets that the spec does not name.
  std::uint64_t unknown_register = 0;
  /// Reads among unknown_register.
  std::uint64_t unknown_register_reads = 0;
  /// Writes to registers without a writable bit.
  std::uint64_t read_only_write = 0;
  /// Uses of a register or mode that is not modelled beyond its name.
  std::uint64_t partly_modelled = 0;
  /// Reads among partly_modelled.
  std::uint64_t partly_modelled_reads = 0;
  /// Writes that the spec forbids, by rule: same index as spec::action_rules().
  std::vector<std::uint64_t> illegal_action;

  /// Violated rules about order and content, by spec::ProtocolAction; count() reads one.
  std::array<std::uint64_t, spec::kProtocolActionCount> protocol{};

  /// Malformed work descriptors: the queue stopped.
  std::uint64_t malformed_twd = 0;
  /// Refused accesses of a transmit queue: the queue stopped.
  std::uint64_t tx_dma_fault = 0;
  /// Refused accesses of a receive queue: the queue stopped.
  std::uint64_t rx_dma_fault = 0;
  /// Calls of run() with work while DMA was disabled (PUL_OB_TLP_HDR_AW_CFG/AR_CFG.BME clear).
  std::uint64_t dma_gate_closed = 0;

  /// Frames for a queue that is not enabled.
  std::uint64_t rx_no_queue = 0;
  /// Frames while link, RX_ENA or the MAC clocks were off.
  std::uint64_t rx_mac_disabled = 0;
  /// Frames while RPC_RMI_CONFIG.ENABLE was 0.
  std::uint64_t rx_classifier_disabled = 0;
  /// Frames dropped by an action, or not for the host.
  std::uint64_t rx_not_for_host = 0;

  /// The newest unknown_register.
  RegisterAccess last_unknown{};
  /// The latest access that counted as read_only_write.
  RegisterAccess last_read_only{};
  /// The latest access that counted as partly_modelled.
  RegisterAccess last_partly{};

  /// Counts a violated rule.
  /// @param action the rule
  void note(spec::ProtocolAction action) { ++protocol[static_cast<std::size_t>(action)]; }
  /// Returns a count.
  /// @param action the rule
  /// @return number of violations
  std::uint64_t count(spec::ProtocolAction action) const {
    return protocol[static_cast<std::size_t>(action)];
  }

  /// @return sum over all rules of both kinds
  std::uint64_t illegal_actions() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t times : illegal_action) sum += times;
    for (const std::uint64_t times : protocol) sum += times;
    return sum;
  }
};

}  // namespace hni::device
