// SPDX-License-Identifier: Apache-2.0
// Setup of `hni run` before packets move, and the command that it may start.

#include <fmt/format.h>
#include <sys/sysinfo.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "tools/hni/runner.hpp"
#include "tools/hni/signals.hpp"

namespace hni::tools {
namespace {

constexpr const char* kIpv4[2] = {"10.77.0.1", "10.77.0.2"};
constexpr const char* kIpv6[2] = {"fd77::1", "fd77::2"};

sigset_t watched_signals() {
  return signal_set({SIGINT, SIGTERM, SIGHUP, SIGCHLD});
}

/// Checks the memory that both ports need, so that a typing error does not exhaust the machine.
Outcome<> check_memory(const TestbedOptions& options) {
  const PortConfig config = port_config(options, Node::mac_of(0));
  const std::uint64_t fragments =
      config.spare_fragments +
      std::uint64_t{config.queues} * (config.queue.header_ring + config.queue.payload_ring);
  const std::uint64_t need = 2 * fragments * kFragmentBytes;
  struct sysinfo info {};
  if (::sysinfo(&info) != 0) return {};
  const std::uint64_t have =
      (std::uint64_t{info.freeram} + info.bufferram) * std::uint64_t{info.mem_unit};
  if (need <= have) return {};
  return problem(
      fmt::format("packet memory needs {} MB and {} MB are free: use fewer "
                  "--queues or a smaller --ring",
                  need >> 20, have >> 20));
}

}  // namespace

Outcome<> Runner::watch_signals() {
  auto signals = tools::watch_signals(watched_signals());
  if (!signals) return tl::unexpected(signals.error());
  signals_ = std::move(*signals);
  return poller_->add(signals_.get(), kSignalToken);
}

/// Objects created from here on are registered first, so that they are removed even if this
/// process is killed.
Outcome<> Runner::prepare_cleanup() {
  auto folder = RuntimeFolder::open(RuntimeFolder::Create::kYes);
  if (folder) {
    folder_.emplace(std::move(*folder));
    RunRecord::sweep(*folder_);
  } else {
    why_no_folder_ = folder.error().text;
  }
  auto process = CleanupProcess::start(folder_ ? &*folder_ : nullptr);
  if (!process) return tl::unexpected(process.error());
  cleanup_process_.emplace(std::move(*process));
  if (!folder_) return {};
  auto record = RunRecord::create(*folder_);
  if (!record) {
    why_no_folder_ = record.error().text;
    folder_.reset();
    return {};
  }
  record_.emplace(std::move(*record));
  cleanup_process_->add("file " + record_->name());
  return {};
}

void Runner::about_to_make(const std::string& line) {
  if (record_) record_->add(line);
  cleanup_process_->add(line);
}

/// Without a control socket a run works, but `hni port` cannot reach it.
Outcome<> Runner::listen_for_questions() {
  if (folder_) {
    const std::string pid = std::to_string(::getpid());
    about_to_make("file " + pid + ".new");
    about_to_make("file " + pid + ".sock");
    auto control = ControlServer::create(*poller_, *testbed_, *folder_);
    if (control) {
      control_ = std::move(*control);
      return {};
    }
    why_no_folder_ = control.error().text;
  }
  if (options_.hold) return problem("--hold needs a control socket: " + why_no_folder_);
  (void)std::fprintf(stderr,
                     "hni run: no control socket, so `hni port` cannot reach this run: %s\n",
                     why_no_folder_.c_str());
  return {};
}

Outcome<> Runner::set_up() {
  if (auto r = prepare_cleanup(); !r) return r;
  auto poller = Poller::create();
  if (!poller) return tl::unexpected(poller.error());
  poller_.emplace(std::move(*poller));
  if (auto r = watch_signals(); !r) return r;
  if (auto r = check_memory(options_.testbed); !r) return r;
  mode_ = !options_.replay.empty() ? Mode::kReplay
          : options_.generator     ? Mode::kGenerator
                                   : Mode::kInterfaces;
  auto testbed = Testbed::create(options_.testbed);
  if (!testbed) return tl::unexpected(testbed.error());
  testbed_ = std::move(*testbed);
  if (mode_ == Mode::kInterfaces) {
    if (auto r = make_interfaces(); !r) {
      if (!r.error().unavailable || options_.needs_interfaces()) return r;
      why_generator_ = r.error().text;
      taps_.clear();
      namespaces_.clear();
      mode_ = Mode::kGenerator;
    }
  }
  if (auto r = attach_ends(); !r) return r;
  return listen_for_questions();
}

Outcome<> Runner::make_interfaces() {
  const bool own = options_.taps.empty();
  const std::string name =
      options_.name.empty() ? "hni-" + std::to_string(::getpid()) : options_.name;
  for (unsigned i = 0; i < 2; ++i) {
    const auto about = [this](const std::string& line) { about_to_make(line); };
    auto where =
        own ? NetNamespace::create(name + (i == 0 ? "-a" : "-b"), about) : NetNamespace::current();
    if (!where) return tl::unexpected(where.error());
    namespaces_.push_back(std::move(*where));
    TapOptions tap;
    tap.name = own ? testbed_->side(i).name() : options_.taps[i];
    tap.queues = options_.testbed.queues;
    tap.mtu = options_.testbed.mtu;
    tap.mac = Node::mac_of(i);
    tap.offload = options_.offload;
    if (own) {
      tap.ipv4 = std::string(kIpv4[i]) + "/24";
      tap.ipv6 = std::string(kIpv6[i]) + "/64";
    }
    auto made = Tap::create(namespaces_.back(), tap);
    if (!made) return tl::unexpected(made.error());
    taps_.push_back(std::make_unique<Tap>(std::move(*made)));
  }
  return {};
}

Outcome<> Runner::attach_ends() {
  std::optional<device::PcapReader> reader;
  if (mode_ == Mode::kReplay) {
    auto opened = device::PcapReader::open(options_.replay);
    if (!opened) return problem("--replay: " + opened.error().text);
    reader.emplace(std::move(*opened));
  }
  for (unsigned i = 0; i < 2; ++i) {
    Node& side = testbed_->side(i);
    if (mode_ == Mode::kInterfaces) {
      auto end = std::make_unique<TapEndpoint>(side.port(), *taps_[i], options_.offload,
                                               options_.testbed.mtu);
      end->follow_interface();
      side.set_end(std::move(end));
      for (unsigned q = 0; q < taps_[i]->queues(); ++q) {
        if (auto r = poller_->add(taps_[i]->queue(q), kQueueToken + i * 0x1000 + q, true); !r)
          return r;
      }
      if (auto r = poller_->add(taps_[i]->events(), kNoticeToken + i); !r) return r;
    } else if (mode_ == Mode::kReplay) {
      (void)side.port().filter().set_promiscuous(true);
      side.set_end(std::make_unique<ReplayEnd>(
          side.port(), i == 0 ? std::move(reader) : std::optional<device::PcapReader>()));
    } else {
      GeneratorOptions generator;
      generator.from = Node::mac_of(i);
      generator.to = Node::mac_of(i ^ 1);
      generator.shortest = options_.shortest;
      generator.burst = options_.burst;
      generator.longest = options_.longest != 0 ? options_.longest : options_.testbed.mtu + 14;
      generator.packets_per_second = options_.rate;
      generator.limit = options_.packets;
      side.set_end(
          std::make_unique<GeneratorEndpoint>(side.port(), generator, options_.testbed.queues));
    }
  }
  return {};
}

void Runner::announce(Duration took) {
  if (options_.json) {
    Json line = {{"event", "up"}, {"pid", ::getpid()}};
    if (control_) line["socket"] = control_->path();
    if (!control_) line["why_no_socket"] = why_no_folder_;
    line["mode"] = mode_ == Mode::kInterfaces  ? "interfaces"
                   : mode_ == Mode::kGenerator ? "generator"
                                               : "replay";
    for (const NetNamespace& n : namespaces_) {
      if (!n.name().empty()) line["namespaces"].push_back(n.name());
    }
    for (const auto& tap : taps_) line["interfaces"].push_back(tap->name());
    if (!why_generator_.empty()) line["why"] = why_generator_;
    out_.print(line.dump() + "\n");
  } else if (!options_.quiet) {
    out_.print(fmt::format("two cards, one cable, {} queue{} each; links up after {:.2f} s\n",
                           options_.testbed.queues, options_.testbed.queues == 1 ? "" : "s",
                           std::chrono::duration<double>(took).count()));
    if (!why_generator_.empty())
      out_.print(fmt::format("no network interfaces ({}): using a packet generator instead\n",
                             why_generator_));
    for (unsigned i = 0; i < taps_.size(); ++i) {
      const bool own = !namespaces_[i].name().empty();
      out_.print(fmt::format("  {:<16} {}  {}\n", own ? namespaces_[i].name() : "this namespace",
                             taps_[i]->name(),
                             own ? fmt::format("{}  {}", kIpv4[i], kIpv6[i]) : ""));
    }
    if (!namespaces_.empty() && !namespaces_[0].name().empty() && options_.exec.empty())
      out_.print(fmt::format("try: ip netns exec {} ping {}\n", namespaces_[0].name(), kIpv4[1]));
    if (control_) out_.print(fmt::format("statistics: hni port stats --pid {}\n", ::getpid()));
  }
  (void)out_.flush();
}

// ---- The command

Outcome<> Runner::start_command() {
  if (options_.exec.empty()) return {};
  (void)out_.flush();
  const std::string run = std::to_string(::getpid());
  return command_.start(options_.exec, [&] {
    for (unsigned i = 0; i < 2; ++i) {
      const std::string letter = i == 0 ? "A" : "B";
      if (i < namespaces_.size())
        (void)::setenv(("HNI_NETNS_" + letter).c_str(), namespaces_[i].name().c_str(), 1);
      (void)::setenv(("HNI_IPV4_" + letter).c_str(), kIpv4[i], 1);
      (void)::setenv(("HNI_IPV6_" + letter).c_str(), kIpv6[i], 1);
    }
    (void)::setenv("HNI_RUN", run.c_str(), 1);
  });
}

void Runner::reap_command() {
  if (const auto status = command_.reap()) {
    command_status_ = *status;
    stop_ = true;
  }
}

}  // namespace hni::tools
