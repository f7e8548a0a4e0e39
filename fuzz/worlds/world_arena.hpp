// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Worlds that are built once and restored before each run.
///
/// While a WorldArena serves a thread, operator new takes memory from it, so that an emulated card,
/// the driver on it and the memory between them lie in one contiguous area. save() records the
/// area; restore() copies back the pages that were written since, which a write protection detects.
/// The address sanitizer sees each block as an allocation of its own, with red zones, and freed
/// memory as inaccessible; restore() restores that, too.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include "fuzz/script/run_context.hpp"

namespace hni::fuzz {

class WorldArena {
 public:
  static constexpr std::size_t kBytes = std::size_t{64} << 20;  ///< address space
  /// Memory that a run takes before freed memory is used again.
  static constexpr std::size_t kFreshBytes = std::size_t{8} << 20;
  static constexpr std::size_t kPage = 4096;
  static constexpr std::size_t kPages = kBytes / kPage;

  /// Takes one of few areas of address space. Without one, or under a sanitizer whose operator new
  /// cannot be replaced, is_usable() is false.
  WorldArena();
  WorldArena(const WorldArena&) = delete;
  WorldArena& operator=(const WorldArena&) = delete;
  ~WorldArena() = default;  // the address space is never used again

  [[nodiscard]] bool is_usable() const { return base_ != nullptr; }

  /// operator new of this thread takes its memory from `arena` for the lifetime of this object.
  class Scope {
   public:
    explicit Scope(WorldArena& arena);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
  };

  /// Returns memory, or null if none is left.
  void* allocate(std::size_t bytes, std::size_t alignment) noexcept;
  /// Frees memory of this arena.
  void free(void* block) noexcept;
  /// Returns the arena that `block` belongs to, null for other memory.
  static WorldArena* owner_of(const void* block) noexcept;

  /// Records the contents.
  void save();
  /// Restores what save() recorded. Blocks that were allocated since no longer exist.
  void restore();
  /// Frees everything and sets all bytes to zero.
  void clear();
  /// Zeroes all bytes that save() did not record: leftovers of the last run.
  void zero_unsaved();

  /// Returns a hash of all bytes in use, red zones included.
  [[nodiscard]] std::uint64_t digest() const;
  /// Bytes that save() recorded.
  [[nodiscard]] std::size_t saved_bytes() const { return saved_top_; }
  /// Pages that the last restore() copied.
  [[nodiscard]] std::size_t copied_pages() const { return copied_pages_; }

  /// Handles a write to a protected page. Returns false if `at` is not on one.
  bool page_written(const void* at) noexcept;

 private:
  struct Header;
  static constexpr std::size_t kBuckets = 64;
  struct Queue {
    Header* first = nullptr;
    Header* last = nullptr;
  };

  Queue& bucket_of(std::size_t bytes) { return freed_[bytes / 16 % kBuckets]; }
  Header* take_freed(std::size_t bytes, std::size_t alignment);
  void note_change(Header& header);
  void restore_page(std::size_t page);
  void restore_access();

  enum class Page : std::uint8_t { kProtected, kWritten };

  std::byte* base_ = nullptr;
  std::byte* copy_ = nullptr;
  std::size_t top_ = 0;
  std::size_t high_ = 0;  ///< highest `top_` since clear()
  std::size_t saved_top_ = 0;
  std::size_t copied_pages_ = 0;
  std::array<Queue, kBuckets> freed_{};
  std::array<Queue, kBuckets> saved_freed_{};
  /// Recorded blocks that were freed, or freed ones that were allocated, since.
  std::array<Header*, 4096> changed_{};
  std::size_t changes_ = 0;
  std::array<Page, kPages> pages_{};
  std::array<std::uint8_t, kPages> idle_{};  ///< runs in which a written page did not change
};

/// Set by the test that compares restored worlds with new ones.
struct WorldCheck {
  bool build_anew = false;  ///< before each run, at the same addresses
  /// Called at the end of a run with the digest of the world's memory.
  void (*at_end)(std::uint64_t digest) = nullptr;
};
inline WorldCheck world_check{};

/// Calls call(argument) on a zeroed stack and with the same registers each time, as padding that
/// is copied to memory comes from there.
void call_on_clean_stack(void (*call)(void*), void* argument);

/// A world of one kind in the state after `prepare`, restored before each run.
template <class World>
class RestoredWorld {
 public:
  /// Calls use(world) with a world to which prepare(world) was applied, and destroys the world.
  /// The first call for a kind of world uses the ordinary heap: it constructs what lives as long as
  /// the process.
  template <class Prepare, class Use>
  void run(Prepare&& prepare, Use&& use) {
    if (!arena_.is_usable() || std::exchange(first_, false)) {
      const auto world = std::make_unique<World>();
      prepare(*world);
      return use(*world);
    }
    if (world_check.build_anew && world_ != nullptr) {
      arena_.clear();
      world_ = nullptr;
    }
    const WorldArena::Scope scope(arena_);
    if (world_ == nullptr) {
      call([&] {
        world_ = new World;
        prepare(*world_);
      });
      context_ = run_context;
      arena_.save();
    } else {
      arena_.restore();
      if (world_check.at_end != nullptr) arena_.zero_unsaved();
      const std::string_view operation = run_context.operation;
      run_context = context_;
      run_context.operation = operation;
    }
    const std::unique_ptr<World> end(world_);
    call([&] { use(*world_); });
    if (world_check.at_end != nullptr) world_check.at_end(arena_.digest());
  }
  [[nodiscard]] const WorldArena& arena() const { return arena_; }

 private:
  template <class Function>
  static void call(Function&& function) {
    if (world_check.at_end == nullptr) return function();
    call_on_clean_stack(
        [](void* all) { (*static_cast<std::remove_reference_t<Function>*>(all))(); }, &function);
  }

  WorldArena arena_;
  World* world_ = nullptr;
  RunContext context_;
  static inline bool first_ = true;
};

}  // namespace hni::fuzz
