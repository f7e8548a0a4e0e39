// SPDX-License-Identifier: Apache-2.0
// A driver with a known sequence of events, for the tests of the probes and of the tracing tools.
// It runs in virtual time on an emulated card with fault injection; its observer fires the probes
// and records what it fired.
//   trace_workload all FILE        a port's life with each kind of event
//   trace_workload hold FILE       the same, then asks its tracer to end until it does
//   trace_workload broken FILE     three steps of a ring that break its invariant
//   trace_workload packets FILE N  N packets each way

#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "device/firmware.hpp"
#include "fuzz/worlds/sim_port.hpp"
#include "trace/probe_list.hpp"
#include "trace/usdt_observer.hpp"

namespace hni {
namespace {

using namespace std::chrono_literals;
using fuzz::NumberedFrames;
using fuzz::ValueClass;

constexpr std::uint32_t kPort = 3;
constexpr QueueId kQueue{0};

/// Fires the probe and writes a line "probe argument=value ..." in the format of `hni trace
/// events`.
class EchoObserver : public trace::UsdtObserver {
 public:
  explicit EchoObserver(std::FILE* to) : UsdtObserver(kPort), to_(to), port_(kPort) {}

#define HNI_PROBE(probe, function, parameters, arguments, names, when) \
  template <class... P>                                                \
  void function(P... p) {                                              \
    echo_##function(p...);                                             \
    UsdtObserver::function(p...);                                      \
  }                                                                    \
  void echo_##function parameters {                                    \
    write(#probe, HNI_FIRE_ARGS arguments);                            \
  }
#include "driver/core/probes.def"
#undef HNI_PROBE
  bool wants_receive_details() const {
    return true;
  }
  bool wants_completions() const {
    return true;
  }
  bool wants_sent_packets() const {
    return true;
  }

 private:
  static std::uint64_t number(const void* p) {
    return reinterpret_cast<std::uintptr_t>(p);
  }
  template <class T>
  requires std::is_integral_v<T>
  static std::uint64_t number(T value) {
    return value;
  }

  template <class... A>
  void write(const char* probe, A... values) {
    const std::array<std::uint64_t, sizeof...(A)> all{number(values)...};
    for (const trace::ProbeInfo& info : list_) {
      if (info.name != probe) continue;
      std::fprintf(to_, "%s", probe);
      for (std::size_t i = 0; i < all.size(); ++i)
        std::fprintf(to_, " %s=%" PRIu64, info.arguments[i].name.c_str(), all[i]);
      std::fprintf(to_, "\n");
    }
  }

  std::FILE* to_;
  std::uint32_t port_;
  std::vector<trace::ProbeInfo> list_ = trace::probe_list();
};

/// Marks frames as broken, like a card that detected an error on the wire.
class MarkingIo : public fuzz::FaultInjector<io::InProcess> {
 public:
  using FaultInjector::FaultInjector;
  std::uint64_t load64(Site site, const std::uint64_t* word) {
    const std::uint64_t value = FaultInjector::load64(site, word);
    const bool metadata = site == Site::kRcqWord && (value >> 61 & 3) == 3;
    return metadata ? value | marks : value;
  }
  std::uint64_t marks = 0;  ///< error bits for each RCD_META
};

class World {
 public:
  using Io = MarkingIo;

  explicit World(std::FILE* to)
      : card_(device::CardConfig{}, wire_), io_(card_.io), observer_(to), port_(io_, observer_) {}

  void start() {
    PortConfig config;
    config.mac = NumberedFrames::kHost;
    config.queue = {.tx_ring = 64, .rx_ring = 64, .header_ring = 64, .payload_ring = 64};
    config.spare_fragments = 96;
    must(port_.attach(config, now_).has_value(), "attach");
    port_.start(now_);
    until([&] { return port_.state() == PortState::kRunning && port_.link_up(); }, "start");
  }
  void stop() {
    port_.stop(now_);
    until([&] { return port_.state() == PortState::kReady; }, "stop");
    port_.detach(now_);
    until([&] { return port_.state() == PortState::kDetached; }, "detach");
  }

  void turn(Duration step = 10us) {
    card_.card.tick(static_cast<std::uint64_t>(now_.count()));
    while (card_.card.run(256)) {
    }
    card_.vectors.take([&](Vector v) { port_.interrupt(v, now_); });
    if (now_ >= port_.deadline()) port_.step(now_);
    now_ += step;
  }

  bool send(std::size_t bytes) {
    Packet packet;
    if (!port_.allocate(packet, static_cast<std::uint32_t>(bytes))) return false;
    const auto frame = NumberedFrames::make(sent_, bytes, false, scratch_);
    std::memcpy(port_.data(packet.segments[0]), frame.data(), bytes);
    if (port_.tx_burst(kQueue, std::span(&packet, 1), now_) == 0) {
      port_.release(packet);
      return false;
    }
    ++sent_;
    return true;
  }
  std::uint32_t receive(bool keep = false) {
    std::array<Packet, 8> packets;
    const std::uint32_t n = port_.rx_burst(kQueue, packets, now_);
    for (std::uint32_t i = 0; i < n; ++i) {
      if (keep) {
        kept_.push_back(packets[i]);
      } else {
        port_.release(packets[i]);
      }
    }
    received_ += n;
    return n;
  }

  void traffic(std::uint32_t packets) {
    const std::uint32_t sent = sent_ + packets;
    const std::uint64_t received = received_ + packets;
    std::uint32_t number = 0;
    for (int n = 0; n < 1'000'000 && (sent_ < sent || received_ < received); ++n) {
      if (sent_ < sent) (void)send(60 + sent_ % 1000);
      if (number < packets) wire_.waiting.push_back({number++, 60 + number % 1000});
      turn();
      (void)receive();
      (void)port_.tx_reap(kQueue, now_);
      port_.rearm(kQueue);
    }
    must(sent_ == sent && received_ == received, "traffic");
  }

  /// The ring fills up while the card does not run, and then drains.
  void stall() {
    while (send(60)) {
    }
    turn();
    (void)port_.tx_reap(kQueue, now_);
  }
  void invalid_packet() {
    const Packet nothing;
    must(port_.tx_burst(kQueue, std::span(&nothing, 1), now_) == 1, "an invalid packet is taken");
  }
  /// The application holds received packets until a refill finds no free page.
  void starve() {
    for (std::uint32_t n = 0; n < 200; ++n) {
      wire_.waiting.push_back({n, 3000});
      turn();
      (void)receive(true);
    }
    until([&] { return port_.recoveries().starvation_kicks == 1; }, "starvation kick", 1ms);
    for (Packet& p : kept_) port_.release(p);
    kept_.clear();
    wire_.waiting.clear();
    for (int n = 0; n < 50; ++n) {
      turn();
      (void)receive();
    }
  }
  /// A transmit completion refers to a descriptor that was never posted.
  void inject_head_fault() {
    turn();
    (void)port_.tx_reap(kQueue, now_);
    // Stale completions of the previous lap are read and modified, too.
    io_.order(Site::kTcdHead, ValueClass::kMax, 8, 0);
    must(send(60), "send");
    turn();
    (void)port_.tx_reap(kQueue, now_);
    io_.behave();
    must(port_.recoveries().queue_resets == 1, "the fault resets the queue");
    until([&] { return port_.pair(kQueue).state() == PairState::kRunning; }, "queue reset");
  }
  /// One frame that the MAC marked as bad, and one that is truncated.
  void broken_frames() {
    for (const std::uint64_t mark : {spec::RCD_META{}.set_ERR_MAC_EOP(1).raw,
                                     spec::RCD_META{}.set_ERR_TRUNCATED_FRAME(1).raw}) {
      io_.marks = mark;
      wire_.waiting.push_back({0, 60});
      turn();
      must(receive() == 0, "a broken frame is dropped");
    }
    io_.marks = 0;
  }
  /// A receive completion with a length of 0.
  void inject_length_fault() {
    io_.order(Site::kRcdHeaderLength, ValueClass::kZero, 1, 0);
    wire_.waiting.push_back({0, 60});
    turn();
    must(receive() == 0 && port_.recoveries().queue_resets == 2, "the fault resets the queue");
    io_.behave();
    until([&] { return port_.pair(kQueue).state() == PairState::kRunning; }, "queue reset");
  }
  /// The wire applies back-pressure for too long.
  void hang() {
    wire_.takes = false;
    must(send(60), "send");
    until([&] { return port_.recoveries().tx_hangs == 1; }, "transmit hang", 1ms);
    wire_.takes = true;
    until([&] { return port_.pair(kQueue).state() == PairState::kRunning; }, "queue reset");
    must(port_.recoveries().queue_resets == 3, "a hang resets the queue");
  }
  /// The firmware stops responding until the port resets the card.
  void silence() {
    card_.card.firmware().faults().silent = true;
    until([&] { return port_.recoveries().card_resets == 1; }, "card reset", 1ms);
    card_.card.firmware().faults().silent = false;
    must(port_.recoveries().firmware_crashes == 1, "silence counts as a crash");
    until([&] { return port_.state() == PortState::kRunning && port_.link_up(); }, "recovery");
  }
  void unplug() {
    wire_.plugged = false;
    until([&] { return !port_.link_up(); }, "link down");
    wire_.plugged = true;
    until([&] { return port_.link_up(); }, "link up");
  }
  void pass(Duration time) {
    for (const Time end = now_ + time; now_ < end;) turn(1ms);
  }

 private:
  static void must(bool good, const char* what) {
    if (good) return;
    std::fprintf(stderr, "trace_workload: %s\n", what);
    std::exit(1);
  }
  template <class Done>
  void until(Done&& done, const char* what, Duration step = 100us) {
    for (int n = 0; n < 100'000 && !done(); ++n) turn(step);
    must(done(), what);
  }

  fuzz::PeerWire wire_;
  io::InProcessCard card_;
  Io io_;
  EchoObserver observer_;
  Port<Io, EchoObserver> port_;
  Time now_{1s};
  std::uint32_t sent_ = 0;
  std::uint64_t received_ = 0;
  std::vector<Packet> kept_;
  std::vector<std::byte> scratch_;
};

void all(World& world) {
  world.start();
  world.traffic(101);
  world.stall();
  world.invalid_packet();
  world.starve();
  world.inject_head_fault();
  world.broken_frames();
  world.inject_length_fault();
  world.hang();
  world.silence();
  world.unplug();
  world.pass(2s);
  world.traffic(13);
  world.stop();
}

/// Ring steps that our driver never makes, so that the monitor has violations to report.
void broken(std::FILE* to) {
  EchoObserver observer(to);
  observer.ring_posted(kQueue, RingKind::kTwq0, 0U, 4U, 63U);
  observer.ring_completed(kQueue, RingKind::kTwq0, 0U, 2U, 63U);
  observer.ring_posted(kQueue, RingKind::kTwq0, 5U, 2U, 63U);     // a slot was left out
  observer.ring_completed(kQueue, RingKind::kTwq0, 2U, 9U, 63U);  // more than was posted
  // a ring size is a power of two, never 63
  observer.ring_posted(kQueue, RingKind::kTwq0, 7U, 1U, 62U);
}

/// The tracer has a buffer per processor; on a single processor it prints events in order.
void stay_on_this_processor() {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<unsigned>(::sched_getcpu()), &one);
  (void)::sched_setaffinity(0, sizeof one, &one);
}

/// True while SIGINT ends the process in an orderly way; afterwards SIGINT kills it.
bool catches_interrupts(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("SigCgt:"))
      return (std::strtoull(line.c_str() + 7, nullptr, 16) >> (SIGINT - 1) & 1) != 0;
  }
  return false;
}

/// Sends SIGINT to the tracer until it exits, as one signal can be lost. This process exits with
/// it.
int end_tracer() {
  const pid_t tracer = ::getppid();
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (int asked = 0; asked < 30; ++asked) {
    if (::getppid() != tracer) return 0;
    if (catches_interrupts(tracer)) (void)::kill(tracer, SIGINT);
    (void)::sleep(1);
  }
  (void)::kill(tracer, SIGKILL);
  return 1;
}

int run(int argc, char** argv) {
  if (argc < 3) return 2;
  stay_on_this_processor();
  const std::string what = argv[1];
  std::FILE* const to = std::fopen(argv[2], "w");
  if (to == nullptr) return 2;
  if (what == "broken") {
    broken(to);
  } else {
    World world(to);
    if (what == "all" || what == "hold") {
      all(world);
    } else {
      world.start();
      world.traffic(static_cast<std::uint32_t>(std::atoi(argv[argc - 1])));
      world.stop();
    }
  }
  if (std::fclose(to) != 0) return 1;
  return what == "hold" ? end_tracer() : 0;
}

}  // namespace
}  // namespace hni

int main(int argc, char** argv) {
  return hni::run(argc, argv);
}
