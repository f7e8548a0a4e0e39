// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Register interface of a queue block [device 11]: 128 blocks of 0x1000 bytes from 0x100000.
/// Plain values (control, base, size) live in the register file; this class implements write side
/// effects and computes volatile reads (pointers, counters, timers, status).

#include <cstdint>
#include <optional>

#include "device/card_context.hpp"
#include "device/rx_engine.hpp"
#include "device/tx_engine.hpp"

namespace hni::device {

/// Register interface of all queue blocks.
class QueueBlock {
 public:
  static constexpr std::uint32_t kFirstByte = 0x100000;  ///< offset of block 0 in BAR0
  static constexpr std::uint32_t kBlockBytes = 0x1000;   ///< size of a block

  /// Creates the interface; all arguments must outlive it.
  /// @param context state of the card
  /// @param tx transmit engine
  /// @param rx receive engine
  QueueBlock(CardContext& context, TxEngine& tx, RxEngine& rx)
      : card_(context), tx_(tx), rx_(rx) {}

  /// Tests whether a register belongs to a queue block.
  /// @param byte_offset offset in BAR0
  /// @return true if so
  static constexpr bool owns(std::uint32_t byte_offset) { return byte_offset >= kFirstByte; }

  /// Reads a register that the register file knows.
  /// @param byte_offset offset in BAR0
  /// @return the value
  std::uint32_t read(std::uint32_t byte_offset);
  /// Writes a register that the register file knows.
  /// @param byte_offset offset in BAR0
  /// @param value the value
  void write(std::uint32_t byte_offset, std::uint32_t value);

  /// @return true if a control register enables any ring
  bool any_enabled() const;

 private:
  bool write_tx(unsigned q, std::uint32_t in_block, std::uint32_t value);
  bool write_rx(unsigned q, std::uint32_t in_block, std::uint32_t value);
  bool write_moderation(unsigned q, std::uint32_t in_block, std::uint32_t value);
  std::optional<std::uint32_t> read_tx(unsigned q, std::uint32_t in_block) const;
  std::optional<std::uint32_t> read_rx(unsigned q, std::uint32_t in_block) const;

  CardContext& card_;
  TxEngine& tx_;
  RxEngine& rx_;
};

}  // namespace hni::device
