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

struct PositionTag {
  friend auto& member(PositionTag, Queue&);
};
struct HeadersTag {
  friend auto& member(HeadersTag, Queue&);
};
struct PayloadsTag {
  friend auto& member(PayloadsTag, Queue&);
};
struct CompletionSizeTag {
  friend auto& member(CompletionSizeTag, Queue&);
};
struct CompletionMemoryTag {
  friend auto& member(CompletionMemoryTag, Queue&);
};
struct PartialTag {
  friend auto& member(PartialTag, Queue&);
};
struct FaultedTag {
  friend auto& member(FaultedTag, Queue&);
};
template struct Grant<Queue, PositionTag, &Queue::cursor_>;
template struct Grant<Queue, HeadersTag, &Queue::headers_>;
template struct Grant<Queue, PayloadsTag, &Queue::payloads_>;
template struct Grant<Queue, CompletionSizeTag, &Queue::completion_size_>;
template struct Grant<Queue, CompletionMemoryTag, &Queue::completion_memory_>;
template struct Grant<Queue, PartialTag, &Queue::partial_>;
template struct Grant<Queue, FaultedTag, &Queue::faulted_>;

std::uint64_t ring_memory[3];

/// Where the completions are in the grammar HDR_AL PAY_AL* OPT_META? META.
enum class Stage : std::uint8_t { kBetween, kSegments, kStamped };

/// A queue in any valid state (or in any at all), in a given stage of the grammar.
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

  RxCursor& at() { return member(PositionTag{}, queue); }
  auto& lent(bool headers) {
    return headers ? member(HeadersTag{}, queue) : member(PayloadsTag{}, queue);
  }

  explicit World(Stage stage, bool valid = true) : World(stage, any_mask(), valid) {}
  World(Stage stage, const Word& mask, bool valid) {
    before.completions = {input<std::uint32_t>("completion head"),
                          input<std::uint32_t>("completion done"), mask};
    before.headers = any_buffers("headers", mask, kHeadRoom);
    before.payloads = any_buffers("payloads", mask, 0);
    before.assembly = static_cast<Assembly>(stage);
    at() = before;
    lent(true).slots.mask = lent(false).slots.mask = mask;
    lent(true).slots.name = "header slot";
    lent(false).slots.name = "payload slot";
    lent(true).memory.cpu = reinterpret_cast<std::byte*>(&ring_memory[0]);
    lent(false).memory.cpu = reinterpret_cast<std::byte*>(&ring_memory[1]);
    // Only when to lend buffers again depends on these two.
    lent(true).size = lent(false).size = 64;
    member(CompletionMemoryTag{}, queue).cpu = reinterpret_cast<std::byte*>(&ring_memory[2]);
    queue.set_enabled(true);
    if (valid) assume("the queue is valid", [&] { return queue.is_valid(); });
  }

  Word next_completion() const { return (before.completions.head + 1U) & before.completions.mask; }
  /// The phase of a fresh completion in this slot, which the queue looks at next.
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
