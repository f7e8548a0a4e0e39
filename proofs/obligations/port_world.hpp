// SPDX-License-Identifier: Apache-2.0
// The environment of Port: each part is replaced by one that shows any behaviour allowed by the
// part's contract (contracts.hpp; queue pairs: actions_of_a_queue_pair) and checks the port's
// calls. Port itself is the unchanged production code.
#pragma once

#include <array>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "driver/port.hpp"
#include "proofs/obligations/contracts.hpp"
#include "proofs/prover/choices.hpp"

namespace hni::proofs {
// Each proof that includes this file has its own copy.
namespace {

/// The state of all parts, and the checks.
struct World {
  Choices choices;
  bool asking = false;    ///< false: each choice returns its first alternative
  bool judging = false;   ///< what happens counts
  bool vanished = false;  ///< the card returns all ones from now on
  std::vector<PairState> pairs;
  FirmwareState firmware = FirmwareState::kDown;
  bool restarts = true;  ///< the last result of recovery_restarts_mailbox()
  int dma_spans = 0;     ///< that the port holds
  std::set<std::string> broken;

  unsigned pick(unsigned count) { return asking ? choices.pick(count) : 0; }
  bool flip() { return pick(2) != 0; }
  void demand(bool holds, const char* rule) {
    if (judging && !holds) broken.insert(rule);
  }
  [[nodiscard]] bool runs() const { return count(PairState::kRunning) != 0; }
  [[nodiscard]] bool all_off() const { return count(PairState::kOff) == pairs.size(); }
  [[nodiscard]] std::size_t count(PairState state) const {
    return static_cast<std::size_t>(std::count(pairs.begin(), pairs.end(), state));
  }
};
World* world = nullptr;

constexpr const char* kGateRule = "no DMA gate is shut while a queue is enabled";
constexpr const char* kMemoryRule =
    "memory is taken back only from queues that are off, or switched off and cut off from memory";

/// The card: it may be removed at each read, and each part reads it (flush()). Port itself writes
/// interrupt registers and the drop control of the MAC; its parts write everything else.
struct PortIo {
  std::uint32_t read32(Site site, RegAddr) {
    world->vanished = world->vanished || world->flip();
    if (world->vanished) return kAllOnes;
    // A queue that is enabled, or was disabled by a reset of the card.
    return site == Site::kQueueCtl && world->flip() ? kAllOnes >> 1 : 0;
  }
  void write32(RegAddr reg, std::uint32_t) {
    const bool interrupts =
        reg.bar == Bar::kBar0 && reg.byte_offset < spec::QM_TWQ_IDLE::kByteOffset;
    world->demand(interrupts || reg == spec::TMI_DROP_CTRL::at(),
                  "the port writes only interrupt registers and the drop at the MAC");
  }
  std::uint64_t load64(Site, const std::uint64_t* word) { return *word; }
  void store64(std::uint64_t* word, std::uint64_t v) { *word = v; }
  void copy_in(Site, std::byte*, const std::byte*, std::size_t) {}
  std::optional<DmaSpan> dma_alloc(std::size_t bytes) {
    if (world->flip()) return std::nullopt;
    static std::vector<std::byte> memory;
    if (memory.size() < bytes) memory.resize(bytes);
    ++world->dma_spans;
    return DmaSpan{memory.data(), DmaAddr{0x100000}, bytes};
  }
  void dma_free(DmaSpan) {
    --world->dma_spans;
    world->demand(world->all_off() && !gates_open(world->firmware), kMemoryRule);
  }
};
using PortDoor = CheckedIo<PortIo, NullObserver>;

/// A request to firmware or a table that may fail.
inline Result<> any_result() {
  if (world->flip()) return fail(ErrorCode::kMailboxFull);
  return {};
}

}  // namespace
}  // namespace hni::proofs

namespace hni {

template <>
class Setup<proofs::PortIo, NullObserver> {
 public:
  explicit Setup(proofs::PortDoor& device) : device_(&device) {}
  Result<> program(const PcieLimits&) {
    proofs::world->demand(proofs::world->all_off(),
                          "the card is set up only while all queues are off");
    device_->flush();
    if (device_->gone()) return fail(ErrorCode::kCardGone);
    return {};
  }

 private:
  proofs::PortDoor* device_;
};

/// Stands in for the link. No other part uses the registers of the link (actions_of_the_rest), and
/// the port only reports and counts its results.
template <>
class Link<proofs::PortIo, NullObserver> {
 public:
  explicit Link(proofs::PortDoor& device) : device_(&device) {}
  void configure(const LinkConfig&) {}
  template <class OnUp>
  Result<LinkEvent> start(Time, spec::FW_LINK_SPEED, spec::FW_LINK_FEC, OnUp&& on_up) {
    device_->flush();
    on_up(true);
    return LinkEvent::kUp;
  }
  template <class OnUp>
  LinkEvent interrupt(Time, OnUp&& on_up) {
    device_->flush();
    on_up(false);
    return LinkEvent::kDown;
  }
  template <class OnUp>
  LinkEvent step(Time, OnUp&& on_up) {
    device_->flush();
    on_up(true);
    return LinkEvent::kUp;
  }
  void stop() { device_->flush(); }
  [[nodiscard]] bool up() const { return proofs::world->flip(); }
  [[nodiscard]] bool tx_pause_on() const { return false; }
  [[nodiscard]] std::uint32_t speed_mbps() const { return 0; }
  [[nodiscard]] Time deadline() const { return {}; }

 private:
  proofs::PortDoor* device_;
};

template <>
class RxFilter<proofs::PortIo, NullObserver> {
 public:
  explicit RxFilter(proofs::PortDoor& device) : device_(&device) {}
  void forget() {}
  void start() { device_->flush(); }
  void stop() { device_->flush(); }
  void reprogram() {}
  void rewrite_rules() { device_->flush(); }
  Result<> set_mac(const MacAddress&) { return {}; }
  Result<> set_queue_count(std::uint32_t) { return {}; }
  Result<> set_bmc(const BmcConfig&) { return proofs::any_result(); }
  [[nodiscard]] RxTimestamps timestamps() const { return {}; }
  std::optional<AddressReport> take_address_report() { return AddressReport{}; }

 private:
  proofs::PortDoor* device_;
};

template <>
class Clock<proofs::PortIo, NullObserver> {
 public:
  explicit Clock(proofs::PortDoor& device) : device_(&device) {}
  std::uint64_t setup(Time) {
    device_->flush();
    return proofs::world->flip() ? 1000 : 0;
  }
  void keep(Time) { device_->flush(); }
  void start(Time) { device_->flush(); }
  void stop() {}
  void step(Time) { device_->flush(); }
  [[nodiscard]] std::uint64_t time_of(const Untrusted<std::uint64_t>&) const { return 0; }

 private:
  proofs::PortDoor* device_;
};

template <>
class Statistics<proofs::PortIo, NullObserver> {
 public:
  explicit Statistics(proofs::PortDoor&) {}
  void snapshot() {}
  void step(Time) {}
  [[nodiscard]] const CounterValues& values() const { return values_; }

 private:
  CounterValues values_{};
};

/// Any behaviour that firmware_moves() allows.
template <>
class FirmwareClient<proofs::PortIo, NullObserver> {
 public:
  using State = FirmwareState;
  using Call = proofs::Call;

  explicit FirmwareClient(proofs::PortDoor& device) : device_(&device) {}
  Result<> allocate() { return proofs::any_result(); }
  void release() { proofs::world->demand(!proofs::gates_open(state()), proofs::kMemoryRule); }
  void configure(const FirmwareOptions&) {}
  Result<> start(Time) {
    if (!failed() && !down()) return fail(ErrorCode::kRequestPending);
    move(Call::kStart);
    if (state() != State::kWaitMailbox) return fail(ErrorCode::kCardGone);
    return {};
  }
  void step(Time) { move(Call::kStep); }
  void interrupt(Time) { move(Call::kInterrupt); }
  Result<> take_ownership(bool, Time) { return proofs::any_result(); }
  Result<> recover(Time) {
    move(Call::kRecover, proofs::world->restarts);
    return proofs::any_result();
  }
  [[nodiscard]] bool recovery_restarts_mailbox() const {
    return proofs::world->restarts = proofs::world->flip();
  }
  void stop(Time) { move(Call::kShutdown); }
  void abandon() { move(Call::kAbort); }
  Result<> send_mac_sync(const MacSync&, Time) { return {}; }

  [[nodiscard]] State state() const { return proofs::world->firmware; }
  [[nodiscard]] Error error() const { return {}; }
  [[nodiscard]] bool ready() const { return state() == State::kReady; }
  [[nodiscard]] bool failed() const { return state() == State::kFailed; }
  [[nodiscard]] bool down() const { return state() == State::kDown; }
  [[nodiscard]] bool owned() const { return ready() && proofs::world->flip(); }
  [[nodiscard]] bool crashed() const { return proofs::world->flip(); }
  [[nodiscard]] CrashCause crash_cause() const { return {}; }
  /// Returns a new generation each time.
  [[nodiscard]] const Capabilities& capabilities() const {
    capabilities_.link_speed = spec::FW_LINK_SPEED{proofs::world->pick(2)};
    ++capabilities_.generation;
    return capabilities_;
  }
  [[nodiscard]] Time deadline() const { return {}; }
  [[nodiscard]] bool is_valid() const { return true; }

 private:
  void move(Call call, bool restarts = true) {
    device_->flush();  // the card may be removed during each call
    const State from = state();
    const auto moves = proofs::firmware_moves(call, from, device_->gone(), restarts);
    const State to = moves[proofs::world->pick(static_cast<unsigned>(moves.size()))];
    if (proofs::gates_open(from) && !proofs::gates_open(to) && !device_->gone())
      proofs::world->demand(!proofs::world->runs(), proofs::kGateRule);
    proofs::world->firmware = to;
  }

  proofs::PortDoor* device_;
  mutable Capabilities capabilities_;
};

/// The four states, and the assumptions of QueuePair's proofs about its owner.
template <>
class QueuePair<proofs::PortIo, NullObserver> {
 public:
  static constexpr Duration kIdlePoll = std::chrono::microseconds(50);

  struct Tx {
    bool faulted() const { return proofs::world->flip(); }
    std::uint32_t poll(std::uint32_t) { return 0; }
    std::uint32_t burst(std::span<const Packet>) { return 0; }
    std::uint32_t burst_plain(std::span<const Packet>) { return 0; }
    void trace_sent(RingKind, std::span<const Packet>) {}
    std::optional<TxTimestamp> next_timestamp() { return std::nullopt; }
  } tx;
  struct Rx {
    bool faulted() const { return proofs::world->flip(); }
    bool starving() const { return proofs::world->flip(); }
    std::uint32_t poll(std::span<Packet>) { return 0; }
    void refill() {}
    void repeat_doorbells() {}
  } rx;

  QueuePair(proofs::PortDoor& device, FragmentPool&) : device_(&device) {}
  Result<> allocate(QueueId queue, Vector vector, const QueueConfig&) {
    queue_ = queue;
    vector_ = vector;
    proofs::world->pairs.push_back(PairState::kOff);
    return proofs::any_result();
  }
  void release() { demand(state() == PairState::kOff, proofs::kMemoryRule); }
  void enable() {
    demand(state() == PairState::kOff, "a queue is enabled only when it is off");
    demand(device_->gone() || proofs::gates_open(proofs::world->firmware),
           "a queue is enabled only while the card may reach memory");
    go(PairState::kRunning);
  }
  void fill() { demand(state() == PairState::kRunning, "only a queue that runs gets buffers"); }
  void set_wait_for_buffers(bool) {}
  void disable(Time) {
    if (state() == PairState::kRunning) go(PairState::kQuiescing);
  }
  void step_quiesce(Time, bool& discard) {
    if (state() != PairState::kQuiescing) return;
    device_->flush();
    const unsigned outcome = proofs::world->pick(4);
    discard = discard || outcome == 1;
    if (outcome >= 2) go(outcome == 2 ? PairState::kOff : PairState::kStuck);
  }
  void reclaim() {
    const bool cut_off = !proofs::gates_open(proofs::world->firmware);
    demand(state() == PairState::kOff || device_->gone() ||
               (state() != PairState::kRunning && cut_off),
           proofs::kMemoryRule);
    go(PairState::kOff);
  }
  bool tx_hung(Time) { return proofs::world->flip(); }
  bool hung_again() { return proofs::world->flip(); }
  bool rx_stalled(std::uint64_t) { return proofs::world->flip(); }
  [[nodiscard]] PairState state() const { return proofs::world->pairs[raw(queue_)]; }
  [[nodiscard]] Vector vector() const { return vector_; }
  [[nodiscard]] QueueId queue() const { return queue_; }
  [[nodiscard]] bool is_valid() const { return true; }

 private:
  void go(PairState to) { proofs::world->pairs[raw(queue_)] = to; }
  static void demand(bool holds, const char* rule) { proofs::world->demand(holds, rule); }

  proofs::PortDoor* device_;
  QueueId queue_{};
  Vector vector_{};
};

}  // namespace hni
