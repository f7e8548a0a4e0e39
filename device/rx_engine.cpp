// SPDX-License-Identifier: Apache-2.0
#include "device/rx_engine.hpp"

#include <algorithm>
#include <cstring>

#include "device/queue_registers.hpp"
#include "openhni/spec/enums.hpp"

namespace hni::device {
namespace {

// MAC_COMMAND_CONFIG: CNTL_FRAME_ENA and PAUSE_FWD, which Linux does not name.
constexpr std::uint32_t kControlFrameEnable = 1u << 13;
constexpr std::uint32_t kPauseForward = 1u << 7;

constexpr std::uint32_t kRunBits = 1u << 30 | 3;  // PPQ_ENABLE, ENABLE, RESET

constexpr std::uint32_t align_up(std::uint32_t value) {
  return (value + kPlacementAlign - 1) & ~(kPlacementAlign - 1);
}

template <class E>
constexpr std::uint64_t code(E value) {
  return static_cast<std::uint64_t>(value);
}

}  // namespace

RxEngine::RxEngine(CardContext& context) : card_(context), buffer_(context) {}

void RxEngine::reset() {
  for (Queue& queue : queues_) queue = Queue{};
  buffer_.reset();
}

// RESET clears both buffer rings; ENABLE latches base and size [device 11.3].
void RxEngine::write_bdq_ctl(unsigned q, std::uint32_t value) {
  Queue& queue = queues_[q];
  const spec::QUEUE_BDQ_CTL ctl{value};
  // Prefetch and aggregation are not modelled.
  if ((value & ~kRunBits) != 0) ++card_.events().partly_modelled;
  queue.buffer_life.control(ctl.RESET() != 0, ctl.ENABLE() != 0, card_.events());
  if (ctl.RESET() != 0) {
    queue.headers.clear();
    queue.payloads.clear();
    queue.fragment = OpenFragment{};
    queue.failed = false;
    queue.buffers_enabled = false;
  } else if (ctl.ENABLE() == 0) {
    queue.buffers_enabled = false;
  } else if (!queue.buffers_enabled) {
    const RingRegisters hpq = hpq_ring(card_.regs, q);
    const RingRegisters ppq = ppq_ring(card_.regs, q);
    queue.headers.ring.latch(hpq.base, hpq.size_code);
    queue.payloads.ring.latch(ppq.base, ppq.size_code);
    for (BufferDescriptorQueue* buffers : {&queue.headers, &queue.payloads}) {
      buffers->head &= buffers->ring.mask();
      buffers->tail &= buffers->ring.mask();
    }
    queue.buffers_enabled = true;
  }
  queue.payloads_enabled = queue.buffers_enabled && ctl.PPQ_ENABLE() != 0;
}

// Accepts a buffer doorbell inside the ring; an overrun is counted and obeyed [device 13.1].
void RxEngine::write_buffer_tail(unsigned q, BufferDescriptorQueue& queue, bool enabled,
                                 std::uint32_t value) {
  if (!enabled || queues_[q].failed) return;  // the register's rule counts a disabled queue
  const std::uint32_t mask = queue.ring.mask();
  if (value > mask) return card_.events().note(spec::ProtocolAction::kDoorbellOutOfRing);
  if (((value - queue.head) & mask) < queue.available()) {
    card_.events().note(spec::ProtocolAction::kDoorbellOverruns);
  }
  queue.tail = value;
}

void RxEngine::write_hpq_tail(unsigned q, std::uint32_t value) {
  write_buffer_tail(q, queues_[q].headers, queues_[q].buffers_enabled, value);
}

void RxEngine::write_ppq_tail(unsigned q, std::uint32_t value) {
  write_buffer_tail(q, queues_[q].payloads, queues_[q].payloads_enabled, value);
}

// RESET clears the completion queue; ENABLE latches base and size [device 11.3].
void RxEngine::write_rcq_ctl(unsigned q, std::uint32_t value) {
  CompletionQueue& queue = queues_[q].completions;
  const unsigned manager = InterruptModerator::kFirstRx + q;
  const spec::QUEUE_RCQ_CTL ctl{value};
  queues_[q].completion_life.control(ctl.RESET() != 0, ctl.ENABLE() != 0, card_.events());
  if (ctl.RESET() != 0) {
    queue.reset();
    card_.moderation.acknowledged(manager, 0, card_.now_ns);
  } else if (ctl.ENABLE() == 0) {
    queue.disable();
    card_.moderation.acknowledged(manager, 0, card_.now_ns);
  } else if (!queue.enabled()) {
    const RingRegisters ring = rcq_ring(card_.regs, q);
    queue.enable(ring.base, ring.size_code);
    if (queue.outstanding() != 0) {
      card_.moderation.completed(manager, queue.outstanding(), card_.now_ns);
    }
  }
}

// The HEAD doorbell frees completion slots and acknowledges the interrupt [device 3.4, 12.3].
void RxEngine::write_rcq_head(unsigned q, std::uint32_t value) {
  CompletionQueue& queue = queues_[q].completions;
  if (!queue.enabled()) return;
  if (!queue.acknowledge(value)) return card_.events().note(queue.refusal_of(value));
  card_.moderation.acknowledged(InterruptModerator::kFirstRx + q, queue.outstanding(),
                                card_.now_ns);
}

// Header split, drop mode, head room and tail room [device 13.4, 13.5, 13.6].
void RxEngine::write_rde_ctl0(unsigned q, std::uint32_t value) {
  const spec::QUEUE_RDE_CTL0 ctl{value};
  Queue& queue = queues_[q];
  queue.split = ctl.EN_HDR_SPLIT() != 0;
  queue.drop_mode = static_cast<spec::DROP_MODE>(ctl.DROP_MODE());
  queue.headroom = ctl.MIN_HROOM();
  queue.tailroom = ctl.MIN_TROOM();
  queue.first_offset = align_up(queue.headroom);
  const std::uint32_t reserved = queue.first_offset + queue.tailroom;
  queue.usable_bytes = reserved < kFragmentBytes ? kFragmentBytes - reserved : 0;
  // INTERPRETATION: "wait" behaves as "never"; how long a real card waits is unknown.
  if (queue.drop_mode != spec::DROP_MODE::IMMEDIATE && queue.drop_mode != spec::DROP_MODE::NEVER) {
    ++card_.events().partly_modelled;
  }
}

// Largest header [device 13.5].
void RxEngine::write_rde_ctl1(unsigned q, std::uint32_t value) {
  const spec::QUEUE_RDE_CTL1 ctl{value};
  queues_[q].max_header = ctl.MAX_HDR();
  // The units of these fields are unknown; the model treats them as 0.
  if (ctl.PAYLD_OFF() != 0 || ctl.PAYLD_PG_CL() != 0 || ctl.PADLEN() != 0 ||
      ctl.PAYLD_PACK() != 0) {
    ++card_.events().partly_modelled;
  }
}

std::uint32_t RxEngine::rcq_ptrs(unsigned q) const {
  const CompletionQueue& queue = queues_[q].completions;
  return queue.tail() << 16 | queue.head();
}

// A queue is busy while the oldest frame of a FIFO waits for it [device 18].
std::uint32_t RxEngine::idle_word(unsigned word) const {
  std::uint32_t out = ~0u;
  for (const unsigned index : {RxBuffer::kShared, RxBuffer::kHost}) {
    const RxFifo& fifo = buffer_.fifo(index);
    if (fifo.empty()) continue;
    const unsigned q = fifo.front().queue;
    if (q / 32 == word && queues_[q].usable()) out &= ~(1u << (q % 32));
  }
  return out;
}

std::uint32_t RxEngine::buffer_idle_word(unsigned word) {
  const std::uint32_t out = idle_word(word);
  for (unsigned i = 0; i < 32; ++i) {
    if ((out >> i & 1) != 0) queues_[32 * word + i].buffer_life.seen_idle();
  }
  return out;
}

std::uint32_t RxEngine::completion_idle_word(unsigned word) {
  const std::uint32_t out = idle_word(word);
  for (unsigned i = 0; i < 32; ++i) {
    if ((out >> i & 1) != 0) queues_[32 * word + i].completion_life.seen_idle();
  }
  return out;
}

// Parses and classifies a frame. With `count`, the counters include it.
RxVerdict RxEngine::parse_and_classify(std::span<const std::byte> frame, bool count) {
  const ParsedFrame parsed = parse_frame(frame);
  if (count) card_.stats.rx_parsed(parsed);
  return RxVerdict(parsed, card_.classifier.classify(parsed));
}

// Decides about a frame; one of usual form as about the last one with equal headers. The parser
// counts nothing about the usual form.
void RxEngine::examine(std::span<const std::byte> frame, bool count, RxVerdict& verdict) {
  UsualFrame usual;
  if (!usual_form(frame, usual)) {
    verdict = parse_and_classify(frame, count);
  } else if (const std::uint64_t version = card_.classifier.version();
             const RxVerdict* const known = flows_.find(usual, version)) {
    verdict = *known;
    const FrameSums sums = sums_of(frame, usual);
    verdict.info.bytes = static_cast<std::uint32_t>(frame.size());
    verdict.info.l2_csum = sums.l2_csum;
    verdict.info.checksum_good = sums.l4_verified;
  } else {
    verdict = parse_and_classify(frame, count);
    flows_.remember(usual, version, verdict);
  }
  verdict.info.timestamp = card_.clock.now40();
}

// Handles a MAC control frame. Returns true if it is not forwarded beyond the MAC.
bool RxEngine::mac_keeps(const MacControl& control) {
  ++card_.stats.mac_rx.control_frames;
  const std::uint32_t command = card_.regs.peek<spec::MAC_COMMAND_CONFIG>().raw;
  if (!control.pause) return (command & kControlFrameEnable) == 0;
  ++card_.stats.mac_rx.xoff;
  card_.tx_paused_until_ns = card_.now_ns + pause_ns(control.quanta, card_.link.speed_mbps());
  return (command & kPauseForward) == 0;
}

// Takes a frame from the MAC through parser and classifier to memory, or into a FIFO
// [device 13, 14].
bool RxEngine::receive(std::span<const std::byte> frame) {
  if (!card_.link.rx_enabled()) {
    ++card_.events().rx_mac_disabled;
    return true;
  }
  if (frame.size() < kEthernetHeaderBytes) {
    ++card_.stats.mac_rx.undersize;
    return true;
  }
  if (frame.size() > kMaxFrameBytes) {
    ++card_.stats.mac_rx.oversize;
    return true;
  }
  card_.stats.rx_frame(frame.size(), HardwareCounters::cast_of(frame));
  if (const MacControl control = mac_control_of(frame); control.control && mac_keeps(control))
    return true;
  if (!card_.classifier.enabled()) {
    ++card_.events().rx_classifier_disabled;
    return true;
  }
  if (frame.size() > card_.classifier.mtu_bytes()) {
    ++card_.stats.rpc.ovr_size_err;
    return true;
  }
  RxVerdict verdict;
  examine(frame, true, verdict);
  if (!verdict.to_host) {
    ++card_.events().rx_not_for_host;
    return true;
  }
  ++card_.stats.rxb_enqueue[0].frames;
  card_.stats.rxb_enqueue[0].bytes += frame.size();
  if (buffer_.empty() && card_.may_read_host() && card_.may_write_host() &&
      place(verdict.info, frame) == Place::kDone) {
    return true;
  }
  return buffer_.push(verdict.to_bmc ? RxBuffer::kShared : RxBuffer::kHost, verdict.info, frame);
}

// Places frames from the FIFOs in order; a frame without room blocks its FIFO [device 13.6, 15.1].
bool RxEngine::run(unsigned budget) {
  if (buffer_.empty()) return false;
  if (!card_.may_read_host() || !card_.may_write_host()) {
    ++card_.events().dma_gate_closed;
    return false;
  }
  for (const unsigned index : {RxBuffer::kShared, RxBuffer::kHost}) {
    RxFifo& fifo = buffer_.fifo(index);
    while (!fifo.empty() && budget != 0) {
      if (place(fifo.front(), fifo.front_bytes()) == Place::kHold) break;
      buffer_.pop(index);
      --budget;
    }
  }
  return budget == 0 && !buffer_.empty();
}

// Computes header offset, split and number of buffers [device 13.4, 13.5].
RxEngine::Layout RxEngine::lay_out(const Queue& queue, const RxFrameInfo& info) const {
  Layout layout;
  const std::uint32_t wanted =
      queue.split ? std::min<std::uint32_t>(info.header_bytes, info.bytes) : info.bytes;
  const std::uint32_t limit = std::min(queue.max_header, queue.usable_bytes);
  layout.header = std::min(wanted, limit);
  // INTERPRETATION: with header split, OVERFLOW means that headers continue in the payload.
  layout.overflow = queue.split && wanted > limit;
  layout.fresh = !queue.fragment.open ||
                 queue.fragment.next_offset + layout.header + queue.tailroom > kFragmentBytes;
  layout.offset = layout.fresh ? queue.first_offset : queue.fragment.next_offset;
  layout.payloads = (info.bytes - layout.header + kFragmentBytes - 1) / kFragmentBytes;
  layout.completions = 2 + layout.payloads + (info.want_timestamp || info.want_action ? 1 : 0);
  return layout;
}

/// What `queue` lacks to place a frame of this layout.
RxEngine::Lack RxEngine::lack(const Queue& queue, const Layout& layout) {
  if (queue.completions.room() < layout.completions)
    return {Lack::kCompletions, queue.completions.capacity() < layout.completions};
  if (layout.payloads != 0 && !queue.payloads_enabled) return {Lack::kBuffers, true};
  if ((layout.fresh && queue.headers.available() == 0) ||
      queue.payloads.available() < layout.payloads) {
    return {Lack::kBuffers, queue.payloads.ring.mask() < layout.payloads};
  }
  return {};
}

bool RxEngine::has_room(std::span<const std::byte> frame) {
  if (!card_.link.rx_enabled() || !card_.classifier.enabled() ||
      frame.size() < kEthernetHeaderBytes || frame.size() > kMaxFrameBytes ||
      frame.size() > card_.classifier.mtu_bytes()) {
    return true;
  }
  RxVerdict verdict;
  examine(frame, false, verdict);
  if (!verdict.to_host) return true;
  if (!buffer_.empty() || !card_.may_read_host() || !card_.may_write_host()) return false;
  const RxFrameInfo& info = verdict.info;
  if (info.queue >= kQueueBlocks || !queues_[info.queue].usable()) return true;
  const Queue& queue = queues_[info.queue];
  const Lack missing = lack(queue, lay_out(queue, info));
  return missing.what == Lack::kNothing || missing.forever;
}

RxEngine::Place RxEngine::no_room(const Queue& queue, std::uint32_t& counter,
                                  bool never_fits) const {
  if (queue.drop_mode != spec::DROP_MODE::IMMEDIATE && !never_fits) return Place::kHold;
  ++counter;
  return Place::kDone;
}

// Places one frame completely or not at all: layout, room, translation, then the writes
// [device 13].
[[gnu::flatten]] RxEngine::Place RxEngine::place(const RxFrameInfo& info,
                                                 std::span<const std::byte> frame) {
  if (info.queue >= kQueueBlocks) {
    ++card_.events().rx_no_queue;
    return Place::kDone;
  }
  Queue& queue = queues_[info.queue];
  if (!queue.usable()) {
    ++card_.events().rx_no_queue;
    ++(queue.failed || queue.completions.failed() ? queue.counters.errors
                                                  : queue.counters.completion_drops);
    return Place::kDone;
  }
  const Layout layout = lay_out(queue, info);
  if (layout.header == 0) {  // no room for a header: MAX_HDR 0, or too much head and tail room
    ++queue.counters.errors;
    return Place::kDone;
  }
  if (const Lack missing = lack(queue, layout); missing.what != Lack::kNothing) {
    return no_room(queue,
                   missing.what == Lack::kCompletions ? queue.counters.completion_drops
                                                      : queue.counters.buffer_drops,
                   missing.forever);
  }
  if (!fetch(queue, layout) || !queue.completions.writable(card_.dma, layout.completions)) {
    fail(queue);
    return Place::kDone;
  }
  store(queue, layout, info, frame);
  ++queue.counters.packets;
  queue.counters.bytes += info.bytes;
  auto& out = card_.stats.rxb_dequeue[0];
  ++out.interface_frames;
  ++out.buffer_frames;
  out.interface_bytes += info.bytes;
  out.buffer_bytes += info.bytes;
  card_.moderation.completed(InterruptModerator::kFirstRx + info.queue,
                             queue.completions.outstanding(), card_.now_ns);
  return Place::kDone;
}

// Reads a buffer descriptor and translates its fragment [device 13.1].
bool RxEngine::take(BufferDescriptorQueue& queue, Buffer& buffer, std::uint32_t ahead) {
  std::uint64_t raw = 0;
  if (!queue.ring.load(card_.dma, (queue.head + ahead) & queue.ring.mask(), raw)) return false;
  const spec::BD bd{raw};
  buffer.iova = bd.ADDR_4K() * kFragmentBytes;
  buffer.id = static_cast<std::uint16_t>(bd.ID());
  buffer.cpu = card_.dma.at(buffer.iova, kFragmentBytes, Access::kWrite);
  return buffer.cpu != nullptr;
}

// Fetches all buffers of a frame before anything is written; the head advances [device 13.1].
bool RxEngine::fetch(Queue& queue, const Layout& layout) {
  OpenFragment& fragment = queue.fragment;
  if (layout.fresh) {
    Buffer buffer;
    if (!take(queue.headers, buffer, 0)) return false;
    fragment = OpenFragment{true, buffer.iova, card_.dma.generation(), buffer.cpu, buffer.id, 0};
    queue.headers.head = (queue.headers.head + 1) & queue.headers.ring.mask();
  } else if (fragment.generation != card_.dma.generation()) {
    fragment.cpu = card_.dma.at(fragment.iova, kFragmentBytes, Access::kWrite);
    fragment.generation = card_.dma.generation();
    if (fragment.cpu == nullptr) return false;
  }
  for (std::uint32_t i = 0; i < layout.payloads; ++i) {
    if (!take(queue.payloads, payload_buffers_[i], i)) return false;
  }
  queue.payloads.head = (queue.payloads.head + layout.payloads) & queue.payloads.ring.mask();
  card_.stats.pcie.read_tlp += (layout.fresh ? 1u : 0u) + (layout.payloads != 0 ? 1u : 0u);
  card_.stats.pcie.read_dword += 2 * ((layout.fresh ? 1u : 0u) + layout.payloads);
  return true;
}

// Writes header, payload and completions [device 13.2, 13.4, 13.5].
void RxEngine::store(Queue& queue, const Layout& layout, const RxFrameInfo& info,
                     std::span<const std::byte> frame) {
  OpenFragment& fragment = queue.fragment;
  std::memcpy(fragment.cpu + layout.offset, frame.data(), layout.header);
  fragment.next_offset = align_up(layout.offset + layout.header + queue.tailroom + queue.headroom);
  // No further header fits: this is the last use of the fragment [device 13.4].
  const bool last = fragment.next_offset + queue.tailroom >= kFragmentBytes;
  spec::RCD_HDR_AL header;
  header.set_BUFF_ID(fragment.id)
      .set_LEN(layout.header)
      .set_OFF(layout.offset)
      .set_OVERFLOW(layout.overflow ? 1 : 0)
      .set_DMA_HINT(info.hint)
      .set_PAGE_FIN(last ? 1 : 0)
      .set_TYPE(code(spec::RCD_TYPE::HDR_AL));
  if (last) fragment.open = false;
  frame = frame.subspan(layout.header);
  for (std::uint32_t i = 0; i < layout.payloads; ++i) {
    const std::size_t bytes = std::min<std::size_t>(frame.size(), kFragmentBytes);
    std::memcpy(payload_buffers_[i].cpu, frame.data(), bytes);
    frame = frame.subspan(bytes);
  }
  push(queue, header.raw);
  std::uint32_t left = info.bytes - layout.header;
  for (std::uint32_t i = 0; i < layout.payloads; ++i) {
    const std::uint32_t bytes = std::min(left, kFragmentBytes);
    left -= bytes;
    // PACK_NONE: no other packet shares the fragment, so each use is its last [device 13.5].
    spec::RCD_PAY_AL payload;
    payload.set_BUFF_ID(payload_buffers_[i].id)
        .set_LEN(bytes)
        .set_PAGE_FIN(1)
        .set_TYPE(code(spec::RCD_TYPE::PAY_AL));
    push(queue, payload.raw);
  }
  push_meta(queue, info);
  card_.stats.pcie.write_tlp += 2 + layout.payloads;
  card_.stats.pcie.write_dword += (info.bytes + 3) / 4 + 2 * layout.completions;
}

// OPT_META if the action requested it, then META, which completes the frame [device 13.2].
void RxEngine::push_meta(Queue& queue, const RxFrameInfo& info) {
  if (info.want_timestamp || info.want_action) {
    spec::RCD_OPT_META option;
    option.set_TS(info.want_timestamp ? info.timestamp : 0)
        .set_TS_VALID(info.want_timestamp ? 1 : 0)
        .set_ACTION(info.action_index)
        .set_ACTION_VALID(info.want_action && info.action_hit ? 1 : 0)
        .set_TYPE(code(spec::RCD_TYPE::OPT_META));
    push(queue, option.raw);
  }
  spec::RCD_META meta;
  meta.set_RSS_HASH(info.hash)
      .set_L2_CSUM(info.l2_csum)
      .set_L3_TYPE(info.l3_type)
      .set_L4_TYPE(info.l4_type)
      .set_L4_CSUM_UNNECESSARY(info.checksum_good ? 1 : 0)
      .set_ERR_PARSER(info.parser_error ? 1 : 0)
      .set_ECN(info.ecn ? 1 : 0)
      .set_TYPE(code(spec::RCD_TYPE::META));
  push(queue, meta.raw);
}

// Writes one completion with the DONE phase [device 12.3].
void RxEngine::push(Queue& queue, std::uint64_t raw) {
  if (!queue.completions.push(card_.dma, raw, CompletionKind::kReceive, card_.interposer))
    ++card_.events().rx_dma_fault;
}

// Stops the queue until RESET.
void RxEngine::fail(Queue& queue) {
  queue.failed = true;
  queue.fragment.open = false;
  ++queue.counters.errors;
  ++card_.events().rx_dma_fault;
}

}  // namespace hni::device
