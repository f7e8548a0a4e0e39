// SPDX-License-Identifier: Apache-2.0
#pragma once
// The memory windows that a client opened for the card, mapped from the files it sent.
//
// A client may not be able to hurt this process with its own memory. So: only files of a memory
// file system are mapped (a page of any other may take for ever to come); a file that is shorter
// than the window is refused; and one that is cut later does not end the process: the page that
// vanished is replaced by an empty one of ours, and lost() tells it.
//
// A guest with an IOMMU opens a window a page. So each file is mapped once, whole, for all of its
// windows.
//
// Windows without a file are reached by messages (dma_messages.hpp), each access a question to the
// client. Writes into a window that the card may only read are DMA faults.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "device/dma_memory.hpp"
#include "vfio_user/owned_fd.hpp"

namespace hni::device::vfio_user {

struct MemoryWindow {
  std::uint64_t address = 0;
  std::uint64_t bytes = 0;
  std::byte* cpu = nullptr;  ///< nullptr: by messages only
  bool writable = false;
};

/// A window with the file behind it, for somebody who maps it for itself.
struct SharedWindow {
  std::uint64_t address = 0;
  std::uint64_t bytes = 0;
  std::uint64_t offset = 0;  ///< in the file
  int file = -1;             ///< stays GuestMemory's
  std::uint64_t inode = 0;   ///< of the file: numbers of descriptors come again
  bool writable = false;
  bool operator==(const SharedWindow&) const = default;
};

class GuestMemory {
 public:
  /// `dma` outlives this object; it holds the windows that the card reaches while enable(true).
  explicit GuestMemory(DmaMemory& dma) : dma_(dma) {}
  ~GuestMemory() { unmap_all(); }
  GuestMemory(const GuestMemory&) = delete;
  GuestMemory& operator=(const GuestMemory&) = delete;

  /// 0, or an errno value that says why not. `file` may be empty. All numbers are the client's.
  int map(std::uint64_t address, std::uint64_t bytes, std::uint64_t offset, OwnedFd file,
          bool writable);
  /// Closes every window that lies in this range, as VFIO does for a type 1 IOMMU, also when there
  /// is none (a guest that gives its IOMMU new tables flushes all there is). EINVAL: it would cut
  /// a window.
  int unmap(std::uint64_t address, std::uint64_t bytes);
  void unmap_all();

  /// Opens or closes all windows for the card: bus mastering.
  void enable(bool on);

  /// For shared(): the files of windows that come from now on stay open, at most kMostKept.
  void keep_files() { keep_files_ = true; }
  /// The window that holds [address, address + bytes), if the card may reach it and it has a
  /// file. Neighbours in one file are one window here.
  std::optional<SharedWindow> shared(std::uint64_t address, std::uint64_t bytes) const;
  /// Changes whenever shared() may.
  std::uint64_t generation() const { return dma_.generation(); }

  /// Reads of the card that met no window, while bus mastering was on.
  std::uint64_t refused_reads() const { return dma_.refused_reads(); }

  std::size_t windows() const { return windows_.size(); }
  /// Windows without a file.
  std::size_t unreachable() const { return unreachable_; }
  /// A page of this memory was taken away since it was mapped.
  bool damaged() const;
  /// Pages that the client took away from under the card, so far, in the whole process.
  static std::uint64_t lost();

 private:
  /// A client may not use up the descriptors of this process.
  static constexpr std::ptrdiff_t kMaxKept = 64;

  /// A piece of a client's file in this process, for all windows that lie in it.
  struct FilePiece {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t offset = 0;  ///< of the piece in the file
    std::uint64_t bytes = 0;
    std::byte* cpu = nullptr;
    bool writable = false;
    std::size_t windows = 0;
    OwnedFd file{};
  };

  void show(const MemoryWindow& window);
  /// Where the window's memory is in this process, or an errno value.
  int reach(OwnedFd& file, std::uint64_t offset, MemoryWindow& window);
  void leave(const MemoryWindow& window);
  const FilePiece* piece_of(const MemoryWindow& window) const;

  DmaMemory& dma_;
  std::vector<FilePiece> pieces_;
  std::vector<MemoryWindow> windows_;  // sorted by address, without overlaps
  std::size_t unreachable_ = 0;
  bool enabled_ = false;
  bool keep_files_ = false;
};

}  // namespace hni::device::vfio_user
