// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Port: one fbnic as a packet program uses it.
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
/// clock. It is used by one thread at a time. Faults of the device are counted, reported to the
/// observer and handled: a queue that faulted is reset, a device that does not respond is reset as
/// a whole, and every buffer is accounted for.

#include <memory>
#include <optional>
#include <span>

#include "driver/control/clock.hpp"
#include "driver/control/statistics.hpp"
#include "driver/filter/rx_filter.hpp"
#include "driver/firmware/firmware_client.hpp"
#include "driver/port_config.hpp"

namespace hni {

/// A port of one device.
template <DeviceIo Io, class Obs = NullObserver>
class Port {
 public:
  using D = CheckedIo<Io, Obs>;     ///< registers and DMA memory of the device
  using Pair = QueuePair<Io, Obs>;  ///< a transmit and a receive queue

  /// interval of the housekeeping in step()
  static constexpr Duration kServicePeriod = std::chrono::seconds(1);
  /// Pause between device resets; doubled per reset up to kLongestBackoff, so that a device that
  /// always fails costs little.
  static constexpr Duration kFirstBackoff = std::chrono::milliseconds(100);
  /// longest pause between device resets
  static constexpr Duration kLongestBackoff = std::chrono::seconds(10);
  static constexpr std::uint32_t kFirstQueueVector = 2;  ///< vector of queue pair 0

  /// Creates a detached port without an observer.
  /// @param io device access; must outlive the port
  template <class O = Obs>
  requires std::same_as<O, NullObserver>
  explicit Port(Io& io) : Port(io, own_observer_) {}
  /// Creates a detached port.
  /// @param io device access; must outlive the port
  /// @param observer receives the trace calls; must outlive the port
  Port(Io& io, Obs& observer)
      : device_(io, observer),
        irq_(device_),
        setup_(device_),
        link_(device_),
        filter_(device_),
        firmware_(device_),
        clock_(device_),
        statistics_(device_) {}
  /// Not copyable: the device holds addresses of its memory.
  Port(const Port&) = delete;
  /// Not copyable.
  Port& operator=(const Port&) = delete;
  /// Frees all memory. If the port is still attached, its DMA is disabled without draining the
  /// queues.
  ~Port() { release_all(); }

  // ---- Life cycle

  /// Checks `config`, allocates everything that the port will ever use, and starts the bring-up.
  /// Nothing stays allocated on an error. Requires kDetached.
  /// @param config settings; copied
  /// @param now current time
  /// @return kRequestPending if attached already, an error that names the invalid setting,
  ///     kNoMemory, or kCardGone
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

  /// Requests kRunning; takes effect once the firmware grants ownership. Also restarts a failed
  /// port.
  /// @param now current time
  void start(Time now) {
    admin_up_ = true;
    if (state_ == PortState::kFailed) enter_reset(now, error_.code);
  }

  /// Stops all queues. Uncompleted packets are dropped and counted. Enters kReady when the queues
  /// are idle.
  /// @param now current time
  void stop(Time now) {
    admin_up_ = false;
    if (state_ == PortState::kRunning || state_ == PortState::kOwnership) {
      quiesce(now);
      go(PortState::kStopping, now);
    }
  }

  /// Shuts everything down. state() becomes kDetached after further steps; immediately if the
  /// device was removed.
  /// @param now current time
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

  /// Performs the work that is due: firmware messages, link, recovery and, once per second,
  /// housekeeping. Bounded work per call.
  /// @param now current time
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

  /// Handles an interrupt. For queue vectors it only notifies the observer: the application polls
  /// the queue and then calls rearm().
  /// @param vector vector that fired
  /// @param now current time
  void interrupt(Vector vector, Time now) {
    if (state_ == PortState::kDetached || state_ == PortState::kGone) return;
    device_.obs.interrupt(vector);
    if (raw(vector) == 0) firmware_.interrupt(now);
    if (raw(vector) == 1 && state_ == PortState::kRunning) {
      on_link(link_.interrupt(now, drop_mode_follows_pause()));
    }
    step(now);
  }

  /// Returns when step() is due although no interrupt fires.
  /// @return driver time; Time::max() for never
  [[nodiscard]] Time deadline() const {
    switch (state_) {
      case PortState::kDetached:
      case PortState::kGone:
      case PortState::kFailed:
        return Time::max();
      case PortState::kReady:
        // start() was called on a port that has nothing else to wait for: due now.
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

  // ---- Packets. `queue` is 0 .. queues() - 1; other values yield 0 packets.

  /// Receives up to out.size() packets. The application owns their references until it sends or
  /// releases them. Resets the queue if a completion was malformed.
  /// @param queue queue pair
  /// @param out filled from the front
  /// @param now current time
  /// @return number received; 0 unless running
  std::uint32_t rx_burst(QueueId queue, std::span<Packet> out, Time now) {
    Pair* pair = running_pair(queue);
    if (pair == nullptr) return 0;
    const std::uint32_t n = pair->rx.poll(out);
    if (pair->rx.faulted()) [[unlikely]]
      reset_queue(*pair, now);
    if (filter_.timestamps() != RxTimestamps{}) extend_timestamps(out.first(n));
    return n;
  }

  /// Sends packets, after a reap. Accepted packets' references belong to the port.
  /// @param queue queue pair
  /// @param packets packets to send
  /// @param now current time
  /// @return number accepted, from the front
  std::uint32_t tx_burst(QueueId queue, std::span<const Packet> packets, Time now) {
    Pair* pair = running_pair(queue);
    if (pair == nullptr) return 0;
    (void)tx_reap(queue, now);
    if (pair->state() != PairState::kRunning) return 0;
    const std::uint32_t n = pair->tx.burst(packets);
    if (device_.obs.wants_sent_packets()) pair->tx.trace_sent(RingKind::kTwq0, packets.first(n));
    return n;
  }

  /// Sends packets on the plain ring: no offloads, lowest cost per frame. Otherwise as tx_burst();
  /// requires QueueConfig::plain_ring.
  /// @param queue queue pair
  /// @param packets packets to send
  /// @param now current time
  /// @return number accepted, from the front
  std::uint32_t tx_burst_plain(QueueId queue, std::span<const Packet> packets, Time now) {
    Pair* pair = running_pair(queue);
    if (pair == nullptr || !config_.queue.plain_ring) return 0;
    (void)tx_reap(queue, now);
    if (pair->state() != PairState::kRunning) return 0;
    const std::uint32_t n = pair->tx.burst_plain(packets);
    if (device_.obs.wants_sent_packets()) pair->tx.trace_sent(RingKind::kTwq1, packets.first(n));
    return n;
  }

  /// Processes transmit completions and frees their buffers; tx_burst() does so too.
  /// @param queue queue pair
  /// @param now current time
  /// @return number of completions
  std::uint32_t tx_reap(QueueId queue, Time now) {
    Pair* pair = running_pair(queue);
    if (pair == nullptr) return 0;
    const std::uint32_t n = pair->tx.poll(kReapBudget);
    if (pair->tx.faulted()) [[unlikely]]
      reset_queue(*pair, now);
    return n;
  }

  /// Unmasks the queue's vector. Call after a poll that found no more work.
  /// @param queue queue pair
  void rearm(QueueId queue) {
    if (Pair* pair = running_pair(queue)) irq_.rearm(pair->vector());
  }

  /// Fetches the oldest transmit timestamp.
  /// @param queue queue pair
  /// @return nullopt if there is none
  std::optional<TxTimestamp> next_timestamp(QueueId queue) {
    if (raw(queue) >= queues()) return std::nullopt;
    auto stamp = own_pair(queue).tx.next_timestamp();
    if (stamp) stamp->time_ns = clock_.time_of(Untrusted(stamp->time_ns));
    return stamp;
  }

  /// Allocates a packet in fresh fragments, for the application to fill.
  /// @param packet set to the packet
  /// @param bytes length: 1 .. kMaxSegments fragments
  /// @return false if the pool has too few pages or `bytes` is out of range
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

  /// Drops the packet's references. After detach() the packet memory no longer exists, and only
  /// the packet is cleared.
  /// @param packet cleared
  void release(Packet& packet) {
    if (packet_memory_.cpu != nullptr) pool_.put(packet);
    packet.segment_count = 0;
    packet.length = 0;
  }

  /// Returns the bytes of a segment.
  /// @param segment part of a packet of this port
  /// @return pointer to segment.length bytes
  [[nodiscard]] std::byte* data(const Segment& segment) const { return pool_.data(segment); }

  // ---- State

  /// @return state of the life cycle
  [[nodiscard]] PortState state() const { return state_; }
  /// @return why the port is in kFailed, or why it was reset last
  [[nodiscard]] Error error() const { return error_; }
  /// Fetches the oldest event.
  /// @return nullopt if there is none
  std::optional<PortEvent> next_event() { return events_.pop(); }
  /// @return true while the link is up
  [[nodiscard]] bool link_up() const { return link_.up(); }
  /// @return number of queue pairs; 0 when detached
  [[nodiscard]] std::uint32_t queues() const { return pair_count_; }
  /// @return the settings given to attach()
  [[nodiscard]] const PortConfig& config() const { return config_; }
  /// Gives read access to a queue pair.
  /// @param queue 0 .. queues() - 1
  /// @return the pair
  [[nodiscard]] const Pair& pair(QueueId queue) const { return *pairs_[raw(queue)]; }
  /// @return the packet memory
  [[nodiscard]] const FragmentPool& pool() const { return pool_; }
  /// @return counts of recoveries
  [[nodiscard]] const RecoveryCounters& recoveries() const { return recoveries_; }
  /// @return number of refused values per input site
  [[nodiscard]] const auto& refused() const { return device_.refused(); }
  /// @return the checked device access
  [[nodiscard]] D& device() { return device_; }
  /// @return the firmware client
  [[nodiscard]] FirmwareClient<Io, Obs>& firmware() { return firmware_; }
  /// @return the link control
  [[nodiscard]] Link<Io, Obs>& link() { return link_; }
  /// @return the receive filter
  [[nodiscard]] RxFilter<Io, Obs>& filter() { return filter_; }
  /// @return the clock
  [[nodiscard]] Clock<Io, Obs>& clock() { return clock_; }
  /// @return the hardware counters
  [[nodiscard]] Statistics<Io, Obs>& statistics() { return statistics_; }
  /// @return true if the invariants of all rings and of the mailbox hold
  [[nodiscard]] bool is_valid() const {
    for (std::uint32_t i = 0; i < pair_count_; ++i) {
      if (!pairs_[i]->is_valid()) return false;
    }
    return firmware_.is_valid();
  }

 private:
  // Defined in port_life.hpp, in life cycle order.
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
  [[nodiscard]] BmcConfig bmc_config() const;
  void step_running(Time now);
  void housekeeping(Time now);
  [[nodiscard]] bool was_reset();
  [[nodiscard]] std::uint64_t undelivered(std::uint32_t queue) const;
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

  /// Extends the 40-bit timestamps of descriptors to the port's clock.
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
  bool bmc_waits_ = false;  ///< its entries did not fit
};

}  // namespace hni

#include "driver/port_life.hpp"
