// SPDX-License-Identifier: Apache-2.0
/// A cable between two cards, and its loopback form.
///
/// Lossless while the receiver's pause works: a frame is accepted only if the far queue has room
/// and the far card does not request pause. Each direction is one bounded ring of frame slots with
/// one producer (the near card's `transmit`) and one consumer (the far end's `poll`), so the two
/// cards may run on two threads. All memory is allocated in the constructor.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "device/wire.hpp"

namespace hni::device {

/// One direction of a cable: a single-producer single-consumer queue of whole frames.
class FrameQueue {
 public:
  /// Allocates the queue.
  /// @param slots frames of up to kMaxFrameBytes; rounded up to a power of two, at least 2
  explicit FrameQueue(std::size_t slots);

  /// Producer: appends a frame.
  /// @param frame the bytes
  /// @return false if the queue is full or the frame longer than a slot
  bool push(std::span<const std::byte> frame);
  /// Consumer: reads the oldest frame.
  /// @return valid until `pop`; empty if there is none
  std::span<const std::byte> front() const;
  /// Consumer: removes the oldest frame.
  void pop();
  /// @return true if there is no frame
  bool empty() const { return front().empty(); }
  /// @return number of frames
  std::size_t size() const;
  /// @return number of slots
  std::size_t capacity() const { return mask_ + 1; }

 private:
  struct QueuedFrame {
    std::uint32_t bytes;
    std::byte data[kMaxFrameBytes];
  };
  std::size_t mask_;
  std::unique_ptr<QueuedFrame[]> slots_;
  alignas(64) std::atomic<std::size_t> tail_{0};  // written by the producer
  alignas(64) std::atomic<std::size_t> head_{0};  // written by the consumer
};

/// Counters of one end.
struct CableCounters {
  std::uint64_t frames = 0;   ///< accepted from this end
  std::uint64_t bytes = 0;    ///< bytes of these
  std::uint64_t refused = 0;  ///< transmit calls refused for now
  std::uint64_t lost = 0;     ///< sent without light, or longer than kMaxFrameBytes
};

/// A cable with two ends.
class Cable {
 public:
  /// Creates a cable, plugged at both ends.
  /// @param slots frames that are buffered per direction
  explicit Cable(std::size_t slots = 256);

  /// Returns an end; `end(0)` is wired to `end(1)`.
  /// @param index 0 or 1
  /// @return valid as long as the cable
  Wire& end(unsigned index) { return ends_[index & 1]; }
  /// Returns the counters of an end.
  /// @param index 0 or 1
  /// @return the counters
  const CableCounters& counters(unsigned index) const { return ends_[index & 1].counters_; }

  /// Pulls or inserts one plug. With either plug out there is no light at both ends.
  /// @param index 0 or 1
  /// @param plugged true: insert
  void set_plugged(unsigned index, bool plugged) {
    ends_[index & 1].plugged_.store(plugged, std::memory_order_relaxed);
  }
  /// Returns the frames in flight towards an end.
  /// @param index 0 or 1
  /// @return number of frames
  std::size_t waiting(unsigned index) const { return queues_[index & 1].size(); }

 private:
  class End final : public Wire {
   public:
    bool transmit(std::span<const std::byte> frame, std::uint64_t now_ns) override;
    void set_pause(bool on) override { pause_.store(on, std::memory_order_release); }
    bool peer_pause() const override;
    bool link() const override;
    unsigned poll(FrameSink& sink, std::uint64_t now_ns, unsigned budget) override;

   private:
    friend class Cable;
    Cable* cable_ = nullptr;
    unsigned index_ = 0;
    std::atomic<bool> pause_{false};
    std::atomic<bool> plugged_{true};
    CableCounters counters_;
  };

  FrameQueue queues_[2];  // [i]: towards end i
  End ends_[2];
};

/// A plug that returns every frame to the card that sent it.
class Loopback final : public Wire {
 public:
  /// Creates a loopback.
  /// @param slots frames that are buffered
  explicit Loopback(std::size_t slots = 256) : queue_(slots) {}
  bool transmit(std::span<const std::byte> frame, std::uint64_t now_ns) override;
  void set_pause(bool on) override { pause_ = on; }
  bool peer_pause() const override { return pause_; }
  bool link() const override { return true; }
  unsigned poll(FrameSink& sink, std::uint64_t now_ns, unsigned budget) override;

 private:
  FrameQueue queue_;
  bool pause_ = false;
};

}  // namespace hni::device
