// SPDX-License-Identifier: Apache-2.0
// The counters against a card with arbitrary counters: they jump, wrap, or have a high half that
// never stabilises. A second implementation in the simplest arithmetic must compute the same
// values.
#include <array>
#include <memory>

#include "driver/control/clock.hpp"
#include "driver/control/statistics.hpp"
#include "fuzz/script/field_faults.hpp"
#include "fuzz/script/finding.hpp"
#include "fuzz/script/run_script.hpp"
#include "fuzz/script/target.hpp"

namespace hni::fuzz {
namespace {

enum class StatOp : std::uint8_t {
  kBump,
  kSet,
  kFresh,
  kStep,
  kUpdate,
  kSnapshot,
  kClock,
  kCarry
};

constexpr auto kOps = std::to_array<OpInfo>({
    {"bump", ArgKind::kNumber, "group", "element", 2, "a counter grows"},
    {"set", ArgKind::kNumber, "group", "element", 2, "a counter has another value"},
    {"fresh", ArgKind::kNumber, "reads", "", 0, "high halves change at each of the next reads"},
    {"step", ArgKind::kNumber, "seconds", "", 0, "time"},
    {"update", ArgKind::kNone, "", "", 0, "the application reads all"},
    {"snapshot", ArgKind::kNone, "", "", 0, "as after a reset"},
    {"clock", ArgKind::kClass, "class", "random", 2, "the clock's halves, and a stamp"},
    {"carry", ArgKind::kNumber, "group", "element", 1,
     "a counter carries into its high half, after one of the next three reads"},
});

constexpr std::uint32_t kQueues = 4;

/// Registers as plain words, and the expected result of reading them.
class CounterCard {
 public:
  std::uint32_t read32(Site site, RegAddr reg) {
    ++reads;
    std::uint32_t& word = words_[reg.byte_offset / 4 % words_.size()];
    const std::uint32_t value = word;
    if (site == Site::kFecCounter) word = 0;
    const bool high = site == Site::kCounter64High || site == Site::kClockHigh;
    if (high && fresh != 0) {
      --fresh;
      site_record().note(site, ValueClass::kFresh);
      ++word;
    }
    if (carry_in != 0 && (reg == carry_low || reg == carry_high) && --carry_in == 0) {
      this->word(carry_low) = 0;
      ++this->word(carry_high);
    }
    return value;
  }
  void write32(RegAddr, std::uint32_t) {}
  std::uint64_t load64(Site, const std::uint64_t* word) { return *word; }
  void store64(std::uint64_t*, std::uint64_t) {}
  void copy_in(Site, std::byte*, const std::byte*, std::size_t) {}
  std::optional<DmaSpan> dma_alloc(std::size_t) { return std::nullopt; }
  void dma_free(DmaSpan) {}

  std::uint32_t& word(RegAddr reg) { return words_[reg.byte_offset / 4 % words_.size()]; }
  std::uint64_t get(const CounterGroup& g, std::uint32_t i) {
    const std::uint64_t low = word(g.low(i));
    if (g.is_wide()) return low | std::uint64_t{word(g.high(i))} << 32;
    if (g.kind != CounterKind::kClearOnRead) return low;
    return (low & 0xffff) | (std::uint64_t{word(next(g.low(i)))} & 0xffff) << 16;
  }
  void set(const CounterGroup& g, std::uint32_t i, std::uint64_t value) {
    carry_in = 0;
    word(g.low(i)) = static_cast<std::uint32_t>(value);
    if (g.is_wide()) word(g.high(i)) = static_cast<std::uint32_t>(value >> 32);
    if (g.kind == CounterKind::kClearOnRead) {
      word(g.low(i)) = value & 0xffff;
      word(next(g.low(i))) = value >> 16 & 0xffff;
    }
  }
  static RegAddr next(RegAddr reg) { return {reg.bar, reg.byte_offset + 4}; }

  std::uint64_t reads = 0;
  std::uint32_t fresh = 0;
  std::uint32_t carry_in = 0;  ///< reads of its halves before the counter at carry_low carries
  RegAddr carry_low{};
  RegAddr carry_high{};

 private:
  std::array<std::uint32_t, 1U << 16> words_{};
};

class Run {
 public:
  Run() : device_(card_, observer_), statistics_(device_, kQueues), clock_(device_) {
    statistics_.snapshot();
  }

  void op(const Op& op) {
    switch (static_cast<StatOp>(op.kind)) {
      case StatOp::kBump:
      case StatOp::kSet:
        change(op);
        break;
      case StatOp::kFresh:
        card_.fresh = op.a;
        break;
      case StatOp::kStep:
        now_ += std::chrono::seconds(op.a);
        book(false, true);
        bounded([&] { statistics_.step(now_); });
        break;
      case StatOp::kUpdate:
        update();
        break;
      case StatOp::kSnapshot:
        book(true, false);
        bounded([&] { statistics_.snapshot(); });
        rebased_ = true;
        break;
      case StatOp::kClock:
        clock(op);
        break;
      case StatOp::kCarry:
        carry(op);
        break;
    }
  }
  void end() {
    card_.fresh = 0;
    book(false, false);
    (void)statistics_.update();
    compare();
  }

 private:
  void change(const Op& op) {
    const CounterGroup& g = kCounterGroups[op.a % kCounterGroups.size()];
    const std::uint32_t i = op.b % g.count;
    const bool bump = static_cast<StatOp>(op.kind) == StatOp::kBump;
    const Site site = g.is_wide()                           ? Site::kCounter64Low
                      : g.kind == CounterKind::kClearOnRead ? Site::kFecCounter
                                                            : Site::kCounter32;
    if (!bump && op.value == 0) site_record().note(site, ValueClass::kZero);
    if (!bump && op.value == ~std::uint64_t{0}) site_record().note(site, ValueClass::kMax);
    if (bump && op.value == 1) site_record().note(site, ValueClass::kAboveHigh);
    if (bump && op.value == 0) site_record().note(site, ValueClass::kStale);
    card_.set(g, i, bump ? card_.get(g, i) + op.value : op.value);
  }

  void update() {
    book(false, false);
    bounded([&] { (void)statistics_.update(); });
    compare();
  }

  /// The critical moment of a two-part read: all ones in the low half, then an increment.
  void carry(const Op& op) {
    update();  // completes the previous carry
    std::size_t at = op.a % kCounterGroups.size();
    while (!kCounterGroups[at].is_wide()) at = (at + 1) % kCounterGroups.size();
    const CounterGroup& g = kCounterGroups[at];
    const std::uint32_t i = op.b % (g.block == CounterBlock::kQueue ? kQueues : g.count);
    card_.set(g, i, (op.value >> 2 & 0xffff) << 32 | 0xffffffff);
    card_.carry_low = g.low(i);
    card_.carry_high = g.high(i);
    card_.carry_in = static_cast<std::uint32_t>(op.value % 3 + 1);
    carried_ = g.first + i;
    rebased_ = false;
  }

  /// The driver may have read a counter before or after it carried: one more, or, when it starts
  /// counting there, one less. Nothing else is allowed.
  void follow_carry(std::uint64_t got) {
    if (got == value_[carried_] + 1) {
      value_[carried_] = got;
      ++last_[carried_];
    } else if (rebased_ && got + 1 == value_[carried_]) {
      value_[carried_] = got;
    }
  }

  template <class Call>
  void bounded(Call&& call) {
    card_.reads = 0;
    call();
    // Three attempts of two reads plus one, for each element of each group.
    require(card_.reads <= 7 * kCounterSlots, "steps", "reading the counters does not end",
            card_.reads);
    work().events += card_.reads;
  }

  /// Returns the expected value of a read at this time. While halves change it is undefined and is
  /// adopted later.
  void book(bool rebase, bool narrow_only) {
    if (narrow_only && now_ < due_) return;
    if (narrow_only) due_ = now_ + std::chrono::seconds(1);
    if (card_.fresh != 0) unsure_ = true;
    for (const CounterGroup& g : kCounterGroups) {
      if (narrow_only && g.is_wide()) continue;
      const std::uint32_t n = g.block == CounterBlock::kQueue ? kQueues : g.count;
      for (std::uint32_t i = 0; i < n; ++i) account(g, i, rebase);
    }
  }
  void account(const CounterGroup& g, std::uint32_t i, bool rebase) {
    const std::uint64_t now = card_.get(g, i);
    std::uint64_t& value = value_[g.first + i];
    std::uint64_t& last = last_[g.first + i];
    switch (g.kind) {
      case CounterKind::kLevel:
        value = now;
        return;
      case CounterKind::kClearOnRead:
        value += rebase ? 0 : now;
        return;
      case CounterKind::kNarrow:
        value += rebase ? 0 : (now - last) & 0xffffffff;
        break;
      default:
        value += rebase ? 0 : now - last;
        break;
    }
    last = now;
  }
  void compare() {
    if (device_.gone()) return;
    for (std::size_t slot = 0; slot < kCounterSlots; ++slot) {
      if (unsure_) value_[slot] = statistics_.values().at[slot];
      if (slot == carried_) follow_carry(statistics_.values().at[slot]);
      require(statistics_.values().at[slot] == value_[slot], "model", "another counter value",
              slot, value_[slot]);
    }
    if (!unsure_) return;
    unsure_ = false;
    card_.fresh = 0;
    book(true, false);
    statistics_.snapshot();
    for (std::size_t slot = 0; slot < kCounterSlots; ++slot)
      value_[slot] = statistics_.values().at[slot];
  }

  void clock(const Op& op) {
    const ValueClass c = value_class(op.a);
    site_record().note(Site::kClockHigh, c);
    site_record().note(Site::kClockLow, c);
    std::uint32_t& high = card_.word(spec::PTP_CTR_VAL_HI::at());
    std::uint32_t& low = card_.word(spec::PTP_CTR_VAL_LO::at());
    high = static_cast<std::uint32_t>(
        faulty_value(c, {.low = high, .high = high, .stale = high}, op.b));
    low =
        static_cast<std::uint32_t>(faulty_value(c, {.low = low, .high = low, .stale = low}, op.b));
    card_.reads = 0;
    // At most nine reads, and one presence check for each that is all ones.
    const auto time = clock_.read();
    require(card_.reads <= 24, "steps", "reading the clock does not end", card_.reads);
    if (time && card_.fresh == 0)
      require(*time == (std::uint64_t{high} << 32 | low), "model", "another time", *time);
    clock_.start(now_);
    const std::uint64_t stamp = clock_.time_of(Untrusted<std::uint64_t>(op.value));
    require((stamp & ((1ULL << 40) - 1)) == (op.value & ((1ULL << 40) - 1)), "model",
            "another stamp", stamp, op.value);
  }

  CounterCard card_;
  NullObserver observer_;
  CheckedIo<CounterCard> device_;
  Statistics<CounterCard> statistics_;
  Clock<CounterCard> clock_;
  Time now_{};
  Time due_{};
  bool unsure_ = false;
  bool rebased_ = false;                 ///< since the carry
  std::size_t carried_ = kCounterSlots;  ///< the counter that carried last
  std::array<std::uint64_t, kCounterSlots> value_{};
  std::array<std::uint64_t, kCounterSlots> last_{};
};

void run(const std::uint8_t* data, std::size_t size) {
  const auto world = std::make_unique<Run>();
  run_script(*world, data, size, kOps, 128);
  world->end();
}

}  // namespace

const Target& statistics_target() {
  static constexpr Target kTarget{"statistics",
                                  "counters and clock over registers of any value, against a "
                                  "second book-keeper",
                                  kOps, run, 2048};
  return kTarget;
}

}  // namespace hni::fuzz
