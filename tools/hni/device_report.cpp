// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/device_report.hpp"

#include <fmt/format.h>

#include <cstdio>

#include "device/statistics.hpp"
#include "vfio_user/server.hpp"
#include "vhost_user/server.hpp"

namespace hni::tools {
namespace {

std::string access_text(const device::RegisterAccess& access) {
  return fmt::format("{} BAR{} 0x{:05x}{}", access.write ? "write of" : "read of",
                     access.bar == spec::Bar::kBar0 ? 0 : 4, access.byte_offset,
                     access.write ? fmt::format(" = 0x{:08x}", access.value) : "");
}

/// Returns how often each rule was violated, by name; only rules with violations.
nlohmann::json broken_rules(const device::CardEvents& events) {
  nlohmann::json rules = nlohmann::json::object();
  const auto names = spec::action_rules();
  for (std::size_t i = 0; i < events.illegal_action.size() && i < names.size(); ++i) {
    if (events.illegal_action[i] != 0) rules[names[i].name] = events.illegal_action[i];
  }
  for (std::size_t i = 0; i < events.protocol.size(); ++i) {
    const auto action = static_cast<spec::ProtocolAction>(i);
    if (events.protocol[i] != 0) rules[spec::to_string(action)] = events.protocol[i];
  }
  return rules;
}

nlohmann::json session_json(const device::vfio_user::Server& server) {
  const device::vfio_user::SessionCounters session = server.session_counters();
  return {{"clients", server.counters().clients},
          {"breaches", server.counters().breaches},
          {"messages", session.messages},
          {"refused", session.refused},
          {"reads", session.reads},
          {"writes", session.writes},
          {"odd_accesses", session.odd_accesses},
          {"resets", session.resets},
          {"interrupts", server.lines().signalled()},
          {"dma_reads", server.dma_messages().reads},
          {"dma_writes", server.dma_messages().writes}};
}

/// The same names as for vfio-user; memory without a file does not exist there.
nlohmann::json session_json(const device::vhost_user::Server& server) {
  const device::vhost_user::SessionCounters session = server.session_counters();
  const device::vhost_user::PciCounters& pci = server.pci_counters();
  return {{"clients", server.counters().clients},
          {"breaches", server.counters().breaches},
          {"messages", session.messages},
          {"refused", session.refused + pci.refused},
          {"reads", pci.reads},
          {"writes", pci.writes},
          {"odd_accesses", pci.odd_accesses},
          {"resets", pci.resets},
          {"interrupts", server.msix().sent()},
          {"dma_reads", 0},
          {"dma_writes", 0}};
}

nlohmann::json session_json(device::vfio_user::CardServer& server) {
  if (const auto* vfio = dynamic_cast<const device::vfio_user::Server*>(&server))
    return session_json(*vfio);
  return session_json(dynamic_cast<const device::vhost_user::Server&>(server));
}

}  // namespace

nlohmann::json card_json(device::vfio_user::CardServer& server) {
  const device::CardEvents& events = server.card().events();
  nlohmann::json driver = {
      {"unknown_register", events.unknown_register}, {"partly_modelled", events.partly_modelled},
      {"read_only_write", events.read_only_write},   {"broken_rules", broken_rules(events)},
      {"malformed_twd", events.malformed_twd},       {"dma_faults", server.dma().refused()}};
  if (events.unknown_register != 0) driver["last_unknown"] = access_text(events.last_unknown);
  if (events.partly_modelled != 0) driver["last_partly"] = access_text(events.last_partly);
  if (events.read_only_write != 0) driver["last_read_only"] = access_text(events.last_read_only);
  if (const auto fault = server.dma().last_fault())
    driver["last_dma_fault"] = fmt::format("0x{:x} + {}", fault->iova, fault->bytes);
  nlohmann::json line = session_json(server);
  line["socket"] = server.path();
  line["lost_pages"] = device::vfio_user::GuestMemory::lost();
  line["driver"] = driver;
  return line;
}

nlohmann::json firmware_json(const device::vfio_user::ExternalFirmware& firmware) {
  const device::vfio_user::ForeignFirmwareCounters& c = firmware.counters();
  return {{"path", firmware.path()}, {"alive", firmware.alive()},
          {"why", firmware.why()},   {"writes", c.writes},
          {"reads", c.reads},        {"syncs", c.syncs},
          {"unshown", c.unshown},    {"interrupts", c.interrupts},
          {"lanes", c.lanes},        {"refused_writes", c.refused_writes},
          {"strays", c.strays},      {"deaths", c.deaths}};
}

std::string firmware_text(const device::vfio_user::ExternalFirmware& firmware) {
  const device::vfio_user::ForeignFirmwareCounters& c = firmware.counters();
  return fmt::format(
      "  the firmware at {} {}: {} mailbox words written, {} read, {} interrupts, {} writes "
      "refused\n",
      firmware.path(), firmware.alive() ? "lives" : "died (" + firmware.why() + ")", c.writes,
      c.reads, c.interrupts, c.refused_writes);
}

std::string card_text(device::vfio_user::CardServer& server) {
  const nlohmann::json j = card_json(server);
  std::string text = fmt::format(
      "{}: {} clients ({} broke the protocol), {} messages ({} refused), {} register reads, {} "
      "writes, {} interrupts\n",
      server.path(), j["clients"].dump(), j["breaches"].dump(), j["messages"].dump(),
      j["refused"].dump(), j["reads"].dump(), j["writes"].dump(), j["interrupts"].dump());
  const nlohmann::json& d = j["driver"];
  text += fmt::format(
      "  the driver: {} unknown registers, {} partly modelled, {} writes to read-only ones, {} "
      "refused DMA accesses\n",
      d["unknown_register"].dump(), d["partly_modelled"].dump(), d["read_only_write"].dump(),
      d["dma_faults"].dump());
  for (const char* last : {"last_unknown", "last_partly", "last_read_only", "last_dma_fault"}) {
    if (d.contains(last)) text += fmt::format("  {}: {}\n", last, d[last].get<std::string>());
  }
  for (const auto& [rule, times] : d["broken_rules"].items())
    text += fmt::format("  broke the rule {}: {} times\n", rule, times.dump());
  return text;
}

std::string event_line(const std::string& socket, const std::string& text) {
  return nlohmann::json{{"socket", socket}, {"event", text}}.dump();
}

LogQueue::DropNotice drop_notice(bool json) {
  if (!json) return {};
  return [](std::uint64_t lines) {
    return nlohmann::json{{"event", "lines dropped: the reader is too slow"}, {"lines", lines}}
               .dump() +
           "\n";
  };
}

Outcome<std::array<std::uint8_t, 6>> parse_mac(const std::string& text) {
  std::array<unsigned, 6> b{};
  char rest = 0;
  const int n = std::sscanf(text.c_str(), "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3],
                            &b[4], &b[5], &rest);
  std::array<std::uint8_t, 6> mac{};
  unsigned sum = 0;
  for (std::size_t i = 0; i < mac.size(); ++i) {
    mac[i] = static_cast<std::uint8_t>(b[i]);
    sum += b[i];
  }
  if (n != 6 || sum == 0 || (mac[0] & 1) != 0)
    return problem(fmt::format("--mac {}: a unicast address such as 02:00:00:00:00:01", text),
                   kExitUsage);
  return mac;
}

}  // namespace hni::tools
