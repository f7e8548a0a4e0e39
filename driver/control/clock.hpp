// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Clock: the device's 64-bit nanosecond counter, and the meaning of its 40-bit timestamps
/// [device 17]. The counter runs freely; stepping the clock changes an offset that the driver
/// adds, slewing changes the counter's increment.

#include <algorithm>
#include <cstdint>
#include <optional>

#include "driver/control/setup.hpp"
#include "driver/core/checked_io.hpp"
#include "driver/core/error.hpp"
#include "driver/core/types.hpp"
#include "openhni/spec/registers.hpp"

namespace hni {

/// width of the timestamps in descriptors; they wrap every 18 minutes
inline constexpr unsigned kStampBits = 40;

/// Extends a 40-bit timestamp: the one time in [base, base + 2^40) with these low 40 bits. W is an
/// unsigned 64-bit word, or a symbolic one in proofs/.
/// @param base counter value before the timestamp, by less than 2^40 ns
/// @param stamp low 40 bits
/// @return counter value, nanoseconds
template <class W>
constexpr W extend_stamp(const W& base, const W& stamp) {
  constexpr std::uint64_t kMask = (std::uint64_t{1} << kStampBits) - 1;
  return W(base + W(W(stamp - base) & W(kMask)));
}

namespace clock_detail {

/// Nanoseconds per cycle of the device's clock, in Q16.32: 1.666...
inline constexpr std::uint64_t kNominalIncrement =
    (std::uint64_t{1'000'000'000} << 32) / kCardClockHz;

/// Returns the increment of a clock with a rate error, rounded towards nominal. The product has at
/// most 63 bits, and the increment stays positive.
/// @param ppb parts per billion fast, within +-999,999,999
/// @return Q16.32 nanoseconds
constexpr std::uint64_t increment(std::int64_t ppb) {
  constexpr std::uint64_t kBillion = 1'000'000'000;
  const std::uint64_t size = static_cast<std::uint64_t>(ppb < 0 ? -ppb : ppb);
  const std::uint64_t change = kNominalIncrement * size / kBillion;
  return ppb < 0 ? kNominalIncrement - change : kNominalIncrement + change;
}

}  // namespace clock_detail

namespace clock_detail {

/// Advance of a counter with this slew.
/// @param elapsed  not negative
/// @param slew_ppb parts per billion
/// @return nanoseconds
constexpr std::uint64_t advance(Duration elapsed, std::int64_t slew_ppb) {
  constexpr std::int64_t kBillion = 1'000'000'000;
  const std::int64_t seconds = elapsed.count() / kBillion;
  const std::int64_t rest = elapsed.count() % kBillion;
  return static_cast<std::uint64_t>(elapsed.count() + seconds * slew_ppb +
                                    rest * slew_ppb / kBillion);
}

}  // namespace clock_detail

/// Clock of one port.
template <DeviceIo Io, class Obs = NullObserver>
class Clock {
 public:
  using D = CheckedIo<Io, Obs>;  ///< registers of the device

  static constexpr std::int64_t kMaxSlewPpb = 999'999'999;  ///< largest slew in either direction
  /// Interval at which the base of timestamps is renewed: a sixteenth of their range.
  static constexpr Duration kRefresh{std::int64_t{1} << (kStampBits - 4)};

  /// Assumed difference of the oscillators of device and host: 100 ppm each.
  static constexpr std::int64_t kDriftPpm = 200;

  /// Creates a stopped clock.
  /// @param device must outlive it
  explicit Clock(D& device) : device_(&device) {}

  /// Starts the counter from zero [device 17]. Required after each device reset: it restores the
  /// slew, and the clock continues from the time that keep() noted, plus the driver time since.
  /// @param now current time
  /// @return nanoseconds by which the clock may be off because of that; 0 if no time was kept
  std::uint64_t setup(Time now) {
    device_->write(spec::PTP_CTRL{}.set_EN(1).set_TICK_IVAL(1));
    write_increment();
    device_->write(spec::PTP_INIT_HI{});
    device_->write(spec::PTP_INIT_LO{});
    device_->write(spec::PTP_ADJUST{}.set_INIT(1));
    device_->write(
        spec::PTP_CTRL{}.set_EN(1).set_TQS_OUT_EN(1).set_MAC_OUT_IVAL(3).set_TICK_IVAL(1));
    flush();
    base_ = 0;
    if (!kept_) return 0;
    const Duration elapsed = std::max(now - kept_at_, Duration::zero());
    offset_ += kept_counter_ + clock_detail::advance(elapsed, slew_ppb_);
    kept_counter_ = 0;
    kept_at_ = now;
    return static_cast<std::uint64_t>(elapsed.count() / 1'000'000 * kDriftPpm) + kReadNs;
  }

  /// Starts the renewal of the timestamp base; called when the port starts.
  /// @param now current time
  void start(Time now) {
    running_ = true;
    refresh(now);
    keep(now);
  }

  /// Saves the device time, so that a device reset loses at most the time since the last call. Call
  /// it once per second.
  /// @param now current time
  void keep(Time now) {
    const auto counter = read_counter();
    if (!counter) return;
    kept_ = true;
    kept_counter_ = *counter;
    kept_at_ = now;
  }
  /// Stops renewing the base of timestamps.
  void stop() { running_ = false; }

  /// Renews the base of timestamps when it is due.
  /// @param now current time
  void step(Time now) {
    if (running_ && now >= deadline_) refresh(now);
  }
  /// @return when step() is due; Time::max() while stopped
  [[nodiscard]] Time deadline() const { return running_ ? deadline_ : Time::max(); }

  /// Checks the age of the base of timestamps.
  /// @param now current time
  /// @return true if a timestamp could be extended into the wrong 2^40 ns period
  [[nodiscard]] bool is_stale(Time now) const {
    return running_ && now >= deadline_ + kRefresh / 2;
  }

  /// Reads the clock. Bounded: a counter whose upper half changes at every read is refused.
  /// @return nanoseconds, kCardGone, or kTimeout
  [[nodiscard]] Result<std::uint64_t> read() {
    const auto counter = read_counter();
    if (!counter) return tl::unexpected(counter.error());
    return *counter + offset_;
  }

  /// Sets the clock.
  /// @param ns what it is to show now, nanoseconds
  /// @return kCardGone or kTimeout if the counter could not be read
  Result<> set(std::uint64_t ns) {
    const auto counter = read_counter();
    if (!counter) return tl::unexpected(counter.error());
    offset_ = ns - *counter;
    return {};
  }

  /// Steps the clock.
  /// @param ns nanoseconds to add
  void step_by(std::int64_t ns) { offset_ += static_cast<std::uint64_t>(ns); }

  /// Changes the rate of the clock.
  /// @param ppb parts per billion fast; negative: slow
  /// @return kBadArgument beyond kMaxSlewPpb, kCardGone
  Result<> slew(std::int64_t ppb) {
    if (ppb < -kMaxSlewPpb || ppb > kMaxSlewPpb)
      return fail(ErrorCode::kBadArgument, static_cast<std::uint64_t>(kMaxSlewPpb));
    slew_ppb_ = ppb;
    write_increment();
    device_->write(spec::PTP_ADJUST{}.set_ADDEND_SET(1));
    // The increment must not change for four cycles after it was latched.
    flush();
    if (device_->gone()) return fail(ErrorCode::kCardGone);
    return {};
  }
  /// @return the rate in parts per billion
  [[nodiscard]] std::int64_t slew_ppb() const { return slew_ppb_; }

  /// Converts a 40-bit timestamp of a descriptor to the time of this clock. The timestamp is data:
  /// for any value the result is within 18 minutes of the base.
  /// @param stamp the timestamp
  /// @return nanoseconds
  [[nodiscard]] std::uint64_t time_of(const Untrusted<std::uint64_t>& stamp) const {
    return extend_stamp(base_, stamp.as_data()) + offset_;
  }

 private:
  void flush() { (void)device_->read_at(Site::kClockLow, spec::PTP_SPARE::at()); }

  void write_increment() {
    const std::uint64_t increment = clock_detail::increment(slew_ppb_);
    device_->write(spec::PTP_ADD_VAL_NS{static_cast<std::uint32_t>(increment >> 32)});
    device_->write(spec::PTP_ADD_VAL_SUBNS{static_cast<std::uint32_t>(increment)});
  }

  [[nodiscard]] Untrusted<std::uint32_t> read_high() {
    return device_->template read<spec::PTP_CTR_VAL_HI>(Site::kClockHigh).raw;
  }

  // High, low, high: the upper half changes every 4.3 s, so a second attempt finds it stable.
  [[nodiscard]] Result<std::uint64_t> read_counter() {
    constexpr int kTries = 4;
    auto before = read_high();
    for (int i = 0; i < kTries; ++i) {
      const auto low = device_->template read<spec::PTP_CTR_VAL_LO>(Site::kClockLow).raw;
      const auto high = read_high();
      if (device_->gone()) return fail(ErrorCode::kCardGone);
      if (high.equals(before.as_data()))
        return std::uint64_t{high.as_data()} << 32 | low.as_data();
      before = high;
    }
    device_->refuse(Site::kClockHigh, before.as_data(), kTries);
    return fail(ErrorCode::kTimeout, kTries);
  }

  // A base 69 to 137 s in the past: every timestamp that may still arrive is later.
  void refresh(Time now) {
    deadline_ = now + kRefresh;
    const auto high = read_high();
    if (device_->gone()) return;
    constexpr std::uint32_t kBack = 16;
    base_ = std::uint64_t{high.as_data() - kBack} << 32;
  }

  /// From a counter's read to the moment that the caller calls now.
  static constexpr std::uint64_t kReadNs = 10'000;

  D* device_;
  bool running_ = false;
  bool kept_ = false;
  std::uint64_t kept_counter_ = 0;
  Time kept_at_{};
  Time deadline_{};
  std::int64_t slew_ppb_ = 0;
  std::uint64_t offset_ = 0;  // this clock minus the counter
  std::uint64_t base_ = 0;    // of timestamps, in counter time
};

}  // namespace hni
