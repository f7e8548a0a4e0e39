// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The quantities of a NIC driver as distinct types. An enum class costs nothing at run time and
/// does not convert to another quantity by accident.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace hni {

/// Driver time: nanoseconds since an epoch that the caller chooses. The core never reads a clock;
/// each call that needs the time takes it as `now`, and `now` never decreases.
using Time = std::chrono::nanoseconds;
/// A difference of two driver times, nanoseconds.
using Duration = std::chrono::nanoseconds;

/// Queue pair, 0 .. 127: index of a queue block in BAR0 [device 11].
enum class QueueId : std::uint16_t {};
/// MSI-X vector: 0 firmware mailbox, 1 PCS/MAC, from 2 on queues [device 3.1].
enum class Vector : std::uint16_t {};
/// Address as the device sees it (I/O virtual address), 46 bits [device 1].
enum class DmaAddr : std::uint64_t {};
/// One 4 KiB fragment of a FragmentPool.
enum class FragmentId : std::uint32_t {};

/// Returns the number behind an enumerator.
/// @param value the enumerator
/// @return its underlying value
template <class E>
requires std::is_enum_v<E>
constexpr auto raw(E value) {
  return static_cast<std::underlying_type_t<E>>(value);
}

/// Adds an offset to a device address.
/// @param base start
/// @param bytes offset
/// @return the address
constexpr DmaAddr operator+(DmaAddr base, std::uint64_t bytes) {
  return DmaAddr{raw(base) + bytes};
}

/// Bytes per fragment: the unit of buffer descriptors and of HPQ/PPQ doorbells [device 13.1].
inline constexpr std::uint32_t kFragmentBytes =
    4096;  ///< unit of BDs and of HPQ/PPQ doorbells [device 13.1]
/// Queue blocks of the device [device 11].
inline constexpr std::uint32_t kMaxQueues = 128;
/// Fewest descriptors of a ring; smaller rings wedge the device [trust-boundary C46].
inline constexpr std::uint32_t kMinRingSize =
    64;  ///< descriptors; smaller rings wedge [trust-boundary C46]
/// Most descriptors of a ring; written as SIZE 0 [device 11.3].
inline constexpr std::uint32_t kMaxRingSize = 65536;
/// Longest frame, bytes without FCS [device 8.4].
inline constexpr std::uint32_t kMaxFrameBytes = 9742;
/// Highest address that the device can access.
inline constexpr std::uint64_t kMaxDmaAddress = (1ULL << 46) - 1;

/// DMA memory. `cpu` is null in a span that was never allocated.
struct DmaSpan {
  /// Address for the driver.
  std::byte* cpu = nullptr;
  /// Address for the device.
  DmaAddr iova{};
  /// Size.
  std::size_t bytes = 0;
};

}  // namespace hni
