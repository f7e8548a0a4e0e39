// SPDX-License-Identifier: Apache-2.0
// A forwarder that uses only the public API: each card sends what the other one receives. The
// cards' wires are capture files: the first card receives the frames of IN, OUT records the frames
// that the second card sends.
//
//    forwarder IN.pcap OUT.pcap

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>

#include "device/wire/pcap.hpp"
#include "driver/io/in_process_card.hpp"
#include "driver/port.hpp"

using namespace hni;
using CardPort = Port<io::InProcess>;

namespace {

constexpr QueueId kQueue{0};

Time now() {
  return std::chrono::duration_cast<Time>(std::chrono::steady_clock::now().time_since_epoch());
}

struct Node {  // one card and its driver
  explicit Node(device::Wire& wire) : card({}, wire), port(card.io) {}

  bool start(std::uint8_t last) {
    PortConfig config;
    config.mac = {0x02, 0, 0, 0, 0, last};
    (void)port.filter().set_promiscuous(true);
    if (!port.attach(config, now())) return false;
    port.start(now());
    return true;
  }
  /// Performs the work that is due on card, interrupts and driver.
  void turn() {
    const Time t = now();
    card.card.tick(static_cast<std::uint64_t>(t.count()));
    card.card.run(256);
    card.vectors.take([&](Vector vector) { port.interrupt(vector, t); });
    if (t >= port.deadline()) port.step(t);
  }

  io::InProcessCard card;
  CardPort port;
};

/// Sends what `from` received through `to`; returns the number. Each port has its own packet
/// memory, so the bytes are copied.
std::uint32_t forward(CardPort& from, CardPort& to) {
  std::array<Packet, 32> packets;
  const std::uint32_t received = from.rx_burst(kQueue, packets, now());
  std::uint32_t sent = 0;
  for (std::uint32_t i = 0; i < received; ++i) {
    Packet out;
    if (to.allocate(out, packets[i].length)) {
      std::uint32_t at = 0;  // offset in the packet: the segments of the two ports differ
      for (std::uint32_t s = 0; s < packets[i].segment_count; ++s) {
        const Segment& segment = packets[i].segments[s];
        for (std::uint32_t done = 0; done < segment.length;) {
          const Segment& room = out.segments[at / kFragmentBytes];
          const std::uint32_t offset = at % kFragmentBytes;
          const std::uint32_t n =
              std::min<std::uint32_t>(segment.length - done, room.length - offset);
          std::memcpy(to.data(room) + offset, from.data(segment) + done, n);
          done += n;
          at += n;
        }
      }
      const std::uint32_t taken = to.tx_burst(kQueue, std::span(&out, 1), now());
      if (taken == 0) to.release(out);  // the ring is full: dropped
      sent += taken;
    }
    from.release(packets[i]);
  }
  return sent;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: forwarder IN.pcap OUT.pcap\n");
    return 2;
  }
  auto in = device::PcapReader::open(argv[1]);
  auto out = in ? device::PcapWriter::open(argv[2]) : tl::unexpected(in.error());
  if (!in || !out) {
    std::fprintf(stderr, "forwarder: %s\n", (in ? out.error() : in.error()).text.c_str());
    return 1;
  }
  device::PcapWire left(std::nullopt, std::nullopt);
  device::PcapWire right(std::nullopt, std::move(*out));
  Node first(left);
  Node second(right);
  if (!first.start(1) || !second.start(2)) return 1;
  while (!first.port.link_up() || !second.port.link_up()) {
    first.turn();
    second.turn();
  }
  std::uint64_t forwarded = 0;
  // The file is played once both links are up; the run ends shortly after its last frame.
  left = device::PcapWire(std::move(*in), std::nullopt);
  for (Time idle_since = now(); now() - idle_since < std::chrono::milliseconds(50);) {
    first.turn();
    const std::uint32_t moved =
        forward(first.port, second.port) + forward(second.port, first.port);
    second.turn();
    forwarded += moved;
    if (moved != 0 || !left.finished()) idle_since = now();
  }
  std::printf("%llu packets forwarded\n", static_cast<unsigned long long>(forwarded));
  return left.input()->broken().empty() && right.output()->flush() ? 0 : 1;
}
