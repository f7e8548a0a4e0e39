// SPDX-License-Identifier: Apache-2.0
#include "device/card.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "device/card_core.hpp"

namespace hni::device {
namespace {

constexpr unsigned kCauseLink = 34;  // PCS/MAC [device 3.1]

// A card that powers up without light has no link, even if its configuration plugs the cable.
LinkModelConfig link_config(const CardConfig& config, const Wire& wire) {
  LinkModelConfig out = config.link != nullptr ? *config.link : LinkModelConfig{};
  out.plugged_at_power_on = out.plugged_at_power_on && wire.link();
  return out;
}

}  // namespace

Card::Core::Core(const CardConfig& card_config, DmaMemory& dma, InterruptSink& sink, Wire& wire)
    : config(card_config),
      interrupts(sink, card_config.msix_vectors),
      moderation(interrupts),
      link(link_config(card_config, wire)),
      context{dma,   wire,       regs,          interrupts, moderation, link,
              clock, classifier, tx_classifier, stats,      *this},
      tx(context),
      rx(context),
      queues(context, tx, rx),
      firmware(card_config.firmware != nullptr ? *card_config.firmware : FirmwareConfig{}, *this) {
  config.firmware = nullptr;
  config.link = nullptr;
  firmware.start(0);
}

// Advances all time-driven parts to `now_ns`.
void Card::Core::advance(std::uint64_t now_ns) {
  if (now_ns <= context.now_ns) return;
  context.now_ns = now_ns;
  clock.advance(now_ns);
}

// Drives cause 34 from the MAC/PCS interrupt status [device 3.1, 10.2].
void Card::Core::update_link_cause() {
  interrupts.set_cause(kCauseLink, link.interrupt_cause());
}

// Advances time and the link, then firmware messages, interrupt timers and pause storms.
void Card::Core::tick(std::uint64_t now_ns) {
  advance(now_ns);
  const std::uint64_t now = context.now_ns;
  const bool plugged = context.wire.link();
  if (plugged != link.cable()) link.set_cable(plugged, now);
  if (now >= link.next_deadline_ns()) link.tick(now);
  update_link_cause();
  firmware.tick(now);
  moderation.tick(now);
  rx.buffer().tick();
}

std::uint64_t Card::Core::next_deadline_ns() const {
  return std::min({moderation.next_deadline_ns(), link.next_deadline_ns(),
                   firmware.next_deadline_ns(), rx.buffer().next_deadline_ns(),
                   tx.next_deadline_ns()});
}

// Polls the wire after the queues, so that loopback frames of this call are received in it.
bool Card::Core::run(unsigned budget) {
  bool more = rx.run(budget);
  more = tx.run(budget) || more;
  return context.wire.poll(*this, context.now_ns, budget) == budget || more;
}

bool Card::Core::has_room(std::span<const std::byte> frame) {
  return rx.has_room(frame);
}

bool Card::Core::receive(std::span<const std::byte> frame, std::uint64_t now_ns) {
  advance(now_ns);
  return rx.receive(frame);
}

// Resets everything but the firmware [device 18]; a power-on reset restarts the firmware, too.
void Card::Core::reset(ResetKind kind) {
  tx.reset();
  context.tx_paused_until_ns = 0;
  rx.reset();
  moderation.reset();
  interrupts.reset();
  regs.reset();
  clock.reset();
  classifier.reset();
  tx_classifier.reset();
  mailbox_watch.reset();
  if (kind == ResetKind::kPower) {
    stats.reset();
    link.reset_power();
    if (peer == nullptr) firmware.reboot(context.now_ns);
  } else {
    link.reset_function();
  }
  update_link_cause();
}

// Mailbox words are plain memory in BAR4 [device 4.1].
std::uint32_t Card::Core::mailbox_word(unsigned mailbox, unsigned descriptor, unsigned half) {
  return half == 0 ? regs.peek(spec::MBX_DESC_LO::at(mailbox, descriptor))
                   : regs.peek(spec::MBX_DESC_HI::at(mailbox, descriptor));
}

void Card::Core::set_mailbox_word(unsigned mailbox, unsigned descriptor, unsigned half,
                                  std::uint32_t value) {
  regs.poke(half == 0 ? spec::MBX_DESC_LO::at(mailbox, descriptor)
                      : spec::MBX_DESC_HI::at(mailbox, descriptor),
            value);
}

// Reads host memory for the firmware, only while DMA reads are enabled [device 4.3].
bool Card::Core::dma_read(std::uint64_t iova, std::span<std::byte> into) {
  if (!context.may_read_host()) {
    ++regs.events().dma_gate_closed;
    return false;
  }
  const std::byte* from = context.dma.at(iova, into.size(), Access::kRead);
  if (from == nullptr) return false;
  std::memcpy(into.data(), from, into.size());
  stats.dma_read(into.size());
  return true;
}

// Writes host memory for the firmware, only while DMA writes are enabled [device 4.3].
bool Card::Core::dma_write(std::uint64_t iova, std::span<const std::byte> from) {
  if (!context.may_write_host()) {
    ++regs.events().dma_gate_closed;
    return false;
  }
  std::byte* to = context.dma.at(iova, from.size(), Access::kWrite);
  if (to == nullptr) return false;
  // The interposer modifies a copy that the host cannot see yet.
  std::array<std::byte, 4096> said;
  if (context.interposer != nullptr && from.size() <= said.size()) [[unlikely]] {
    std::memcpy(said.data(), from.data(), from.size());
    context.interposer->deliver(std::span(said).first(from.size()));
    from = std::span(said).first(from.size());
  }
  std::memcpy(to, from.data(), from.size());
  stats.dma_write(from.size());
  return true;
}

// A firmware backend may raise vector 0 and program the lanes [device 3.1, 10.1].
bool Card::Core::firmware_write(spec::RegAddr at, std::uint32_t value) {
  if (at == spec::INTR_SET::at(0)) {
    if (value != 1) return false;
    interrupts.set_software(0, value);
    return true;
  }
  if (at != spec::SIG_PCS_IN0::at() && at != spec::SIG_PCS_IN1::at()) return false;
  regs.poke(at, value);
  link.write(at, value);
  update_link_cause();
  return true;
}

void Card::Core::set_pcs_in(std::uint32_t in0, std::uint32_t in1) {
  link.set_pcs_in(in0, in1);
  update_link_cause();
}

Card::Card(const CardConfig& config, DmaMemory& dma, InterruptSink& interrupts, Wire& wire)
    : core_(std::make_unique<Core>(config, dma, interrupts, wire)) {}
Card::~Card() = default;

std::uint32_t Card::read(spec::Bar bar, std::uint32_t byte_offset) {
  const spec::RegAddr at{bar, byte_offset};
  HostInterposer* const interposer = core_->context.interposer;
  if (interposer == nullptr) [[likely]]
    return core_->read(at);
  return interposer->read(at, core_->read(at));
}
void Card::write(spec::Bar bar, std::uint32_t byte_offset, std::uint32_t value) {
  const spec::RegAddr at{bar, byte_offset};
  HostInterposer* const interposer = core_->context.interposer;
  if (interposer == nullptr || interposer->write(at, value)) core_->write(at, value);
}
void Card::set_interposer(HostInterposer* interposer) {
  core_->context.interposer = interposer;
}
void Card::tick(std::uint64_t now_ns) {
  core_->tick(now_ns);
}
bool Card::run(unsigned budget) {
  return core_->run(budget);
}
bool Card::receive(std::span<const std::byte> frame, std::uint64_t now_ns) {
  return core_->receive(frame, now_ns);
}
bool Card::has_room(std::span<const std::byte> frame) {
  return core_->rx.has_room(frame);
}
void Card::reset(ResetKind kind) {
  core_->reset(kind);
}
std::uint64_t Card::next_deadline_ns() const {
  return core_->next_deadline_ns();
}
bool Card::waits_for_wire() const {
  return core_->tx.waits_for_wire();
}
void Card::set_firmware(FirmwareBackend& peer) {
  core_->peer = &peer;
  core_->firmware.halt();
  core_->link.reset_power();
  core_->update_link_cause();
}
bool Card::firmware_write(spec::RegAddr at, std::uint32_t value) {
  return core_->firmware_write(at, value);
}
const CardConfig& Card::config() const {
  return core_->config;
}
const CardEvents& Card::events() const {
  return core_->regs.events();
}

CardOccupancy Card::occupancy() const {
  CardOccupancy out;
  out.tx_frames_held = core_->tx.waits_for_wire() ? 1 : 0;
  for (const unsigned index : {RxBuffer::kShared, RxBuffer::kHost}) {
    const RxFifo& fifo = core_->rx.buffer().fifo(index);
    out.rx_frames_held += fifo.frames();
    out.rx_bytes_held += std::size_t{64} * fifo.level();
  }
  return out;
}

std::uint64_t Card::interrupts_fired() const {
  return core_->interrupts.fired();
}
std::uint64_t Card::now_ns() const {
  return core_->context.now_ns;
}
RegisterFile& Card::registers() {
  return core_->regs;
}
Classifier& Card::classifier() {
  return core_->classifier;
}
Firmware& Card::firmware() {
  return core_->firmware;
}
LinkModel& Card::link() {
  return core_->link;
}
PtpClock& Card::clock() {
  return core_->clock;
}
HardwareCounters& Card::statistics() {
  return core_->stats;
}

}  // namespace hni::device
