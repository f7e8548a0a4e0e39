// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Link: brings the MAC up when the lanes are locked and down when they are not, and configures
/// pause and pause-storm protection [device 10, 15.2]. The firmware chooses speed and FEC; the
/// driver follows.
///
/// A link comes up in three steps: all lanes locked, four seconds of training during which it may
/// flap, and a PCS without faults. A link that is locked at start() has been trained before and
/// skips the training.
///
/// The device cannot make this code loop or storm: each call does one link test, PCS resets are
/// one second apart, and after kMaxEventsPerSecond link events vector 1 stays masked until the
/// next second.

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "driver/control/interrupts.hpp"
#include "driver/control/setup.hpp"
#include "driver/core/checked_io.hpp"
#include "driver/core/counters.hpp"
#include "driver/core/error.hpp"
#include "driver/core/types.hpp"
#include "openhni/spec/enums.hpp"
#include "openhni/spec/registers.hpp"

namespace hni {

/// Lanes and modulation that a firmware speed code stands for [device 10.1].
enum class LinkMode : std::uint8_t { k25G, k50GTwoLanes, k50GOneLane, k100G };
/// Forward error correction.
enum class Fec : std::uint8_t { kOff, kReedSolomon, kBaseR };

/// State of the link.
enum class LinkState : std::uint8_t {
  kStopped,   ///< not started, or stopped: the MAC is in reset
  kNoSignal,  ///< at least one lane is not locked
  kTraining,  ///< all lanes are locked; waiting for the end of training
  kSettling,  ///< trained; the PCS reports no link or a fault, or is being reset
  kUp,        ///< the MAC passes traffic
};

/// Change of the link that a call detected.
enum class LinkEvent : std::uint8_t { kNone, kUp, kDown };

// X(member, meaning)
#define HNI_LINK_COUNTERS(X)                      \
  X(down_events, "times that the link went down") \
  X(pause_storms, "pause storms detected")        \
  X(pcs_resets, "resets of the PCS")

/// Counters of the link since the port was created.
struct LinkCounters {
  HNI_COUNTER_STRUCT(LinkCounters, HNI_LINK_COUNTERS)
};

/// Settings of the link.
struct LinkConfig {
  Duration training = std::chrono::seconds(4);  ///< time during which a locked link may still flap
  std::uint32_t storm_timeout_ms = 500;  ///< milliseconds, 0 .. 10485; 0 disables the protection
  bool tx_pause = true;                  ///< send pause frames
  bool rx_pause = true;                  ///< honour pause frames
};

namespace link_detail {

/// Lock bits that must be set, and no others, by mode and FEC [device 10.3]. Zero: invalid
/// combination.
inline constexpr std::array<std::array<std::uint32_t, 3>, 4> kLockBits{{
    //  off, RS, BASE-R
    {0x1, 0x1, 0x1},   // 25G
    {0x63, 0x5, 0xf},  // 50G on two lanes
    {0x0, 0x3, 0x0},   // 50G on one lane
    {0x0, 0xf, 0x0},   // 100G
}};

/// Speed by mode.
inline constexpr std::array<std::uint32_t, 4> kSpeedMbps{25000, 50000, 50000, 100000};

/// Bits of PCS CTRL1 that show the speed [device 10.5].
inline constexpr std::uint32_t kPcsSpeedMask = 0x207c;
/// Their value by mode.
inline constexpr std::array<std::uint32_t, 4> kPcsSpeed{0x2054, 0x2058, 0x2058, 0x2050};

/// Returns the address of a PCS register of the first instance. Vendor registers 0x8000 x lie at
/// 0x200 + x [device 10.5].
/// @param number register number in MMD 3
/// @return address
constexpr RegAddr pcs(std::uint32_t number) {
  const std::uint32_t page = (number & 0x8000U) != 0 ? number ^ 0x8200U : number;
  return {Bar::kBar0, spec::PCS_PAGE::kByteOffset + 4 * page};
}
// PCS registers of the link test.
inline constexpr RegAddr kPcsControl1 = pcs(0), kPcsStatus1 = pcs(1), kPcsStatus2 = pcs(8),
                         kPcsBaseRStatus2 = pcs(0x21), kPcsDigitalStatus = pcs(0x8010);
/// Reset bit of PCS CTRL1.
inline constexpr std::uint32_t kPcsReset = 1U << 15;

inline constexpr std::uint32_t kStormBit = 1;                         ///< network side, of four
inline constexpr std::uint32_t kStormUnitCycles = 6000;               ///< clock cycles: 10 us
inline constexpr std::uint32_t kMaxStormMs = ((1U << 20) - 1) / 100;  ///< longest storm timeout

/// The default `on_up`: ignores the change of the drop mode.
struct NoDropModeChange {
  /// Does nothing.
  void operator()(bool /*tx_pause*/) const {}
};

}  // namespace link_detail

/// Link control of one port.
template <DeviceIo Io, class Obs = NullObserver>
class Link {
 public:
  using D = CheckedIo<Io, Obs>;                  ///< registers of the device
  using Ignore = link_detail::NoDropModeChange;  ///< the default `on_up`

  /// more link interrupts than this mask vector 1 until the next second
  static constexpr std::uint32_t kMaxEventsPerSecond = 16;

  /// Creates a stopped link.
  /// @param device must outlive it
  /// @param config settings
  explicit Link(D& device, const LinkConfig& config = {})
      : device_(&device), irq_(device), config_(config) {}

  /// Replaces the settings, for the next start().
  /// @param config settings
  void configure(const LinkConfig& config) { config_ = config; }

  /// Starts tracking the link state.
  /// @param now current time
  /// @param speed speed code from the firmware's capabilities
  /// @param fec FEC code from the firmware's capabilities
  /// @param on_up `on_up(tx_pause)`: called before the MAC passes traffic, so that the receive
  ///     queues get the matching drop mode [device 10.6 step 1]
  /// @return what changed; kFirmwareBadLink for an invalid speed code
  template <class OnUp = Ignore>
  Result<LinkEvent> start(Time now, spec::FW_LINK_SPEED speed, spec::FW_LINK_FEC fec,
                          OnUp&& on_up = {}) {
    const auto code = static_cast<std::uint32_t>(speed);
    if (code < 1 || code > 4) return fail(ErrorCode::kFirmwareBadLink, code);
    mode_ = static_cast<LinkMode>(code - 1);
    fec_ = resolve_fec(mode_, static_cast<std::uint32_t>(fec));
    irq_.route_link();
    device_->template write_word<spec::SIG_PCS_INTR_MASK>(kAllOnes);
    device_->template write_word<spec::SIG_PCS_INTR_STS>(kAllOnes);
    open_window(now);
    leave_up();
    state_ = is_locked() ? LinkState::kSettling : LinkState::kNoSignal;
    const LinkEvent event = check(now, on_up);
    if (!up()) mac_down();
    return event;
  }

  /// Disables the link interrupt and the MAC [device 18].
  /// @param keep_mac true: leave the MAC on for another user of the link
  void stop(bool keep_mac = false) {
    if (state_ == LinkState::kStopped) return;
    irq_.unroute_link();
    if (!keep_mac) mac_down();
    leave_up();
    state_ = LinkState::kStopped;
  }

  /// Handles vector 1.
  /// @param now current time
  /// @param on_up as in start()
  /// @return what changed
  template <class OnUp = Ignore>
  LinkEvent interrupt(Time now, OnUp&& on_up = {}) {
    if (state_ == LinkState::kStopped) return LinkEvent::kNone;
    if (++events_ > kMaxEventsPerSecond) {
      if (!muted_) device_->refuse(Site::kPcsIntrStatus, events_, kMaxEventsPerSecond);
      muted_ = true;
      deadline_ = std::min(deadline_, window_end_);
      return LinkEvent::kNone;
    }
    const auto status = device_->template read<spec::SIG_PCS_INTR_STS>(Site::kPcsIntrStatus).raw;
    if (!status.any(kLinkBits)) {
      irq_.unmask(kLinkVector);
      return LinkEvent::kNone;
    }
    return check(now, on_up);
  }

  /// Handles deadlines: end of training, PCS retries and, once per second, the pause-storm check
  /// and a link test, so that a lost interrupt costs a second and not the link.
  /// @param now current time
  /// @param on_up as in start()
  /// @return what changed
  template <class OnUp = Ignore>
  LinkEvent step(Time now, OnUp&& on_up = {}) {
    if (now < deadline()) return LinkEvent::kNone;
    if (now >= window_end_) open_window(now);
    if (state_ == LinkState::kUp) check_pause_storm();
    return check(now, on_up);
  }

  /// @return when step() is due; Time::max() while stopped
  [[nodiscard]] Time deadline() const {
    return state_ == LinkState::kStopped ? Time::max() : deadline_;
  }

  /// @return true while the MAC passes traffic
  [[nodiscard]] bool up() const { return state_ == LinkState::kUp; }
  /// @return state of the link
  [[nodiscard]] LinkState state() const { return state_; }
  /// @return lanes and modulation
  [[nodiscard]] LinkMode mode() const { return mode_; }
  /// @return forward error correction in use
  [[nodiscard]] Fec fec() const { return fec_; }
  /// @return speed of the mode in Mbit/s, also while the link is down
  [[nodiscard]] std::uint32_t speed_mbps() const {
    return link_detail::kSpeedMbps[static_cast<std::size_t>(mode_)];
  }
  /// @return number of lanes
  [[nodiscard]] std::uint32_t lanes() const {
    return mode_ == LinkMode::k25G || mode_ == LinkMode::k50GOneLane ? 1 : 2;
  }
  /// @return true while the device sends pause frames; the receive queues must then never drop
  ///     [device 13.6]
  [[nodiscard]] bool tx_pause_on() const { return up() && config_.tx_pause; }
  /// @return true while the device honours pause frames
  [[nodiscard]] bool rx_pause_on() const { return up() && config_.rx_pause; }
  /// @return the counters
  [[nodiscard]] const LinkCounters& counters() const { return counters_; }

  /// Sets flow control in both directions; takes effect at once while the link is up.
  /// @param tx send pause frames
  /// @param rx honour pause frames
  /// @param on_up as in start()
  template <class OnUp = Ignore>
  void set_pause(bool tx, bool rx, OnUp&& on_up = {}) {
    config_.tx_pause = tx;
    config_.rx_pause = rx;
    if (up()) mac_up(on_up);
  }

  /// Sets how long the device may pause its peer without a break before it drops frames instead.
  /// @param ms milliseconds; 0 disables the protection
  /// @return kBadArgument if too large
  Result<> set_storm_timeout(std::uint32_t ms) {
    if (ms > link_detail::kMaxStormMs)
      return fail(ErrorCode::kBadArgument, link_detail::kMaxStormMs);
    const std::uint32_t old = std::exchange(config_.storm_timeout_ms, ms);
    if (!tx_pause_on() || old == ms) return {};
    if (old != 0 && ms != 0) {
      arm_pause_storm(ms);
    } else {
      protect_from_pause_storm();
    }
    return {};
  }
  /// @return the storm timeout in milliseconds
  [[nodiscard]] std::uint32_t storm_timeout_ms() const { return config_.storm_timeout_ms; }

 private:
  static constexpr std::uint32_t kLinkBits = 3;  // LINK_UP and LINK_DOWN
  static constexpr Duration kPoll = std::chrono::seconds(1);
  static constexpr Duration kPcsRetry = std::chrono::milliseconds(50);
  static constexpr Duration kPcsResetLimit = std::chrono::milliseconds(600);

  // Only the two NRZ modes have a choice; an unknown code counts as RS [device 10.1].
  static constexpr Fec resolve_fec(LinkMode mode, std::uint32_t code) {
    if (mode == LinkMode::k50GOneLane || mode == LinkMode::k100G) return Fec::kReedSolomon;
    if (code == static_cast<std::uint32_t>(spec::FW_LINK_FEC::NONE)) return Fec::kOff;
    return code == static_cast<std::uint32_t>(spec::FW_LINK_FEC::BASER) ? Fec::kBaseR
                                                                        : Fec::kReedSolomon;
  }

  void open_window(Time now) {
    window_end_ = now + kPoll;
    events_ = 0;
    muted_ = false;
  }

  // Exact comparison: an extra lock bit means not locked [device 10.3].
  [[nodiscard]] bool is_locked() {
    const auto out0 = device_->template read<spec::SIG_PCS_OUT0>(Site::kPcsOut0);
    if (device_->gone() || !out0.LINK().nonzero()) return false;
    const std::uint32_t want =
        link_detail::kLockBits[static_cast<std::size_t>(mode_)][static_cast<std::size_t>(fec_)];
    if (fec_ == Fec::kOff) return out0.BLOCK_LOCK().equals(want);
    if (fec_ == Fec::kReedSolomon) return out0.AMPS_LOCK().equals(want);
    const auto out1 = device_->template read<spec::SIG_PCS_OUT1>(Site::kPcsOut1);
    return !device_->gone() && out1.FCFEC_LOCK().equals(want);
  }

  // Link check of [device 10.4]: clear the latched bits, test, act, unmask.
  template <class OnUp>
  LinkEvent check(Time now, OnUp&& on_up) {
    device_->write(spec::SIG_PCS_OUT0{}.set_LINK(1).set_BLOCK_LOCK(0xfffff).set_AMPS_LOCK(0xf));
    device_->write(spec::SIG_PCS_OUT1{}.set_FCFEC_LOCK(0xf));
    device_->flush();
    device_->write(spec::SIG_PCS_INTR_STS{}.set_LINK_UP(1).set_LINK_DOWN(1));
    const LinkEvent event = is_locked() ? locked(now, on_up) : unlocked(now);
    // Unknown causes stay masked, reserved bits included.
    device_->template write_word<spec::SIG_PCS_INTR_MASK>(~kLinkBits);
    if (muted_) {
      deadline_ = std::min(deadline_, window_end_);
    } else {
      irq_.unmask(kLinkVector);
    }
    return event;
  }

  LinkEvent unlocked(Time now) {
    const bool was_up = up();
    if (was_up) mac_down();
    leave_up();
    state_ = LinkState::kNoSignal;
    deadline_ = now + kPoll;
    return was_up ? LinkEvent::kDown : LinkEvent::kNone;
  }

  void leave_up() {
    pcs_in_reset_ = false;
    if (!up()) return;
    ++counters_.down_events;
    device_->obs.link_changed(false, speed_mbps());
  }

  template <class OnUp>
  LinkEvent locked(Time now, OnUp&& on_up) {
    if (state_ == LinkState::kNoSignal) {
      state_ = LinkState::kTraining;
      train_until_ = now + config_.training;
    }
    if (state_ == LinkState::kTraining) {
      if (now < train_until_) {
        deadline_ = train_until_;
        return LinkEvent::kNone;
      }
      state_ = LinkState::kSettling;
    }
    if (state_ == LinkState::kSettling) return settle(now, on_up);
    deadline_ = now + kPoll;
    return LinkEvent::kNone;
  }

  enum class Pcs : std::uint8_t { kGood, kNoLink, kFault };

  [[nodiscard]] Untrusted<std::uint32_t> read_pcs(RegAddr reg) {
    return Untrusted<std::uint32_t>(device_->read_at(Site::kXpcs, reg));
  }

  // Checks the registers that must agree before the PCS counts as working [device 10.5]. Reads
  // each once: the link status is latched until it is read.
  [[nodiscard]] Pcs pcs_state() {
    using namespace link_detail;
    const auto status1 = read_pcs(kPcsStatus1);
    if (status1.any(1U << 7)) return Pcs::kFault;
    // A receiver or transmitter fault is reported only: Linux brings such a link up, too.
    const auto status2 = read_pcs(kPcsStatus2);
    if (status2.any(3U << 10)) device_->refuse(Site::kXpcs, status2.as_data(), 0);
    if (read_pcs(kPcsDigitalStatus).any(3U << 5)) return Pcs::kFault;
    // This counter of errored blocks clears on read. The first read discards errors of the
    // training; only those between the two reads count.
    (void)read_pcs(kPcsBaseRStatus2);
    if (read_pcs(kPcsBaseRStatus2).any(0xff)) return Pcs::kFault;
    if (!status1.any(1U << 2)) return Pcs::kNoLink;
    const auto speed = read_pcs(kPcsControl1) & kPcsSpeedMask;
    return speed.equals(kPcsSpeed[static_cast<std::size_t>(mode_)]) ? Pcs::kGood : Pcs::kNoLink;
  }

  template <class OnUp>
  LinkEvent settle(Time now, OnUp&& on_up) {
    if (pcs_in_reset_ && !reset_is_over(now)) return LinkEvent::kNone;
    const Pcs pcs = pcs_state();
    if (pcs == Pcs::kGood) {
      mac_up(on_up);
      state_ = LinkState::kUp;
      deadline_ = now + kPoll;
      device_->obs.link_changed(true, speed_mbps());
      return LinkEvent::kUp;
    }
    if (pcs == Pcs::kFault) {
      reset_pcs(now);
    } else {
      deadline_ = now + kPcsRetry;
    }
    return LinkEvent::kNone;
  }

  void reset_pcs(Time now) {
    if (now < next_pcs_reset_) {
      deadline_ = next_pcs_reset_;
      return;
    }
    device_->template write_word<spec::PCS_CONTROL1>(link_detail::kPcsReset, 0U);
    ++counters_.pcs_resets;
    pcs_in_reset_ = true;
    pcs_reset_until_ = now + kPcsResetLimit;
    next_pcs_reset_ = now + kPoll;
    deadline_ = now + kPcsRetry;
  }

  // Returns true when the PCS left its reset, or when it took too long.
  bool reset_is_over(Time now) {
    const auto control = read_pcs(link_detail::kPcsControl1);
    if (control.any(link_detail::kPcsReset)) {
      if (now < pcs_reset_until_) {
        deadline_ = now + kPcsRetry;
        return false;
      }
      device_->refuse(Site::kXpcs, control.as_data(), link_detail::kPcsReset);
    }
    pcs_in_reset_ = false;
    return true;
  }

  [[nodiscard]] spec::MAC_COMMAND_CONFIG command(bool tx_pause, bool rx_pause, bool on) const {
    return spec::MAC_COMMAND_CONFIG{}
        .set_TX_PAD_EN(1)
        .set_PROMISC_EN(1)
        .set_TX_PAUSE_DIS(tx_pause ? 0 : 1)
        .set_RX_PAUSE_DIS(rx_pause ? 0 : 1)
        .set_FLT_HDL_DIS(fec_ == Fec::kOff ? 1 : 0)
        .set_RX_ENA(on ? 1 : 0)
        .set_TX_ENA(on ? 1 : 0);
  }

  // Read-modify-write: the register has bits of other functions and reserved ones.
  void hold_mac_in_reset(bool hold) {
    constexpr std::uint32_t kResets = spec::SIG_MAC_IN0{}
                                          .set_RESET_FF_TX_CLK(1)
                                          .set_RESET_TX_CLK(1)
                                          .set_RESET_FF_RX_CLK(1)
                                          .set_RESET_RX_CLK(1)
                                          .raw;
    const std::uint32_t old =
        device_->template read<spec::SIG_MAC_IN0>(Site::kMacSignal).raw.as_data();
    device_->template write_word<spec::SIG_MAC_IN0>(hold ? old | kResets : old & ~kResets);
  }

  void mac_down() {
    hold_mac_in_reset(true);
    device_->write(command(false, false, false));
  }

  // The order of [device 10.6]: drop mode, pause, storm protection, clocks, MAC.
  template <class OnUp>
  void mac_up(OnUp&& on_up) {
    on_up(config_.tx_pause);
    device_->write(setup_detail::pause_drop_ctrl(config_.tx_pause, storm_protected_));
    protect_from_pause_storm();
    hold_mac_in_reset(false);
    device_->write(command(config_.tx_pause, config_.rx_pause, true));
  }

  // Sets the time while the state machine is forced to normal [device 15.2].
  void arm_pause_storm(std::uint32_t ms) {
    const auto time = spec::RXB_PAUSE_STORM{}.set_THLD_TIME(ms * 100);
    device_->write(spec::RXB_PAUSE_STORM_UNIT_WR{link_detail::kStormUnitCycles});
    device_->write(spec::RXB_PAUSE_STORM{time}.set_FORCE_NORMAL(1), 0U);
    device_->flush();
    device_->write(time, 0U);
  }

  void clear_pause_storm() {
    device_->write(spec::RXB_ERR_INTR_STS{}.set_PS(link_detail::kStormBit));
  }

  void protect_from_pause_storm() {
    storm_protected_ = config_.tx_pause && config_.storm_timeout_ms != 0;
    arm_pause_storm(storm_protected_ ? config_.storm_timeout_ms : LinkConfig{}.storm_timeout_ms);
    device_->write(setup_detail::pause_drop_ctrl(config_.tx_pause, storm_protected_));
    clear_pause_storm();
    constexpr std::uint32_t kAllStormBits = spec::RXB_ERR_INTR_MASK{}.set_PS(0xf).raw;
    const std::uint32_t old =
        device_->template read<spec::RXB_ERR_INTR_MASK>(Site::kMacSignal).raw.as_data();
    device_->template write_word<spec::RXB_ERR_INTR_MASK>(storm_protected_ ? old & ~kAllStormBits
                                                                           : old | kAllStormBits);
  }

  // The device stopped pausing: count it and allow it to pause again.
  void check_pause_storm() {
    if (!storm_protected_) return;
    const auto status = device_->template read<spec::RXB_ERR_INTR_STS>(Site::kPauseStorm).PS();
    if (device_->gone() || !status.any(link_detail::kStormBit)) return;
    ++counters_.pause_storms;
    clear_pause_storm();
    arm_pause_storm(config_.storm_timeout_ms);
  }

  D* device_;
  Interrupts<Io, Obs> irq_;
  LinkConfig config_;
  LinkState state_ = LinkState::kStopped;
  LinkMode mode_ = LinkMode::k100G;
  Fec fec_ = Fec::kReedSolomon;
  bool muted_ = false;  // too many events: vector 1 stays masked until the window ends
  bool pcs_in_reset_ = false;
  bool storm_protected_ = false;
  std::uint32_t events_ = 0;  // in the current window
  Time window_end_{};
  Time deadline_{};
  Time train_until_{};
  Time pcs_reset_until_{};
  Time next_pcs_reset_{};
  LinkCounters counters_;
};

}  // namespace hni
