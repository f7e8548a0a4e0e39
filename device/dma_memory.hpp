// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The host memory that the card can reach: the addresses that the driver mapped for DMA, and
/// nothing else. It models an IOMMU. Every access of the card goes through at(); an access that no
/// single mapping contains is refused, counted and recorded, and the card then behaves as a device
/// does after a failed bus transaction.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "device/remote_memory.hpp"

namespace hni::device {

/// Direction of an access, from the card's point of view: kRead fetches from host memory, kWrite
/// stores into it.
enum class Access : std::uint8_t { kRead, kWrite };

/// A mapping of `bytes` bytes. The memory belongs to the driver (or guest) and must stay valid
/// until
/// unmap(). An IOMMU maps what the card only fetches, such as packets to send, as not writable.
struct DmaRange {
  std::uint64_t iova;    ///< bus address that the card uses
  std::size_t bytes;     ///< size
  std::byte* cpu;        ///< address in this process; null: remote memory
  bool writable = true;  ///< the card may store
  bool readable = true;  ///< the card may fetch
};

/// A refused access.
struct DmaFault {
  std::uint64_t iova;  ///< bus address
  std::size_t bytes;   ///< size
  Access access;       ///< direction
};

/// descriptors carry 46-bit addresses [device 1, 12.1, 13.1]
inline constexpr std::uint64_t kDmaAddressLimit = 1ull << 46;

/// Stores to remote memory that are pending until flush().
struct RemoteWrite {
  std::uint64_t iova = 0;              ///< bus address
  std::vector<std::byte> before;       ///< content of the host's memory
  std::unique_ptr<std::byte[]> after;  ///< content after the stores; congruent modulo 8
  /// @return first byte of `after`
  std::byte* data() const { return after.get() + (iova & 7); }
};

/// The set of mappings. Mappings never overlap. Not thread safe: one card, one thread.
class DmaMemory {
 public:
  /// Creates an empty set.
  /// @param capacity_hint number of mappings for which map() does not allocate
  explicit DmaMemory(std::size_t capacity_hint = 1024);

  /// Adds a mapping.
  /// @param range the mapping
  /// @return false if it is empty, reaches past 46 bits, overlaps another one, has no memory, or
  ///     is not congruent to its bus address modulo 8 (descriptors are accessed as aligned 64-bit
  ///     words)
  bool map(DmaRange range);

  /// Adds remote memory, see set_remote(). Reads are fetched at each access; flush() stores
  /// writes, in the order of the accesses.
  /// @param iova bus address
  /// @param bytes size
  /// @param writable the card may store
  /// @return false as for map()
  bool map_remote(std::uint64_t iova, std::size_t bytes, bool writable);
  /// Sets how remote memory is accessed.
  /// @param remote must outlive this object
  void set_remote(RemoteMemory& remote) { remote_ = &remote; }
  /// Makes all stores visible to the host. Call it before anything that notifies the host (an
  /// interrupt, a reply). Invalidates pointers into remote memory.
  void flush() {
    if (!writes_.empty()) [[unlikely]]
      flush_all();
  }

  /// Removes a mapping.
  /// @param iova its bus address
  /// @param bytes its exact size
  /// @return false if there is none
  bool unmap(std::uint64_t iova, std::size_t bytes);

  /// Removes every mapping that lies inside a range, as vfio-user unmaps.
  /// @param iova start
  /// @param bytes size
  /// @return number of mappings removed
  std::size_t unmap_inside(std::uint64_t iova, std::uint64_t bytes);

  /// Removes all mappings.
  void unmap_all();

  /// Translates a range. The pointer is valid until generation() changes; one for reading remote
  /// memory until the next such access.
  /// @param iova start
  /// @param bytes size
  /// @param access direction
  /// @return null, counted as refused, unless one mapping contains all of it and allows the access
  std::byte* at(std::uint64_t iova, std::size_t bytes, Access access) {
    if (last_ < ranges_.size() && allows(ranges_[last_], iova, bytes, access)) {
      return ranges_[last_].cpu + (iova - ranges_[last_].iova);
    }
    return find(iova, bytes, access, true);
  }

  /// Translates the longest start of a range that one mapping contains. For data that may span
  /// adjacent mappings, as an IOMMU maps page by page.
  /// @param iova start
  /// @param bytes size
  /// @param access direction
  /// @param available set to the length, at least 1
  /// @return null, counted as refused, if the first byte is not mapped
  std::byte* chunk(std::uint64_t iova, std::size_t bytes, Access access, std::size_t& available) {
    if (last_ >= ranges_.size() || !allows(ranges_[last_], iova, 1, access)) {
      if (const DmaRange* const range = remote_range(iova); range != nullptr) [[unlikely]]
        return remote_chunk(*range, iova, bytes, access, available);
      if (find(iova, 1, access, true) == nullptr) return nullptr;
    }
    const DmaRange& range = ranges_[last_];
    const std::size_t offset = static_cast<std::size_t>(iova - range.iova);
    available = bytes < range.bytes - offset ? bytes : range.bytes - offset;
    return range.cpu + offset;
  }

  /// Translates a range without counting a refusal, for callers that fall back to smaller
  /// accesses.
  /// @param iova start
  /// @param bytes size
  /// @return null unless one mapping that is readable and writable contains all of it
  std::byte* peek(std::uint64_t iova, std::size_t bytes) {
    return find(iova, bytes, Access::kWrite, false);
  }

  /// @return a number that changes with every map and unmap; compare it before using a cached
  ///     pointer
  std::uint64_t generation() const { return generation_; }

  /// @return number of refused accesses
  std::uint64_t refused() const { return refused_; }
  /// @return refused reads while any mapping existed: on a bus, requests that completed with an
  ///     error
  std::uint64_t refused_reads() const { return refused_reads_; }
  /// @return the newest refused access
  std::optional<DmaFault> last_fault() const { return last_fault_; }
  /// @return number of mappings
  std::size_t mappings() const { return ranges_.size(); }
  /// @return sum of their sizes
  std::uint64_t mapped_bytes() const;

 private:
  static bool allows(const DmaRange& range, std::uint64_t iova, std::size_t bytes, Access access) {
    return (access == Access::kRead ? range.readable : range.writable) && iova >= range.iova &&
           iova - range.iova < range.bytes && bytes <= range.bytes - (iova - range.iova);
  }
  std::byte* find(std::uint64_t iova, std::size_t bytes, Access access, bool count);
  bool insert(DmaRange range);
  const DmaRange* range_of(std::uint64_t iova) const;
  /// Returns the mapping at `iova` if it is a remote one.
  const DmaRange* remote_range(std::uint64_t iova) const {
    return remote_ranges_ == 0 ? nullptr : find_remote(iova);
  }
  const DmaRange* find_remote(std::uint64_t iova) const;
  std::byte* remote_chunk(const DmaRange& range, std::uint64_t iova, std::size_t bytes,
                          Access access, std::size_t& available);
  std::byte* remote_at(std::uint64_t iova, std::size_t bytes, Access access);
  void refuse(std::uint64_t iova, std::size_t bytes, Access access);
  void count_remote();
  void flush_all();

  static constexpr std::size_t kNoRange = ~std::size_t{0};
  /// Exceeds the number of writes of a single run() of a card.
  static constexpr std::size_t kMaxRemoteWrites = 16384;

  std::vector<DmaRange> ranges_;  // sorted by iova
  // The range of the last access: most accesses repeat it. Never a remote one, which has no cpu
  // address.
  std::size_t last_ = kNoRange;
  std::uint64_t generation_ = 1;
  std::uint64_t refused_ = 0;
  std::uint64_t refused_reads_ = 0;
  std::optional<DmaFault> last_fault_;
  RemoteMemory* remote_ = nullptr;
  std::size_t remote_ranges_ = 0;
  std::vector<RemoteWrite> writes_;
  std::vector<std::uint64_t> fetched_;  ///< of the newest read, congruent modulo 8
};

}  // namespace hni::device
