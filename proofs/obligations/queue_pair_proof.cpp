// SPDX-License-Identifier: Apache-2.0
// QueuePair and QueueSetup as production instantiates them, compared with a second description:
// the value of each register of a queue block after enabling and disabling, the condition for
// idle, and the time of each reaction (a wait for idle that times out, a transmit hang, missing
// timestamps). action_proof.cpp checks whether each write is legal.
#include <array>
#include <bit>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "driver/queues/queue_pair.hpp"
#include "proofs/prover/choices.hpp"
#include "proofs/prover/harness.hpp"

namespace hni::proofs {
namespace {

using Key = std::pair<unsigned, std::uint32_t>;

/// Registers by address; the idle registers have values of their own.
struct RegisterIo {
  std::map<Key, std::uint32_t> written;
  std::map<Key, std::uint32_t> idle_words;
  std::uint32_t idle = 0;  ///< of all others
  std::vector<std::unique_ptr<std::uint64_t[]>> memory;

  static Key key(RegAddr reg) { return {static_cast<unsigned>(reg.bar), reg.byte_offset}; }
  std::uint32_t read32(Site site, RegAddr reg) {
    if (site != Site::kIdle) return 0;
    const auto known = idle_words.find(key(reg));
    return known == idle_words.end() ? idle : known->second;
  }
  void write32(RegAddr reg, std::uint32_t value) { written[key(reg)] = value; }
  std::uint64_t load64(Site, const std::uint64_t* word) { return *word; }
  void store64(std::uint64_t* word, std::uint64_t value) { *word = value; }
  void copy_in(Site, std::byte*, const std::byte*, std::size_t) {}
  std::optional<DmaSpan> dma_alloc(std::size_t bytes) {
    memory.push_back(std::make_unique<std::uint64_t[]>(bytes / 8));
    return DmaSpan{reinterpret_cast<std::byte*>(memory.back().get()),
                   DmaAddr{(std::uint64_t{memory.size()} << 40) + 0x1234'5000}, bytes};
  }
  void dma_free(DmaSpan) {}
};

using Setup = QueueSetup<RegisterIo, NullObserver>;
using Pair = QueuePair<RegisterIo, NullObserver>;

/// The expected final values of the registers.
class Expected {
 public:
  explicit Expected(std::uint32_t queue) : queue_(queue) {}
  template <class Reg>
  Expected& with(std::uint32_t value) {
    values_[RegisterIo::key(Reg::at(queue_))] = value;
    return *this;
  }
  template <class Bal, class Bah>
  Expected& base(DmaAddr address) {
    with<Bal>(Bal{static_cast<std::uint32_t>(raw(address) & 0xffffffffU)}.to_write());
    return with<Bah>(Bah{static_cast<std::uint32_t>(raw(address) >> 32)}.to_write());
  }
  template <class Size>
  Expected& size(std::uint32_t descriptors) {
    return with<Size>(static_cast<std::uint32_t>(std::bit_width(descriptors) - 1) % 16);
  }
  bool are(const RegisterIo& io) const { return io.written == values_; }

 private:
  std::uint32_t queue_;
  std::map<Key, std::uint32_t> values_;
};

bool tx_as_expected(std::uint32_t queue, const TxQueueSetup& s) {
  using namespace spec;
  RegisterIo io;
  NullObserver observer;
  CheckedIo<RegisterIo, NullObserver> device(io, observer);
  Setup(device).enable_tx(QueueId{static_cast<std::uint16_t>(queue)}, s);
  Expected e(queue);
  e.base<QUEUE_TWQ0_BAL, QUEUE_TWQ0_BAH>(s.work0).size<QUEUE_TWQ0_SIZE>(s.size);
  e.with<QUEUE_TWQ0_CTL>(2);
  if (s.plain_ring) {
    e.base<QUEUE_TWQ1_BAL, QUEUE_TWQ1_BAH>(s.work1).size<QUEUE_TWQ1_SIZE>(s.size);
    e.with<QUEUE_TWQ1_CTL>(2);
  }
  e.base<QUEUE_TCQ_BAL, QUEUE_TCQ_BAH>(s.completions).size<QUEUE_TCQ_SIZE>(s.size);
  e.with<QUEUE_TCQ_CTL>(2).with<QUEUE_TIM_MASK>(0);
  e.with<QUEUE_TIM_CTL>(QUEUE_TIM_CTL{}.set_MSIX(raw(s.vector)).raw);
  e.with<QUEUE_TIM_THRESHOLD>(QUEUE_TIM_THRESHOLD{}.set_TWD(s.size / 2 - 1).raw);
  bool same = e.are(io);
  io.written.clear();
  Setup(device).disable_tx(QueueId{static_cast<std::uint16_t>(queue)});
  Expected off(queue);
  off.with<QUEUE_TWQ0_CTL>(0).with<QUEUE_TWQ1_CTL>(0).with<QUEUE_TCQ_CTL>(0).with<QUEUE_TIM_MASK>(
      1);
  return same && off.are(io);
}

bool rx_as_expected(std::uint32_t queue, const RxQueueSetup& s) {
  using namespace spec;
  RegisterIo io;
  NullObserver observer;
  CheckedIo<RegisterIo, NullObserver> device(io, observer);
  Setup(device).enable_rx(QueueId{static_cast<std::uint16_t>(queue)}, s);
  Expected e(queue);
  e.base<QUEUE_BDQ_HPQ_BAL, QUEUE_BDQ_HPQ_BAH>(s.headers).size<QUEUE_BDQ_HPQ_SIZE>(s.header_size);
  e.base<QUEUE_BDQ_PPQ_BAL, QUEUE_BDQ_PPQ_BAH>(s.payloads)
      .size<QUEUE_BDQ_PPQ_SIZE>(s.payload_size);
  e.base<QUEUE_RCQ_BAL, QUEUE_RCQ_BAH>(s.completions).size<QUEUE_RCQ_SIZE>(s.completion_size);
  e.with<QUEUE_BDQ_CTL>(QUEUE_BDQ_CTL{}.set_ENABLE(1).set_PPQ_ENABLE(1).raw);
  e.with<QUEUE_RCQ_CTL>(2).with<QUEUE_RIM_MASK>(0);
  e.with<QUEUE_RDE_CTL0>(QUEUE_RDE_CTL0{}
                             .set_EN_HDR_SPLIT(s.split_headers ? 1 : 0)
                             .set_DROP_MODE(static_cast<std::uint32_t>(
                                 s.wait_for_buffers ? DROP_MODE::NEVER : DROP_MODE::IMMEDIATE))
                             .set_MIN_HROOM(s.head_room)
                             .set_MIN_TROOM(s.tail_room)
                             .raw);
  e.with<QUEUE_RDE_CTL1>(QUEUE_RDE_CTL1{}.set_MAX_HDR(s.max_header).raw);
  e.with<QUEUE_RIM_CTL>(QUEUE_RIM_CTL{}.set_MSIX(raw(s.vector)).raw);
  const std::uint32_t frames = s.frames_per_interrupt;
  e.with<QUEUE_RIM_THRESHOLD>(
      QUEUE_RIM_THRESHOLD{}.set_RCD(frames == 0 ? s.completion_size / 2 - 1 : 2 * frames).raw);
  return e.are(io);
}

/// A pair with its card, and a clock.
struct Clocked {
  RegisterIo io;
  NullObserver observer;
  CheckedIo<RegisterIo, NullObserver> device{io, observer};
  FragmentPool pool;
  Pair pair{device, pool};
  Time now{std::chrono::seconds(100)};
  std::uint32_t completed = 0;  ///< completions that the card has written

  Clocked() {
    (void)pool.init({nullptr, DmaAddr{}, 64 * 4096}, 0);
    QueueConfig config;
    config.tx_ring = config.rx_ring = config.header_ring = config.payload_ring = 8;
    (void)pair.allocate(QueueId{7}, Vector{9}, config);
  }
  bool send(bool stamped) {
    const auto fragment = pool.take();
    Packet p;
    p.length = 64;
    p.segment_count = 1;
    p.segments[0] = {*fragment, 0, 64};
    p.tx.flags = stamped ? TxOffload::kTimestamp : 0;
    const bool taken = pair.tx.burst({&p, 1}) == 1;
    if (!taken) pool.put(p);
    return taken;
  }
  void complete() {
    const auto word = spec::TCD_TYPE0{}.set_HEAD0(pair.tx.ring().window.tail).raw;
    io.memory[2][completed % 8] = spec::TCD{word}.set_DONE(completed / 8 % 2 == 0 ? 1 : 0).raw;
    ++completed;
    (void)pair.tx.poll(8);
  }
};

/// Compares the wait for idle with an independent description of it.
bool quiesces_as_expected(Choices& choices) {
  using std::chrono::milliseconds;
  Clocked w;
  w.pair.enable();
  w.pair.disable(w.now);
  const Time began = w.now;
  std::optional<Time> discarding;
  PairState state = PairState::kQuiescing;
  bool same = w.pair.state() == state;
  for (unsigned i = 0; i < 4; ++i) {
    w.now += std::array{milliseconds(0), milliseconds(250), milliseconds(499), milliseconds(500),
                        milliseconds(1200)}[choices.pick(5)];
    const bool idle = choices.pick(4) == 3;
    w.io.idle = idle ? ~0U : 0U;
    bool discard = false, expected = false;
    w.pair.step_quiesce(w.now, discard);
    if (state == PairState::kQuiescing) {
      if (idle) {
        state = PairState::kOff;
      } else if (discarding && w.now - *discarding >= milliseconds(500)) {
        state = PairState::kStuck;
      } else if (w.now - began >= milliseconds(500)) {
        expected = true;
        if (!discarding) discarding = w.now;
      }
    }
    same = same && w.pair.state() == state && discard == expected;
  }
  return same;
}

/// A second description of the transmit-hang detection.
bool hangs_as_expected(Choices& choices) {
  using namespace std::chrono_literals;
  Clocked w;
  w.pair.enable();
  std::optional<Time> still;  ///< time since which no progress was observed
  std::uint32_t done = 0;
  std::uint64_t confirmed = ~std::uint64_t{0};
  std::deque<bool> sent, waits;  ///< not completed; completed but not freed
  std::uint64_t completed = 0;
  std::uint32_t all_done = 0;
  bool same = true;
  for (unsigned i = 0; i < 5; ++i) {
    const unsigned what = choices.pick(6);
    if (what < 2 && w.pair.tx.ring().window.free() >= 2) {
      same = same && w.send(what == 1);
      sent.push_back(what == 1);
    } else if (what == 2) {
      w.complete();
      all_done = (all_done + 2 * static_cast<std::uint32_t>(sent.size())) % 8;
      waits.insert(waits.end(), sent.begin(), sent.end());
      sent.clear();
    } else if (what == 3) {
      const bool again = w.pair.hung_again();
      same = same && again == (confirmed == completed);
      confirmed = completed;
    } else {
      w.now += what == 4 ? std::chrono::nanoseconds(1s) : std::chrono::nanoseconds(5s);
      const bool hung = w.pair.tx_hung(w.now);
      const bool empty = sent.empty() && waits.empty();
      bool expected = false;
      if (empty || done != all_done || !still) {
        done = all_done;
        still = w.now;
      } else {
        // Timestamps are overdue by a second: their packets are freed.
        if (!waits.empty() && w.now - *still >= 1s) completed += waits.size(), waits.clear();
        expected = !sent.empty() && w.now - *still >= 5s;
      }
      same = same && hung == expected;
    }
    // Completed packets that wait for no timestamp are freed in order.
    for (; what == 2 && !waits.empty() && !waits.front(); waits.pop_front()) ++completed;
    same = same && w.pair.tx.counters().completed_packets == completed;
  }
  return same;
}

}  // namespace

HNI_PROVE(queue_setup_registers,
          "Enabling a queue sets each register of its block, and no other, to the value that "
          "follows from sizes, addresses, vector and modes, for every ring size, with rings of "
          "different sizes in one queue; disabling disables and masks (F).") {
  bool tx = true, rx = true;
  std::uint64_t runs = 0;
  for (const std::uint32_t queue : {0U, 5U, 127U}) {
    for (std::uint32_t size = 64; size <= 65536; size *= 2) {
      const auto base = [&](unsigned n) {
        return DmaAddr{(std::uint64_t{n} << 33) + 0x89ab000U + n * 0x1000};
      };
      for (unsigned modes = 0; modes < 8; ++modes, ++runs) {
        const bool a = (modes & 1) != 0, b = (modes & 2) != 0, c = (modes & 4) != 0;
        tx = tx && tx_as_expected(queue, {base(1), base(2), base(3), size, Vector{11}, a});
        const std::uint32_t other = size == 65536 ? 64 : 2 * size,
                            third = size == 64 ? 1024 : size / 2;
        rx = rx && rx_as_expected(queue, {base(1), base(2), base(3), size, other, third,
                                          c ? 21U : 0U, 128, 64, 1536, a, b, Vector{13}});
      }
    }
  }
  searched(runs, "configurations");
  conclude("F", "transmit registers", tx);
  conclude("F", "receive registers", rx);
}

HNI_PROVE(queue_setup_idle,
          "A pair is idle exactly if its bit is set in all eight idle registers, including the "
          "one of its second work queue (F).") {
  using namespace spec;
  bool right = true;
  std::uint64_t reads = 0;
  for (std::uint32_t q = 0; q < kMaxQueues; ++q) {
    const std::uint32_t second = q + kMaxQueues;
    const std::array<std::pair<Key, std::uint32_t>, 8> all{
        {{RegisterIo::key(QM_TWQ_IDLE::at(q / 32)), q},
         {RegisterIo::key(QM_TQS_IDLE::at(q / 32)), q},
         {RegisterIo::key(QM_TDE_IDLE::at(q / 32)), q},
         {RegisterIo::key(QM_TWQ_IDLE::at(second / 32)), second},
         {RegisterIo::key(QM_TCQ_IDLE::at(q / 32)), q},
         {RegisterIo::key(QM_HPQ_IDLE::at(q / 32)), q},
         {RegisterIo::key(QM_PPQ_IDLE::at(q / 32)), q},
         {RegisterIo::key(QM_RCQ_IDLE::at(q / 32)), q}}};
    for (std::size_t busy = 0; busy <= all.size(); ++busy, ++reads) {
      RegisterIo io;
      NullObserver observer;
      CheckedIo<RegisterIo, NullObserver> device(io, observer);
      for (std::size_t i = 0; i < all.size(); ++i)
        if (i != busy) io.idle_words[all[i].first] |= 1U << (all[i].second % 32);
      right = right &&
              Setup(device).idle(QueueId{static_cast<std::uint16_t>(q)}) == (busy == all.size());
    }
  }
  searched(reads, "settings of the idle registers");
  conclude("F", "idle exactly then", right);
}

HNI_PROVE(queue_pair_in_time,
          "A disabled pair waits for idle: after 500 ms transmit data is discarded, 500 ms after "
          "that the pair is stuck. A transmit hang is five seconds without progress while packets "
          "are outstanding; timestamps that are a second late are given up (F, I7).") {
  std::uint64_t runs = 0;
  bool quiesces = true, hangs = true;
  Choices waits;
  do {
    quiesces = quiesces && quiesces_as_expected(waits);
    ++runs;
  } while (waits.advance());
  Choices sends;
  do {
    hangs = hangs && hangs_as_expected(sends);
    ++runs;
  } while (sends.advance());
  searched(runs, "sequences of calls");
  conclude("F", "the wait for idle", quiesces);
  conclude("F", "the watch over transmit completions", hangs);
}

HNI_PROVE(queue_pair_life,
          "A pair has the queue and the vector that it was given; it posts buffers only once it "
          "is filled; only a running pair is disabled; reclaiming leaves no reference; the drop "
          "mode is written while the pair runs, and kept for the next start (F, I4).") {
  Clocked w;
  const auto drop_mode = [&] {
    return spec::QUEUE_RDE_CTL0{w.io.written[RegisterIo::key(spec::QUEUE_RDE_CTL0::at(7))]}
        .DROP_MODE();
  };
  searched(8, "calls");
  conclude("F", "number and vector",
           w.pair.queue() == QueueId{7} && w.pair.vector() == Vector{9} && w.pair.is_valid());
  w.pair.disable(w.now);
  conclude("F", "what is off stays off",
           w.pair.state() == PairState::kOff && w.io.written.empty());
  w.pair.set_wait_for_buffers(false);
  conclude("F", "nothing is written while it is off", w.io.written.empty());
  w.pair.enable();
  conclude("F", "it runs, with the mode that was asked for",
           w.pair.state() == PairState::kRunning &&
               drop_mode() == static_cast<std::uint32_t>(spec::DROP_MODE::IMMEDIATE) &&
               !w.pair.faulted() && w.pool.free_pages() == 64);
  w.pair.set_wait_for_buffers(true);
  conclude("F", "the mode changes while it runs",
           drop_mode() == static_cast<std::uint32_t>(spec::DROP_MODE::NEVER));
  w.pair.fill();
  conclude("I4", "both rings are posted",
           w.pair.rx.headers().window.used() == 7 && w.pair.rx.payloads().window.used() == 7 &&
               w.pool.free_pages() == 64 - 14);
  conclude("F", "a packet is taken", w.send(true) && w.pool.free_pages() == 64 - 15);
  w.io.memory[3][0] = spec::RCD_META{}.set_TYPE(3).set_DONE(1).raw;
  std::array<Packet, 1> out;
  (void)w.pair.rx.poll(out);
  conclude("F", "a fault of one queue is one of the pair",
           w.pair.rx.faulted() && w.pair.faulted());
  w.pair.reclaim();
  conclude("I4", "nothing is held any more",
           w.pair.state() == PairState::kOff && w.pool.free_pages() == 64 &&
               w.pair.tx.outstanding() == 0);
  conclude("F", "and nothing is taken", !w.send(false) && w.pool.free_pages() == 64);
}

}  // namespace hni::proofs
