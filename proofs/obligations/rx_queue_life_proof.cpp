// SPDX-License-Identifier: Apache-2.0
// RxQueue: the base case (reset), repeated doorbells, read-only operations, and a poll of several
// packets.
#include <vector>

#include "proofs/obligations/rx_queue_world.hpp"

namespace hni::proofs {
namespace {

using Rung = std::vector<std::pair<RegAddr, Word>>;

void keep_doorbells(World& w, Rung& rung) {
  w.device.on_doorbell = [&rung](RegAddr reg, const Word& value) {
    rung.emplace_back(reg, value);
  };
}

bool same_state(World& w) {
  const auto &a = w.at(), &b = w.before;
  return a.completions.head == b.completions.head && a.completions.done == b.completions.done &&
         same_ring(a.headers.window, b.headers.window) &&
         same_ring(a.payloads.window, b.payloads.window) &&
         a.headers.next_offset == b.headers.next_offset &&
         a.payloads.next_offset == b.payloads.next_offset && a.assembly == b.assembly;
}

}  // namespace

HNI_PROVE(rx_queue_validity, "A queue is valid exactly if all three rings are (I2).") {
  World w(Stage::kBetween, false);
  must_cover("valid", "not valid");
  const bool valid = w.queue.is_valid();
  cover(valid ? "valid" : "not valid");
  conclude("I2", "valid exactly by the rule", [&] {
    return valid == (w.before.payloads.is_valid() && w.before.headers.is_valid() &&
                     w.before.completions.is_valid());
  });
}

HNI_PROVE(rx_queue_reset,
          "The base case: from any state, valid or not, a reset yields a valid queue whose three "
          "rings are empty and have their allocated sizes, expects DONE = 1 in zeroed memory, and "
          "clears fault and packet (I2, I3).") {
  World w(input<bool>("packet under assembly") ? Stage::kSegments : Stage::kBetween, false);
  const std::array<std::uint32_t, 3> sizes = input<bool>("other sizes")
                                                 ? std::array<std::uint32_t, 3>{8, 4, 2}
                                                 : std::array<std::uint32_t, 3>{2, 8, 4};
  member(CompletionSizeTag{}, w.queue) = sizes[0];
  w.lent(true).size = sizes[1];
  w.lent(false).size = sizes[2];
  member(FaultedTag{}, w.queue) = input<bool>("faulted");
  std::array<unsigned, 8> zeroed{};
  bool only_zero = true;
  w.io.on_store_at = [&](const std::uint64_t* at, std::uint64_t value) {
    const auto slot = static_cast<std::size_t>(at - ring_memory[2].data());
    only_zero = only_zero && value == 0 && slot < sizes[0];
    if (slot < 8) ++zeroed[slot];
  };
  w.queue.reset();
  const auto& now = w.at();
  conclude("I2", "the queue is valid", [&] { return w.queue.is_valid(); });
  conclude("I2", "each ring has its own size", [&] {
    return now.completions.mask == sizes[0] - 1 && now.headers.window.mask == sizes[1] - 1 &&
           now.payloads.window.mask == sizes[2] - 1;
  });
  conclude("I3", "no buffer is posted", [&] {
    return now.headers.window.empty() && now.payloads.window.empty() &&
           now.headers.window.head == 0U && now.payloads.window.head == 0U;
  });
  conclude("I1", "a header leaves its head room, a payload none", [&] {
    return now.headers.next_offset == kHeadRoom && now.headers.first_offset == kHeadRoom &&
           now.payloads.next_offset == 0U && now.payloads.first_offset == 0U;
  });
  conclude("F", "the first lap is the one of DONE = 1",
           [&] { return now.completions.head == 0U && now.completions.done == 1U; });
  unsigned words = 0;
  for (unsigned i = 0; i < 8; ++i) words += zeroed[i] != 0 ? 1U : 0U;
  conclude("F", "every completion is zeroed, and nothing else is written",
           only_zero && words == sizes[0]);
  conclude("F", "fault and packet are forgotten",
           !w.queue.faulted() && now.assembly == World::Assembly{});
  conclude("F", "the counters stay", counter_values(w.counted()) == counter_values(RxCounters{}));
}

HNI_PROVE(rx_queue_repeats_doorbells,
          "Repeated doorbells have exactly the last values, for each of the three rings, and "
          "change nothing (I5, F).") {
  World w(Stage::kBetween, false);
  Rung rung;
  keep_doorbells(w, rung);
  w.queue.repeat_doorbells();
  conclude("I5", "three doorbells", rung.size() == 3);
  if (rung.size() != 3) return;
  conclude("I5", "buffers first, then the completions",
           rung[0].first == spec::QUEUE_BDQ_HPQ_TAIL::at(kQueue) &&
               rung[1].first == spec::QUEUE_BDQ_PPQ_TAIL::at(kQueue) &&
               rung[2].first == spec::QUEUE_RCQ_HEAD::at(kQueue));
  conclude("I5", "each with its own ring's place", [&] {
    return rung[0].second == w.before.headers.window.tail &&
           rung[1].second == w.before.payloads.window.tail &&
           rung[2].second == w.before.completions.head;
  });
  conclude("I2", "nothing moves", [&] { return same_state(w); });
  conclude("F", "they are counted",
           counter_values(w.counted()) == counter_values(RxCounters{.doorbells = 3}) &&
               w.obs.traced.empty());
}

HNI_PROVE(rx_queue_starves,
          "A queue starves exactly if one of its buffer rings has fewer than four posted pages; "
          "the query changes nothing (F).") {
  must_cover("starving", "fed");
  World w(Stage::kBetween, false);
  w.pool.per_page = input<bool>("pages of two fragments") ? 2 : 1;
  const bool starving = w.queue.starving();
  cover(starving ? "starving" : "fed");
  conclude("F", "exactly then", [&] {
    const std::uint32_t few = 4 * w.pool.per_page;
    return starving ==
           (w.before.headers.window.used() < few || w.before.payloads.window.used() < few);
  });
  conclude("I2", "nothing moves", [&] { return same_state(w); });
}

HNI_PROVE(rx_queue_polls_three,
          "A poll of three packets, the first of them begun before: each packet without an error "
          "bit is delivered, in order, each in its own element, and the others are freed once; "
          "bytes and packets are added to the counters (I4, I5, I7, F).") {
  must_cover("three delivered", "two delivered", "none delivered");
  World w(Stage::kStamped);
  std::array<Packet, 3> out;
  std::vector<Word> lengths, good;
  std::vector<bool> errors;
  unsigned loads = 0, rung = 0;
  w.partial.length = member(PartialTag{}, w.queue).length;
  lengths.push_back(w.partial.length);
  w.device.on_load = [&](const Word& slot) {
    conclude("I8", "each completion is read once, in order",
             slot == ((w.before.completions.head + loads) & w.before.completions.mask));
    ++loads;
  };
  // Header and metadata alternately, well-formed; everything else is covered by other proofs.
  w.device.on_loaded = [&](const Wide& word) {
    const spec::RCD_HDR_AL::of<Wide> header{word};
    const spec::RCD_META::of<Wide> meta{word};
    const bool wants_header = loads % 2 == 0;
    const auto type = wants_header ? spec::RCD_TYPE::HDR_AL : spec::RCD_TYPE::META;
    if (header.TYPE() != static_cast<std::uint64_t>(type)) end_path();
    if (wants_header) {
      const auto& ring = w.before.headers.window;
      const Word next = ring.advance(ring.head, Word(loads / 2 - 1));
      if (header.PAGE_FIN() == 0U || header.BUFF_ID() != Wide(next)) end_path();
      lengths.emplace_back(header.LEN());
      return;
    }
    if (meta.ERR_TRUNCATED_FRAME() != 0U) end_path();
    errors.push_back(meta.ERR_MAC_EOP() != 0U);
    if (!errors.back()) good.push_back(lengths.back());
  };
  w.device.on_doorbell = [&](RegAddr, const Word&) { ++rung; };
  w.pool.on_drop = [](const Word&) { end_path(); };
  w.pool.on_hold = [](const Word&) {};
  w.pool.on_drop_packet = [] {};
  const std::uint32_t received = w.queue.poll(out);
  const bool all = w.at().assembly == World::Assembly{} && errors.size() == 3;
  if (!w.device.refused.empty() || !all) return;
  cover(received == 3 ? "three delivered" : received == 2 ? "two delivered" : "none delivered");
  conclude("I7", "three packets, good or not, are a poll of three", loads == 5);
  conclude("F", "those without an error are delivered", received == good.size());
  if (received != good.size()) return;
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < good.size(); ++i) {
    conclude("F", "each in its place, in order", out[i].length == good[i]);
    bytes += SymWords::number(Wide(out[i].length));
  }
  std::vector<Word> bad;
  for (std::size_t i = 0; i < 3; ++i)
    if (errors[i]) bad.push_back(lengths[i]);
  conclude("I4", "the others come back once", w.pool.dropped_lengths.size() == bad.size());
  for (std::size_t i = 0; i < bad.size() && i < w.pool.dropped_lengths.size(); ++i)
    conclude("I4", "each of them", w.pool.dropped_lengths[i] == bad[i]);
  const RxCounters c = w.counted();
  conclude("F", "packets, bytes and errors are added up",
           c.packets == received && c.bytes == bytes && c.mac_errors == 3 - received);
}

}  // namespace hni::proofs
