// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Port: one fbnic as a packet program sees it.
///
///     io::InProcess io(card, dma);          // or another DeviceIo
///     Port port(io);
///     port.attach(config, now);
///     port.start(now);
///     for (;;) {
///       port.interrupt(vector, now);        // for each vector that fired; or never, when polling
///       if (now >= port.deadline()) port.step(now);
///       n = port.rx_burst(queue, packets, now);
///       m = port.tx_burst(queue, packets.first(n), now);
///     }
///     port.detach(now);                     // step() until state() is kDetached
///
/// The port is a state machine: no call blocks, none allocates after attach(), and none reads a
/// clock. It is used by one thread at a time. What the card does wrong is counted, told to the
/// observer, and answered: a queue that broke a rule is reset, a card that does not follow is
/// reset as a whole, and every buffer is accounted for.

#include <memory>
#include <optional>
#include <span>

#include "driver/control/clock.hpp"
#include "driver/control/statistics.hpp"
#include "driver/filter/rx_filter.hpp"
#include "driver/firmware/firmware_client.hpp"
#include "driver/port_config.hpp"

namespace hni {

template <DeviceIo Io, class Obs = NullObserver>
class Port {
 public:
  using D = CheckedIo<Io, Obs>;
  using Pair = QueuePair<Io, Obs>;

  static constexpr Duration kServicePeriod = std::chrono::seconds(1);
  /// Between card resets, doubled each time up to the longest, so that a card that always fails
  /// costs little.
  static constexpr Duration kFirstBackoff = std::chrono::milliseconds(100);
  static constexpr Duration kLongestBackoff = std::chrono::seconds(10);
  static constexpr std::uint32_t kFirstQueueVector = 2;

  template <class O = Obs>
  requires std::same_as<O, NullObserver>
  explicit Port(Io& io) : Port(io, own_observer_) {}
  /// Both outlive the port.
  Port(Io& io, Obs& observer)
      : device_(io, observer),
        irq_(device_),
        setup_(device_),
        link_(device_),
        filter_(device_),
        firmware_(device_),
        clock_(device_),
        statistics_(device_) {}
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;
  /// Gives all memory back. A port that was not detached first is cut off from its memory, not
  /// drained.
  ~Port() { release_all(); }

  // ---- Life

  /// Checks `config`, allocates everything that the port will ever use, and begins to bring the
  /// card up. On an error nothing is left allocated.
  Result<> attach(const PortConfig& config, Time now) {
    if (state_ != PortState::kDetached) return fail(ErrorCode::kRequestPending);
    if (auto r = check(config); !r) return r;
    config_ = config;
    error_ = {};
    device_.revive();
    Result<> result = allocate();
    if (result) result = bring_up(now);
    if (!result) {
      error_ = result.error();
      release_all();
    }
    return result;
  }

  /// Wants the port to run; it will as soon as the firmware agrees. Also the way out of kFailed.
  void start(Time now) {
    admin_up_ = true;
    if (state_ == PortState::kFailed) enter_reset(now, error_.code);
  }

  /// Wants the queues off; packets that the card did not confirm are dropped and counted.
  void stop(Time now) {
    admin_up_ = false;
    if (state_ == PortState::kRunning || state_ == PortState::kOwnership) {
      quiesce(now);
      go(PortState::kStopping, now);
    }
  }

  /// Ends everything; state() becomes kDetached after some steps, at once if the card is gone.
  void detach(Time now) {
    admin_up_ = false;
    if (state_ == PortState::kDetached) return;
    if (state_ != PortState::kGone && device_.gone()) on_surprise_removal(now);
    if (state_ == PortState::kGone) {
      release_all();
      go(PortState::kDetached, now);
      return;
    }
    quiesce(now);
    firmware_.stop(now);
    go(PortState::kDetaching, now);
    step(now);
  }

  /// Does what is due: firmware messages, link, once a second the housekeeping, recovery. Bounded
  /// work.
  void step(Time now) {
    if (state_ == PortState::kDetached || state_ == PortState::kGone) return;
    if (device_.gone()) return on_surprise_removal(now);
    firmware_.step(now);
    switch (state_) {
      case PortState::kBringUp:
        step_bring_up(now);
        break;
      case PortState::kReady:
        if (admin_up_) take_over(now);
        break;
      case PortState::kOwnership:
        step_ownership(now);
        break;
      case PortState::kRunning:
        step_running(now);
        break;
      case PortState::kStopping:
        step_stopping(now);
        break;
      case PortState::kResetting:
      case PortState::kDetaching:
        step_closing(now);
        break;
      case PortState::kDetached:
      case PortState::kGone:
      case PortState::kFailed:
        break;
    }
    if (device_.gone()) on_surprise_removal(now);
  }

  /// A vector fired. Queue vectors only tell the observer: the application polls its queue and
  /// then rearms it.
  void interrupt(Vector vector, Time now) {
    if (state_ == PortState::kDetached || state_ == PortState::kGone) return;
    device_.obs.interrupt(vector);
    if (raw(vector) == 0) firmware_.interrupt(now);
    if (raw(vector) == 1 && state_ == PortState::kRunning) {
      on_link(link_.interrupt(now, drop_mode_follows_pause()));
    }
    step(now);
  }

  /// When step() wants to be called even if nothing happens; Time::max() for never.
  [[nodiscard]] Time deadline() const {
    switch (state_) {
      case PortState::kDetached:
      case PortState::kGone:
      case PortState::kFailed:
        return Time::max();
      case PortState::kReady:
        // start() on a port that waits for nothing: at once.
        return admin_up_ ? Time{} : firmware_.deadline();
      case PortState::kRunning:
        return std::min(
            {firmware_.deadline(), link_.deadline(), next_service_, next_quiesce_look_});
      case PortState::kStopping:
      case PortState::kResetting:
      case PortState::kDetaching:
        return std::min(firmware_.deadline(), next_quiesce_look_);
      default:
        return firmware_.deadline();
    }
  }

  // ---- Packets. `queue` is 0 .. queues() - 1; out of range gives 0 packets.

  /// Receives up to out.size() packets. The application holds their fragments until it sends or
  /// releases them.
  std::uint32_t rx_burst(QueueId queue, std::span<Packet> out, Time now) {
    Pair* pair = running_pair(queue);
    if (pair == nullptr) return 0;
    const std::uint32_t n = pair->rx.poll(out);
    if (pair->rx.faulted()) [[unlikely]]
      reset_queue(*pair, now);
    if (filter_.timestamps() != RxTimestamps{}) extend_timestamps(out.first(n));
    return n;
  }

  /// Sends packets; how many were taken, from the front. PollResult packets' fragments are no longer
  /// the application's.
  std::uint32_t tx_burst(QueueId queue, std::span<const Packet> packets, Time now) {
    Pair* pair = running_pair(queue);
    if (pair == nullptr) return 0;
    (void)tx_reap(queue, now);
    if (pair->state() != PairState::kRunning) return 0;
    const std::uint32_t n = pair->tx.burst(packets);
    if (device_.obs.wants_sent_packets()) pair->tx.trace_sent(RingKind::kTwq0, packets.first(n));
    return n;
  }

  /// As tx_burst() on the plain ring (QueueConfig::plain_ring): no offloads, cheapest per frame.
  std::uint32_t tx_burst_plain(QueueId queue, std::span<const Packet> packets, Time now) {
    Pair* pair = running_pair(queue);
    if (pair == nullptr || !config_.queue.plain_ring) return 0;
    (void)tx_reap(queue, now);
    if (pair->state() != PairState::kRunning) return 0;
    const std::uint32_t n = pair->tx.burst_plain(packets);
    if (device_.obs.wants_sent_packets()) pair->tx.trace_sent(RingKind::kTwq1, packets.first(n));
    return n;
  }

  /// Takes back what the card has sent; how many completions. tx_burst() does it too.
  std::uint32_t tx_reap(QueueId queue, Time now) {
    Pair* pair = running_pair(queue);
    if (pair == nullptr) return 0;
    const std::uint32_t n = pair->tx.poll(kReapBudget);
    if (pair->tx.faulted()) [[unlikely]]
      reset_queue(*pair, now);
    return n;
  }

  /// Lets the queue's vector fire again, after a poll that found nothing more to do.
  void rearm(QueueId queue) {
    if (Pair* pair = running_pair(queue)) irq_.rearm(pair->vector());
  }

  /// The transmit times that came in since the last call, oldest first.
  std::optional<TxTimestamp> next_timestamp(QueueId queue) {
    if (raw(queue) >= queues()) return std::nullopt;
    auto stamp = own_pair(queue).tx.next_timestamp();
    if (stamp) stamp->time_ns = clock_.time_of(Untrusted(stamp->time_ns));
    return stamp;
  }

  /// A packet of `bytes` in fresh fragments, for the application to fill. False if the pool has
  /// not enough of them, or bytes is 0 or more than kMaxSegments fragments.
  bool allocate(Packet& packet, std::uint32_t bytes) {
    packet.segment_count = 0;
    packet.length = 0;
    packet.rx = RxInfo{};
    packet.tx = TxOffload{};
    if (bytes == 0 || bytes > kMaxSegments * kFragmentBytes) return false;
    while (packet.length < bytes) {
      const auto fragment = pool_.take();
      if (!fragment) {
        release(packet);
        return false;
      }
      const std::uint32_t length = std::min(bytes - packet.length, kFragmentBytes);
      packet.segments[packet.segment_count++] = {*fragment, 0, static_cast<std::uint16_t>(length)};
      packet.length += length;
    }
    return true;
  }

  /// Gives a packet's fragments back. After detach() there is nothing to give back to.
  void release(Packet& packet) {
    if (packet_memory_.cpu != nullptr) pool_.put(packet);
    packet.segment_count = 0;
    packet.length = 0;
  }

  [[nodiscard]] std::byte* data(const Segment& segment) const { return pool_.data(segment); }

  // ---- What there is to know

  [[nodiscard]] PortState state() const { return state_; }
  /// Why the port is in kFailed, or was reset last.
  [[nodiscard]] Error error() const { return error_; }
  std::optional<PortEvent> next_event() { return events_.pop(); }
  [[nodiscard]] bool link_up() const { return link_.up(); }
  [[nodiscard]] std::uint32_t queues() const { return pair_count_; }
  [[nodiscard]] const PortConfig& config() const { return config_; }
  [[nodiscard]] const Pair& pair(QueueId queue) const { return *pairs_[raw(queue)]; }
  [[nodiscard]] const FragmentPool& pool() const { return pool_; }
  [[nodiscard]] const RecoveryCounters& recoveries() const { return recoveries_; }
  [[nodiscard]] const auto& refused() const { return device_.refused(); }
  [[nodiscard]] D& device() { return device_; }
  [[nodiscard]] FirmwareClient<Io, Obs>& firmware() { return firmware_; }
  [[nodiscard]] Link<Io, Obs>& link() { return link_; }
  [[nodiscard]] RxFilter<Io, Obs>& filter() { return filter_; }
  [[nodiscard]] Clock<Io, Obs>& clock() { return clock_; }
  [[nodiscard]] Statistics<Io, Obs>& statistics() { return statistics_; }
  /// Every ring and the mailbox keep their invariant.
  [[nodiscard]] bool is_valid() const {
    for (std::uint32_t i = 0; i < pair_count_; ++i) {
      if (!pairs_[i]->is_valid()) return false;
    }
    return firmware_.is_valid();
  }

 private:
  // Defined in port_life.hpp, in the order of a port's life.
  static Result<> check(const PortConfig& config);
  Result<> allocate();
  void release_all();
  Result<> bring_up(Time now);
  void step_bring_up(Time now);
  void take_over(Time now);
  void step_ownership(Time now);
  void start_queues(Time now);
  void configure_filter();
  void follow_capabilities();
  void step_running(Time now);
  void housekeeping(Time now);
  void watch_firmware(Time now);
  void on_link(LinkEvent event);
  void reset_queue(Pair& pair, Time now);
  void step_queue_resets(Time now);
  void quiesce(Time now);
  bool all_off(Time now);
  void step_stopping(Time now);
  void enter_reset(Time now, ErrorCode why);
  void step_closing(Time now);
  void fail_port(Error why, Time now);
  void on_surprise_removal(Time now);
  void go(PortState to, Time now);
  void tell(PortEventKind kind, std::uint32_t value = 0);
  auto drop_mode_follows_pause() {
    return [this](bool tx_pause) {
      for (std::uint32_t i = 0; i < pair_count_; ++i)
        pairs_[i]->set_wait_for_buffers(tx_pause || pair_count_ == 1);
    };
  }

  static constexpr std::uint32_t kReapBudget = 64;

  /// From the 40 bits of a descriptor to the port's clock.
  void extend_timestamps(std::span<Packet> packets) const {
    for (Packet& packet : packets) {
      if (!packet.rx.has_timestamp) continue;
      packet.rx.timestamp_ns = clock_.time_of(Untrusted(packet.rx.timestamp_ns));
    }
  }

  Pair& own_pair(QueueId queue) { return *pairs_[raw(queue)]; }
  Pair* running_pair(QueueId queue) {
    if (raw(queue) >= pair_count_) return nullptr;
    Pair& p = own_pair(queue);
    return p.state() == PairState::kRunning ? &p : nullptr;
  }

  [[no_unique_address]] NullObserver own_observer_;
  D device_;
  Interrupts<Io, Obs> irq_;
  Setup<Io, Obs> setup_;
  Link<Io, Obs> link_;
  RxFilter<Io, Obs> filter_;
  FirmwareClient<Io, Obs> firmware_;
  Clock<Io, Obs> clock_;
  Statistics<Io, Obs> statistics_;
  FragmentPool pool_;
  DmaSpan packet_memory_;
  std::unique_ptr<std::optional<Pair>[]> pairs_;
  std::uint32_t pair_count_ = 0;

  PortConfig config_;
  PortState state_ = PortState::kDetached;
  bool admin_up_ = false;
  Error error_;
  EventQueue events_;
  RecoveryCounters recoveries_;
  Time next_service_ = Time::max();
  Time next_quiesce_look_ = Time::max();
  Time reset_not_before_{};
  Duration backoff_ = kFirstBackoff;
  std::uint32_t capability_generation_ = 0;
};

}  // namespace hni

#include "driver/port_life.hpp"
