// SPDX-License-Identifier: Apache-2.0
#pragma once

/// FragmentPool: the packet memory of a port, cut into 4 KiB fragments that the card can address.
/// A page is the unit that is taken and given back: 2^k fragments, k = 0 .. 4. Each page counts
/// its holders: buffer-ring slots, packets in the application's hands, and packets on their way
/// out. It is free exactly when nobody holds it.

#include <cassert>
#include <cstdint>
#include <optional>

#include "driver/core/error.hpp"
#include "driver/core/host_array.hpp"
#include "driver/core/packet.hpp"
#include "driver/core/types.hpp"

namespace hni {

/// How many hold a page. Generic over the word type so that proofs/ can show that it neither wraps
/// nor leaks. It cannot wrap: each hold on behalf of the card takes at least one byte of the page
/// that no earlier one took, so there are at most 65,536 of them, and one for each buffer slot.
template <class W>
struct RefCount {
  W holders{};

  /// One more holder. Requires holders < the largest W.
  constexpr void get() { holders = W(holders + W(1)); }
  /// One holder less; true if that was the last. Requires holders != 0.
  constexpr bool put() {
    holders = W(holders - W(1));
    return holders == W(0);
  }
};

/// The pages that nobody holds: a stack, in a list with room for all pages. Generic over the word
/// type, the list (`at(W) -> W&`) and the counts (`at(W) -> RefCount&`), so that proofs/ can
/// show that a page is in the list exactly when nobody holds it, and once.
template <class W>
struct FreePages {
  W count{};  ///< the first `count` elements of the list

  /// What element `i` of the list is when all `pages` are free.
  static constexpr W fresh(const W& pages, const W& i) { return W(W(pages - W(1)) - i); }

  /// Takes a page on behalf of `n` holders (>= 1): true, and its number in `page`, unless all
  /// pages are held.
  template <class List, class Holders>
  [[nodiscard]] constexpr bool take(const List& list, Holders& holders, const W& n, W& page) {
    if (count == W(0)) return false;
    count = W(count - W(1));
    page = list.at(count);
    holders.at(page).holders = n;
    return true;
  }

  /// One holder of `page` less; the last one frees it. Requires that somebody holds it.
  template <class List, class Holders>
  constexpr void put(List& list, Holders& holders, const W& page) {
    if (!holders.at(page).put()) return;
    list.at(count) = page;
    count = W(count + W(1));
  }
};

class FragmentPool {
 public:
  static constexpr std::uint32_t kMaxPageShift = 4;
  /// Cuts `memory` (a multiple of the page size, owned by the caller) into pages of 2^page_shift
  /// fragments, all of them free. Allocates only if the number of pages changes.
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

  [[nodiscard]] std::uint32_t page_count() const { return pages_; }
  [[nodiscard]] std::uint32_t free_pages() const { return free_.count; }
  [[nodiscard]] std::uint32_t fragments_per_page() const { return 1U << page_shift_; }
  [[nodiscard]] std::uint32_t holders(FragmentId f) const {
    return holders_.at(page_of(f)).holders;
  }

  /// Takes a page on behalf of `holders` holders (>= 1); its first fragment, or nothing if all
  /// pages are held.
  std::optional<FragmentId> take(std::uint32_t holders = 1) {
    std::uint32_t page = 0;
    if (!free_.take(list_, holders_, holders, page)) return std::nullopt;
    return FragmentId{page << page_shift_};
  }

  /// One more holder of the page of `f`, which somebody holds already.
  void get(FragmentId f) {
    auto& count = holders_.at(page_of(f));
    assert(count.holders != 0);
    count.get();
  }

  /// One holder less; the last one frees the page.
  void put(FragmentId f) {
    assert(holders(f) != 0);
    free_.put(list_, holders_, page_of(f));
  }

  void put(const Packet& packet) {
    for (std::uint32_t i = 0; i < packet.segment_count; ++i) put(packet.segments[i].fragment);
  }

  [[nodiscard]] DmaAddr address(FragmentId f) const {
    return memory_.iova + std::uint64_t{raw(f)} * kFragmentBytes;
  }
  [[nodiscard]] std::byte* data(FragmentId f) const {
    return memory_.cpu + std::size_t{raw(f)} * kFragmentBytes;
  }
  [[nodiscard]] std::byte* data(const Segment& s) const { return data(s.fragment) + s.offset; }
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
