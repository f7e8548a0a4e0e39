// SPDX-License-Identifier: Apache-2.0
#include "fuzz/worlds/bare_queues.hpp"

#include <array>
#include <memory>
#include <vector>

#include "driver/firmware/mailbox.hpp"
#include "driver/queues/queue_pair.hpp"
#include "driver/queues/rx_queue.hpp"
#include "driver/queues/tx_queue.hpp"
#include "fuzz/script/finding.hpp"
#include "fuzz/worlds/event_observer.hpp"

namespace hni::fuzz {
namespace {

/// Memory, and registers that are never read.
class BareIo {
 public:
  std::uint32_t read32(Site, RegAddr) { return 0; }
  void write32(RegAddr, std::uint32_t) {}
  std::uint64_t load64(Site site, const std::uint64_t* word) {
    const std::uint64_t value = *word;
    if (site == Site::kRcqWord && rewrites) next_lap(const_cast<std::uint64_t*>(word));
    return value;
  }
  void store64(std::uint64_t* word, std::uint64_t value) { *word = value; }
  void copy_in(Site, std::byte*, const std::byte*, std::size_t) {}
  std::optional<DmaSpan> dma_alloc(std::size_t bytes) {
    memory_.emplace_back((bytes + 7) / 8);
    const DmaAddr iova{0x10000ULL * (memory_.size() + 1)};
    return DmaSpan{reinterpret_cast<std::byte*>(memory_.back().data()), iova, bytes};
  }
  void dma_free(DmaSpan) {}

  /// Writes the next lap right after the driver's reads: other buffers, the same packets.
  bool rewrites = false;

  /// Returns the words of the `n`th allocation.
  std::vector<std::uint64_t>& words(std::size_t n) { return memory_[n]; }

 private:
  static void next_lap(std::uint64_t* word) {
    const bool is_header = spec::RCD{*word}.TYPE() == 0;
    *word = (*word ^ spec::RCD{}.set_DONE(1).raw) + (is_header ? 16 : 0);
  }

  std::vector<std::vector<std::uint64_t>> memory_;
};

struct Watching : EventObserver {
  bool wants_receive_details() const { return true; }
  void completion_read(QueueId, RingKind, std::uint32_t, std::uint64_t) { ++completions; }
  std::uint64_t completions = 0;
};

constexpr std::uint32_t kSize = 64;
constexpr std::uint64_t kDone = spec::RCD{}.set_DONE(1).raw;

/// The start of a frame in the header buffer `id`, which is used for it alone.
std::uint64_t header(std::uint64_t id) {
  return kDone |
         spec::RCD_HDR_AL{}.set_BUFF_ID(id).set_OFF(kHeadRoom).set_LEN(60).set_PAGE_FIN(1).raw;
}

/// A queue of each kind over a pool of `pages` pages.
struct Bare {
  explicit Bare(std::uint32_t pages) : device(io, observer), tx(device, pool), rx(device, pool) {
    const auto memory = io.dma_alloc(std::size_t{pages} * kFragmentBytes);
    (void)pool.init(*memory, 0);
    (void)tx.allocate(QueueId{0}, kSize);
    (void)rx.allocate(QueueId{0}, kSize, kSize, kSize);
    tx.reset();
    rx.reset();
  }
  ~Bare() {
    tx.reclaim();
    rx.reclaim();
    require(pool.free_pages() == pool.page_count(), "conservation", "pages are lost",
            pool.free_pages(), pool.page_count());
  }

  /// Allocations in order: the pool, two work queues, then the transmit completions.
  std::vector<std::uint64_t>& transmit_completions() { return io.words(3); }
  std::vector<std::uint64_t>& receive_completions() { return io.words(4); }

  /// Packets of one buffer each, on the first lap.
  void complete_a_lap() {
    std::vector<std::uint64_t>& words = receive_completions();
    for (std::uint64_t i = 0; i < kSize / 2; ++i) {
      words[2 * i] = header(i);
      words[2 * i + 1] = kDone | spec::RCD_META{}.set_TYPE(3).raw;
    }
  }

  Packet packet() {
    Packet p{};
    p.segment_count = 1;
    p.length = 60;
    p.segments[0] = {*pool.take(), 0, 60};
    return p;
  }

  BareIo io;
  Watching observer;
  CheckedIo<BareIo, Watching> device;
  FragmentPool pool;
  TxQueue<BareIo, Watching> tx;
  RxQueue<BareIo, Watching> rx;
};

void nothing_moves(Bare& bare) {
  Packet packet = bare.packet();
  std::array<Packet, 4> into;
  const std::uint32_t moved = bare.tx.burst({&packet, 1}) + bare.tx.burst_plain({&packet, 1}) +
                              bare.tx.poll(4) + bare.rx.poll(into);
  bare.pool.put(packet);
  require(moved == 0, "faulted", "a queue that does not run moves packets", moved);
}

}  // namespace

void use_dead_queues() {
  Bare bare(256);
  nothing_moves(bare);
  QueuePair<BareIo, Watching> unborn(bare.device, bare.pool);
  require(!unborn.tx.is_valid() && !unborn.rx.is_valid() && !unborn.is_valid(), "is_valid",
          "queues that were never set up");
  bare.tx.set_enabled(true);
  bare.rx.set_enabled(true);
  bare.rx.refill();
  // A head that was never posted, and metadata without a packet.
  bare.transmit_completions()[0] = kDone | spec::TCD_TYPE0{}.set_HEAD0(9).raw;
  bare.receive_completions()[0] = kDone | spec::RCD_META{}.set_TYPE(3).raw;
  std::array<Packet, 4> into;
  (void)bare.tx.poll(4);
  (void)bare.rx.poll(into);
  require(bare.tx.faulted() && bare.rx.faulted(), "verdict", "a fault is accepted");
  nothing_moves(bare);
  require(!bare.pool.init({}, FragmentPool::kMaxPageShift + 1), "range", "pages of any size");

  // The same pool anew.
  FragmentPool pool;
  const DmaSpan memory{nullptr, DmaAddr{}, 2 * kFragmentBytes};
  for (int turn = 0; turn < 2; ++turn)
    require(pool.init(memory, 0) && pool.take() && pool.free_pages() == 1, "conservation",
            "a new pool has other pages", pool.free_pages());

  // A payload buffer although none was posted.
  Bare poor(kSize - 1);
  poor.rx.set_enabled(true);
  poor.rx.refill();
  poor.receive_completions()[0] = header(0);
  poor.receive_completions()[1] = kDone | spec::RCD_PAY_AL{}.set_TYPE(1).set_LEN(9).raw;
  (void)poor.rx.poll(into);
  require(poor.rx.faulted(), "verdict", "a buffer that was not posted is delivered");
}

void leave_a_lap_unread() {
  for (const bool rewrites : {false, true}) {
    Bare bare(2 * kSize);
    bare.rx.set_enabled(true);
    bare.rx.refill();
    bare.complete_a_lap();
    if (rewrites) {
      // Two packets per buffer, so that the next lap has buffers too.
      std::vector<std::uint64_t>& words = bare.receive_completions();
      for (std::uint64_t i = 0; i < kSize / 2; ++i)
        words[2 * i] = kDone | spec::RCD_HDR_AL{}
                                   .set_BUFF_ID(i / 2)
                                   .set_OFF(kHeadRoom + i % 2 * 1024)
                                   .set_LEN(60)
                                   .raw;
    }
    bare.io.rewrites = rewrites;
    bare.rx.set_enabled(false);
    bare.rx.drop_unread();
  }
}

void receive_a_lap() {
  Bare bare(kSize);
  bare.rx.set_enabled(true);
  // The header ring gets all pages but one, which the payload ring gets.
  bare.rx.refill();
  require(bare.rx.starving(), "wake", "a ring without buffers does not starve");
  bare.complete_a_lap();
  std::vector<Packet> packets(kSize);
  const std::uint32_t n = bare.rx.poll(packets);
  require(n == kSize / 2, "stream", "other packets than those of the lap", n);
  require(bare.observer.completions == kSize, "stream", "other completions are reported",
          bare.observer.completions);
  require(bare.rx.poll(packets) == 0, "stream", "a lap is read twice");
  for (const Packet& p : std::span(packets).first(n)) bare.pool.put(p);
}

void collect_timestamps() {
  Bare bare(kSize);
  bare.tx.set_enabled(true);
  std::vector<std::uint64_t>& words = bare.transmit_completions();
  constexpr std::uint32_t kCount = 70;
  std::uint32_t at = 0;
  const auto put = [&](std::uint64_t word) {
    words[at % kSize] = at / kSize % 2 == 0 ? word | kDone : word & ~kDone;
    ++at;
  };
  for (std::uint32_t i = 0; i < kCount; ++i) {
    Packet packet = bare.packet();
    packet.tx.flags = TxOffload::kTimestamp;
    packet.tx.cookie = i;
    (void)bare.tx.burst({&packet, 1});
    put(spec::TCD_TYPE1{}.set_TYPE(1).set_TS(i).raw);
    put(spec::TCD_TYPE0{}.set_HEAD0(2 * (i + 1) % kSize).raw);
    (void)bare.tx.poll(2);
  }
  std::uint32_t fetched = 0;
  while (const auto stamp = bare.tx.next_timestamp()) {
    require(stamp->cookie == fetched && stamp->time_ns == fetched, "stream", "another timestamp",
            stamp->cookie, fetched);
    ++fetched;
  }
  const TxCounters& c = bare.tx.counters();
  require(fetched == c.timestamps && c.timestamps + c.timestamps_lost == kCount, "conservation",
          "timestamps are not accounted for", fetched, c.timestamps_lost);
}

void compare_invariants(std::uint32_t value) {
  const auto byte = [&](unsigned n) { return value >> 8 * n & 0xff; };
  const std::uint32_t mask = byte(0);
  const std::uint32_t head = byte(1);
  const std::uint32_t tail = byte(2);
  const std::uint32_t more = byte(3);
  const bool sized = mask == 1 || mask == 3 || mask == 7 || mask == 15 || mask == 31 ||
                     mask == 63 || mask == 127 || mask == 255;
  const WorkRing<std::uint32_t> ring{head, tail, mask};
  const bool inside = sized && head <= mask && tail <= mask;
  require(ring.is_valid() == inside, "is_valid", "work ring", value);
  require(CompletionRing<std::uint32_t>{head, more, mask}.is_valid() ==
              (sized && head <= mask && more <= 1),
          "is_valid", "completion ring", value);
  require(BufferRing<std::uint32_t>{ring, more, tail}.is_valid() == (inside && tail <= more),
          "is_valid", "buffer ring", value);
  const std::uint32_t used = inside ? (tail + mask + 1 - head) % (mask + 1) : 0;
  const std::uint32_t done = inside ? (more + mask + 1 - head) % (mask + 1) : 0;
  require(TxRing<std::uint32_t>{ring, more}.is_valid() == (inside && more <= mask && done <= used),
          "is_valid", "transmit ring", value);
  const MailboxRing<std::uint32_t> mailbox{ring};
  require(mailbox.is_valid() == inside, "is_valid", "mailbox ring", value);
  if (!inside) return;
  require(ring.owned_by_card(more) == (more <= mask && done < used), "is_valid",
          "a slot of the card", value);
  std::array<TxSlot<std::uint32_t>, 256> slots{};
  struct Slots {
    std::array<TxSlot<std::uint32_t>, 256>& all;
    TxSlot<std::uint32_t>& at(std::uint32_t n) const { return all[n]; }
  };
  std::uint32_t slot = 0;
  TxRing<std::uint32_t> unstamped{ring, head};
  Slots shadows{slots};
  require(!unstamped.accept_stamp(shadows, slot) && slot == tail, "is_valid",
          "an unsolicited timestamp", value);
  std::uint32_t out = 0;
  require(Untrusted<std::uint32_t>(more).below(mask, out) == (more < mask), "is_valid",
          "an invalid limit", value);
  // Returns whether new data lies after the old, inside the fragment, with space to spare.
  const BufferRing<std::uint32_t> buffers{ring, tail, 0};
  require(buffers.fits_after(head, more, tail, mask) ==
              (tail <= head && more != 0 && head <= mask && head + more + tail <= mask),
          "is_valid", "a place for new data", value);
  const std::uint32_t half = mask / 2;
  require(buffers.fits_after(head, more, 0, half) ==
              (tail <= head && more != 0 && head <= half && head + more <= half),
          "is_valid", "a place for new data in a half", value);
}

}  // namespace hni::fuzz
