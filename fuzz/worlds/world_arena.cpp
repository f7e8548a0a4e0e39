// SPDX-License-Identifier: Apache-2.0
#include "fuzz/worlds/world_arena.hpp"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>

#if defined(__SANITIZE_ADDRESS__)
#define HNI_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HNI_ADDRESS_SANITIZER 1
#endif
#if __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define HNI_OWN_ALLOCATOR 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define HNI_OWN_ALLOCATOR 1
#endif

#ifdef HNI_OWN_ALLOCATOR
constexpr bool kServesNew = false;
#else
constexpr bool kServesNew = true;
#endif

#ifdef HNI_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#define HNI_POISON(at, bytes) __asan_poison_memory_region(at, bytes)
#define HNI_UNPOISON(at, bytes) __asan_unpoison_memory_region(at, bytes)
#define HNI_UNCHECKED [[gnu::no_sanitize_address]]
#else
#define HNI_POISON(at, bytes) static_cast<void>(0)
#define HNI_UNPOISON(at, bytes) static_cast<void>(0)
#define HNI_UNCHECKED
#endif

namespace hni::fuzz {

/// Precedes a block; accessible to this file only.
struct WorldArena::Header {
  std::size_t wanted;  ///< requested bytes
  std::uint32_t alignment;
  bool noted;    ///< in `changed_`
  Header* next;  ///< of the freed blocks
  std::uint64_t state;

  static constexpr std::uint64_t kInUse = 0x6172656e61757365;
  static constexpr std::uint64_t kFreed = 0x6172656e61667265;

  HNI_UNCHECKED std::byte* block() { return reinterpret_cast<std::byte*>(this + 1); }
  static Header* of(void* block) { return static_cast<Header*>(block) - 1; }
};

static constinit thread_local WorldArena* serving = nullptr;

namespace {

constexpr std::size_t kArenas = 12;
constexpr std::size_t kRedZone = 16;
/// A page that was copied without need in this many runs is protected again.
constexpr std::uint8_t kPatience = 32;

struct Region {
  std::byte* begin = nullptr;
  std::array<WorldArena*, kArenas> arenas{};
  std::size_t taken = 0;
};
constinit Region region{};
struct sigaction before;

constexpr std::size_t rounded(std::size_t value, std::size_t to) {
  return (value + to - 1) / to * to;
}

/// Copies memory that includes red zones.
HNI_UNCHECKED void copy_page(std::byte* to, const std::byte* from) {
  using Block [[gnu::vector_size(64), gnu::aligned(64), gnu::may_alias]] = std::uint64_t;
  for (std::size_t at = 0; at != WorldArena::kPage; at += sizeof(Block)) {
    *reinterpret_cast<Block*>(to + at) = *reinterpret_cast<const Block*>(from + at);
    asm volatile("" ::: "memory");  // prevents the compiler from calling memcpy()
  }
}
HNI_UNCHECKED bool is_same_page(const std::byte* a, const std::byte* b) {
  using Block [[gnu::vector_size(64), gnu::aligned(64), gnu::may_alias]] = std::uint64_t;
  for (std::size_t at = 0; at != WorldArena::kPage; at += sizeof(Block)) {
    const Block difference =
        *reinterpret_cast<const Block*>(a + at) ^ *reinterpret_cast<const Block*>(b + at);
    std::uint64_t any = 0;
    for (std::size_t i = 0; i != sizeof(Block) / 8; ++i) any |= difference[i];
    if (any != 0) return false;
  }
  return true;
}

constexpr std::size_t block_bytes(std::size_t wanted) {
  return rounded(std::max<std::size_t>(wanted, 1), 16);
}

[[noreturn]] void fail(const char* what) {
  constexpr char kWho[] = "world arena: ";
  (void)!write(2, kWho, sizeof kWho - 1);
  (void)!write(2, what, std::strlen(what));
  (void)!write(2, "\n", 1);
  std::abort();
}

HNI_UNCHECKED void on_write(int number, siginfo_t* info, void* context) {
  WorldArena* const arena = WorldArena::owner_of(info->si_addr);
  if (arena != nullptr && arena->page_written(info->si_addr)) return;
  // Not a page of an arena: the previous handler or the default action reports the fault.
  if ((before.sa_flags & SA_SIGINFO) != 0 && before.sa_sigaction != nullptr)
    return before.sa_sigaction(number, info, context);
  if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
    return before.sa_handler(number);
  (void)sigaction(number, &before, nullptr);
}

bool reserve_region() {
  void* const at = mmap(nullptr, kArenas * WorldArena::kBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return false;
  struct sigaction action {};
  action.sa_sigaction = on_write;
  action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
  if (sigaction(SIGSEGV, &action, &before) != 0) return false;
  region.begin = static_cast<std::byte*>(at);
  return true;
}

}  // namespace

WorldArena::WorldArena() {
  if (!kServesNew || region.taken == kArenas || (region.begin == nullptr && !reserve_region()))
    return;
  void* const copy = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (copy == MAP_FAILED) return;
  copy_ = static_cast<std::byte*>(copy);
  base_ = region.begin + region.taken * kBytes;
  pages_.fill(Page::kWritten);
  HNI_POISON(base_, kBytes);
  region.arenas[region.taken++] = this;
}

WorldArena::Scope::Scope(WorldArena& arena) {
  serving = &arena;
}
WorldArena::Scope::~Scope() {
  serving = nullptr;
}

HNI_UNCHECKED WorldArena* WorldArena::owner_of(const void* block) noexcept {
  const auto at = static_cast<std::size_t>(static_cast<const std::byte*>(block) - region.begin);
  return region.begin != nullptr && at < kArenas * kBytes ? region.arenas[at / kBytes] : nullptr;
}

HNI_UNCHECKED WorldArena::Header* WorldArena::take_freed(std::size_t bytes,
                                                         std::size_t alignment) {
  Queue& queue = bucket_of(bytes);
  Header* previous = nullptr;
  for (Header* header = queue.first; header != nullptr; header = header->next) {
    if (block_bytes(header->wanted) == bytes && header->alignment == alignment) {
      (previous != nullptr ? previous->next : queue.first) = header->next;
      if (queue.last == header) queue.last = previous;
      note_change(*header);
      return header;
    }
    previous = header;
  }
  return nullptr;
}

HNI_UNCHECKED void WorldArena::note_change(Header& header) {
  if (header.block() >= base_ + saved_top_ || header.noted) return;
  if (changes_ < changed_.size()) {
    header.noted = true;
    changed_[changes_++] = &header;
  } else {
    fail("more than 4096 recorded blocks are freed in one run");
  }
}

HNI_UNCHECKED void* WorldArena::allocate(std::size_t wanted, std::size_t alignment) noexcept {
  if (wanted > kBytes || alignment > kBytes) return nullptr;
  const std::size_t bytes = block_bytes(wanted);
  alignment = std::max<std::size_t>(alignment, 16);
  Header* header = nullptr;
  if (top_ - saved_top_ > kFreshBytes) header = take_freed(bytes, alignment);
  if (header == nullptr) {
    const std::size_t at = rounded(top_ + sizeof(Header), alignment);
    if (at + bytes + kRedZone > kBytes) return nullptr;
    top_ = at + bytes + kRedZone;
    high_ = std::max(high_, top_);
    header = Header::of(base_ + at);
    header->noted = false;
  }
  header->wanted = wanted;
  header->alignment = static_cast<std::uint32_t>(alignment);
  header->next = nullptr;
  header->state = Header::kInUse;
  HNI_UNPOISON(header->block(), wanted);
  return header->block();
}

HNI_UNCHECKED void WorldArena::free(void* block) noexcept {
  Header* const header = Header::of(block);
  if (header->state != Header::kInUse) fail("memory is freed twice, or was never allocated");
  note_change(*header);
  header->state = Header::kFreed;
  header->next = nullptr;
  const std::size_t bytes = block_bytes(header->wanted);
  HNI_POISON(block, bytes);
  Queue& queue = bucket_of(bytes);
  (queue.last != nullptr ? queue.last->next : queue.first) = header;
  queue.last = header;
}

void WorldArena::save() {
  saved_top_ = top_;
  saved_freed_ = freed_;
  changes_ = 0;
  const std::size_t pages = rounded(saved_top_, kPage) / kPage;
  for (std::size_t page = 0; page != pages; ++page)
    copy_page(copy_ + page * kPage, base_ + page * kPage);
  // The last page also holds blocks that are allocated from now on: it is copied each time.
  const std::size_t whole = saved_top_ / kPage;
  std::fill_n(pages_.begin(), pages, Page::kWritten);
  if (mprotect(base_, whole * kPage, PROT_READ) == 0)
    std::fill_n(pages_.begin(), whole, Page::kProtected);
}

bool WorldArena::page_written(const void* at) noexcept {
  const auto page = static_cast<std::size_t>(static_cast<const std::byte*>(at) - base_) / kPage;
  if (pages_[page] != Page::kProtected) return false;
  pages_[page] = Page::kWritten;
  idle_[page] = 0;
  return mprotect(base_ + page * kPage, kPage, PROT_READ | PROT_WRITE) == 0;
}

void WorldArena::restore_page(std::size_t page) {
  std::byte* const to = base_ + page * kPage;
  const std::byte* const from = copy_ + page * kPage;
  if (!is_same_page(to, from)) {
    copy_page(to, from);
    ++copied_pages_;
    idle_[page] = 0;
  } else if (++idle_[page] == kPatience && page < saved_top_ / kPage &&
             mprotect(to, kPage, PROT_READ) == 0) {
    pages_[page] = Page::kProtected;
  } else {
    idle_[page] %= kPatience;
  }
}

HNI_UNCHECKED void WorldArena::restore_access() {
  for (std::size_t i = 0; i != changes_; ++i) {
    Header& header = *changed_[i];
    HNI_POISON(header.block(), block_bytes(header.wanted));
    if (header.state == Header::kInUse) HNI_UNPOISON(header.block(), header.wanted);
  }
  changes_ = 0;
  if (top_ > saved_top_) HNI_POISON(base_ + saved_top_, top_ - saved_top_);
}

void WorldArena::restore() {
  copied_pages_ = 0;
  const std::size_t pages = rounded(saved_top_, kPage) / kPage;
  for (std::size_t page = 0; page != pages; ++page)
    if (pages_[page] == Page::kWritten) restore_page(page);
  restore_access();
  freed_ = saved_freed_;
  top_ = saved_top_;
}

HNI_UNCHECKED void WorldArena::zero_unsaved() {
  for (std::size_t at = saved_top_; at != high_; ++at) {
    base_[at] = std::byte{0};
    asm volatile("" ::: "memory");
  }
}

HNI_UNCHECKED std::uint64_t WorldArena::digest() const {
  std::uint64_t hash = top_;
  for (std::size_t at = 0; at < top_; at += sizeof hash) {
    // Blocks, headers and red zones are multiples of 16 bytes.
    hash = (hash ^ *reinterpret_cast<const std::uint64_t*>(base_ + at)) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 29;
  }
  return hash;
}

void WorldArena::clear() {
  if (mprotect(base_, kBytes, PROT_READ | PROT_WRITE) != 0) fail("no write access");
  pages_.fill(Page::kWritten);
  idle_.fill(0);
  saved_top_ = top_ = changes_ = 0;
  freed_ = saved_freed_ = {};
  zero_unsaved();
  HNI_POISON(base_, high_);
  high_ = 0;
}

namespace {

struct Call {
  void (*call)(void*);
  void* argument;
  WorldArena* arena;
};

void* start_call(void* argument) {
  const Call& call = *static_cast<Call*>(argument);
  // Otherwise the frames of the signals that on_write() handles would be on the stack.
  static std::array<std::byte, 65536> signals;
  stack_t before_signals{};
  const stack_t own{.ss_sp = signals.data(), .ss_flags = 0, .ss_size = signals.size()};
  if (sigaltstack(&own, &before_signals) != 0) fail("no signal stack");
  serving = call.arena;
  call.call(call.argument);
  serving = nullptr;
  (void)sigaltstack(&before_signals, nullptr);
  return nullptr;
}

}  // namespace

void call_on_clean_stack(void (*call)(void*), void* argument) {
  constexpr std::size_t kStackBytes = std::size_t{4} << 20;
  static void* const stack = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  Call all{call, argument, serving};
  pthread_attr_t attributes;
  pthread_t thread{};
  if (stack == MAP_FAILED || madvise(stack, kStackBytes, MADV_DONTNEED) != 0 ||
      pthread_attr_init(&attributes) != 0 ||
      pthread_attr_setstack(&attributes, stack, kStackBytes) != 0 ||
      pthread_create(&thread, &attributes, start_call, &all) != 0)
    fail("no thread");
  (void)pthread_join(thread, nullptr);
  (void)pthread_attr_destroy(&attributes);
}

}  // namespace hni::fuzz

#ifndef HNI_OWN_ALLOCATOR
namespace {

void* take_memory(std::size_t bytes, std::size_t alignment) noexcept {
  if (hni::fuzz::serving != nullptr)
    if (void* const block = hni::fuzz::serving->allocate(bytes, alignment)) return block;
  if (alignment <= alignof(std::max_align_t)) return std::malloc(bytes == 0 ? 1 : bytes);
  void* block = nullptr;
  return posix_memalign(&block, alignment, bytes == 0 ? 1 : bytes) == 0 ? block : nullptr;
}
void* need_memory(std::size_t bytes, std::size_t alignment) {
  if (void* const block = take_memory(bytes, alignment)) return block;
  throw std::bad_alloc();
}
void free_memory(void* block) noexcept {
  if (hni::fuzz::WorldArena* const arena = hni::fuzz::WorldArena::owner_of(block))
    return arena->free(block);
  std::free(block);
}
constexpr std::size_t kPlain = alignof(std::max_align_t);

}  // namespace

// operator new[](std::size_t, const std::nothrow_t&) is in port_calls.cpp, which makes it fail.
void* operator new(std::size_t bytes) {
  return need_memory(bytes, kPlain);
}
void* operator new[](std::size_t bytes) {
  return need_memory(bytes, kPlain);
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return take_memory(bytes, kPlain);
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return need_memory(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return need_memory(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return take_memory(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment,
                     const std::nothrow_t&) noexcept {
  return take_memory(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* block) noexcept {
  free_memory(block);
}
void operator delete[](void* block) noexcept {
  free_memory(block);
}
void operator delete(void* block, std::size_t) noexcept {
  free_memory(block);
}
void operator delete[](void* block, std::size_t) noexcept {
  free_memory(block);
}
void operator delete(void* block, const std::nothrow_t&) noexcept {
  free_memory(block);
}
void operator delete[](void* block, const std::nothrow_t&) noexcept {
  free_memory(block);
}
void operator delete(void* block, std::align_val_t) noexcept {
  free_memory(block);
}
void operator delete[](void* block, std::align_val_t) noexcept {
  free_memory(block);
}
void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
  free_memory(block);
}
void operator delete[](void* block, std::size_t, std::align_val_t) noexcept {
  free_memory(block);
}
#endif
