// SPDX-License-Identifier: Apache-2.0
#pragma once
/// The messages of the vfio-user protocol (QEMU, docs/interop/vfio-user), as both sides use them:
/// a header of 16 bytes, then a payload that the command determines. All numbers are in the byte
/// order of the host; the structures below have no padding and are copied to and from the wire.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace hni::device::vfio_user {

/// Commands. Client to server unless noted.
enum class Command : std::uint16_t {
  kVersion = 1,
  kDmaMap = 2,
  kDmaUnmap = 3,
  kGetInfo = 4,
  kGetRegionInfo = 5,
  kGetRegionIoFds = 6,
  kGetIrqInfo = 7,
  kSetIrqs = 8,
  kRegionRead = 9,
  kRegionWrite = 10,
  kDmaRead = 11,   ///< server to client
  kDmaWrite = 12,  ///< server to client
  kReset = 13,
  kRegionWriteMulti = 15,
  kFeature = 16,
  kMigrationRead = 17,
  kMigrationWrite = 18,
};

/// First bytes of every message.
struct Header {
  static constexpr std::uint32_t kTypeMask = 0xf;  ///< bits of `flags` with the type
  static constexpr std::uint32_t kReply = 0x1;     ///< type: a reply
  static constexpr std::uint32_t kNoReply = 0x10;  ///< flag: no reply requested
  static constexpr std::uint32_t kError = 0x20;    ///< flag: `error` is valid

  std::uint16_t id;       ///< echoed in the reply
  std::uint16_t command;  ///< a Command; not validated
  std::uint32_t bytes;    ///< length of the whole message
  std::uint32_t flags;    ///< type and flags
  std::uint32_t error;    ///< an errno value, in a reply with kError
};

/// Payload of kVersion, followed by JSON text that ends with a NUL, or nothing.
struct Version {
  std::uint16_t major;  ///< major version
  std::uint16_t minor;  ///< minor version
};

/// Payload of kDmaMap.
struct DmaMap {
  static constexpr std::uint32_t kReadable = 1;                   ///< flag: the card may read
  static constexpr std::uint32_t kWritable = 2;                   ///< flag: the card may write
  static constexpr std::uint32_t kKnown = kReadable | kWritable;  ///< flags: all that exist
  std::uint32_t argsz;                                            ///< size of this structure
  std::uint32_t flags;                                            ///< flags above
  std::uint64_t offset;   ///< offset in the file that accompanies the message
  std::uint64_t address;  ///< bus address
  std::uint64_t bytes;    ///< size
};

/// Payload of kDmaUnmap.
struct DmaUnmap {
  static constexpr std::uint32_t kAll = 2;  ///< flag: all windows
  std::uint32_t argsz;                      ///< size of this structure
  std::uint32_t flags;                      ///< flags above
  std::uint64_t address;                    ///< bus address
  std::uint64_t bytes;                      ///< size
};

/// Payload of kGetInfo.
struct DeviceInfo {
  static constexpr std::uint32_t kReset = 1;  ///< flag: can be reset
  static constexpr std::uint32_t kPci = 2;    ///< flag: a PCI device
  std::uint32_t argsz;                        ///< size of this structure
  std::uint32_t flags;                        ///< flags above
  std::uint32_t regions;                      ///< number of regions
  std::uint32_t irqs;                         ///< number of interrupt kinds
};

/// Payload of kGetRegionInfo.
struct RegionInfo {
  static constexpr std::uint32_t kRead = 1;   ///< flag: readable
  static constexpr std::uint32_t kWrite = 2;  ///< flag: writable
  std::uint32_t argsz;                        ///< size of this structure
  std::uint32_t flags;                        ///< flags above
  std::uint32_t index;                        ///< number of the region
  std::uint32_t cap_offset;                   ///< offset of capabilities; 0: none
  std::uint64_t bytes;                        ///< size of the region
  std::uint64_t offset;                       ///< offset for mmap; unused
};

/// Payload of kGetIrqInfo.
struct IrqInfo {
  static constexpr std::uint32_t kEventFd = 1;  ///< flag: signalled by eventfds
  std::uint32_t argsz;                          ///< size of this structure
  std::uint32_t flags;                          ///< flags above
  std::uint32_t index;                          ///< kind of interrupt
  std::uint32_t count;                          ///< number of interrupts
};

/// Payload of kSetIrqs, followed by one byte per vector with kDataBool.
struct SetIrqs {
  static constexpr std::uint32_t kDataNone = 0x01;     ///< flag: no data
  static constexpr std::uint32_t kDataBool = 0x02;     ///< flag: one byte per vector
  static constexpr std::uint32_t kDataEventFd = 0x04;  ///< flag: one eventfd per vector
  static constexpr std::uint32_t kMask = 0x08;         ///< action
  static constexpr std::uint32_t kUnmask = 0x10;       ///< action
  static constexpr std::uint32_t kTrigger = 0x20;      ///< action
  std::uint32_t argsz;                                 ///< size of the payload
  std::uint32_t flags;                                 ///< flags above
  std::uint32_t index;                                 ///< kind of interrupt
  std::uint32_t start;                                 ///< first vector
  std::uint32_t count;                                 ///< number of vectors
};

/// Payload of kRegionRead and kRegionWrite, followed by `count` bytes in a write and in the reply
/// of a read.
struct RegionAccess {
  std::uint64_t offset;  ///< offset in the region
  std::uint32_t region;  ///< number of the region
  std::uint32_t count;   ///< number of bytes
};

/// Payload of kDmaRead and kDmaWrite, followed by `count` bytes in a write and in the reply of a
/// read.
struct DmaAccess {
  std::uint64_t address;  ///< bus address
  std::uint64_t count;    ///< number of bytes
};

/// One element of kRegionWriteMulti, after the 64-bit number of elements.
struct MultiWrite {
  std::uint64_t offset;  ///< offset in the region
  std::uint32_t region;  ///< number of the region
  std::uint32_t count;   ///< number of bytes, at most 8
  std::byte data[8];     ///< the bytes
};

static_assert(sizeof(Header) == 16 && sizeof(Version) == 4 && sizeof(DmaMap) == 32 &&
              sizeof(DmaUnmap) == 24 && sizeof(DeviceInfo) == 16 && sizeof(RegionInfo) == 32 &&
              sizeof(IrqInfo) == 16 && sizeof(SetIrqs) == 20 && sizeof(RegionAccess) == 16 &&
              sizeof(MultiWrite) == 24 && sizeof(DmaAccess) == 16);

inline constexpr std::uint32_t kBarRegions = 6;    ///< number of BAR regions
inline constexpr std::uint32_t kRomRegion = 6;     ///< expansion ROM
inline constexpr std::uint32_t kConfigRegion = 7;  ///< configuration space
inline constexpr std::uint32_t kRegions = 9;       ///< number of regions
inline constexpr std::uint32_t kMsixIrq = 2;       ///< MSI-X
inline constexpr std::uint32_t kIrqs = 5;          ///< number of interrupt kinds

inline constexpr std::uint32_t kMaxTransfer = 64 * 1024;  ///< bytes per region access
inline constexpr std::uint32_t kMaxMessageFds = 16;       ///< file descriptors per message
inline constexpr std::uint32_t kMaxDmaMaps = 65535;       ///< memory windows
/// bytes of a message
inline constexpr std::uint32_t kMaxMessage = sizeof(Header) + sizeof(RegionAccess) + kMaxTransfer;

/// Reads a structure from bytes, which must be long enough.
/// @tparam T structure
/// @param from the bytes
/// @return the structure
template <class T>
requires std::is_trivially_copyable_v<T> T load(std::span<const std::byte> from) {
  T value;
  std::memcpy(&value, from.data(), sizeof value);
  return value;
}

/// Returns the bytes of a structure.
/// @tparam T structure
/// @param value must outlive the result
/// @return view of the bytes
template <class T>
requires std::is_trivially_copyable_v<T> std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

}  // namespace hni::device::vfio_user
