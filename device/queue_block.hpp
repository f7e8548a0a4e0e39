// SPDX-License-Identifier: Apache-2.0
#pragma once
// The register face of a queue block [device 11]: 128 blocks of 0x1000 bytes from
// 0x100000. Plain values (control, base, size) live in the register file; this class gives writes
// their effect and computes what reads show of the engines (pointers, counters, timers, status).

#include <cstdint>
#include <optional>

#include "device/card_context.hpp"
#include "device/rx_engine.hpp"
#include "device/tx_engine.hpp"

namespace hni::device {

class QueueBlock {
 public:
  static constexpr std::uint32_t kFirstByte = 0x100000;
  static constexpr std::uint32_t kBlockBytes = 0x1000;

  QueueBlock(CardContext& context, TxEngine& tx, RxEngine& rx)
      : card_(context), tx_(tx), rx_(rx) {}

  static constexpr bool owns(std::uint32_t byte_offset) { return byte_offset >= kFirstByte; }

  /// `byte_offset` in BAR0, known to the register file.
  std::uint32_t read(std::uint32_t byte_offset);
  void write(std::uint32_t byte_offset, std::uint32_t value);

  /// A ring of any queue is enabled, as the control registers say.
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
