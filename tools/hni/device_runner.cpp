// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/device_runner.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "device/classifier.hpp"
#include "device/firmware.hpp"
#include "device/link.hpp"
#include "tools/hni/device_report.hpp"
#include "tools/hni/sandbox.hpp"
#include "tools/hni/signals.hpp"
#include "tools/hni/wire_report.hpp"
#include "vfio_user/server.hpp"
#include "vhost_user/server.hpp"

namespace hni::tools {
namespace {

constexpr std::uint64_t kLogToken = 2;
// The token of a card's descriptor is kSlotTokens + 4 * slot + one of the four after it.
constexpr std::uint64_t kSlotTokens = 0x100;
constexpr std::uint64_t kListener = 0;
constexpr std::uint64_t kClient = 1;
constexpr std::uint64_t kWire = 2;
constexpr std::uint64_t kFirmware = 3;

constexpr unsigned kMessages = 256;
constexpr unsigned kFrames = 128;
/// Interval at which the client is polled while the card works; a guest that accesses a register
/// waits for it.
constexpr unsigned kDescriptors = 64;
/// Interval after which a frame that the wire did not accept is retried.
constexpr Duration kWireRetry = std::chrono::microseconds(100);

/// A driver programs its filter in many writes; a capture starts this long after the first write
/// that admits frames.
constexpr Duration kFilterSettles = std::chrono::milliseconds(10);
/// Time limit of a write to a client's eventfd that blocks in spite of all checks.
constexpr Duration kWatch = std::chrono::seconds(1);
/// Time that the reader of the output has at the end.
constexpr std::chrono::milliseconds kLastWords{1000};

/// A client may pass file descriptors, up to the limit of this process.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

std::uint64_t ns(Time t) {
  return static_cast<std::uint64_t>(t.count());
}

}  // namespace

DeviceRunner::~DeviceRunner() {
  // The sandbox user may not be allowed to remove the sockets, so they stay registered with the
  // cleanup process.
  static CleanupProcess* kept = nullptr;
  if (!options_.user.empty() && cleanup_process_)
    kept = new CleanupProcess(std::move(*cleanup_process_));
  (void)kept;
  if (watch_) (void)::timer_delete(*watch_);
}

DeviceOptions one_card(const DeviceOptions& all, std::size_t index) {
  DeviceOptions one = all;
  for (auto* const list :
       {&one.sockets, &one.wires, &one.macs, &one.scripts, &one.records, &one.firmwares}) {
    if (!list->empty()) *list = {(*list)[index]};
  }
  one.first_vhost = index < all.first_vhost ? 1 : 0;
  one.first_card = index;
  one.ends_with_parent = true;
  return one;
}

Outcome<int> DeviceRunner::run() {
  if (auto r = set_up(); !r) return tl::unexpected(r.error());
  if (ready_) ready_();
  if (auto r = loop(); !r) return tl::unexpected(r.error());
  print_summary();
  return conclude();
}

/// Returns the exit status: incomplete files and incomplete output are failures.
int DeviceRunner::conclude() {
  std::string lines;
  for (const auto& slot : slots_) {
    for (const std::string& line :
         {slot->wire.capture != nullptr ? wire_problem(*slot->wire.capture) : std::string(),
          slot->recorder ? slot->recorder->finish() : std::string()}) {
      if (!line.empty()) lines += fmt::format("hni device: {}\n", line);
    }
  }
  (void)log_.finish(kLastWords);
  if (log_.error() != 0)
    lines += fmt::format(
        "hni device: {} lines of output lost: {}\n", log_.dropped(),
        log_.error() == ETIMEDOUT ? "the reader is too slow" : std::strerror(log_.error()));
  if (lines.empty()) return kExitDone;
  (void)errors_.print(lines);
  (void)errors_.finish(kLastWords);
  return kExitFailed;
}

Outcome<> DeviceRunner::watch_signals() {
  auto signals = tools::watch_signals(signal_set({SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}));
  if (!signals) return tl::unexpected(signals.error());
  signals_ = std::move(*signals);
  // Handler that interrupts a blocking call: installed without SA_RESTART, and does nothing else.
  struct sigaction action {};
  action.sa_handler = [](int) {};
  if (::sigaction(SIGALRM, &action, nullptr) != 0) return system_problem("signals");
  sigevent event{};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGALRM;
  timer_t timer{};
  if (::timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) return system_problem("timer");
  watch_ = timer;
  return poller_->add(signals_.get(), kSignalToken);
}

/// Rearms the timer regularly, so that it never fires while the loop makes progress.
void DeviceRunner::keep_watch(Time now) {
  if (watch_armed_ != Time{} && now - watch_armed_ < kWatch / 2) return;
  watch_armed_ = now;
  itimerspec when{};
  when.it_value.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(kWatch).count();
  (void)::timer_settime(*watch_, 0, &when, nullptr);
}

Outcome<> DeviceRunner::set_up() {
  auto cleanup_process = CleanupProcess::spawn();
  if (!cleanup_process) return tl::unexpected(cleanup_process.error());
  cleanup_process_.emplace(std::move(*cleanup_process));
  auto poller = Poller::create();
  if (!poller) return tl::unexpected(poller.error());
  poller_.emplace(std::move(*poller));
  if (auto r = watch_signals(); !r) return r;
  if (log_.pollable()) (void)poller_->add_output(log_.fd(), kLogToken);
  raise_descriptor_limit();
  for (std::size_t i = 0; i < options_.sockets.size(); ++i) {
    if (auto r = open_card(i); !r) return r;
  }
  if (options_.duration_s > 0)
    stop_at_ = monotonic_now() + std::chrono::duration_cast<Time>(
                                     std::chrono::duration<double>(options_.duration_s));
  return close_sandbox();
}

/// All descriptors are open. Beyond this point a compromised process can do little.
Outcome<> DeviceRunner::close_sandbox() {
  if (!options_.sandbox) return {};
  SandboxPolicy policy;
  policy.ends_with_parent = options_.ends_with_parent;
  policy.unix_sockets =
      std::any_of(options_.wires.begin(), options_.wires.end(),
                  [](const std::string& wire) { return wire.starts_with("cable:"); });
  if (!options_.user.empty()) {
    const auto ids = find_user(options_.user);
    if (!ids) return tl::unexpected(ids.error());
    for (const std::string& path : options_.sockets) {
      if (::lchown(path.c_str(), ids->user, ids->group) != 0)
        return system_problem("--user: '" + path + "'");
    }
    policy.user = options_.user;
  }
  return enter_sandbox(policy);
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
  config.serial_number += options_.first_card + index;
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
  // The path must be absolute, as the cleanup process has another working directory.
  cleanup_process_->remember(std::filesystem::absolute(options_.sockets[index]).string());
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
  const auto report = [this, raw = &slot](const std::string& line) { say_rarely(raw, line); };
  const auto keep = [this, &slot](auto&& made, const char* option) -> Outcome<> {
    if (!made) return problem(std::string(option) + " " + made.error());
    slot.server = std::move(*made);
    slot.server->set_hooks(*this);
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
    if (options_.json)
      (void)log_.print(fault_line(raw->server->path(), fault) + "\n");
    else
      say(raw, fault_text(fault));
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

void DeviceRunner::say(const Slot* slot, const std::string& line) {
  if (options_.quiet) return;
  const std::string path = slot->server ? slot->server->path() : std::string();
  (void)log_.print(options_.json ? event_line(path, line) + "\n"
                                 : fmt::format("{}{}{}\n", path, path.empty() ? "" : ": ", line));
}

void DeviceRunner::say_rarely(Slot* slot, const std::string& line) {
  if (!slot->lines.allow(monotonic_now())) return;
  const std::uint64_t left_out = slot->lines.take_suppressed();
  say(slot, left_out == 0 ? line : fmt::format("{} ({} lines left out before)", line, left_out));
}

Outcome<> DeviceRunner::loop() {
  while (!stop_) {
    bool busy = false;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      busy = turn(*slots_[i]) || busy;
      if (auto r = follow_client(i); !r) return r;
    }
    (void)log_.flush();
    const Time now = monotonic_now();
    if (now >= stop_at_) return {};
    keep_watch(now);
    sleep(now, busy);
  }
  return {};
}

/// Waits for a client whose memory is accessed by messages. Signals are handled meanwhile.
std::optional<device::vfio_user::WaitEnd> DeviceRunner::wait(int fd, short events,
                                                             std::chrono::milliseconds patience) {
  using device::vfio_user::WaitEnd;
  const Time begin = monotonic_now();
  if (slots_.size() > 1) {
    waited_ = std::max(Duration::zero(), waited_ - (begin - forgiven_) / 20);
    forgiven_ = begin;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(kMaxWaited - waited_);
    if (left.count() <= 0)
      return WaitEnd{"answers to DMA messages take too long for a process of several cards", true};
    patience = std::min(patience, left);
  }
  std::array<pollfd, 2> both{{{fd, events, 0}, {signals_.get(), POLLIN, 0}}};
  const int n = ::poll(both.data(), both.size(), static_cast<int>(patience.count()));
  waited_ += monotonic_now() - begin;
  if (n > 0 && both[1].revents != 0) read_signals();
  if (stop_) return WaitEnd{"the server ends", false};
  if (n == 0 && patience.count() >= 0) return WaitEnd{"no answer to a DMA message", true};
  return std::nullopt;
}

/// Returns whether the capture has to wait for a driver that would receive it.
bool DeviceRunner::hold_capture(Slot& slot, Time now) const {
  device::Card& card = slot.server->card();
  const bool by_filter = options_.replay_after_s < 0;
  if (!card.link().rx_enabled() || (by_filter && !card.classifier().serves_host())) {
    slot.receiving_since.reset();
    return true;
  }
  if (!slot.receiving_since) slot.receiving_since = now;
  const Duration after = by_filter ? kFilterSettles
                                   : std::chrono::duration_cast<Duration>(
                                         std::chrono::duration<double>(options_.replay_after_s));
  return now - *slot.receiving_since < after;
}

/// Performs the work that is due on one card; returns true if more is waiting.
bool DeviceRunner::turn(Slot& slot) {
  device::Card& card = slot.server->card();
  const Time now = monotonic_now();
  turn_end_ = now + kTurn;
  const bool due =
      slot.ready || slot.server->wants_turn() || ns(now) >= slot.server->next_deadline_ns();
  slot.ready = due && slot.server->serve(ns(now), kMessages);
  card.tick(ns(now));
  if (slot.firmware) {
    slot.firmware->follow_memory();
    slot.firmware_speaks = slot.firmware_speaks && slot.firmware->serve(kMessages);
  }
  if (slot.player) slot.player->act(card, ns(now));
  if (slot.wire.capture != nullptr) slot.wire.capture->set_hold(hold_capture(slot, now));
  bool busy = card.run(kDescriptors);
  // Call after run(), which may have ended a pause.
  busy = slot.wire.wire->poll(card, ns(now), kFrames) == kFrames || busy;
  busy = card.run(kDescriptors) || busy;
  slot.server->publish();
  turn_end_ = Time::max();
  return busy || slot.ready || slot.firmware_speaks || slot.server->wants_turn();
}

/// Updates the poller when a client connects or disconnects, or when replies are waiting.
Outcome<> DeviceRunner::follow_client(std::size_t index) {
  Slot& slot = *slots_[index];
  const std::uint64_t token = kSlotTokens + 4 * index + kClient;
  const int client = slot.server->client();
  if (slot.muted == slot.server->accepts()) {
    slot.muted = !slot.muted;
    poller_->mute(slot.server->listener(), kSlotTokens + 4 * index + kListener, slot.muted);
  }
  if (client != slot.polled) {
    // A closed socket has removed itself from the poller.
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
    const std::uint64_t served = slot->server->next_deadline_ns();
    if (served < static_cast<std::uint64_t>(Time::max().count()))
      next = std::min(next, Time(static_cast<std::int64_t>(served)));
    // Handles a capture that waits for a filter to settle, or for its start time.
    if (slot->receiving_since && !slot->wire.capture->finished())
      next = std::min(next, now + kFilterSettles);
    if (slot->server->card().waits_for_wire()) next = std::min(next, now + kWireRetry);
  }
  return next;
}

void DeviceRunner::sleep(Time now, bool busy) {
  Duration longest = Duration::zero();
  if (!busy) longest = std::clamp<Duration>(deadline(now) - now, Duration::zero(), kLongestSleep);
  for (const Poller::Event& event : poller_->wait(longest)) {
    if (event.token == kSignalToken) {
      read_signals();
      continue;
    }
    // the loop writes as much as possible in each iteration
    if (event.token == kLogToken) continue;
    Slot& slot = *slots_[(event.token - kSlotTokens) / 4];
    const std::uint64_t what = (event.token - kSlotTokens) % 4;
    if (what == kListener) slot.server->accept_client();
    if (what == kClient) slot.ready = true;
    if (what == kFirmware) slot.firmware_speaks = true;
  }
}

void DeviceRunner::read_signals() {
  while (const auto info = next_signal(signals_)) {
    if (info->ssi_signo == SIGUSR2) {
      for (const auto& slot : slots_) {
        if (slot->recorder) slot->recorder->mark();
      }
    } else if (info->ssi_signo == SIGUSR1) {
      print_summary();
    } else {
      stop_ = true;
    }
  }
}

void DeviceRunner::print_summary() {
  for (const auto& slot : slots_) {
    const std::optional<fuzz::ScriptReport> script =
        slot->player ? std::optional(slot->player->report()) : std::nullopt;
    device::PcapWire* const capture = slot->wire.capture;
    if (options_.json) {
      nlohmann::json line = card_json(*slot->server);
      if (script) line["script"] = script_json(*script);
      if (slot->firmware) line["firmware"] = firmware_json(*slot->firmware);
      if (capture != nullptr) line["wire"] = wire_json(*capture);
      if (slot->recorder)
        line["record"] = {{"accesses", slot->recorder->accesses()},
                          {"lost", slot->recorder->lost()}};
      (void)log_.print(line.dump() + "\n");
    } else {
      (void)log_.print(card_text(*slot->server) + (script ? script_text(*script) : "") +
                       (slot->firmware ? firmware_text(*slot->firmware) : "") +
                       (capture != nullptr ? wire_text(*capture) : ""));
    }
  }
}

}  // namespace hni::tools
