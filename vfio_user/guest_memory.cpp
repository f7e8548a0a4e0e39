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
#include <utility>

#include "vfio_user/protocol.hpp"

namespace hni::device::vfio_user {
namespace {

constexpr std::uint64_t kPage = 4096;
/// Descriptors carry 46-bit addresses, but a client may also have memory above.
constexpr std::uint64_t kAddressLimit = 1ull << 52;

// ---- A page that a client took away

/// What the signal handler may look at: the ranges that are mapped now.
struct Watched {
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};
  std::atomic<bool> damaged{false};
};
std::array<Watched, 8192> watched;
std::atomic<std::size_t> watched_end{0};
std::atomic<std::uint64_t> lost_pages{0};

void on_bus_error(int /*signal*/, siginfo_t* info, void* /*context*/) {
  const auto at = reinterpret_cast<std::uintptr_t>(info->si_addr);
  const std::size_t count = watched_end.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < count; ++i) {
    if (at < watched[i].begin.load(std::memory_order_relaxed) ||
        at >= watched[i].end.load(std::memory_order_relaxed)) {
      continue;
    }
    void* const page = reinterpret_cast<void*>(at & ~(kPage - 1));
    if (::mmap(page, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
               0) != MAP_FAILED) {
      watched[i].damaged.store(true, std::memory_order_relaxed);
      lost_pages.fetch_add(1, std::memory_order_relaxed);
      return;
    }
  }
  // Not a client's memory: a fault of our own ends the process as ever.
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

bool watch(const std::byte* cpu, std::uint64_t bytes) {
  watch_bus_errors();
  const auto begin = reinterpret_cast<std::uintptr_t>(cpu);
  for (std::size_t i = 0; i < watched.size(); ++i) {
    if (watched[i].begin.load(std::memory_order_relaxed) != 0) continue;
    watched[i].end.store(begin + bytes, std::memory_order_relaxed);
    watched[i].damaged.store(false, std::memory_order_relaxed);
    watched[i].begin.store(begin, std::memory_order_relaxed);
    if (i >= watched_end.load(std::memory_order_relaxed))
      watched_end.store(i + 1, std::memory_order_release);
    return true;
  }
  return false;
}

void forget(const std::byte* cpu) {
  const auto begin = reinterpret_cast<std::uintptr_t>(cpu);
  for (Watched& range : watched) {
    if (range.begin.load(std::memory_order_relaxed) != begin) continue;
    range.begin.store(0, std::memory_order_relaxed);
    return;
  }
}

// ---- Files

/// 0 if the window lies in a file that can be trusted to have its pages at hand.
int check(const struct stat& about, const OwnedFd& file, std::uint64_t offset,
          std::uint64_t bytes) {
  struct statfs system {};
  if (::fstatfs(file.get(), &system) != 0) return errno;
  if (!S_ISREG(about.st_mode)) return EINVAL;
  const auto kind = static_cast<std::uint64_t>(system.f_type);
  if (kind != TMPFS_MAGIC && kind != HUGETLBFS_MAGIC) return EPERM;
  const auto size = static_cast<std::uint64_t>(about.st_size);
  return offset > size || bytes > size - offset ? EINVAL : 0;
}

/// nullptr: errno says why.
std::byte* map_file(const OwnedFd& file, std::uint64_t offset, std::uint64_t bytes,
                    bool writable) {
  void* const at = ::mmap(nullptr, bytes, writable ? PROT_READ | PROT_WRITE : PROT_READ,
                          MAP_SHARED | MAP_NORESERVE, file.get(), static_cast<off_t>(offset));
  return at == MAP_FAILED ? nullptr : static_cast<std::byte*>(at);
}

}  // namespace

std::uint64_t GuestMemory::lost() {
  return lost_pages.load(std::memory_order_relaxed);
}

bool GuestMemory::damaged() const {
  return std::any_of(pieces_.begin(), pieces_.end(), [](const FilePiece& piece) {
    const auto begin = reinterpret_cast<std::uintptr_t>(piece.cpu);
    return std::any_of(watched.begin(), watched.end(), [&](const Watched& range) {
      return range.begin.load(std::memory_order_relaxed) == begin &&
             range.damaged.load(std::memory_order_relaxed);
    });
  });
}

int GuestMemory::reach(OwnedFd& file, std::uint64_t offset, MemoryWindow& window) {
  struct stat about {};
  if (::fstat(file.get(), &about) != 0) return errno;
  if (const int error = check(about, file, offset, window.bytes); error != 0) return error;
  const auto known = std::find_if(pieces_.begin(), pieces_.end(), [&](const FilePiece& piece) {
    return piece.device == about.st_dev && piece.inode == about.st_ino &&
           (piece.writable || !window.writable) && offset >= piece.offset &&
           offset - piece.offset <= piece.bytes &&
           window.bytes <= piece.bytes - (offset - piece.offset);
  });
  if (known != pieces_.end()) {
    ++known->windows;
    window.cpu = known->cpu + (offset - known->offset);
    return 0;
  }
  // Whole pages, and writable for later windows where the client lets us; if there is no room for
  // all of a large file, the window alone.
  FilePiece piece{about.st_dev, about.st_ino, 0, 0, nullptr, true, 1, OwnedFd()};
  piece.bytes = (static_cast<std::uint64_t>(about.st_size) + kPage - 1) / kPage * kPage;
  piece.cpu = map_file(file, 0, piece.bytes, true);
  if (piece.cpu == nullptr) {
    piece.offset = offset;
    piece.bytes = window.bytes;
    piece.writable = window.writable;
    piece.cpu = map_file(file, offset, piece.bytes, piece.writable);
  }
  if (piece.cpu == nullptr) return errno;
  if (!watch(piece.cpu, piece.bytes)) {
    ::munmap(piece.cpu, piece.bytes);
    return ENOSPC;
  }
  window.cpu = piece.cpu + (offset - piece.offset);
  if (keep_files_ && std::count_if(pieces_.begin(), pieces_.end(), [](const FilePiece& p) {
                       return static_cast<bool>(p.file);
                     }) < kMaxKept) {
    piece.file = std::move(file);
  }
  pieces_.push_back(std::move(piece));
  return 0;
}

void GuestMemory::leave(const MemoryWindow& window) {
  if (window.cpu == nullptr) {
    --unreachable_;
    return;
  }
  const auto piece = std::find_if(pieces_.begin(), pieces_.end(), [&](const FilePiece& p) {
    return window.cpu >= p.cpu && window.cpu < p.cpu + p.bytes;
  });
  if (piece == pieces_.end() || --piece->windows != 0) return;
  forget(piece->cpu);
  ::munmap(piece->cpu, piece->bytes);
  pieces_.erase(piece);
}

int GuestMemory::map(std::uint64_t address, std::uint64_t bytes, std::uint64_t offset,
                     OwnedFd file, bool writable) {
  if (bytes == 0 || (address | bytes | offset) % kPage != 0) return EINVAL;
  if (address >= kAddressLimit || bytes > kAddressLimit - address) return EINVAL;
  if (windows_.size() >= kMaxDmaMaps) return ENOSPC;
  const auto next = std::lower_bound(
      windows_.begin(), windows_.end(), address,
      [](const MemoryWindow& window, std::uint64_t at) { return window.address < at; });
  if (next != windows_.end() && next->address - address < bytes) return EEXIST;
  if (next != windows_.begin() && address - (next - 1)->address < (next - 1)->bytes) return EEXIST;
  MemoryWindow window{address, bytes, nullptr, writable};
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
    (void)dma_.map({window.address, window.bytes, window.cpu, window.writable});
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
  for (const MemoryWindow& window : windows_) leave(window);
  windows_.clear();
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

const GuestMemory::FilePiece* GuestMemory::piece_of(const MemoryWindow& window) const {
  const auto piece = std::find_if(pieces_.begin(), pieces_.end(), [&](const FilePiece& p) {
    return window.cpu >= p.cpu && window.cpu < p.cpu + p.bytes;
  });
  return window.cpu == nullptr || piece == pieces_.end() ? nullptr : &*piece;
}

std::optional<SharedWindow> GuestMemory::shared(std::uint64_t address, std::uint64_t bytes) const {
  if (!enabled_) return std::nullopt;
  auto first = std::partition_point(windows_.begin(), windows_.end(), [&](const MemoryWindow& w) {
    return w.address + (w.bytes - 1) < address;
  });
  if (first == windows_.end() || first->address > address) return std::nullopt;
  const FilePiece* const piece = piece_of(*first);
  if (piece == nullptr || !piece->file) return std::nullopt;
  const auto continues = [&](const MemoryWindow& one, const MemoryWindow& next) {
    return piece_of(one) == piece && piece_of(next) == piece &&
           one.address + one.bytes == next.address && one.cpu + one.bytes == next.cpu &&
           one.writable == next.writable;
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
