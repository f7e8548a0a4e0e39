// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Snapshots of memory: a world that is set up once is restored before each run by plain copies to
/// the same place, so that pointers in it stay valid. Private members of the driver are accessed
/// by explicit instantiation, which may name them, so that driver/ needs no change for it.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "driver/queues/queue_pair.hpp"

namespace hni::fuzz {

class Snapshot {
 public:
  /// Adds `bytes` bytes (a multiple of 8) at `at` to the snapshot. Pointers in them, and the
  /// objects that they point to, must still be valid at restore.
  void add(void* at, std::size_t bytes) { parts_.push_back({static_cast<std::byte*>(at), bytes}); }
  /// Adds all of `object` except its member `hole`.
  template <class T, class Hole>
  void add_around(T& object, Hole& hole) {
    auto* const begin = reinterpret_cast<std::byte*>(&object);
    auto* const from = reinterpret_cast<std::byte*>(&hole);
    add(begin, static_cast<std::size_t>(from - begin));
    add(from + sizeof hole, static_cast<std::size_t>(begin + sizeof object - from) - sizeof hole);
  }
  template <class T>
  void add_array(HostArray<T>& array) {
    add(&array.at(0), array.size() * sizeof(T));
  }
  void save() {
    std::size_t all = 0;
    for (const Part& part : parts_) all += part.bytes;
    copy_.resize(all);
    std::byte* to = copy_.data();
    for (const Part& part : parts_) {
      copy(to, part.at, part.bytes);
      to += part.bytes;
    }
  }
  void restore() const {
    const std::byte* from = copy_.data();
    for (const Part& part : parts_) {
      copy(part.at, from, part.bytes);
      from += part.bytes;
    }
  }

 private:
  /// Copies memory that is known to be valid: AddressSanitizer's memcpy() would check every byte
  /// before each run.
  [[gnu::no_sanitize_address, gnu::noinline]] static void copy(std::byte* to,
                                                               const std::byte* from,
                                                               std::size_t bytes) {
    using Block [[gnu::vector_size(64), gnu::aligned(8), gnu::may_alias]] = std::uint64_t;
    using Word [[gnu::may_alias]] = std::uint64_t;
    std::size_t at = 0;
    for (; at + sizeof(Block) <= bytes; at += sizeof(Block)) {
      *reinterpret_cast<Block*>(to + at) = *reinterpret_cast<const Block*>(from + at);
      asm volatile("" ::: "memory");  // prevents the compiler from calling memcpy()
    }
    for (; at != bytes; at += sizeof(Word)) {
      *reinterpret_cast<Word*>(to + at) = *reinterpret_cast<const Word*>(from + at);
      asm volatile("" ::: "memory");
    }
  }

  struct Part {
    std::byte* at;
    std::size_t bytes;
  };
  std::vector<Part> parts_;
  std::vector<std::byte> copy_;
};

/// member(Tag) is the private member that a Reveal of the Tag was instantiated for.
template <class Tag, auto kMember>
struct Reveal {
  friend constexpr auto member(Tag) { return kMember; }
};
#define HNI_REVEAL(Tag, pointer)       \
  struct Tag {                         \
    friend constexpr auto member(Tag); \
  };                                   \
  template struct Reveal<Tag, pointer>;

HNI_REVEAL(PoolHolders, &FragmentPool::holders_)
HNI_REVEAL(PoolList, &FragmentPool::list_)

}  // namespace hni::fuzz
