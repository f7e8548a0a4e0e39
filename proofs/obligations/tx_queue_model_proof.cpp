// SPDX-License-Identifier: Apache-2.0
// TxQueue as production instantiates it, beside a model that says in a second way what each
// operation does: every call sequence of a length on the smallest rings, and long pseudo-random
// ones on larger rings. It speaks about what the proofs for any size leave bounded or open: many
// turns of each loop, all members at once, offloads, memory, and the operations that only read.
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
  std::uint32_t head = 0, done = 0;  ///< done: of the posted ones, how many the card is through with
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
      for (std::uint32_t i = 0; i < p.segment_count; ++i) post(q, p.segments[i], i + 1 == p.segment_count);
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
    meta.set_L2_HLEN(o.l2_bytes / 2U).set_L3_OHLEN(o.outer_l3_bytes / 2U).set_L3_IHLEN(o.l3_bytes / 2U);
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
    if (head.TYPE() == 0) return believe_head(second ? 1 : 0, second ? head.HEAD1() : head.HEAD0());
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

std::array<std::uint64_t, 12> all_of(const TxCounters& c) {
  return {c.packets,         c.bytes, c.completed_packets, c.reclaimed_packets,
          c.invalid_packets, c.doorbells, c.stops,         c.wakes,
          c.checksum_offloads, c.segmentation_offloads, c.timestamps, c.timestamps_lost};
}

/// Queue and model, and what application and card do to both.
class TxRun {
 public:
  TxRun(Source& source, Compared& compared, std::uint32_t size, std::uint32_t pages)
      : source_(source), compared_(compared), size_(size), pages_(0, pages) {
    io_.log = observer_.log = &real_;
    (void)pool_.init({nullptr, DmaAddr{TxModel::kPoolAddress}, std::size_t{pages} * 4096}, 0);
    observer_.watched = model_.watched = source.exhaustive() ? size == 4 : source.pick(2) == 1;
    for (unsigned q = 0; q < 2; ++q) model_.work_address[q] = DmaAddr{std::uint64_t{q + 1} << 24};
    model_.completion_address = DmaAddr{3U << 24};
    const auto r = queue_.allocate(kQueue, size);
    compared_.check(r.has_value(), "there is memory");
    for (unsigned q = 0; q < 3; ++q) append(expected_, Did::kAllocate, 8 * size);
    model_.completion_words = reinterpret_cast<const std::uint64_t*>(io_.spans[2].cpu);
    fetches_ = source.exhaustive() || source.pick(4) != 0;
    reset();
    enable(true);
  }

  void turn() {
    ++compared_.operations;
    const char* what = source_.exhaustive() ? small_turn() : large_turn();
    compare(what);
  }

  void end() {
    queue_.release();
    for (std::uint64_t m = 1; m <= 3; ++m) append(expected_, Did::kFree, m << 24, 8 * size_);
    compare("release");
    queue_.release();
    compare("release again");
  }

 private:
  /// One of the operations that matter on rings of a few slots.
  const char* small_turn() {
    switch (source_.pick(10)) {
      case 0:
        return burst(0, 1);
      case 1:
        return burst(1, 1);
      case 2:
        return complete(0, 0);
      case 3:
        return complete(1, source_.pick(2));
      case 4:
        return complete(2, 0);
      case 5:
        return poll(1 + source_.pick(2));
      case 6:
        return expire();
      case 7:
        return burst(0, 2);
      case 8:
        reclaim();
        reset();
        return "reset";
      default:
        return fetch();
    }
  }
  const char* large_turn() {
    const unsigned kind = source_.pick(64);
    if (kind < 14) return burst(0, source_.pick(6));
    if (kind < 22) return burst(1, source_.pick(6));
    if (kind < 34) return complete(source_.pick(2), 0);
    if (kind < 42) return complete(2, 0);
    if (kind < 44) return complete(3, 0);
    if (kind < 56) return poll(source_.pick(4) == 0 ? source_.pick(3) : 64);
    if (kind < 58) return expire();
    if (kind < 62) return fetches_ || source_.one_in(8) ? fetch() : "nothing";
    if (kind == 62 && source_.one_in(4)) return enable(source_.pick(2) == 0);
    if (kind == 63 && (model_.faulted || source_.one_in(4))) {
      reclaim();
      reset();
      enable(true);
      return "reset";
    }
    return "nothing";
  }

  const char* burst(unsigned q, unsigned count) {
    std::vector<Packet> packets;
    for (unsigned i = 0; i < count; ++i) {
      const auto packet = any_packet(count > 1);
      if (!packet) break;
      packets.push_back(*packet);
    }
    const std::uint32_t expected = model_.burst(packets, q);
    const std::uint32_t taken = q == 0 ? queue_.burst(packets) : queue_.burst_plain(packets);
    compared_.check(taken == expected, "a burst takes as many packets as the model");
    queue_.trace_sent(q == 0 ? RingKind::kTwq0 : RingKind::kTwq1, {packets.data(), taken});
    model_.trace_sent({packets.data(), expected}, q);
    for (std::size_t i = expected; i < packets.size(); ++i) release(packets[i]);
    return "burst";
  }

  std::optional<Packet> any_packet(bool of_many) {
    Packet p;
    const bool fixed = source_.exhaustive() && of_many;
    const unsigned most = fixed ? 1 : source_.exhaustive() ? 2 : source_.one_in(8) ? 18 : 4;
    const unsigned segments = 1 + source_.pick(most);
    for (; p.segment_count < segments; ++p.segment_count) {
      const auto fragment = pool_.take();
      const auto expected = pages_.take(1);
      compared_.check(fragment.has_value() == expected.has_value() &&
                          (!fragment || raw(*fragment) == *expected),
                      "the pool gives the page that the model gives");
      if (!fragment || !expected) break;
      const auto offset = static_cast<std::uint16_t>(source_.exhaustive() ? 2 : source_.pick(64));
      p.segments[p.segment_count] = {*fragment, offset, static_cast<std::uint16_t>(60 + offset)};
      p.length += p.segments[p.segment_count].length;
    }
    if (p.segment_count == 0) return std::nullopt;
    const unsigned kind = fixed ? 4 : source_.exhaustive() ? 4 * source_.pick(2) : source_.pick(16);
    if (source_.exhaustive()) {
      p.tx.flags = kind;
      p.tx.cookie = ++cookie_;
    } else if (kind < 8) {
      any_offload(p.tx, kind & 7U);
    }
    if (kind == 15) p.length = source_.pick(2) == 0 ? 0 : 9742 + source_.pick(2);
    if (kind == 14) p.length = 60000;
    return p;
  }
  void any_offload(TxOffload& o, std::uint32_t flags) {
    const auto even = [&](unsigned most) {
      return source_.one_in(16) ? source_.pick(most + 3) : 2 * source_.pick(most / 2 + 1);
    };
    o.flags = flags;
    o.cookie = ++cookie_;
    o.l2_bytes = static_cast<std::uint8_t>(even(126));
    o.outer_l3_bytes = static_cast<std::uint16_t>(even(510));
    o.l3_bytes = static_cast<std::uint16_t>(even(510));
    o.checksum_offset = static_cast<std::uint8_t>(even(30));
    o.l4_bytes = static_cast<std::uint8_t>(source_.one_in(12) ? source_.pick(68) : 4 * source_.pick(16));
    o.mss = static_cast<std::uint16_t>(source_.one_in(12) ? 16383 * source_.pick(2) + source_.pick(2)
                                                          : 1 + source_.pick(9000));
    o.l3_type = static_cast<spec::L3_TYPE>(source_.pick(3));
    o.l4_type = static_cast<spec::L4_TYPE>(source_.pick(3));
  }

  /// The card writes a completion where the next one is due: a head of a work queue, a time stamp,
  /// or anything.
  const char* complete(unsigned kind, unsigned wrong) {
    if (written_ - model_.consumed >= size_) return "the card waits";
    auto* words = reinterpret_cast<std::uint64_t*>(io_.spans[2].cpu);
    spec::TCD word{source_.exhaustive() ? 0 : source_.next()};
    if (kind < 2) {
      const std::uint32_t head = source_.exhaustive() ? model_.tail(kind) + wrong : any_head(kind);
      word.raw = spec::TCD_TYPE0{}.set_TWQ1(kind).set_HEAD0(head).set_HEAD1(head).raw;
      if (kind == 0) word.raw = spec::TCD_TYPE0{word.raw}.set_HEAD1(head ^ 1U).raw;
      if (kind == 1) word.raw = spec::TCD_TYPE0{word.raw}.set_HEAD0(head ^ 1U).raw;
    } else if (kind == 2) {
      word.raw = spec::TCD_TYPE1{}
                     .set_TYPE(1)
                     .set_TS((source_.exhaustive() ? 9 : source_.next()) & 0xff'ffff'ffffU)
                     .set_STATUS_TS_INVALID(!source_.exhaustive() && source_.one_in(6) ? 1 : 0)
                     .set_STATUS_ILLEGAL_TS_REQ(!source_.exhaustive() && source_.one_in(6) ? 1 : 0)
                     .raw;
    }
    words[written_ % size_] = word.set_DONE(written_ / size_ % 2 == 0 ? 1 : 0).raw;
    ++written_;
    return "completion";
  }
  /// Mostly the end of a posted packet.
  std::uint32_t any_head(unsigned q) {
    if (source_.one_in(40)) return source_.pick(2 * size_);
    std::vector<std::uint32_t> ends{model_.slot(q, model_.work[q].done)};
    for (std::uint32_t n = model_.work[q].done; n < model_.used(q); ++n)
      if (model_.work[q].slots[n].last) ends.push_back(model_.slot(q, n + 1));
    return ends[source_.pick(4) == 0 ? ends.size() - 1 : source_.pick(static_cast<unsigned>(ends.size()))];
  }

  const char* poll(std::uint32_t budget) {
    const std::uint32_t expected = model_.poll(budget);
    compared_.check(queue_.poll(budget) == expected, "a poll consumes as much as the model");
    return "poll";
  }
  const char* expire() {
    model_.expire();
    queue_.expire_timestamps();
    return "expire_timestamps";
  }
  const char* fetch() {
    const auto stamp = queue_.next_timestamp();
    compared_.check(stamp.has_value() == !model_.kept.empty(), "a time stamp when there is one");
    if (!stamp || model_.kept.empty()) return "next_timestamp";
    compared_.check(stamp->cookie == model_.kept.front().cookie, "the cookie of its packet");
    compared_.check(stamp->time_ns == model_.kept.front().time_ns, "the time of its completion");
    model_.kept.pop_front();
    return "next_timestamp";
  }
  const char* enable(bool on) {
    queue_.set_enabled(on);
    model_.enabled = on;
    return "enable";
  }
  void reclaim() {
    model_.reclaim();
    queue_.reclaim();
    compare("reclaim");
  }
  void reset() {
    model_.reset();
    queue_.reset();
    written_ = 0;
  }
  void release(const Packet& p) {
    pool_.put(p);
    pages_.put(p);
  }

  void compare(const char* what) {
    const std::string after = std::string(" after ") + what;
    compared_.check(in_order(real_) == in_order(expected_), "it does what the model does" + after);
    compared_.look(expected_);
    real_.clear();
    expected_.clear();
    compared_.check(all_of(queue_.counters()) == all_of(model_.c), "counters" + after);
    compared_.check(queue_.faulted() == model_.faulted && queue_.stopped() == model_.stopped,
                    "faulted and stopped" + after);
    compared_.check(queue_.outstanding() == model_.used(0) + model_.used(1), "outstanding" + after);
    compared_.check(queue_.is_valid(), "valid" + after);
    compared_.check(pages_.is(pool_), "each page is held as often as the model says" + after);
    for (unsigned q = 0; q < 2; ++q) {
      const auto& ring = queue_.ring(q);
      compared_.check(ring.window.head == model_.work[q].head && ring.window.tail == model_.tail(q) &&
                          ring.done == model_.slot(q, model_.work[q].done) &&
                          ring.window.mask == size_ - 1,
                      "work queues" + after);
    }
    if (std::string(what).starts_with("release")) return;
    compared_.check(queue_.size() == size_ && queue_.work_address(0) == DmaAddr{1U << 24} &&
                        queue_.work_address(1) == DmaAddr{2U << 24} &&
                        queue_.completion_address() == DmaAddr{3U << 24},
                    "size and addresses" + after);
  }

  Source& source_;
  Compared& compared_;
  std::uint32_t size_;
  Log real_, expected_;
  LoggedIo io_;
  LoggedObserver observer_;
  CheckedIo<LoggedIo, LoggedObserver> device_{io_, observer_};
  FragmentPool pool_;
  PoolModel pages_;
  Queue queue_{device_, pool_};
  TxModel model_{expected_, pages_, size_};
  std::uint64_t written_ = 0;  ///< completions since the reset
  std::uint32_t cookie_ = 0;
  bool fetches_ = true;
};

void conclude_compared(const Compared& compared) {
  searched(compared.operations, "operations compared with the model");
  for (const std::string& kind : compared.seen) cover(kind);
  if (!compared.ok()) note(compared.wrong);
  conclude("F", "queue and model do the same", compared.ok());
}

}  // namespace

HNI_PROVE(tx_queue_on_small_rings,
          "On transmit rings of 2, 4 and 8 descriptors every sequence of four operations (bursts, "
          "completions, polls, expiry, resets) does to memory, registers, pool, counters and "
          "observer what a second description says (I1 to I8, F).") {
  Compared compared;
  for (const std::uint32_t size : {2U, 4U, 8U}) {
    Choices choices;
    do {
      Source source(choices);
      TxRun run(source, compared, size, 8);
      for (unsigned i = 0; i < 4; ++i) run.turn();
      ++compared.runs;
    } while (compared.ok() && choices.advance());
  }
  conclude_compared(compared);
}

HNI_PROVE(tx_queue_in_long_runs,
          "The same in long pseudo-random runs on rings of 8 to 1024 descriptors, with offloads, "
          "packets of up to 18 segments, and completions that break rules (I1 to I8, F).") {
  must_cover("refused tcd_head", "refused tcd_type", "refused tcd_timestamp", "posted", "completed",
             "read", "sent", "stopped", "woken", "free", "dropped for reason 3",
             "dropped for reason 4");
  Compared compared;
  for (std::uint64_t seed = 1; seed <= 300 && compared.ok(); ++seed) {
    Source source(seed);
    const std::uint32_t sizes[] = {8, 64, 64, 128, 256, 1024};
    TxRun run(source, compared, sizes[seed % 6], 96);
    for (unsigned i = 0; i < 600 && compared.ok(); ++i) run.turn();
    run.end();
    ++compared.runs;
  }
  conclude_compared(compared);
}

}  // namespace hni::proofs
