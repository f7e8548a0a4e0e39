// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The smallest world of a queue pair: the driver's rings in plain memory, a card that writes
/// completions directly into them (correct ones, or with one faulty field), and an application. No
/// emulated card, so millions of completions per second; the reference models check every one.
///
/// A script may leave the world in any state; begin() makes the next run independent of it by
/// restoring the memory of a world that has just started.

#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "driver/io/pass_through.hpp"
#include "driver/queues/queue_pair.hpp"
#include "fuzz/oracles/rx_model.hpp"
#include "fuzz/oracles/tx_model.hpp"
#include "fuzz/script/field_faults.hpp"
#include "fuzz/script/target.hpp"
#include "fuzz/worlds/event_observer.hpp"
#include "fuzz/worlds/ring_snapshot.hpp"

namespace hni::fuzz {

constexpr std::uint32_t doorbell_word(RegAddr reg) {
  return reg.byte_offset / 4 & 0x3ff;
}

/// A completion word that the driver read.
struct ReadWord {
  bool rx = false;
  std::uint32_t slot = 0;
  std::uint64_t word = 0;
};
/// Records every read of a completion word unless null.
inline std::vector<ReadWord>*& word_tape() {
  static std::vector<ReadWord>* tape = nullptr;
  return tape;
}

/// The part of RingIo that a run changes.
struct RingState {
  RxModel rx;
  TxModel tx;
  Holders holders;
  std::uint32_t rcq_head = 0;  ///< the last doorbell of each completion queue
  std::uint32_t tcq_head = 0;
  std::uint64_t fresh = 0;  ///< if not 0, each word changes by this value after it was read
  std::uint64_t steps = 0;  ///< accesses since it was last set to 0
  std::uint64_t reads = 0;  ///< of these, completion words
  bool watch_buffers = false;
};

/// DeviceIo of plain memory that reports the driver's reads and writes to both models.
class RingIo : public RingState {
 public:
  std::uint32_t read32(Site, RegAddr) {
    ++steps;
    return 0;
  }
  void write32(RegAddr reg, std::uint32_t value) {
    ++steps;
    const std::uint32_t word = doorbell_word(reg);
    if (word == kRcqHead) rcq_head = value;
    if (word == kTcqHead) tcq_head = value;
    if (word == kTwq0Tail) tx.doorbell(0, value, work_words[0]);
    if (word == kTwq1Tail) tx.doorbell(1, value, work_words[1]);
  }
  std::uint64_t load64(Site site, const std::uint64_t* word) {
    ++steps;
    ++reads;
    const std::uint64_t value = *word;
    if (site == Site::kRcqWord) {
      rx.read(static_cast<std::uint64_t>(word - rcq), value);
    } else {
      tx.read(static_cast<std::uint64_t>(word - tcq), value);
    }
    if (word_tape() != nullptr) [[unlikely]] {
      const bool is_rx = site == Site::kRcqWord;
      word_tape()->push_back(
          {is_rx, static_cast<std::uint32_t>(word - (is_rx ? rcq : tcq)), value});
    }
    // A card that changes a word between two reads: the second one would have the other phase.
    if (fresh) [[unlikely]] {
      const_cast<std::uint64_t&>(*word) = value ^ fresh;
      require(steps < kMaxSteps, "steps", "unbounded completion loop", steps);
    }
    return value;
  }
  void store64(std::uint64_t* word, std::uint64_t value) {
    ++steps;
    *word = value;
    if (!watch_buffers) return;
    if (const auto slot = static_cast<std::uint64_t>(word - buffer_words[0]);
        slot < LentModel::kSize)
      return lend(rx.headers, slot, value);
    if (const auto slot = static_cast<std::uint64_t>(word - buffer_words[1]);
        slot < LentModel::kSize)
      lend(rx.payloads, slot, value);
  }
  void copy_in(Site, std::byte* to, const std::byte* from, std::size_t n) {
    std::memcpy(to, from, n);
  }
  std::optional<DmaSpan> dma_alloc(std::size_t bytes) {
    const std::size_t size = (bytes + 4095) / 4096 * 4096;
    auto* cpu = static_cast<std::byte*>(std::aligned_alloc(4096, size));
    if (cpu == nullptr) return std::nullopt;
    std::memset(cpu, 0, size);
    const DmaSpan span{cpu, DmaAddr{next_address_}, size};
    next_address_ += size + 0x10000;
    spans_[span_count_++ % spans_.size()] = span;
    return span;
  }
  void dma_free(const DmaSpan& span) { std::free(span.cpu); }
  [[nodiscard]] std::byte* cpu(std::uint64_t address) const {
    for (const DmaSpan& s : spans_)
      if (address - raw(s.iova) < s.bytes) return s.cpu + (address - raw(s.iova));
    return nullptr;
  }

  /// The maximum number of accesses of one call: a reset that counts unread completions.
  static constexpr std::uint64_t kMaxSteps = 2048;
  static constexpr std::uint32_t kTwq0Tail = doorbell_word(spec::QUEUE_TWQ0_TAIL::at(0));
  static constexpr std::uint32_t kTwq1Tail = doorbell_word(spec::QUEUE_TWQ1_TAIL::at(0));
  static constexpr std::uint32_t kRcqHead = doorbell_word(spec::QUEUE_RCQ_HEAD::at(0));
  static constexpr std::uint32_t kTcqHead = doorbell_word(spec::QUEUE_TCQ_HEAD::at(0));

  std::array<std::uint64_t*, 2> work_words{};
  std::array<std::uint64_t*, 2> buffer_words{};
  std::uint64_t* rcq = nullptr;
  std::uint64_t* tcq = nullptr;
  std::uint64_t first_address = 0;

 private:
  void lend(LentModel& ring, std::uint64_t slot, std::uint64_t value) {
    const spec::BD bd{value};
    require(bd.ID() == slot, "ring", "a buffer under another slot's number", bd.ID(), slot);
    const std::uint64_t fragment = bd.ADDR_4K() - first_address / kFragmentBytes;
    require(fragment < Holders::kMost, "ring", "a buffer outside of the pool", bd.raw);
    ring.post(static_cast<std::uint32_t>(slot), static_cast<std::uint32_t>(fragment), holders);
  }

  std::array<DmaSpan, 16> spans_{};
  std::size_t span_count_ = 0;
  std::uint64_t next_address_ = 0x1'0000'0000;
};
static_assert(DeviceIo<RingIo>);

using RingPair = QueuePair<RingIo, EventObserver>;
HNI_REVEAL(RxHeaders, &decltype(RingPair::rx)::headers_)
HNI_REVEAL(RxPayloads, &decltype(RingPair::rx)::payloads_)
HNI_REVEAL(TxWork, &decltype(RingPair::tx)::work_queues_)
HNI_REVEAL(TxCookies, &decltype(RingPair::tx)::cookies_)
HNI_REVEAL(TxStamps, &decltype(RingPair::tx)::timestamps_)
HNI_REVEAL(TxStampsPending, &decltype(RingPair::tx)::stamps_pending_)

class RingWorld {
 public:
  static constexpr std::uint32_t kSize = 64;
  static constexpr std::uint32_t kSpare = 64;
  static constexpr QueueId kQueue{0};

  /// Pages of 2^page_shift fragments; without buffers if the card receives nothing.
  RingWorld(std::uint32_t page_shift, bool receives)
      : device(io, observer), pair(device, pool), receives_(receives) {
    const DmaSpan memory = *io.dma_alloc(std::size_t{2 * kSize + kSpare} * kFragmentBytes);
    if (!pool.init(memory, page_shift)) std::abort();
    const QueueConfig config{.tx_ring = kSize,
                             .rx_ring = kSize,
                             .header_ring = kSize,
                             .payload_ring = kSize,
                             .plain_ring = true};
    if (!pair.allocate(kQueue, Vector{2}, config)) std::abort();
    io.first_address = raw(memory.iova);
    io.tx.first_address = io.first_address;
    io.rx.holders = io.tx.holders = &io.holders;
    for (unsigned i = 0; i < 2; ++i) io.work_words[i] = words_at(pair.tx.work_address(i));
    io.buffer_words = {words_at(pair.rx.header_address()), words_at(pair.rx.payload_address())};
    io.rcq = words_at(pair.rx.completion_address());
    io.tcq = words_at(pair.tx.completion_address());
    enable();
    take_snapshot();
  }

  /// Restores the state after the first start.
  void begin() { start_.restore(); }
  /// Checks that nothing is lost. An idle pair need not free its buffers for that, as begin() does
  /// it; instead the reference counts of each page are compared.
  void end() {
    if (at_rest()) return check_pages();
    reset_pair(false);
    while (own_.held != 0) release_oldest();
    require(io.holders.all() == 0, "conservation", "a fragment still has a reference",
            io.holders.all());
    require(pool.free_pages() == pool.page_count(), "conservation", "pages are lost",
            pool.free_pages(), pool.page_count());
  }

  // ---- The application

  /// Receives up to `budget` packets (1 .. 16) and keeps them, or releases them at once.
  void poll_rx(std::uint32_t budget, bool keep) {
    const std::span<Packet> out(out_);
    io.steps = 0;
    io.reads = 0;
    const std::uint64_t dropped = io.rx.dropped;
    const std::uint32_t n = pair.rx.poll(out.first(budget));
    require(n + io.rx.dropped - dropped <= budget, "steps", "dropped packets cost no budget", n,
            io.rx.dropped - dropped);
    constexpr std::uint32_t kMost = RxQueue<RingIo, EventObserver>::kMaxCompletions;
    require(io.reads <= budget * kMost + 1, "steps", "more is read than the budget allows",
            io.reads, budget);
    // One load per completion and one after the last; a refill of both rings and three doorbells.
    require(io.steps <= budget * kMost + 1 + 2 * kSize + 3, "steps", "a receive poll does not end",
            io.steps);
    require(n <= budget, "stream", "more packets than asked for", n, budget);
    for (std::uint32_t i = 0; i < n; ++i) {
      io.rx.expect(out[i]);
      if (keep) {
        hold(out[i]);
      } else {
        drop(out[i]);
      }
    }
    io.rx.expect_all_delivered();
    require(pair.rx.faulted() == io.rx.faulted, "verdict", "model and driver disagree",
            pair.rx.faulted(), io.rx.faulted);
    require(pair.rx.is_valid(), "is_valid", "receive rings");
    work().events += io.steps;
  }

  void poll_tx(std::uint32_t budget) {
    io.steps = 0;
    const std::uint64_t before = pair.tx.counters().completed_packets;
    const std::uint64_t given = io.tx.packets_given;
    const std::uint64_t stamps = pair.tx.counters().timestamps;
    const std::uint64_t good = io.tx.stamps_good;
    (void)pair.tx.poll(budget);
    require(io.steps <= budget + 2, "steps", "a transmit poll does not end", io.steps, budget);
    io.tx.free_completed();
    check_tx(before, given);
    require(pair.tx.counters().timestamps - stamps <= io.tx.stamps_good - good, "stream",
            "a timestamp that the card never reported", pair.tx.counters().timestamps - stamps);
    check_wake();
    work().events += io.steps;
  }
  void forget_stamps() {
    const std::uint64_t before = pair.tx.counters().completed_packets;
    const std::uint64_t given = io.tx.packets_given;
    pair.tx.expire_timestamps();
    io.tx.forget_stamps();
    check_tx(before, given);
    check_wake();
  }

  /// Sends one fresh packet of `segments` segments of `length` bytes each.
  void send(unsigned q, std::uint32_t segments, std::uint32_t length, std::uint32_t flags) {
    make_packet(out_[0], segments, length, flags);
    send(q, std::span(out_).first(1));
  }
  /// Sends up to `count` (1 .. 16) of them at once, as many as there are fragments for.
  void burst(unsigned q, std::uint32_t count, std::uint32_t segments, std::uint32_t length,
             std::uint32_t flags) {
    count = std::min(count, pool.free_pages() / segments);
    for (std::uint32_t i = 0; i < count; ++i) make_packet(out_[i], segments, length, flags);
    send(q, std::span(out_).first(count));
  }
  /// Sends the oldest packet that the application owns.
  void forward(unsigned q) {
    if (own_.held == 0) return;
    Packet packet = held(0);
    own_.first_held = (own_.first_held + 1) % kMaxHeld;
    --own_.held;
    packet.tx = {};
    send(q, {&packet, 1});
  }
  void release_oldest() {
    if (own_.held == 0) return;
    drop(held(0));
    own_.first_held = (own_.first_held + 1) % kMaxHeld;
    --own_.held;
  }

  /// Stops, frees everything and restarts, as the port does with a faulted queue.
  void reset_pair(bool start_again = true) {
    io.steps = 0;
    pair.disable(Time{});
    const std::uint64_t taken = pair.tx.counters().packets;
    pair.reclaim();
    io.rx.reclaim();
    io.tx.reclaim();
    const TxCounters& c = pair.tx.counters();
    require(taken == c.completed_packets + c.reclaimed_packets + c.invalid_packets, "conservation",
            "transmit packets are lost", taken, c.completed_packets);
    if (start_again) enable();
  }

  RingIo io;
  EventObserver observer;
  CheckedIo<RingIo, EventObserver> device;
  FragmentPool pool;
  RingPair pair;

 private:
  static constexpr std::uint32_t kMaxHeld = 64;

  std::uint64_t* words_at(DmaAddr address) {
    return reinterpret_cast<std::uint64_t*>(io.cpu(raw(address)));
  }

  /// Returns whether no packet is in flight or under assembly and no completion is unread.
  [[nodiscard]] bool at_rest() const {
    return pair.tx.outstanding() == 0 && io.rx.at_rest(io.rcq);
  }
  /// Checks that the pool's reference counts match the model's.
  void check_pages() {
    const auto& pages = pool.*member(PoolHolders{});
    const auto held = io.holders.held({&pages.at(0), pages.size()}, pool.fragments_per_page());
    require(held.has_value(), "conservation", "wrong reference count of a page");
    require(pool.free_pages() + *held == pool.page_count(), "conservation", "pages are lost",
            pool.free_pages(), *held);
  }

  /// Snapshots all state that a run changes and the next one could observe. Excludes packets that
  /// the models and the application keep, and memory that the driver always writes before it reads
  /// it.
  void take_snapshot() {
    RingState& state = io;
    start_.add(&state, sizeof state);
    start_.add(&own_, sizeof own_);
    start_.add_around(pair, pair.tx.*member(TxStamps{}));
    start_.add(&pool, sizeof pool);
    start_.add_array(pool.*member(PoolHolders{}));
    start_.add_array(pool.*member(PoolList{}));
    add_words({io.rcq, io.tcq, io.work_words[0], io.work_words[1]});
    for (auto& work : pair.tx.*member(TxWork{})) start_.add_array(work.slots);
    start_.add_array(pair.tx.*member(TxCookies{}));
    if (receives_) {
      add_words({io.buffer_words[0], io.buffer_words[1]});
      start_.add_array((pair.rx.*member(RxHeaders{})).slots);
      start_.add_array((pair.rx.*member(RxPayloads{})).slots);
    }
    start_.save();
  }
  void add_words(std::initializer_list<std::uint64_t*> rings) {
    for (std::uint64_t* words : rings) start_.add(words, kSize * sizeof *words);
  }

  void enable() {
    io.rcq_head = io.tcq_head = 0;
    io.fresh = 0;
    io.watch_buffers = false;
    io.rx.reset();
    io.tx.reset();
    pair.enable();
    io.watch_buffers = true;
    if (receives_) pair.fill();
    io.rx.completions = kSize;
  }

  /// Checks that an application that waits for ring space is woken when there is space for two of
  /// the largest packets in both rings, and not before.
  void check_wake() {
    constexpr std::uint32_t kEnough = 2 * (kMaxSegments + 1);
    const bool room =
        pair.tx.ring(0).window.free() >= kEnough && pair.tx.ring(1).window.free() >= kEnough;
    const std::uint64_t wakes = pair.tx.counters().wakes;
    require(room || wakes == own_.wakes, "wake", "woken without room",
            pair.tx.ring(0).window.free(), pair.tx.ring(1).window.free());
    require(!room || !pair.tx.stopped() || pair.tx.faulted() || own_.given == io.tx.packets_given,
            "wake", "there is room without a wake-up", pair.tx.ring(0).window.free());
    own_.wakes = wakes;
    own_.given = io.tx.packets_given;
  }

  void check_tx(std::uint64_t before, std::uint64_t given) {
    const auto& tx = pair.tx;
    require(tx.faulted() == io.tx.faulted, "verdict", "model and driver disagree", tx.faulted(),
            io.tx.faulted);
    require(tx.is_valid(), "is_valid", "transmit rings");
    require(tx.*member(TxStampsPending{}) == io.tx.stamps_missing, "stream",
            "wrong number of outstanding timestamps", tx.*member(TxStampsPending{}),
            io.tx.stamps_missing);
    for (unsigned q = 0; q < 2; ++q) {
      const auto& ring = tx.ring(q);
      require(ring.done == io.tx.work[q].done % kSize, "stream",
              "model and driver disagree on the head", ring.done, io.tx.work[q].done);
      require(ring.window.head == io.tx.work[q].given % kSize, "ownership",
              "other descriptors are freed", ring.window.head, io.tx.work[q].given);
    }
    require(tx.counters().completed_packets - before == io.tx.packets_given - given, "stream",
            "wrong number of completed packets", tx.counters().completed_packets - before,
            io.tx.packets_given - given);
  }

  void make_packet(Packet& packet, std::uint32_t segments, std::uint32_t length,
                   std::uint32_t flags) {
    packet.length = packet.segment_count = 0;
    for (; packet.segment_count < segments; ++packet.segment_count) {
      const auto fragment = pool.take();
      if (!fragment) break;
      packet.segments[packet.segment_count] = {*fragment, static_cast<std::uint16_t>(length & 63),
                                               static_cast<std::uint16_t>(length)};
      packet.length += length;
      io.holders.take(raw(*fragment));
    }
    packet.tx = {.flags = flags,
                 .l2_bytes = 14,
                 .l4_bytes = 20,
                 .l3_bytes = 20,
                 .mss = 1400,
                 .checksum_offset = 16};
  }

  /// Sends packets that are all describable to the card, or none of them.
  void send(unsigned q, std::span<const Packet> packets) {
    const std::uint64_t invalid = pair.tx.counters().invalid_packets;
    io.tx.sending(packets);
    io.steps = 0;
    const std::uint32_t n = q == 0 ? pair.tx.burst(packets) : pair.tx.burst_plain(packets);
    require(io.steps <= packets.size() * (kMaxSegments + 1) + 2, "steps",
            "a transmit burst does not end", io.steps);
    require(n <= packets.size(), "stream", "more packets than were sent", n, packets.size());
    require(pair.tx.is_valid(), "is_valid", "transmit rings");
    const bool posted = pair.tx.counters().invalid_packets == invalid;
    io.tx.sent(packets.size() - (posted ? n : 0));
    for (const Packet& packet : packets.subspan(posted ? n : 0)) drop_model(packet);
    for (const Packet& packet : packets.subspan(n)) pool.put(packet);
  }

  Packet& held(std::uint32_t n) { return packets_[(own_.first_held + n) % kMaxHeld]; }
  void hold(const Packet& packet) {
    if (own_.held == kMaxHeld) release_oldest();
    held(own_.held++) = packet;
  }
  void drop(const Packet& packet) {
    drop_model(packet);
    pool.put(packet);
  }
  void drop_model(const Packet& packet) {
    for (std::uint32_t i = 0; i < packet.segment_count; ++i)
      io.holders.drop(raw(packet.segments[i].fragment));
  }

  /// State of the world itself.
  struct Own {
    std::uint32_t first_held = 0;
    std::uint32_t held = 0;
    std::uint64_t wakes = 0;  ///< when the transmit queue was polled last
    std::uint64_t given = 0;
  };

  bool receives_;
  Own own_;
  Snapshot start_;
  std::array<Packet, 16> out_;
  std::array<Packet, kMaxHeld> packets_;
};

}  // namespace hni::fuzz
