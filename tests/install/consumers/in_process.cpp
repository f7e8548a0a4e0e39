// SPDX-License-Identifier: Apache-2.0
// Sends one frame from one card to another, using the installed headers and library.

#include <chrono>
#include <cstdio>
#include <cstring>

#include "device/wire/cable.hpp"
#include "driver/io/in_process_card.hpp"
#include "driver/port.hpp"
#include "openhni/spec/registers.hpp"

using namespace hni;
using namespace std::chrono_literals;

static_assert(spec::QUEUE_TWQ0_CTL::at(1).byte_offset == 0x101000);

int main() {
  device::Cable cable;
  io::InProcessCard card_a({}, cable.end(0));
  io::InProcessCard card_b({}, cable.end(1));
  Port a(card_a.io);
  Port b(card_b.io);
  Time now = 1s;
  PortConfig config;
  config.mac = {2, 0, 0, 0, 0, 1};
  if (!a.attach(config, now)) return 1;
  config.mac = {2, 0, 0, 0, 0, 2};
  if (!b.attach(config, now)) return 1;
  a.start(now);
  b.start(now);

  bool sent = false;
  for (const Time end = now + 10s; now < end; now += 20us) {
    for (auto* card : {&card_a, &card_b}) {
      card->card.tick(static_cast<std::uint64_t>(now.count()));
      card->card.run(64);
      card->vectors.take([&](Vector v) { (card == &card_a ? a : b).interrupt(v, now); });
    }
    if (now >= a.deadline()) a.step(now);
    if (now >= b.deadline()) b.step(now);
    Packet packet;
    if (!sent && a.link_up() && b.link_up() && a.allocate(packet, 60)) {
      std::memset(a.data(packet.segments[0]), 0xff, 60);  // to everybody
      sent = a.tx_burst(QueueId{0}, std::span(&packet, 1), now) == 1;
    }
    if (b.rx_burst(QueueId{0}, std::span(&packet, 1), now) == 1) {
      std::printf("a frame of %u bytes arrived\n", packet.length);
      b.release(packet);
      return 0;
    }
  }
  return 1;
}
