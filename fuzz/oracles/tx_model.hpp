// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The reference model of a transmit queue. It reads the work descriptors at the doorbell, as the
/// card does, compares them with what the application sent, and determines what each completion
/// means.

#include <array>
#include <cstdint>
#include <span>

#include "driver/queues/tx_queue.hpp"
#include "fuzz/oracles/rx_model.hpp"

namespace hni::fuzz {

/// One work queue of the model.
struct WorkModel {
  static constexpr std::uint32_t kSize = 64;
  /// A posted descriptor in one word.
  struct Slot {
    static constexpr std::uint32_t kNothing = (1U << 30) - 1;
    static constexpr std::uint32_t kStamp = 1U << 30;
    static constexpr std::uint32_t kLast = 1U << 31;
    std::uint32_t bits = kNothing;

    /// Returns the fragment number, or kNothing.
    [[nodiscard]] std::uint32_t fragment() const { return bits & kNothing; }
    [[nodiscard]] bool last() const { return (bits & kLast) != 0; }
    [[nodiscard]] bool stamp() const { return (bits & kStamp) != 0; }
  };
  std::array<Slot, kSize> slots{};
  std::uint64_t posted = 0;
  std::uint64_t done = 0;   ///< the card completed all slots before it
  std::uint64_t given = 0;  ///< freed

  [[nodiscard]] Slot& at(std::uint64_t n) { return slots[n % kSize]; }
  void post(std::uint32_t bits) { at(posted++).bits = bits; }
};

class TxModel {
 public:
  std::array<WorkModel, 2> work{};
  Holders* holders = nullptr;
  bool faulted = false;
  std::uint64_t packets_given = 0;  ///< completed by the card, since the reset
  std::uint64_t stamps_good = 0;
  std::uint64_t stamps_missing = 0;  ///< requested, and neither received nor given up
  std::uint64_t first_address = 0;   ///< of the pool

  void reset() {
    for (WorkModel& w : work) w.posted = w.done = w.given = 0;
    faulted = false;
    run_context.cause = {};
    stamps_missing = 0;
    at_ = 0;
    done_ = 1;
    sending_ = {};
  }

  /// The application is about to send `packets`, which stay in place until sent().
  void sending(std::span<const Packet> packets) { sending_ = packets; }
  /// The driver accepted all of them but `left`.
  void sent(std::size_t left) {
    require(sending_.size() == left, "stream", "packets without a doorbell", sending_.size(),
            left);
    sending_ = {};
  }

  /// Handles a doorbell: the card owns the descriptors [posted, tail).
  void doorbell(unsigned q, std::uint32_t tail, const std::uint64_t* words) {
    WorkModel& w = work[q];
    require(tail < WorkModel::kSize, "ring", "a tail outside of the ring", tail);
    const std::uint64_t count =
        (tail + WorkModel::kSize - w.posted % WorkModel::kSize) % WorkModel::kSize;
    require(w.posted - w.given + count < WorkModel::kSize, "ring", "a doorbell passes the head",
            tail, w.given);
    const std::uint64_t end = w.posted + count;
    while (w.posted != end) packet(q, words, end);
    if (q == 0 && count != 0)
      require(spec::TWD_META{last_meta_}.REQ_COMPLETION() != 0, "form",
              "a doorbell without a completion request", last_meta_);
  }

  /// Handles the driver's read of `word` at `index` of the completion queue.
  void read(std::uint64_t index, std::uint64_t word) {
    require(!faulted, "faulted", "a faulted queue is read", index);
    require(index == at_, "single-fetch", "a completion is read out of order", index, at_);
    if (spec::TCD{word}.DONE() != done_) return;
    at_ = (at_ + 1) % WorkModel::kSize;
    if (at_ == 0) done_ ^= 1;
    const std::string_view why = take(word);
    faulted = !why.empty();
    if (faulted) run_context.cause = why;
  }

  /// After a poll: slots that are completed and wait for no timestamp are freed.
  void free_completed() {
    for (WorkModel& w : work) {
      for (; w.given != w.done; ++w.given) {
        const WorkModel::Slot slot = w.at(w.given);
        if (slot.stamp()) break;
        release(slot);
        packets_given += slot.last();
      }
    }
  }
  /// The driver gave up on overdue timestamps.
  void forget_stamps() {
    WorkModel& w = work[0];
    for (std::uint64_t n = w.given; n != w.done; ++n) {
      stamps_missing -= w.at(n).stamp();
      w.at(n).bits &= ~WorkModel::Slot::kStamp;
    }
    free_completed();
  }
  void reclaim() {
    for (WorkModel& w : work)
      for (; w.given != w.posted; ++w.given) release(w.at(w.given));
  }

 private:
  void release(WorkModel::Slot slot) {
    if (slot.fragment() != WorkModel::Slot::kNothing) holders->drop(slot.fragment());
  }

  /// Checks one packet of the form META AL* LAST_AL (no META on work queue 1) against what was
  /// sent.
  void packet(unsigned q, const std::uint64_t* words, std::uint64_t end) {
    WorkModel& w = work[q];
    require(!sending_.empty(), "stream", "a packet that was not sent", w.posted);
    const Packet& want = sending_.front();
    sending_ = sending_.subspan(1);
    if (q == 0) {
      const spec::TWD_META meta{words[w.posted % WorkModel::kSize]};
      require(meta.TYPE() == 0, "form", "a packet without metadata", meta.raw);
      require((meta.REQ_TS() != 0) == want.tx.wants(TxOffload::kTimestamp), "form",
              "a timestamp request too many or too few", meta.raw);
      check_offloads(meta, want.tx);
      last_meta_ = meta.raw;
      w.post(WorkModel::Slot::kNothing | (meta.REQ_TS() != 0 ? WorkModel::Slot::kStamp : 0));
      stamps_missing += meta.REQ_TS();
    }
    for (std::uint32_t i = 0; i < want.segment_count; ++i) {
      require(w.posted != end, "form", "a doorbell inside of a packet", w.posted);
      const spec::TWD_AL al{words[w.posted % WorkModel::kSize]};
      const Segment& segment = want.segments[i];
      const std::uint64_t address =
          first_address + std::uint64_t{raw(segment.fragment)} * kFragmentBytes + segment.offset;
      require(al.ADDR() == address && al.LEN() == segment.length, "stream",
              "other bytes than the application's", al.raw, address);
      const bool last = i + 1 == want.segment_count;
      require(al.TYPE() ==
                  static_cast<std::uint64_t>(last ? spec::TWD_TYPE::LAST_AL : spec::TWD_TYPE::AL),
              "form", "the end of a packet in the wrong place", al.raw);
      w.post(raw(segment.fragment) | (last ? WorkModel::Slot::kLast : 0));
    }
  }

  /// Checks the offloads of a packet, in the units of the descriptor [device 12.1] (lengths in 2
  /// bytes, the L4 length in 4).
  static void check_offloads(const spec::TWD_META& meta, const TxOffload& want) {
    const bool sum = want.wants(TxOffload::kChecksum);
    const bool cut = want.wants(TxOffload::kSegment);
    require((meta.REQ_CSO() != 0) == sum && (meta.REQ_LSO() != 0) == cut, "form",
            "an offload too many or too few", meta.raw);
    if (sum || cut)
      require(meta.L2_HLEN() * 2 == want.l2_bytes && meta.L3_IHLEN() * 2 == want.l3_bytes &&
                  meta.L3_OHLEN() * 2 == want.outer_l3_bytes &&
                  meta.CSUM_OFFSET() * 2 == want.checksum_offset,
              "form", "offload lengths of another packet", meta.raw);
    if (cut)
      require(meta.MSS() == want.mss && meta.L4_HLEN() * 4 == want.l4_bytes, "form",
              "segments of another size", meta.raw);
  }

  /// Returns why a completion is refused; empty if it is accepted.
  std::string_view take(std::uint64_t word) {
    const std::uint64_t type = spec::TCD{word}.TYPE();
    const spec::TCD_TYPE0 tcd{word};
    const bool second = tcd.TWQ1() != 0;
    if (type == 1 && !second) {
      stamp(spec::TCD_TYPE1{word});
      return {};
    }
    if (type != 0) return type == 1 ? "a timestamp of the plain ring" : "an unknown type";
    return confirm(work[second ? 1 : 0], second ? tcd.HEAD1() : tcd.HEAD0());
  }

  static std::string_view confirm(WorkModel& w, std::uint64_t head) {
    if (head >= WorkModel::kSize) return "a head outside of the ring";
    for (std::uint64_t n = w.done;; ++n) {
      if (n % WorkModel::kSize == head) {
        if (n != w.done && !w.at(n - 1).last()) return "a head inside a packet";
        w.done = n;
        return {};
      }
      if (n == w.posted) return head_beyond(w, head);
    }
  }

  /// A head that is not among the posted descriptors: before the last completed one, or beyond the
  /// tail.
  static std::string_view head_beyond(const WorkModel& w, std::uint64_t head) {
    const std::uint64_t back = (w.done + WorkModel::kSize - head) % WorkModel::kSize;
    return back <= WorkModel::kSize / 2 ? "a head that went back" : "a head beyond the tail";
  }

  void stamp(const spec::TCD_TYPE1& tcd) {
    WorkModel& w = work[0];
    for (std::uint64_t n = w.given; n != w.posted; ++n) {
      if (!w.at(n).stamp()) continue;
      w.at(n).bits &= ~WorkModel::Slot::kStamp;
      --stamps_missing;
      stamps_good += tcd.STATUS_TS_INVALID() == 0 && tcd.STATUS_ILLEGAL_TS_REQ() == 0;
      return;
    }
  }

  std::span<const Packet> sending_;  ///< of the current call, not yet covered by a doorbell
  std::uint64_t last_meta_ = 0;
  std::uint64_t at_ = 0;
  std::uint64_t done_ = 1;
};

}  // namespace hni::fuzz
