// SPDX-License-Identifier: Apache-2.0
#include "fuzz/worlds/port_calls.hpp"

#include <cstdlib>
#include <new>

#include "driver/control/register_dump.hpp"
#include "driver/control/self_test.hpp"
#include "fuzz/worlds/bare_queues.hpp"
#include "fuzz/worlds/sim_port.hpp"

namespace hni::fuzz {
namespace {

struct HostMemory {
  std::uint32_t after = 0;
  std::uint32_t count = 0;
};
HostMemory& host_memory() {
  static HostMemory memory;
  return memory;
}

[[maybe_unused]] bool is_refused() {
  HostMemory& m = host_memory();
  if (m.count == 0) return false;
  if (m.after != 0) return --m.after, false;
  return --m.count, true;
}

using Port = SimPort::P;

void use_no_queue(SimPort& sim, std::uint16_t number) {
  Port& port = sim.port;
  const QueueId queue{static_cast<std::uint16_t>(port.queues() + number % 256U)};
  std::array<Packet, 1> none{};
  const std::uint32_t moved =
      port.rx_burst(queue, none, sim.now) + port.tx_burst(queue, none, sim.now) +
      port.tx_burst_plain(queue, none, sim.now) + port.tx_reap(queue, sim.now) +
      port.rx_burst(QueueId{0}, {}, sim.now);
  require(moved == 0, "ownership", "an invalid queue moves packets", moved);
  port.rearm(queue);
  port.rearm(SimPort::kQueue);
  (void)port.tx_reap(SimPort::kQueue, sim.now);
  (void)port.tx_burst_plain(SimPort::kQueue, {}, sim.now);
  while (port.next_timestamp(SimPort::kQueue)) {
  }
  require(!port.next_timestamp(queue), "ownership", "a timestamp of an invalid queue");
}

void allocate(SimPort& sim, std::uint32_t bytes) {
  if (sim.port.state() == PortState::kDetached) return;
  Packet packet;
  constexpr std::uint32_t kMost = kMaxSegments * kFragmentBytes;
  const bool got = sim.port.allocate(packet, bytes);
  require(!got || (bytes != 0 && bytes <= kMost && packet.length == bytes), "geometry",
          "a packet that cannot be", bytes, packet.length);
  sim.port.release(packet);
}

/// Requests with invalid section ids, empty images, oversized images.
void ask_firmware(SimPort& sim, std::uint16_t number) {
  auto& firmware = sim.port.firmware();
  static std::array<std::byte, 16> memory;
  const std::size_t bytes = number % 3 == 0 ? 0 : number % 3 == 1 ? 0x1'0000'0000ULL : 16;
  const std::span<std::byte> to(memory.data(), bytes);
  if (bytes != memory.size())
    require(!firmware.request_core_dump(to, sim.now), "geometry", "a dump of no size", bytes);
  const FlashSection section{static_cast<std::uint8_t>(number >> 8)};
  const bool is_section = raw(section) == 0 || raw(section) == 1 || raw(section) == 3;
  const auto asked = firmware.request_flash(section, to, sim.now);
  require(!asked || (is_section && bytes == memory.size()), "geometry", "an invalid flash section",
          raw(section), bytes);
}

void set_lists(SimPort& sim, std::uint16_t number) {
  std::array<MacAddress, 64> macs{};
  for (std::uint8_t i = 0; i < macs.size(); ++i)
    macs[i] = {static_cast<std::uint8_t>(number >> 15 != 0 ? 3 : 2), 0, 0, 0, 1, i};
  const auto all = std::span(macs).first(number % (macs.size() + 1));
  (void)sim.port.firmware().send_mac_sync({.unicast = all, .multicast = all}, sim.now);
  auto& filter = sim.port.filter();
  (void)(number >> 15 != 0 ? filter.set_multicast(all) : filter.set_unicast(all));
}

void set_tables(SimPort& sim, std::uint16_t number) {
  RssTable table;
  table.fill(static_cast<std::uint8_t>(number & 0xff));
  auto& filter = sim.port.filter();
  const std::uint32_t context = number >> 8 & 3;
  if (number >> 15 != 0) {
    (void)filter.reset_rss_table(context);
  } else {
    (void)filter.set_rss_table(context, table);
  }
  (void)filter.take_address_report();
}

/// Dumps everything, including words without a name.
void dump_all(SimPort& sim, std::uint16_t number) {
  RegisterDump<SimPort::Io, SimPort::Obs> dump(sim.port.device());
  dump.start();
  std::vector<std::uint32_t> words(1U + number);
  std::size_t read = 0;
  while (!dump.done()) {
    const auto n = dump.read(words);
    if (!n) return;
    read += *n;
    require(*n != 0 && read <= kDumpWords, "steps", "a dump does not end", read);
  }
  require(read == kDumpWords && *dump.read(words) == 0, "steps", "a dump is too short", read);
}

void set_clock(SimPort& sim, std::uint16_t number, std::uint32_t value) {
  auto& clock = sim.port.clock();
  sim.port.statistics().step(sim.now);
  sim.port.statistics().step(sim.now);
  clock.step(sim.now);
  const auto ppb = static_cast<std::int32_t>(value);
  const bool possible = ppb >= -Clock<SimPort::Io, SimPort::Obs>::kMaxSlewPpb &&
                        ppb <= Clock<SimPort::Io, SimPort::Obs>::kMaxSlewPpb;
  const bool slewed = clock.slew(ppb).has_value();
  require(!slewed || possible, "range", "a clock of any rate", value);
  clock.step_by(ppb);
  (void)clock.set(number);
  (void)clock.is_stale(sim.now + std::chrono::seconds(number));
}

/// Runs the vector test with interrupts that fire or not according to the bits of `value`: two per
/// step.
void test_vectors(SimPort& sim, std::uint16_t number, std::uint32_t value) {
  if (sim.port.state() != PortState::kReady) return;
  MsixTest<SimPort::Io, SimPort::Obs> test(sim.port.device());
  test.start(sim.now, number % 4 == 3 ? 300 : static_cast<std::uint16_t>(2 + number % 4));
  for (int turn = 0; turn < 16 && !test.done(); ++turn, value >>= 2) {
    sim.card.card.tick(static_cast<std::uint64_t>(sim.now.count()));
    sim.card.vectors.take([&](Vector v) {
      if ((value & 1) == 0) test.interrupt(v);
    });
    if ((value & 2) != 0) test.interrupt(Vector{static_cast<std::uint16_t>(number >> 2)});
    (void)test.step(sim.now);
    sim.now += test.done() ? 0ms : 5ms;
  }
  (void)test.step(sim.now);
}

/// A second Link instance, on a port that does not use its own.
void follow_link(SimPort& sim, std::uint16_t number, std::uint32_t value) {
  if (sim.port.state() != PortState::kReady) return;
  Link<SimPort::Io, SimPort::Obs> link(sim.port.device());
  (void)link.interrupt(sim.now);
  link.stop();
  link.configure({.training = (number & 1) != 0 ? 0s : 4s,
                  .storm_timeout_ms = std::uint32_t{number} >> 6,
                  .tx_pause = (number & 2) != 0,
                  .rx_pause = (number & 4) != 0});
  const bool known = (number >> 3 & 7) >= 1 && (number >> 3 & 7) <= 4;
  const auto event = link.start(sim.now, static_cast<spec::FW_LINK_SPEED>(number >> 3 & 7),
                                static_cast<spec::FW_LINK_FEC>(value & 3));
  require(known || !event, "range", "a link of any speed", number >> 3 & 7);
  for (std::uint32_t turn = 0; turn < 12; ++turn) {
    switch (value >> (3 + 2 * turn) & 3) {
      case 0:
        sim.now += 500ms;
        break;
      case 1:
        for (unsigned i = 0; i < ((value & 4) != 0 ? 1U : 70U); ++i) (void)link.interrupt(sim.now);
        break;
      case 2:
        (void)link.set_storm_timeout((std::uint32_t{number} >> 6) * (turn % 3) * 11);
        break;
      default:
        sim.now = std::max(sim.now, std::min(link.deadline(), sim.now + 1s));
        break;
    }
    (void)link.step(sim.now);
  }
  link.stop((value >> 31) != 0);
}

}  // namespace

void host_memory_fails(std::uint32_t count, std::uint32_t after) {
  host_memory() = {after, count};
}

void call_anything(SimPort& sim, unsigned what, std::uint16_t number, std::uint32_t value) {
  Port& port = sim.port;
  // Stand-alone queues need memory of their own.
  if (what % 16 >= 11 && what % 16 <= 13) host_memory_fails(0, 0);
  switch (what % 16) {
    case 0:
      if (port.state() == PortState::kDetached) return port.detach(sim.now);
      require(!port.attach(sim.config, sim.now), "ownership", "a port is attached twice");
      return;
    case 1:
      return use_no_queue(sim, number);
    case 2:
      return allocate(sim, std::uint32_t{number} * (value + 1));
    case 3:
      return follow_link(sim, number, value);
    case 4:
      return ask_firmware(sim, number);
    case 5:
      return set_lists(sim, number);
    case 6:
      return set_tables(sim, number);
    case 7:
      return dump_all(sim, number);
    case 8:
      return set_clock(sim, number, value);
    case 9:
      return test_vectors(sim, number, value);
    case 10:
      sim.watcher.listens = number % 2 == 0;
      while (port.next_event()) {
      }
      return;
    case 11:
      return use_dead_queues();
    case 12:
      receive_a_lap();
      return leave_a_lap_unread();
    case 13:
      collect_timestamps();
      return compare_invariants(value);
    case 14:
      if (port.state() == PortState::kDetached) return;
      (void)port.link().set_storm_timeout(number);
      (void)Interrupts<SimPort::Io, SimPort::Obs>(port.device())
          .moderate(Vector{2}, {.rx_us = value, .tx_us = number});
      return;
    default:
      port.step(sim.now);
      port.interrupt(Vector{static_cast<std::uint16_t>(number % 4)}, sim.now);
      return;
  }
}

void set_filter(SimPort& sim, unsigned what, std::uint16_t number) {
  auto& filter = sim.port.filter();
  switch (what) {
    case 0:
      (void)filter.set_promiscuous(number % 2 != 0);
      return;
    case 1:
      (void)filter.set_all_multicast(number % 2 != 0);
      return;
    case 2:
      (void)filter.set_broadcast(number % 2 != 0);
      return;
    case 3:
      (void)filter.set_timestamps(static_cast<RxTimestamps>(number % 5));
      return;
    case 4: {
      FlowRule rule;
      rule.type = FlowType::kUdp4;
      rule.destination_port = {number, 0xffff};
      (void)filter.add_rule(rule);
      return;
    }
    default:
      (void)filter.remove_rule(RuleId{static_cast<std::uint8_t>(number % 48)});
      return;
  }
}

void send_offload(SimPort& sim, unsigned how, std::uint16_t bytes, std::uint64_t value) {
  const auto bits = [&](unsigned from, unsigned count) {
    return static_cast<std::uint32_t>(value >> from & ((1U << count) - 1));
  };
  Packet packet;
  if (!sim.port.allocate(packet, 60U + bytes)) return;
  packet.tx = {.flags = bits(0, 3),
               .l2_bytes = static_cast<std::uint8_t>(bits(3, 8)),
               .l4_bytes = static_cast<std::uint8_t>(bits(31, 7)),
               .outer_l3_bytes = static_cast<std::uint16_t>(bits(11, 10)),
               .l3_bytes = static_cast<std::uint16_t>(bits(21, 10)),
               .mss = static_cast<std::uint16_t>(bits(38, 15)),
               .checksum_offset = static_cast<std::uint8_t>(bits(53, 6)),
               .l3_type = static_cast<spec::L3_TYPE>(bits(59, 2)),
               .l4_type = static_cast<spec::L4_TYPE>(bits(61, 2)),
               .cookie = bytes};
  if ((how & 2) != 0) packet.length = 0;
  const std::span<const Packet> one(&packet, 1);
  const QueueId queue{static_cast<std::uint16_t>(how >> 2 & 1)};
  const std::uint32_t taken = (how & 1) != 0 ? sim.port.tx_burst_plain(queue, one, sim.now)
                                             : sim.port.tx_burst(queue, one, sim.now);
  if (taken == 0) sim.port.release(packet);
}

}  // namespace hni::fuzz

// The driver allocates arrays only with this form, and no other code here does: see HostArray. The
// thread and memory sanitizers have their own operator, which cannot be replaced; under them host
// allocations never fail.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define HNI_OWN_ALLOCATOR 1
#endif
#endif
#ifndef HNI_OWN_ALLOCATOR
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  if (hni::fuzz::is_refused()) return nullptr;
  try {
    return ::operator new[](bytes);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
#endif
