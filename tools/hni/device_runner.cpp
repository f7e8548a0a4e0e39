// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/device_runner.hpp"

#include <fmt/format.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "device/firmware.hpp"
#include "device/link.hpp"
#include "tools/hni/device_report.hpp"
#include "vfio_user/server.hpp"
#include "vhost_user/server.hpp"

namespace hni::tools {
namespace {

constexpr std::uint64_t kSlotTokens = 0x100;  // + 4 * slot + one of these
constexpr std::uint64_t kListener = 0;
constexpr std::uint64_t kClient = 1;
constexpr std::uint64_t kWire = 2;
constexpr std::uint64_t kFirmware = 3;

constexpr unsigned kMessages = 256;
constexpr unsigned kFrames = 128;
/// Between two looks at the client: while the card works, a guest that touches a register waits.
constexpr unsigned kDescriptors = 64;
/// How soon to offer a frame again that the wire did not take.
constexpr Duration kWireRetry = std::chrono::microseconds(100);

std::uint64_t ns(Time t) {
  return static_cast<std::uint64_t>(t.count());
}

}  // namespace

Outcome<int> DeviceRunner::run() {
  if (auto r = set_up(); !r) return tl::unexpected(r.error());
  if (auto r = loop(); !r) return tl::unexpected(r.error());
  print_summary();
  return kExitDone;
}

Outcome<> DeviceRunner::watch_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int s : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) sigaddset(&set, s);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return system_problem("signals");
  (void)std::signal(SIGPIPE, SIG_IGN);
  signals_ = Fd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!signals_) return system_problem("signals");
  return poller_->add(signals_.get(), kSignalToken);
}

Outcome<> DeviceRunner::set_up() {
  auto cleanup_process = CleanupProcess::hire();
  if (!cleanup_process) return tl::unexpected(cleanup_process.error());
  cleanup_process_.emplace(std::move(*cleanup_process));
  auto poller = Poller::create();
  if (!poller) return tl::unexpected(poller.error());
  poller_.emplace(std::move(*poller));
  if (auto r = watch_signals(); !r) return r;
  for (std::size_t i = 0; i < options_.sockets.size(); ++i) {
    if (auto r = open_card(i); !r) return r;
  }
  if (options_.duration_s > 0)
    stop_at_ = monotonic_now() + std::chrono::duration_cast<Time>(
                                     std::chrono::duration<double>(options_.duration_s));
  return {};
}

Outcome<> DeviceRunner::open_card(std::size_t index) {
  auto slot = std::make_unique<Slot>();
  auto wire = open_wire(options_.wires[index]);
  if (!wire) return tl::unexpected(wire.error());
  slot->wire = std::move(*wire);
  device::CardConfig config;
  config.msix_vectors = options_.vectors;
  device::FirmwareConfig firmware;
  firmware.response_delay_ns = options_.firmware_delay_us * 1000;
  config.firmware = &firmware;
  config.serial_number += index;
  if (!options_.macs.empty()) {
    const auto mac = parse_mac(options_.macs[index]);
    if (!mac) return tl::unexpected(mac.error());
    config.serial_number = device::CardConfig::serial_number_of(*mac);
  }
  Slot* const raw = slot.get();
  if (auto r = open_server(*slot, index, config); !r) return r;
  const std::uint64_t token = kSlotTokens + 4 * index;
  if (!options_.firmwares.empty() && options_.firmwares[index] != "own") {
    if (auto r = give_firmware(*slot, options_.firmwares[index], token + kFirmware); !r) return r;
  }
  if (!options_.scripts.empty() && options_.scripts[index] != "none") {
    if (auto r = give_script(*slot, options_.scripts[index]); !r) return r;
  }
  if (!options_.records.empty() && options_.records[index] != "none") {
    if (auto r = give_record(*slot, options_.records[index]); !r) return r;
  }
  cleanup_process_->remember(options_.sockets[index]);
  if (auto r = poller_->add(slot->server->listener(), token + kListener); !r) return r;
  if (slot->wire.fd >= 0) {
    if (auto r = poller_->add(slot->wire.fd, token + kWire, true); !r) return r;
  }
  say(raw, fmt::format("a card, {}", options_.wires[index]));
  slots_.push_back(std::move(slot));
  return {};
}

Outcome<> DeviceRunner::open_server(Slot& slot, std::size_t index,
                                    const device::CardConfig& config) {
  const std::string& path = options_.sockets[index];
  const auto report = [this, raw = &slot](const std::string& line) { say(raw, line); };
  const auto keep = [&slot](auto&& made, const char* option) -> Outcome<> {
    if (!made) return problem(std::string(option) + " " + made.error());
    slot.server = std::move(*made);
    return {};
  };
  return index < options_.first_vhost
             ? keep(device::vfio_user::Server::create(path, config, *slot.wire.wire, report),
                    "--socket")
             : keep(device::vhost_user::Server::create(path, config, *slot.wire.wire, report),
                    "--vhost-user");
}

Outcome<> DeviceRunner::give_firmware(Slot& slot, const std::string& where, std::uint64_t token) {
  constexpr std::string_view kPrefix = "unix:";
  Slot* const raw = &slot;
  auto made = device::vfio_user::ExternalFirmware::connect(
      where.substr(kPrefix.size()), [this, raw](const std::string& line) { say(raw, line); });
  if (!made) return problem("--firmware " + made.error());
  slot.firmware = std::move(*made);
  slot.firmware->serve_card(slot.server->card(), slot.server->memory());
  return poller_->add(slot.firmware->fd(), token);
}

Outcome<> DeviceRunner::give_script(Slot& slot, const std::string& file) {
  if (!load_)
    return problem("--script: this build is without the fuzz layer (HNI_FUZZ=OFF)", kExitUsage);
  Slot* const raw = &slot;
  auto player = load_(file, [this, raw](const fuzz::InjectedFault& fault) {
    if (options_.quiet) return;
    if (options_.json) {
      fmt::print("{}\n", fault_line(raw->server->path(), fault));
      std::fflush(stdout);
    } else {
      say(raw, fault_text(fault));
    }
  });
  if (!player) return problem("--script " + player.error());
  slot.player = std::move(*player);
  slot.server->card().set_interposer(slot.player.get());
  return {};
}

Outcome<> DeviceRunner::give_record(Slot& slot, const std::string& file) {
  auto recorder = RegisterRecorder::create(file, slot.player.get());
  if (!recorder) return problem("--record " + recorder.error().text);
  slot.recorder = std::move(*recorder);
  slot.server->card().set_interposer(slot.recorder.get());
  return {};
}

void DeviceRunner::say(const Slot* slot, const std::string& line) const {
  if (options_.quiet) return;
  const std::string path = slot->server ? slot->server->path() : std::string();
  if (options_.json)
    fmt::print("{}\n", event_line(path, line));
  else
    fmt::print("{}{}{}\n", path, path.empty() ? "" : ": ", line);
  std::fflush(stdout);
}

Outcome<> DeviceRunner::loop() {
  while (!stop_) {
    const Time now = monotonic_now();
    if (now >= stop_at_) return {};
    bool busy = false;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      busy = turn(*slots_[i], now) || busy;
      if (auto r = follow_client(i); !r) return r;
    }
    wait(now, busy);
  }
  return {};
}

/// What is due on one card; true if more waits.
bool DeviceRunner::turn(Slot& slot, Time now) {
  device::Card& card = slot.server->card();
  slot.ready = (slot.ready || slot.server->wants_turn()) && slot.server->serve(ns(now), kMessages);
  card.tick(ns(now));
  if (slot.firmware) {
    slot.firmware->follow_memory();
    slot.firmware_speaks = slot.firmware_speaks && slot.firmware->serve(kMessages);
  }
  if (slot.player) slot.player->act(card, ns(now));
  bool busy = card.run(kDescriptors);
  // After run(): it may have ended a pause.
  if (!slot.wire.eager || card.link().rx_enabled())
    busy = slot.wire.wire->poll(card, ns(now), kFrames) == kFrames || busy;
  busy = card.run(kDescriptors) || busy;
  slot.server->publish();
  return busy || slot.ready || slot.firmware_speaks || slot.server->wants_turn();
}

/// Tells the poller of a client that came or went, and whether answers wait.
Outcome<> DeviceRunner::follow_client(std::size_t index) {
  Slot& slot = *slots_[index];
  const std::uint64_t token = kSlotTokens + 4 * index + kClient;
  const int client = slot.server->client();
  if (client != slot.polled) {
    // A socket that was closed has left the poller by itself.
    slot.polled = client;
    slot.wants_write = slot.ready = false;
    if (client >= 0) {
      if (auto r = poller_->add(client, token); !r) return r;
      slot.ready = true;
    }
  }
  if (client >= 0 && slot.wants_write != slot.server->wants_write()) {
    slot.wants_write = !slot.wants_write;
    poller_->want_write(client, token, slot.wants_write);
  }
  return {};
}

Time DeviceRunner::deadline(Time now) const {
  Time next = stop_at_;
  for (const auto& slot : slots_) {
    const std::uint64_t due = slot->server->card().next_deadline_ns();
    if (due < static_cast<std::uint64_t>(Time::max().count()))
      next = std::min(next, Time(static_cast<std::int64_t>(due)));
    if (slot->server->card().waits_for_wire()) next = std::min(next, now + kWireRetry);
  }
  return next;
}

void DeviceRunner::wait(Time now, bool busy) {
  Duration longest = Duration::zero();
  if (!busy) longest = std::clamp<Duration>(deadline(now) - now, Duration::zero(), kLongestSleep);
  for (const Poller::Event& event : poller_->wait(longest)) {
    if (event.token == kSignalToken) {
      read_signals();
      continue;
    }
    Slot& slot = *slots_[(event.token - kSlotTokens) / 4];
    const std::uint64_t what = (event.token - kSlotTokens) % 4;
    if (what == kListener) slot.server->accept_client();
    if (what == kClient) slot.ready = true;
    if (what == kFirmware) slot.firmware_speaks = true;
  }
}

void DeviceRunner::read_signals() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo == SIGUSR2) {
      for (const auto& slot : slots_) {
        if (slot->recorder) slot->recorder->mark();
      }
    } else if (info.ssi_signo == SIGUSR1) {
      print_summary();
    } else {
      stop_ = true;
    }
  }
}

void DeviceRunner::print_summary() const {
  for (const auto& slot : slots_) {
    const std::optional<fuzz::ScriptReport> script =
        slot->player ? std::optional(slot->player->report()) : std::nullopt;
    if (options_.json) {
      nlohmann::json line = card_json(*slot->server);
      if (script) line["script"] = script_json(*script);
      if (slot->firmware) line["firmware"] = firmware_json(*slot->firmware);
      fmt::print("{}\n", line.dump());
    } else {
      fmt::print("{}{}{}", card_text(*slot->server), script ? script_text(*script) : "",
                 slot->firmware ? firmware_text(*slot->firmware) : "");
    }
  }
  std::fflush(stdout);
}

}  // namespace hni::tools
