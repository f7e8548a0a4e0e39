// SPDX-License-Identifier: Apache-2.0
#pragma once

/// HostWords: what the queue classes calculate with. A CheckedIo names its words, so that proofs/ can
/// run the very same queue classes over a door whose words are symbolic.

#include <cstdint>

#include "driver/core/fragment_pool.hpp"
#include "driver/core/host_array.hpp"
#include "driver/core/packet.hpp"
#include "driver/core/types.hpp"

namespace hni {

struct HostWords {
  /// Slot numbers, counts of slots, and numbers of fragments.
  using Index = std::uint32_t;
  /// Descriptors.
  using Wide = std::uint64_t;
  using Pool = FragmentPool;
  using Packet = hni::Packet;
  using Segment = hni::Segment;
  /// One element a slot.
  template <class T>
  using Array = HostArray<T>;

  static constexpr FragmentId fragment(Index number) { return FragmentId{number}; }
  /// A value that is only handed on.
  static constexpr std::uint64_t number(std::uint64_t value) { return value; }
};

}  // namespace hni
