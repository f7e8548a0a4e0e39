// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Interrupts: the card's interrupt block [device 3]. Vector 0 belongs to the firmware
/// mailbox, vector 1 to the link, vectors 2.. to the queues.
///
/// The card masks a vector by itself when it delivers it and, on all vectors but 0, clears the
/// software cause; the driver only ever has to unmask. A driver that polls never unmasks and needs
/// nothing of this.

#include <array>
#include <cstdint>

#include "driver/core/checked_io.hpp"
#include "driver/core/error.hpp"
#include "driver/core/types.hpp"
#include "openhni/spec/registers.hpp"

namespace hni {

inline constexpr Vector kMailboxVector{0};
inline constexpr Vector kLinkVector{1};
inline constexpr std::uint16_t kFirstQueueVector = 2;
inline constexpr std::uint16_t kMaxVectors = 256;  ///< bits in the interrupt block [device 3.1]
inline constexpr std::uint32_t kVectorWords = kMaxVectors / 32;

/// Causes that the card can route to a vector [device 3.1].
inline constexpr std::uint32_t kLinkCause = 34;
inline constexpr std::uint32_t kRxBufferCause = 7;

/// When a completion queue may raise its vector: after `rx_us` / `tx_us` microseconds since the
/// first completion that nobody looked at, or when `rx_frames` frames wait (0: half of the ring).
struct Moderation {
  std::uint32_t rx_us = 30;     ///< 0 .. 16383
  std::uint32_t tx_us = 35;     ///< 0 .. 16383
  std::uint32_t rx_frames = 0;  ///< 0 .. 16383

  static constexpr std::uint32_t kMax = (1U << 14) - 1;

  [[nodiscard]] constexpr bool is_valid() const {
    return rx_us <= kMax && tx_us <= kMax && rx_frames <= kMax;
  }
  friend constexpr bool operator==(const Moderation&, const Moderation&) = default;
};

/// The word that sets both timeouts of a vector, and unmasks it if `unmask` [device 3.3].
constexpr spec::INTR_CQ_REARM moderation_word(const Moderation& m, bool unmask) {
  return spec::INTR_CQ_REARM{}
      .set_RCQ_TIMEOUT(m.rx_us)
      .set_RCQ_TIMEOUT_UPD_EN(1)
      .set_TCQ_TIMEOUT(m.tx_us)
      .set_TCQ_TIMEOUT_UPD_EN(1)
      .set_INTR_UNMASK(unmask ? 1 : 0);
}

/// RIM_THRESHOLD of a receive completion queue with `entries` descriptors: a frame takes at least
/// two descriptors [device 11.3, 13.2].
constexpr std::uint32_t rx_threshold(const Moderation& m, std::uint32_t entries) {
  return m.rx_frames != 0 ? 2 * m.rx_frames : (entries - 1) / 2;
}

/// A set of vectors, in the layout of the interrupt block: word n holds vectors 32n .. 32n+31.
struct VectorSet {
  std::array<std::uint32_t, kVectorWords> words{};

  constexpr void add(Vector v) { words[(raw(v) / 32) % kVectorWords] |= 1U << (raw(v) % 32); }
};

template <DeviceIo Io, class Obs = NullObserver>
class Interrupts {
 public:
  using D = CheckedIo<Io, Obs>;
  explicit Interrupts(D& device) : device_(&device) {}

  /// All vectors but the mailbox's clear their cause by themselves. Part of the mailbox bring-up
  /// [device 4.4]; words 1..7 are left at their reset value, as every known driver does.
  void set_auto_clear() {
    device_->write(spec::INTR_SW_AC_MODE{~(1U << raw(kMailboxVector))}, 0U);
  }

  /// True when the vector's cause is up. Works on a masked vector too.
  [[nodiscard]] bool pending(Vector v) {
    return device_->template read<spec::INTR_STATUS>(Site::kIntrStatus, word(v)).raw.any(bit(v));
  }
  /// True when the vector is masked; the self test's question.
  [[nodiscard]] bool masked(Vector v) {
    return device_->template read<spec::INTR_MASK>(Site::kIntrMask, word(v)).raw.any(bit(v));
  }

  void clear(Vector v) { device_->write(spec::INTR_CLEAR{bit(v)}, word(v)); }
  void set(Vector v) { device_->write(spec::INTR_SET{bit(v)}, word(v)); }
  void mask(Vector v) { device_->write(spec::INTR_MASK_SET{bit(v)}, word(v)); }
  void unmask(Vector v) { device_->write(spec::INTR_MASK_CLEAR{bit(v)}, word(v)); }

  /// Sets the timeouts of a queue vector and unmasks it: the last step of starting its queues.
  void enable(Vector v, const Moderation& m) { device_->write(moderation_word(m, true), raw(v)); }
  /// New timeouts while the vector keeps its mask state.
  Result<> moderate(Vector v, const Moderation& m) {
    if (!m.is_valid()) return fail(ErrorCode::kBadArgument, Moderation::kMax);
    device_->write(moderation_word(m, false), raw(v));
    return {};
  }
  /// The end of a poll that found nothing more to do: one write, the vector may fire again.
  void rearm(Vector v) {
    device_->write(spec::INTR_CQ_REARM{}.set_INTR_UNMASK(1), raw(v));
    device_->obs.rearmed(v);
  }

  /// Makes every vector of `set` fire once, so that nothing that completed before the unmasking is
  /// forgotten [device 3.4].
  void kick(const VectorSet& set) {
    for (std::uint32_t n = 0; n < kVectorWords; ++n)
      if (set.words[n] != 0) device_->write(spec::INTR_SET{set.words[n]}, n);
    device_->flush();
  }
  /// The starvation kick: a queue without buffers completes nothing and would never fire
  /// [device 3.4].
  void kick_starved(Vector v) {
    unmask(v);
    set(v);
  }

  /// Routes the link's cause to vector 1, and the receive buffer's nowhere [device 9 step 6].
  void route_link() {
    device_->write(spec::INTR_MSIX_CTRL{}.set_VECTOR(raw(kLinkVector)).set_ENABLE(1), kLinkCause);
    device_->write(spec::INTR_MSIX_CTRL{}, kRxBufferCause);
  }
  /// Ends link interrupts [device 18]: the cause first, so that nothing unmasks vector 1 again.
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
