// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The scripted card of the ring targets: it writes completions directly into ring memory, correct
/// ones or with a fault in one field. It remembers where a correct card would continue, so that a
/// fault is one step away from correct behaviour and traffic continues afterwards.

#include <algorithm>
#include <array>
#include <cstdint>

#include "fuzz/script/field_faults.hpp"
#include "fuzz/worlds/ring_world.hpp"

namespace hni::fuzz {

/// A completion queue from the card's point of view.
class CompletionWriter {
 public:
  void reset() {
    at_ = 0;
    lap_ = 1;
    last_ = 0;
  }
  /// Writes one completion; sets DONE for the current phase.
  void put(std::uint64_t* ring, std::uint64_t word) {
    last_ = word & ~kDone;
    ring[at_] = last_ | lap_ << 63;
    at_ = (at_ + 1) % RingWorld::kSize;
    if (at_ == 0) lap_ ^= 1;
  }
  /// Writes one completion with the DONE bit of the other phase, without advancing.
  void put_early(std::uint64_t* ring, std::uint64_t word) {
    ring[at_] = (word & ~kDone) | (lap_ ^ 1) << 63;
  }
  [[nodiscard]] std::uint64_t last() const { return last_; }
  /// Returns the entries that the driver has not acknowledged by its head doorbell.
  [[nodiscard]] std::uint32_t full(std::uint32_t head) const {
    return (at_ - head) % RingWorld::kSize;
  }

 private:
  static constexpr std::uint64_t kDone = spec::RCD{}.set_DONE(1).raw;
  std::uint32_t at_ = 0;
  std::uint64_t lap_ = 1;
  std::uint64_t last_ = 0;
};

/// A buffer queue from the card's point of view.
struct CardBuffers {
  std::uint64_t slot = 0;
  std::uint32_t offset = 0;
};

class RingCard {
 public:
  explicit RingCard(RingWorld& world) : world_(&world) {}

  void reset() {
    rcq_.reset();
    tcq_.reset();
    headers_ = {0, kHeadRoom};
    payloads_ = {0, 0};
    payload_count_ = last_count_ = 0;
    answered_ = {};
  }

  // ---- Receive

  /// Delivers `count` correct packets of one header of `length` bytes and `payloads` payload
  /// buffers.
  void receive(std::uint32_t count, std::uint32_t length, std::uint32_t payloads) {
    for (std::uint32_t i = 0; i < count; ++i) {
      if (rcq_.full(world_->io.rcq_head) + payloads + 2 >= RingWorld::kSize) return;
      if (!header({}, length)) return;
      for (std::uint32_t n = 0; n < payloads; ++n)
        if (!payload({}, 4096)) return;
      put_rx(spec::RCD_META{}.set_TYPE(3).set_RSS_HASH(length).raw);
    }
  }

  /// Writes an address-and-length completion with a fault in one field.
  struct FieldFaults {
    ValueClass id = ValueClass::kHonest;
    ValueClass offset = ValueClass::kHonest;
    ValueClass length = ValueClass::kHonest;
    std::uint16_t random = 0;
  };

  /// Returns false if the card has no buffer to refer to.
  bool header(const FieldFaults& faults, std::uint32_t length) {
    const LentModel& lent = world_->io.rx.headers;
    if (faults.id == ValueClass::kHonest && headers_.slot >= lent.posted) return false;
    const std::uint32_t room = kFragmentBytes - headers_.offset;
    const std::uint32_t honest = std::clamp<std::uint32_t>(length, 1, room);
    const std::uint64_t word = al(faults, headers_, lent, honest);
    const bool last = headers_.offset + honest + 512 > kFragmentBytes;
    put_rx(word | (last ? spec::RCD_HDR_AL{}.set_PAGE_FIN(1).raw : 0));
    note(faults, Site::kRcdHeaderId, Site::kRcdHeaderOffset, Site::kRcdHeaderLength);
    go_on(headers_, last, honest + kHeadRoom, kHeadRoom);
    return true;
  }
  bool payload(const FieldFaults& faults, std::uint32_t length) {
    const LentModel& lent = world_->io.rx.payloads;
    if (faults.id == ValueClass::kHonest && payloads_.slot >= lent.posted) return false;
    const std::uint32_t room = kFragmentBytes - payloads_.offset;
    const std::uint32_t honest = std::clamp<std::uint32_t>(length, 1, room);
    const std::uint64_t word = al(faults, payloads_, lent, honest);
    const bool last = payloads_.offset + honest == kFragmentBytes;
    put_rx(word | spec::RCD_PAY_AL{}.set_TYPE(1).raw |
           (last ? spec::RCD_PAY_AL{}.set_PAGE_FIN(1).raw : 0));
    note(faults, Site::kRcdPayloadId, Site::kRcdPayloadOffset, Site::kRcdPayloadLength);
    go_on(payloads_, last, honest, 0);
    return true;
  }
  /// Skips buffers of a ring, which the card is allowed to do.
  void skip(bool header, std::uint32_t count) {
    CardBuffers& b = header ? headers_ : payloads_;
    b = {b.slot + count, header ? kHeadRoom : 0};
  }
  void put_rx(std::uint64_t word) {
    count_segments(spec::RCD{word}.TYPE());
    rcq_.put(world_->io.rcq, word);
  }
  void put_rx_early(std::uint64_t word) { rcq_.put_early(world_->io.rcq, word); }
  [[nodiscard]] std::uint64_t last_rx() const { return rcq_.last(); }

  // ---- Transmit

  /// Completes `packets` packets of work queue `q`, or all of them if there are fewer.
  void confirm(unsigned q, std::uint32_t packets) { put_head(q, ValueClass::kHonest, 0, packets); }
  /// Writes a head of class `c`; the correct one is `packets` packets ahead.
  void put_head(unsigned q, ValueClass c, std::uint16_t random, std::uint32_t packets) {
    WorkModel& w = world_->io.tx.work[q];
    std::uint64_t honest = w.done;
    for (; honest != w.posted && packets != 0; --packets) {
      while (!w.at(honest).last()) ++honest;
      ++honest;
    }
    const Range range{.honest = honest % RingWorld::kSize,
                      .low = w.done % RingWorld::kSize,
                      .high = w.posted % RingWorld::kSize,
                      .stale = w.given % RingWorld::kSize,
                      .mask = 0xffff};
    const std::uint64_t head = faulty_value(c, range, random);
    if (c != ValueClass::kHonest) site_record().note(Site::kTcdHead, c);
    put_tx(q == 0 ? spec::TCD_TYPE0{}.set_HEAD0(head).raw
                  : spec::TCD_TYPE0{}.set_HEAD1(head).set_TWQ1(1).raw);
  }
  /// Completes the next `packets` packets of work queue `q` while there is room for their
  /// completions.
  void answer(unsigned q, std::uint32_t packets) {
    WorkModel& w = world_->io.tx.work[q];
    std::uint64_t& n = answered_[q];
    for (n = std::max(n, w.done); n != w.posted && packets != 0 && room_tx(); --packets) {
      if (w.at(n).stamp()) put_tx(spec::TCD_TYPE1{}.set_TYPE(1).set_TS(1000 + n).raw);
      while (!w.at(n).last()) ++n;
      ++n;
      const std::uint64_t head = n % RingWorld::kSize;
      put_tx(q == 0 ? spec::TCD_TYPE0{}.set_HEAD0(head).raw
                    : spec::TCD_TYPE0{}.set_HEAD1(head).set_TWQ1(1).raw);
    }
  }
  void put_tx(std::uint64_t word) { tcq_.put(world_->io.tcq, word); }
  void put_tx_early(std::uint64_t word) { tcq_.put_early(world_->io.tcq, word); }
  [[nodiscard]] std::uint64_t last_tx() const { return tcq_.last(); }
  /// Returns whether a correct card has room for a transmit completion.
  [[nodiscard]] bool room_tx() const {
    return tcq_.full(world_->io.tcq_head) + 2 < RingWorld::kSize;
  }

 private:
  /// Counts the payload buffers of a packet: the device chooses the number, but no field holds it.
  void count_segments(std::uint64_t type) {
    SiteRecord& record = site_record();
    if (type == 1) {
      ++payload_count_;
      if (payload_count_ == kMaxSegments) record.note(Site::kRcdSegments, ValueClass::kAboveHigh);
      if (payload_count_ > kMaxSegments) record.note(Site::kRcdSegments, ValueClass::kMax);
    } else if (type == 3) {
      if (payload_count_ == 0) record.note(Site::kRcdSegments, ValueClass::kZero);
      if (payload_count_ == last_count_) record.note(Site::kRcdSegments, ValueClass::kStale);
      last_count_ = payload_count_;
    } else if (type == 0) {
      payload_count_ = 0;
    }
  }

  static void note(const FieldFaults& faults, Site id, Site offset, Site length) {
    if (faults.id != ValueClass::kHonest) site_record().note(id, faults.id);
    if (faults.offset != ValueClass::kHonest) site_record().note(offset, faults.offset);
    if (faults.length != ValueClass::kHonest) site_record().note(length, faults.length);
  }

  static std::uint64_t al(const FieldFaults& faults, const CardBuffers& at, const LentModel& lent,
                          std::uint32_t length) {
    const Range id{.honest = at.slot % RingWorld::kSize,
                   .low = lent.taken % RingWorld::kSize,
                   .high = (lent.posted - 1) % RingWorld::kSize,
                   .stale = (at.slot - 1) % RingWorld::kSize,
                   .mask = 0xffff};
    const Range offset{.honest = at.offset,
                       .low = at.offset,
                       .high = kFragmentBytes - length,
                       .stale = lent.first_offset,
                       .mask = 0xfff};
    const Range bytes{.honest = length,
                      .low = 1,
                      .high = kFragmentBytes - at.offset,
                      .stale = length / 2,
                      .mask = 0x1fff};
    return spec::RCD_HDR_AL{}
        .set_BUFF_ID(faulty_value(faults.id, id, faults.random))
        .set_OFF(faulty_value(faults.offset, offset, faults.random))
        .set_LEN(faulty_value(faults.length, bytes, faults.random))
        .raw;
  }

  static void go_on(CardBuffers& b, bool last, std::uint32_t bytes, std::uint32_t first) {
    if (last) {
      b = {b.slot + 1, first};
    } else {
      b.offset = std::min(b.offset + bytes, kFragmentBytes - 1);
    }
  }

  RingWorld* world_;
  CompletionWriter rcq_;
  CompletionWriter tcq_;
  CardBuffers headers_{0, kHeadRoom};
  CardBuffers payloads_{0, 0};
  std::uint32_t payload_count_ = 0;
  std::uint32_t last_count_ = 0;
  std::array<std::uint64_t, 2> answered_{};  ///< descriptors of each work queue, by answer()
};

}  // namespace hni::fuzz
