// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/attach_runner.hpp"
#include "tools/hni/signals.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace hni::tools {
namespace {

constexpr std::uint64_t kTapToken = 2;
constexpr std::uint64_t kCardToken = 3;
constexpr std::uint64_t kOutputToken = 4;
constexpr QueueId kQueue{0};
constexpr Duration kPatience = std::chrono::seconds(30);
constexpr Duration kDrainPatience = std::chrono::milliseconds(200);
/// Maximum number of frames in flight: less than the capacity of a wire that loops frames back.
constexpr std::uint64_t kUnderWay = 192;
constexpr std::array<std::uint8_t, 14> kHeader{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02,
                                               0x77, 0,    0,    0,    1,    0x88, 0xb5};

Outcome<std::unique_ptr<io::VfioUser>> open_card(const AttachOptions& o, io::VfioUser* /*kind*/) {
  auto io = io::VfioUser::connect(o.socket);
  if (!io) return problem("--socket " + io.error());
  return std::move(*io);
}

Outcome<std::unique_ptr<io::Vfio>> open_card(const AttachOptions& o, io::Vfio* /*kind*/) {
  auto io = io::Vfio::open(o.vfio);
  if (!io) return problem("--vfio " + io.error());
  return std::move(*io);
}

}  // namespace

template <class Io>
Outcome<int> AttachRunner<Io>::run() {
  if (auto r = set_up(); !r) return tl::unexpected(r.error());
  const auto looped = loop();
  if (looped) drain();
  stop();
  detach();
  const int status = conclude();
  if (!looped) return tl::unexpected(looped.error());
  return status;
}

template <class Io>
Outcome<> AttachRunner<Io>::set_up() {
  auto poller = Poller::create();
  if (!poller) return tl::unexpected(poller.error());
  poller_.emplace(std::move(*poller));
  sigset_t set = signal_set({SIGINT, SIGTERM, SIGHUP});
  if (options_.standby) sigaddset(&set, SIGUSR1);
  auto signals = watch_signals(set);
  if (!signals) return tl::unexpected(signals.error());
  signals_ = std::move(*signals);
  if (auto r = poller_->add(signals_.get(), kSignalToken); !r) return r;
  if (log_.pollable()) (void)poller_->add_output(log_.fd(), kOutputToken);

  auto io = open_card(options_, static_cast<Io*>(nullptr));
  if (!io) return tl::unexpected(io.error());
  io_ = std::move(*io);
  if (auto r = poller_->add(io_->interrupts(), kCardToken); !r) return r;
  if (!options_.tap.empty()) {
    auto tap = device::TapDevice::open(options_.tap);
    if (!tap) return problem("--tap: " + tap.error().text);
    if (!tap->set_mtu(options_.mtu) || !tap->set_up(true))
      return system_problem("--tap: '" + options_.tap + "'");
    if (auto r = poller_->add(tap->fd(), kTapToken, true); !r) return r;
    tap_.emplace(std::move(*tap));
  }
  port_ = std::make_unique<CardPort>(*io_);
  PortConfig config;
  config.mac = io_->mac();
  config.pcie = io_->pcie();
  config.mtu = options_.mtu;
  const Time now = monotonic_now();
  if (const auto r = port_->attach(config, now); !r)
    return problem(std::string("the card: ") + std::string(r.error().text()));
  Setup<Io, NullObserver> setup(port_->device());
  if (const auto otp = setup.check_otp())
    fmt::print(stderr, "the card's one-time-programmable memory reports 0x{:x}, written 0x{:x}\n",
               otp->status, otp->write_status);
  // The interface has its own address; the card is only its path to the wire.
  (void)port_->filter().set_promiscuous(true);
  wanted_ = !options_.standby;
  if (wanted_) port_->start(now);
  started_ = now;
  return {};
}

template <class Io>
Outcome<> AttachRunner<Io>::loop() {
  for (;;) {
    const Time now = monotonic_now();
    const bool busy = turn(now);
    if (port_->state() == PortState::kGone) return problem("the card is gone: " + io_->why());
    was_up_ = was_up_ || announced_ || reported_ready_;
    if (was_up_) {
      const std::uint64_t starts = retry_.starts();
      if (const auto line = retry_.turn(*port_, now)) tell("the card " + *line);
      // A port in standby comes back to standby.
      if (!wanted_ && retry_.starts() != starts) port_->stop(now);
    } else if (port_->state() == PortState::kFailed)
      return problem(std::string("the card failed: ") + std::string(port_->error().text()));
    if (auto r = announce(now); !r) return r;
    if (finished(now)) return {};
    (void)log_.flush();
    wait(now, busy);
  }
}

/// Writes one line about an event.
template <class Io>
void AttachRunner<Io>::tell(const std::string& line) {
  (void)log_.print(options_.json ? nlohmann::json{{"event", line}}.dump() + "\n" : line + "\n");
}

/// Logs each of these states once: ready, link up, stopped.
template <class Io>
Outcome<> AttachRunner<Io>::announce(Time now) {
  const auto say = [this](const std::string& line) {
    if (!options_.json) (void)log_.print(line + "\n");
  };
  if (!wanted_) {
    if (reported_ready_ || port_->state() != PortState::kReady) return {};
    reported_ready_ = true;
    say("ready");
  } else if (!announced_ && port_->link_up()) {
    announced_ = true;
    started_ = now;
    if (options_.duration_s > 0)
      stop_at_ = now + std::chrono::duration_cast<Time>(
                           std::chrono::duration<double>(options_.duration_s));
    say(tap_ ? "link up: " + tap_->name() : "link up");
  }
  if (wanted_ && !announced_ && now - started_ > kPatience)
    return problem("the link did not come up");
  return {};
}

template <class Io>
void AttachRunner<Io>::wait(Time now, bool busy) {
  Duration longest = Duration::zero();
  if (!busy)
    longest =
        std::clamp<Duration>(std::min({port_->deadline(), stop_at_, retry_.deadline()}) - now,
                             Duration::zero(), kLongestSleep);
  for (const Poller::Event& event : poller_->wait(longest)) {
    if (event.token == kSignalToken) read_signals();
    if (event.token == kTapToken) readable_ = true;
  }
}

template <class Io>
void AttachRunner<Io>::read_signals() {
  while (const auto info = next_signal(signals_)) {
    if (info->ssi_signo != SIGUSR1) {
      stop_ = true;
      continue;
    }
    const Time now = monotonic_now();
    wanted_ = !wanted_;
    announced_ = reported_ready_ = false;
    started_ = now;
    if (wanted_)
      port_->start(now);
    else
      port_->stop(now);
  }
}

template <class Io>
bool AttachRunner<Io>::finished(Time now) const {
  if (stop_ || now >= stop_at_) return true;
  return options_.frames != 0 && counters_.received >= options_.frames;
}

template <class Io>
bool AttachRunner<Io>::turn(Time now) {
  (void)io_->take_interrupts([&](Vector vector) {
    port_->interrupt(vector, now);
    active_ = active_ || raw(vector) >= kFirstQueueVector;
  });
  if (now >= port_->deadline()) port_->step(now);
  if (port_->state() != PortState::kRunning) return false;
  bool moved = active_ && poll_card(now);
  if (tap_) moved = read_tap(now) || moved;
  if (options_.frames != 0) moved = send_frames(now) || moved;
  return moved;
}

template <class Io>
bool AttachRunner<Io>::poll_card(Time now) {
  std::array<Packet, kBatch> packets;
  const std::uint32_t received = port_->rx_burst(kQueue, packets, now);
  for (std::uint32_t i = 0; i < received; ++i) {
    take(packets[i]);
    port_->release(packets[i]);
  }
  const std::uint32_t reaped = port_->tx_reap(kQueue, now);
  if (received != 0 || reaped != 0) return true;
  active_ = false;
  port_->rearm(kQueue);
  return false;
}

/// Handles one received packet: passes it to the interface, or compares it with what was sent.
template <class Io>
void AttachRunner<Io>::take(Packet& packet) {
  std::array<std::byte, kMaxFrameBytes> frame;
  std::size_t bytes = 0;
  for (std::uint32_t i = 0; i < packet.segment_count; ++i) {
    const Segment& s = packet.segments[i];
    const std::size_t count = std::min<std::size_t>(s.length, frame.size() - bytes);
    std::copy_n(port_->data(s), count, frame.data() + bytes);
    bytes += count;
  }
  const std::uint64_t number = counters_.received++;
  if (tap_ && tap_->write(std::span(frame).first(bytes)) != device::TapDevice::Sent::kYes)
    ++counters_.dropped;
  if (options_.frames == 0) return;
  const auto pattern = static_cast<std::byte>(number);
  if (bytes != options_.bytes || !std::all_of(frame.begin() + kHeader.size(),
                                              frame.begin() + static_cast<std::ptrdiff_t>(bytes),
                                              [&](std::byte b) { return b == pattern; })) {
    ++counters_.wrong;
  }
}

template <class Io>
bool AttachRunner<Io>::read_tap(Time now) {
  std::array<std::byte, kMaxFrameBytes + 64> frame;
  bool moved = false;
  for (std::uint32_t i = 0; i < kBatch; ++i) {
    if (!held_) {
      if (!readable_) return moved;
      const std::size_t bytes = tap_->read(frame);
      if (bytes == 0) {
        readable_ = false;
        return moved;
      }
      ++counters_.read;
      Packet packet;
      if (bytes > kMaxFrameBytes || !port_->allocate(packet, static_cast<std::uint32_t>(bytes))) {
        ++counters_.refused;
        continue;
      }
      const std::byte* from = frame.data();
      for (std::uint32_t s = 0; s < packet.segment_count; ++s) {
        std::copy_n(from, packet.segments[s].length, port_->data(packet.segments[s]));
        from += packet.segments[s].length;
      }
      held_ = packet;
    }
    if (port_->tx_burst(kQueue, std::span(&*held_, 1), now) == 0) return moved;
    held_.reset();
    ++counters_.sent;
    moved = true;
  }
  return moved;
}

template <class Io>
bool AttachRunner<Io>::fill(Packet& packet, std::uint64_t number) {
  if (!port_->allocate(packet, options_.bytes)) return false;
  for (std::uint32_t s = 0; s < packet.segment_count; ++s)
    std::fill_n(port_->data(packet.segments[s]), packet.segments[s].length,
                static_cast<std::byte>(number));
  std::copy_n(reinterpret_cast<const std::byte*>(kHeader.data()), kHeader.size(),
              port_->data(packet.segments[0]));
  return true;
}

template <class Io>
bool AttachRunner<Io>::send_frames(Time now) {
  if (!port_->link_up() || counters_.sent == options_.frames) return false;
  std::array<Packet, kBatch> packets;
  std::uint32_t ready = 0;
  while (ready < kBatch && counters_.sent + ready < options_.frames &&
         counters_.sent + ready < counters_.received + kUnderWay &&
         fill(packets[ready], counters_.sent + ready)) {
    ++ready;
  }
  const std::uint32_t taken = port_->tx_burst(kQueue, std::span(packets).first(ready), now);
  counters_.read += taken;
  counters_.sent += taken;
  while (ready > taken) port_->release(packets[--ready]);
  return taken != 0;
}

/// What is on its way arrives, or is counted as lost: a peer that goes on sending has no end.
template <class Io>
void AttachRunner<Io>::drain() {
  const Time end = monotonic_now() + kDrainPatience;
  const auto rest = [this] { return sum_queues(*port_).outstanding; };
  for (Time now = monotonic_now(); now < end && port_->state() == PortState::kRunning;
       now = monotonic_now()) {
    (void)io_->take_interrupts([&](Vector vector) { port_->interrupt(vector, now); });
    if (now >= port_->deadline()) port_->step(now);
    if (!poll_card(now) && rest() == 0) return;
  }
}

/// A further signal ends the wait.
template <class Io>
template <class Done>
void AttachRunner<Io>::step_until(Done done) {
  const Time end = monotonic_now() + kPatience;
  stop_ = false;
  stop_at_ = Time::max();
  for (Time now = monotonic_now(); now < end && !stop_ && !done(port_->state());
       now = monotonic_now()) {
    (void)io_->take_interrupts([&](Vector vector) { port_->interrupt(vector, now); });
    if (now >= port_->deadline()) port_->step(now);
    wait(now, false);
  }
}

/// Stops the port and takes the balance: no frame moves any more, and the card can still be read.
template <class Io>
void AttachRunner<Io>::stop() {
  if (held_) {
    ++counters_.held;
    port_->release(*held_);
  }
  port_->stop(monotonic_now());
  step_until([](PortState s) {
    return s == PortState::kReady || s == PortState::kGone || s == PortState::kFailed ||
           s == PortState::kDetached;
  });
  balance_ = attach_balance(*port_, counters_);
}

template <class Io>
void AttachRunner<Io>::detach() {
  port_->detach(monotonic_now());
  step_until([](PortState s) { return s == PortState::kDetached; });
}

template <class Io>
int AttachRunner<Io>::conclude() {
  const double seconds = std::chrono::duration<double>(monotonic_now() - started_).count();
  // Values of the card that the driver refused, by input site.
  nlohmann::json sites = nlohmann::json::object();
  std::string faults;
  for (const SiteInfo& site : kSites) {
    const std::uint64_t count = port_->refused()[static_cast<std::size_t>(site.id)];
    if (count == 0) continue;
    sites[std::string(site.name)] = count;
    faults += fmt::format("{}{} {}", faults.empty() ? "" : ", ", site.name, count);
  }
  const nlohmann::json j = {{"refused_input", sites},       {"seconds", seconds},
                            {"sent", counters_.sent},       {"received", counters_.received},
                            {"wrong", counters_.wrong},     {"refused", counters_.refused},
                            {"dropped", counters_.dropped}, {"balance", balance_.json()}};
  if (options_.json) {
    (void)log_.print(j.dump() + "\n");
  } else {
    std::string text = fmt::format(
        "{:.1f} s: {} frames sent, {} received, {} not as they were sent, {} dropped\n", seconds,
        counters_.sent, counters_.received, counters_.wrong,
        counters_.refused + counters_.dropped);
    text += balance_.text();
    if (!faults.empty()) text += fmt::format("refused values of the card: {}\n", faults);
    (void)log_.print(text);
  }
  const bool told = log_.finish(std::chrono::seconds(1)) || log_.error() == 0;
  const bool all = options_.frames == 0 || counters_.received >= options_.frames;
  return counters_.wrong == 0 && all && told && balance_.accounted() ? kExitDone : kExitFailed;
}

template class AttachRunner<io::VfioUser>;
template class AttachRunner<io::Vfio>;

}  // namespace hni::tools
