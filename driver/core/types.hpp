// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The quantities of a NIC driver as types that do not mix. An enum class costs nothing at run
/// time and refuses to turn into another quantity by accident.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace hni {

/// Driver time: nanoseconds since an arbitrary epoch that the caller chooses. The core never reads
/// a clock; each call that may need the time takes it as `now`, and `now` never goes back.
using Time = std::chrono::nanoseconds;
using Duration = std::chrono::nanoseconds;

/// Queue pair, 0 .. 127: the index of a queue block in BAR0 [device 11].
enum class QueueId : std::uint16_t {};
/// MSI-X vector: 0 firmware mailbox, 1 PCS/MAC, 2.. queues [device 3.1].
enum class Vector : std::uint16_t {};
/// Address as the card sees it (I/O virtual address), 46 bits [device 1].
enum class DmaAddr : std::uint64_t {};
/// One 4 KiB fragment of a FragmentPool.
enum class FragmentId : std::uint32_t {};

template <class E>
requires std::is_enum_v<E>
constexpr auto raw(E value) {
  return static_cast<std::underlying_type_t<E>>(value);
}

constexpr DmaAddr operator+(DmaAddr base, std::uint64_t bytes) {
  return DmaAddr{raw(base) + bytes};
}

/// Unit of buffer descriptors and of the HPQ and PPQ doorbells [device 13.1].
inline constexpr std::uint32_t kFragmentBytes = 4096;
/// Queue blocks of the card [device 11].
inline constexpr std::uint32_t kMaxQueues = 128;
/// Descriptors; smaller rings can end up without a usable slot [trust-boundary C46].
inline constexpr std::uint32_t kMinRingSize = 64;
/// Descriptors; encoded as SIZE 0 [device 11.3].
inline constexpr std::uint32_t kMaxRingSize = 65536;
/// Longest frame without FCS [device 8.4].
inline constexpr std::uint32_t kMaxFrameBytes = 9742;
inline constexpr std::uint64_t kMaxDmaAddress = (1ULL << 46) - 1;

/// Device memory that driver and card both see. `cpu` is null in a DmaSpan that was never
/// allocated.
struct DmaSpan {
  std::byte* cpu = nullptr;
  DmaAddr iova{};
  std::size_t bytes = 0;
};

}  // namespace hni
