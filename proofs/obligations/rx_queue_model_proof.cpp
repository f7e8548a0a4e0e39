// SPDX-License-Identifier: Apache-2.0
// RxQueue as production instantiates it, compared with a model of each operation, as in
// tx_queue_model_proof.cpp. Its three rings have different sizes.
#include <algorithm>

#include "proofs/obligations/rx_queue_model.hpp"

namespace hni::proofs {
namespace {

/// Queue and model, and the operations of application and card on both.
class RxRun {
 public:
  RxRun(Source& source, Compared& compared, const Sizes& sizes, bool watched)
      : source_(source),
        compared_(compared),
        sizes_(sizes),
        pages_(sizes.page_shift, sizes.pages),
        model_(expected_, pages_, sizes) {
    io_.log = observer_.log = &real_;
    (void)pool_.init(
        {nullptr, DmaAddr{kPoolAddress}, std::size_t{sizes.pages} << (12 + sizes.page_shift)},
        sizes.page_shift);
    observer_.watched = model_.watched = watched;
    const auto r = queue_.allocate(kQueue, sizes.completions, sizes.headers, sizes.payloads);
    compared_.check(r.has_value(), "there is memory");
    for (const std::uint32_t n : {sizes.completions, sizes.headers, sizes.payloads})
      append(expected_, Did::kAllocate, 8 * n);
    model_.address = DmaAddr{1U << 24};
    model_.headers.address = DmaAddr{2U << 24};
    model_.payloads.address = DmaAddr{3U << 24};
    model_.words = reinterpret_cast<const std::uint64_t*>(io_.spans[0].cpu);
    reset();
    enable(true);
    refill();
    compare("the first refill");
  }

  void turn() {
    ++compared_.operations;
    compare(source_.exhaustive() ? small_turn() : large_turn());
  }

  /// Goes twice around the completion ring, then leaves it full for drop_unread().
  void laps() {
    for (std::uint32_t frames = 0; frames < sizes_.completions; frames += 2048) {
      for (unsigned i = 0; i < 2048; ++i) frame();
      ++compared_.operations;
      compare(poll(4096));
      while (!mine_.empty()) (void)release();
      compare("release of all packets");
    }
    while (written_ - model_.consumed + 2 <= sizes_.completions) frame();
    ++compared_.operations;
    compare(restart());
  }

  void end() {
    while (!mine_.empty()) release();
    queue_.release();
    model_.words = nullptr;
    for (std::uint64_t m = 1; m <= 3; ++m)
      append(expected_, Did::kFree, m << 24,
             8 * (m == 1   ? sizes_.completions
                  : m == 2 ? sizes_.headers
                           : sizes_.payloads));
    compare("release");
    queue_.drop_unread();
    queue_.release();
    compare("release again");
  }

 private:
  const char* small_turn() {
    switch (source_.pick(8)) {
      case 0:
        return write(any_buffer(spec::RCD_TYPE::HDR_AL));
      case 1:
        return write(any_buffer(spec::RCD_TYPE::PAY_AL));
      case 2:
        return write(any_meta());
      case 3:
        return poll(1 + source_.pick(2));
      case 4:
        return restart();
      case 5:
        return release();
      case 6:
        return missing();
      default:
        return write(spec::RCD_OPT_META{}.set_TYPE(2).set_TS_VALID(1).set_TS(77).raw);
    }
  }
  const char* large_turn() {
    const unsigned kind = source_.pick(64);
    if (kind < 30) return receive_frame();
    if (kind < 46) return poll(source_.pick(4) == 0 ? source_.pick(3) : 1 + source_.pick(40));
    if (kind < 56) return release();
    if (kind == 56) {
      queue_.repeat_doorbells();
      model_.repeat_doorbells();
      return "repeat_doorbells";
    }
    if (kind == 57) return source_.pick(2) == 0 ? refill() : missing();
    if (kind == 58 && source_.one_in(4)) return enable(source_.pick(2) == 0);
    if (kind == 59 && source_.one_in(2)) return write(source_.next());  // anything
    if (kind >= 60 && (model_.faulted || source_.one_in(24))) return restart();
    return "nothing";
  }

  /// Usually the completions of one frame; sometimes a part of them, or a wrong one.
  const char* receive_frame() {
    const unsigned payloads = source_.one_in(6) ? source_.pick(19) : source_.pick(3);
    const bool cut = source_.one_in(12);
    (void)write(any_buffer(spec::RCD_TYPE::HDR_AL));
    for (unsigned i = 0; i < payloads; ++i) (void)write(any_buffer(spec::RCD_TYPE::PAY_AL));
    if (cut) return "part of a frame";
    if (source_.pick(3) == 0) {
      (void)write(spec::RCD_OPT_META{}
                      .set_TYPE(2)
                      .set_OPT_TYPE(source_.one_in(32) ? 1 : 0)
                      .set_TS_VALID(source_.pick(2))
                      .set_TS(source_.next() & 0xff'ffff'ffffU)
                      .raw);
      // The rest comes after the next poll.
      if (source_.pick(4) == 0) (void)poll(1 + source_.pick(40));
    }
    return write(any_meta());
  }

  /// A frame of one buffer.
  void frame() {
    const std::uint64_t id = card_headers_.taken++ % sizes_.headers;
    (void)write(spec::RCD_HDR_AL{}
                    .set_TYPE(plain(spec::RCD_TYPE::HDR_AL))
                    .set_BUFF_ID(id)
                    .set_OFF(kHeadRoom)
                    .set_LEN(60)
                    .set_PAGE_FIN(1)
                    .raw);
    (void)write(spec::RCD_META{}.set_TYPE(plain(spec::RCD_TYPE::META)).raw);
  }

  std::uint64_t any_meta() {
    auto meta = spec::RCD_META{source_.exhaustive() ? 0 : source_.next()}.set_TYPE(3);
    const unsigned errors = source_.exhaustive() ? source_.pick(2)
                            : source_.one_in(6)  ? 1 + source_.pick(3)
                                                 : 0;
    return meta.set_ERR_MAC_EOP(errors & 1U).set_ERR_TRUNCATED_FRAME(errors >> 1U).raw;
  }

  /// The card's own position in a ring of buffers.
  struct CardPlace {
    std::uint64_t taken = 0;  ///< buffers since the reset
    std::uint32_t offset = 0;
  };
  std::uint64_t any_buffer(spec::RCD_TYPE type) {
    const bool header = type == spec::RCD_TYPE::HDR_AL;
    CardPlace& at = header ? card_headers_ : card_payloads_;
    const LentModel& lent = header ? model_.headers : model_.payloads;
    const bool exhaustive = source_.exhaustive();
    const unsigned skip = exhaustive ? source_.pick(2) : source_.one_in(5) ? source_.pick(5) : 0;
    if (skip != 0) at = {at.taken + skip, lent.first};
    at.offset = std::max(at.offset, lent.first);
    const bool last = exhaustive ? source_.pick(2) == 0 : source_.pick(2) == 0 || at.offset > 3000;
    std::uint64_t offset = at.offset + (exhaustive ? 0 : source_.pick(16));
    std::uint64_t length = exhaustive ? 100 : 1 + source_.pick(900);
    std::uint64_t id = at.taken % lent.size;
    if (!exhaustive && source_.one_in(60)) id = source_.next() & 0xffff;
    if (!exhaustive && source_.one_in(60)) offset = source_.next() & 0xfff;
    if (!exhaustive && source_.one_in(60))
      length = source_.pick(2) == 0 ? 0 : 4096 - offset + source_.pick(2);
    at.offset = static_cast<std::uint32_t>(offset + length) + lent.first;
    if (last) at = {at.taken + 1, lent.first};
    return spec::RCD_HDR_AL{}
        .set_TYPE(plain(type))
        .set_BUFF_ID(id)
        .set_OFF(offset)
        .set_LEN(length)
        .set_PAGE_FIN(last ? 1 : 0)
        .raw;
  }

  const char* write(std::uint64_t word) {
    const std::uint32_t size = sizes_.completions;
    if (written_ - model_.consumed >= size) return "the card waits";
    auto* words = reinterpret_cast<std::uint64_t*>(io_.spans[0].cpu);
    words[written_ % size] = spec::RCD{word}.set_DONE(written_ / size % 2 == 0 ? 1 : 0).raw;
    ++written_;
    return "completion";
  }

  const char* poll(std::uint32_t budget) {
    std::vector<Packet> out(budget, used_before());
    const std::uint32_t n = queue_.poll(out);
    const std::vector<Packet> expected = model_.poll(budget);
    compared_.check(n == expected.size(), "a poll delivers as many packets as the model");
    for (std::uint32_t i = 0; i < std::min<std::size_t>(n, expected.size()); ++i)
      compared_.check(same(out[i], expected[i]), "each packet is the one of the model");
    mine_.insert(mine_.end(), expected.begin(), expected.end());
    return "poll";
  }
  /// A packet as an earlier poll may have left it in the caller's memory.
  static Packet used_before() {
    Packet p;
    p.length = 777;
    p.segment_count = 5;
    p.rx.meta = ~0ULL / 3;
    p.rx.has_timestamp = true;
    p.rx.timestamp_ns = 999;
    p.tx.flags = 7;
    return p;
  }
  /// Compares completion_missing(), which counts a missing completion as refused input.
  const char* missing() {
    const bool expected = model_.missing();
    compared_.check(queue_.completion_missing() == expected, "a completion is missing");
    return "completion_missing";
  }
  /// The application frees a packet.
  const char* release() {
    if (mine_.empty()) return "nothing";
    const std::size_t n =
        source_.exhaustive() ? 1 : 1 + source_.pick(static_cast<unsigned>(mine_.size()));
    for (std::size_t i = 0; i < n; ++i) {
      pool_.put(mine_.front());
      pages_.put(mine_.front());
      mine_.pop_front();
    }
    return "release of a packet";
  }
  const char* refill() {
    queue_.refill();
    model_.refill();
    return "refill";
  }
  const char* enable(bool on) {
    queue_.set_enabled(on);
    model_.enabled = on;
    return "enable";
  }
  void reset() {
    queue_.reset();
    model_.reset();
    written_ = 0;
    card_headers_ = card_payloads_ = {};
  }
  const char* restart() {
    queue_.drop_unread();
    model_.drop_unread();
    compare("drop_unread");
    queue_.reclaim();
    model_.reclaim();
    compare("reclaim");
    queue_.reclaim();  // must do nothing
    compare("reclaim again");
    reset();
    enable(true);
    return refill();
  }

  bool same_ring(const BufferRing<std::uint32_t>& ring, const LentModel& lent) const {
    return ring.window.head == lent.head && ring.window.tail == lent.tail() &&
           ring.window.mask == lent.size - 1 && ring.next_offset == lent.next &&
           ring.first_offset == lent.first;
  }

  void compare(const char* what) {
    const std::string after = std::string(" after ") + what;
    compared_.check(in_order(real_) == in_order(expected_), "it does what the model does" + after);
    compared_.look(expected_);
    real_.clear();
    expected_.clear();
    compared_.check(counter_values(queue_.counters()) == counter_values(model_.c),
                    "counters" + after);
    compared_.check(queue_.faulted() == model_.faulted, "faulted" + after);
    compared_.check(queue_.is_valid(), "valid" + after);
    compared_.check(pages_.is(pool_), "each page is held as often as the model says" + after);
    compared_.check(same_ring(queue_.headers(), model_.headers) &&
                        same_ring(queue_.payloads(), model_.payloads),
                    "buffer rings" + after);
    const std::uint32_t few = 4U << sizes_.page_shift;
    compared_.check(
        queue_.starving() == (model_.headers.used() < few || model_.payloads.used() < few),
        "starving" + after);
    compared_.check(queue_.completion_size() == sizes_.completions &&
                        queue_.header_size() == sizes_.headers &&
                        queue_.payload_size() == sizes_.payloads,
                    "sizes" + after);
    if (std::string(what).starts_with("release")) return;
    compared_.check(queue_.completion_address() == model_.address &&
                        queue_.header_address() == model_.headers.address &&
                        queue_.payload_address() == model_.payloads.address,
                    "addresses" + after);
  }

  Source& source_;
  Compared& compared_;
  Sizes sizes_;
  Log real_, expected_;
  LoggedIo io_;
  LoggedObserver observer_;
  CheckedIo<LoggedIo, LoggedObserver> device_{io_, observer_};
  FragmentPool pool_;
  PoolModel pages_;
  Queue queue_{device_, pool_};
  RxModel model_;
  std::uint64_t written_ = 0;  ///< completions since the reset
  CardPlace card_headers_, card_payloads_;
  std::deque<Packet> mine_;  ///< the application's
};

void conclude_compared(const Compared& compared) {
  searched(compared.operations, "operations compared with the model");
  for (const std::string& kind : compared.seen) cover(kind);
  if (!compared.ok()) note(compared.wrong);
  conclude("F", "queue and model do the same", compared.ok());
}

}  // namespace

HNI_PROVE(rx_queue_on_small_rings,
          "On receive rings of 2, 4 and 8 descriptors, of different sizes, every sequence of four "
          "operations (completions, polls, resets, freed packets) has the effects of the model on "
          "memory, registers, pool, counters and observer (I1 to I8, F).") {
  Compared compared;
  for (const Sizes& sizes : {Sizes{8, 4, 2, 0, 6}, Sizes{4, 8, 8, 1, 6}, Sizes{2, 2, 4, 0, 3}}) {
    Choices choices;
    do {
      Source source(choices);
      RxRun run(source, compared, sizes, sizes.headers == 8);
      for (unsigned i = 0; i < 4; ++i) run.turn();
      ++compared.runs;
    } while (compared.ok() && choices.advance());
  }
  conclude_compared(compared);
}

HNI_PROVE(
    rx_queue_on_the_largest_rings,
    "Rings of 65,536 descriptors are filled by one refill, pass through several laps, are "
    "dropped and reclaimed in one call each, and are zeroed as a whole by a reset (I1 to I8, "
    "F).") {
  must_cover("completed", "received", "refilled", "dropped for reason 3");
  Compared compared;
  Source source(2);
  RxRun run(source, compared, {65536, 65536, 65536, 0, 200000}, true);
  run.laps();
  run.end();
  conclude_compared(compared);
}

HNI_PROVE(rx_queue_in_long_runs,
          "The same in long pseudo-random runs on rings of 8 to 1024 descriptors, those of one "
          "queue of different sizes, with pages of 1 to 16 fragments, packets of up to 18 "
          "segments, and completions that break rules (I1 to I8, F).") {
  must_cover("refused rcd_grammar", "refused rcd_header_id", "refused rcd_payload_id",
             "refused rcd_header_offset", "refused rcd_header_length",
             "refused rcd_payload_offset", "refused rcd_payload_length", "refused rcd_segments",
             "refused rcd_opt_meta", "completed", "read", "received", "refill started", "refilled",
             "refill empty", "free", "dropped for reason 0", "dropped for reason 1",
             "dropped for reason 2", "dropped for reason 3");
  Compared compared;
  const Sizes all[] = {{1024, 256, 256, 0, 700}, {64, 128, 64, 2, 80}, {64, 64, 256, 1, 120},
                       {128, 64, 16, 0, 100},    {16, 64, 8, 1, 48},   {256, 8, 64, 4, 12}};
  for (std::uint64_t seed = 1; seed <= 300 && compared.ok(); ++seed) {
    Source source(seed);
    RxRun run(source, compared, all[seed % 6], seed / 6 % 2 == 1);
    for (unsigned i = 0; i < 600 && compared.ok(); ++i) run.turn();
    run.end();
    ++compared.runs;
  }
  conclude_compared(compared);
}

}  // namespace hni::proofs
