// SPDX-License-Identifier: Apache-2.0
#pragma once

/// TrafficEndpoint: what sits on top of a port in `hni run` and gives it packets to send and takes those
/// that it received: a TAP interface, a packet generator, or a capture file.

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
using CardObserver = trace::UsdtObserver;  ///< what `hni trace` attaches to
#else
struct CardObserver : NullObserver {
  explicit CardObserver(std::uint32_t /*port*/) {}
};
#endif
using CardPort = Port<FaultIo, CardObserver>;
}  // namespace hni::tools
extern template class hni::Port<hni::tools::FaultIo, hni::tools::CardObserver>;

namespace hni::tools {

/// Every packet is in one of these. From above: read = sent + refused + held. To above: received
/// by the port = written + dropped_*.
struct EndCounters {
  std::uint64_t read = 0;  ///< packets that came from above
  std::uint64_t read_bytes = 0;
  std::uint64_t sent = 0;         ///< taken by the port
  std::uint64_t sent_frames = 0;  ///< frames that these become on the wire, after segmentation
  std::uint64_t refused = 0;      ///< dropped: no frame that the card could carry
  std::uint64_t blocked = 0;      ///< times that the port had no room; nothing is lost then
  std::uint64_t written = 0;      ///< handed to above
  std::uint64_t written_bytes = 0;
  std::uint64_t dropped_full = 0;  ///< above had no room
  std::uint64_t dropped_down = 0;  ///< the interface above was down
  std::uint64_t dropped_error = 0;
  std::uint64_t corrupt = 0;    ///< written, but not what the other side sent (generator only)
  std::uint64_t reordered = 0;  ///< written, but out of order in its flow (generator only)
};

class TrafficEndpoint {
 public:
  virtual ~TrafficEndpoint() = default;
  TrafficEndpoint() = default;
  TrafficEndpoint(const TrafficEndpoint&) = delete;
  TrafficEndpoint& operator=(const TrafficEndpoint&) = delete;

  /// Something came to read from above for this queue.
  virtual void wake(QueueId /*queue*/) {}
  /// Moves a batch from above into the port; true if anything moved or more waits.
  virtual bool transmit(QueueId queue, Time now) = 0;
  /// Takes received packets and gives their fragments back to the port.
  virtual void receive(QueueId queue, std::span<Packet> packets) = 0;
  /// Takes no more packets from above; those that are held are still sent.
  virtual void stop_reading() = 0;
  /// Gives every held packet and fragment back to the port; the packets count as refused.
  virtual void release() = 0;

  /// When transmit() wants to be called even if nothing happens.
  [[nodiscard]] virtual Time deadline() const { return Time::max(); }
  /// Packets read and not yet taken by the port.
  [[nodiscard]] virtual std::uint64_t held_packets() const = 0;
  /// Fragments of the port's pool that this end has in its hands.
  [[nodiscard]] virtual std::uint64_t held_fragments() const = 0;
  /// Nothing more will ever come from above.
  [[nodiscard]] virtual bool finished() const { return false; }
  /// Why this end cannot go on, if so.
  [[nodiscard]] virtual std::optional<std::string> broken() const { return std::nullopt; }
  [[nodiscard]] const EndCounters& counters() const { return counters_; }

 protected:
  EndCounters counters_;
};

}  // namespace hni::tools
