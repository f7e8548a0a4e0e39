// SPDX-License-Identifier: Apache-2.0
#pragma once

/// TapEndpoint: a TAP interface as the host side of a port. TAP queue q and port queue q belong
/// together. Frames are read from the kernel directly into fragments that the card reads, and
/// written to the kernel from fragments that the card wrote: one copy per direction, made by the
/// kernel. With offload, packets of up to 64 KiB cross the TAP both ways: the card segments them,
/// and the endpoint joins the segments of a burst whose checksums the card has verified.

#include <array>
#include <vector>

#include "tools/hni/segment_run.hpp"
#include "tools/hni/tap.hpp"
#include "tools/hni/traffic_endpoint.hpp"
#include "tools/hni/vnet.hpp"

namespace hni::tools {

class TapEndpoint final : public TrafficEndpoint {
 public:
  /// The maximum number of packets of one read or write batch.
  static constexpr std::uint32_t kBatch = 32;

  /// Creates the endpoint; port and interface must outlive it.
  /// @param port the port
  /// @param tap the interface
  /// @param offload true: the card computes checksums and segments
  /// @param mtu limit of frames without segmentation
  TapEndpoint(CardPort& port, Tap& tap, bool offload, std::uint32_t mtu);

  void wake(QueueId queue) override { queues_[raw(queue)].readable = true; }
  bool transmit(QueueId queue, Time now) override;
  void receive(QueueId queue, std::span<Packet> packets) override;
  void stop_reading() override { reading_ = false; }
  void release() override;
  [[nodiscard]] std::uint64_t held_packets() const override;
  [[nodiscard]] std::uint64_t held_fragments() const override;
  [[nodiscard]] std::optional<std::string> broken() const override { return broken_; }

  /// Configures the port to receive what its interface requests: address, promiscuous mode,
  /// multicast.
  void follow_interface();

 private:
  /// Packets in flight from the TAP to the port, oldest first.
  struct Queue {
    bool readable = true;
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    std::array<Packet, kBatch> packets;
    /// number of frames that each becomes on the wire
    std::array<std::uint32_t, kBatch> frames{};
    Packet reserve;  ///< empty fragments for the next read
    [[nodiscard]] std::uint32_t waiting() const { return count - first; }
  };

  bool send(Queue& queue, QueueId id, Time now);
  bool read_one(Queue& queue, QueueId id);
  bool top_up(Packet& reserve);
  void take(Queue& queue, const VnetHeader& header, std::uint32_t bytes);
  void checksum_here(const Packet& packet, const VnetHeader& header);
  [[nodiscard]] std::uint32_t collect_run(std::span<const Packet> packets);
  void write_one(QueueId id, const Packet& packet);
  bool write_run(QueueId id, std::span<const Packet> packets);
  bool count_written(std::span<const Packet> packets, int error);

  CardPort& port_;
  Tap& tap_;
  bool offload_;
  std::uint32_t reserve_fragments_;
  bool reading_ = true;
  std::vector<Queue> queues_;
  SegmentRun run_;  ///< of the burst that receive() handles
  std::optional<std::string> broken_;
};

}  // namespace hni::tools
