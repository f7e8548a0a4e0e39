// SPDX-License-Identifier: Apache-2.0
// A TxQueue in any valid state, for the proofs about it.
#pragma once

#include <array>
#include <string>

#include "driver/queues/tx_queue.hpp"
#include "proofs/obligations/queue_world.hpp"

namespace hni::proofs {
namespace {

using Queue = TxQueue<SymIo, SymObserver>;
using Ring = TxRing<Word>;
using Slot = TxSlot<Word>;

HNI_PRIVATE_MEMBER(WorkTag, &Queue::work_queues_);
HNI_PRIVATE_MEMBER(CompletionsTag, &Queue::completions_);
HNI_PRIVATE_MEMBER(CookiesTag, &Queue::cookies_);
HNI_PRIVATE_MEMBER(StampsTag, &Queue::stamps_pending_);
HNI_PRIVATE_MEMBER(WrittenTag, &Queue::timestamps_written_);
HNI_PRIVATE_MEMBER(ReadTag, &Queue::timestamps_read_);
HNI_PRIVATE_MEMBER(FaultedTag, &Queue::faulted_);
HNI_PRIVATE_MEMBER(StoppedTag, &Queue::stopped_);
HNI_PRIVATE_MEMBER(QueueIdTag, &Queue::queue_);
HNI_PRIVATE_MEMBER(SizeTag, &Queue::size_);
HNI_PRIVATE_MEMBER(EnabledTag, &Queue::enabled_);
HNI_PRIVATE_MEMBER(CompletionMemoryTag, &Queue::completion_memory_);
HNI_PRIVATE_MEMBER(CountersTag, &Queue::counters_);
HNI_PRIVATE_MEMBER(TimestampsTag, &Queue::timestamps_);

constexpr unsigned kQueue = 5;
std::array<std::uint64_t, 8> ring_memory[3];

/// A queue in any valid state (or in any state), with everything that it accesses.
struct World {
  SymIo io;
  SymObserver obs;
  CheckedIo<SymIo, SymObserver> device{io, obs};
  SymPool pool;
  Queue queue{device, pool};
  std::array<Ring, 2> before;  ///< the work queues
  CompletionRing<Word> completions;
  Word stamps;  ///< slots that wait for a timestamp

  auto& work(unsigned twq) { return member(WorkTag{}, queue)[twq]; }

  explicit World(bool valid = true) {
    // All members: tests/proofs/complete.py compares this list with the class.
    const Word mask = any_mask();
    member(QueueIdTag{}, queue) = QueueId{kQueue};
    member(SizeTag{}, queue) = 64;  // used only by the observer's report, and by a reset
    member(CompletionMemoryTag{}, queue).cpu = reinterpret_cast<std::byte*>(ring_memory[2].data());
    // Arbitrary initial counts and timestamps, which must be preserved.
    member(CountersTag{}, queue) = counted_before;
    member(TimestampsTag{}, queue).fill({4321, 99});
    member(WrittenTag{}, queue) = member(ReadTag{}, queue) = 130;
    for (unsigned twq = 0; twq < 2; ++twq) {
      const std::string n = std::to_string(twq);
      auto& work = this->work(twq);
      before[twq] = {{input<std::uint32_t>("head" + n), input<std::uint32_t>("tail" + n), mask},
                     input<std::uint32_t>("done" + n)};
      work.ring = before[twq];
      work.slots.mask = mask;
      work.slots.name = "slot of work queue " + n;
      work.memory.cpu = reinterpret_cast<std::byte*>(ring_memory[twq].data());
    }
    completions = {input<std::uint32_t>("completion head"),
                   input<std::uint32_t>("completion done"), mask};
    stamps = input<std::uint32_t>("stamps pending");
    member(CompletionsTag{}, queue) = completions;
    member(CookiesTag{}, queue).mask = mask;
    member(StampsTag{}, queue) = stamps;
    queue.set_enabled(true);
    if (valid) assume("the queue is valid", [&] { return queue.is_valid(); });
  }

  static constexpr TxCounters counted_before = any_counts<TxCounters>();
  /// The counts since the start of the call.
  TxCounters counted() const { return counted_since(queue.counters(), counted_before); }

  Word next_completion() const { return (completions.head + 1U) & completions.mask; }
  /// The contents of a work queue's oldest slot.
  Word oldest(unsigned twq) { return work(twq).slots.at(before[twq].window.head).bits; }
  unsigned traced(TraceEvent::Kind kind) const { return obs.times(kind); }
};

inline bool has_fragment(const Word& slot) {
  return (slot & Slot::kFragmentMask) != 0U;
}
inline Word fragment_of(const Word& slot) {
  return (slot & Slot::kFragmentMask) - 1U;
}
inline bool same(const Ring& a, const Ring& b) {
  return same_ring(a.window, b.window) && a.done == b.done;
}

}  // namespace

}  // namespace hni::proofs
