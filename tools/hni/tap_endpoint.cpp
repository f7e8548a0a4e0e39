// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/tap_endpoint.hpp"

#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "device/checksum.hpp"

namespace hni::tools {
namespace {

constexpr std::uint32_t kLongestSuperFrame = 65536 + 18;  // the kernel's limit, with a VLAN tag
constexpr std::uint32_t kLinkHeader = 14 + 2 * 4;         // with two VLAN tags
constexpr std::uint32_t kReadsPerTurn = 4 * TapEndpoint::kBatch;
constexpr std::uint32_t kMaxRunVectors = 512;  // the kernel accepts 1024

constexpr std::uint32_t fragments_for(std::uint32_t bytes) {
  return (bytes + kFragmentBytes - 1) / kFragmentBytes;
}

using IoVectors = std::array<iovec, kMaxSegments + 1>;

/// Describes the header and the packet's segments; returns the number of vectors.
int describe(const CardPort& port, const Packet& packet, VnetHeader& header, IoVectors& io) {
  io[0] = {&header, sizeof header};
  for (std::uint32_t i = 0; i < packet.segment_count; ++i)
    io[i + 1] = {port.data(packet.segments[i]), packet.segments[i].length};
  return static_cast<int>(packet.segment_count + 1);
}

/// Writes one packet; returns 0 or the error number.
int write_vectors(int fd, std::span<const iovec> io) {
  ssize_t n = 0;
  do {
    n = ::writev(fd, io.data(), static_cast<int>(io.size()));
  } while (n < 0 && errno == EINTR);
  return n >= 0 ? 0 : errno;
}

}  // namespace

TapEndpoint::TapEndpoint(CardPort& port, Tap& tap, bool offload, std::uint32_t mtu)
    : port_(port),
      tap_(tap),
      offload_(offload),
      // One byte more than the longest frame, so that a read that fills it was truncated.
      reserve_fragments_(fragments_for((offload ? kLongestSuperFrame : mtu + kLinkHeader) + 1)),
      queues_(tap.queues()) {
  for (Queue& queue : queues_) {
    queue.reserve.segment_count = 0;
    queue.reserve.length = 0;
  }
}

bool TapEndpoint::transmit(QueueId id, Time now) {
  Queue& queue = queues_[raw(id)];
  bool moved = send(queue, id, now);
  for (std::uint32_t reads = 0; reads < kReadsPerTurn; reads += kBatch) {
    if (queue.waiting() != 0 || !reading_ || !queue.readable) return moved;
    queue.first = queue.count = 0;
    while (queue.count < kBatch && read_one(queue, id)) {
    }
    moved = send(queue, id, now) || moved;
  }
  return moved;
}

bool TapEndpoint::send(Queue& queue, QueueId id, Time now) {
  if (queue.waiting() == 0) return false;
  const std::span<const Packet> packets(queue.packets.data() + queue.first, queue.waiting());
  const std::uint32_t taken = port_.tx_burst(id, packets, now);
  for (std::uint32_t i = 0; i < taken; ++i) counters_.sent_frames += queue.frames[queue.first + i];
  counters_.sent += taken;
  queue.first += taken;
  if (queue.waiting() != 0) ++counters_.blocked;
  return taken != 0;
}

bool TapEndpoint::top_up(Packet& reserve) {
  if (reserve.segment_count >= reserve_fragments_) return true;
  Packet fresh;
  if (!port_.allocate(fresh, (reserve_fragments_ - reserve.segment_count) * kFragmentBytes))
    return false;
  for (std::uint32_t i = 0; i < fresh.segment_count; ++i)
    reserve.segments[reserve.segment_count++] = fresh.segments[i];
  return true;
}

bool TapEndpoint::read_one(Queue& queue, QueueId id) {
  if (!top_up(queue.reserve)) return false;
  VnetHeader header;
  IoVectors io;
  const int vectors = describe(port_, queue.reserve, header, io);
  const ssize_t n = ::readv(tap_.queue(raw(id)), io.data(), vectors);
  if (n < static_cast<ssize_t>(sizeof header)) {
    if (n < 0 && errno == EINTR) return true;
    queue.readable = false;
    if (n < 0 && errno != EAGAIN)
      broken_ = "TAP '" + tap_.name() + "' was removed: " + std::strerror(errno);
    return false;
  }
  ++counters_.read;
  const auto bytes = static_cast<std::uint32_t>(n) - static_cast<std::uint32_t>(sizeof header);
  counters_.read_bytes += bytes;
  take(queue, header, bytes);
  return true;
}

/// Turns the first `bytes` of the reserve into a packet.
void TapEndpoint::take(Queue& queue, const VnetHeader& header, std::uint32_t bytes) {
  Packet& reserve = queue.reserve;
  if (bytes == 0 || bytes >= reserve.segment_count * kFragmentBytes) {
    ++counters_.refused;
    return;
  }
  const std::uint32_t used = fragments_for(bytes);
  Packet& packet = queue.packets[queue.count];
  packet.length = bytes;
  packet.segment_count = used;
  packet.rx = RxInfo{};
  std::copy_n(reserve.segments.begin(), used, packet.segments.begin());
  packet.segments[used - 1].length =
      static_cast<std::uint16_t>(bytes - (used - 1) * kFragmentBytes);

  const std::span<std::byte> head(port_.data(packet.segments[0]), packet.segments[0].length);
  const OffloadPlan plan = plan_offload(header, head, bytes);
  if (plan.verdict == OffloadVerdict::kRefused) {
    ++counters_.refused;
    return;
  }
  if (plan.verdict == OffloadVerdict::kSoftware) checksum_here(packet, header);
  packet.tx = plan.offload;
  queue.frames[queue.count++] = plan.frames;
  std::copy(reserve.segments.begin() + used, reserve.segments.begin() + reserve.segment_count,
            reserve.segments.begin());
  reserve.segment_count -= used;
}

void TapEndpoint::checksum_here(const Packet& packet, const VnetHeader& header) {
  device::Sum sum;
  std::uint32_t skip = header.checksum_start;
  for (std::uint32_t i = 0; i < packet.segment_count; ++i) {
    const Segment& s = packet.segments[i];
    sum.add(port_.data(s) + skip, s.length - skip);  // even in all segments but the last
    skip = 0;
  }
  auto result = static_cast<std::uint16_t>(~sum.fold());
  if (result == 0) result = 0xffff;
  const std::uint32_t field = std::uint32_t{header.checksum_start} + header.checksum_offset;
  device::store_sum(port_.data(packet.segments[0]) + field, result);
}

void TapEndpoint::receive(QueueId id, std::span<Packet> packets) {
  for (std::span<Packet> left = packets; !left.empty();) {
    const std::uint32_t joined = offload_ ? collect_run(left) : 0;
    if (joined < 2 || !write_run(id, left.first(joined))) {
      write_one(id, left.front());
      left = left.subspan(1);
    } else {
      left = left.subspan(joined);
    }
  }
  for (Packet& packet : packets) port_.release(packet);
}

/// Collects the packets at the front that can be joined; returns their number.
std::uint32_t TapEndpoint::collect_run(std::span<const Packet> packets) {
  run_.clear();
  std::uint32_t vectors = 2;  // the two headers
  for (const Packet& packet : packets) {
    vectors += packet.segment_count;
    if (!packet.rx.l4_checksum_good() || packet.segment_count == 0 || vectors > kMaxRunVectors)
      break;
    const Segment& first = packet.segments[0];
    if (!run_.add({port_.data(first), first.length}, packet.length) || run_.complete()) break;
  }
  return run_.frames();
}

/// Writes the packets of the run as one. Returns false if the host refuses it: then each may still
/// be accepted alone.
bool TapEndpoint::write_run(QueueId id, std::span<const Packet> packets) {
  VnetHeader header;
  const std::span<std::byte> head = run_.finish(header);
  std::array<iovec, kMaxRunVectors> io;
  io[0] = {&header, sizeof header};
  io[1] = {head.data(), head.size()};
  std::size_t count = 2;
  for (const Packet& packet : packets) {
    std::uint32_t skip = run_.header_bytes();  // all of it is in the first segment
    for (std::uint32_t i = 0; i < packet.segment_count; ++i) {
      const Segment& segment = packet.segments[i];
      if (segment.length != skip)
        io[count++] = {port_.data(segment) + skip, segment.length - skip};
      skip = 0;
    }
  }
  const int error = write_vectors(tap_.queue(raw(id)), std::span(io).first(count));
  return count_written(packets, error);
}

void TapEndpoint::write_one(QueueId id, const Packet& packet) {
  VnetHeader header = received_header(packet.rx, offload_);
  IoVectors io;
  const auto vectors = static_cast<std::size_t>(describe(port_, packet, header, io));
  const int error = write_vectors(tap_.queue(raw(id)), std::span(io).first(vectors));
  if (count_written({&packet, 1}, error)) return;
  ++counters_.dropped_error;
  if (error == EBADFD) broken_ = "TAP '" + tap_.name() + "' was removed";
}

/// Counts packets that one write delivered or lost; returns false, without effect, if the host
/// refused what was written.
bool TapEndpoint::count_written(std::span<const Packet> packets, int error) {
  if (error == 0) {
    counters_.written += packets.size();
    for (const Packet& packet : packets) counters_.written_bytes += packet.length;
  } else if (error == EAGAIN || error == ENOBUFS || error == ENOMEM) {
    counters_.dropped_full += packets.size();
  } else if (error == EIO || error == ENETDOWN) {
    counters_.dropped_down += packets.size();
  } else {
    return false;
  }
  return true;
}

void TapEndpoint::release() {
  for (Queue& queue : queues_) {
    counters_.refused += queue.waiting();
    while (queue.waiting() != 0) port_.release(queue.packets[queue.first++]);
    port_.release(queue.reserve);
  }
}

std::uint64_t TapEndpoint::held_packets() const {
  std::uint64_t held = 0;
  for (const Queue& queue : queues_) held += queue.waiting();
  return held;
}

std::uint64_t TapEndpoint::held_fragments() const {
  std::uint64_t held = 0;
  for (const Queue& queue : queues_) {
    held += queue.reserve.segment_count;
    for (std::uint32_t i = queue.first; i < queue.count; ++i)
      held += queue.packets[i].segment_count;
  }
  return held;
}

void TapEndpoint::follow_interface() {
  const TapMode mode = tap_.mode();
  auto& filter = port_.filter();
  // The kernel does not report the multicast groups of a TAP's host, so all multicast is received.
  (void)filter.set_all_multicast(true);
  (void)filter.set_promiscuous(mode.promiscuous);
  (void)filter.set_mac(mode.mac);
}

}  // namespace hni::tools
