// SPDX-License-Identifier: Apache-2.0
#include "vfio_user/guest_memory.hpp"

#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "vfio_user/protocol.hpp"

namespace hni::device::vfio_user {
namespace {

constexpr std::uint64_t kPage = 4096;
/// Descriptors carry 46-bit addresses, but a client may also map memory above that limit.
constexpr std::uint64_t kAddressLimit = 1ull << 52;

// ---- Pages that fail after mapping (SIGBUS)

/// The mapped ranges, in a form that the signal handler may read.
struct Watched {
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};
  std::atomic<std::uintptr_t> page{kPage};  ///< granularity in which the mapping can be replaced
  std::atomic<bool> damaged{false};
};
constexpr std::size_t kMaxWatched = 8192;
std::array<Watched, kMaxWatched> watched;
std::atomic<std::size_t> watched_end{0};
std::atomic<std::uint64_t> lost_pages{0};

/// Maps private zero pages over [begin, end). MAP_NORESERVE, as the page may be one of 1 GB.
bool replace(std::uintptr_t begin, std::uintptr_t end) {
  return ::mmap(reinterpret_cast<void*>(begin), end - begin, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) != MAP_FAILED;
}

/// SIGBUS handler: the file was truncated, its file system or pool of huge pages is exhausted, or
/// the memory is broken.
void on_bus_error(int /*signal*/, siginfo_t* info, void* /*context*/) {
  const auto at = reinterpret_cast<std::uintptr_t>(info->si_addr);
  const std::size_t count = watched_end.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uintptr_t begin = watched[i].begin.load(std::memory_order_relaxed);
    const std::uintptr_t end = watched[i].end.load(std::memory_order_relaxed);
    if (begin == 0 || at < begin || at >= end) continue;
    // A part of a huge page cannot be replaced; if even the page cannot be replaced, the whole
    // piece is.
    const std::uintptr_t page = watched[i].page.load(std::memory_order_relaxed);
    const std::uintptr_t from = at & ~(page - 1);
    if (replace(from, from + page) || replace(begin, end)) {
      watched[i].damaged.store(true, std::memory_order_relaxed);
      lost_pages.fetch_add(1, std::memory_order_relaxed);
      return;
    }
  }
  // Not a client's memory: restore the default action, so that a fault of our own ends the
  // process.
  (void)std::signal(SIGBUS, SIG_DFL);
}

void watch_bus_errors() {
  static const bool done = [] {
    struct sigaction action {};
    action.sa_sigaction = on_bus_error;
    action.sa_flags = SA_SIGINFO;
    return ::sigaction(SIGBUS, &action, nullptr) == 0;
  }();
  (void)done;
}

/// Returns the list of released slots, which may be reused.
std::vector<std::size_t>& free_slots() {
  static std::vector<std::size_t> slots;
  return slots;
}

/// Registers the range with the signal handler. Returns its slot, or nothing if all are in use.
std::optional<std::size_t> watch(const std::byte* cpu, std::uint64_t bytes, std::uint64_t page) {
  watch_bus_errors();
  std::vector<std::size_t>& unused = free_slots();
  const std::size_t end = watched_end.load(std::memory_order_relaxed);
  if (unused.empty() && end == kMaxWatched) return std::nullopt;
  const std::size_t slot = unused.empty() ? end : unused.back();
  if (!unused.empty()) unused.pop_back();
  const auto begin = reinterpret_cast<std::uintptr_t>(cpu);
  watched[slot].end.store(begin + bytes, std::memory_order_relaxed);
  watched[slot].page.store(page, std::memory_order_relaxed);
  watched[slot].damaged.store(false, std::memory_order_relaxed);
  watched[slot].begin.store(begin, std::memory_order_release);
  if (slot >= end) watched_end.store(slot + 1, std::memory_order_release);
  return slot;
}

void forget(std::size_t slot) {
  watched[slot].begin.store(0, std::memory_order_relaxed);
  free_slots().push_back(slot);
}

// ---- Files

/// The properties of a client's file that matter here.
struct FileFacts {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t bytes = 0;
  std::uint64_t page = kPage;
  bool huge = false;
};

/// Checks that the window lies in a file of a memory file system, whose pages are available without
/// blocking, and fills `facts`. Returns 0 or an errno value.
int check(const OwnedFd& file, std::uint64_t offset, std::uint64_t bytes, FileFacts& facts) {
  struct stat about {};
  struct statfs system {};
  if (::fstat(file.get(), &about) != 0 || ::fstatfs(file.get(), &system) != 0) return errno;
  if (!S_ISREG(about.st_mode)) return EINVAL;
  const auto kind = static_cast<std::uint64_t>(system.f_type);
  if (kind != TMPFS_MAGIC && kind != HUGETLBFS_MAGIC) return EPERM;
  facts.device = about.st_dev;
  facts.inode = about.st_ino;
  facts.bytes = static_cast<std::uint64_t>(about.st_size);
  facts.huge = kind == HUGETLBFS_MAGIC;
  if (facts.huge) facts.page = std::max(kPage, static_cast<std::uint64_t>(system.f_bsize));
  return offset > facts.bytes || bytes > facts.bytes - offset ? EINVAL : 0;
}

/// Maps the piece; returns nullptr with errno on failure. Huge pages are reserved here, so that an
/// exhausted pool is an error of this call and not of the first access.
std::byte* map_file(const OwnedFd& file, std::uint64_t offset, std::uint64_t bytes, bool writable,
                    bool huge) {
  void* const at =
      ::mmap(nullptr, bytes, writable ? PROT_READ | PROT_WRITE : PROT_READ,
             MAP_SHARED | (huge ? 0 : MAP_NORESERVE), file.get(), static_cast<off_t>(offset));
  if (at == MAP_FAILED) return nullptr;
  (void)::madvise(at, bytes, MADV_DONTDUMP);
  return static_cast<std::byte*>(at);
}

std::uint64_t round_up(std::uint64_t bytes, std::uint64_t unit) {
  return (bytes + unit - 1) / unit * unit;
}

}  // namespace

/// A piece of a client's file that is mapped in this process, shared by all windows inside it.
struct FilePiece {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t offset = 0;  ///< offset of the piece in the file
  std::uint64_t bytes = 0;   ///< whole pages of the file
  std::uint64_t page = kPage;
  std::byte* cpu = nullptr;
  bool writable = false;
  std::size_t windows = 0;
  std::size_t slot = 0;  ///< that watches it
  std::list<FilePiece>::iterator self{};
  OwnedFd file{};
};

GuestMemory::GuestMemory(DmaMemory& dma) : dma_(dma) {}

GuestMemory::~GuestMemory() {
  unmap_all();
  (void)reap(LoopHooks::none());
}

std::uint64_t GuestMemory::lost() {
  return lost_pages.load(std::memory_order_relaxed);
}

bool GuestMemory::damaged() const {
  return std::any_of(pieces_.begin(), pieces_.end(), [](const FilePiece& piece) {
    return watched[piece.slot].damaged.load(std::memory_order_relaxed);
  });
}

int GuestMemory::reach(OwnedFd& file, std::uint64_t offset, MemoryWindow& window) {
  FileFacts facts;
  if (const int error = check(file, offset, window.bytes, facts); error != 0) return error;
  const auto known = std::find_if(pieces_.begin(), pieces_.end(), [&](const FilePiece& piece) {
    return piece.device == facts.device && piece.inode == facts.inode &&
           (piece.writable || !window.writable) && offset >= piece.offset &&
           offset - piece.offset <= piece.bytes &&
           window.bytes <= piece.bytes - (offset - piece.offset);
  });
  if (known != pieces_.end()) {
    ++known->windows;
    window.piece = &*known;
    window.cpu = known->cpu + (offset - known->offset);
    return 0;
  }
  // Maps whole pages, writable for later windows if the client permits it. If the address space
  // cannot hold all of a large file, only the window is mapped.
  FilePiece piece;
  piece.device = facts.device;
  piece.inode = facts.inode;
  piece.page = facts.page;
  piece.windows = 1;
  piece.writable = true;
  piece.bytes = round_up(facts.bytes, facts.page);
  piece.cpu = map_file(file, 0, piece.bytes, true, facts.huge);
  if (piece.cpu == nullptr) {
    piece.offset = offset / facts.page * facts.page;
    piece.bytes = round_up(offset + window.bytes, facts.page) - piece.offset;
    piece.writable = window.writable;
    piece.cpu = map_file(file, piece.offset, piece.bytes, piece.writable, facts.huge);
  }
  if (piece.cpu == nullptr) return errno;
  auto slot = watch(piece.cpu, piece.bytes, piece.page);
  if (!slot && !retired_.empty()) {
    (void)reap(LoopHooks::none());
    slot = watch(piece.cpu, piece.bytes, piece.page);
  }
  if (!slot) {
    ::munmap(piece.cpu, piece.bytes);
    return ENOSPC;
  }
  piece.slot = *slot;
  window.cpu = piece.cpu + (offset - piece.offset);
  if (keep_files_ && std::count_if(pieces_.begin(), pieces_.end(), [](const FilePiece& p) {
                       return static_cast<bool>(p.file);
                     }) < kMaxKept) {
    piece.file = std::move(file);
  }
  pieces_.push_back(std::move(piece));
  pieces_.back().self = std::prev(pieces_.end());
  window.piece = &pieces_.back();
  return 0;
}

void GuestMemory::leave(const MemoryWindow& window) {
  if (window.cpu == nullptr)
    --unreachable_;
  else if (--window.piece->windows == 0)
    retire(window.piece);
}

void GuestMemory::retire(FilePiece* piece) {
  piece->file.reset();
  retired_.splice(retired_.end(), pieces_, piece->self);
}

bool GuestMemory::reap(LoopHooks& hooks) {
  // Unmaps from the end, so that the rest remains one contiguous registered range.
  constexpr std::uint64_t kSlice = 256ull << 20;
  while (!retired_.empty()) {
    FilePiece& piece = retired_.front();
    const std::uint64_t bytes = std::min(piece.bytes, std::max(kSlice, piece.page));
    piece.bytes -= bytes;
    ::munmap(piece.cpu + piece.bytes, bytes);
    if (piece.bytes == 0) {
      forget(piece.slot);
      retired_.pop_front();
    }
    if (hooks.turn_spent()) break;
  }
  return !retired_.empty();
}

int GuestMemory::map(std::uint64_t address, std::uint64_t bytes, std::uint64_t offset,
                     OwnedFd file, bool writable, bool readable) {
  if (!file && !readable) return ENOTSUP;
  if (bytes == 0 || (address | bytes | offset) % kPage != 0) return EINVAL;
  if (address >= kAddressLimit || bytes > kAddressLimit - address) return EINVAL;
  if (windows_.size() >= kMaxDmaMaps) return ENOSPC;
  const auto next = std::lower_bound(
      windows_.begin(), windows_.end(), address,
      [](const MemoryWindow& window, std::uint64_t at) { return window.address < at; });
  if (next != windows_.end() && next->address - address < bytes) return EEXIST;
  if (next != windows_.begin() && address - (next - 1)->address < (next - 1)->bytes) return EEXIST;
  MemoryWindow window{address, bytes, nullptr, writable, readable, nullptr};
  if (file) {
    if (const int error = reach(file, offset, window); error != 0) return error;
  }
  windows_.insert(next, window);
  if (window.cpu == nullptr) ++unreachable_;
  if (enabled_) show(window);
  return 0;
}

void GuestMemory::show(const MemoryWindow& window) {
  if (window.cpu != nullptr)
    (void)dma_.map({window.address, window.bytes, window.cpu, window.writable, window.readable});
  else
    (void)dma_.map_remote(window.address, window.bytes, window.writable);
}

int GuestMemory::unmap(std::uint64_t address, std::uint64_t bytes) {
  if (bytes == 0 || (address | bytes) % kPage != 0 || bytes - 1 > ~std::uint64_t{0} - address)
    return EINVAL;
  const std::uint64_t last = address + (bytes - 1);
  const auto first = std::partition_point(
      windows_.begin(), windows_.end(),
      [&](const MemoryWindow& w) { return w.address + (w.bytes - 1) < address; });
  const auto end = std::partition_point(first, windows_.end(),
                                        [&](const MemoryWindow& w) { return w.address <= last; });
  if (first == end) return 0;
  const MemoryWindow& back = *(end - 1);
  if (first->address < address || back.address + (back.bytes - 1) > last) return EINVAL;
  (void)dma_.unmap_inside(address, bytes);
  for (auto window = first; window != end; ++window) leave(*window);
  windows_.erase(first, end);
  return 0;
}

void GuestMemory::unmap_all() {
  dma_.unmap_all();
  windows_.clear();
  unreachable_ = 0;
  for (FilePiece& piece : pieces_) piece.file.reset();
  retired_.splice(retired_.end(), pieces_);
}

void GuestMemory::enable(bool on) {
  if (on == enabled_) return;
  enabled_ = on;
  dma_.unmap_all();
  if (!on) return;
  for (const MemoryWindow& window : windows_) show(window);
}

std::byte* GuestMemory::at(std::uint64_t address, std::uint64_t bytes, bool writable) const {
  const auto window = std::partition_point(
      windows_.begin(), windows_.end(),
      [&](const MemoryWindow& w) { return w.address + (w.bytes - 1) < address; });
  if (window == windows_.end() || window->address > address || window->cpu == nullptr ||
      (writable && !window->writable)) {
    return nullptr;
  }
  const std::uint64_t offset = address - window->address;
  return bytes <= window->bytes - offset ? window->cpu + offset : nullptr;
}

std::optional<SharedWindow> GuestMemory::shared(std::uint64_t address, std::uint64_t bytes) const {
  if (!enabled_) return std::nullopt;
  auto first = std::partition_point(windows_.begin(), windows_.end(), [&](const MemoryWindow& w) {
    return w.address + (w.bytes - 1) < address;
  });
  if (first == windows_.end() || first->address > address) return std::nullopt;
  const FilePiece* const piece = first->piece;
  if (piece == nullptr || !piece->file) return std::nullopt;
  const auto continues = [&](const MemoryWindow& one, const MemoryWindow& next) {
    return one.piece == piece && next.piece == piece && one.address + one.bytes == next.address &&
           one.cpu + one.bytes == next.cpu && one.writable == next.writable;
  };
  auto last = first;
  while (first != windows_.begin() && continues(*(first - 1), *first)) --first;
  while (last + 1 != windows_.end() && continues(*last, *(last + 1))) ++last;
  const std::uint64_t end = last->address + last->bytes;
  if (bytes > end - address) return std::nullopt;
  return SharedWindow{first->address,
                      end - first->address,
                      piece->offset + static_cast<std::uint64_t>(first->cpu - piece->cpu),
                      piece->file.get(),
                      piece->inode,
                      first->writable};
}

}  // namespace hni::device::vfio_user
