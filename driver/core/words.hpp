// SPDX-License-Identifier: Apache-2.0
#pragma once

/// HostWords: the word types of the queue classes. A CheckedIo names its words, so that proofs/
/// can run the same queue classes with symbolic words.

#include <cstdint>

#include "driver/core/fragment_pool.hpp"
#include "driver/core/host_array.hpp"
#include "driver/core/packet.hpp"
#include "driver/core/types.hpp"

namespace hni {

/// Word types of production code.
struct HostWords {
  /// Slot numbers, counts of slots, and fragment numbers.
  using Index = std::uint32_t;
  /// Descriptors.
  using Wide = std::uint64_t;
  /// Packet memory.
  using Pool = FragmentPool;
  /// A packet.
  using Packet = hni::Packet;
  /// A segment of a packet.
  using Segment = hni::Segment;
  /// Array with one element per slot.
  template <class T>
  using Array = HostArray<T>;

  /// Makes a fragment id.
  /// @param number fragment number
  /// @return its id
  static constexpr FragmentId fragment(Index number) { return FragmentId{number}; }
  /// Converts a value that is only passed on.
  /// @param value the value
  /// @return the same value
  static constexpr std::uint64_t number(std::uint64_t value) { return value; }
};

}  // namespace hni
