// SPDX-License-Identifier: Apache-2.0
#pragma once
/// Interposer on the device-to-host path: may observe or modify register reads, completions before
/// they are written, and firmware messages before they are delivered. The card itself behaves
/// correctly; a fault injector (fuzz/fault/fault_script_player.hpp) implements this.

#include <cstddef>
#include <cstdint>
#include <span>

#include "openhni/spec/word.hpp"

namespace hni::device {

/// Kinds of completion queues.
enum class CompletionKind : std::uint8_t { kTransmit, kReceive };

/// Called during the card's work: an implementation must not call the card.
class HostInterposer {
 public:
  /// Destroys the interposer.
  virtual ~HostInterposer() = default;
  /// Handles a host read of a register.
  /// @param at address
  /// @param honest value that the card returns
  /// @return value that the host reads
  virtual std::uint32_t read(spec::RegAddr at, std::uint32_t honest) = 0;
  /// Handles a host write of a register.
  /// @param at address
  /// @param value the value
  /// @return false to drop the write
  virtual bool write(spec::RegAddr at, std::uint32_t value) = 0;
  /// Handles a completion before it is written.
  /// @param kind kind of the queue
  /// @param word completion, DONE included
  /// @return word to write
  virtual std::uint64_t complete(CompletionKind kind, std::uint64_t word) = 0;
  /// Handles a firmware message before it is delivered.
  /// @param message may be changed in place
  virtual void deliver(std::span<std::byte> message) = 0;
};

}  // namespace hni::device
