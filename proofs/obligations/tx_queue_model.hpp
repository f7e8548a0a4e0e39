// SPDX-License-Identifier: Apache-2.0
// A model of a transmit queue: what each operation does to memory, registers, pool, counters and
// observer.
#pragma once

#include <algorithm>

#include "driver/queues/tx_queue.hpp"
#include "proofs/obligations/queue_model_world.hpp"

namespace hni::proofs {
namespace {

using Queue = TxQueue<LoggedIo, LoggedObserver>;
constexpr QueueId kQueue{5};

struct SlotModel {
  std::optional<std::uint32_t> fragment;
  bool last = false, waits = false;
  std::uint32_t cookie = 0;
};

/// A work queue: the posted slots, oldest first.
struct WorkModel {
  std::uint32_t head = 0,
                done = 0;  ///< done: the number of posted slots that the card has completed
  std::deque<SlotModel> slots;
};

class TxModel {
 public:
  TxModel(Log& out, PoolModel& pages, std::uint32_t ring_size)
      : log(out), pool(pages), size(ring_size) {}

  Log& log;
  PoolModel& pool;
  std::uint32_t size;
  std::array<DmaAddr, 2> work_address{};
  DmaAddr completion_address{};
  const std::uint64_t* completion_words = nullptr;
  bool enabled = false, faulted = false, stopped = false, watched = false;
  std::array<WorkModel, 2> work;
  std::uint64_t consumed = 0;  ///< completions since the reset
  std::deque<TxTimestamp> kept;
  TxCounters c;

  std::uint32_t used(unsigned q) const { return static_cast<std::uint32_t>(work[q].slots.size()); }
  std::uint32_t slot(unsigned q, std::uint32_t n) const { return (work[q].head + n) % size; }
  std::uint32_t tail(unsigned q) const { return slot(q, used(q)); }
  void reset() {
    work = {};
    consumed = 0;
    faulted = stopped = false;
    for (std::uint32_t i = 0; i < size; ++i)
      append(log, Did::kStore, raw(completion_address) + 8 * i, 0);
  }

  static bool describable(const Packet& p, unsigned q) {
    const TxOffload& o = p.tx;
    if (p.segment_count < 1 || p.segment_count > 18 || p.length == 0) return false;
    if (o.flags == 0) return p.length <= 9742;
    if (q == 1) return false;
    const bool cut = (o.flags & 2) != 0;
    if (!cut && p.length > 9742) return false;
    for (const int bytes : {+o.l2_bytes, +o.outer_l3_bytes, +o.l3_bytes, +o.checksum_offset})
      if (bytes % 2 != 0) return false;
    if (o.l2_bytes > 126 || o.outer_l3_bytes > 510 || o.l3_bytes > 510 || o.checksum_offset > 30)
      return false;
    return !cut || (o.mss >= 1 && o.mss <= 16383 && o.l4_bytes <= 60 && o.l4_bytes % 4 == 0);
  }

  std::uint32_t burst(std::span<const Packet> packets, unsigned q) {
    if (!enabled || faulted) return 0;
    std::uint32_t taken = 0;
    const std::uint32_t first = tail(q);
    std::uint32_t posted = 0, last_meta_slot = 0;
    std::uint64_t last_meta = 0;
    for (const Packet& p : packets) {
      if (!describable(p, q)) {
        ++c.invalid_packets;
        append(log, Did::kDropped, kQueue, DropReason::kTxInvalid);
        pool.put(p);
        ++taken;
        continue;
      }
      if (size - 1 - used(q) < p.segment_count + (q == 0 ? 1U : 0U)) {
        stop();
        break;
      }
      if (q == 0) {
        last_meta = meta_of(p.tx);
        last_meta_slot = tail(0);
        const bool waits = (p.tx.flags & 4) != 0;
        post(0, last_meta, {std::nullopt, false, waits, p.tx.cookie});
        ++posted;
      }
      for (std::uint32_t i = 0; i < p.segment_count; ++i)
        post(q, p.segments[i], i + 1 == p.segment_count);
      posted += p.segment_count;
      c.bytes += p.length;
      ++taken;
    }
    if (posted != 0) {
      if (q == 0) store(0, last_meta_slot, last_meta | spec::TWD_META{}.set_REQ_COMPLETION(1).raw);
      append(log, Did::kWrite,
             place_of(q == 0 ? spec::QUEUE_TWQ0_TAIL::at(raw(kQueue))
                             : spec::QUEUE_TWQ1_TAIL::at(raw(kQueue))),
             tail(q));
      ++c.doorbells;
      append(log, Did::kPosted, kQueue, kind(q), first, posted, size - 1);
    }
    c.packets += taken;
    return taken;
  }

  std::uint32_t poll(std::uint32_t budget) {
    if (!enabled || faulted) return 0;
    append(log, Did::kStarted, kQueue, budget);
    std::uint32_t n = 0;
    while (n < budget) {
      const auto slot = static_cast<std::uint32_t>(consumed % size);
      const std::uint64_t word = completion_words[slot];
      load(slot);
      if (spec::TCD{word}.DONE() != (consumed / size % 2 == 0 ? 1 : 0)) break;
      ++consumed;
      ++n;
      if (!believe(word)) {
        faulted = true;
        break;
      }
    }
    if (n != 0) {
      for (std::uint32_t i = n; watched && i > 0; --i) {
        const auto slot = static_cast<std::uint32_t>((consumed - i) % size);
        load(slot);
        append(log, Did::kRead, kQueue, RingKind::kTcq, slot, completion_words[slot]);
      }
      append(log, Did::kWrite, place_of(spec::QUEUE_TCQ_HEAD::at(raw(kQueue))), consumed % size);
      free_completed(0);
      free_completed(1);
      if (stopped) wake();
    }
    append(log, Did::kPolled, kQueue, budget, n);
    return n;
  }

  void expire() {
    WorkModel& w = work[0];
    while (w.done != 0 && w.slots.front().waits) {
      w.slots.front().waits = false;
      ++c.timestamps_lost;
      free_completed(0);
    }
    if (stopped) wake();
  }

  void reclaim() {
    for (unsigned q = 0; q < 2; ++q) {
      while (!work[q].slots.empty()) {
        const SlotModel s = pop(q);
        if (s.fragment) pool.put(*s.fragment);
        c.timestamps_lost += s.waits ? 1U : 0U;
        if (!s.last) continue;
        ++c.reclaimed_packets;
        append(log, Did::kDropped, kQueue, DropReason::kQueueReset);
      }
    }
  }

  void trace_sent(std::span<const Packet> packets, unsigned q) {
    for (const Packet& p : packets)
      if (describable(p, q)) append(log, Did::kSent, kQueue, kind(q), p.length, p.segment_count);
  }

 private:
  static RingKind kind(unsigned q) { return q == 0 ? RingKind::kTwq0 : RingKind::kTwq1; }
  void load(std::uint32_t slot) {
    append(log, Did::kLoad, Site::kTcqWord, raw(completion_address) + 8 * slot);
  }
  void store(unsigned q, std::uint32_t slot, std::uint64_t word) {
    append(log, Did::kStore, raw(work_address[q]) + 8 * slot, word);
  }
  void post(unsigned q, std::uint64_t word, const SlotModel& s) {
    store(q, tail(q), word);
    work[q].slots.push_back(s);
  }
  void post(unsigned q, const Segment& s, bool last) {
    const auto type = last ? spec::TWD_TYPE::LAST_AL : spec::TWD_TYPE::AL;
    const std::uint64_t at = kPoolAddress + 4096ULL * raw(s.fragment) + s.offset;
    post(q, spec::TWD_AL{}.set_ADDR(at).set_LEN(s.length).set_TYPE(plain(type)).raw,
         {raw(s.fragment), last, false, 0});
  }
  std::uint64_t meta_of(const TxOffload& o) {
    auto meta = spec::TWD_META{}.set_DEST_MAC(1);
    if (o.flags == 0) return meta.raw;
    meta.set_L2_HLEN(o.l2_bytes / 2U)
        .set_L3_OHLEN(o.outer_l3_bytes / 2U)
        .set_L3_IHLEN(o.l3_bytes / 2U);
    if ((o.flags & 3) != 0) meta.set_CSUM_OFFSET(o.checksum_offset / 2U);
    if ((o.flags & 1) != 0) meta.set_REQ_CSO(1), ++c.checksum_offloads;
    if ((o.flags & 2) != 0) {
      meta.set_REQ_LSO(1).set_MSS(o.mss).set_L4_HLEN(o.l4_bytes / 4U);
      meta.set_L3_TYPE(plain(o.l3_type)).set_L4_TYPE(plain(o.l4_type));
      ++c.segmentation_offloads;
    }
    if ((o.flags & 4) != 0) meta.set_REQ_TS(1);
    return meta.raw;
  }

  bool believe(std::uint64_t word) {
    const spec::TCD_TYPE0 head{word};
    const spec::TCD_TYPE1 stamp{word};
    const bool second = head.TWQ1() != 0;
    if (head.TYPE() == 0)
      return believe_head(second ? 1 : 0, second ? head.HEAD1() : head.HEAD0());
    if (head.TYPE() != 1 || second) return refuse(Site::kTcdType, head.TYPE(), 1);
    const auto oldest = std::find_if(work[0].slots.begin(), work[0].slots.end(),
                                     [](const SlotModel& s) { return s.waits; });
    if (oldest == work[0].slots.end()) return !refuse(Site::kTcdTimestamp, stamp.TS(), 0);
    oldest->waits = false;
    const bool valid = stamp.STATUS_TS_INVALID() == 0 && stamp.STATUS_ILLEGAL_TS_REQ() == 0;
    if (valid && kept.size() < 64) {
      kept.push_back({oldest->cookie, stamp.TS()});
      ++c.timestamps;
    } else {
      ++c.timestamps_lost;
    }
    return true;
  }
  bool believe_head(unsigned q, std::uint64_t head) {
    WorkModel& w = work[q];
    const auto refused = [&] { return refuse(Site::kTcdHead, head, tail(q)); };
    if (head >= size) return refused();
    const auto n = (static_cast<std::uint32_t>(head) + size - slot(q, w.done)) % size;
    if (n == 0) return true;
    if (w.done + n > used(q) || !w.slots[w.done + n - 1].last) return refused();
    w.done += n;
    return true;
  }
  bool refuse(Site site, std::uint64_t value, std::uint64_t limit) {
    append(log, Did::kRefused, site, value, limit);
    return false;
  }

  SlotModel pop(unsigned q) {
    WorkModel& w = work[q];
    const SlotModel s = w.slots.front();
    w.slots.pop_front();
    w.head = (w.head + 1) % size;
    if (w.done != 0) --w.done;
    return s;
  }
  void free_completed(unsigned q) {
    const std::uint32_t first = work[q].head;
    std::uint32_t n = 0;
    for (; work[q].done != 0 && !work[q].slots.front().waits; ++n) {
      const SlotModel s = pop(q);
      if (s.fragment) pool.put(*s.fragment);
      if (s.fragment && s.last) ++c.completed_packets;
    }
    if (n != 0) append(log, Did::kCompleted, kQueue, kind(q), first, n, size - 1);
  }
  void stop() {
    if (stopped) return;
    stopped = true;
    ++c.stops;
    append(log, Did::kStopped, kQueue);
  }
  void wake() {
    if (size - 1 - used(0) < 38 || size - 1 - used(1) < 38) return;
    stopped = false;
    ++c.wakes;
    append(log, Did::kWoken, kQueue);
  }

 public:
  static constexpr std::uint64_t kPoolAddress = 0x7000'0000;
};

}  // namespace
}  // namespace hni::proofs
