// SPDX-License-Identifier: Apache-2.0
#pragma once

/// TrafficEndpoint: the host side of a port in `hni run`. It provides packets to send and consumes
/// received ones: a TAP interface, a packet generator, or a capture file.

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "driver/io/in_process_card.hpp"
#include "driver/port.hpp"
#include "tools/hni/fault_io.hpp"
#ifdef HNI_HAS_TRACE
#include "trace/usdt_observer.hpp"
#endif

namespace hni::tools {

#ifdef HNI_HAS_TRACE
using CardObserver = trace::UsdtObserver;  ///< the object that `hni trace` attaches to
#else
struct CardObserver : NullObserver {
  explicit CardObserver(std::uint32_t /*port*/) {}
};
#endif
using CardPort = Port<FaultIo, CardObserver>;
}  // namespace hni::tools
extern template class hni::Port<hni::tools::FaultIo, hni::tools::CardObserver>;

namespace hni::tools {

// X(member, meaning)
#define HNI_END_COUNTERS(X)                                                           \
  X(read, "packets read from the host")                                               \
  X(read_bytes, "bytes of these packets")                                             \
  X(sent, "packets accepted by the port")                                             \
  X(sent_frames, "frames that these become on the wire, after segmentation")          \
  X(refused, "dropped: not a frame that the card can carry")                          \
  X(blocked, "times that the port had no space; no packet is lost then")              \
  X(written, "packets delivered to the host")                                         \
  X(written_bytes, "bytes of these packets")                                          \
  X(dropped_full, "the host had no buffer space")                                     \
  X(dropped_down, "the host's interface was down")                                    \
  X(dropped_error, "the host refused the packet")                                     \
  X(corrupt, "written, but different from what the other node sent (generator only)") \
  X(reordered, "written, but out of order in its flow (generator only)")

/// Every packet is counted in one of these. From the host: read = sent + refused + held. To the
/// host: received by the port = written + dropped_*.
struct EndCounters {
  HNI_COUNTER_STRUCT(EndCounters, HNI_END_COUNTERS)
};

class TrafficEndpoint {
 public:
  virtual ~TrafficEndpoint() = default;
  TrafficEndpoint() = default;
  TrafficEndpoint(const TrafficEndpoint&) = delete;
  TrafficEndpoint& operator=(const TrafficEndpoint&) = delete;

  /// Notifies that packets from the host can be read for this queue.
  virtual void wake(QueueId /*queue*/) {}
  /// Moves a batch from the host to the port; true if anything moved or more waits.
  virtual bool transmit(QueueId queue, Time now) = 0;
  /// Consumes received packets and releases their fragments to the port.
  virtual void receive(QueueId queue, std::span<Packet> packets) = 0;
  /// Stops reading packets from the host; those that are held are still sent.
  virtual void stop_reading() = 0;
  /// Releases every held packet and fragment to the port; the packets count as refused.
  virtual void release() = 0;

  /// Returns when transmit() is due without an external event.
  [[nodiscard]] virtual Time deadline() const { return Time::max(); }
  /// Returns the packets read and not yet accepted by the port.
  [[nodiscard]] virtual std::uint64_t held_packets() const = 0;
  /// Returns the fragments of the port's pool that this endpoint owns.
  [[nodiscard]] virtual std::uint64_t held_fragments() const = 0;
  /// Returns whether the host has no more packets to send.
  [[nodiscard]] virtual bool finished() const { return false; }
  /// Returns why this endpoint cannot continue, if so.
  [[nodiscard]] virtual std::optional<std::string> broken() const { return std::nullopt; }
  [[nodiscard]] const EndCounters& counters() const { return counters_; }

 protected:
  EndCounters counters_;
};

}  // namespace hni::tools
