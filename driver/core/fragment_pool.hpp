// SPDX-License-Identifier: Apache-2.0
#pragma once

/// FragmentPool: the packet memory of a port, divided into 4 KiB fragments that the device can
/// address. The unit of allocation is a page of 2^k fragments, k = 0 .. 4. Each page counts its
/// references: buffer-ring slots, received packets that the application owns, and packets being
/// sent. A page is free exactly when it has no reference.

#include <cassert>
#include <cstdint>
#include <optional>

#include "driver/core/error.hpp"
#include "driver/core/host_array.hpp"
#include "driver/core/packet.hpp"
#include "driver/core/types.hpp"

namespace hni {

/// Reference count of a page. Generic over the word type, so that proofs/ can show that it neither
/// wraps nor leaks. It cannot wrap: each reference taken for a completion covers at least one byte
/// of the page that no earlier one covered, so there are at most 65,536 of them, plus one per
/// buffer slot.
template <class W>
struct RefCount {
  W holders{};  ///< number of references

  /// Takes a reference. Requires holders < the largest W.
  constexpr void get() { holders = W(holders + W(1)); }
  /// Drops a reference. Requires holders != 0.
  /// @return true if it was the last one
  constexpr bool put() {
    holders = W(holders - W(1));
    return holders == W(0);
  }
};

/// The free pages: a stack in a list with room for all pages. Generic over the word type, the list
/// (`at(W) -> W&`) and the counts (`at(W) -> RefCount&`), so that proofs/ can show that a page is
/// in the list exactly when it has no reference, and only once.
template <class W>
struct FreePages {
  W count{};  ///< free pages: the first `count` elements of the list

  /// Returns the initial content of the list, when all pages are free.
  /// @param pages number of pages
  /// @param i index in the list
  /// @return page number
  static constexpr W fresh(const W& pages, const W& i) { return W(W(pages - W(1)) - i); }

  /// Allocates a page.
  /// @param list the free list
  /// @param holders reference counts of all pages
  /// @param n initial references, >= 1
  /// @param page set to the page number
  /// @return false if no page is free
  template <class List, class Holders>
  [[nodiscard]] constexpr bool take(const List& list, Holders& holders, const W& n, W& page) {
    if (count == W(0)) return false;
    count = W(count - W(1));
    page = list.at(count);
    holders.at(page).holders = n;
    return true;
  }

  /// Drops a reference to `page`; the last one frees it. Requires that the page has one.
  /// @param list the free list
  /// @param holders reference counts of all pages
  /// @param page page number
  template <class List, class Holders>
  constexpr void put(List& list, Holders& holders, const W& page) {
    if (!holders.at(page).put()) return;
    list.at(count) = page;
    count = W(count + W(1));
  }
};

/// Packet memory of a port.
class FragmentPool {
 public:
  static constexpr std::uint32_t kMaxPageShift = 4;  ///< a page has at most 2^4 fragments
  /// Divides `memory` into pages, all of them free. Allocates only if the number of pages changes.
  /// @param memory owned by the caller; a multiple of the page size
  /// @param page_shift log2 of the fragments per page, 0 .. 4
  /// @return kBadArgument for a larger page_shift, kNoMemory
  Result<> init(DmaSpan memory, std::uint32_t page_shift) {
    if (page_shift > kMaxPageShift) return fail(ErrorCode::kBadArgument, page_shift);
    const auto pages = static_cast<std::uint32_t>(memory.bytes / kFragmentBytes) >> page_shift;
    if (pages != list_.size()) {
      auto holders = HostArray<RefCount<std::uint32_t>>::make(pages);
      if (!holders) return tl::unexpected(holders.error());
      auto free_list = HostArray<std::uint32_t>::make(pages);
      if (!free_list) return tl::unexpected(free_list.error());
      holders_ = std::move(*holders);
      list_ = std::move(*free_list);
    }
    memory_ = memory;
    page_shift_ = page_shift;
    pages_ = pages;
    holders_.fill({});
    for (std::uint32_t i = 0; i < pages_; ++i) list_.at(i) = free_.fresh(pages_, i);
    free_.count = pages_;
    return {};
  }

  /// @return number of pages
  [[nodiscard]] std::uint32_t page_count() const { return pages_; }
  /// @return number of free pages
  [[nodiscard]] std::uint32_t free_pages() const { return free_.count; }
  /// @return fragments per page
  [[nodiscard]] std::uint32_t fragments_per_page() const { return 1U << page_shift_; }
  /// Returns the reference count of a page.
  /// @param f a fragment of the page
  /// @return number of references
  [[nodiscard]] std::uint32_t holders(FragmentId f) const {
    return holders_.at(page_of(f)).holders;
  }

  /// Allocates a page.
  /// @param holders initial references, >= 1
  /// @return its first fragment; nullopt if no page is free
  std::optional<FragmentId> take(std::uint32_t holders = 1) {
    std::uint32_t page = 0;
    if (!free_.take(list_, holders_, holders, page)) return std::nullopt;
    return FragmentId{page << page_shift_};
  }

  /// Takes a reference to a page that has one already.
  /// @param f a fragment of the page
  void get(FragmentId f) {
    auto& count = holders_.at(page_of(f));
    assert(count.holders != 0);
    count.get();
  }

  /// Drops a reference; the last one frees the page.
  /// @param f a fragment of the page
  void put(FragmentId f) {
    assert(holders(f) != 0);
    free_.put(list_, holders_, page_of(f));
  }

  /// Drops the references that a packet owns: one per segment.
  /// @param packet the packet
  void put(const Packet& packet) {
    for (std::uint32_t i = 0; i < packet.segment_count; ++i) put(packet.segments[i].fragment);
  }

  /// Returns the device address of a fragment.
  /// @param f the fragment
  /// @return I/O virtual address
  [[nodiscard]] DmaAddr address(FragmentId f) const {
    return memory_.iova + std::uint64_t{raw(f)} * kFragmentBytes;
  }
  /// Returns the host address of a fragment.
  /// @param f the fragment
  /// @return pointer to 4096 bytes
  [[nodiscard]] std::byte* data(FragmentId f) const {
    return memory_.cpu + std::size_t{raw(f)} * kFragmentBytes;
  }
  /// Returns the host address of a segment.
  /// @param s the segment
  /// @return pointer to s.length bytes
  [[nodiscard]] std::byte* data(const Segment& s) const { return data(s.fragment) + s.offset; }
  /// Checks a fragment number.
  /// @param f the number
  /// @return true if it belongs to this pool
  [[nodiscard]] bool contains(FragmentId f) const { return page_of(f) < pages_; }

 private:
  [[nodiscard]] std::uint32_t page_of(FragmentId f) const { return raw(f) >> page_shift_; }

  DmaSpan memory_;
  std::uint32_t page_shift_ = 0;
  std::uint32_t pages_ = 0;
  FreePages<std::uint32_t> free_;
  HostArray<RefCount<std::uint32_t>> holders_;
  HostArray<std::uint32_t> list_;
};

}  // namespace hni
