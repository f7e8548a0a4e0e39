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

/// Queue pair, 0 .. 127: the index of a queue block in BAR0 (fbnic reference 11).
enum class QueueId : std::uint16_t {};
/// MSI-X vector: 0 firmware mailbox, 1 PCS/MAC, 2.. queues (fbnic reference 3.1).
enum class Vector : std::uint16_t {};
/// Address as the card sees it (I/O virtual address), 46 bits (fbnic reference 1).
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

inline constexpr std::uint32_t kFragmentBytes =
    4096;                                         ///< unit of BDs and of HPQ/PPQ doorbells (13.1)
inline constexpr std::uint32_t kMaxQueues = 128;  ///< queue blocks of the card (11)
inline constexpr std::uint32_t kMinRingSize =
    64;  ///< descriptors; smaller rings wedge (trust boundary C#46)
inline constexpr std::uint32_t kMaxRingSize = 65536;   ///< descriptors, written as SIZE 0 (11.3)
inline constexpr std::uint32_t kMaxFrameBytes = 9742;  ///< longest frame without FCS (8.4)
inline constexpr std::uint64_t kMaxDmaAddress = (1ULL << 46) - 1;

/// Device memory that driver and card both see. `cpu` is null in a DmaSpan that was never
/// allocated.
struct DmaSpan {
  std::byte* cpu = nullptr;
  DmaAddr iova{};
  std::size_t bytes = 0;
};

}  // namespace hni
