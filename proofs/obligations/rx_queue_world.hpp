// SPDX-License-Identifier: Apache-2.0
// An RxQueue in any valid state, for the proofs about it.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "driver/queues/rx_queue.hpp"
#include "proofs/obligations/queue_world.hpp"

namespace hni::proofs {
namespace {

using Queue = RxQueue<SymIo, SymObserver>;
using Packet = SymWords::Packet;

HNI_PRIVATE_MEMBER(PositionTag, &Queue::cursor_);
HNI_PRIVATE_MEMBER(HeadersTag, &Queue::headers_);
HNI_PRIVATE_MEMBER(PayloadsTag, &Queue::payloads_);
HNI_PRIVATE_MEMBER(CompletionSizeTag, &Queue::completion_size_);
HNI_PRIVATE_MEMBER(CompletionMemoryTag, &Queue::completion_memory_);
HNI_PRIVATE_MEMBER(PartialTag, &Queue::partial_);
HNI_PRIVATE_MEMBER(FaultedTag, &Queue::faulted_);
HNI_PRIVATE_MEMBER(EnabledTag, &Queue::enabled_);
HNI_PRIVATE_MEMBER(CountersTag, &Queue::counters_);
HNI_PRIVATE_MEMBER(BudgetTag, &Queue::budget_);
HNI_PRIVATE_MEMBER(QueueIdTag, &Queue::queue_);

constexpr unsigned kQueue = 5;
std::array<std::uint64_t, 8> ring_memory[3];

/// The stage of the completions in the grammar HDR_AL PAY_AL* OPT_META? META.
enum class Stage : std::uint8_t { kBetween, kSegments, kStamped };

/// A queue in any valid state (or in any state), in a given stage of the grammar.
struct World {
  using RxCursor =
      std::remove_reference_t<decltype(member(PositionTag{}, std::declval<Queue&>()))>;
  using Assembly = decltype(RxCursor::assembly);

  SymIo io;
  SymObserver obs;
  CheckedIo<SymIo, SymObserver> device{io, obs};
  SymPool pool;
  Queue queue{device, pool};
  RxCursor before;
  Packet partial;  ///< the packet under assembly, if a proof created one

  RxCursor& at() { return member(PositionTag{}, queue); }
  auto& lent(bool headers) {
    return headers ? member(HeadersTag{}, queue) : member(PayloadsTag{}, queue);
  }

  /// Each ring has its own size.
  explicit World(Stage stage, bool valid = true)
      : World(stage, any_mask("completion mask"), any_mask("header mask"),
              any_mask("payload mask"), valid) {}
  World(Stage stage, const Word& mask, const Word& header_mask, const Word& payload_mask,
        bool valid) {
    // All members: tests/proofs/complete.py compares this list with the class.
    before.completions = {input<std::uint32_t>("completion head"),
                          input<std::uint32_t>("completion done"), mask};
    before.headers = any_buffers("headers", header_mask, kHeadRoom);
    before.payloads = any_buffers("payloads", payload_mask, 0);
    before.assembly = static_cast<Assembly>(stage);
    at() = before;
    member(QueueIdTag{}, queue) = QueueId{kQueue};
    member(BudgetTag{}, queue) = 77;
    // Arbitrary initial counts, which must be preserved.
    member(CountersTag{}, queue) = counted_before;
    member(PartialTag{}, queue).length = input<std::uint32_t>("kept length");
    member(PartialTag{}, queue).segment_count = input<std::uint32_t>("kept segments");
    lent(true).slots.mask = header_mask;
    lent(false).slots.mask = payload_mask;
    lent(true).slots.name = "header slot";
    lent(false).slots.name = "payload slot";
    lent(true).memory.cpu = reinterpret_cast<std::byte*>(ring_memory[0].data());
    lent(false).memory.cpu = reinterpret_cast<std::byte*>(ring_memory[1].data());
    // These two only determine when buffers are posted again.
    lent(true).size = kHeaderSize;
    lent(false).size = kPayloadSize;
    member(CompletionMemoryTag{}, queue).cpu = reinterpret_cast<std::byte*>(ring_memory[2].data());
    queue.set_enabled(true);
    if (valid) assume("the queue is valid", [&] { return queue.is_valid(); });
  }

  static constexpr std::uint32_t kHeaderSize = 64, kPayloadSize = 256;
  static constexpr RxCounters counted_before = any_counts<RxCounters>();
  /// The counts since the start of the call.
  RxCounters counted() const { return counted_since(queue.counters(), counted_before); }

  Word next_completion() const { return (before.completions.head + 1U) & before.completions.mask; }
  /// The phase of a new completion in this slot, which the queue reads next.
  Word queue_done(const Word& slot) const {
    return slot == 0U ? Word(before.completions.done ^ 1U) : before.completions.done;
  }
  unsigned traced(TraceEvent::Kind kind) const { return obs.times(kind); }

 private:
  static BufferRing<Word> any_buffers(const std::string& name, const Word& mask,
                                      std::uint32_t first) {
    const auto any = [&](const char* what) { return input<std::uint32_t>(name + what); };
    return {{any(" head"), any(" tail"), mask}, any(" next offset"), Word(first)};
  }
};

}  // namespace
}  // namespace hni::proofs
