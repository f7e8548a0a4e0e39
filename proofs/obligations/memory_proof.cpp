// SPDX-License-Identifier: Apache-2.0
// Memory: what queues, pool and mailbox do when the host has none left, and that each of them frees
// exactly what it allocated.
#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>
#include <vector>

#include "driver/firmware/mailbox.hpp"
#include "driver/queues/rx_queue.hpp"
#include "driver/queues/tx_queue.hpp"
#include "proofs/obligations/queue_model_world.hpp"
#include "tests/support/private_member.hpp"

namespace hni::proofs {
namespace {

constexpr unsigned kPlenty = 99;
/// Number of arrays that the host still has memory for.
unsigned host_arrays = kPlenty;

}  // namespace
}  // namespace hni::proofs

// Replaces the allocation that reports failure as a value, which only HostArray uses.
void* operator new[](std::size_t bytes, const std::nothrow_t& /*tag*/) noexcept {
  unsigned& left = hni::proofs::host_arrays;
  if (left == 0) return nullptr;
  if (left != hni::proofs::kPlenty) --left;
  try {
    return ::operator new[](bytes);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

namespace hni::proofs {
namespace {

using Box = Mailbox<LoggedIo, LoggedObserver>;
HNI_PRIVATE_MEMBER(StateOf, &Box::state_);
HNI_PRIVATE_MEMBER(PagesOf, &Box::pages_);

/// Memory for some arrays of the host and some rings of the card, and what is asked for.
struct Scarce {
  LoggedIo io;
  LoggedObserver observer;
  Log log;
  CheckedIo<LoggedIo, LoggedObserver> device{io, observer};

  Scarce(unsigned arrays, unsigned rings) {
    io.log = observer.log = &log;
    io.memory_for = rings;
    host_arrays = arrays;
  }
  ~Scarce() { host_arrays = kPlenty; }
  Scarce(const Scarce&) = delete;
  Scarce& operator=(const Scarce&) = delete;

  /// Returns whether the log holds one free of each allocated ring, and nothing else; clears it.
  bool all_freed() {
    Log expected;
    for (const DmaSpan& s : io.spans) append(expected, Did::kFree, raw(s.iova), s.bytes);
    const bool same = log == expected;
    log.clear();
    return same;
  }
};

/// An allocation: of an array of the host, or of memory that the card accesses.
struct Wanted {
  bool of_card;
  std::uint64_t bytes;
};

/// The claims about one run: the first allocation without memory ends it, and release() frees the
/// others.
template <class Queue, class Allocate>
void conclude_memory(Scarce& s, Queue& queue, const std::vector<Wanted>& wanted, unsigned arrays,
                     unsigned rings, const Allocate& allocate) {
  const Wanted* missing = nullptr;
  std::size_t held = 0;
  for (const Wanted& w : wanted) {
    unsigned& left = w.of_card ? rings : arrays;
    if (left == 0) {
      missing = &w;
      break;
    }
    --left;
    held += w.of_card ? 1 : 0;
  }
  const Result<> result = allocate();
  cover(missing == nullptr ? "all of it"
        : missing->of_card ? "no memory for the card"
                           : "no memory for the driver");
  conclude("F", "it succeeds exactly if there is memory for all", result.has_value() == !missing);
  if (!result && missing != nullptr)
    conclude(
        "F", "the error says how much is missing",
        result.error().code == ErrorCode::kNoMemory && result.error().detail == missing->bytes);
  conclude("I4", "nothing was allocated after the failure", s.io.spans.size() == held);
  std::size_t next = 0;
  for (const Wanted& w : wanted) {
    if (!w.of_card || next == s.io.spans.size()) continue;
    conclude("I1", "each ring has memory of its size", s.io.spans[next++].bytes == w.bytes);
  }
  s.log.clear();
  queue.release();
  conclude("I4", "what was allocated is freed, once", s.all_freed());
  queue.release();
  conclude("I4", "and not a second time", s.log.empty());
  s.io.memory_for = host_arrays = kPlenty;
  conclude("F", "with memory it can be allocated again", allocate().has_value());
}

constexpr QueueId kQueue{5};

}  // namespace

HNI_PROVE(
    tx_queue_memory,
    "A transmit queue is allocated exactly if there is memory for all of it; otherwise the "
    "error says how much is missing, and release() frees what was allocated, once (I4, F).") {
  must_cover("all of it", "no memory for the card", "no memory for the driver");
  std::uint64_t runs = 0;
  for (const std::uint32_t size : {64U, 256U}) {
    const Wanted ring{true, 8 * size}, array{false, 4 * size};
    for (unsigned arrays = 0; arrays <= 3; ++arrays) {
      for (unsigned rings = 0; rings <= 3; ++rings) {
        Scarce s(arrays, rings);
        FragmentPool pool;
        TxQueue<LoggedIo, LoggedObserver> queue{s.device, pool};
        conclude_memory(s, queue, {array, ring, array, ring, array, ring}, arrays, rings,
                        [&] { return queue.allocate(kQueue, size); });
        const auto& spans = s.io.spans;
        const std::size_t first = spans.size() - 3;
        conclude("I1", "each ring has its own memory",
                 queue.work_address(0) == spans[first].iova &&
                     queue.work_address(1) == spans[first + 1].iova &&
                     queue.completion_address() == spans[first + 2].iova);
        ++runs;
      }
    }
  }
  searched(runs, "allocations");
}

HNI_PROVE(
    rx_queue_memory,
    "A receive queue is allocated exactly if there is memory for all of it; otherwise the "
    "error says how much is missing, and release() frees what was allocated, once (I4, F).") {
  must_cover("all of it", "no memory for the card", "no memory for the driver");
  std::uint64_t runs = 0;
  for (unsigned arrays = 0; arrays <= 2; ++arrays) {
    for (unsigned rings = 0; rings <= 3; ++rings) {
      Scarce s(arrays, rings);
      FragmentPool pool;
      RxQueue<LoggedIo, LoggedObserver> queue{s.device, pool};
      conclude_memory(
          s, queue,
          {{true, 8 * 64}, {false, 4 * 128}, {true, 8 * 128}, {false, 4 * 256}, {true, 8 * 256}},
          arrays, rings, [&] { return queue.allocate(kQueue, 64, 128, 256); });
      const auto& spans = s.io.spans;
      const std::size_t first = spans.size() - 3;
      conclude("I1", "each ring has its own memory",
               queue.completion_address() == spans[first].iova &&
                   queue.header_address() == spans[first + 1].iova &&
                   queue.payload_address() == spans[first + 2].iova);
      ++runs;
    }
  }
  searched(runs, "allocations");
}

HNI_PROVE(
    fragment_pool_memory,
    "A pool that cannot be initialised says why and stays as it was; a fragment and a segment "
    "are at their own bytes (I1, I4, F).") {
  must_cover("no memory", "page too large");
  std::array<std::byte, 4 * 4096> bytes{};
  const auto span = [&](std::size_t pages) {
    return DmaSpan{bytes.data(), DmaAddr{0x9000}, pages * 4096};
  };
  FragmentPool pool;
  conclude("F", "it is made", pool.init(span(4), 0).has_value());
  const auto used = pool.take(3);
  conclude("F", "a page is taken", used.has_value());
  if (!used) return;
  std::uint64_t runs = 1;
  const auto unchanged = [&] {
    ++runs;
    return pool.page_count() == 4 && pool.fragments_per_page() == 1 && pool.free_pages() == 3 &&
           pool.holders(*used) == 3 && raw(pool.address(FragmentId{1})) == 0xa000 &&
           !pool.contains(FragmentId{4});
  };
  for (const std::uint32_t shift : {5U, 6U, 31U}) {
    const auto r = pool.init(span(2), shift);
    conclude("F", "a page of more than 16 fragments is refused",
             !r && r.error().code == ErrorCode::kBadArgument && r.error().detail == shift);
    conclude("I4", "a refused pool is as it was", unchanged());
    cover("page too large");
  }
  for (unsigned arrays = 0; arrays < 2; ++arrays) {
    host_arrays = arrays;
    const auto r = pool.init(span(2), 0);
    host_arrays = kPlenty;
    conclude("F", "the error says how much memory is missing",
             !r && r.error().code == ErrorCode::kNoMemory && r.error().detail == 8);
    conclude("I4", "a pool without memory is as it was", unchanged());
    cover("no memory");
  }
  host_arrays = 0;
  conclude("F", "the same number of pages needs no memory", pool.init(span(4), 0).has_value());
  host_arrays = kPlenty;
  for (std::uint32_t f = 0; f < 4; ++f) {
    const FragmentId fragment{f};
    conclude("I1", "a fragment has its own bytes", pool.data(fragment) == &bytes[f * 4096U]);
    for (const std::uint16_t offset : {std::uint16_t{0}, std::uint16_t{1}, std::uint16_t{4095}})
      conclude("I1", "a segment starts in its fragment",
               pool.data(Segment{fragment, offset, 1}) == &bytes[f * 4096U + offset]);
  }
  searched(runs, "pools");
}

HNI_PROVE(mailbox_memory,
          "A mailbox is allocated with both groups of pages or none; it starts only with both; "
          "release() frees them once, and only while DMA is disabled (I4, S4, F).") {
  must_cover("both", "one", "none");
  constexpr std::uint64_t kBytes = std::uint64_t{kMailboxSlots} * kMailboxPageBytes;
  std::uint64_t runs = 0;
  for (unsigned groups = 0; groups <= 2; ++groups) {
    Scarce s(kPlenty, groups);
    Box box(s.device);
    const auto r = box.allocate();
    cover(groups == 2 ? "both" : groups == 1 ? "one" : "none");
    conclude("F", "it succeeds exactly if there is memory for both",
             r.has_value() == (groups == 2));
    const auto start = box.start({}, false);
    ++runs;
    if (groups != 2) {
      conclude("F", "the error says how much is missing",
               !r && r.error().code == ErrorCode::kNoMemory && r.error().detail == kBytes);
      conclude("F", "it does not start", !start && start.error().code == ErrorCode::kNoMemory);
      conclude("I4", "nothing stays allocated",
               s.log.size() == 1 + 2 * groups && (groups == 0 || s.log.back().did == Did::kFree));
    } else {
      conclude("F", "it starts", start.has_value());
    }
  }
  for (const unsigned missing : {0U, 1U}) {
    Scarce s(kPlenty, 2);
    Box box(s.device);
    conclude("F", "there is memory", box.allocate().has_value());
    for (const DmaSpan& span : s.io.spans)
      conclude("I1", "each group has 16 pages of 4096 bytes", span.bytes == kBytes);
    s.log.clear();
    conclude("I4", "a second time allocates nothing", box.allocate().has_value() && s.log.empty());
    for (const auto state :
         {MailboxState::kWaitFirmware, MailboxState::kReady, MailboxState::kDraining}) {
      member(StateOf{}, box) = state;
      box.release();
      conclude("S4", "pages that the card may access are not freed", s.log.empty());
      ++runs;
    }
    member(StateOf{}, box) = missing == 0 ? MailboxState::kDown : MailboxState::kFailed;
    box.release();
    conclude("I4", "both groups of pages are freed, once", s.all_freed());
    box.release();
    conclude("I4", "and not a second time", s.log.empty());
    s.io.memory_for = 2;
    conclude("F", "it can be allocated again", box.allocate().has_value());
    member(PagesOf{}, box)[missing] = {};
    const auto start = box.start({}, false);
    conclude("F", "with one of them only it does not start",
             !start && start.error().code == ErrorCode::kNoMemory);
    ++runs;
  }
  searched(runs, "allocations");
}

}  // namespace hni::proofs
