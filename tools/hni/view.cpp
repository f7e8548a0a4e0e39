// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/view.hpp"

#include <fmt/format.h>

#include "driver/firmware/messages.hpp"
#include "driver/port_counters.hpp"

namespace hni::tools {
namespace {

QueueId queue_id(std::uint32_t q) {
  return QueueId{static_cast<std::uint16_t>(q)};
}

const char* fec_name(Fec fec) {
  switch (fec) {
    case Fec::kOff:
      return "off";
    case Fec::kReedSolomon:
      return "RS";
    case Fec::kBaseR:
      return "BASE-R";
  }
  return "unknown";
}

template <class Ring>
Json ring_json(std::uint32_t queue, const char* name, const Ring& ring) {
  return {{"queue", queue},     {"ring", name},      {"size", ring.mask + 1},
          {"head", ring.head},  {"tail", ring.tail}, {"with_card", ring.used()},
          {"free", ring.free()}};
}

Json image_json(const ImageVersion& image) {
  const auto text = image.commit.view();
  return {{"version", version_text(image.version)}, {"commit", std::string(text)}};
}

}  // namespace

std::string version_text(std::uint32_t version) {
  return fmt::format("{}.{}.{}.{}", version >> 24, version >> 16 & 0xff, version >> 8 & 0xff,
                     version & 0xff);
}

Totals totals_of(Testbed& testbed, unsigned index) {
  const CardPort& port = testbed.side(index).port();
  const RxCounters rx = receive_counters(port);
  const TxCounters tx = transmit_counters(port);
  Totals t{rx.packets, rx.bytes, tx.packets, tx.bytes};
  t.drops = total(receive_drops(testbed, index)) + total(transmit_drops(testbed, index));
  return t;
}

Json drops_json(const Drops& drops) {
  Json out = Json::object();
  for (const auto& [reason, count] : drops) out[reason] = count;
  return out;
}

Json live_json(Testbed& testbed, unsigned index, const Totals& before, double seconds) {
  Node& side = testbed.side(index);
  CardPort& port = side.port();
  const Totals now = totals_of(testbed, index);
  const auto rate = [&](std::uint64_t newer, std::uint64_t older) {
    return static_cast<double>(newer - older) / (seconds > 0 ? seconds : 1);
  };
  std::uint32_t tx_used = 0;
  std::uint32_t rx_lent = 0;
  for (std::uint32_t q = 0; q < port.queues(); ++q) {
    const auto& pair = std::as_const(port).pair(queue_id(q));
    tx_used += pair.tx.ring(0).window.used();
    rx_lent += pair.rx.headers().window.used() + pair.rx.payloads().window.used();
  }
  return {{"port", side.name()},
          {"state", to_string(port.state())},
          {"link_up", port.link_up()},
          {"speed_mbps", port.link_up() ? port.link().speed_mbps() : 0},
          {"rx_packets", now.rx_packets},
          {"rx_bytes", now.rx_bytes},
          {"tx_packets", now.tx_packets},
          {"tx_bytes", now.tx_bytes},
          {"rx_packets_per_s", rate(now.rx_packets, before.rx_packets)},
          {"rx_bits_per_s", 8 * rate(now.rx_bytes, before.rx_bytes)},
          {"tx_packets_per_s", rate(now.tx_packets, before.tx_packets)},
          {"tx_bits_per_s", 8 * rate(now.tx_bytes, before.tx_bytes)},
          {"rx_drops", drops_json(receive_drops(testbed, index))},
          {"tx_drops", drops_json(transmit_drops(testbed, index))},
          {"tx_ring_used", tx_used},
          {"rx_buffers_lent", rx_lent},
          {"interrupts", side.interrupts()},
          {"restarts", side.restarts()},
          {"heartbeats", port.firmware().counters().heartbeats},
          {"firmware_owned", port.firmware().owned()}};
}

Json stats_json(Testbed& testbed, unsigned index) {
  Node& side = testbed.side(index);
  CardPort& port = side.port();
  const EndCounters& end = side.end()->counters();
  Json out = {{"port", side.name()}};
  const CounterValues& values = port.statistics().update();
  Json& driver = out["driver"];
  for_each_driver_counter(
      port, [&](std::string_view prefix, std::string_view name, std::string_view /*meaning*/,
                std::uint64_t value) { driver[std::string(prefix).append(name)] = value; });
  driver["restarts"] = side.restarts();
  Json& interface = out["interface"];
  for (const auto& counter : EndCounters::list())
    interface[std::string(counter.name)] = end.*counter.value;
  out["rx_drops"] = drops_json(receive_drops(testbed, index));
  out["tx_drops"] = drops_json(transmit_drops(testbed, index));
  Json refused = Json::object();
  for (std::size_t s = 0; s < kSiteCount; ++s) {
    if (port.refused()[s] != 0)
      refused[std::string(site_name(static_cast<Site>(s)))] = port.refused()[s];
  }
  out["refused_card_input"] = refused;
  Json& card = out["card"];
  for_each_counter(values, port.queues(), [&](std::string_view name, std::uint64_t value) {
    card[std::string(name)] = value;
  });
  return out;
}

Json link_json(Testbed& testbed, unsigned index) {
  Node& side = testbed.side(index);
  CardPort& port = side.port();
  auto& link = port.link();
  const CounterValues& values = port.statistics().update();
  return {{"port", side.name()},
          {"state", to_string(port.state())},
          {"link_up", port.link_up()},
          {"speed_mbps", link.speed_mbps()},
          {"fec", fec_name(link.fec())},
          {"tx_pause", link.tx_pause_on()},
          {"fec_corrected_blocks", values.get(Counter::kFecCorrected)},
          {"fec_uncorrectable_blocks", values.get(Counter::kFecUncorrectable)},
          {"tx_pause_frames", values.get(Counter::kPauseTx)},
          {"rx_pause_frames", values.get(Counter::kPauseRx)},
          {"down_events", link.counters().down_events},
          {"pause_storms", link.counters().pause_storms}};
}

Json rings_json(Testbed& testbed, unsigned index) {
  Node& side = testbed.side(index);
  const CardPort& port = side.port();
  Json rows = Json::array();
  for (std::uint32_t q = 0; q < port.queues(); ++q) {
    const auto& pair = port.pair(queue_id(q));
    rows.push_back(ring_json(q, "TWQ0", pair.tx.ring(0).window));
    rows.push_back(ring_json(q, "TWQ1", pair.tx.ring(1).window));
    rows.push_back(ring_json(q, "HPQ", pair.rx.headers().window));
    rows.push_back(ring_json(q, "PPQ", pair.rx.payloads().window));
  }
  Json out = {{"port", side.name()}};
  out["pool"] = {{"fragments", port.pool().page_count() * port.pool().fragments_per_page()},
                 {"free", port.pool().free_pages() * port.pool().fragments_per_page()},
                 {"held_by_interface", side.end()->held_fragments()}};
  out["valid"] = port.is_valid();
  out["rings"] = rows;
  return out;
}

Json firmware_json(Testbed& testbed, unsigned index) {
  Node& side = testbed.side(index);
  auto& firmware = side.port().firmware();
  const Capabilities& caps = firmware.capabilities();
  const FirmwareClientCounters& c = firmware.counters();
  Json out = {{"port", side.name()},
              {"ready", firmware.ready()},
              {"owned", firmware.owned()},
              {"uptime_ms", firmware.uptime_ms()},
              {"active_slot", caps.active_slot},
              {"bmc_present", caps.bmc_present}};
  out["running"] = image_json(caps.running);
  out["stored"] = image_json(caps.stored);
  out["bootloader"] = image_json(caps.boot_running);
  out["uefi"] = image_json(caps.option_rom);
  Json& messages = out["messages"];
  for (const auto& counter : FirmwareClientCounters::list())
    messages[std::string(counter.name)] = c.*counter.value;
  return out;
}

Json balances_json(const std::vector<Balance>& balances) {
  Json out = Json::array();
  for (const Balance& b : balances)
    out.push_back({{"what", b.what}, {"left", b.left}, {"right", b.right}, {"holds", b.holds()}});
  return out;
}

}  // namespace hni::tools
