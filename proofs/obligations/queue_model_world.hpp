// SPDX-License-Identifier: Apache-2.0
// The environment of the queue classes as production instantiates them (std::uint32_t and
// std::uint64_t). All effects of a queue on the card, on its memory and on its observer form one
// list of events; a model produces the expected list, and both must be equal.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "driver/core/checked_io.hpp"
#include "driver/core/fragment_pool.hpp"
#include "proofs/prover/choices.hpp"
#include "proofs/prover/harness.hpp"

namespace hni::proofs {
// Each proof that includes this file has its own copy.
namespace {

enum class Did : std::uint8_t {
  kStore,  // address, value
  kLoad,   // site, address
  kWrite,  // register, value
  kAllocate,
  kFree,  // address, bytes
  kRefused,
  kPosted,
  kCompleted,
  kRead,
  kReceived,
  kSent,
  kDropped,
  kStarted,
  kPolled,
  kStopped,
  kWoken,
  kRefillStarted,
  kRefilled,
  kRefillEmpty,
};

inline const char* name_of(Did did) {
  constexpr const char* kNames[] = {
      "store",     "load",  "write",          "allocate", "free",        "refused", "posted",
      "completed", "read",  "received",       "sent",     "dropped",     "started", "polled",
      "stopped",   "woken", "refill started", "refilled", "refill empty"};
  return kNames[static_cast<unsigned>(did)];
}

struct Event1 {
  Did did;
  std::array<std::uint64_t, 5> with{};
  bool operator==(const Event1&) const = default;
};
using Log = std::vector<Event1>;

template <class T>
constexpr std::uint64_t plain(T value) {
  if constexpr (std::is_enum_v<T>)
    return static_cast<std::uint64_t>(value);
  else
    return static_cast<std::uint64_t>(value);
}
template <class... Values>
void append(Log& log, Did did, Values... values) {
  log.push_back({did, {plain(values)...}});
}
inline std::uint64_t place_of(RegAddr reg) {
  return plain(reg.bar) << 32 | reg.byte_offset;
}

/// Normalises a log. The order of the writes before a doorbell has no effect, except that the last
/// write to an address determines its value.
inline Log in_order(Log log) {
  for (auto from = log.begin(); from != log.end();) {
    const auto to =
        std::find_if(from, log.end(), [&](const Event1& e) { return e.did != from->did; });
    if (from->did == Did::kStore) {
      // A stable sort: std::stable_sort of libstdc++ 12 uses what clang 19 calls deprecated.
      std::vector<std::pair<std::uint64_t, std::size_t>> order;
      for (auto it = from; it != to; ++it) order.emplace_back(it->with[0], order.size());
      std::sort(order.begin(), order.end());
      const Log before(from, to);
      for (std::size_t i = 0; i < order.size(); ++i)
        from[static_cast<std::ptrdiff_t>(i)] = before[order[i].second];
    }
    from = to;
  }
  return log;
}

/// Memory with stale contents that records every access.
struct LoggedIo {
  Log* log = nullptr;
  std::vector<std::unique_ptr<std::uint64_t[]>> blocks;
  std::vector<DmaSpan> spans;
  unsigned memory_for = 99;  ///< number of allocations that succeed

  std::uint32_t read32(Site, RegAddr) { return 0; }
  void write32(RegAddr reg, std::uint32_t value) {
    append(*log, Did::kWrite, place_of(reg), value);
  }
  std::uint64_t load64(Site site, const std::uint64_t* word) {
    append(*log, Did::kLoad, site, address(word));
    return *word;
  }
  void store64(std::uint64_t* word, std::uint64_t value) {
    append(*log, Did::kStore, address(word), value);
    *word = value;
  }
  void copy_in(Site, std::byte*, const std::byte*, std::size_t) {}
  std::optional<DmaSpan> dma_alloc(std::size_t bytes) {
    append(*log, Did::kAllocate, bytes);
    if (memory_for == 0) return std::nullopt;
    --memory_for;
    blocks.push_back(std::make_unique<std::uint64_t[]>(bytes / 8));
    std::fill_n(blocks.back().get(), bytes / 8, ~std::uint64_t{0} / 3);
    const DmaSpan span{reinterpret_cast<std::byte*>(blocks.back().get()),
                       DmaAddr{std::uint64_t{blocks.size()} << 24}, bytes};
    spans.push_back(span);
    return span;
  }
  void dma_free(DmaSpan span) { append(*log, Did::kFree, raw(span.iova), span.bytes); }

  /// A word as the card sees it; all ones outside every ring.
  std::uint64_t address(const std::uint64_t* word) const {
    const auto* at = reinterpret_cast<const std::byte*>(word);
    for (const DmaSpan& s : spans) {
      if (at >= s.cpu && at < s.cpu + s.bytes)
        return raw(s.iova) + static_cast<std::uint64_t>(at - s.cpu);
    }
    return ~std::uint64_t{0};
  }
};
static_assert(DeviceIo<LoggedIo>);

struct LoggedObserver : NullObserver {
  Log* log = nullptr;
  bool watched = false;

  bool wants_completions() const { return watched; }
  bool wants_receive_details() const { return watched; }
  void input_refused(Site site, std::uint64_t value, std::uint64_t limit) {
    append(*log, Did::kRefused, site, value, limit);
  }
  void ring_posted(QueueId q, RingKind r, std::uint32_t slot, std::uint32_t n,
                   std::uint32_t mask) {
    append(*log, Did::kPosted, q, r, slot, n, mask);
  }
  void ring_completed(QueueId q, RingKind r, std::uint32_t slot, std::uint32_t n,
                      std::uint32_t mask) {
    append(*log, Did::kCompleted, q, r, slot, n, mask);
  }
  void completion_read(QueueId q, RingKind r, std::uint32_t slot, std::uint64_t word) {
    append(*log, Did::kRead, q, r, slot, word);
  }
  void packet_received(QueueId q, std::uint32_t bytes, std::uint32_t segments) {
    append(*log, Did::kReceived, q, bytes, segments);
  }
  void packet_sent(QueueId q, RingKind r, std::uint32_t bytes, std::uint32_t segments) {
    append(*log, Did::kSent, q, r, bytes, segments);
  }
  void packet_dropped(QueueId q, DropReason why) { append(*log, Did::kDropped, q, why); }
  void rx_poll_started(QueueId q, std::uint32_t n) { append(*log, Did::kStarted, q, n); }
  void rx_polled(QueueId q, std::uint32_t n, std::uint32_t m) {
    append(*log, Did::kPolled, q, n, m);
  }
  void tx_poll_started(QueueId q, std::uint32_t n) { append(*log, Did::kStarted, q, n); }
  void tx_polled(QueueId q, std::uint32_t n, std::uint32_t m) {
    append(*log, Did::kPolled, q, n, m);
  }
  void tx_stopped(QueueId q) { append(*log, Did::kStopped, q); }
  void tx_woken(QueueId q) { append(*log, Did::kWoken, q); }
  void refill_started(QueueId q, RingKind r, std::uint32_t slot, std::uint32_t free) {
    append(*log, Did::kRefillStarted, q, r, slot, free);
  }
  void refilled(QueueId q, RingKind r, std::uint32_t slot, std::uint32_t n, std::uint32_t mask) {
    append(*log, Did::kRefilled, q, r, slot, n, mask);
  }
  void refill_empty(QueueId q, RingKind r, std::uint32_t free) {
    append(*log, Did::kRefillEmpty, q, r, free);
  }
};

/// A second implementation of the pool: reference counts, and the page that is allocated next.
struct PoolModel {
  unsigned shift;
  std::vector<std::uint32_t> holders;  ///< by page
  std::vector<std::uint32_t> free;     ///< the next one last

  PoolModel(unsigned page_shift, std::uint32_t pages) : shift(page_shift), holders(pages) {
    for (std::uint32_t p = pages; p-- > 0;) free.push_back(p);
  }
  std::optional<std::uint32_t> take(std::uint32_t n) {
    if (free.empty()) return std::nullopt;
    const std::uint32_t page = free.back();
    free.pop_back();
    holders[page] = n;
    return page << shift;
  }
  void get(std::uint32_t fragment) { ++holders[fragment >> shift]; }
  void put(std::uint32_t fragment) {
    if (--holders[fragment >> shift] == 0) free.push_back(fragment >> shift);
  }
  void put(const Packet& packet) {
    for (std::uint32_t i = 0; i < packet.segment_count; ++i) put(raw(packet.segments[i].fragment));
  }
  bool is(const FragmentPool& pool) const {
    bool same = pool.page_count() == holders.size() && pool.free_pages() == free.size() &&
                pool.fragments_per_page() == 1U << shift;
    for (std::uint32_t f = 0; f < holders.size() << shift; ++f)
      same = same && pool.holders(FragmentId{f}) == holders[f >> shift] &&
             pool.contains(FragmentId{f});
    return same && !pool.contains(FragmentId{static_cast<std::uint32_t>(holders.size() << shift)});
  }
};

/// The next choices of operation and card: exhaustively, or from a long pseudo-random sequence.
class Source {
 public:
  explicit Source(Choices& choices) : choices_(&choices) {}
  explicit Source(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15ULL + 1) {}
  /// Returns one of 0 .. count - 1.
  unsigned pick(unsigned count) {
    if (choices_ != nullptr) return choices_->pick(count);
    return static_cast<unsigned>(next() % count);
  }
  bool one_in(unsigned n) { return pick(n) == n - 1; }
  std::uint64_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }
  bool exhaustive() const { return choices_ != nullptr; }

 private:
  Choices* choices_ = nullptr;
  std::uint64_t state_ = 1;
};

/// The number of comparisons, and the first difference from the model.
struct Compared {
  std::uint64_t runs = 0, operations = 0;
  std::string wrong;
  std::set<std::string> seen;  ///< kinds of events, reasons of drops, sites of refused input
  void look(const Log& log) {
    for (const Event1& e : log) {
      std::string kind = name_of(e.did);
      if (e.did == Did::kRefused)
        kind += " " + std::string(site_name(static_cast<Site>(e.with[0])));
      if (e.did == Did::kDropped) kind += " for reason " + std::to_string(e.with[1]);
      seen.insert(kind);
    }
  }
  void check(bool same, const std::string& what) {
    if (!same && wrong.empty()) wrong = what;
  }
  bool ok() const { return wrong.empty(); }
};

}  // namespace
}  // namespace hni::proofs
