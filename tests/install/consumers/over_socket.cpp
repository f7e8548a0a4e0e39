// SPDX-License-Identifier: Apache-2.0
// The driver in this process, the card in another (`hni device --socket PATH --wire loop`): brings
// the port up, sends one frame and receives it back. Also links the /dev/vfio back end.

#include <chrono>
#include <cstdio>
#include <cstring>

#include "driver/io/vfio.hpp"
#include "driver/io/vfio_user.hpp"
#include "driver/port.hpp"

using namespace hni;
using namespace std::chrono_literals;

namespace {

Time now() {
  return std::chrono::duration_cast<Time>(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  // Not a PCI address: the library must return an error that quotes it.
  if (io::Vfio::open("0000:ff:1f.7")) return 1;
  auto card = io::VfioUser::connect(argv[1]);
  if (!card) {
    std::fprintf(stderr, "%s\n", card.error().c_str());
    return 1;
  }
  Port port(**card);
  PortConfig config;
  config.mac = (*card)->mac();
  config.pcie = (*card)->pcie();
  if (!port.attach(config, now())) return 1;
  (void)port.filter().set_promiscuous(true);
  port.start(now());
  bool sent = false;
  for (const Time end = now() + 60s; now() < end;) {
    const Time t = now();
    (*card)->take_interrupts([&](Vector vector) { port.interrupt(vector, t); });
    if (t >= port.deadline()) port.step(t);
    Packet packet;
    if (!sent && port.link_up() && port.allocate(packet, 60)) {
      std::memset(port.data(packet.segments[0]), 0xff, 60);  // broadcast
      sent = port.tx_burst(QueueId{0}, std::span(&packet, 1), t) == 1;
    }
    if (port.rx_burst(QueueId{0}, std::span(&packet, 1), t) == 1) {
      std::printf("a frame of %u bytes came back\n", packet.length);
      port.release(packet);
      return 0;
    }
  }
  std::fprintf(stderr, "no frame came back\n");
  return 1;
}
