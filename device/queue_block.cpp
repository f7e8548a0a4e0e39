// SPDX-License-Identifier: Apache-2.0
#include "device/queue_block.hpp"

namespace hni::device {
namespace {

/// Byte offset of a register inside its block.
template <class REG>
constexpr std::uint32_t in_block() {
  return REG::kByteOffset - QueueBlock::kFirstByte;
}

// Registers that only the dump decoder names (rows [E]) [device 11.1, 11.2].
constexpr std::uint32_t kTwq0Status = 0x018;
constexpr std::uint32_t kTwq1Status = 0x020;
constexpr std::uint32_t kTwq0BytesLow = 0x190;
constexpr std::uint32_t kTwq1BytesLow = 0x1d0;
constexpr std::uint32_t kTcqStatus = 0x20c;
constexpr std::uint32_t kRcqStatus = 0x80c;
constexpr std::uint32_t kHpqStatus = 0x914;
constexpr std::uint32_t kPpqStatus = 0x918;
constexpr std::uint32_t kRdeBytesLow = 0xa98;

constexpr std::uint32_t disabled_on_error(bool failed) {
  return failed ? 2 : 0;
}

constexpr std::uint32_t low(std::uint64_t value) {
  return static_cast<std::uint32_t>(value);
}
constexpr std::uint32_t high(std::uint64_t value) {
  return static_cast<std::uint32_t>(value >> 32);
}

}  // namespace

bool QueueBlock::any_enabled() const {
  for (unsigned q = 0; q < kQueueBlocks; ++q) {
    if (card_.regs.peek<spec::QUEUE_TWQ0_CTL>(q).ENABLE() != 0 ||
        card_.regs.peek<spec::QUEUE_TWQ1_CTL>(q).ENABLE() != 0 ||
        card_.regs.peek<spec::QUEUE_TCQ_CTL>(q).ENABLE() != 0 ||
        card_.regs.peek<spec::QUEUE_BDQ_CTL>(q).ENABLE() != 0 ||
        card_.regs.peek<spec::QUEUE_RCQ_CTL>(q).ENABLE() != 0) {
      return true;
    }
  }
  return false;
}

void QueueBlock::write(std::uint32_t byte_offset, std::uint32_t value) {
  const unsigned q = (byte_offset - kFirstByte) / kBlockBytes;
  const std::uint32_t offset = (byte_offset - kFirstByte) % kBlockBytes;
  // Doorbells first: they are the only writes per packet.
  switch (offset) {
    case in_block<spec::QUEUE_TWQ0_TAIL>():
      return tx_.write_tail(q, value);
    case in_block<spec::QUEUE_TWQ1_TAIL>():
      return tx_.write_tail(q + kQueueBlocks, value);
    case in_block<spec::QUEUE_TCQ_HEAD>():
      return tx_.write_tcq_head(q, value);
    case in_block<spec::QUEUE_RCQ_HEAD>():
      return rx_.write_rcq_head(q, value);
    case in_block<spec::QUEUE_BDQ_HPQ_TAIL>():
      return rx_.write_hpq_tail(q, value);
    case in_block<spec::QUEUE_BDQ_PPQ_TAIL>():
      return rx_.write_ppq_tail(q, value);
    default:
      break;
  }
  const std::uint32_t stored = card_.regs.write({spec::Bar::kBar0, byte_offset}, value);
  if (write_tx(q, offset, stored) || write_rx(q, offset, stored)) return;
  // Set and clear bits are pulses that are not stored.
  write_moderation(q, offset, value);
}

// Transmit registers of a block [device 11.1].
bool QueueBlock::write_tx(unsigned q, std::uint32_t offset, std::uint32_t value) {
  switch (offset) {
    case in_block<spec::QUEUE_TWQ0_CTL>():
      tx_.write_twq_ctl(q, value);
      return true;
    case in_block<spec::QUEUE_TWQ1_CTL>():
      tx_.write_twq_ctl(q + kQueueBlocks, value);
      return true;
    case in_block<spec::QUEUE_TCQ_CTL>():
      tx_.write_tcq_ctl(q, value);
      return true;
    default:
      return false;
  }
}

// Receive registers of a block [device 11.2].
bool QueueBlock::write_rx(unsigned q, std::uint32_t offset, std::uint32_t value) {
  switch (offset) {
    case in_block<spec::QUEUE_BDQ_CTL>():
      rx_.write_bdq_ctl(q, value);
      return true;
    case in_block<spec::QUEUE_RCQ_CTL>():
      rx_.write_rcq_ctl(q, value);
      return true;
    case in_block<spec::QUEUE_RDE_CTL0>():
      rx_.write_rde_ctl0(q, value);
      return true;
    case in_block<spec::QUEUE_RDE_CTL1>():
      rx_.write_rde_ctl1(q, value);
      return true;
    default:
      return false;
  }
}

// Interrupt managers of a block [device 3.3, 11.1, 11.2].
bool QueueBlock::write_moderation(unsigned q, std::uint32_t offset, std::uint32_t value) {
  const std::uint64_t now = card_.now_ns;
  InterruptModerator& moderation = card_.moderation;
  const unsigned rx = InterruptModerator::kFirstRx + q;
  switch (offset) {
    case in_block<spec::QUEUE_TIM_CTL>():
      moderation.set_vector(q, value, now);
      return true;
    case in_block<spec::QUEUE_TIM_THRESHOLD>():
      moderation.set_threshold(q, value, now);
      return true;
    case in_block<spec::QUEUE_TIM_CLEAR>():
      if ((value & 1) != 0) moderation.set_forced(q, false, now);
      return true;
    case in_block<spec::QUEUE_TIM_SET>():
      if ((value & 1) != 0) moderation.set_forced(q, true, now);
      return true;
    case in_block<spec::QUEUE_TIM_MASK>():
      moderation.set_masked(q, (value & 1) != 0, now);
      return true;
    case in_block<spec::QUEUE_RIM_CTL>():
      moderation.set_vector(rx, value, now);
      return true;
    case in_block<spec::QUEUE_RIM_THRESHOLD>():
      moderation.set_threshold(rx, value, now);
      return true;
    case in_block<spec::QUEUE_RIM_CLEAR>():
      if ((value & 1) != 0) moderation.set_forced(rx, false, now);
      return true;
    case in_block<spec::QUEUE_RIM_SET>():
      if ((value & 1) != 0) moderation.set_forced(rx, true, now);
      return true;
    case in_block<spec::QUEUE_RIM_MASK>():
      moderation.set_masked(rx, (value & 1) != 0, now);
      return true;
    default:
      return false;
  }
}

std::uint32_t QueueBlock::read(std::uint32_t byte_offset) {
  const unsigned q = (byte_offset - kFirstByte) / kBlockBytes;
  const std::uint32_t offset = (byte_offset - kFirstByte) % kBlockBytes;
  const auto value = offset < 0x800 ? read_tx(q, offset) : read_rx(q, offset);
  return value ? *value : card_.regs.read({spec::Bar::kBar0, byte_offset});
}

// Volatile transmit registers: pointers, status, counters [device 11.1].
std::optional<std::uint32_t> QueueBlock::read_tx(unsigned q, std::uint32_t offset) const {
  const TxQueueCounters& first = tx_.counters(q);
  const TxQueueCounters& second = tx_.counters(q + kQueueBlocks);
  switch (offset) {
    case in_block<spec::QUEUE_TWQ0_PTRS>():
      return tx_.twq_ptrs(q);
    case in_block<spec::QUEUE_TWQ1_PTRS>():
      return tx_.twq_ptrs(q + kQueueBlocks);
    case kTwq0Status:
      return disabled_on_error(tx_.twq_failed(q));
    case kTwq1Status:
      return disabled_on_error(tx_.twq_failed(q + kQueueBlocks));
    case in_block<spec::QUEUE_TWQ0_PKT_CNT>():
      return first.packets;
    case in_block<spec::QUEUE_TWQ0_ERR_CNT>():
      return first.errors;
    case kTwq0BytesLow:
      return low(first.bytes);
    case kTwq0BytesLow + 4:
      return high(first.bytes);
    case kTwq0BytesLow + 8:
      return first.completions;
    case kTwq0BytesLow + 12:
      return first.timestamp_requests;
    case kTwq0BytesLow + 16:
      return first.timestamp_completions;
    case in_block<spec::QUEUE_TWQ1_PKT_CNT>():
      return second.packets;
    case in_block<spec::QUEUE_TWQ1_ERR_CNT>():
      return second.errors;
    case kTwq1BytesLow:
      return low(second.bytes);
    case kTwq1BytesLow + 4:
      return high(second.bytes);
    case kTwq1BytesLow + 8:
      return second.completions;
    case kTwq1BytesLow + 12:
      return second.timestamp_requests;
    case kTwq1BytesLow + 16:
      return second.timestamp_completions;
    case in_block<spec::QUEUE_TCQ_PTRS>():
      return tx_.tcq_ptrs(q);
    case kTcqStatus:
      return disabled_on_error(tx_.tcq_failed(q));
    case in_block<spec::QUEUE_TIM_TIMER>():
      return card_.moderation.timer_ticks(q, card_.now_ns);
    case in_block<spec::QUEUE_TIM_COUNTS>():
      return card_.moderation.outstanding(q) & 0x7fff;
    default:
      return std::nullopt;
  }
}

// Volatile receive registers: pointers, status, counters [device 11.2].
std::optional<std::uint32_t> QueueBlock::read_rx(unsigned q, std::uint32_t offset) const {
  const RxQueueCounters& counters = rx_.counters(q);
  const unsigned manager = InterruptModerator::kFirstRx + q;
  switch (offset) {
    case in_block<spec::QUEUE_RCQ_PTRS>():
      return rx_.rcq_ptrs(q);
    case in_block<spec::QUEUE_BDQ_HPQ_PTRS>():
      return rx_.hpq_ptrs(q);
    case in_block<spec::QUEUE_BDQ_PPQ_PTRS>():
      return rx_.ppq_ptrs(q);
    case kRcqStatus:
      return disabled_on_error(rx_.rcq_failed(q));
    case kHpqStatus:
    case kPpqStatus:
      return disabled_on_error(rx_.bdq_failed(q));
    case in_block<spec::QUEUE_RDE_PKT_CNT>():
      return counters.packets;
    case in_block<spec::QUEUE_RDE_PKT_ERR_CNT>():
      return counters.errors;
    case in_block<spec::QUEUE_RDE_CQ_DROP_CNT>():
      return counters.completion_drops;
    case in_block<spec::QUEUE_RDE_BDQ_DROP_CNT>():
      return counters.buffer_drops;
    case kRdeBytesLow:
      return low(counters.bytes);
    case kRdeBytesLow + 4:
      return high(counters.bytes);
    case in_block<spec::QUEUE_RIM_COAL_STATUS>():
      return (card_.moderation.outstanding(manager) & 0x7fff) << 16 |
             card_.moderation.timer_ticks(manager, card_.now_ns);
    default:
      return std::nullopt;
  }
}

}  // namespace hni::device
