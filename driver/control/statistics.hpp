// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Statistics: every counter of the device, under the names that Linux shows (`ethtool -S`, its
/// standard groups, and debugfs for PCI Express), widened to 64 bits [device 16, 10.7].
///
/// The device's counters start at any value, and the driver never resets them: it keeps the last
/// value and adds differences, so values start at zero and survive a device reset. 32-bit counters
/// are read once per second, before they wrap; 64-bit ones are read on demand.

#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

#include "driver/control/counter_list.hpp"
#include "driver/core/checked_io.hpp"
#include "driver/core/types.hpp"

namespace hni {

/// A counter that continues where the device's wraps: `value` grows by the difference modulo the
/// width of Narrow. Exact if the counter wraps less than once between two reads. Generic over the
/// word types for proofs/.
template <class Narrow, class Wide>
struct WideCounter {
  Wide value{};   ///< the widened value
  Narrow last{};  ///< last value of the device's counter

  /// Sets the reference without counting: at the start and after a reset.
  /// @param now value of the device's counter
  constexpr void rebase(const Narrow& now) { last = now; }
  /// Adds the difference to the last value.
  /// @param now value of the device's counter
  constexpr void advance(const Narrow& now) {
    value = Wide(value + Wide(Narrow(now - last)));
    last = now;
  }
};

/// All values at one time. Two of them give a rate.
struct CounterValues {
  std::array<std::uint64_t, kCounterSlots> at{};  ///< by slot, see CounterGroup::first

  /// Returns a value.
  /// @param c counter
  /// @param index element
  /// @return 0 if the index is out of range
  [[nodiscard]] constexpr std::uint64_t get(Counter c, std::uint32_t index = 0) const {
    const CounterGroup& g = counter_group(c);
    return index < g.count ? at[g.first + index] : 0;
  }
  /// Sums all elements of a counter.
  /// @param c counter
  /// @return the sum
  [[nodiscard]] constexpr std::uint64_t sum(Counter c) const {
    std::uint64_t total = 0;
    for (std::uint32_t i = 0; i < counter_group(c).count; ++i) total += get(c, i);
    return total;
  }
  /// Returns what was counted since `earlier`; levels are copied.
  /// @param earlier older values
  /// @return the differences
  [[nodiscard]] constexpr CounterValues since(const CounterValues& earlier) const {
    CounterValues delta = *this;
    for (const CounterGroup& g : kCounterGroups)
      if (g.kind != CounterKind::kLevel)
        for (std::uint32_t i = g.first; i < g.first + g.count; ++i) delta.at[i] -= earlier.at[i];
    return delta;
  }
};

/// Frames that the device lost, as a network interface shows them [device 16] ("netdev mapping").
struct CardDrops {
  std::uint64_t rx_missed = 0;   ///< no room in the receive FIFOs of the host
  std::uint64_t rx_over = 0;     ///< no buffers or no completion descriptors
  std::uint64_t rx_errors = 0;   ///< damaged in the receive engine
  std::uint64_t tx_dropped = 0;  ///< dropped on the transmit side
};

/// Computes the lost frames.
/// @param v values
/// @return the sums
constexpr CardDrops card_drops(const CounterValues& v) {
  return {v.get(Counter::kFifoDroppedFrames, 4) + v.get(Counter::kFifoDroppedFrames, 6),
          v.sum(Counter::kQueueCqDrops) + v.sum(Counter::kQueueBdqDrops),
          v.sum(Counter::kQueueErrors),
          v.get(Counter::kTmiDropFrames) + v.get(Counter::kTtiCmDropFrames) +
              v.get(Counter::kTtiFrameDropFrames) + v.get(Counter::kTtiTbiDropFrames)};
}

/// Calls `f(name, value)` per counter, in the order of `ethtool -S`, then the others.
/// @param values values
/// @param queues counters of later queues are left out
/// @param f the name is valid during the call only
template <class F>
void for_each_counter(const CounterValues& values, std::uint32_t queues, F&& f) {
  const auto call = [&](const CounterGroup& g, std::uint32_t i) {
    std::array<char, kMaxCounterName> name{};
    char* end = name.data();
    for (const char c : g.name) {
      if (c == '%') {
        end = std::to_chars(end, name.data() + name.size(), i).ptr;
      } else {
        *end++ = c;
      }
    }
    const auto length = static_cast<std::size_t>(end - name.data());
    f(std::string_view(name.data(), length), values.at[g.first + i]);
  };
  for (std::size_t at = 0; at < kCounterGroups.size();) {
    std::size_t end = at + 1;
    while (end < kCounterGroups.size() && kCounterGroups[end].block == kCounterGroups[at].block)
      ++end;
    const bool per_queue = kCounterGroups[at].block == CounterBlock::kQueue;
    const std::uint32_t count = kCounterGroups[at].count;
    for (std::uint32_t i = 0; i < count && !(per_queue && i >= queues); ++i)
      for (std::size_t g = at; g < end; ++g) call(kCounterGroups[g], i);
    at = end;
  }
}

/// Hardware counters of one device.
template <DeviceIo Io, class Obs = NullObserver>
class Statistics {
 public:
  using D = CheckedIo<Io, Obs>;                                 ///< registers of the device
  static constexpr Duration kPeriod = std::chrono::seconds(1);  ///< interval of step()

  /// Creates the counters at zero; call snapshot() before use.
  /// @param device must outlive it
  /// @param queues read the counters of the first so many queue blocks only
  explicit Statistics(D& device, std::uint32_t queues = kMaxQueues)
      : device_(&device), queues_(queues < kMaxQueues ? queues : kMaxQueues) {}

  /// Makes the device's current values the new zero; values are kept. Required at the start and
  /// after each device reset, because the next difference would be arbitrary.
  void snapshot() {
    for (const CounterGroup& g : kCounterGroups) read_group(g, true);
  }

  /// Reads the counters that could wrap, once per second.
  /// @param now current time
  void step(Time now) {
    if (now < deadline_) return;
    deadline_ = now + kPeriod;
    device_->obs.statistics_started(now);
    update_narrow();
    device_->obs.statistics_read(now);
  }
  /// @return when step() is due
  [[nodiscard]] Time deadline() const { return deadline_; }

  /// Reads everything, about 600 registers.
  /// @return the values
  const CounterValues& update() {
    for (const CounterGroup& g : kCounterGroups) read_group(g, false);
    return values_;
  }
  /// @return the values without reading the device
  [[nodiscard]] const CounterValues& values() const { return values_; }
  /// Returns a value without reading the device.
  /// @param c counter
  /// @param index element
  /// @return 0 if the index is out of range
  [[nodiscard]] std::uint64_t value(Counter c, std::uint32_t index = 0) const {
    return values_.get(c, index);
  }

 private:
  using Word = Untrusted<std::uint32_t>;

  void update_narrow() {
    for (const CounterGroup& g : kCounterGroups)
      if (!g.is_wide()) read_group(g, false);
  }

  void read_group(const CounterGroup& g, bool rebase) {
    const std::uint32_t count =
        g.block == CounterBlock::kQueue ? (queues_ < g.count ? queues_ : g.count) : g.count;
    for (std::uint32_t i = 0; i < count; ++i) read_one(g, i, rebase);
  }

  void read_one(const CounterGroup& g, std::uint32_t i, bool rebase) {
    const RegAddr low = g.low(i);
    std::optional<std::uint64_t> now;
    if (g.is_wide()) {
      now = read64(low, g.high(i), rebase);
    } else if (g.kind == CounterKind::kClearOnRead) {
      now = read_clearing(low);
    } else {
      now = device_->read_at(Site::kCounter32, low);
    }
    // A removed device counts nothing.
    if (now && !device_->gone()) account(g, g.first + i, *now, rebase);
  }

  void account(const CounterGroup& g, std::uint32_t slot, std::uint64_t now, bool rebase) {
    std::uint64_t& value = values_.at[slot];
    if (g.kind == CounterKind::kLevel) {
      value = now;
    } else if (g.kind == CounterKind::kClearOnRead) {
      if (!rebase) value += now;
    } else if (g.is_wide()) {
      step_counter<std::uint64_t>(value, last_[slot], now, rebase);
    } else {
      step_counter<std::uint32_t>(value, last_[slot], now, rebase);
    }
  }

  template <class Narrow>
  static void step_counter(std::uint64_t& value, std::uint64_t& last, std::uint64_t now,
                           bool rebase) {
    WideCounter<Narrow, std::uint64_t> counter{value, static_cast<Narrow>(last)};
    if (rebase) {
      counter.rebase(static_cast<Narrow>(now));
    } else {
      counter.advance(static_cast<Narrow>(now));
    }
    value = counter.value;
    last = counter.last;
  }

  // High, low, high: equal high halves confirm the low one. A high half that keeps changing is
  // refused after three attempts; the counter keeps its value (or, at a snapshot, takes the last
  // reading, so that a later difference is not all of it).
  [[nodiscard]] std::optional<std::uint64_t> read64(RegAddr low, RegAddr high, bool rebase) {
    constexpr int kTries = 3;
    std::uint64_t value = 0;
    Word before(device_->read_at(Site::kCounter64High, high));
    for (int i = 0; i < kTries; ++i) {
      const Word bottom(device_->read_at(Site::kCounter64Low, low));
      const Word top(device_->read_at(Site::kCounter64High, high));
      value = std::uint64_t{top.as_data()} << 32 | bottom.as_data();
      if (top.equals(before.as_data())) return value;
      before = top;
    }
    device_->refuse(Site::kCounter64High, value, kTries);
    if (rebase) return value;
    return std::nullopt;
  }

  // Two halves of 16 bits, low first; reading clears them [device 10.7].
  [[nodiscard]] std::uint64_t read_clearing(RegAddr low) {
    constexpr std::uint32_t kHalf = 0xffff;
    const Word bottom(device_->read_at(Site::kFecCounter, low));
    const Word top(device_->read_at(Site::kFecCounter, {low.bar, low.byte_offset + 4}));
    return std::uint64_t{(top & kHalf).as_data()} << 16 | (bottom & kHalf).as_data();
  }

  D* device_;
  std::uint32_t queues_;
  Time deadline_{};
  CounterValues values_{};
  std::array<std::uint64_t, kCounterSlots> last_{};
};

}  // namespace hni
