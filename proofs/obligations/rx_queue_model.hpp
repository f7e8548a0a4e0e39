// SPDX-License-Identifier: Apache-2.0
// A model of a receive queue: what each operation does to memory, registers, pool, counters and
// observer.
#pragma once

#include <algorithm>

#include "driver/queues/rx_queue.hpp"
#include "proofs/obligations/queue_model_world.hpp"

namespace hni::proofs {
namespace {

using Queue = RxQueue<LoggedIo, LoggedObserver>;
constexpr QueueId kQueue{3};
constexpr std::uint64_t kPoolAddress = 0x7000'0000;

struct Sizes {
  std::uint32_t completions, headers, payloads;
  unsigned page_shift;
  std::uint32_t pages;
};

/// A ring of posted buffers: the fragments, oldest first.
struct LentModel {
  RingKind kind;
  RegAddr tail_register;
  std::uint32_t size, first;  ///< first: smallest offset in a fresh fragment
  DmaAddr address{};
  std::uint32_t head = 0;
  std::uint32_t next = first;  ///< data of the oldest fragment is delivered up to here
  std::deque<std::uint32_t> fragments{};

  std::uint32_t used() const { return static_cast<std::uint32_t>(fragments.size()); }
  std::uint32_t free() const { return size - 1 - used(); }
  std::uint32_t tail() const { return (head + used()) % size; }
  std::uint32_t pop() {
    const std::uint32_t fragment = fragments.front();
    fragments.pop_front();
    head = (head + 1) % size;
    next = first;
    return fragment;
  }
  void reset() {
    head = 0;
    next = first;
    fragments.clear();
  }
};

class RxModel {
 public:
  RxModel(Log& out, PoolModel& pages, const Sizes& s)
      : log(out),
        pool(pages),
        size(s.completions),
        headers{RingKind::kHpq, spec::QUEUE_BDQ_HPQ_TAIL::at(raw(kQueue)), s.headers, 128},
        payloads{RingKind::kPpq, spec::QUEUE_BDQ_PPQ_TAIL::at(raw(kQueue)), s.payloads, 0} {}

  Log& log;
  PoolModel& pool;
  std::uint32_t size;
  LentModel headers, payloads;
  const std::uint64_t* words = nullptr;
  DmaAddr address{};
  bool enabled = false, faulted = false, watched = false;
  bool assembling = false, stamped = false;
  Packet packet;               ///< under assembly
  std::uint64_t consumed = 0;  ///< completions since the reset
  RxCounters c;

  void reset() {
    headers.reset();
    payloads.reset();
    consumed = 0;
    assembling = stamped = faulted = false;
    for (std::uint32_t i = 0; i < size; ++i) append(log, Did::kStore, raw(address) + 8 * i, 0);
  }

  void refill() {
    refill(headers);
    refill(payloads);
  }

  void repeat_doorbells() {
    append(log, Did::kWrite, place_of(headers.tail_register), headers.tail());
    append(log, Did::kWrite, place_of(payloads.tail_register), payloads.tail());
    acknowledge();
    c.doorbells += 2;
  }

  std::vector<Packet> poll(std::uint32_t budget) {
    std::vector<Packet> out;
    if (!enabled || faulted || budget == 0) return out;
    if (watched) append(log, Did::kStarted, kQueue, budget);
    const RxModel before = *this;
    std::uint32_t ended = 0;
    while (ended < budget) {
      const Verdict verdict = one_packet();
      if (verdict == Verdict::kRefused) fault();
      if (verdict == Verdict::kRefused || verdict == Verdict::kNothing) break;
      ++ended;
      if (verdict == Verdict::kDelivered) {
        out.push_back(packet);
        c.bytes += packet.length;
      }
    }
    const auto n = static_cast<std::uint32_t>(consumed - before.consumed);
    if (n != 0 && watched) report(before, n, out);
    c.packets += out.size();
    if (n != 0 && !faulted) {
      if (headers.free() >= headers.size / 4 || payloads.free() >= payloads.size / 4) refill();
      acknowledge();
    }
    append(log, Did::kPolled, kQueue, budget, out.size());
    return out;
  }

  void drop_unread() {
    if (faulted || words == nullptr) return;
    for (std::uint32_t n = 0; n < size; ++n) {
      const Verdict verdict = one_packet();
      if (verdict == Verdict::kNothing) return;
      if (verdict == Verdict::kRefused) return fault();
      if (verdict == Verdict::kDelivered) drop_for_reset();
    }
  }

  bool missing() {
    const std::uint64_t word = words[slot(consumed)];
    load(slot(consumed));
    if (spec::RCD{word}.DONE() == (consumed / size % 2 == 0 ? 1 : 0)) return false;
    return !refuse(Site::kRcqWord, word, 0);
  }

  void reclaim() {
    while (headers.used() != 0) pool.put(headers.pop());
    while (payloads.used() != 0) pool.put(payloads.pop());
    if (!assembling) return;
    drop_for_reset();
    assembling = stamped = false;
  }

 private:
  enum class Verdict { kNothing, kDelivered, kDropped, kRefused };

  void acknowledge() {
    append(log, Did::kWrite, place_of(spec::QUEUE_RCQ_HEAD::at(raw(kQueue))), consumed % size);
    ++c.doorbells;
  }
  std::uint32_t slot(std::uint64_t n) const { return static_cast<std::uint32_t>(n % size); }
  void load(std::uint32_t at) { append(log, Did::kLoad, Site::kRcqWord, raw(address) + 8 * at); }

  void refill(LentModel& lent) {
    const std::uint32_t per_page = 1U << pool.shift;
    if (lent.free() < per_page) return;
    const std::uint32_t first = lent.tail();
    std::uint32_t posted = 0;
    append(log, Did::kRefillStarted, kQueue, lent.kind, first, lent.free());
    while (lent.free() >= per_page) {
      const auto page = pool.take(per_page);
      if (!page) {
        ++c.refill_empty;
        append(log, Did::kRefillEmpty, kQueue, lent.kind, lent.free());
        break;
      }
      for (std::uint32_t f = *page; f < *page + per_page; ++f, ++posted) {
        const auto bd = spec::BD{}.set_ADDR_4K(kPoolAddress / 4096 + f).set_ID(lent.tail());
        append(log, Did::kStore, raw(lent.address) + 8 * lent.tail(), bd.raw);
        lent.fragments.push_back(f);
      }
    }
    if (posted != 0) {
      append(log, Did::kWrite, place_of(lent.tail_register), lent.tail());
      ++c.doorbells;
    }
    append(log, Did::kRefilled, kQueue, lent.kind, first, posted, lent.size - 1);
  }

  /// Consumes the card's completions of at most one packet.
  Verdict one_packet() {
    for (;;) {
      const std::uint64_t word = words[slot(consumed)];
      load(slot(consumed));
      if (spec::RCD{word}.DONE() != (consumed / size % 2 == 0 ? 1 : 0)) return Verdict::kNothing;
      ++consumed;
      const auto type = static_cast<spec::RCD_TYPE>(spec::RCD{word}.TYPE());
      bool good = false;
      if (!assembling)
        good = type == spec::RCD_TYPE::HDR_AL ? begin(word) : refuse(Site::kRcdGrammar, word, 0);
      else if (type == spec::RCD_TYPE::META)
        return end(word);
      else if (!stamped && type == spec::RCD_TYPE::PAY_AL)
        good = payload(word);
      else if (!stamped && type == spec::RCD_TYPE::OPT_META)
        good = stamp(word);
      else
        good = refuse(Site::kRcdGrammar, word, 0);
      if (!good) return Verdict::kRefused;
    }
  }

  bool begin(std::uint64_t word) {
    Segment s;
    if (!segment(headers, word, Site::kRcdHeaderId, Site::kRcdHeaderOffset, Site::kRcdHeaderLength,
                 s))
      return false;
    packet = Packet{};
    packet.segments[0] = s;
    packet.segment_count = 1;
    packet.length = s.length;
    assembling = true;
    stamped = false;
    return true;
  }
  bool payload(std::uint64_t word) {
    if (packet.segment_count == 18) return refuse(Site::kRcdSegments, spec::RCD{word}.TYPE(), 18);
    Segment s;
    if (!segment(payloads, word, Site::kRcdPayloadId, Site::kRcdPayloadOffset,
                 Site::kRcdPayloadLength, s))
      return false;
    packet.segments[packet.segment_count++] = s;
    packet.length += s.length;
    return true;
  }
  bool stamp(std::uint64_t word) {
    const spec::RCD_OPT_META rcd{word};
    if (rcd.OPT_TYPE() != 0) return refuse(Site::kRcdOptMeta, rcd.OPT_TYPE(), 0);
    packet.rx.has_timestamp = rcd.TS_VALID() != 0;
    packet.rx.timestamp_ns = rcd.TS();
    stamped = true;
    return true;
  }
  Verdict end(std::uint64_t word) {
    const spec::RCD_META rcd{word};
    assembling = stamped = false;
    packet.rx.meta = word;
    if (rcd.ERR_MAC_EOP() == 0 && rcd.ERR_TRUNCATED_FRAME() == 0) return Verdict::kDelivered;
    const bool mac = rcd.ERR_MAC_EOP() != 0;
    ++(mac ? c.mac_errors : c.truncated);
    append(log, Did::kDropped, kQueue, mac ? DropReason::kMacError : DropReason::kTruncated);
    pool.put(packet);
    return Verdict::kDropped;
  }

  /// The position of new data, in the buffer that the card names; buffers before it are freed.
  bool segment(LentModel& lent, std::uint64_t word, Site id_site, Site offset_site,
               Site length_site, Segment& s) {
    const spec::RCD_HDR_AL rcd{word};
    const std::uint64_t id = rcd.BUFF_ID(), offset = rcd.OFF(), length = rcd.LEN();
    if (id >= lent.size || (id + lent.size - lent.head) % lent.size >= lent.used())
      return refuse(id_site, id, lent.tail());
    while (lent.head != id) pool.put(lent.pop());
    if (offset < lent.next || offset > 4095) return refuse(offset_site, offset, lent.next);
    if (length == 0 || offset + length > 4096) return refuse(length_site, length, 4096);
    s = {FragmentId{lent.fragments.front()}, static_cast<std::uint16_t>(offset),
         static_cast<std::uint16_t>(length)};
    if (rcd.PAGE_FIN() != 0) {
      (void)lent.pop();
    } else {
      lent.next = static_cast<std::uint32_t>(offset + length) + lent.first;
      pool.get(raw(s.fragment));
    }
    return true;
  }

  bool refuse(Site site, std::uint64_t value, std::uint64_t limit) {
    append(log, Did::kRefused, site, value, limit);
    return false;
  }
  void fault() {
    faulted = true;
    if (assembling) pool.put(packet);
    assembling = stamped = false;
    ++c.card_input;
    append(log, Did::kDropped, kQueue, DropReason::kCardInput);
  }
  void drop_for_reset() {
    ++c.reset_drops;
    append(log, Did::kDropped, kQueue, DropReason::kQueueReset);
    pool.put(packet);
  }
  void report(const RxModel& before, std::uint32_t n, const std::vector<Packet>& packets) {
    for (std::uint32_t i = 0; i < n; ++i) {
      load(slot(before.consumed + i));
      append(log, Did::kRead, kQueue, RingKind::kRcq, slot(before.consumed + i),
             words[slot(before.consumed + i)]);
    }
    for (const Packet& p : packets) append(log, Did::kReceived, kQueue, p.length, p.segment_count);
    for (const auto& [was, is] :
         {std::pair{&before.headers, &headers}, {&before.payloads, &payloads}}) {
      const std::uint32_t gone = was->used() - is->used();
      if (gone != 0)
        append(log, Did::kCompleted, kQueue, was->kind, was->head, gone, was->size - 1);
    }
    append(log, Did::kCompleted, kQueue, RingKind::kRcq, slot(before.consumed), n, size - 1);
  }
};

bool same(const Packet& a, const Packet& b) {
  bool equal = a.length == b.length && a.segment_count == b.segment_count &&
               a.rx.meta == b.rx.meta && a.rx.has_timestamp == b.rx.has_timestamp &&
               a.tx.flags == b.tx.flags &&
               (!a.rx.has_timestamp || a.rx.timestamp_ns == b.rx.timestamp_ns);
  for (std::uint32_t i = 0; equal && i < a.segment_count; ++i)
    equal = a.segments[i].fragment == b.segments[i].fragment &&
            a.segments[i].offset == b.segments[i].offset &&
            a.segments[i].length == b.segments[i].length;
  return equal;
}

}  // namespace
}  // namespace hni::proofs
