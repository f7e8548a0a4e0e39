// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/uml_machine.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>

#include "device/classifier.hpp"
#include "device/firmware.hpp"
#include "device/link.hpp"
#include "tools/hni/poller.hpp"
#include "tools/hni/signals.hpp"

namespace hni::tools {
namespace {

using device::vhost_user::Server;

constexpr unsigned kMessages = 64;
constexpr unsigned kFrames = 128;
constexpr unsigned kDescriptors = 64;
/// Maximum number of iterations of all cards at one moment of virtual time; a ring of 1024 packets
/// needs some hundred.
constexpr unsigned kMaxTurns = 100'000;
/// Interval after which a frame that the wire did not accept is retried.
constexpr std::uint64_t kWireRetryNs = 100'000;
constexpr std::size_t kLastLines = 10;
constexpr int kMaxSilenceMs = VirtualClock::kMaxSilenceMs;

std::uint64_t ns(Time t) {
  return static_cast<std::uint64_t>(t.count());
}

}  // namespace

std::uint64_t UmlMachine::now() const {
  return clock_ ? clock_->now() : ns(monotonic_now());
}

void UmlMachine::report(const Slot* slot, const std::string& line) const {
  if (options_.quiet) return;
  std::size_t index = 0;
  while (index < slots_.size() && slots_[index].get() != slot) ++index;
  fmt::print(stderr, "card {}: {}\n", index, line);
}

// ---- Start

Outcome<LinuxResult> UmlMachine::run() {
  if (auto r = set_up(); !r) return tl::unexpected(r.error());
  if (auto r = loop(); !r) return tl::unexpected(r.error());
  if (options_.json) print_summary();
  return result();
}

Outcome<> UmlMachine::set_up() {
  script_runs_ = options_.script_at == 0;
  sigset_t set = signal_set({SIGTERM, SIGHUP, SIGINT});
  if (options_.command.empty()) sigdelset(&set, SIGINT);  // the shell's
  auto signals = watch_signals(set);
  if (!signals) return tl::unexpected(signals.error());
  signals_ = std::move(*signals);
  if (options_.virtual_time) {
    auto clock = VirtualClock::listen(options_.directory + "/time");
    if (!clock) return tl::unexpected(clock.error());
    clock_.emplace(std::move(*clock));
  }
  const std::size_t cards = options_.wires.empty() ? 2 : options_.wires.size();
  for (std::size_t i = 0; i < cards; ++i) {
    if (auto r = open_card(i, cards); !r) return r;
  }
  if (options_.timeout_s > 0)
    stop_at_ = monotonic_now() +
               std::chrono::duration_cast<Time>(std::chrono::duration<double>(options_.timeout_s));
  return start_kernel();
}

Outcome<> UmlMachine::open_card(std::size_t index, std::size_t cards) {
  auto slot = std::make_unique<Slot>();
  Slot* const raw = slot.get();
  if (options_.wires.empty()) {
    slot->paced = std::make_unique<LinkRate>(options_.rate_mbit);
    slot->wire = slot->paced.get();
    if (index == 1) {
      slot->paced->connect(*slots_[0]->paced);
      slots_[0]->paced->connect(*slot->paced);
    }
  } else {
    auto wire = open_wire(options_.wires[index]);
    if (!wire) return tl::unexpected(wire.error());
    slot->open = std::move(*wire);
    slot->wire = slot->open.wire.get();
  }
  device::CardConfig config;
  // The kernel supports 32 vectors for all devices together.
  config.msix_vectors = std::min(options_.vectors, static_cast<unsigned>(30 / cards));
  device::FirmwareConfig firmware;
  firmware.response_delay_ns = options_.firmware_delay_us * 1000;
  config.firmware = &firmware;
  // The last byte of the address: 02 for eth0, 01 for the link partner, as in docs/linux.md.
  config.serial_number += options_.wires.empty() ? 1 - index : index;
  auto server = Server::create(
      fmt::format("{}/card{}", options_.directory, index), config, *slot->wire,
      [index](const std::string& line) {
        // Connecting and disconnecting are expected here and not logged.
        if (line.starts_with("front-end closed") || line.starts_with("the front-end's"))
          fmt::print(stderr, "card {}: {}\n", index, line);
      });
  if (!server) return problem("the card's socket " + server.error());
  slot->server = std::move(*server);
  if (clock_) {
    slot->server->keep_in_step({[this] {
                                  (void)work();
                                  (void)clock_->limit(next_deadline());
                                },
                                [this](int fd) { return wait_readable(fd); },
                                [this] { return clock_->waiting(); }});
  }
  if (index < options_.scripts.size() && options_.scripts[index] != "none") {
    if (!load_)
      return problem("--script: this build is without the fuzz layer (HNI_FUZZ=OFF)", kExitUsage);
    auto script = load_(options_.scripts[index], [this, raw](const fuzz::InjectedFault& fault) {
      report(raw,
             fmt::format("{:.9f} s: {}", static_cast<double>(now()) / 1e9, fault_text(fault)));
    });
    if (!script) return problem("--script " + script.error());
    slot->script = std::move(*script);
    if (options_.script_at == 0) slot->server->card().set_interposer(slot->script.get());
  }
  slots_.push_back(std::move(slot));
  return {};
}

Outcome<> UmlMachine::start_kernel() {
  UmlOptions uml;
  uml.kernel = options_.kernel + "/linux";
  uml.directory = options_.directory;
  uml.interactive = options_.command.empty();
  uml.log = options_.log;
  if (clock_) uml.preload = options_.kernel + "/fixed_random.so";
  // Relative paths, because the command line contributes to the kernel's random numbers.
  uml.arguments = {fmt::format("mem={}M", options_.memory_mib),
                   "umid=hni",
                   "uml_dir=./",
                   "initrd=initramfs",
                   "noreboot",
                   "panic=-1",
                   "con=null",
                   "con0=fd:0,fd:1",
                   "con1=fd:3,fd:2",
                   "console=tty1",
                   "random.trust_cpu=off",
                   "hni_host=/proc/self/cwd",
                   fmt::format("hni_mode={}", uml.interactive ? "shell" : "exec"),
                   fmt::format("hni_far={}", options_.wires.empty() ? "card" : "none"),
                   fmt::format("hni_up={}", options_.interfaces_up ? "yes" : "no")};
  for (std::size_t i = 0; i < slots_.size(); ++i)
    uml.arguments.push_back(fmt::format("virtio_uml.device=card{}:1234", i));
  if (clock_) uml.arguments.emplace_back("time-travel=ext:time");
  if (!options_.append.empty()) uml.arguments.push_back(options_.append);
  std::ofstream(options_.directory + "/command") << options_.command << '\n';
  const std::string link = options_.directory + "/initramfs";
  if (::symlink((options_.kernel + "/initramfs").c_str(), link.c_str()) != 0)
    return system_problem("'" + link + "'");
  auto kernel = UmlProcess::start(uml);
  if (!kernel) return tl::unexpected(kernel.error());
  kernel_.emplace(std::move(*kernel));
  return {};
}

// ---- The loop

Outcome<> UmlMachine::loop() {
  while (!ended_) {
    if (monotonic_now() >= stop_at_) {
      stopped_ = fmt::format("the guest did not end within {} s: allow more with --timeout",
                             options_.timeout_s);
      return {};
    }
    int timeout_ms = kMaxSilenceMs;
    if (clock_) {
      if (clock_->waiting()) {
        if (auto r = advance(); !r) return r;
        timeout_ms = 0;
      }
    } else {
      const std::uint64_t at = now();
      bool busy = false;
      for (const auto& slot : slots_) busy = turn(*slot, at) || busy;
      const std::uint64_t due = next_deadline();
      timeout_ms =
          busy || due <= at
              ? 0
              : static_cast<int>(std::min<std::uint64_t>((due - at) / 1'000'000 + 1, 1000));
    }
    const auto left = (stop_at_ - monotonic_now()).count() / 1'000'000 + 1;
    if (stop_at_ != Time::max())
      timeout_ms = std::clamp<int>(static_cast<int>(std::min<std::int64_t>(left, kMaxSilenceMs)),
                                   0, timeout_ms);
    if (auto r = poll_once(timeout_ms); !r) return r;
  }
  return {};
}

/// The kernel waits: perform what is due first.
Outcome<> UmlMachine::advance() {
  const std::uint64_t due = next_deadline();
  if (due <= clock_->requested() && due != VirtualClock::kNever) {
    if (due > clock_->now()) clock_->advance(due);
    if (work()) {
      stopped_ = "the cards did not become idle";
      ended_ = true;
    }
    return {};
  }
  return clock_->grant(due);
}

std::uint64_t UmlMachine::next_deadline() const {
  std::uint64_t next = VirtualClock::kNever;
  for (const auto& slot : slots_) {
    device::Card& card = slot->server->card();
    next = std::min(next, card.next_deadline_ns());
    if (clock_ && slot->server->has_interrupts()) next = std::min(next, now());
    if (slot->paced) next = std::min(next, slot->paced->next_deadline_ns());
    if (card.waits_for_wire()) next = std::min(next, now() + kWireRetryNs);
  }
  return next;
}

bool UmlMachine::turn(Slot& slot, std::uint64_t now_ns) {
  device::Card& card = slot.server->card();
  card.tick(now_ns);
  if (slot.script && script_runs_) slot.script->act(card, now_ns);
  // A capture waits for a driver that would receive it.
  if (slot.open.capture != nullptr)
    slot.open.capture->set_hold(!card.link().rx_enabled() || !card.classifier().serves_host());
  bool busy = card.run(kDescriptors);
  const unsigned frames = slot.wire->poll(card, now_ns, kFrames);
  busy = busy || (clock_ ? frames != 0 : frames == kFrames);
  busy = card.run(kDescriptors) || busy;
  slot.server->publish();
  return busy || slot.server->wants_turn();
}

bool UmlMachine::work() {
  const std::uint64_t at = clock_->now();
  for (unsigned turns = 0; turns < kMaxTurns; ++turns) {
    bool busy = false;
    for (const auto& slot : slots_) busy = turn(*slot, at) || busy;
    // A card that needs serve() is served after the kernel's message.
    if (!busy || std::any_of(slots_.begin(), slots_.end(),
                             [](const auto& slot) { return slot->server->wants_turn(); })) {
      return false;
    }
  }
  return true;
}

/// The guest reports its position; fault injection may start there.
void UmlMachine::follow_signal() {
  const auto signal = clock_->take_signal();
  if (!signal || *signal != options_.script_at || *signal == 0) return;
  script_runs_ = true;
  for (const auto& slot : slots_) {
    if (slot->script) slot->server->card().set_interposer(slot->script.get());
  }
}

void UmlMachine::serve_cards() {
  for (const auto& slot : slots_) {
    while (slot->server->serve(now(), kMessages) && clock_) {
    }
  }
}

/// Waits for the kernel's reply to a notification; the kernel may request time meanwhile.
bool UmlMachine::wait_readable(int fd) {
  for (;;) {
    std::array<pollfd, 3> fds{
        {{fd, POLLIN, 0}, {clock_->fd(), POLLIN, 0}, {kernel_->log_fd(), POLLIN, 0}}};
    const int n = ::poll(fds.data(), fds.size(), kMaxSilenceMs);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    if (fds[1].revents != 0 && !clock_->serve()) return false;
    if (fds[2].revents != 0) kernel_->read_log();
    if ((fds[0].revents & POLLIN) != 0) return true;
    if (fds[0].revents != 0) return false;
  }
}

Outcome<> UmlMachine::poll_once(int timeout_ms) {
  std::vector<pollfd> fds;
  const auto add = [&](int fd) { fds.push_back({fd, POLLIN, 0}); };
  add(signals_.get());
  add(kernel_->pid_fd());
  add(kernel_->log_fd());
  add(kernel_->output_fd());
  add(clock_ ? clock_->fd() : -1);
  const std::size_t first = fds.size();
  for (const auto& slot : slots_) {
    add(slot->server->client() >= 0 ? slot->server->client() : slot->server->listener());
    add(slot->open.fd);
  }
  const int n = ::poll(fds.data(), fds.size(), timeout_ms);
  if (n < 0 && errno != EINTR) return system_problem("poll");
  if (n == 0 && timeout_ms == kMaxSilenceMs) {
    stopped_ =
        fmt::format("the kernel hangs: it asked for nothing for {} s", kMaxSilenceMs / 1000);
    ended_ = true;
    return {};
  }
  if (n <= 0) {
    if (!clock_) serve_cards();
    return {};
  }
  if (fds[0].revents != 0) {
    stopped_ = "interrupted";
    ended_ = true;
    return {};
  }
  if (fds[2].revents != 0) kernel_->read_log();
  if (fds[3].revents != 0) kernel_->read_output();
  if (fds[4].revents != 0) {
    if (auto r = clock_->serve(); !r) return r;
    follow_signal();
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (fds[first + 2 * i].revents != 0 && slots_[i]->server->client() < 0)
      slots_[i]->server->accept_client();
  }
  serve_cards();
  if (fds[1].revents != 0 && kernel_->reap()) ended_ = true;
  return {};
}

// ---- The end

LinuxResult UmlMachine::result() {
  LinuxResult result;
  if (kernel_->log_fd() >= 0) kernel_->read_log();
  if (std::ifstream file(options_.directory + "/status"); stopped_.empty() && file) {
    int status = 0;
    if (file >> status) {
      result.status = status;
      return result;
    }
  }
  const bool booted = std::ifstream(options_.directory + "/ready").good();
  result.last_lines = kernel_->last_lines(kLastLines);
  const std::string panic = kernel_->panic_line();
  const int end = kernel_->status();
  if (!stopped_.empty())
    result.why = stopped_;
  else if (!panic.empty())
    result.why = panic;
  else if (WIFSIGNALED(end))
    result.why = fmt::format("the kernel was killed by signal {}", WTERMSIG(end));
  else
    result.why = fmt::format("the kernel ended with status {}", WEXITSTATUS(end));
  result.why = (booted ? "while the command ran: " : "boot failed: ") + result.why;
  return result;
}

void UmlMachine::print_summary() const {
  for (const auto& slot : slots_) {
    const auto session = slot->server->session_counters();
    nlohmann::json line = {{"commands", session.commands},
                           {"interrupts", session.interrupts},
                           {"breaches", slot->server->counters().breaches},
                           {"virtual_ns", clock_ ? clock_->now() : 0}};
    if (slot->script) line["script"] = script_json(slot->script->report());
    fmt::print(stderr, "{}\n", line.dump());
  }
}

}  // namespace hni::tools
