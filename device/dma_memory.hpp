// SPDX-License-Identifier: Apache-2.0
#pragma once
// What the card can reach of the host's memory: the addresses that the driver mapped for DMA, and
// nothing else. It plays the part of an IOMMU. Every access of the card goes through at(); an
// access that no single mapping contains is refused, counted and remembered, and the card then
// behaves as a device does after a failed bus transaction.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "device/remote_memory.hpp"

namespace hni::device {

/// Direction of an access, seen from the card: kRead fetches from host memory, kWrite stores into
/// it.
enum class Access : std::uint8_t { kRead, kWrite };

/// One mapping: `bytes` bytes that the card sees at bus address `iova` and the process sees at
/// `cpu`. The memory belongs to the driver (or guest) and must stay valid until unmap(). An IOMMU
/// maps what the card only fetches, such as packets to send, so that it cannot be written.
struct DmaRange {
  std::uint64_t iova;
  std::size_t bytes;
  std::byte* cpu;  ///< nullptr: remote memory
  bool writable = true;
};

/// The newest refused access, kept for reports.
struct DmaFault {
  std::uint64_t iova;
  std::size_t bytes;
  Access access;
};

/// Descriptors carry 46-bit addresses [device 1, 12.1, 13.1].
inline constexpr std::uint64_t kDmaAddressLimit = 1ull << 46;

/// What the card wrote to remote memory, until flush().
struct RemoteWrite {
  std::uint64_t iova = 0;
  std::vector<std::byte> before;       ///< what the host has there
  std::unique_ptr<std::byte[]> after;  ///< what the card makes of it; congruent modulo 8
  std::byte* data() const { return after.get() + (iova & 7); }
};

/// The set of mappings. Mappings never overlap. Not thread safe: one card, one thread.
class DmaMemory {
 public:
  /// Room for `capacity_hint` mappings is reserved at once, so that map() does not allocate below
  /// that count.
  explicit DmaMemory(std::size_t capacity_hint = 1024);

  /// Adds a mapping. Refused (false) when it is empty, reaches past 46 bits, overlaps another one,
  /// has no memory, or is not congruent to its bus address modulo 8 (descriptors are read and
  /// written as aligned 64-bit words).
  bool map(DmaRange range);

  /// Adds memory that is reached through `remote` (see set_remote()). What the card reads there is
  /// fetched at each access, what it writes is stored by flush(), in the order of the accesses.
  bool map_remote(std::uint64_t iova, std::size_t bytes, bool writable);
  /// `remote` outlives this object.
  void set_remote(RemoteMemory& remote) { remote_ = &remote; }
  /// The host sees now what the card wrote. Whoever tells it of something (an interrupt, an
  /// answer) calls this before. Pointers into remote memory end here.
  void flush() {
    if (!writes_.empty()) [[unlikely]]
      flush_all();
  }

  /// Removes the mapping that is exactly [iova, iova + bytes). False when there is none.
  bool unmap(std::uint64_t iova, std::size_t bytes);

  /// Removes every mapping that lies inside [iova, iova + bytes) and returns their number
  /// (vfio-user unmaps so).
  std::size_t unmap_inside(std::uint64_t iova, std::uint64_t bytes);

  void unmap_all();

  /// The memory behind [iova, iova + bytes), or nullptr when no single mapping contains all of it
  /// that allows the access (counted as refused). A pointer is valid until generation() changes;
  /// one to read from remote memory until the next such access.
  std::byte* at(std::uint64_t iova, std::size_t bytes, Access access) {
    if (last_ < ranges_.size() && allows(ranges_[last_], iova, bytes, access)) {
      return ranges_[last_].cpu + (iova - ranges_[last_].iova);
    }
    return find(iova, bytes, access, true);
  }

  /// The longest beginning of [iova, iova + bytes) that one mapping contains: its memory, and its
  /// length in `available` (at least 1). For data that may lie across adjacent mappings, as an
  /// IOMMU maps page by page. nullptr: the first byte is not mapped (counted as refused).
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

  /// As at() for any access, but a miss is not a fault: the caller only asks, and will fall back
  /// to smaller accesses.
  std::byte* peek(std::uint64_t iova, std::size_t bytes) {
    return find(iova, bytes, Access::kWrite, false);
  }

  /// Changes with every map and unmap: whoever caches a pointer compares it first.
  std::uint64_t generation() const { return generation_; }

  std::uint64_t refused() const { return refused_; }
  /// Of these, reads while there was any mapping: on a bus, requests that somebody turned down.
  std::uint64_t refused_reads() const { return refused_reads_; }
  std::optional<DmaFault> last_fault() const { return last_fault_; }
  std::size_t mappings() const { return ranges_.size(); }
  std::uint64_t mapped_bytes() const;

 private:
  static bool allows(const DmaRange& range, std::uint64_t iova, std::size_t bytes, Access access) {
    return (access == Access::kRead || range.writable) && iova >= range.iova &&
           iova - range.iova < range.bytes && bytes <= range.bytes - (iova - range.iova);
  }
  std::byte* find(std::uint64_t iova, std::size_t bytes, Access access, bool count);
  bool insert(DmaRange range);
  const DmaRange* range_of(std::uint64_t iova) const;
  /// The mapping at `iova`, if it is a remote one.
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
  /// More than one turn of a card writes to.
  static constexpr std::size_t kMaxRemoteWrites = 16384;

  std::vector<DmaRange> ranges_;  // sorted by iova
  // The range that answered last: most accesses repeat it. Never a remote one, whose cpu is none.
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
