// SPDX-License-Identifier: Apache-2.0
#include "device/vfio_user/guest_memory.hpp"

#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>

#include "device/vfio_user/protocol.hpp"

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
std::array<Watched, 2 * kMaxDmaMaps> watched;
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
int check(const OwnedFd& file, std::uint64_t offset, std::uint64_t bytes) {
  struct stat about {};
  struct statfs system {};
  if (::fstat(file.get(), &about) != 0 || ::fstatfs(file.get(), &system) != 0) return errno;
  if (!S_ISREG(about.st_mode)) return EINVAL;
  const auto kind = static_cast<std::uint64_t>(system.f_type);
  if (kind != TMPFS_MAGIC && kind != HUGETLBFS_MAGIC) return EPERM;
  const auto size = static_cast<std::uint64_t>(about.st_size);
  return offset > size || bytes > size - offset ? EINVAL : 0;
}

}  // namespace

std::uint64_t GuestMemory::lost() {
  return lost_pages.load(std::memory_order_relaxed);
}

bool GuestMemory::damaged() const {
  return std::any_of(windows_.begin(), windows_.end(), [](const MemoryWindow& window) {
    const auto begin = reinterpret_cast<std::uintptr_t>(window.cpu);
    return window.cpu != nullptr &&
           std::any_of(watched.begin(), watched.end(), [&](const Watched& range) {
             return range.begin.load(std::memory_order_relaxed) == begin &&
                    range.damaged.load(std::memory_order_relaxed);
           });
  });
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
  MemoryWindow window{address, bytes, nullptr};
  if (file) {
    if (const int error = check(file, offset, bytes); error != 0) return error;
  }
  if (file && writable) {
    void* const at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
                            file.get(), static_cast<off_t>(offset));
    if (at == MAP_FAILED) return errno;
    window.cpu = static_cast<std::byte*>(at);
    if (!watch(window.cpu, bytes)) {
      ::munmap(at, bytes);
      return ENOSPC;
    }
  }
  windows_.insert(next, window);
  if (enabled_) show(window);
  return 0;
}

void GuestMemory::show(const MemoryWindow& window) {
  if (window.cpu != nullptr) (void)dma_.map({window.address, window.bytes, window.cpu});
}

int GuestMemory::unmap(std::uint64_t address, std::uint64_t bytes) {
  const auto found = std::lower_bound(
      windows_.begin(), windows_.end(), address,
      [](const MemoryWindow& window, std::uint64_t at) { return window.address < at; });
  if (found == windows_.end() || found->address != address || found->bytes != bytes) return ENOENT;
  (void)dma_.unmap(address, bytes);
  if (found->cpu != nullptr) {
    forget(found->cpu);
    ::munmap(found->cpu, found->bytes);
  }
  windows_.erase(found);
  return 0;
}

void GuestMemory::unmap_all() {
  dma_.unmap_all();
  for (const MemoryWindow& window : windows_) {
    if (window.cpu == nullptr) continue;
    forget(window.cpu);
    ::munmap(window.cpu, window.bytes);
  }
  windows_.clear();
}

void GuestMemory::enable(bool on) {
  if (on == enabled_) return;
  enabled_ = on;
  dma_.unmap_all();
  if (!on) return;
  for (const MemoryWindow& window : windows_) show(window);
}

std::size_t GuestMemory::unreachable() const {
  return static_cast<std::size_t>(
      std::count_if(windows_.begin(), windows_.end(),
                    [](const MemoryWindow& window) { return window.cpu == nullptr; }));
}

}  // namespace hni::device::vfio_user
