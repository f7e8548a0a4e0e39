// SPDX-License-Identifier: Apache-2.0
// The page pool of a port: reference counts and the free list, for any number of pages.
//
// The claim that a page is in the free list exactly once if it has no reference, and otherwise not
// at all, quantifies over all pages and all positions of the list. It follows by induction from a
// bijection that the proof maintains: every page has its own position (`place_of`, inverse
// `page_at`); pages without references are before `count`, in the order of the list, and the
// others after it. A step preserves the bijection for an arbitrary page and an arbitrary position,
// assuming it for these and for those that the step itself accesses.
#include "driver/core/fragment_pool.hpp"

#include <array>
#include <deque>
#include <string>
#include <vector>

#include "proofs/obligations/rings.hpp"

namespace hni::proofs {
namespace {

Word& word_of(Word& element) {
  return element;
}
Word& word_of(RefCount<Word>& element) {
  return element.holders;
}

/// An array of any size with any contents. Unlike AnySlots it never branches on whether two
/// indices are equal: an element after a write is a term. Each access is a claim that it is in
/// bounds. (A reference becomes invalid as soon as another element is accessed.)
template <class T>
class AnyArray {
 public:
  AnyArray(const std::string& name, const Word& size)
      : size_(size), contents_(arena().array(32, 32, name)) {}

  Word read(const Word& index) const {
    Term value = arena().select(contents_, index.bits());
    for (Written w : written_) {
      const Term same = Sym<bool>(w.index == index).bits();
      value = arena().if_then_else(same, word_of(w.element).bits(), value);
    }
    return Word::from_bits(value);
  }
  T& at(const Word& index) {
    conclude("I1", "an index is in bounds", index < size_);
    const Word now = read(index);
    written_.push_back({index, T{now}});
    return written_.back().element;
  }
  T& at(const Word& index) const { return const_cast<AnyArray*>(this)->at(index); }

 private:
  struct Written {
    Word index;
    T element;
  };
  Word size_;
  Term contents_;
  std::deque<Written> written_;
};

/// Any number of pages with any free list.
struct World {
  Word pages = input<std::uint32_t>("pages");
  FreePages<Word> free{input<std::uint32_t>("free pages")};
  AnyArray<Word> list{"list", pages}, page_at{"page at", pages}, place_of{"place of", pages};
  AnyArray<RefCount<Word>> holders{"holders", pages};
  // Arbitrary, but fixed.
  Word page = input<std::uint32_t>("any page"), place = input<std::uint32_t>("any place");

  World() {
    assume("what is asked about are pages and places of pages",
           [&] { return page < pages && place < pages; });
  }

  /// The bijection for one page: its position is before `count` exactly if the page has no
  /// reference.
  bool sound_page(const Word& p) const {
    const Word at = place_of.read(p);
    return at < pages && page_at.read(at) == p && (holders.read(p) == 0U) == (at < free.count);
  }
  /// The bijection for one position: its page has no other position, and before `count` the list
  /// names that page.
  bool sound_place(const Word& at) const {
    const Word p = page_at.read(at);
    return p < pages && place_of.read(p) == at && (at >= free.count || list.read(at) == p);
  }
  /// The induction hypothesis, for these pages and places.
  void assume_sound(const std::vector<Word>& some_pages, const std::vector<Word>& some_places) {
    assume("free pages and only they are in the list, each once", [&] {
      bool sound = free.count <= pages;
      for (const Word& p : some_pages) sound = sound && (p >= pages || sound_page(p));
      for (const Word& at : some_places) sound = sound && (at >= pages || sound_place(at));
      return sound;
    });
  }
  void conclude_sound() const {
    conclude("I2", "not more free pages than pages", free.count <= pages);
    conclude("I4", "a page is in the list exactly if it has no reference",
             [&] { return sound_page(page); });
    conclude("I4", "no page is in the list twice", [&] { return sound_place(place); });
  }
};

}  // namespace

HNI_PROVE(free_pages_begin, "Initially every page is in the list, once (I1, I4).") {
  World w;
  const Word place = FreePages<Word>::fresh(w.pages, w.page);
  conclude("I1", "each element is a page", place < w.pages);
  conclude("I4", "every page is an element, and only once: the list is its own inverse",
           FreePages<Word>::fresh(w.pages, place) == w.page);
}

HNI_PROVE(free_pages_take,
          "Taking a page returns one without references, with the requested number of references, "
          "and fails exactly if all pages have references; the list contains free pages only, "
          "each once (I1, I2, I4).") {
  World w;
  must_cover("taken", "all are held");
  const auto holders = input<std::uint32_t>("holders asked for");
  assume("a reference is requested", holders != 0U);
  const Word before = w.free.count, last = before - 1U;
  w.assume_sound({w.page}, {w.place, last});
  Word page{};
  const bool taken = w.free.take(w.list, w.holders, holders, page);
  cover(taken ? "taken" : "all are held");
  conclude("I4", "taken exactly when a page is free", [&] { return taken == (before != 0U); });
  if (taken) {
    conclude("I1", "it is a page", page < w.pages);
    conclude("I4", "it had no reference: it was the last in the list",
             page == w.page_at.read(last));
    conclude("I4", "it has the holders that were asked for", w.holders.read(page) == holders);
    conclude("I4", "one free page fewer", w.free.count == last);
  }
  w.conclude_sound();
}

HNI_PROVE(
    free_pages_drop,
    "Dropping a reference adds the page to the list if it was the last one, and there is room for "
    "it; the list contains free pages only, each once; no count goes below zero (I1, I2, I4).") {
  World w;
  must_cover("freed", "still held");
  const auto dropped = input<std::uint32_t>("page that is dropped");
  assume("it is a page", dropped < w.pages);
  // The page at the first position after the free ones swaps positions with the freed page.
  const Word home = w.place_of.read(dropped), next = w.free.count;
  const Word other = w.page_at.read(next), held = w.holders.read(dropped);
  w.assume_sound({w.page, dropped}, {w.place, next});
  assume("it has a reference", held != 0U);
  w.free.put(w.list, w.holders, dropped);
  const bool freed = w.free.count != next;
  cover(freed ? "freed" : "still held");
  conclude("I4", "freed exactly with its last holder", freed == (held == 1U));
  conclude("I4", "one holder fewer, never below zero", w.holders.at(dropped).holders == held - 1U);
  if (freed) {
    conclude("I4", "one free page more", w.free.count == next + 1U);
    w.page_at.at(next) = dropped;
    w.page_at.at(home) = other;
    w.place_of.at(other) = home;
    w.place_of.at(dropped) = next;
  }
  w.conclude_sound();
}

HNI_REFUTE(page_freed_twice, "I4",
           "Known mistake: a page is added to the list whenever a reference is dropped, not only "
           "with the last one.") {
  World w;
  w.assume_sound({w.page}, {w.place});
  assume("there is room", w.free.count < w.pages);
  w.list.at(w.free.count) = w.page;
  w.free.count = w.free.count + 1U;
  w.conclude_sound();
}

HNI_PROVE(
    fragment_pool_init,
    "init() makes every page free and unreferenced, in the memory that it is given, whatever "
    "sizes, references, memory and free list the pool had before; pages are then handed out "
    "in order, each once (I1, I4).") {
  struct Made {
    std::uint32_t pages;
    unsigned shift;
  };
  constexpr Made kMade[] = {{1, 0}, {4, 0}, {4, 2}, {3, 4}, {9, 1}};
  constexpr std::uint64_t kAddress = 0x7000'0000;
  static std::array<std::byte, 2 * 48 * 4096> memory;
  std::uint64_t runs = 0;
  bool fresh = true, in_order = true, placed = true;
  for (const Made& before : kMade) {
    for (const Made& now : kMade) {
      for (const unsigned used : {0U, 1U, 2U}) {
        FragmentPool pool;
        for (unsigned turn = 0; turn < 2; ++turn, ++runs) {
          const Made& made = turn == 0 ? before : now;
          const std::uint32_t each = 1U << made.shift;
          const auto bytes = std::size_t{made.pages} * each * 4096;
          const std::uint64_t address = kAddress + 0x100'0000ULL * turn;
          std::byte* const at = memory.data() + turn * memory.size() / 2;
          const bool made_it = pool.init({at, DmaAddr{address}, bytes}, made.shift).has_value();
          fresh = fresh && made_it && pool.page_count() == made.pages &&
                  pool.free_pages() == made.pages && pool.fragments_per_page() == each &&
                  !pool.contains(FragmentId{made.pages * each});
          for (std::uint32_t f = 0; f < made.pages * each; ++f) {
            fresh = fresh && pool.holders(FragmentId{f}) == 0 && pool.contains(FragmentId{f});
            placed = placed && raw(pool.address(FragmentId{f})) == address + 4096ULL * f &&
                     pool.data(FragmentId{f}) == at + 4096ULL * f;
          }
          for (std::uint32_t page = 0; page < made.pages; ++page) {
            const auto first = pool.take(page + 1);
            in_order = in_order && first && raw(*first) == page * each &&
                       pool.holders(*first) == page + 1;
          }
          in_order = in_order && !pool.take() && pool.free_pages() == 0;
          // The next turn finds no page free, or some, or all of them in this order.
          for (std::uint32_t page = 0; used != 0 && page < made.pages; page += 3 - used) {
            for (std::uint32_t n = 0; n <= page; ++n) pool.put(FragmentId{page * each});
          }
        }
      }
    }
  }
  searched(runs, "pools");
  conclude("I4", "every page is free and unreferenced", fresh);
  conclude("I4", "pages are handed out in order, each once", in_order);
  conclude("I1", "a fragment has its own 4096 bytes", placed);
}

HNI_PROVE(holder_count,
          "A page becomes free exactly when its last reference is dropped; the count neither "
          "wraps nor goes below zero (I4, I6).") {
  RefCount<Word> count{input<std::uint32_t>("holders")};
  assume("the page has a reference", count.holders != 0U);
  assume("fewer holders than a page of 64 KiB has bytes, twice over",
         count.holders < (2U << 16) + 16U);
  must_cover("last", "not last");
  const auto before = count.holders;
  count.get();
  conclude("I4", "one more, and not a wrap",
           [&] { return count.holders == before + 1U && count.holders > before; });
  const bool now_last = count.put();
  conclude("I4", "the one more is not the last", !now_last);
  conclude("I4", "hold and drop cancel", count.holders == before);
  const bool last = count.put();
  cover(last ? "last" : "not last");
  conclude("I4", "one fewer",
           [&] { return count.holders == before - 1U && count.holders < before; });
  conclude("I4", "the last exactly when none is left",
           [&] { return last == (count.holders == 0U); });
}

HNI_REFUTE(page_bias_underflows, "I4",
           "Known mistake: a page is put once per completion, without a bound on completions "
           "[trust-boundary A27].") {
  RefCount<Word> count{input<std::uint32_t>("holders")};
  const auto before = count.holders;
  (void)count.put();
  conclude("I4", "one fewer", count.holders < before);
}

}  // namespace hni::proofs
