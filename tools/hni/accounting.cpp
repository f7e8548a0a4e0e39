// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/accounting.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace hni::tools {
namespace {

/// Drops in the card, before the driver sees a frame.
void card_receive_drops(Drops& drops, const Node& side, const CounterValues& v) {
  const device::CardEvents& events = side.card().events();
  add(drops, "MAC off", events.rx_mac_disabled);
  add(drops, "classifier off", events.rx_classifier_disabled);
  add(drops, "not for this port", events.rx_not_for_host);
  add(drops, "too long", v.get(Counter::kRpcOversizeErrors) + v.get(Counter::kRmonOversize));
  add_buffer_drops(drops, v);
}

}  // namespace

void add(Drops& drops, const char* reason, std::uint64_t count) {
  if (count != 0) drops.emplace_back(reason, count);
}

std::uint64_t total(const Drops& drops) {
  std::uint64_t sum = 0;
  for (const auto& [reason, count] : drops) sum += count;
  return sum;
}

void add_buffer_drops(Drops& drops, const CounterValues& v) {
  add(drops, "receive buffer full",
      v.get(Counter::kFifoDroppedFrames, 0) + v.get(Counter::kFifoDroppedFrames, 4));
  add(drops, "no completion room", v.sum(Counter::kQueueCqDrops));
  add(drops, "no buffers", v.sum(Counter::kQueueBdqDrops));
  add(drops, "receive engine", v.sum(Counter::kQueueErrors));
}

void add_driver_drops(Drops& drops, const RxCounters& rx) {
  add(drops, "MAC error", rx.mac_errors);
  add(drops, "truncated", rx.truncated);
  add(drops, "malformed completion", rx.card_input);
  add(drops, "queue reset", rx.reset_drops);
}

Drops receive_drops(Testbed& testbed, unsigned index) {
  Node& side = testbed.side(index);
  Drops drops;
  card_receive_drops(drops, side, side.port().statistics().values());
  const QueueSums t = sum_queues(side.port());
  add_driver_drops(drops, t.rx);
  const EndCounters& end = side.end()->counters();
  add(drops, "interface full", end.dropped_full);
  add(drops, "interface down", end.dropped_down);
  add(drops, "interface error", end.dropped_error);
  return drops;
}

Drops transmit_drops(Testbed& testbed, unsigned index) {
  Node& side = testbed.side(index);
  Drops drops;
  const QueueSums t = sum_queues(side.port());
  const CounterValues& v = side.port().statistics().values();
  add(drops, "not a valid frame", side.end()->counters().refused);
  add(drops, "not describable", t.tx.invalid_packets);
  add(drops, "reclaimed at a reset", t.tx.reclaimed_packets);
  add(drops, "dropped at the MAC", v.get(Counter::kTmiDropFrames));
  add(drops, "too long", v.get(Counter::kTtiFrameDropFrames));
  add(drops, "cable unplugged", testbed.cable().counters(index).lost);
  return drops;
}

std::vector<Balance> packet_balances(Testbed& testbed) {
  std::vector<Balance> out;
  for (unsigned from = 0; from < 2; ++from) {
    const unsigned to = from ^ 1;
    Node& sender = testbed.side(from);
    Node& receiver = testbed.side(to);
    const EndCounters& above = sender.end()->counters();
    const EndCounters& below = receiver.end()->counters();
    const CounterValues& sent = sender.port().statistics().update();
    const CounterValues& got = receiver.port().statistics().update();
    const QueueSums tx = sum_queues(sender.port());
    const QueueSums rx = sum_queues(receiver.port());
    const device::CableCounters& wire = testbed.cable().counters(from);
    const auto line = [&](const std::string& what, std::uint64_t left, std::uint64_t right) {
      out.push_back(
          {fmt::format("{} -> {}: {}", sender.name(), receiver.name(), what), left, right});
    };
    line("read = sent + refused + held", above.read,
         above.sent + above.refused + sender.end()->held_packets());
    line("sent = completed + drops + outstanding", above.sent,
         tx.tx.completed_packets + tx.tx.invalid_packets + tx.tx.reclaimed_packets +
             tx.outstanding);
    // A packet that was reclaimed may or may not have been sent, so no exact number can be
    // compared.
    if (tx.tx.invalid_packets + tx.tx.reclaimed_packets + tx.outstanding == 0) {
      line("frames of the sent packets = on the cable + dropped in the card", above.sent_frames,
           wire.frames + wire.lost + sent.get(Counter::kTmiDropFrames) +
               sent.get(Counter::kTtiFrameDropFrames));
    }
    Drops in_card;
    card_receive_drops(in_card, receiver, got);
    const std::uint64_t known =
        rx.rx.packets + rx.rx.mac_errors + rx.rx.truncated + rx.rx.card_input + rx.rx.reset_drops +
        total(in_card) + testbed.cable().waiting(to) + receiver.card().occupancy().rx_frames_held;
    // Completions after a refused or missing one are not read: at most one ring of them each time.
    const std::uint64_t most_unread =
        (rx.rx.card_input + receiver.port().recoveries().rx_stalls) * testbed.options().ring;
    const std::uint64_t unread = std::min(wire.frames - std::min(wire.frames, known), most_unread);
    // A malformed completion counts as a dropped packet, and may belong to no frame: a word that
    // reads as a completion before the card wrote one.
    const std::uint64_t invented =
        std::min(known - std::min(wire.frames, known), rx.rx.card_input);
    line(
        "on the cable = received by the driver + dropped in the card + not read + in flight - "
        "malformed completions without a frame",
        wire.frames, known + unread - invented);
    line("received by the driver = delivered + drops", rx.rx.packets,
         below.written + below.dropped_full + below.dropped_down + below.dropped_error);
  }
  return out;
}

std::vector<Balance> buffer_balances(const Testbed& testbed) {
  std::vector<Balance> out;
  for (unsigned i = 0; i < 2; ++i) {
    const Node& side = testbed.side(i);
    const CardPort& port = side.port();
    std::uint64_t lent = 0;
    for (std::uint32_t q = 0; q < port.queues(); ++q) {
      const auto& pair = port.pair(QueueId{static_cast<std::uint16_t>(q)});
      lent += pair.rx.headers().window.used() + pair.rx.payloads().window.used();
    }
    // A drained port has nothing to send, and each page has exactly one reference.
    out.push_back({fmt::format("{}: buffers = free + lent to the card + held above", side.name()),
                   port.pool().page_count(),
                   port.pool().free_pages() + lent + side.end()->held_fragments()});
  }
  return out;
}

}  // namespace hni::tools
