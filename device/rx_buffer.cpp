// SPDX-License-Identifier: Apache-2.0
#include "device/rx_buffer.hpp"

#include <algorithm>

namespace hni::device {
namespace {

constexpr unsigned kCauseRxBuffer = 7;            // [device 3.1]
constexpr std::uint32_t kStormStatus = 1u << 12;  // RXB_ERR_INTR_STS, network
constexpr std::uint32_t kUnitsPerSizeStep = 2048 / 64;

bool bit(std::uint32_t bits, unsigned index) {
  return (bits >> index & 1) != 0;
}

}  // namespace

void RxBuffer::reset() {
  shared_.clear();
  host_.clear();
  states_.fill(State{});
  storm_ = false;
  storm_at_ns_ = ~0ull;
  if (asserted_) card_.wire.set_pause(false);
  asserted_ = false;
}

std::uint32_t RxBuffer::capacity(unsigned index) const {
  const std::uint32_t size = card_.regs.peek<spec::RXB_PBUF_CFG>(index).SIZE();
  return std::min(size * kUnitsPerSizeStep, RxFifo::kMaxUnits);
}

// Appends a frame, unless DROP_THLD is exceeded or there is no room; marks ECN above its threshold
// [device 15.1].
bool RxBuffer::push(unsigned index, const RxFrameInfo& info, std::span<const std::byte> frame) {
  RxFifo& target = fifo(index);
  State& state = states_[index];
  HardwareCounters::RxbFifo& stats = card_.stats.rxb_fifo[index];
  const std::uint32_t after = target.level() + RxFifo::units_of(frame.size());
  const spec::RXB_PAUSE_DROP_CTRL ctrl = card_.regs.peek<spec::RXB_PAUSE_DROP_CTRL>();
  const bool over =
      bit(ctrl.DROP_ENABLE(), index) && after > card_.regs.peek<spec::RXB_DROP_THLD>(index).ON();
  if (over && !state.dropping) ++stats.trans_drop;
  state.dropping = state.dropping || over;
  if (state.dropping || after > capacity(index)) {
    ++stats.drop_frames;
    stats.drop_bytes += frame.size();
    update(index);
    return false;
  }
  target.push(info, frame);
  update(index);
  if (state.marking) target.back().ecn = true;
  return true;
}

void RxBuffer::pop(unsigned index) {
  fifo(index).pop();
  update(index);
}

// Updates pause, drop and ECN states against the ON and OFF thresholds [device 15.1].
void RxBuffer::update(unsigned index) {
  const std::uint32_t level = fifo(index).level();
  State& state = states_[index];
  HardwareCounters::RxbFifo& stats = card_.stats.rxb_fifo[index];
  stats.level = level;
  const spec::RXB_PAUSE_DROP_CTRL ctrl = card_.regs.peek<spec::RXB_PAUSE_DROP_CTRL>();

  const auto drop = card_.regs.peek<spec::RXB_DROP_THLD>(index);
  if (level <= drop.OFF() || !bit(ctrl.DROP_ENABLE(), index)) state.dropping = false;

  const auto ecn = card_.regs.peek<spec::RXB_ECN_THLD>(index);
  const bool mark =
      bit(ctrl.ECN_ENABLE(), index) && (level > ecn.ON() || (state.marking && level >= ecn.OFF()));
  if (mark && !state.marking) ++stats.trans_ecn;
  state.marking = mark;

  const auto pause = card_.regs.peek<spec::RXB_PAUSE_THLD>(index);
  const bool want = bit(ctrl.PAUSE_ENABLE(), index) &&
                    (level > pause.ON() || (state.pausing && level >= pause.OFF()));
  if (want == state.pausing) return;
  state.pausing = want;
  if (want) ++stats.trans_pause;
  drive_pause();
}

// Pauses the peer while an enabled FIFO is above its pause threshold and no storm is active
// [device 15.1, 15.2].
void RxBuffer::drive_pause() {
  const bool wanted =
      (states_[kShared].pausing || states_[kHost].pausing) && card_.link.tx_pause_enabled();
  const bool on = wanted && !storm_;
  if (on == asserted_) return;
  asserted_ = on;
  storm_at_ns_ = ~0ull;
  if (on) {
    ++card_.stats.mac_tx.xoff;
    ++card_.stats.mac_tx.control_frames;
    const auto ctrl = card_.regs.peek<spec::RXB_PAUSE_DROP_CTRL>();
    const std::uint64_t units = card_.regs.peek<spec::RXB_PAUSE_STORM>(0).THLD_TIME();
    const std::uint64_t cycles = card_.regs.peek<spec::RXB_PAUSE_STORM_UNIT_WR>().raw;
    // A cycle of 600 MHz is 5/3 ns.
    if (bit(ctrl.PS_ENABLE(), 0) && units != 0)
      storm_at_ns_ = card_.now_ns + units * cycles * 5 / 3;
  }
  card_.wire.set_pause(on);
}

// A pause that lasts for THLD_TIME is a storm: pausing ends and the event is counted
// [device 15.2].
void RxBuffer::detect_storm() {
  storm_ = true;
  ++card_.stats.pause_storms[0];
  auto status = card_.regs.peek<spec::RXB_ERR_INTR_STS>();
  status.raw |= kStormStatus;
  card_.regs.poke(status);
  drive_pause();
  update_interrupt();
}

void RxBuffer::pause_storm_written(std::uint32_t value) {
  if (spec::RXB_PAUSE_STORM{value}.FORCE_NORMAL() == 0) return;
  storm_ = false;
  drive_pause();
}

void RxBuffer::registers_changed() {
  update(kShared);
  update(kHost);
  drive_pause();
  update_interrupt();
}

void RxBuffer::update_interrupt() {
  const std::uint32_t pending = card_.regs.peek<spec::RXB_ERR_INTR_STS>().raw &
                                ~card_.regs.peek<spec::RXB_ERR_INTR_MASK>().raw;
  card_.interrupts.set_cause(kCauseRxBuffer, pending != 0);
}

}  // namespace hni::device
