// SPDX-License-Identifier: Apache-2.0
#pragma once
// The card's interrupt block [device 3]: 256 vectors, each with a hardware cause, a
// software cause, a mask and an auto-clear mode, and the map from 64 causes (link, RX buffer, ...)
// to vectors.
//
//   status(v) = hardware(v) | software(v)
//   fires when status(v) && !mask(v): one MSI-X message, mask(v) := 1, and with auto-clear
//   software(v) := 0
//
// Vector 0 (the firmware mailbox) does not auto-clear, so its cause stays visible until
// INTR_CLEAR. INTERPRETATION: masks reset to 1 and auto-clear resets to 1 for every vector.

#include <array>
#include <cstdint>

namespace hni::device {

/// Where MSI-X messages go. Called from within Card::write, run, receive and tick: an
/// implementation only notes the vector (sets a flag, writes an eventfd); it must not call the
/// card or the driver.
class InterruptSink {
 public:
  virtual ~InterruptSink() = default;
  virtual void msix(std::uint16_t vector) = 0;
};

class InterruptBlock {
 public:
  static constexpr unsigned kVectors = 256;
  static constexpr unsigned kCauses = 64;

  /// Vectors at or above `vectors` (the size of the MSI-X table) keep their state but send
  /// nothing.
  InterruptBlock(InterruptSink& sink, unsigned vectors);

  void reset();

  /// Registers INTR_STATUS .. INTR_MASK_CLEAR, word n of 8 (vectors 32n .. 32n+31).
  std::uint32_t status(unsigned word) const { return hardware_[word] | software_[word]; }
  std::uint32_t mask(unsigned word) const { return mask_[word]; }
  std::uint32_t software_status(unsigned word) const { return software_[word]; }
  std::uint32_t auto_clear(unsigned word) const { return auto_clear_[word]; }
  void set_auto_clear(unsigned word, std::uint32_t bits) { auto_clear_[word] = bits; }
  void set_software(unsigned word, std::uint32_t bits);
  void clear_software(unsigned word, std::uint32_t bits) { software_[word] &= ~bits; }
  void set_mask(unsigned word, std::uint32_t bits) { mask_[word] |= bits; }
  void clear_mask(unsigned word, std::uint32_t bits);

  /// Level of one hardware source on a vector. A vector is shared: sources are counted, the status
  /// bit is their OR.
  void raise(unsigned vector);
  void lower(unsigned vector);

  /// Level of one of the 64 causes, routed by INTR_MSIX_CTRL(cause) when that is enabled.
  void set_cause(unsigned cause, bool on);
  void set_route(unsigned cause, std::uint32_t msix_ctrl);
  std::uint32_t route(unsigned cause) const { return routes_[cause]; }

  std::uint64_t fired() const { return fired_; }

 private:
  void fire(unsigned word);
  void apply_route(unsigned cause, bool on);

  InterruptSink& sink_;
  unsigned vectors_;
  std::array<std::uint32_t, kVectors / 32> hardware_{};
  std::array<std::uint32_t, kVectors / 32> software_{};
  std::array<std::uint32_t, kVectors / 32> mask_{};
  std::array<std::uint32_t, kVectors / 32> auto_clear_{};
  std::array<std::uint16_t, kVectors> sources_{};
  std::array<std::uint32_t, kCauses> routes_{};
  std::uint64_t causes_ = 0;
  std::uint64_t fired_ = 0;
};

}  // namespace hni::device
