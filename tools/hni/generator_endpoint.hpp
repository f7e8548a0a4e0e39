// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Two packet sources without privileges: a generator, whose frames the other node compares byte
/// by byte, and the frames of a capture file.

#include <array>
#include <vector>

#include "device/checksum.hpp"
#include "device/wire/pcap.hpp"
#include "tools/hni/problem.hpp"
#include "tools/hni/traffic_endpoint.hpp"

namespace hni::tools {

struct GeneratorOptions {
  MacAddress from{};
  MacAddress to{};
  /// bytes without FCS; lengths increase one by one and wrap around
  std::uint32_t shortest = 60;
  std::uint32_t longest = 1514;
  /// 0: as many as the ring accepts
  std::uint64_t packets_per_second = 0;
  std::uint64_t limit = 0;   ///< packets to send; 0 for no limit
  std::uint32_t burst = 32;  ///< packets given to the driver at once, 1 to kMostAtOnce
};

/// UDP packets of many flows, each with its number and a pattern derived from it.
class GeneratorEndpoint final : public TrafficEndpoint {
 public:
  static constexpr std::uint32_t kShortest = 60;
  static constexpr std::uint32_t kMostAtOnce = 32;

  /// Creates the source.
  /// @param port the port
  /// @param options what to send
  /// @param queues number of queues of the port
  GeneratorEndpoint(CardPort& port, const GeneratorOptions& options, std::uint32_t queues);

  bool transmit(QueueId queue, Time now) override;
  void receive(QueueId queue, std::span<Packet> packets) override;
  void stop_reading() override { reading_ = false; }
  void release() override {}
  [[nodiscard]] std::uint64_t held_packets() const override { return 0; }
  [[nodiscard]] std::uint64_t held_fragments() const override { return 0; }
  [[nodiscard]] Time deadline() const override;
  [[nodiscard]] bool finished() const override {
    return options_.limit != 0 && counters_.sent >= options_.limit;
  }

 private:
  [[nodiscard]] std::uint64_t due(Time now);
  [[nodiscard]] std::uint32_t length_of(std::uint64_t number) const;
  [[nodiscard]] std::uint64_t flow_of(std::uint64_t number) const {
    return number % newest_.size();
  }
  /// Everything before the packet number; lengths, checksum and source port are 0.
  struct Header {
    std::array<std::byte, 48> bytes{};
    device::Sum ip_sum;

    Header(const MacAddress& from, const MacAddress& to);
  };

  void build(std::uint64_t number, const Header& header, std::span<std::byte> frame) const;
  void check(const Packet& packet);

  CardPort& port_;
  GeneratorOptions options_;
  bool reading_ = true;
  Header sent_;
  Header received_;
  std::uint64_t next_ = 0;  ///< number of the next packet
  Time started_{};
  std::vector<std::byte> expected_;
  std::vector<std::uint64_t> newest_;  ///< number + 1 of the newest packet of each flow
};

/// Sends the frames of a capture file once, in order; counts what returns.
class ReplayEnd final : public TrafficEndpoint {
 public:
  /// Without `reader` it only receives.
  ReplayEnd(CardPort& port, std::optional<device::PcapReader> reader)
      : port_(port), reader_(std::move(reader)), done_(!reader_) {}

  bool transmit(QueueId queue, Time now) override;
  void receive(QueueId queue, std::span<Packet> packets) override;
  void stop_reading() override { done_ = true; }
  void release() override;
  [[nodiscard]] std::uint64_t held_packets() const override { return held_ ? 1 : 0; }
  [[nodiscard]] std::uint64_t held_fragments() const override {
    return held_ ? held_->segment_count : 0;
  }
  [[nodiscard]] bool finished() const override { return done_ && !held_; }
  [[nodiscard]] bool sends() const { return reader_.has_value(); }
  /// Returns the reader, which provides the number of skipped frames and whether the file is
  /// truncated; null without one.
  [[nodiscard]] const device::PcapReader* reader() const { return reader_ ? &*reader_ : nullptr; }

 private:
  CardPort& port_;
  std::optional<device::PcapReader> reader_;
  std::optional<Packet> held_;                      ///< read, not yet sent
  std::optional<device::PcapReader::Frame> frame_;  ///< read from the file, waiting for fragments
  bool done_;
};

/// Copies bytes into the packet's fragments, as many as the packet's length.
void store(const CardPort& port, const Packet& packet, std::span<const std::byte> bytes);

}  // namespace hni::tools
