// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The card's interrupt block [device 3]: 256 vectors, each with a hardware cause, a software
/// cause, a mask and an auto-clear mode, and the map from 64 causes (link, RX buffer, ...) to
/// vectors.
///
///  status(v) = hardware(v) | software(v)
///  fires when status(v) && !mask(v): one MSI-X message, mask(v) := 1, and with auto-clear
///  software(v) := 0
///
/// Vector 0 (the firmware mailbox) does not auto-clear, so its cause stays visible until
/// INTR_CLEAR. INTERPRETATION: masks reset to 1 and auto-clear resets to 1 for every vector.

#include <array>
#include <cstdint>

namespace hni::device {

/// Receives MSI-X messages. Called during Card::write, run, receive and tick: an implementation
/// only records the vector (sets a flag, writes an eventfd); it must not call the card or the
/// driver.
class InterruptSink {
 public:
  /// Destroys the sink.
  virtual ~InterruptSink() = default;
  /// Handles an MSI-X message.
  /// @param vector the vector
  virtual void msix(std::uint16_t vector) = 0;
};

/// The interrupt block.
class InterruptBlock {
 public:
  static constexpr unsigned kVectors = 256;  ///< vectors
  static constexpr unsigned kCauses = 64;    ///< causes that can be routed

  /// Creates the block after reset.
  /// @param sink receives the messages
  /// @param vectors size of the MSI-X table; vectors from there on keep their state but send
  ///     nothing
  InterruptBlock(InterruptSink& sink, unsigned vectors);

  /// Restores the reset values.
  void reset();

  /// Reads INTR_STATUS.
  /// @param word vectors 32 * word and following
  /// @return the bits
  std::uint32_t status(unsigned word) const { return hardware_[word] | software_[word]; }
  /// Reads INTR_MASK.
  /// @param word vectors 32 * word and following
  /// @return the bits
  std::uint32_t mask(unsigned word) const { return mask_[word]; }
  /// Reads INTR_SET.
  /// @param word vectors 32 * word and following
  /// @return the bits
  std::uint32_t software_status(unsigned word) const { return software_[word]; }
  /// Reads INTR_SW_AC_MODE.
  /// @param word vectors 32 * word and following
  /// @return the bits
  std::uint32_t auto_clear(unsigned word) const { return auto_clear_[word]; }
  /// Writes INTR_SW_AC_MODE.
  /// @param word vectors 32 * word and following
  /// @param bits the bits
  void set_auto_clear(unsigned word, std::uint32_t bits) { auto_clear_[word] = bits; }
  /// Writes INTR_SET; unmasked vectors fire.
  /// @param word vectors 32 * word and following
  /// @param bits causes to set
  void set_software(unsigned word, std::uint32_t bits);
  /// Writes INTR_CLEAR.
  /// @param word vectors 32 * word and following
  /// @param bits causes to clear
  void clear_software(unsigned word, std::uint32_t bits) { software_[word] &= ~bits; }
  /// Writes INTR_MASK_SET.
  /// @param word vectors 32 * word and following
  /// @param bits vectors to mask
  void set_mask(unsigned word, std::uint32_t bits) { mask_[word] |= bits; }
  /// Writes INTR_MASK_CLEAR; pending vectors fire.
  /// @param word vectors 32 * word and following
  /// @param bits vectors to unmask
  void clear_mask(unsigned word, std::uint32_t bits);

  /// Raises the level of one hardware source. A vector is shared: sources are counted, the status
  /// bit is their OR.
  /// @param vector the vector
  void raise(unsigned vector);
  /// Lowers the level of one hardware source.
  /// @param vector the vector
  void lower(unsigned vector);

  /// Sets the level of a cause, which INTR_MSIX_CTRL(cause) routes if enabled.
  /// @param cause 0..63
  /// @param on level
  void set_cause(unsigned cause, bool on);
  /// Writes INTR_MSIX_CTRL.
  /// @param cause 0..63
  /// @param msix_ctrl the value
  void set_route(unsigned cause, std::uint32_t msix_ctrl);
  /// Reads INTR_MSIX_CTRL.
  /// @param cause 0..63
  /// @return the value
  std::uint32_t route(unsigned cause) const { return routes_[cause]; }

  /// @return number of MSI-X messages sent
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
