// SPDX-License-Identifier: Apache-2.0
#pragma once

/// RingHistory: who owned the descriptors of one ring, as a recording describes it.

#include <algorithm>
#include <cstdint>
#include <deque>
#include <tuple>

#include "trace/recording.hpp"

namespace hni::trace {

/// Names of RingKind, by number.
inline constexpr std::array<const char*, kRecordedRings> kRingNames{
    "TWQ0", "TWQ1", "TCQ", "HPQ", "PPQ", "RCQ", "mailbox RX", "mailbox TX"};

struct RingKey {
  std::uint8_t port = 0;
  std::uint16_t queue = 0;
  std::uint8_t ring = 0;
  friend auto operator<=>(const RingKey&, const RingKey&) = default;
};

/// Completion rings are consumed, never posted: they have no owner to draw.
inline bool has_owner(const Event& e) {
  return (e.kind == EventKind::kPosted || e.kind == EventKind::kReturned) && e.ring != 2 &&
         e.ring != 5;
}

class RingHistory {
 public:
  /// Descriptors that were posted together.
  struct Post {
    std::uint64_t id = 0;
    std::uint64_t time_us = 0;
    std::uint32_t count = 0;
  };

  [[nodiscard]] std::uint32_t size() const { return mask_ + 1; }
  /// Descriptors that the device owns.
  [[nodiscard]] std::uint32_t used() const { return used_; }

  /// Handles a kPosted or kReturned event; calls `returned(post)` for each completed post.
  template <class Returned>
  void follow(const Event& e, Returned&& returned) {
    mask_ = e.mask;
    if (e.kind == EventKind::kPosted) {
      // More than fits: the recording lacks the return of older descriptors.
      if (e.count > size() || used_ > size() - e.count) forget();
      if (e.count == 0) return;
      used_ += e.count;
      posts_.push_back({next_id_++, e.time_us, e.count});
      return;
    }
    used_ -= std::min(used_, e.count);
    returned_ += e.count;
    while (!posts_.empty() && returned_ >= posts_.front().count) {
      returned_ -= posts_.front().count;
      returned(posts_.front());
      posts_.pop_front();
    }
    if (posts_.empty()) returned_ = 0;
  }
  /// The queue was reset: the device owns nothing.
  void forget() {
    used_ = returned_ = 0;
    posts_.clear();
  }
  [[nodiscard]] const std::deque<Post>& posts() const { return posts_; }

 private:
  std::uint32_t mask_ = 0;
  std::uint32_t used_ = 0;
  std::uint32_t returned_ = 0;  ///< of the oldest post
  std::uint64_t next_id_ = 0;
  std::deque<Post> posts_;  ///< at most as many as the ring has descriptors
};

/// Returns whether the event resets this ring: a reset of its queue, or another state of its port.
inline bool resets(const Event& e, const RingKey& key) {
  if (e.port != key.port) return false;
  return e.kind == EventKind::kState || (e.kind == EventKind::kQueueReset && e.queue == key.queue);
}

/// Returns the label of an event that is not about one ring; empty for other events.
std::string describe_event(const Event& e);

/// Returns the time from post to return in microseconds. Event numbers define the order; the
/// clocks of two processors may differ slightly, so a return is never before its post.
inline std::uint64_t latency_us(const RingHistory::Post& post, const Event& e) {
  return e.time_us - std::min(e.time_us, post.time_us);
}

}  // namespace hni::trace
