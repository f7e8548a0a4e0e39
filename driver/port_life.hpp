// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Life cycle of a Port, from attach to detach, in that order; included by port.hpp.

#include "driver/port.hpp"

namespace hni {

// ---- Attach

template <DeviceIo Io, class Obs>
Result<> Port<Io, Obs>::check(const PortConfig& c) {
  if (c.queues == 0 || c.queues > kMaxQueues) return fail(ErrorCode::kBadQueueCount, c.queues);
  for (const std::uint32_t size :
       {c.queue.tx_ring, c.queue.rx_ring, c.queue.header_ring, c.queue.payload_ring}) {
    if (!is_ring_size(size)) return fail(ErrorCode::kBadRingSize, size);
  }
  if (c.mtu < 1280 || c.mtu > 9728) return fail(ErrorCode::kBadMtu, c.mtu);
  if (c.queue.max_header < 256 || c.queue.max_header > 3584) {
    return fail(ErrorCode::kBadArgument, c.queue.max_header);
  }
  if (!c.moderation.is_valid()) return fail(ErrorCode::kBadArgument, c.moderation.rx_us);
  if (c.page_shift > FragmentPool::kMaxPageShift)
    return fail(ErrorCode::kBadArgument, c.page_shift);
  if (is_multicast(c.mac) || c.mac == kZeroMac) return fail(ErrorCode::kBadArgument, c.mac[0]);
  return {};
}

template <DeviceIo Io, class Obs>
Result<> Port<Io, Obs>::allocate() {
  const QueueConfig& q = config_.queue;
  const std::uint64_t spare = config_.spare_fragments != 0
                                  ? config_.spare_fragments
                                  : std::uint64_t{config_.queues} * q.tx_ring / 2;
  const std::uint64_t lent = std::uint64_t{config_.queues} * (q.header_ring + q.payload_ring);
  const std::uint64_t page = 1ULL << config_.page_shift;
  const std::uint64_t fragments = (spare + lent + page - 1) / page * page;
  const auto memory = device_.io.dma_alloc(fragments * kFragmentBytes);
  if (!memory) return fail(ErrorCode::kNoMemory, fragments * kFragmentBytes);
  packet_memory_ = *memory;
  if (auto r = pool_.init(packet_memory_, config_.page_shift); !r) return r;
  if (auto r = firmware_.allocate(); !r) return r;
  pairs_.reset(new (std::nothrow) std::optional<Pair>[config_.queues]);
  if (!pairs_) return fail(ErrorCode::kNoMemory, config_.queues * sizeof(Pair));
  link_.configure(config_.link);
  firmware_.configure({.relaxed_ordering = config_.pcie.relaxed_ordering});
  filter_.forget();
  if (auto r = filter_.set_mac(config_.mac); !r) return r;
  if (auto r = filter_.set_queue_count(config_.queues); !r) return r;
  for (std::uint32_t i = 0; i < config_.queues; ++i) {
    Pair& pair = pairs_[i].emplace(device_, pool_);
    pair_count_ = i + 1;
    QueueConfig queue = q;
    queue.frames_per_interrupt = config_.moderation.rx_frames;
    const Vector vector{static_cast<std::uint16_t>(kFirstQueueVector + i)};
    if (auto r = pair.allocate(QueueId{static_cast<std::uint16_t>(i)}, vector, queue); !r)
      return r;
  }
  return {};
}

template <DeviceIo Io, class Obs>
void Port<Io, Obs>::release_all() {
  // A port that was not detached: disable the queues before the mailbox, which disables DMA.
  for (std::uint32_t i = 0; i < pair_count_; ++i) pairs_[i]->disable(Time{});
  // The device must not access freed memory: dma_free() revokes its access first.
  firmware_.abandon();
  firmware_.release();
  for (std::uint32_t i = 0; i < pair_count_; ++i) {
    pairs_[i]->reclaim();
    pairs_[i]->release();
  }
  pairs_.reset();
  pair_count_ = 0;
  pool_ = FragmentPool{};
  if (packet_memory_.cpu != nullptr) device_.io.dma_free(packet_memory_);
  packet_memory_ = {};
}

template <DeviceIo Io, class Obs>
Result<> Port<Io, Obs>::bring_up(Time now) {
  device_.flush();
  if (device_.gone()) return fail(ErrorCode::kCardGone);
  if (auto r = setup_.program(config_.pcie); !r) return r;
  if (auto r = firmware_.start(now); !r) return r;
  go(PortState::kBringUp, now);
  return {};
}

template <DeviceIo Io, class Obs>
void Port<Io, Obs>::step_bring_up(Time now) {
  if (firmware_.failed()) return fail_port(firmware_.error(), now);
  if (!firmware_.ready()) return;
  statistics_.snapshot();
  if (const std::uint64_t off_ns = clock_.setup(now); off_ns != 0)
    tell(PortEventKind::kClockContinued, static_cast<std::uint32_t>(off_ns / 1000));
  go(PortState::kReady, now);
  // Only a reset brings a port up that has an error.
  if (error_.code != ErrorCode::kNone)
    device_.obs.recovery_done(RecoveryStep::kCardReset, static_cast<std::uint32_t>(error_.code),
                              now);
  if (admin_up_) take_over(now);
}

// ---- Start

template <DeviceIo Io, class Obs>
void Port<Io, Obs>::take_over(Time now) {
  if (!firmware_.capabilities().has_link_speed()) {
    admin_up_ = false;
    return fail_port({ErrorCode::kFirmwareBadLink, 0}, now);
  }
  if (auto r = firmware_.take_ownership(true, now); !r) return fail_port(r.error(), now);
  go(PortState::kOwnership, now);
}

template <DeviceIo Io, class Obs>
void Port<Io, Obs>::step_ownership(Time now) {
  if (firmware_.failed()) return enter_reset(now, firmware_.error().code);
  if (firmware_.crashed()) return enter_reset(now, ErrorCode::kFirmwareSilent);
  if (firmware_.owned()) start_queues(now);
}

/// Follows [device 9 steps 6 to 13].
template <DeviceIo Io, class Obs>
void Port<Io, Obs>::start_queues(Time now) {
  const Capabilities& caps = firmware_.capabilities();
  go(PortState::kRunning, now);
  // The previous owner may not have shut down cleanly.
  QueueSetup<Io, Obs>(device_).drop_at_mac(false);
  const auto link = link_.start(now, caps.link_speed, caps.link_fec, drop_mode_follows_pause());
  for (std::uint32_t i = 0; i < pair_count_; ++i) pairs_[i]->enable();
  drop_mode_follows_pause()(link_.tx_pause_on());
  device_.flush();
  for (std::uint32_t i = 0; i < pair_count_; ++i) pairs_[i]->fill();
  configure_filter();
  VectorSet vectors;
  for (std::uint32_t i = 0; i < pair_count_; ++i) {
    irq_.enable(pairs_[i]->vector(), config_.moderation);
    vectors.add(pairs_[i]->vector());
  }
  irq_.kick(vectors);
  clock_.start(now);
  next_service_ = now + kServicePeriod;
  tell(PortEventKind::kStarted);
  if (link) on_link(*link);
}

/// Restores the filter that the application set. On the first start it accepts the port's own
/// address and broadcasts.
template <DeviceIo Io, class Obs>
void Port<Io, Obs>::configure_filter() {
  follow_capabilities();
  filter_.start();
}

template <DeviceIo Io, class Obs>
BmcConfig Port<Io, Obs>::bmc_config() const {
  const Capabilities& caps = firmware_.capabilities();
  BmcConfig bmc;
  bmc.present = caps.bmc_present;
  bmc.all_multicast = caps.bmc_all_multi;
  bmc.addresses = caps.bmc_macs;
  return bmc;
}

/// A management controller (BMC) shares the port if the firmware reports one [device 14.6].
template <DeviceIo Io, class Obs>
void Port<Io, Obs>::follow_capabilities() {
  capability_generation_ = firmware_.capabilities().generation;
  bmc_waits_ = !filter_.set_bmc(bmc_config());
  if (!bmc_waits_) return;
  // The application's rules hold the entries: retried once per second until they are removed.
  ++recoveries_.bmc_deferred;
  tell(PortEventKind::kBmcDeferred);
}

// ---- Running

template <DeviceIo Io, class Obs>
void Port<Io, Obs>::step_running(Time now) {
  watch_firmware(now);
  if (state_ != PortState::kRunning) return;
  if (now >= link_.deadline()) on_link(link_.step(now, drop_mode_follows_pause()));
  if (now >= next_quiesce_look_) step_queue_resets(now);
  if (state_ == PortState::kRunning && now >= next_service_) housekeeping(now);
}

/// A device reset by another party (the platform, a function-level reset) clears the enable bits.
/// One read detects it, long before the firmware's silence would.
template <DeviceIo Io, class Obs>
bool Port<Io, Obs>::was_reset() {
  for (std::uint32_t i = 0; i < pair_count_; ++i) {
    if (pairs_[i]->state() != PairState::kRunning) continue;
    constexpr std::uint32_t kOn = spec::QUEUE_RCQ_CTL{}.set_ENABLE(1).raw;
    const auto control = device_.template read<spec::QUEUE_RCQ_CTL>(Site::kQueueCtl, i).raw;
    return !device_.gone() && !control.all(kOn);
  }
  return false;
}

/// Frames that the device dropped for a queue, by its counters.
template <DeviceIo Io, class Obs>
std::uint64_t Port<Io, Obs>::undelivered(std::uint32_t queue) const {
  const CounterValues& v = statistics_.values();
  std::uint64_t frames =
      v.get(Counter::kQueueCqDrops, queue) + v.get(Counter::kQueueBdqDrops, queue);
  // A single queue applies back-pressure instead, and the device's packet buffer overflows.
  if (pair_count_ == 1)
    frames += v.get(Counter::kFifoDroppedFrames, 0) + v.get(Counter::kFifoDroppedFrames, 4);
  return frames;
}

/// Runs once per second.
template <DeviceIo Io, class Obs>
void Port<Io, Obs>::housekeeping(Time now) {
  next_service_ = now + kServicePeriod;
  if (was_reset()) return enter_reset(now, ErrorCode::kCardReset);
  statistics_.step(now);
  clock_.step(now);
  clock_.keep(now);
  if (bmc_waits_) bmc_waits_ = !filter_.set_bmc(bmc_config());
  if (const auto report = filter_.take_address_report()) {
    (void)firmware_.send_mac_sync(
        {.unicast = std::span(report->unicast).first(report->unicast_count),
         .multicast = std::span(report->multicast).first(report->multicast_count),
         .flags = report->flags},
        now);
  }
  for (std::uint32_t i = 0; i < pair_count_; ++i) {
    Pair& p = *pairs_[i];
    if (p.state() != PairState::kRunning) continue;
    if (p.tx_hung(now)) {
      ++recoveries_.tx_hangs;
      device_.obs.recovery_step(RecoveryStep::kTransmitHang, raw(p.queue()), now);
      if (p.hung_again()) return enter_reset(now, ErrorCode::kTimeout);
      reset_queue(p, now);
      continue;
    }
    if (p.rx_stalled(undelivered(i))) {
      ++recoveries_.rx_stalls;
      reset_queue(p, now);
      continue;
    }
    if (!link_.up()) continue;
    p.rx.repeat_doorbells();
    if (p.rx.starving()) {
      p.rx.refill();
      irq_.kick_starved(p.vector());
      ++recoveries_.starvation_kicks;
      device_.obs.recovery_step(RecoveryStep::kStarvationKick, raw(p.queue()), now);
    }
  }
  if (now >= reset_not_before_) backoff_ = kFirstBackoff;
}

template <DeviceIo Io, class Obs>
void Port<Io, Obs>::watch_firmware(Time now) {
  if (firmware_.failed()) return enter_reset(now, firmware_.error().code);
  if (firmware_.crashed()) {
    ++recoveries_.firmware_crashes;
    const auto cause = static_cast<std::uint32_t>(firmware_.crash_cause());
    device_.obs.recovery_step(RecoveryStep::kFirmwareCrash, cause, now);
    tell(PortEventKind::kFirmwareCrash, cause);
    // Restarting the mailbox disables device DMA, so stop the queues first.
    if (firmware_.recovery_restarts_mailbox()) return enter_reset(now, ErrorCode::kFirmwareSilent);
    if (auto r = firmware_.recover(now); !r) return enter_reset(now, r.error().code);
    filter_.rewrite_rules();
  }
  if (firmware_.capabilities().generation != capability_generation_) {
    follow_capabilities();
    filter_.rewrite_rules();
  }
}

template <DeviceIo Io, class Obs>
void Port<Io, Obs>::on_link(LinkEvent event) {
  if (event == LinkEvent::kNone) return;
  const bool up = event == LinkEvent::kUp;
  tell(up ? PortEventKind::kLinkUp : PortEventKind::kLinkDown, up ? link_.speed_mbps() : 0);
}

// ---- Reset of a queue that faulted or hangs

/// Requires that `pair` runs.
template <DeviceIo Io, class Obs>
void Port<Io, Obs>::reset_queue(Pair& pair, Time now) {
  ++recoveries_.queue_resets;
  device_.obs.recovery_step(RecoveryStep::kQueueReset, raw(pair.queue()), now);
  tell(PortEventKind::kQueueReset, raw(pair.queue()));
  irq_.mask(pair.vector());
  pair.disable(now);
  device_.flush();
  next_quiesce_look_ = now;
}

template <DeviceIo Io, class Obs>
void Port<Io, Obs>::step_queue_resets(Time now) {
  bool discard = false;
  bool waiting = false;
  QueueSetup<Io, Obs> queues(device_);
  for (std::uint32_t i = 0; i < pair_count_; ++i) {
    Pair& p = *pairs_[i];
    p.step_quiesce(now, discard);
    if (p.state() == PairState::kStuck) return enter_reset(now, ErrorCode::kNotQuiet);
    waiting = waiting || p.state() == PairState::kQuiescing;
    if (p.state() != PairState::kOff) continue;
    p.enable();
    device_.flush();
    p.fill();
    irq_.enable(p.vector(), config_.moderation);
    VectorSet vectors;
    vectors.add(p.vector());
    irq_.kick(vectors);
    device_.obs.recovery_done(RecoveryStep::kQueueReset, raw(p.queue()), now);
  }
  queues.drop_at_mac(discard);
  next_quiesce_look_ = waiting ? now + Pair::kIdlePoll : Time::max();
}

// ---- Stop, reset, detach

/// Disables everything that touches packets; all_off() polls for completion.
template <DeviceIo Io, class Obs>
void Port<Io, Obs>::quiesce(Time now) {
  link_.stop();
  filter_.stop();
  clock_.stop();
  for (std::uint32_t i = 0; i < pair_count_; ++i) {
    irq_.mask(pairs_[i]->vector());
    pairs_[i]->disable(now);
  }
  device_.flush();
  next_service_ = Time::max();
  next_quiesce_look_ = now;
}

/// Polls all pairs. Returns true when none is quiescing; each is then off or stuck.
template <DeviceIo Io, class Obs>
bool Port<Io, Obs>::all_off(Time now) {
  bool discard = false;
  bool waiting = false;
  for (std::uint32_t i = 0; i < pair_count_; ++i) {
    pairs_[i]->step_quiesce(now, discard);
    waiting = waiting || pairs_[i]->state() == PairState::kQuiescing;
  }
  QueueSetup<Io, Obs>(device_).drop_at_mac(discard);
  next_quiesce_look_ = waiting ? now + Pair::kIdlePoll : Time::max();
  return !waiting;
}

template <DeviceIo Io, class Obs>
void Port<Io, Obs>::step_stopping(Time now) {
  if (!all_off(now)) return;
  for (std::uint32_t i = 0; i < pair_count_; ++i) {
    if (pairs_[i]->state() == PairState::kStuck) return enter_reset(now, ErrorCode::kNotQuiet);
  }
  (void)firmware_.take_ownership(false, now);
  tell(PortEventKind::kStopped);
  go(PortState::kReady, now);
}

/// Resets the whole device: queues off, mailbox closed (which disables DMA), then bring-up.
template <DeviceIo Io, class Obs>
void Port<Io, Obs>::enter_reset(Time now, ErrorCode why) {
  ++recoveries_.card_resets;
  device_.obs.recovery_step(RecoveryStep::kCardReset, static_cast<std::uint32_t>(why), now);
  error_ = {why, 0};
  tell(PortEventKind::kCardReset, static_cast<std::uint32_t>(why));
  quiesce(now);
  firmware_.stop(now);
  reset_not_before_ = now + backoff_;
  backoff_ = std::min(backoff_ * 2, kLongestBackoff);
  go(PortState::kResetting, now);
}

template <DeviceIo Io, class Obs>
void Port<Io, Obs>::step_closing(Time now) {
  if (!all_off(now) || !firmware_.down()) return;
  // The closed mailbox disables device DMA, so the buffers of a stuck queue may be freed.
  for (std::uint32_t i = 0; i < pair_count_; ++i) pairs_[i]->reclaim();
  if (state_ == PortState::kDetaching) {
    release_all();
    go(PortState::kDetached, now);
  } else if (now >= reset_not_before_) {
    filter_.reprogram();
    if (auto r = bring_up(now); !r) fail_port(r.error(), now);
  } else {
    next_quiesce_look_ = reset_not_before_;
  }
}

// ---- Terminal states

/// Enters kFailed with everything off, until start() or detach().
template <DeviceIo Io, class Obs>
void Port<Io, Obs>::fail_port(Error why, Time now) {
  error_ = why;
  tell(PortEventKind::kFailed, static_cast<std::uint32_t>(why.code));
  go(PortState::kFailed, now);
}

template <DeviceIo Io, class Obs>
void Port<Io, Obs>::on_surprise_removal(Time now) {
  error_ = {ErrorCode::kCardGone, 0};
  if (state_ == PortState::kDetached)
    return;  // removed while its memory was freed: nothing is left
  for (std::uint32_t i = 0; i < pair_count_; ++i) pairs_[i]->reclaim();
  firmware_.abandon();
  link_.stop();
  filter_.stop();
  clock_.stop();
  tell(PortEventKind::kGone);
  go(PortState::kGone, now);
}

template <DeviceIo Io, class Obs>
void Port<Io, Obs>::go(PortState to, Time now) {
  device_.obs.state_changed(static_cast<std::uint8_t>(state_), static_cast<std::uint8_t>(to), now);
  state_ = to;
}

template <DeviceIo Io, class Obs>
void Port<Io, Obs>::tell(PortEventKind kind, std::uint32_t value) {
  if (!events_.push({kind, value})) ++recoveries_.events_lost;
}

}  // namespace hni
