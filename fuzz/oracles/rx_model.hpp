// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The reference model of a receive queue: what a driver must make of the words that it read, in
/// the simplest form (counters that never wrap, one fragment list per ring) and without the
/// driver's code. It observes what the card observes (buffer descriptors, doorbells) and what the
/// driver read, so it detects a second read of a word, a buffer posted twice, or a byte delivered
/// twice.

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <string_view>

#include "driver/core/packet.hpp"
#include "driver/queues/rx_queue.hpp"
#include "fuzz/script/finding.hpp"
#include "fuzz/script/run_context.hpp"

namespace hni::fuzz {

/// References to each fragment: of the rings (one per slot) and of the application (one per
/// segment).
class Holders {
 public:
  static constexpr std::uint32_t kMost = 256;
  void take(std::uint32_t fragment) {
    ++all_;
    held_ += count_[fragment % kMost]++ == 0;
  }
  void drop(std::uint32_t fragment) {
    std::uint32_t& count = count_[fragment % kMost];
    require(count != 0, "ownership", "a fragment is freed twice", fragment);
    --all_;
    held_ -= --count == 0;
  }
  [[nodiscard]] std::uint32_t of(std::uint32_t fragment) const { return count_[fragment % kMost]; }

  /// Returns the number of references to all fragments.
  [[nodiscard]] std::uint32_t all() const { return all_; }

  /// Returns the number of referenced pages of `per_page` fragments; nullopt unless the pool
  /// counts the references of each of them as `pages` does.
  using PoolCount = RefCount<std::uint32_t>;
  [[nodiscard]] std::optional<std::uint32_t> held(std::span<const PoolCount> pages,
                                                  std::uint32_t per_page) const {
    if (per_page == 1) {
      static_assert(sizeof(PoolCount) == sizeof count_[0]);
      if (std::memcmp(pages.data(), count_.data(), pages.size_bytes()) != 0) return std::nullopt;
      return held_;
    }
    std::uint32_t held = 0;
    for (std::size_t page = 0; page != pages.size(); ++page) {
      const std::span<const std::uint32_t> fragments(&count_[page * per_page], per_page);
      const std::uint32_t holders = std::accumulate(fragments.begin(), fragments.end(), 0U);
      if (holders != pages[page].holders) return std::nullopt;
      held += holders != 0;
    }
    return held;
  }

 private:
  std::array<std::uint32_t, kMost> count_{};
  std::uint32_t all_ = 0;
  std::uint32_t held_ = 0;  ///< fragments with a reference
};

/// One buffer queue of the model.
struct LentModel {
  static constexpr std::uint32_t kSize = 64;
  std::array<std::uint32_t, kSize> fragment{};
  std::uint64_t posted = 0;  ///< since the reset
  std::uint64_t taken = 0;
  std::uint32_t first_offset = 0;
  std::uint32_t next_offset = 0;

  void reset(std::uint32_t first) {
    posted = taken = 0;
    first_offset = next_offset = first;
  }
  /// Handles the driver's store of the descriptor of `slot`.
  void post(std::uint32_t slot, std::uint32_t of, Holders& holders) {
    require(slot == posted % kSize, "ring", "a buffer descriptor out of order", slot, posted);
    require(posted - taken < kSize - 1, "ring", "more buffers than the ring holds", posted, taken);
    require(holders.of(of) == 0, "ownership", "a buffer with a reference is posted", of);
    fragment[slot] = of;
    holders.take(of);
    ++posted;
  }
  /// Handles a buffer id: makes that slot the oldest; false if the card does not own it.
  bool name(std::uint64_t id, Holders& holders) {
    for (std::uint64_t at = taken; at != posted; ++at) {
      if (at % kSize != id) continue;
      for (; taken != at; ++taken) {
        holders.drop(fragment[taken % kSize]);
        next_offset = first_offset;
      }
      return true;
    }
    return false;
  }
  /// Returns why name() refuses an id.
  [[nodiscard]] std::string_view why_not(std::uint64_t id) const {
    if (id >= kSize) return "an id outside of the ring";
    return id == posted % kSize ? "the id of the next buffer" : "the id of a returned buffer";
  }
  /// Returns why a segment of the oldest buffer is refused; empty if it is accepted.
  [[nodiscard]] std::string_view why_not(std::uint32_t offset, std::uint32_t length,
                                         std::uint32_t reserve) const {
    if (length == 0) return "a segment without bytes";
    if (offset < next_offset)
      return next_offset == first_offset ? "data in the head room" : "data before earlier data";
    const std::uint32_t end = offset + length;
    if (end == kFragmentBytes + 1) return "data that ends one byte past the fragment";
    if (end > kFragmentBytes) return "data past the fragment";
    return end + reserve > kFragmentBytes ? "data in the tail room" : "";
  }
  [[nodiscard]] std::uint32_t oldest() const { return fragment[taken % kSize]; }
};

class RxModel {
 public:
  static constexpr std::uint32_t kMaxPackets = 256;
  enum class Phase : std::uint8_t { kBetween, kSegments, kStamped };

  LentModel headers;
  LentModel payloads;
  Holders* holders = nullptr;
  bool faulted = false;
  std::uint64_t dropped = 0;  ///< for their error bits

  void reset() {
    headers.reset(kHeadRoom);
    payloads.reset(0);
    phase_ = Phase::kBetween;
    faulted = false;
    run_context.cause = {};
    written_ = read_ = 0;
    at_ = 0;
    done_ = 1;
  }

  /// Handles the driver's read of `word` at `index` of the completion queue.
  void read(std::uint64_t index, std::uint64_t word) {
    require(!faulted, "faulted", "a faulted queue is read", index);
    require(index == at_, "single-fetch", "a completion is read out of order", index, at_);
    if (spec::RCD{word}.DONE() != done_) return;
    at_ = (at_ + 1) % completions;
    if (at_ == 0) done_ ^= 1;
    take(word);
  }

  /// Checks that the driver delivered the next packet of the model.
  void expect(const Packet& got) {
    require(read_ != written_, "stream", "a packet that was never completed", got.length);
    const Packet& want = (*packets_)[read_++ % kMaxPackets];
    require(got.segment_count == want.segment_count && got.length == want.length, "stream",
            "a packet of another shape", got.length, want.length);
    for (std::uint32_t i = 0; i < want.segment_count; ++i) {
      const Segment& a = got.segments[i];
      const Segment& b = want.segments[i];
      require(a.fragment == b.fragment && a.offset == b.offset && a.length == b.length, "stream",
              "another segment", raw(a.fragment) << 12 | a.offset,
              raw(b.fragment) << 12 | b.offset);
    }
    require(got.rx.meta == want.rx.meta && got.rx.has_timestamp == want.rx.has_timestamp &&
                (!got.rx.has_timestamp || got.rx.timestamp_ns == want.rx.timestamp_ns),
            "stream", "other metadata", got.rx.meta, want.rx.meta);
  }
  /// Checks that every packet that the driver read was delivered.
  void expect_all_delivered() const {
    require(read_ == written_, "stream", "a packet is missing", written_ - read_);
  }

  /// Frees everything that is posted, under assembly, or was read only for counting.
  void reclaim() {
    for (; read_ != written_; ++read_) drop((*packets_)[read_ % kMaxPackets]);
    for (LentModel* ring : {&headers, &payloads})
      for (; ring->taken != ring->posted; ++ring->taken) holders->drop(ring->oldest());
    if (phase_ != Phase::kBetween) drop(building());
    phase_ = Phase::kBetween;
  }

  /// Returns whether no packet is under assembly and no completion of `ring` is unread.
  [[nodiscard]] bool at_rest(const std::uint64_t* ring) const {
    return phase_ == Phase::kBetween && spec::RCD{ring[at_]}.DONE() != done_;
  }

  std::uint32_t completions = 64;

 private:
  void take(std::uint64_t word) {
    const std::uint64_t type = spec::RCD{word}.TYPE();
    if (phase_ == Phase::kBetween) {
      if (type != 0) return fault("no header first");
      Packet& fresh = building();
      fresh.segment_count = fresh.length = 0;
      fresh.rx.has_timestamp = false;
      if (!segment(headers, word, kTailRoom, kTailRoom + kHeadRoom)) return;
      phase_ = Phase::kSegments;
      return;
    }
    if (type == 3) return finish(word);
    if (phase_ == Phase::kStamped) return fault("data after the options");
    if (type == 1) {
      if (building().segment_count == kMaxSegments) return fault("too many segments");
      (void)segment(payloads, word, 0, 0);
    } else if (type == 2) {
      stamp(word);
    } else {
      fault("a header inside a packet");
    }
  }

  bool segment(LentModel& ring, std::uint64_t word, std::uint32_t reserve, std::uint32_t gap) {
    const std::uint64_t id = word & 0xffff;
    if (!ring.name(id, *holders)) return fault(ring.why_not(id)), false;
    const auto length = static_cast<std::uint32_t>(word >> 16 & 0x1fff);
    const auto offset = static_cast<std::uint32_t>(word >> 32 & 0xfff);
    if (const std::string_view why = ring.why_not(offset, length, reserve); !why.empty())
      return fault(why), false;
    const std::uint32_t fragment = ring.oldest();
    building().segments[building().segment_count++] = {FragmentId{fragment},
                                                       static_cast<std::uint16_t>(offset),
                                                       static_cast<std::uint16_t>(length)};
    building().length += length;
    if ((word & spec::RCD_HDR_AL{}.set_PAGE_FIN(1).raw) != 0) {
      ++ring.taken;
      ring.next_offset = ring.first_offset;
    } else {
      ring.next_offset = offset + length + gap;
      holders->take(fragment);
    }
    return true;
  }

  void stamp(std::uint64_t word) {
    const spec::RCD_OPT_META opt{word};
    if (opt.OPT_TYPE() != 0) return fault("an option of an unknown type");
    building().rx.has_timestamp = opt.TS_VALID() != 0;
    building().rx.timestamp_ns = opt.TS();
    phase_ = Phase::kStamped;
  }

  void finish(std::uint64_t word) {
    phase_ = Phase::kBetween;
    const spec::RCD_META meta{word};
    if (meta.ERR_MAC_EOP() != 0 || meta.ERR_TRUNCATED_FRAME() != 0) {
      ++dropped;
      return drop(building());
    }
    building().rx.meta = word;
    ++written_;
  }

  /// Returns the packet under assembly, in the place from which it is fetched.
  Packet& building() { return (*packets_)[written_ % kMaxPackets]; }

  void fault(std::string_view why) {
    faulted = true;
    run_context.cause = why;
    if (phase_ != Phase::kBetween) drop(building());
    phase_ = Phase::kBetween;
  }
  void drop(const Packet& packet) {
    for (std::uint32_t i = 0; i < packet.segment_count; ++i)
      holders->drop(raw(packet.segments[i].fragment));
  }

  Phase phase_ = Phase::kBetween;
  // Separate from the rest, which is small and copied often.
  std::unique_ptr<std::array<Packet, kMaxPackets>> packets_ =
      std::make_unique<std::array<Packet, kMaxPackets>>();
  std::uint64_t written_ = 0;
  std::uint64_t read_ = 0;
  std::uint64_t at_ = 0;
  std::uint64_t done_ = 1;
};

}  // namespace hni::fuzz
