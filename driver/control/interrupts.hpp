// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Interrupts: the device's interrupt block [device 3]. Vector 0 belongs to the firmware mailbox,
/// vector 1 to the link, vectors from 2 on to the queues.
///
/// The device masks a vector when it delivers it and, on all vectors but 0, clears the software
/// cause; the driver only ever unmasks. A driver that polls never unmasks and needs none of this.

#include <array>
#include <cstdint>

#include "driver/core/checked_io.hpp"
#include "driver/core/error.hpp"
#include "driver/core/types.hpp"
#include "openhni/spec/registers.hpp"

namespace hni {

inline constexpr Vector kMailboxVector{0};             ///< firmware mailbox
inline constexpr Vector kLinkVector{1};                ///< link
inline constexpr std::uint16_t kFirstQueueVector = 2;  ///< queue pair 0
/// bits in the interrupt block [device 3.1]
inline constexpr std::uint16_t kMaxVectors = 256;
/// 32-bit words of the interrupt block
inline constexpr std::uint32_t kVectorWords = kMaxVectors / 32;

// Causes that the device can route to a vector [device 3.1].

inline constexpr std::uint32_t kLinkCause = 34;     ///< PCS and MAC
inline constexpr std::uint32_t kRxBufferCause = 7;  ///< receive buffer errors

/// Interrupt moderation: a completion queue raises its vector `rx_us` / `tx_us` microseconds after
/// the first unprocessed completion, or when `rx_frames` frames wait (0: half of the ring).
struct Moderation {
  std::uint32_t rx_us = 30;     ///< microseconds, 0 .. 16383
  std::uint32_t tx_us = 35;     ///< microseconds, 0 .. 16383
  std::uint32_t rx_frames = 0;  ///< frames, 0 .. 16383

  static constexpr std::uint32_t kMax = (1U << 14) - 1;  ///< largest value of each

  /// @return true if each value is in range
  [[nodiscard]] constexpr bool is_valid() const {
    return rx_us <= kMax && tx_us <= kMax && rx_frames <= kMax;
  }
  /// Compares all values.
  /// @return true if equal
  friend constexpr bool operator==(const Moderation&, const Moderation&) = default;
};

/// Builds the word that sets both timeouts of a vector [device 3.3].
/// @param m the timeouts
/// @param unmask true: also unmask the vector
/// @return value for INTR_CQ_REARM
constexpr spec::INTR_CQ_REARM moderation_word(const Moderation& m, bool unmask) {
  return spec::INTR_CQ_REARM{}
      .set_RCQ_TIMEOUT(m.rx_us)
      .set_RCQ_TIMEOUT_UPD_EN(1)
      .set_TCQ_TIMEOUT(m.tx_us)
      .set_TCQ_TIMEOUT_UPD_EN(1)
      .set_INTR_UNMASK(unmask ? 1 : 0);
}

/// Returns RIM_THRESHOLD of a receive completion queue. A frame takes at least two descriptors
/// [device 11.3, 13.2].
/// @param m moderation
/// @param entries descriptors of the queue
/// @return descriptors
constexpr std::uint32_t rx_threshold(const Moderation& m, std::uint32_t entries) {
  return m.rx_frames != 0 ? 2 * m.rx_frames : (entries - 1) / 2;
}

/// A set of vectors, in the layout of the interrupt block: word n holds vectors 32n .. 32n+31.
struct VectorSet {
  std::array<std::uint32_t, kVectorWords> words{};  ///< one bit per vector

  /// Adds a vector.
  /// @param v the vector
  constexpr void add(Vector v) { words[(raw(v) / 32) % kVectorWords] |= 1U << (raw(v) % 32); }
};

/// Interrupt control of one device.
template <DeviceIo Io, class Obs = NullObserver>
class Interrupts {
 public:
  using D = CheckedIo<Io, Obs>;  ///< registers of the device
  /// Creates an accessor.
  /// @param device must outlive it
  explicit Interrupts(D& device) : device_(&device) {}

  /// Makes every vector but the mailbox's clear its cause on delivery. Part of the mailbox
  /// bring-up [device 4.4]; words 1..7 keep their reset value, as in every known driver.
  void set_auto_clear() {
    device_->write(spec::INTR_SW_AC_MODE{~(1U << raw(kMailboxVector))}, 0U);
  }

  /// Reads whether a vector's cause is set, masked or not.
  /// @param v the vector
  /// @return true if it is
  [[nodiscard]] bool pending(Vector v) {
    return device_->template read<spec::INTR_STATUS>(Site::kIntrStatus, word(v)).raw.any(bit(v));
  }
  /// Reads whether a vector is masked; for the self test.
  /// @param v the vector
  /// @return true if it is
  [[nodiscard]] bool masked(Vector v) {
    return device_->template read<spec::INTR_MASK>(Site::kIntrMask, word(v)).raw.any(bit(v));
  }

  /// Clears a vector's cause.
  /// @param v the vector
  void clear(Vector v) { device_->write(spec::INTR_CLEAR{bit(v)}, word(v)); }
  /// Sets a vector's cause.
  /// @param v the vector
  void set(Vector v) { device_->write(spec::INTR_SET{bit(v)}, word(v)); }
  /// Masks a vector.
  /// @param v the vector
  void mask(Vector v) { device_->write(spec::INTR_MASK_SET{bit(v)}, word(v)); }
  /// Unmasks a vector.
  /// @param v the vector
  void unmask(Vector v) { device_->write(spec::INTR_MASK_CLEAR{bit(v)}, word(v)); }

  /// Sets the timeouts of a queue vector and unmasks it: the last step of starting its queues.
  /// @param v the vector
  /// @param m the timeouts
  void enable(Vector v, const Moderation& m) { device_->write(moderation_word(m, true), raw(v)); }
  /// Sets the timeouts of a vector and keeps its mask state.
  /// @param v the vector
  /// @param m the timeouts
  /// @return kBadArgument if a value is out of range
  Result<> moderate(Vector v, const Moderation& m) {
    if (!m.is_valid()) return fail(ErrorCode::kBadArgument, Moderation::kMax);
    device_->write(moderation_word(m, false), raw(v));
    return {};
  }
  /// Unmasks a queue vector with one write, after a poll that found no more work.
  /// @param v the vector
  void rearm(Vector v) {
    device_->write(spec::INTR_CQ_REARM{}.set_INTR_UNMASK(1), raw(v));
    device_->obs.rearmed(v);
  }

  /// Fires each vector of a set once, so that no completion from before the unmasking is missed
  /// [device 3.4].
  /// @param set the vectors
  void kick(const VectorSet& set) {
    for (std::uint32_t n = 0; n < kVectorWords; ++n)
      if (set.words[n] != 0) device_->write(spec::INTR_SET{set.words[n]}, n);
    device_->flush();
  }
  /// Kicks a starved queue: a queue without buffers completes nothing and would never fire
  /// [device 3.4].
  /// @param v the queue's vector
  void kick_starved(Vector v) {
    unmask(v);
    set(v);
  }

  /// Routes the link's cause to vector 1 and disables the receive buffer's [device 9 step 6].
  void route_link() {
    device_->write(spec::INTR_MSIX_CTRL{}.set_VECTOR(raw(kLinkVector)).set_ENABLE(1), kLinkCause);
    device_->write(spec::INTR_MSIX_CTRL{}, kRxBufferCause);
  }
  /// Disables link interrupts [device 18]; the cause first, so that nothing unmasks vector 1
  /// again.
  void unroute_link() {
    device_->write(spec::INTR_MSIX_CTRL{}.set_VECTOR(raw(kLinkVector)), kLinkCause);
    device_->flush();
    mask(kLinkVector);
  }

 private:
  static constexpr std::uint32_t word(Vector v) { return raw(v) / 32U; }
  static constexpr std::uint32_t bit(Vector v) { return 1U << (raw(v) % 32U); }

  D* device_;
};

}  // namespace hni
