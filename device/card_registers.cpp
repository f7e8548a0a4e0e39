// SPDX-License-Identifier: Apache-2.0
// Dispatch of register accesses to the parts of the card.
#include "device/card_core.hpp"

namespace hni::device {
namespace {

// Dword index ranges of BAR0 [device 2.1].
constexpr std::uint32_t kInterruptsEnd = 0x00080;
constexpr std::uint32_t kCompletionInterrupts = 0x00400;
constexpr std::uint32_t kCompletionInterruptsEnd = 0x00800;
constexpr std::uint32_t kQueueManagerEnd = 0x00c35;
constexpr std::uint32_t kPtp = 0x04800;
constexpr std::uint32_t kPtpEnd = 0x0480e;
constexpr std::uint32_t kRxBuffer = 0x08000;
constexpr std::uint32_t kRxBufferEnd = 0x08400;
constexpr std::uint32_t kPhy = 0x10000;
constexpr std::uint32_t kPhyEnd = 0x11a00;

constexpr std::uint32_t kMailboxFirst = 0x18000;
constexpr std::uint32_t kMailboxEnd = 0x18100;

template <class REG>
constexpr bool in_array(std::uint32_t word, std::uint32_t count) {
  return word >= REG::kWordIndex && word < REG::kWordIndex + count;
}

}  // namespace

// Reads a register: volatile ones from their part, all others from the register file [device 2].
std::uint32_t Card::Core::read(spec::RegAddr at) {
  if (!regs.note_read(at)) return 0;
  if (at.bar != spec::Bar::kBar0) return read_bar4(at);
  if (QueueBlock::owns(at.byte_offset)) return queues.read(at.byte_offset);
  const std::uint32_t word = at.byte_offset / 4;
  if (word < kInterruptsEnd) return read_interrupts(word);
  if (word >= kCompletionInterrupts && word < kCompletionInterruptsEnd) {
    return read_completion_interrupts(word);
  }
  if (word < kQueueManagerEnd) {
    if (const auto idle = read_idle(word)) return *idle;
    return regs.read(at);
  }
  if (word >= kPtp && word < kPtpEnd) {
    if (const auto value = clock.read(at)) return *value;
  }
  if (const auto value = stats.read(at)) return *value;
  if (word >= kPhy && word < kPhyEnd) {
    if (const auto value = link.read(at)) return *value;
  }
  return regs.read(at);
}

// Writes a register: the register file counts and stores, then the part applies the side effect.
void Card::Core::write(spec::RegAddr at, std::uint32_t value) {
  if (!regs.note_write(at, value)) return;
  if (at.bar != spec::Bar::kBar0) return write_bar4(at, value);
  if (QueueBlock::owns(at.byte_offset)) return queues.write(at.byte_offset, value);
  const std::uint32_t word = at.byte_offset / 4;
  if (word < kInterruptsEnd) return write_interrupts(word, value);
  if (word >= kCompletionInterrupts && word < kCompletionInterruptsEnd) {
    return write_completion_interrupts(word, value);
  }
  if (word >= kPtp && word < kPtpEnd && clock.write(at, value)) return;
  if (HardwareCounters::owns(at)) return;
  if (word >= kPhy && word < kPhyEnd) {
    regs.write(at, value);
    link.write(at, value);
    rx.buffer().registers_changed();  // pause may have been enabled
    return update_link_cause();
  }
  if (word >= kRxBuffer && word < kRxBufferEnd) return write_rx_buffer(at.byte_offset, value);
  if (at == spec::PUL_OB_TLP_HDR_AW_CFG::at() || at == spec::PUL_OB_TLP_HDR_AR_CFG::at()) {
    constexpr std::uint32_t kOpen = spec::PUL_OB_TLP_HDR_AW_CFG{}.set_BME(1).raw;
    const bool shuts = (regs.peek(at) & ~value & kOpen) != 0;
    if (shuts && queues.any_enabled()) {
      regs.events().note(spec::ProtocolAction::kDmaGateClosedInUse);
    }
  }
  const std::uint32_t stored = regs.write(at, value);
  if (Classifier::owns(at.byte_offset)) classifier.changed(at.byte_offset, stored);
  if (TxClassifier::owns(at.byte_offset)) tx_classifier.changed(at.byte_offset, stored);
  if (at == spec::QM_TCQ_CTL0::at()) {
    moderation.set_tick_cycles(false, spec::QM_TCQ_CTL0{stored}.TICK_CYCLES(), context.now_ns);
  } else if (at == spec::QM_RCQ_CTL0::at()) {
    moderation.set_tick_cycles(true, spec::QM_RCQ_CTL0{stored}.TICK_CYCLES(), context.now_ns);
  } else if (at == spec::MASTER_SPARE_0::at() && stored == ~0u) {
    // The driver treats all ones here as a removed device [device 2].
    regs.poke(at, 0u);
  }
}

// INTR_STATUS .. INTR_MASK [device 3.1].
std::uint32_t Card::Core::read_interrupts(std::uint32_t word) const {
  if (word >= spec::INTR_MSIX_CTRL::kWordIndex) {
    return interrupts.route(word - spec::INTR_MSIX_CTRL::kWordIndex);
  }
  const unsigned n = word % 8;
  switch (word - n) {
    case spec::INTR_STATUS::kWordIndex:
      return interrupts.status(n);
    case spec::INTR_MASK::kWordIndex:
      return interrupts.mask(n);
    case spec::INTR_SW_STATUS::kWordIndex:
      return interrupts.software_status(n);
    case spec::INTR_SW_AC_MODE::kWordIndex:
      return interrupts.auto_clear(n);
    default:  // INTR_SET, CLEAR, MASK_SET, MASK_CLEAR have side effects only
      return 0;
  }
}

// INTR_SET, CLEAR, MASK_SET, MASK_CLEAR and INTR_MSIX_CTRL [device 3.1].
void Card::Core::write_interrupts(std::uint32_t word, std::uint32_t value) {
  if (word >= spec::INTR_MSIX_CTRL::kWordIndex) {
    const std::uint32_t stored = regs.write({spec::Bar::kBar0, 4 * word}, value);
    return interrupts.set_route(word - spec::INTR_MSIX_CTRL::kWordIndex, stored);
  }
  const unsigned n = word % 8;
  switch (word - n) {
    case spec::INTR_SET::kWordIndex:
      return interrupts.set_software(n, value);
    case spec::INTR_CLEAR::kWordIndex:
      return interrupts.clear_software(n, value);
    case spec::INTR_SW_AC_MODE::kWordIndex:
      return interrupts.set_auto_clear(n, value);
    case spec::INTR_MASK_SET::kWordIndex:
      return interrupts.set_mask(n, value);
    case spec::INTR_MASK_CLEAR::kWordIndex:
      return interrupts.clear_mask(n, value);
    default:
      return;
  }
}

// CQ_REARM shows the timeouts of its vector [device 3.3].
std::uint32_t Card::Core::read_completion_interrupts(std::uint32_t word) const {
  const unsigned vector = (word - kCompletionInterrupts) / 4;
  switch (word % 4) {
    case 1:
      return moderation.timeout(true, vector);
    case 2:
      return moderation.timeout(false, vector);
    default:
      return 0;
  }
}

// CQ_REARM sets timeouts, restarts timers and unmasks in one write [device 3.3].
void Card::Core::write_completion_interrupts(std::uint32_t word, std::uint32_t value) {
  const unsigned vector = (word - kCompletionInterrupts) / 4;
  const std::uint64_t now = context.now_ns;
  if (word % 4 == 1) return moderation.set_timeout(true, vector, value, now);
  if (word % 4 == 2) return moderation.set_timeout(false, vector, value, now);
  if (word % 4 != 0) return;
  const spec::INTR_CQ_REARM rearm{value};
  if (rearm.RCQ_TIMEOUT_UPD_EN() != 0) {
    moderation.set_timeout(true, vector, rearm.RCQ_TIMEOUT(), now);
  }
  if (rearm.TCQ_TIMEOUT_UPD_EN() != 0) {
    moderation.set_timeout(false, vector, rearm.TCQ_TIMEOUT(), now);
  }
  if (rearm.INTR_RELOAD() != 0) moderation.reload(vector, now);
  if (rearm.INTR_UNMASK() != 0) interrupts.clear_mask(vector / 32, 1u << (vector % 32));
}

// Idle registers of the queue manager [device 18].
std::optional<std::uint32_t> Card::Core::read_idle(std::uint32_t word) {
  if (in_array<spec::QM_TWQ_IDLE>(word, 8)) {
    return tx.work_idle_word(word - spec::QM_TWQ_IDLE::kWordIndex);
  }
  if (in_array<spec::QM_TQS_IDLE>(word, 8)) {
    return tx.work_idle_word(word - spec::QM_TQS_IDLE::kWordIndex);
  }
  if (in_array<spec::QM_TDE_IDLE>(word, 8)) {
    return tx.work_idle_word(word - spec::QM_TDE_IDLE::kWordIndex);
  }
  if (in_array<spec::QM_TCQ_IDLE>(word, 4)) {
    return tx.completion_idle_word(word - spec::QM_TCQ_IDLE::kWordIndex);
  }
  if (in_array<spec::QM_HPQ_IDLE>(word, 4)) {
    return rx.buffer_idle_word(word - spec::QM_HPQ_IDLE::kWordIndex);
  }
  if (in_array<spec::QM_PPQ_IDLE>(word, 4)) {
    return rx.buffer_idle_word(word - spec::QM_PPQ_IDLE::kWordIndex);
  }
  if (in_array<spec::QM_RCQ_IDLE>(word, 4)) {
    return rx.completion_idle_word(word - spec::QM_RCQ_IDLE::kWordIndex);
  }
  return std::nullopt;
}

// Writes to the RX buffer change thresholds, pause or a storm at once [device 15].
void Card::Core::write_rx_buffer(std::uint32_t byte_offset, std::uint32_t value) {
  const spec::RegAddr at{spec::Bar::kBar0, byte_offset};
  const std::uint32_t stored = regs.write(at, value);
  if (at == spec::RXB_PAUSE_STORM::at(0)) rx.buffer().pause_storm_written(stored);
  if (at == spec::RXB_PAUSE_STORM_UNIT_WR::at()) {
    regs.poke(spec::RXB_PAUSE_STORM_UNIT_RD::at(), stored);
  }
  rx.buffer().registers_changed();
}

// BAR4 reads flush the host's mailbox writes [device 4.2]; a firmware backend may answer them.
std::uint32_t Card::Core::read_bar4(spec::RegAddr at) {
  if (at.byte_offset == kMailboxFirst) mailbox_watch.flushed();
  if (peer != nullptr) {
    if (const auto answer = peer->read(at.byte_offset)) {
      // If the backend disconnects, the host still reads the last value.
      if (at.byte_offset >= kMailboxFirst && at.byte_offset < kMailboxEnd) regs.poke(at, *answer);
      return *answer;
    }
  }
  return regs.read(at);
}

// Mailbox writes are checked for their order, stored, and passed to the firmware
// [device 4.2, 4.5].
void Card::Core::write_bar4(spec::RegAddr at, std::uint32_t value) {
  if (at.byte_offset < kMailboxFirst || at.byte_offset >= kMailboxEnd) {
    regs.write(at, value);
    return;
  }
  const std::uint32_t word = (at.byte_offset - kMailboxFirst) / 4;
  const unsigned mailbox = word / 32;
  const unsigned descriptor = word / 2 % 16;
  const MailboxProtocolChecker::View before{
      mailbox_word(mailbox, descriptor, 0), mailbox_word(mailbox, descriptor, 1),
      mailbox_word(mailbox, (descriptor + 1) % 16, 0),
      mailbox == 0 ? context.may_write_host() : context.may_read_host()};
  mailbox_watch.written(mailbox, descriptor, word % 2 != 0, value, before, regs.events());
  regs.poke(at, value);
  if (peer != nullptr) return peer->write(at.byte_offset, value);
  firmware.mailbox_written(mailbox, descriptor, word % 2, context.now_ns);
}

}  // namespace hni::device
