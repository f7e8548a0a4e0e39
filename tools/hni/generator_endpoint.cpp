// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/generator_endpoint.hpp"

#include <algorithm>
#include <cstring>

#include "device/checksum.hpp"

namespace hni::tools {
namespace {

using device::load_be64;
using device::store_be16;
using device::store_be32;
using device::store_be64;

constexpr std::uint32_t kBatch = GeneratorEndpoint::kMostAtOnce;

/// A multiple of the burst, so that all packets of a flow go through one queue.
constexpr std::uint32_t flows_per_queue(std::uint32_t burst) {
  return (kBatch + burst - 1) / burst * burst;
}
constexpr std::uint32_t kIpAt = 14;
constexpr std::uint32_t kUdpAt = kIpAt + 20;
constexpr std::uint32_t kNumberAt = kUdpAt + 8;
constexpr std::uint32_t kPatternAt = kNumberAt + 8;
constexpr std::uint16_t kFirstPort = 10000;
constexpr std::uint32_t kNetwork = 0x0a4d0000;  // 10.77.0.0

// The pattern: states of a linear congruential generator.
constexpr std::uint64_t kFactor = 6364136223846793005ULL;
constexpr std::uint64_t kIncrement = 1442695040888963407ULL;
constexpr std::uint64_t kFactor2 = kFactor * kFactor;
constexpr std::uint64_t kIncrement2 = kIncrement * (kFactor + 1);
constexpr std::uint64_t kFactor4 = kFactor2 * kFactor2;
constexpr std::uint64_t kIncrement4 = kIncrement2 * (kFactor2 + 1);

void append(std::byte*& to, std::uint64_t word) {
  std::memcpy(to, &word, sizeof word);
  to += sizeof word;
}

// Writes the states that follow `x`. Of four chains, none waits for another one.
void fill_pattern(std::uint64_t x, std::span<std::byte> out) {
  std::byte* to = out.data();
  std::size_t left = out.size();
  if (left >= 4 * sizeof x) {
    std::uint64_t a = x * kFactor + kIncrement;
    std::uint64_t b = a * kFactor + kIncrement;
    std::uint64_t c = b * kFactor + kIncrement;
    std::uint64_t d = c * kFactor + kIncrement;
    for (; left >= 4 * sizeof x; left -= 4 * sizeof x) {
      append(to, a);
      append(to, b);
      append(to, c);
      append(to, d);
      x = d;
      a = a * kFactor4 + kIncrement4;
      b = b * kFactor4 + kIncrement4;
      c = c * kFactor4 + kIncrement4;
      d = d * kFactor4 + kIncrement4;
    }
  }
  for (; left >= sizeof x; left -= sizeof x) append(to, x = x * kFactor + kIncrement);
  x = x * kFactor + kIncrement;
  for (; left != 0; --left, x >>= 8) *to++ = static_cast<std::byte>(x & 0xff);
}

}  // namespace

void store(const CardPort& port, const Packet& packet, std::span<const std::byte> bytes) {
  for (std::uint32_t i = 0; i < packet.segment_count; ++i) {
    const Segment& segment = packet.segments[i];
    std::memcpy(port.data(segment), bytes.data(), segment.length);
    bytes = bytes.subspan(segment.length);
  }
}

// ---- Generator

// Numbers are distributed over the queues in batches. A flow is a number modulo one such round, so
// that it keeps its queue and its order.
GeneratorEndpoint::GeneratorEndpoint(CardPort& port, const GeneratorOptions& options,
                                     std::uint32_t queues)
    : port_(port),
      options_(options),
      sent_(options.from, options.to),
      received_(options.to, options.from),
      expected_(kMaxFrameBytes),
      newest_(std::size_t{queues} * flows_per_queue(options.burst)) {}

std::uint32_t GeneratorEndpoint::length_of(std::uint64_t number) const {
  const std::uint64_t lengths = options_.longest - options_.shortest + 1;
  return options_.shortest + static_cast<std::uint32_t>(number % lengths);
}

GeneratorEndpoint::Header::Header(const MacAddress& from, const MacAddress& to) {
  static_assert(kNumberAt <= sizeof bytes);
  std::byte* const at = bytes.data();
  std::memcpy(at, to.data(), 6);
  std::memcpy(at + 6, from.data(), 6);
  store_be16(at + 12, 0x0800);
  std::byte* const ip = at + kIpAt;
  ip[0] = std::byte{0x45};
  ip[8] = std::byte{64};
  ip[9] = std::byte{17};
  store_be32(ip + 12, kNetwork | from[5]);
  store_be32(ip + 16, kNetwork | to[5]);
  store_be16(at + kUdpAt + 2, kFirstPort);
  ip_sum.add(ip, 20);
}

/// Builds Ethernet, IPv4, UDP, number, pattern. No UDP checksum: the comparison is stricter.
void GeneratorEndpoint::build(std::uint64_t number, const Header& header,
                              std::span<std::byte> frame) const {
  std::byte* const at = frame.data();
  const auto bytes = static_cast<std::uint16_t>(frame.size());
  std::memcpy(at, header.bytes.data(), sizeof header.bytes);
  const auto total = static_cast<std::uint16_t>(bytes - kIpAt);
  store_be16(at + kIpAt + 2, total);
  device::Sum sum = header.ip_sum;
  sum.add_word(device::network_word(total));
  device::store_sum(at + kIpAt + 10, static_cast<std::uint16_t>(~sum.fold()));
  store_be16(at + kUdpAt, static_cast<std::uint16_t>(kFirstPort + flow_of(number)));
  store_be16(at + kUdpAt + 4, static_cast<std::uint16_t>(bytes - kUdpAt));
  store_be64(at + kNumberAt, number);
  fill_pattern(number * 0x9e3779b97f4a7c15ULL + 1, frame.subspan(kPatternAt));
}

/// Returns how many packets may be sent now.
std::uint64_t GeneratorEndpoint::due(Time now) {
  if (!reading_) return 0;
  std::uint64_t most = options_.burst;
  if (options_.limit != 0) most = std::min(most, options_.limit - counters_.sent);
  if (options_.packets_per_second == 0) return most;
  if (started_ == Time{}) started_ = now;
  const double seconds = std::chrono::duration<double>(now - started_).count();
  const double planned = seconds * static_cast<double>(options_.packets_per_second);
  const auto target = static_cast<std::uint64_t>(planned);
  return target > next_ ? std::min(most, target - next_) : 0;
}

Time GeneratorEndpoint::deadline() const {
  if (options_.packets_per_second == 0 || !reading_ || finished()) return Time::max();
  const double seconds =
      static_cast<double>(next_ + 1) / static_cast<double>(options_.packets_per_second);
  return started_ + std::chrono::duration_cast<Time>(std::chrono::duration<double>(seconds));
}

bool GeneratorEndpoint::transmit(QueueId queue, Time now) {
  if (next_ / options_.burst % port_.queues() != raw(queue)) return false;
  const std::uint64_t count = std::min(due(now), options_.burst - next_ % options_.burst);
  if (count == 0 || port_.state() != PortState::kRunning || !port_.link_up()) return false;
  std::array<Packet, kBatch> packets;
  std::uint32_t built = 0;
  for (; built < count; ++built) {
    const std::uint64_t number = next_ + built;
    const std::uint32_t bytes = length_of(number);
    Packet& packet = packets[built];
    if (!port_.allocate(packet, bytes)) break;
    if (packet.segment_count == 1) {
      build(number, sent_, {port_.data(packet.segments[0]), bytes});
      continue;
    }
    build(number, sent_, std::span(expected_).first(bytes));
    store(port_, packet, std::span<const std::byte>(expected_).first(bytes));
  }
  const auto all = std::span(packets).first(built);
  const std::uint32_t sent = built == 0 ? 0 : port_.tx_burst(queue, all, now);
  for (Packet& packet : all.subspan(sent)) port_.release(packet);
  for (std::uint64_t i = 0; i < sent; ++i) counters_.read_bytes += length_of(next_ + i);
  next_ += sent;
  counters_.read += sent;
  counters_.sent += sent;
  counters_.sent_frames += sent;
  if (sent != count) {
    ++counters_.blocked;
    (void)port_.tx_reap(queue, now);
  }
  return sent != 0;
}

void GeneratorEndpoint::receive(QueueId /*queue*/, std::span<Packet> packets) {
  for (Packet& packet : packets) {
    check(packet);
    ++counters_.written;
    counters_.written_bytes += packet.length;
    port_.release(packet);
  }
}

void GeneratorEndpoint::check(const Packet& packet) {
  if (packet.length < kShortest || packet.length > kMaxFrameBytes) {
    ++counters_.corrupt;
    return;
  }
  // The number may be in any segment; the comparison below covers it.
  std::array<std::byte, kPatternAt> head;
  std::size_t at = 0;
  for (std::uint32_t i = 0; i < packet.segment_count && at < head.size(); ++i) {
    const std::size_t bytes = std::min<std::size_t>(packet.segments[i].length, head.size() - at);
    std::memcpy(head.data() + at, port_.data(packet.segments[i]), bytes);
    at += bytes;
  }
  const std::uint64_t number = load_be64(head.data() + kNumberAt);
  // Built in the same way as on the other node.
  build(number, received_, std::span(expected_).first(packet.length));
  bool equal = length_of(number) == packet.length;
  at = 0;
  for (std::uint32_t i = 0; equal && i < packet.segment_count; ++i) {
    const Segment& segment = packet.segments[i];
    equal = std::memcmp(port_.data(segment), expected_.data() + at, segment.length) == 0;
    at += segment.length;
  }
  if (!equal) {
    ++counters_.corrupt;
    return;
  }
  std::uint64_t& newest = newest_[flow_of(number)];
  if (number + 1 <= newest) ++counters_.reordered;
  newest = std::max(newest, number + 1);
}

// ---- Replay

bool ReplayEnd::transmit(QueueId queue, Time now) {
  if (raw(queue) != 0 || (done_ && !held_)) return false;
  if (port_.state() != PortState::kRunning || !port_.link_up()) return false;
  bool moved = false;
  for (std::uint32_t i = 0; i < kBatch; ++i) {
    if (!held_) {
      if (!frame_) frame_ = reader_->next();
      if (!frame_) {
        done_ = true;
        return moved;
      }
      Packet packet;
      if (!port_.allocate(packet, static_cast<std::uint32_t>(frame_->bytes.size()))) break;
      store(port_, packet, frame_->bytes);
      ++counters_.read;
      counters_.read_bytes += frame_->bytes.size();
      frame_.reset();
      held_ = packet;
    }
    if (port_.tx_burst(queue, std::span(&*held_, 1), now) == 0) {
      ++counters_.blocked;
      return moved;
    }
    held_.reset();
    ++counters_.sent;
    ++counters_.sent_frames;
    moved = true;
  }
  return moved;
}

void ReplayEnd::receive(QueueId /*queue*/, std::span<Packet> packets) {
  for (Packet& packet : packets) {
    ++counters_.written;
    counters_.written_bytes += packet.length;
    port_.release(packet);
  }
}

void ReplayEnd::release() {
  if (!held_) return;
  port_.release(*held_);
  held_.reset();
  ++counters_.refused;
}

}  // namespace hni::tools
