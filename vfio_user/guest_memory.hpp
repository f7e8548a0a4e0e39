// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The memory windows that a client opened for the card, mapped from the files it sent.
///
/// A client must not be able to harm this process with its own memory. So only files of a memory
/// file system are mapped (a page of any other may block forever); a file that is shorter than the
/// window is refused, and so is one of huge pages whose pool cannot provide them. A page that
/// fails later, at any access and of any size, does not end the process: it is replaced by an
/// empty private one and counted in lost(). Guest memory is left out of core dumps.
///
/// Unmapping a large memory takes long. So windows end at once, but their files are unmapped piece
/// by piece, by reap().
///
/// A guest with an IOMMU opens one window per page. So each file is mapped once, completely, for
/// all of its windows.
///
/// Windows without a file are accessed by messages (dma_messages.hpp). Writes to a window that the
/// card may only read are DMA faults.

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <vector>

#include "device/dma_memory.hpp"
#include "vfio_user/loop_hooks.hpp"
#include "vfio_user/owned_fd.hpp"

namespace hni::device::vfio_user {

struct FilePiece;

/// A window of the card.
struct MemoryWindow {
  std::uint64_t address = 0;   ///< bus address
  std::uint64_t bytes = 0;     ///< size
  std::byte* cpu = nullptr;    ///< address in this process; null: accessible by messages only
  bool writable = false;       ///< the card may write
  bool readable = true;        ///< the card may read
  FilePiece* piece = nullptr;  ///< mapping that holds `cpu`
};

/// A window and its file, for a process that maps it itself.
struct SharedWindow {
  std::uint64_t address = 0;  ///< bus address
  std::uint64_t bytes = 0;    ///< size
  std::uint64_t offset = 0;   ///< offset in the file
  int file = -1;              ///< owned by GuestMemory
  std::uint64_t inode = 0;    ///< inode of the file: descriptor numbers are reused
  bool writable = false;      ///< the card may write
  /// Compares all members.
  /// @return true if equal
  bool operator==(const SharedWindow&) const = default;
};

/// All windows of one client.
class GuestMemory {
 public:
  /// Creates an empty set.
  /// @param dma must outlive it; holds the windows while enable(true)
  explicit GuestMemory(DmaMemory& dma);
  /// Closes all windows and unmaps all files.
  ~GuestMemory();
  /// Not copyable: it owns mappings.
  GuestMemory(const GuestMemory&) = delete;
  /// Not copyable.
  GuestMemory& operator=(const GuestMemory&) = delete;

  /// Opens a window. All numbers are untrusted.
  /// @param address bus address
  /// @param bytes size
  /// @param offset offset in the file
  /// @param file may be empty
  /// @param writable the card may write
  /// @param readable the card may read; required without a file
  /// @return 0, or an errno value
  int map(std::uint64_t address, std::uint64_t bytes, std::uint64_t offset, OwnedFd file,
          bool writable, bool readable = true);
  /// Closes every window inside a range, as VFIO does for a type 1 IOMMU; success without one, too
  /// (a guest that replaces its IOMMU tables flushes everything).
  /// @param address start
  /// @param bytes size
  /// @return 0; EINVAL if the range would split a window
  int unmap(std::uint64_t address, std::uint64_t bytes);
  /// Closes all windows.
  void unmap_all();
  /// Unmaps files that no window uses any more, until the time slice ends.
  /// @param hooks the event loop
  /// @return true if some are left
  bool reap(LoopHooks& hooks);

  /// Opens or closes all windows for the card, as bus mastering does.
  /// @param on true: open
  void enable(bool on);

  /// Keeps the files of later windows open for shared(), at most kMaxKept.
  void keep_files() { keep_files_ = true; }
  /// Finds the window that contains a range. Adjacent windows of one file count as one.
  /// @param address start
  /// @param bytes size
  /// @return nullopt unless the card may access it and it has a file
  std::optional<SharedWindow> shared(std::uint64_t address, std::uint64_t bytes) const;
  /// Locates a range in this process, whether or not the card may access it: rings of a
  /// vhost-user front-end.
  /// @param address start
  /// @param bytes size
  /// @param writable true: only in a window that the card may write
  /// @return nullptr unless one window with a file contains the range
  std::byte* at(std::uint64_t address, std::uint64_t bytes, bool writable) const;
  /// @return a number that changes whenever a result of shared() may change
  std::uint64_t generation() const { return dma_.generation(); }

  /// @return reads of the card outside of any window while bus mastering was on
  std::uint64_t refused_reads() const { return dma_.refused_reads(); }

  /// @return number of windows
  std::size_t windows() const { return windows_.size(); }
  /// @return number of windows without a file
  std::size_t unreachable() const { return unreachable_; }
  /// @return true if an access to this memory failed after it was mapped
  bool damaged() const;
  /// @return pages of clients that failed while mapped, in the whole process
  static std::uint64_t lost();

 private:
  // Limits the file descriptors of this process that one client can use up.
  static constexpr std::ptrdiff_t kMaxKept = 64;

  void show(const MemoryWindow& window);
  /// Sets the window's address in this process; returns 0 or an errno value.
  int reach(OwnedFd& file, std::uint64_t offset, MemoryWindow& window);
  void leave(const MemoryWindow& window);
  /// Called when the last window that uses the piece is closed.
  void retire(FilePiece* piece);

  DmaMemory& dma_;
  std::list<FilePiece> pieces_;
  std::list<FilePiece> retired_;       // used by no window; reap() unmaps them
  std::vector<MemoryWindow> windows_;  // sorted by address, without overlaps
  std::size_t unreachable_ = 0;
  bool enabled_ = false;
  bool keep_files_ = false;
};

}  // namespace hni::device::vfio_user
