// SPDX-License-Identifier: Apache-2.0
#pragma once
// What a card says to its host passes here, if somebody wants to hear or change it: answers to
// register reads, completions before they are written, firmware messages before they are
// delivered. The card itself is faithful and does not know what becomes of its words; a hostile
// layer (fuzz/fault/fault_script_player.hpp) implements this.

#include <cstddef>
#include <cstdint>
#include <span>

#include "openhni/spec/word.hpp"

namespace hni::device {

enum class CompletionKind : std::uint8_t { kTransmit, kReceive };

/// Called in the middle of the card's work: an implementation calls nothing of the card.
class HostInterposer {
 public:
  virtual ~HostInterposer() = default;
  /// The host reads a register; what it sees.
  virtual std::uint32_t read(spec::RegAddr at, std::uint32_t honest) = 0;
  /// The host writes a register. False: the write vanishes.
  virtual bool write(spec::RegAddr at, std::uint32_t value) = 0;
  /// The word that goes into a completion queue, DONE included.
  virtual std::uint64_t complete(CompletionKind kind, std::uint64_t word) = 0;
  /// A whole firmware message, to be changed in place.
  virtual void deliver(std::span<std::byte> message) = 0;
};

}  // namespace hni::device
