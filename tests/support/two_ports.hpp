// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Two cards connected by a cable with a driver on each, in virtual time: the smallest complete
/// system. All work is done in advance(), in a fixed order, so that the figures of a test are
/// exact.

#include <array>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include "device/wire/cable.hpp"
#include "driver/io/in_process_card.hpp"
#include "driver/io/pass_through.hpp"
#include "driver/port.hpp"

namespace hni::test {

using namespace std::chrono_literals;

inline constexpr MacAddress kMacA{0x02, 0, 0, 0, 0, 0x0a};
inline constexpr MacAddress kMacB{0x02, 0, 0, 0, 0, 0x0b};

/// `Io` is a wrapper around io::InProcess, constructed from a reference to it.
template <class Io>
class TwoPortsOver {
 public:
  using SimPort = Port<Io>;

  explicit TwoPortsOver(const device::CardConfig& config = {}) {
    for (unsigned i = 0; i < 2; ++i)
      cards[i] = std::make_unique<io::InProcessCard>(config, cable.end(i));
    for (unsigned i = 0; i < 2; ++i) {
      ios[i] = std::make_unique<Io>(cards[i]->io);
      ports[i] = std::make_unique<SimPort>(*ios[i]);
    }
  }
  ~TwoPortsOver() {
    for (auto& port : ports) port.reset();
  }

  static PortConfig config_for(unsigned i, PortConfig config = {}) {
    config.mac = i == 0 ? kMacA : kMacB;
    return config;
  }

  /// Attaches and starts both ports and advances until both carry packets. Returns false after
  /// `limit` of virtual time, or as soon as a card is removed.
  bool up(const PortConfig& config = {}, Duration limit = 30s) {
    for (unsigned i = 0; i < 2; ++i) {
      if (!ports[i]->attach(config_for(i, config), now)) return false;
      ports[i]->start(now);
    }
    const auto both = [&] {
      return ports[0]->link_up() && ports[1]->link_up() &&
             ports[0]->state() == PortState::kRunning && ports[1]->state() == PortState::kRunning;
    };
    const auto gone = [&] {
      return ports[0]->state() == PortState::kGone || ports[1]->state() == PortState::kGone;
    };
    (void)run_until([&] { return both() || gone(); }, limit);
    return both();
  }

  /// Runs one step: cards, interrupts, drivers; then adds `step` to the time.
  void advance(Duration step = 10us) {
    for (auto& c : cards) c->card.tick(static_cast<std::uint64_t>(now.count()));
    for (int turn = 0; turn < 64; ++turn) {
      bool more = false;
      for (auto& c : cards) more = c->card.run(256) || more;
      if (!more) break;
    }
    for (unsigned i = 0; i < 2; ++i) {
      cards[i]->vectors.take([&](Vector v) { ports[i]->interrupt(v, now); });
      if (now >= ports[i]->deadline()) ports[i]->step(now);
    }
    now += step;
  }

  /// Advances until `done` returns true, for at most `limit` of virtual time; returns false on
  /// timeout. Skips over time in which nothing is due.
  bool run_until(const std::function<bool()>& done, Duration limit = 10s) {
    const Time end = now + limit;
    while (now < end) {
      if (done()) return true;
      advance();
      std::uint64_t next = UINT64_MAX;
      for (auto& c : cards) next = std::min(next, c->card.next_deadline_ns());
      for (auto& p : ports)
        next = std::min(next, static_cast<std::uint64_t>(p->deadline().count()));
      if (next > static_cast<std::uint64_t>((now + 1ms).count())) now += 1ms;
    }
    return done();
  }

  device::Cable cable;
  std::array<std::unique_ptr<io::InProcessCard>, 2> cards;
  std::array<std::unique_ptr<Io>, 2> ios;
  std::array<std::unique_ptr<SimPort>, 2> ports;
  Time now{1s};
};

using PlainIo = io::PassThrough<io::InProcess>;
using TwoPorts = TwoPortsOver<PlainIo>;
using SimPort = TwoPorts::SimPort;

/// An Ethernet frame of `bytes` bytes from A to B with content derived from `seed`.
inline std::vector<std::byte> make_frame(std::size_t bytes, std::uint32_t seed,
                                         const MacAddress& to = kMacB,
                                         const MacAddress& from = kMacA) {
  std::vector<std::byte> frame(bytes);
  std::memcpy(frame.data(), to.data(), 6);
  std::memcpy(frame.data() + 6, from.data(), 6);
  frame[12] = std::byte{0x88};
  frame[13] = std::byte{0xb5};  // local experimental Ethertype
  std::uint32_t x = seed * 2654435761U + 1;
  for (std::size_t i = 14; i < bytes; ++i) {
    x = x * 1664525U + 1013904223U;
    frame[i] = static_cast<std::byte>(x >> 24);
  }
  return frame;
}

/// Fills a packet of the port with `bytes`. Returns false if the pool is exhausted.
template <class AnyPort>
bool fill(AnyPort& port, Packet& packet, std::span<const std::byte> bytes) {
  if (!port.allocate(packet, static_cast<std::uint32_t>(bytes.size()))) return false;
  std::size_t at = 0;
  for (std::uint32_t i = 0; i < packet.segment_count; ++i) {
    std::memcpy(port.data(packet.segments[i]), bytes.data() + at, packet.segments[i].length);
    at += packet.segments[i].length;
  }
  return true;
}

template <class AnyPort>
std::vector<std::byte> bytes_of(const AnyPort& port, const Packet& packet) {
  std::vector<std::byte> out;
  for (std::uint32_t i = 0; i < packet.segment_count; ++i) {
    const Segment& s = packet.segments[i];
    out.insert(out.end(), port.data(s), port.data(s) + s.length);
  }
  return out;
}

}  // namespace hni::test
