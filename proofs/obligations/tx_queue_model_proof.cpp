// SPDX-License-Identifier: Apache-2.0
// TxQueue as production instantiates it, compared with a model of each operation: every call
// sequence up to a fixed length on the smallest rings, and long pseudo-random ones on larger
// rings. It covers what the proofs for arbitrary sizes bound or omit: many iterations of each
// loop, all members at once, offloads, memory, and read-only operations.
#include <algorithm>

#include "proofs/obligations/tx_queue_model.hpp"
#include "tests/support/private_member.hpp"

namespace hni::proofs {

HNI_PRIVATE_MEMBER(PendingOf, &Queue::stamps_pending_);

namespace {

/// Queue and model, and the operations of application and card on both.
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

  /// Fills work queue 0 with packets of one segment and frees them again, in one poll and without a
  /// poll, several times around the ring.
  void laps() {
    for (unsigned lap = 0; lap < 5; ++lap) {
      std::vector<Packet> packets;
      for (std::uint32_t i = 0; i < size_ / 2; ++i) {
        Packet p;
        p.segments[0] = {*pool_.take(), 2, 60};
        (void)pages_.take(1);
        p.segment_count = 1;
        p.length = 60;
        packets.push_back(p);
      }
      ++compared_.operations;
      compare(burst(lap % 2, packets));
      if (lap == 3) {
        reclaim();
        reset();
        compare("reset");
        continue;
      }
      const std::uint32_t head = model_.tail(lap % 2);
      auto* words = reinterpret_cast<std::uint64_t*>(io_.spans[2].cpu);
      const auto word = spec::TCD_TYPE0{}.set_TWQ1(lap % 2).set_HEAD0(head).set_HEAD1(head);
      words[written_ % size_] = spec::TCD{word.raw}.set_DONE(1).raw;
      ++written_;
      compare(poll(64));
    }
  }

  /// Sends packets with each offload field at its limits, combined with every flag and length.
  void offloads() {
    constexpr std::uint32_t kLimits[][5] = {{0, 2, 126, 127, 128}, {0, 2, 510, 511, 512},
                                            {0, 2, 510, 511, 512}, {0, 2, 30, 31, 32},
                                            {0, 4, 60, 61, 64},    {0, 1, 16383, 16384, 16385}};
    for (unsigned flags = 0; flags < 8; ++flags) {
      for (const std::uint32_t length : {0U, 1U, 9742U, 9743U, 60000U}) {
        for (unsigned field = 0; field < 6; ++field) {
          for (const std::uint32_t value : kLimits[field]) offload(flags, length, field, value);
        }
      }
    }
  }

  void end() {
    queue_.release();
    for (std::uint64_t m = 1; m <= 3; ++m) append(expected_, Did::kFree, m << 24, 8 * size_);
    compare("release");
    queue_.release();
    compare("release again");
  }

 private:
  void offload(unsigned flags, std::uint32_t length, unsigned field, std::uint32_t value) {
    std::array<std::uint32_t, 6> fields{14, 20, 40, 16, 20, 1400};
    fields[field] = value;
    Packet p;
    p.segments[0] = {*pool_.take(), 2, 60};
    (void)pages_.take(1);
    p.segment_count = 1;
    p.length = length;
    p.tx.flags = flags;
    p.tx.cookie = ++cookie_;
    p.tx.l2_bytes = static_cast<std::uint8_t>(fields[0]);
    p.tx.outer_l3_bytes = static_cast<std::uint16_t>(fields[1]);
    p.tx.l3_bytes = static_cast<std::uint16_t>(fields[2]);
    p.tx.checksum_offset = static_cast<std::uint8_t>(fields[3]);
    p.tx.l4_bytes = static_cast<std::uint8_t>(fields[4]);
    p.tx.mss = static_cast<std::uint16_t>(fields[5]);
    p.tx.l3_type = static_cast<spec::L3_TYPE>(1 + cookie_ % 2);
    p.tx.l4_type = static_cast<spec::L4_TYPE>(2 - cookie_ % 2);
    ++compared_.operations;
    burst(0, {p});
    reclaim();
    compare("an offload at its limits");
    reset();
    compare("reset");
  }

  /// One of the operations that are relevant on rings of a few slots.
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
    return burst(q, packets);
  }
  const char* burst(unsigned q, const std::vector<Packet>& packets) {
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
    const unsigned kind = fixed                  ? 4
                          : source_.exhaustive() ? 4 * source_.pick(2)
                                                 : source_.pick(16);
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
    o.l4_bytes =
        static_cast<std::uint8_t>(source_.one_in(12) ? source_.pick(68) : 4 * source_.pick(16));
    o.mss = static_cast<std::uint16_t>(
        source_.one_in(12) ? 16383 * source_.pick(2) + source_.pick(2) : 1 + source_.pick(9000));
    o.l3_type = static_cast<spec::L3_TYPE>(source_.pick(3));
    o.l4_type = static_cast<spec::L4_TYPE>(source_.pick(3));
  }

  /// The card writes the next completion: a head of a work queue, a timestamp, or an arbitrary
  /// word.
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
  /// Usually the end of a posted packet.
  std::uint32_t any_head(unsigned q) {
    if (source_.one_in(40)) return source_.pick(2 * size_);
    std::vector<std::uint32_t> ends{model_.slot(q, model_.work[q].done)};
    for (std::uint32_t n = model_.work[q].done; n < model_.used(q); ++n)
      if (model_.work[q].slots[n].last) ends.push_back(model_.slot(q, n + 1));
    return ends[source_.pick(4) == 0 ? ends.size() - 1
                                     : source_.pick(static_cast<unsigned>(ends.size()))];
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
    compared_.check(stamp.has_value() == !model_.kept.empty(), "a timestamp if there is one");
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
    awaits_ = false;  // reclaim() leaves the count to reset()
    compare("reclaim");
  }
  void reset() {
    awaits_ = true;
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
    compared_.check(counter_values(queue_.counters()) == counter_values(model_.c),
                    "counters" + after);
    compared_.check(queue_.faulted() == model_.faulted && queue_.stopped() == model_.stopped,
                    "faulted and stopped" + after);
    compared_.check(queue_.outstanding() == model_.used(0) + model_.used(1),
                    "outstanding" + after);
    compared_.check(queue_.is_valid(), "valid" + after);
    const auto& slots = model_.work[0].slots;
    const auto waiting =
        std::count_if(slots.begin(), slots.end(), [](const SlotModel& s) { return s.waits; });
    if (awaits_)
      compared_.check(queue_.*member(PendingOf{}) == waiting,
                      "a timestamp is awaited per waiting slot" + after);
    compared_.check(pages_.is(pool_), "each page is held as often as the model says" + after);
    for (unsigned q = 0; q < 2; ++q) {
      const auto& ring = queue_.ring(q);
      compared_.check(
          ring.window.head == model_.work[q].head && ring.window.tail == model_.tail(q) &&
              ring.done == model_.slot(q, model_.work[q].done) && ring.window.mask == size_ - 1,
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
  bool awaits_ = true;  ///< the count of awaited timestamps is in step with the slots
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
          "completions, polls, expiry, resets) has the effects of the model on memory, registers, "
          "pool, counters and observer (I1 to I8, F).") {
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

HNI_PROVE(tx_queue_offloads,
          "Each field of an offload below, at and above its limit, beside every flag and lengths "
          "from 0 to 60,000: the packet is described by its descriptor, or dropped, as a second "
          "description says (I1 to I8, F).") {
  must_cover("posted", "dropped for reason 4");
  Compared compared;
  Source source(1);
  TxRun run(source, compared, 64, 8);
  run.offloads();
  run.end();
  conclude_compared(compared);
}

HNI_PROVE(
    tx_queue_on_the_largest_rings,
    "Rings of 65,536 descriptors are filled and emptied in one call each, by a completion and "
    "by a reclaim, and are zeroed as a whole by a reset (I1 to I8, F).") {
  must_cover("posted", "completed", "stopped", "dropped for reason 3");
  Compared compared;
  Source source(2);
  TxRun run(source, compared, 65536, 65536);
  run.laps();
  run.end();
  conclude_compared(compared);
}

HNI_PROVE(tx_queue_in_long_runs,
          "The same in long pseudo-random runs on rings of 8 to 1024 descriptors, with offloads, "
          "packets of up to 18 segments, and completions that break rules (I1 to I8, F).") {
  must_cover("refused tcd_head", "refused tcd_type", "refused tcd_timestamp", "posted",
             "completed", "read", "sent", "stopped", "woken", "free", "dropped for reason 3",
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
