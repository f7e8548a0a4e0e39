// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Self tests: the register test and the MSI-X test of `ethtool -t` [device 20.1, 20.2]. Both
/// require a port that is not started; the next start overwrites what they wrote. The mailbox test
/// is part of the firmware client.
///
/// Both are state machines: step() does a bounded amount of work and returns.

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>

#include "driver/control/interrupts.hpp"
#include "driver/core/checked_io.hpp"
#include "driver/core/types.hpp"
#include "openhni/spec/registers.hpp"

namespace hni {

/// A register that does not hold what was written.
struct RegisterFault {
  RegAddr at{};                ///< address
  std::uint32_t expected = 0;  ///< value written, masked
  std::uint32_t found = 0;     ///< value read

  /// @return the number that `ethtool -t` shows
  [[nodiscard]] constexpr std::uint32_t code() const { return at.byte_offset / 4; }
};

namespace self_test_detail {

/// A register of the test.
struct TestedRegister {
  RegAddr queue0;        ///< address in queue block 0
  std::uint32_t stride;  ///< bytes to the next queue block
  std::uint32_t read;    ///< bits that must read back
  std::uint32_t write;   ///< bits of the pattern that are written
};

/// Describes a register.
/// @param read bits that must read back
/// @param write bits that are written
/// @return its description
template <class Reg>
constexpr TestedRegister tested(std::uint32_t read, std::uint32_t write = kAllOnes) {
  return {Reg::at(0), Reg::at(1).byte_offset - Reg::at(0).byte_offset, read, write};
}
/// Describes a control register: only its RESET bit, which starts nothing.
/// @return its description
template <class Reg>
constexpr TestedRegister control() {
  const std::uint32_t reset = Reg{}.set_RESET(1).raw;
  return tested<Reg>(reset, reset);
}

inline constexpr std::uint32_t kSizeBits = 0xf;  ///< implemented bits of a SIZE register
/// implemented bits of a base address register
inline constexpr std::uint32_t kBaseLowBits = 0xffffff80;

/// In the order of Linux. Pointers read zero: RESET was the last write before.
inline constexpr auto kTestedRegisters = std::to_array<TestedRegister>({
    control<spec::QUEUE_TWQ0_CTL>(),
    tested<spec::QUEUE_TWQ0_PTRS>(0),
    tested<spec::QUEUE_TWQ0_SIZE>(kSizeBits),
    tested<spec::QUEUE_TWQ0_BAL>(kBaseLowBits),
    tested<spec::QUEUE_TWQ0_BAH>(kAllOnes),
    control<spec::QUEUE_TWQ1_CTL>(),
    tested<spec::QUEUE_TWQ1_PTRS>(0),
    tested<spec::QUEUE_TWQ1_SIZE>(kSizeBits),
    tested<spec::QUEUE_TWQ1_BAL>(kBaseLowBits),
    tested<spec::QUEUE_TWQ1_BAH>(kAllOnes),
    control<spec::QUEUE_TCQ_CTL>(),
    tested<spec::QUEUE_TCQ_PTRS>(0),
    tested<spec::QUEUE_TCQ_SIZE>(kSizeBits),
    tested<spec::QUEUE_TCQ_BAL>(kBaseLowBits),
    tested<spec::QUEUE_TCQ_BAH>(kAllOnes),
    control<spec::QUEUE_RCQ_CTL>(),
    tested<spec::QUEUE_RCQ_PTRS>(0),
    tested<spec::QUEUE_RCQ_SIZE>(kSizeBits),
    tested<spec::QUEUE_RCQ_BAL>(kBaseLowBits),
    tested<spec::QUEUE_RCQ_BAH>(kAllOnes),
    control<spec::QUEUE_BDQ_CTL>(),
    tested<spec::QUEUE_BDQ_HPQ_PTRS>(0),
    tested<spec::QUEUE_BDQ_HPQ_SIZE>(kSizeBits),
    tested<spec::QUEUE_BDQ_HPQ_BAL>(kBaseLowBits),
    tested<spec::QUEUE_BDQ_HPQ_BAH>(kAllOnes),
    tested<spec::QUEUE_BDQ_PPQ_PTRS>(0),
    tested<spec::QUEUE_BDQ_PPQ_SIZE>(kSizeBits),
    tested<spec::QUEUE_BDQ_PPQ_BAL>(kBaseLowBits),
    tested<spec::QUEUE_BDQ_PPQ_BAH>(kAllOnes),
});

/// The last one leaves every register at zero.
inline constexpr std::array<std::uint32_t, 4> kPatterns{0xffffffff, 0x5a5a5a5a, 0xa5a5a5a5, 0};

}  // namespace self_test_detail

/// The register test.
template <DeviceIo Io, class Obs = NullObserver>
class RegisterTest {
 public:
  using D = CheckedIo<Io, Obs>;                 ///< registers of the device
  static constexpr std::uint32_t kQueues = 64;  ///< queue blocks that are tested, as in Linux

  /// Creates a test at its start.
  /// @param device must outlive it
  explicit RegisterTest(D& device) : device_(&device) {}

  /// Starts over.
  void start() {
    next_ = 0;
    fault_.reset();
  }

  /// Tests some registers.
  /// @param budget maximum number of registers to test
  /// @return true when the test is over: all tested, one faulty, or the device removed
  bool step(std::uint32_t budget) {
    using namespace self_test_detail;
    for (; budget > 0 && !done(); --budget) {
      const TestedRegister& r = kTestedRegisters[next_ / kQueues];
      const std::uint32_t queue = next_ % kQueues;
      test({r.queue0.bar, r.queue0.byte_offset + queue * r.stride}, r);
      ++next_;
    }
    return done();
  }

  /// @return true when the test is over
  [[nodiscard]] bool done() const {
    return fault_ || next_ == self_test_detail::kTestedRegisters.size() * kQueues;
  }
  /// @return the faulty register, if any
  [[nodiscard]] const std::optional<RegisterFault>& fault() const { return fault_; }

 private:
  void test(RegAddr at, const self_test_detail::TestedRegister& r) {
    for (const std::uint32_t pattern : self_test_detail::kPatterns) {
      const std::uint32_t written = pattern & r.write;
      device_->write_at(at, written);
      const Untrusted<std::uint32_t> found(device_->read_at(Site::kQueueReadback, at));
      if (!device_->gone() && found.equals(written & r.read)) continue;
      fault_ = RegisterFault{at, written & r.read, found.as_data()};
      return;
    }
  }

  D* device_;
  std::uint32_t next_ = 0;  // register kind times kQueues plus queue
  std::optional<RegisterFault> fault_;
};

/// Fault of a vector; the numbers are those of `ethtool -t`.
enum class MsixFault : std::uint8_t {
  kNone = 0,                 ///< none
  kFiredWhileMasked = 20,    ///< fired while masked
  kSilentAfterUnmask = 30,   ///< the cause was set while masked and was lost
  kFiredWithoutCause = 40,   ///< fired without a cause
  kSilent = 50,              ///< did not fire
  kNotClearedOrMasked = 60,  ///< firing must clear the cause and mask the vector
  kFiredAfterTest = 70,      ///< fired after its test
};

/// The MSI-X test.
template <DeviceIo Io, class Obs = NullObserver>
class MsixTest {
 public:
  using D = CheckedIo<Io, Obs>;  ///< registers of the device
  /// time that an interrupt may take
  static constexpr Duration kWait = std::chrono::milliseconds(10);

  /// Creates a test at its end.
  /// @param device must outlive it
  explicit MsixTest(D& device) : device_(&device), irq_(device) {}

  /// Starts the test of vectors 2 .. `vectors` - 1, one after the other, 40 ms each.
  /// @param now current time
  /// @param vectors number of vectors
  void start(Time now, std::uint16_t vectors) {
    end_ = vectors < kMaxVectors ? vectors : kMaxVectors;
    fired_.reset();
    fault_ = MsixFault::kNone;
    vector_ = kFirstQueueVector;
    phase_ = Phase::kDone;
    if (vector_ < end_) begin_vector(now);
  }

  /// Records that an interrupt arrived.
  /// @param v its vector
  void interrupt(Vector v) {
    if (raw(v) < kMaxVectors) fired_.set(raw(v));
  }

  /// Advances the test.
  /// @param now current time
  /// @return true when the test is over
  bool step(Time now) {
    if (done() || now < deadline_) return done();
    const bool fired = fired_.test(vector_);
    switch (phase_) {
      case Phase::kMasked:
        if (fired) return fail_vector(MsixFault::kFiredWhileMasked);
        irq_.unmask(vector());
        enter(Phase::kUnmasked, now);
        break;
      case Phase::kUnmasked:
        if (!fired) return fail_vector(MsixFault::kSilentAfterUnmask);
        fired_.reset(vector_);
        irq_.unmask(vector());
        enter(Phase::kIdle, now);
        break;
      case Phase::kIdle:
        if (fired) return fail_vector(MsixFault::kFiredWithoutCause);
        irq_.set(vector());
        enter(Phase::kSet, now);
        break;
      case Phase::kSet:
        if (!fired) return fail_vector(MsixFault::kSilent);
        if (irq_.pending(vector()) || !irq_.masked(vector()))
          return fail_vector(MsixFault::kNotClearedOrMasked);
        fired_.reset(vector_);
        next_vector(now);
        break;
      case Phase::kDone:
        break;
    }
    return done();
  }

  /// @return true when the test is over
  [[nodiscard]] bool done() const { return phase_ == Phase::kDone; }
  /// @return when step() is due; Time::max() when the test is over
  [[nodiscard]] Time deadline() const { return done() ? Time::max() : deadline_; }
  /// @return the fault found
  [[nodiscard]] MsixFault fault() const { return fault_; }
  /// @return the vector under test, or the faulty one
  [[nodiscard]] Vector vector() const { return Vector{vector_}; }

 private:
  /// The last action; kWait later the test checks whether the vector fired.
  enum class Phase : std::uint8_t {
    kMasked,    ///< cause set while masked
    kUnmasked,  ///< unmasked with the cause latched
    kIdle,      ///< unmasked without a cause
    kSet,       ///< cause set while unmasked
    kDone,
  };

  void enter(Phase phase, Time now) {
    device_->flush();
    phase_ = phase;
    deadline_ = now + kWait;
  }

  void begin_vector(Time now) {
    quiet();
    irq_.set(vector());
    enter(Phase::kMasked, now);
  }

  // Masks the vector and clears what is latched.
  void quiet() {
    irq_.mask(vector());
    device_->flush();
    irq_.clear(vector());
    device_->flush();
  }

  void next_vector(Time now) {
    if (++vector_ < end_) return begin_vector(now);
    phase_ = Phase::kDone;
    if (fired_.any()) fault_ = MsixFault::kFiredAfterTest;
  }

  bool fail_vector(MsixFault fault) {
    fault_ = fault;
    quiet();
    phase_ = Phase::kDone;
    return true;
  }

  D* device_;
  Interrupts<Io, Obs> irq_;
  Phase phase_ = Phase::kDone;
  MsixFault fault_ = MsixFault::kNone;
  std::uint16_t vector_ = kFirstQueueVector;
  std::uint16_t end_ = kFirstQueueVector;
  Time deadline_{};
  std::bitset<kMaxVectors> fired_{};
};

}  // namespace hni
