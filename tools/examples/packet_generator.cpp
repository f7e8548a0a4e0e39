// SPDX-License-Identifier: Apache-2.0
// A packet generator in about a hundred lines that uses the public API only: two cards with a
// cable, frames sent by one driver and counted by the other.
//
//    packet_generator [PACKETS [BYTES]]

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "device/wire/cable.hpp"
#include "driver/io/in_process_card.hpp"
#include "driver/port.hpp"

using namespace hni;
using CardPort = Port<io::InProcess>;

namespace {

constexpr std::uint32_t kBurst = 32;
constexpr QueueId kQueue{0};

Time now() {
  return std::chrono::duration_cast<Time>(std::chrono::steady_clock::now().time_since_epoch());
}

/// One card and its driver.
struct Node {
  explicit Node(device::Wire& wire) : card({}, wire), port(card.io) {}

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

bool start(Node& node, std::uint8_t last) {
  PortConfig config;
  config.mac = {0x02, 0, 0, 0, 0, last};
  if (const auto attached = node.port.attach(config, now()); !attached) {
    std::fprintf(stderr, "cannot attach: %s\n", attached.error().text().data());
    return false;
  }
  node.port.start(now());
  return true;
}

/// Builds one frame from port 1 to port 2, filled with its number.
bool make_frame(CardPort& port, Packet& packet, std::uint32_t bytes, std::uint64_t number) {
  if (!port.allocate(packet, bytes)) return false;
  constexpr std::array<std::uint8_t, 14> kHeader{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5};
  for (std::uint32_t i = 0; i < packet.segment_count; ++i)
    std::memset(port.data(packet.segments[i]), static_cast<int>(number & 0xff),
                packet.segments[i].length);
  std::memcpy(port.data(packet.segments[0]), kHeader.data(), kHeader.size());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t wanted = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  const auto bytes = static_cast<std::uint32_t>(argc > 2 ? std::atoi(argv[2]) : 64);

  device::Cable cable;
  Node sender(cable.end(0));
  Node receiver(cable.end(1));
  if (!start(sender, 1) || !start(receiver, 2)) return 1;
  while (!sender.port.link_up() || !receiver.port.link_up()) {
    sender.turn();
    receiver.turn();
  }

  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::array<Packet, kBurst> packets;
  const Time begin = now();
  while (received < wanted && now() - begin < std::chrono::seconds(60)) {
    std::uint32_t ready = 0;
    while (ready < kBurst && sent + ready < wanted &&
           make_frame(sender.port, packets[ready], bytes, sent + ready)) {
      ++ready;
    }
    const std::uint32_t taken =
        sender.port.tx_burst(kQueue, std::span(packets).first(ready), now());
    sent += taken;
    while (ready > taken) sender.port.release(packets[--ready]);  // the ring is full: retry later
    sender.turn();
    receiver.turn();
    const std::uint32_t got = receiver.port.rx_burst(kQueue, packets, now());
    for (std::uint32_t i = 0; i < got; ++i) receiver.port.release(packets[i]);
    received += got;
  }
  const double seconds = std::chrono::duration<double>(now() - begin).count();
  std::printf("%llu of %llu packets of %u bytes in %.2f s: %.0f packets/s\n",
              static_cast<unsigned long long>(received), static_cast<unsigned long long>(wanted),
              bytes, seconds, static_cast<double>(received) / seconds);
  return received == wanted ? 0 : 1;
}
