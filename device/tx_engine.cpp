// SPDX-License-Identifier: Apache-2.0
#include "device/tx_engine.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "device/mac_control.hpp"
#include "device/queue_registers.hpp"
#include "openhni/spec/enums.hpp"

namespace hni::device {
namespace {

constexpr std::uint32_t kRunBits = 3;  // RESET and ENABLE

constexpr std::uint64_t bit_of(unsigned twq) {
  return 1ull << (twq % 64);
}

std::uint8_t requested_destinations(spec::TWD_META meta) {
  const unsigned bits = static_cast<unsigned>(meta.DEST_MAC() * TxClassifier::kMac |
                                              meta.DEST_BMC() * TxClassifier::kBmc |
                                              meta.DEST_FW() * TxClassifier::kFirmware);
  // INTERPRETATION: no destination bit means the wire (packets of the XDP ring have none)
  // [device 12.6].
  return static_cast<std::uint8_t>(bits == 0 ? unsigned{TxClassifier::kMac} : bits);
}

}  // namespace

TxEngine::TxEngine(CardContext& context)
    : card_(context),
      staging_(std::make_unique<std::byte[]>(kHeadroom + kMaxTxPacketBytes + kMinFrameBytes)) {}

void TxEngine::reset() {
  for (Queue& queue : queues_) queue = Queue{};
  completions_.fill(CompletionQueue{});
  completion_lives_.fill(QueueLifecycleChecker{});
  pending_.fill(0);
  waiting_.fill(0);
  flight_.reset();
  paused_ = false;
  credit_ = 0;
}

void TxEngine::stop(unsigned twq) {
  queues_[twq].enabled = false;
  pending_[twq / 64] &= ~bit_of(twq);
  waiting_[twq / 64] &= ~bit_of(twq);
}

void TxEngine::forget_flight(unsigned twq) {
  if (flight_ && flight_->twq == twq) flight_.reset();
}

// RESET clears the ring; ENABLE latches base and size and resumes at the old head [device 11.3].
void TxEngine::write_twq_ctl(unsigned twq, std::uint32_t value) {
  Queue& queue = queues_[twq];
  const spec::QUEUE_TWQ0_CTL ctl{value};
  // Prefetch, buffer selection and aggregation are not modelled.
  if ((value & ~kRunBits) != 0) ++card_.events().partly_modelled;
  queue.life.control(ctl.RESET() != 0, ctl.ENABLE() != 0, card_.events());
  if (ctl.RESET() != 0) {
    stop(twq);
    forget_flight(twq);
    queue.head = 0;
    queue.tail = 0;
    queue.failed = false;
  } else if (ctl.ENABLE() == 0) {
    stop(twq);
  } else if (!queue.enabled) {
    forget_flight(twq);
    const RingRegisters ring = twq_ring(card_.regs, twq);
    queue.ring.latch(ring.base, ring.size_code);
    queue.head &= queue.ring.mask();
    queue.tail &= queue.ring.mask();
    queue.enabled = true;
    if (!queue.failed && queue.head != queue.tail) pending_[twq / 64] |= bit_of(twq);
  }
}

// Accepts a doorbell inside the ring; an overrun is counted and obeyed [device 11.3].
void TxEngine::write_tail(unsigned twq, std::uint32_t value) {
  Queue& queue = queues_[twq];
  if (!queue.enabled) return;  // counted by the register's rule
  const std::uint32_t mask = queue.ring.mask();
  if (value > mask) return card_.events().note(spec::ProtocolAction::kDoorbellOutOfRing);
  if (((value - queue.head) & mask) < ((queue.tail - queue.head) & mask)) {
    card_.events().note(spec::ProtocolAction::kDoorbellOverruns);
  }
  queue.tail = value;
  if (queue.failed || queue.head == queue.tail) return;
  waiting_[twq / 64] &= ~bit_of(twq);
  pending_[twq / 64] |= bit_of(twq);
}

// RESET clears the completion queue; ENABLE latches base and size and wakes waiting work queues
// [device 11.3].
void TxEngine::write_tcq_ctl(unsigned q, std::uint32_t value) {
  CompletionQueue& queue = completions_[q];
  const spec::QUEUE_TCQ_CTL ctl{value};
  completion_lives_[q].control(ctl.RESET() != 0, ctl.ENABLE() != 0, card_.events());
  if (ctl.RESET() != 0) {
    queue.reset();
    card_.moderation.acknowledged(q, 0, card_.now_ns);
  } else if (ctl.ENABLE() == 0) {
    queue.disable();
    card_.moderation.acknowledged(q, 0, card_.now_ns);
  } else if (!queue.enabled()) {
    const RingRegisters ring = tcq_ring(card_.regs, q);
    queue.enable(ring.base, ring.size_code);
    if (queue.outstanding() != 0) card_.moderation.completed(q, queue.outstanding(), card_.now_ns);
    for (const unsigned twq : {q, q + kQueueBlocks}) {
      pending_[twq / 64] |= waiting_[twq / 64] & bit_of(twq);
      waiting_[twq / 64] &= ~bit_of(twq);
    }
  }
}

// The HEAD doorbell frees completion slots, acknowledges the interrupt and wakes waiting work
// queues [device 3.4, 12.3].
void TxEngine::write_tcq_head(unsigned q, std::uint32_t value) {
  CompletionQueue& queue = completions_[q];
  if (!queue.enabled()) return;
  if (!queue.acknowledge(value)) return card_.events().note(queue.refusal_of(value));
  card_.moderation.acknowledged(q, queue.outstanding(), card_.now_ns);
  for (const unsigned twq : {q, q + kQueueBlocks}) {
    pending_[twq / 64] |= waiting_[twq / 64] & bit_of(twq);
    waiting_[twq / 64] &= ~bit_of(twq);
  }
}

std::uint32_t TxEngine::twq_ptrs(unsigned twq) const {
  return queues_[twq].head << 16 | queues_[twq].tail;
}

std::uint32_t TxEngine::tcq_ptrs(unsigned q) const {
  return completions_[q].tail() << 16 | completions_[q].head();
}

// Work queues are busy while they have descriptors or the packet in flight [device 18].
std::uint32_t TxEngine::work_idle_word(unsigned word) {
  const std::uint64_t busy = (pending_[word / 2] | waiting_[word / 2]) >> (32 * (word % 2));
  std::uint32_t out = ~static_cast<std::uint32_t>(busy);
  if (flight_ && flight_->twq / 32 == word) out &= ~(1u << (flight_->twq % 32));
  for (unsigned i = 0; i < 32; ++i) {
    if ((out >> i & 1) != 0) queues_[32 * word + i].life.seen_idle();
  }
  return out;
}

// A completion queue is busy while the packet in flight will complete to it [device 18].
std::uint32_t TxEngine::completion_idle_word(unsigned word) {
  std::uint32_t out = ~0u;
  const unsigned busy = flight_ ? flight_->twq % kQueueBlocks : kQueueBlocks;
  if (busy / 32 == word) out &= ~(1u << (busy % 32));
  for (unsigned i = 0; i < 32; ++i) {
    if ((out >> i & 1) != 0) completion_lives_[32 * word + i].seen_idle();
  }
  return out;
}

// Stops the queue until RESET.
void TxEngine::fail(unsigned twq) {
  Queue& queue = queues_[twq];
  queue.failed = true;
  ++queue.counters.errors;
  pending_[twq / 64] &= ~bit_of(twq);
  waiting_[twq / 64] &= ~bit_of(twq);
}

// Round robin over the queues with work, up to kBurst packets per turn.
std::optional<unsigned> TxEngine::next_queue() {
  if (credit_ != 0 && (pending_[current_ / 64] & bit_of(current_)) != 0) {
    --credit_;
    return current_;
  }
  const unsigned first = (current_ + 1) % kTxWorkQueues;
  for (unsigned step = 0; step <= kTxWorkQueues / 64; ++step) {
    const unsigned word = (first / 64 + step) % (kTxWorkQueues / 64);
    std::uint64_t bits = pending_[word];
    if (step == 0) bits &= ~0ull << (first % 64);
    if (bits == 0) continue;
    current_ = 64 * word + static_cast<unsigned>(std::countr_zero(bits));
    credit_ = kBurst - 1;
    return current_;
  }
  return std::nullopt;
}

// Counts a pause frame of the peer when its pause starts [device 16].
void TxEngine::observe_pause() {
  const bool paused = card_.wire.peer_pause();
  if (paused && !paused_) {
    ++card_.stats.mac_rx.xoff;
    ++card_.stats.mac_rx.control_frames;
  }
  paused_ = paused;
}

// Sends the packet in flight, then starts further packets while DMA is enabled [device 4.3].
[[gnu::flatten]] bool TxEngine::run(unsigned budget) {
  observe_pause();
  const auto has_work = [&] {
    return std::any_of(pending_.begin(), pending_.end(), [](auto bits) { return bits != 0; });
  };
  if (!flight_ && !has_work()) return false;
  const bool gate_open = card_.may_read_host() && card_.may_write_host();
  if (!gate_open) ++card_.events().dma_gate_closed;
  while (budget != 0) {
    if (flight_) {  // gathered while DMA was enabled
      if (!pump(budget)) return false;
      continue;
    }
    if (!gate_open) return false;
    const std::optional<unsigned> twq = next_queue();
    if (!twq) return false;
    start(*twq);
    budget -= std::min<unsigned>(budget, flight_ ? flight_->packet.descriptors : 1);
    // The last packet of a budget is sent with it, so that progress does not depend on the budget.
    unsigned segments = std::max(budget, 1u);
    if (flight_ && !pump(segments)) return false;
    budget = std::min(budget, segments);
  }
  return flight_.has_value() || has_work();
}

// Returns the metadata of a packet without META [device 12.1].
spec::TWD_META TxEngine::default_meta() const {
  spec::TWD_META meta;
  meta.raw = card_.regs.peek<spec::QM_TWQ_DEFAULT_META_L>().raw |
             std::uint64_t{card_.regs.peek<spec::QM_TWQ_DEFAULT_META_H>().raw} << 32;
  return meta;
}

// Reads descriptors up to LAST_AL in the order META, OPT_META, AL... [device 12.1].
TxEngine::Collect TxEngine::collect(Queue& queue, TxPacket& packet) {
  bool meta_seen = false;
  bool option_seen = false;
  const std::uint32_t mask = queue.ring.mask();
  for (std::uint32_t index = queue.head; index != queue.tail;) {
    std::uint64_t raw = 0;
    if (!queue.ring.load(card_.dma, index, raw)) return Collect::kFault;
    index = (index + 1) & mask;
    ++packet.descriptors;
    const auto type = static_cast<spec::TWD_TYPE>(spec::TWD{raw}.TYPE());
    if (type == spec::TWD_TYPE::META) {
      if (meta_seen || packet.fragments != 0) return Collect::kMalformed;
      meta_seen = true;
      packet.meta.raw = raw;
      continue;
    }
    if (type == spec::TWD_TYPE::OPT_META) {
      if (!meta_seen || option_seen || packet.fragments != 0) return Collect::kMalformed;
      option_seen = true;
      ++card_.events().partly_modelled;  // the launch time is ignored
      continue;
    }
    const spec::TWD_AL al{raw};
    const auto bytes = static_cast<std::uint32_t>(al.LEN());
    if (packet.fragments == kMaxTxFragments || packet.bytes + bytes > kMaxTxPacketBytes) {
      return Collect::kMalformed;
    }
    fragments_[packet.fragments++] = Fragment{al.ADDR(), bytes};
    packet.bytes += bytes;
    if (type == spec::TWD_TYPE::LAST_AL) {
      packet.next_head = index;
      if (!meta_seen) packet.meta = default_meta();
      return packet.bytes < kEthernetHeaderBytes ? Collect::kMalformed : Collect::kPacket;
    }
  }
  return Collect::kIncomplete;
}

// Gathers the packet's bytes, each once, into the staging buffer [device 12.1].
bool TxEngine::gather(const TxPacket& packet) {
  std::byte* to = staging_.get() + kHeadroom;
  for (std::size_t i = 0; i < packet.fragments; ++i) {
    Fragment fragment = fragments_[i];
    while (fragment.bytes != 0) {
      std::size_t bytes = 0;
      const std::byte* from =
          card_.dma.chunk(fragment.address, fragment.bytes, Access::kRead, bytes);
      if (from == nullptr) return false;
      std::memcpy(to, from, bytes);
      to += bytes;
      fragment.address += bytes;
      fragment.bytes -= static_cast<std::uint32_t>(bytes);
    }
  }
  card_.stats.pcie.read_tlp += packet.fragments + 1;
  card_.stats.pcie.read_dword += (packet.bytes + 3) / 4 + std::uint64_t{packet.descriptors} * 2;
  return true;
}

// Starts a packet: completion room, descriptors, bytes, offloads; a malformed one stops the queue.
void TxEngine::start(unsigned twq) {
  Queue& queue = queues_[twq];
  const CompletionQueue& completion = completions_[twq % kQueueBlocks];
  const auto wait = [&] {
    pending_[twq / 64] &= ~bit_of(twq);
    waiting_[twq / 64] |= bit_of(twq);
  };
  // Requires room for a timestamp and a completion before anything is sent.
  if (!completion.enabled() || completion.room() < 2) return wait();
  TxPacket& packet = flight_.emplace(Flight{twq, {}, false, false}).packet;
  const Collect collected = collect(queue, packet);
  if (collected == Collect::kPacket) {
    if (!gather(packet)) {
      ++card_.events().tx_dma_fault;
    } else if (!prepare(packet, flight_->segmented)) {
      ++card_.events().malformed_twd;
    } else {
      return;
    }
    flight_.reset();
    return fail(twq);
  }
  flight_.reset();
  if (collected == Collect::kFault) {
    ++card_.events().tx_dma_fault;
    return fail(twq);
  }
  card_.events().note(spec::ProtocolAction::kPacketForm);
  if (collected == Collect::kIncomplete) return wait();
  ++card_.events().malformed_twd;
  fail(twq);
}

// Applies checksum offload, or starts segmentation [device 12.5].
bool TxEngine::prepare(const TxPacket& packet, bool& segmented) {
  const std::span<std::byte> bytes{staging_.get() + kHeadroom, packet.bytes};
  segmented = packet.meta.REQ_LSO() != 0;
  if (segmented) {
    return segmenter_.begin(bytes, packet.meta, card_.regs.peek<spec::TCE_LSO_CTRL>());
  }
  if (packet.meta.REQ_CSO() == 0) return true;
  return apply_checksum_offload(bytes, packet.meta, card_.regs.peek<spec::TCE_CSO_CTRL>());
}

// Sends the frames of the packet in flight; false while the wire applies back-pressure.
bool TxEngine::pump(unsigned& budget) {
  if (!flight_->segmented) {
    if (emit({staging_.get() + kHeadroom, flight_->packet.bytes}) == Emit::kHeld) return false;
    finish();
    return true;
  }
  while (!segmenter_.done()) {
    if (budget == 0) return true;
    if (emit(segmenter_.build()) == Emit::kHeld) return false;
    segmenter_.advance();
    --budget;
  }
  finish();
  return true;
}

// Returns the longest frame that is sent.
std::size_t TxEngine::frame_limit() const {
  // The register holds the first length that is too long [device 8.2].
  const std::uint32_t limit = card_.regs.peek<spec::QM_TQS_MTU_CTL0>().raw & 0x3fff;
  return limit == 0 ? kMaxFrameBytes : std::min<std::size_t>(kMaxFrameBytes, limit - 1);
}

void TxEngine::drop(std::uint64_t& bytes, std::uint32_t& frames, std::size_t size) const {
  bytes += size;
  ++frames;
}

// Sends one frame to its destinations [device 12.6]; a frame that is too long is dropped.
TxEngine::Emit TxEngine::emit(std::span<std::byte> frame) {
  Queue& queue = queues_[flight_->twq];
  if (frame.size() > frame_limit()) {
    drop(card_.stats.tti_frame.bytes, card_.stats.tti_frame.frames, frame.size());
    ++queue.counters.errors;
    return Emit::kGone;
  }
  const std::uint8_t destinations =
      card_.tx_classifier.destinations(frame, requested_destinations(flight_->packet.meta));
  if ((destinations & TxClassifier::kMac) != 0 && to_mac(frame) == Emit::kHeld) return Emit::kHeld;
  if ((destinations & (TxClassifier::kBmc | TxClassifier::kFirmware)) != 0) {
    // The BMC and firmware ports of the traffic engine are not modelled.
    drop(card_.stats.tbi.bytes, card_.stats.tbi.frames, frame.size());
  }
  ++queue.counters.packets;
  queue.counters.bytes += frame.size();
  return Emit::kGone;
}

// Pads a frame and sends it to the wire, or drops it while the MAC is off or TMI_DROP_CTRL is set
// [device 12.6, 18].
TxEngine::Emit TxEngine::to_mac(std::span<std::byte> frame) {
  if (card_.regs.peek<spec::TMI_DROP_CTRL>().EN() != 0 || !card_.link.tx_enabled()) {
    drop(card_.stats.tmi.drop_bytes, card_.stats.tmi.drop_frames, frame.size());
    return Emit::kGone;
  }
  std::array<std::byte, kMinFrameBytes> padded;
  std::span<const std::byte> out = frame;
  if (frame.size() < kMinFrameBytes &&
      card_.regs.peek<spec::MAC_COMMAND_CONFIG>().TX_PAD_EN() != 0) {
    padded.fill(std::byte{0});
    std::memcpy(padded.data(), frame.data(), frame.size());
    out = padded;
  }
  if (card_.link.mac_loopback()) {
    card_.own_port.receive(out, card_.now_ns);
  } else if (((paused_ || card_.now_ns < card_.tx_paused_until_ns) &&
              card_.link.rx_pause_enabled()) ||
             !card_.wire.transmit(out, card_.now_ns)) {
    return Emit::kHeld;
  }
  flight_->sent = true;
  card_.stats.tx_frame(out.size(), HardwareCounters::cast_of(out));
  if (const MacControl control = mac_control_of(out); control.control) {
    ++card_.stats.mac_tx.control_frames;
    if (control.pause) ++card_.stats.mac_tx.xoff;
  }
  return Emit::kGone;
}

// Retires the packet's descriptors and completes it [device 12.3].
void TxEngine::finish() {
  const unsigned twq = flight_->twq;
  const spec::TWD_META meta = flight_->packet.meta;
  const bool sent = flight_->sent;
  Queue& queue = queues_[twq];
  queue.head = flight_->packet.next_head;
  flight_.reset();
  if (queue.head == queue.tail) pending_[twq / 64] &= ~bit_of(twq);
  if ((meta.REQ_TS() | meta.REQ_COMPLETION()) != 0) complete(twq, meta, sent);
}

// Writes the completions that the metadata requested: timestamp, then head [device 12.3, 12.4].
void TxEngine::complete(unsigned twq, spec::TWD_META meta, bool sent) {
  Queue& queue = queues_[twq];
  const unsigned q = twq % kQueueBlocks;
  const bool second = twq >= kQueueBlocks;
  bool illegal_timestamp = false;
  if (meta.REQ_TS() != 0) {
    ++queue.counters.timestamp_requests;
    // INTERPRETATION: type 1 completions cannot name TWQ1, so a request there is illegal
    // [device 12.4].
    illegal_timestamp = second;
    if (illegal_timestamp) {
      ++card_.stats.tmi.illegal_ptp_requests;
    } else {
      const bool good = sent && card_.clock.enabled();
      ++(good ? card_.stats.tmi.good_ptp_ts : card_.stats.tmi.bad_ptp_ts);
      spec::TCD_TYPE1 stamp;
      stamp.set_TYPE(static_cast<std::uint64_t>(spec::TCD_TYPE::TYPE1))
          .set_TS(card_.clock.now40())
          .set_STATUS_TS_INVALID(good ? 0 : 1);
      push(q, stamp.raw);
      ++queue.counters.timestamp_completions;
    }
  }
  if (meta.REQ_COMPLETION() != 0) {
    spec::TCD_TYPE0 done;
    done.set_STATUS_ILLEGAL_TS_REQ(illegal_timestamp ? 1 : 0);
    if (second) {
      done.set_HEAD1(queue.head).set_TWQ1(1);
    } else {
      done.set_HEAD0(queue.head);
    }
    push(q, done.raw);
    ++queue.counters.completions;
  }
}

// Writes one completion with the DONE phase [device 12.3].
void TxEngine::push(unsigned q, std::uint64_t raw) {
  CompletionQueue& queue = completions_[q];
  // Since the packet was started, the driver may have reset or disabled the queue, or disabled
  // DMA.
  if (!queue.enabled() || queue.room() == 0 || !card_.may_write_host()) return;
  if (!queue.push(card_.dma, raw, CompletionKind::kTransmit, card_.interposer)) {
    ++card_.events().tx_dma_fault;
    return;
  }
  ++card_.stats.pcie.write_tlp;
  card_.stats.pcie.write_dword += 2;
  card_.moderation.completed(q, queue.outstanding(), card_.now_ns);
}

}  // namespace hni::device
