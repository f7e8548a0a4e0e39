// SPDX-License-Identifier: Apache-2.0
#include "tools/hni/runner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdio>

#include "tools/hni/signals.hpp"
#include "tools/hni/text_view.hpp"

namespace hni::tools {
namespace {

constexpr Duration kReportPeriod = std::chrono::seconds(1);
/// Approximate cost of sleeping and waking: shorter waits are spent spinning.
constexpr Duration kShortestSleep = std::chrono::microseconds(60);
constexpr Duration kBringUpPatience = std::chrono::seconds(15);
constexpr Duration kDrainPatience = std::chrono::seconds(2);
constexpr Duration kStopPatience = std::chrono::seconds(15);

std::uint64_t drops_total(const Json& direction) {
  std::uint64_t sum = 0;
  for (const char* kind : {"tx_drops", "rx_drops"}) {
    for (const auto& [reason, count] : direction[kind].items()) sum += count.get<std::uint64_t>();
  }
  return sum;
}

}  // namespace

Outcome<int> Runner::run() {
  if (auto r = set_up(); !r) return tl::unexpected(r.error());
  if (options_.hold) wait_held();
  if (stop_) return kExitDone;
  started_ = monotonic_now();
  if (auto r = bring_up(); !r) return tl::unexpected(r.error());
  if (!stop_) {
    if (auto r = start_command(); !r) return tl::unexpected(r.error());
    if (auto r = loop(); !r) return tl::unexpected(r.error());
  }
  command_.stop();
  if (auto r = drain(); !r) return tl::unexpected(r.error());
  return conclude();
}

// ---- The loop

/// Waits for `hni port go` or a signal.
void Runner::wait_held() {
  testbed_->hold();
  if (!options_.quiet) {
    if (options_.json) {
      out_.print(Json{{"event", "held"}, {"pid", ::getpid()}}.dump() + "\n");
    } else {
      out_.print(fmt::format("held: hni port go --pid {}\n", ::getpid()));
    }
    (void)out_.flush();
  }
  while (testbed_->held() && !stop_) {
    const Time now = monotonic_now();
    for (const Poller::Event& event : poller_->wait(std::chrono::seconds(1))) handle(event, now);
    if (control_) control_->step(now);
    (void)out_.flush();
  }
}

Outcome<> Runner::bring_up() {
  const Time begin = monotonic_now();
  if (auto r = testbed_->start(begin); !r) return r;
  if (auto r = step_until(
          kBringUpPatience, [this] { return stop_ || testbed_->up(); },
          "the links did not come up");
      !r) {
    return r;
  }
  const Time now = monotonic_now();
  announce(now - begin);
  for (unsigned i = 0; i < 2; ++i)
    testbed_->side(i).retry([this](const std::string& line) { tell(line); });
  started_ = last_report_ = now;
  next_report_ = now + kReportPeriod;
  if (options_.duration_s > 0)
    stop_at_ =
        now + std::chrono::duration_cast<Time>(std::chrono::duration<double>(options_.duration_s));
  return {};
}

Outcome<> Runner::step_until(Duration limit, const std::function<bool()>& done, const char* what) {
  const Time end = monotonic_now() + limit;
  for (;;) {
    const Time now = monotonic_now();
    const bool busy = testbed_->turn(now);
    if (done()) return {};
    if (auto why = testbed_->broken()) return problem(*why);
    if (now >= end) return problem(what);
    wait(now, busy);
  }
}

Outcome<> Runner::loop() {
  for (;;) {
    const Time now = monotonic_now();
    const bool busy = testbed_->turn(now);
    tick(now);
    if (!keep_going(now)) return {};
    wait(now, busy);
  }
}

bool Runner::keep_going(Time now) {
  if (auto why = testbed_->broken()) {
    failure_ = *why;
    return false;
  }
  if (failure_ || stop_ || now >= stop_at_) return false;
  if (mode_ == Mode::kInterfaces) return true;
  return !(testbed_->side(0).end()->finished() && testbed_->side(1).end()->finished());
}

void Runner::wait(Time now, bool busy) {
  Duration longest = Duration::zero();
  if (!busy) {
    const Time next = std::min({testbed_->deadline(), stop_at_, next_report_});
    longest = std::clamp<Duration>(next - now, Duration::zero(), kLongestSleep);
    if (longest < kShortestSleep) longest = Duration::zero();
    if ((control_ && control_->waiting()) || out_.waiting())
      longest = std::min<Duration>(longest, std::chrono::milliseconds(10));
  }
  for (const Poller::Event& event : poller_->wait(longest)) handle(event, now);
}

void Runner::handle(const Poller::Event& event, Time now) {
  if (event.token == kSignalToken) return read_signals();
  if (ControlServer::owns(event.token)) return control_->handle(event, now);
  if (event.token >= kNoticeToken) {
    const auto side = static_cast<unsigned>(event.token - kNoticeToken);
    taps_[side]->take_changes();
    static_cast<TapEndpoint*>(testbed_->side(side).end())->follow_interface();
    return;
  }
  const auto at = static_cast<unsigned>(event.token - kQueueToken);
  testbed_->side(at / 0x1000).end()->wake(QueueId{static_cast<std::uint16_t>(at % 0x1000)});
}

void Runner::read_signals() {
  while (const auto info = next_signal(signals_)) {
    if (info->ssi_signo == SIGCHLD) {
      reap_command();
    } else {
      signal_ = static_cast<int>(info->ssi_signo);
      stop_ = true;
    }
  }
}

void Runner::tick(Time now) {
  if (control_) control_->step(now);
  if (out_.waiting()) (void)out_.flush();
  if (now < next_report_) return;
  next_report_ = now + kReportPeriod;
  if (auto r = testbed_->write_capture(); !r) failure_ = r.error().text;
  if (!options_.quiet) report(now);
}

/// Writes one line about an event of the run.
void Runner::tell(const std::string& line) {
  out_.print(options_.json ? Json{{"event", line}}.dump() + "\n" : line + "\n");
  screen_.forget();
}

void Runner::report(Time now) {
  const double seconds = std::chrono::duration<double>(now - last_report_).count();
  last_report_ = now;
  std::vector<Json> ports;
  for (unsigned i = 0; i < 2; ++i) {
    ports.push_back(live_json(*testbed_, i, last_[i], seconds));
    last_[i] = totals_of(*testbed_, i);
  }
  const double elapsed = std::chrono::duration<double>(now - started_).count();
  if (options_.json) {
    out_.print(Json{{"time_s", elapsed}, {"ports", ports}}.dump() + "\n");
  } else {
    // On a terminal the figures stay in their place; elsewhere each second is a line.
    const std::string text = screen_.is_terminal()
                                 ? fmt::format("{:.0f} s\n{}", elapsed, live_table(ports))
                                 : fmt::format("{:.0f} s{}\n", elapsed, live_line(ports));
    // A reader that does not read loses lines but does not delay the cards.
    LiveScreen next = screen_;
    if (out_.print(next.redraw(text))) screen_ = next;
  }
  (void)out_.flush();
}

// ---- Shutdown

/// Waits until everything that was read has arrived.
Outcome<> Runner::drain() {
  for (unsigned i = 0; i < 2; ++i) testbed_->side(i).end()->stop_reading();
  if (testbed_->broken()) return {};
  stop_at_ = next_report_ = Time::max();
  // Packets that do not arrive in time are counted as dropped when the ports stop. The second pass
  // handles queues that wait for a moderated interrupt.
  for (int time = 0; time < 2; ++time) {
    (void)step_until(
        kDrainPatience, [this] { return testbed_->quiet(); }, "packets are still in flight");
    if (time == 0)
      for (unsigned i = 0; i < 2; ++i) testbed_->side(i).look_everywhere();
  }
  return {};
}

void Runner::note_broken_file() {
  if (mode_ != Mode::kReplay || failure_) return;
  const auto* replay = static_cast<const ReplayEnd*>(testbed_->side(0).end());
  if (!replay->reader()->broken().empty()) failure_ = "--replay: " + replay->reader()->broken();
}

Outcome<int> Runner::conclude() {
  note_broken_file();
  std::vector<Balance> balances;
  if (testbed_->quiet()) balances = buffer_balances(*testbed_);
  for (unsigned i = 0; i < 2; ++i) {
    testbed_->side(i).end()->release();
    testbed_->side(i).stop(monotonic_now());
  }
  const auto all = [this](auto&& holds) {
    return holds(testbed_->side(0).port()) && holds(testbed_->side(1).port());
  };
  // A port that was removed or failed has nothing to stop.
  (void)step_until(
      kStopPatience,
      [&] {
        return all([](CardPort& p) {
          return p.state() == PortState::kReady || p.state() == PortState::kFailed;
        });
      },
      "the queues did not stop");
  for (Balance& b : packet_balances(*testbed_)) balances.push_back(std::move(b));
  for (unsigned i = 0; i < 2; ++i) {
    const CardPort& port = testbed_->side(i).port();
    balances.push_back(
        {fmt::format("{}: buffers = free, after the stop", testbed_->side(i).name()),
         port.pool().page_count(), port.pool().free_pages()});
  }
  const bool accounted =
      std::all_of(balances.begin(), balances.end(), [](const Balance& b) { return b.holds(); });
  print_summary(balances, accounted);
  for (unsigned i = 0; i < 2; ++i) testbed_->side(i).port().detach(monotonic_now());
  (void)step_until(
      kStopPatience,
      [&] { return all([](CardPort& p) { return p.state() == PortState::kDetached; }); },
      "the ports did not detach");
  if (auto r = testbed_->flush_capture(); !r) return tl::unexpected(r.error());
  if (auto r = finish_output(); !r) return tl::unexpected(r.error());
  if (failure_) return problem(*failure_);
  if (command_status_ != 0)
    return problem(fmt::format("--exec: the command ended with status {}", command_status_),
                   command_status_);
  const std::uint64_t corrupt =
      testbed_->side(0).end()->counters().corrupt + testbed_->side(1).end()->counters().corrupt;
  return accounted && corrupt == 0 ? kExitDone : kExitFailed;
}

void Runner::print_summary(const std::vector<Balance>& balances, bool accounted) {
  const double elapsed = std::chrono::duration<double>(monotonic_now() - started_).count();
  Json directions = Json::array();
  for (unsigned i = 0; i < 2; ++i) {
    Node& from = testbed_->side(i);
    Node& to = testbed_->side(i ^ 1);
    const EndCounters& above = from.end()->counters();
    const EndCounters& below = to.end()->counters();
    directions.push_back({{"from", from.name()},
                          {"to", to.name()},
                          {"read", above.read},
                          {"sent", above.sent},
                          {"frames", testbed_->cable().counters(i).frames},
                          {"frame_bytes", testbed_->cable().counters(i).bytes},
                          {"delivered", below.written},
                          {"tx_drops", drops_json(transmit_drops(*testbed_, i))},
                          {"rx_drops", drops_json(receive_drops(*testbed_, i ^ 1))},
                          {"corrupt", below.corrupt},
                          {"reordered", below.reordered}});
  }
  device::PcapLeftOut left_out;
  if (mode_ == Mode::kReplay)
    left_out = static_cast<const ReplayEnd*>(testbed_->side(0).end())->reader()->left_out();
  if (options_.json) {
    out_.print(Json{{"summary",
                     {{"seconds", elapsed},
                      {"replay_left_out",
                       {{"cut", left_out.cut},
                        {"undersized", left_out.undersized},
                        {"oversized", left_out.oversized}}},
                      {"directions", directions},
                      {"balances", balances_json(balances)},
                      {"accounted", accounted}}}}
                   .dump() +
               "\n");
    return;
  }
  std::string text = fmt::format("\n{:.1f} s\n", elapsed);
  for (const Json& d : directions) {
    text += fmt::format(
        "{} -> {}: {} packets read, {} sent, {} frames ({}B) on the cable, {} delivered, {} "
        "dropped\n",
        d["from"].get<std::string>(), d["to"].get<std::string>(), d["read"].dump(),
        d["sent"].dump(), d["frames"].dump(), with_unit(d["frame_bytes"].get<double>()),
        d["delivered"].dump(), drops_total(d));
    for (const char* kind : {"tx_drops", "rx_drops"}) {
      for (const auto& [reason, count] : d[kind].items())
        text += fmt::format("  {} dropped: {}\n", count.dump(), reason);
    }
    if (mode_ == Mode::kGenerator)
      text += fmt::format("  {} corrupted, {} out of order\n", d["corrupt"].dump(),
                          d["reordered"].dump());
  }
  if (left_out.total() != 0) text += left_out.text() + "\n";
  for (const Balance& b : balances) {
    if (!b.holds())
      text += fmt::format("accounting mismatch: {}: {} and {}\n", b.what, b.left, b.right);
  }
  out_.print(text + fmt::format("accounted: {}\n", accounted ? "yes" : "no"));
}

/// Writes the remaining output, for at most ten seconds if the reader is slow. A signal reduces the
/// limit to one second, a second signal ends the wait.
Outcome<> Runner::finish_output() {
  const Duration patience = std::chrono::seconds(signal_ != 0 ? 1 : 10);
  const Time end = monotonic_now() + patience;
  stop_ = false;
  while (!out_.flush() && out_.error() == 0 && monotonic_now() < end && !stop_) {
    const Time now = monotonic_now();
    for (const Poller::Event& event : poller_->wait(std::chrono::milliseconds(20))) {
      if (event.token == kSignalToken || ControlServer::owns(event.token)) handle(event, now);
    }
  }
  if (out_.error() == EPIPE) return {};  // `| head -1`
  if (out_.error() != 0) return system_problem("standard output", out_.error());
  if (out_.waiting()) return problem("standard output: the summary was not read");
  return {};
}

}  // namespace hni::tools
