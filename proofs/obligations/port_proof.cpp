// SPDX-License-Identifier: Apache-2.0
// Port, from attach to detach, including every recovery: it calls its parts only as their own
// proofs assume. From each reachable state each call runs with all possible results of its parts,
// and with each stored point of time either passed or in the future; successor states are explored
// in the same way until no new state is found. The result therefore holds for runs of any length.
#include "proofs/obligations/port_world.hpp"

#include <deque>
#include <tuple>

#include "proofs/prover/harness.hpp"
#include "tests/support/private_member.hpp"

namespace hni::proofs {
namespace {

using AnyPort = Port<PortIo, NullObserver>;
}  // namespace

HNI_PRIVATE_MEMBER(StateOf, &AnyPort::state_);
HNI_PRIVATE_MEMBER(WantedOf, &AnyPort::admin_up_);
HNI_PRIVATE_MEMBER(ServiceOf, &AnyPort::next_service_);
HNI_PRIVATE_MEMBER(LookOf, &AnyPort::next_quiesce_look_);
HNI_PRIVATE_MEMBER(ResetOf, &AnyPort::reset_not_before_);

namespace {

enum class Action : std::uint8_t {
  kAttach,
  kStart,
  kStop,
  kDetach,
  kStep,
  kMailboxFires,
  kLinkFires,
  kQueueFires,
  kReceive,
  kSend,
  kSendPlain,
  kReap,
  kRearm,
  kTimestamp,
  kDestroy,  ///< the destructor runs, in any state
  kCount,
};

/// All state that determines what a port does next. Omitted are tables, settings and counters,
/// which do not influence control flow, and points of time and parts, which are arbitrary here.
struct State {
  PortState port = PortState::kDetached;
  bool wanted = false;
  bool gone = false;
  std::vector<PairState> pairs;
  FirmwareState firmware = FirmwareState::kDown;

  friend auto operator<=>(const State&, const State&) = default;
};

class Search {
 public:
  explicit Search(std::uint32_t queues) {
    config_.mac = {2, 0, 0, 0, 0, 1};
    config_.queues = queues;
    config_.queue.tx_ring = config_.queue.rx_ring = kMinRingSize;
    config_.queue.header_ring = config_.queue.payload_ring = kMinRingSize;
    world = &here_;
  }
  ~Search() {
    forget();
    world = nullptr;
  }

  std::size_t calls = 0;
  std::vector<std::string> examples;  ///< states and calls in which a rule was first violated
  std::set<State> states;
  bool quiet = true;     ///< queues run only while the port runs
  bool returned = true;  ///< exactly the detached port owns no memory

  [[nodiscard]] const std::set<std::string>& broken() const { return here_.broken; }

  void run() {
    std::deque<State> open{State{}};
    states.insert(State{});
    while (!open.empty()) {
      const State from = open.front();
      open.pop_front();
      for (std::uint8_t action = 0; action < static_cast<std::uint8_t>(Action::kCount); ++action) {
        here_.choices = {};
        do {
          enter(from);
          const std::size_t rules = here_.broken.size();
          take(Action{action});
          ++calls;
          if (here_.broken.size() != rules) examples.push_back(describe(from, Action{action}));
          if (Action{action} == Action::kDestroy) continue;
          const State now = leave();
          judge(now);
          if (states.insert(now).second) open.push_back(now);
        } while (here_.choices.advance());
      }
    }
  }

  /// Creates a port in that state; from then on the results of its parts are arbitrary and its
  /// calls are checked.
  AnyPort& enter(const State& from) {
    forget();
    AnyPort& port = port_.emplace(io_);
    if (from.port != PortState::kDetached) (void)port.attach(config_, {});
    port.*member(StateOf{}) = from.port;
    port.*member(WantedOf{}) = from.wanted;
    here_.pairs = from.pairs;
    here_.firmware = from.firmware;
    here_.vanished = from.gone;
    if (from.gone) port.device().flush();
    here_.asking = here_.judging = true;
    for (Time AnyPort::*const time : {member(ServiceOf{}), member(LookOf{}), member(ResetOf{})})
      port.*time = here_.flip() ? Time{} : Time::max();
    return port;
  }

 private:
  static constexpr Time kNow = std::chrono::hours(1);

  void forget() {
    here_.asking = here_.judging = false;
    port_.reset();
    here_.pairs.clear();
    here_.vanished = false;
    here_.firmware = FirmwareState::kDown;
    here_.dma_spans = 0;
  }

  void take(Action action) {
    AnyPort& port = *port_;
    const QueueId last{static_cast<std::uint16_t>(config_.queues - 1)};
    std::array<Packet, 1> packets;
    switch (action) {
      case Action::kAttach:
        return static_cast<void>(port.attach(config_, kNow));
      case Action::kStart:
        return port.start(kNow);
      case Action::kStop:
        return port.stop(kNow);
      case Action::kDetach:
        return port.detach(kNow);
      case Action::kStep:
        return port.step(kNow);
      case Action::kMailboxFires:
        return port.interrupt(Vector{0}, kNow);
      case Action::kLinkFires:
        return port.interrupt(Vector{1}, kNow);
      case Action::kQueueFires:
        return port.interrupt(Vector{2}, kNow);
      case Action::kReceive:
        return static_cast<void>(port.rx_burst(last, packets, kNow));
      case Action::kSend:
        return static_cast<void>(port.tx_burst(last, packets, kNow));
      case Action::kSendPlain:
        return static_cast<void>(port.tx_burst_plain(last, packets, kNow));
      case Action::kReap:
        return static_cast<void>(port.tx_reap(last, kNow));
      case Action::kRearm:
        return port.rearm(last);
      case Action::kTimestamp:
        return static_cast<void>(port.next_timestamp(last));
      case Action::kDestroy:
        return port_.reset();
      case Action::kCount:
        return;
    }
  }

  State leave() {
    AnyPort& port = *port_;
    if (port.queues() == 0) here_.pairs.clear();
    return {port.state(), port.*member(WantedOf{}), port.device().gone(), here_.pairs,
            here_.firmware};
  }

  static std::string describe(const State& from, Action action) {
    std::string text = std::string("in ") + to_string(from.port) +
                       (from.wanted ? ", wanted" : "") + (from.gone ? ", gone" : "") +
                       ", firmware " + std::to_string(static_cast<int>(from.firmware)) + ", pairs";
    for (const PairState pair : from.pairs) text += " " + std::to_string(static_cast<int>(pair));
    return text + ": call " + std::to_string(static_cast<int>(action));
  }

  void judge(const State& now) {
    quiet = quiet && (!here_.runs() || now.port == PortState::kRunning);
    const bool holds = here_.dma_spans != 0 && !now.pairs.empty();
    const bool none = here_.dma_spans == 0 && now.pairs.empty();
    returned = returned && (now.port == PortState::kDetached ? none : holds);
  }

  World here_;
  PortIo io_;
  PortConfig config_;
  std::optional<AnyPort> port_;
};

}  // namespace

HNI_PROVE(actions_of_the_port,
          "In every state that any sequence of calls and of responses of card and firmware "
          "reaches, with one queue pair and with two: queues are enabled only when they are "
          "disabled and DMA is enabled, DMA is disabled only after the queues were disabled, "
          "memory is reclaimed only from queues that are disabled or whose DMA is disabled, the "
          "card is set up only while all queues are disabled, and the port itself writes only "
          "interrupt registers and the drop control of the MAC (S4, I4).") {
  must_cover("detached", "bring-up", "ready", "ownership", "running", "stopping", "resetting",
             "detaching", "gone", "failed", "stuck");
  for (const std::uint32_t queues : {1U, 2U}) {
    Search search(queues);
    search.run();
    for (const State& state : search.states) {
      cover(to_string(state.port));
      if (is_among(state.pairs, PairState::kStuck)) cover("stuck");
    }
    searched(search.states.size(), "states");
    note(std::to_string(search.calls) + " calls");
    for (const std::string& rule : search.broken()) note(rule);
    for (const std::string& example : search.examples) note(example);
    conclude("S4", "the port keeps all rules", search.broken().empty());
    conclude("S4", "queues run only in a port that runs", search.quiet);
    conclude("I4", "a detached port, and no other, holds no memory", search.returned);
  }
}

HNI_REFUTE(
    gates_shut_under_queues_that_run, "S4",
    "Known mistake: the firmware conversation is stopped, which disables DMA, while queues run.") {
  Search search(1);
  AnyPort& port = search.enter({.port = PortState::kRunning,
                                .wanted = true,
                                .pairs = {PairState::kRunning},
                                .firmware = FirmwareState::kReady});
  port.firmware().abandon();
  conclude("S4", "the port keeps all rules", search.broken().empty());
}

HNI_REFUTE(
    memory_taken_back_from_a_queue_that_drains, "S4",
    "Known mistake: buffers of a disabled queue are reclaimed before the card reported idle.") {
  Search search(1);
  AnyPort& port = search.enter({.port = PortState::kStopping,
                                .pairs = {PairState::kQuiescing},
                                .firmware = FirmwareState::kReady});
  QueuePair<PortIo, NullObserver> pair(port.device(), const_cast<FragmentPool&>(port.pool()));
  pair.reclaim();
  conclude("S4", "the port keeps all rules", search.broken().empty());
}

}  // namespace hni::proofs
