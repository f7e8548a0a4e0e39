// SPDX-License-Identifier: Apache-2.0
#pragma once
// The messages of the vfio-user protocol (QEMU, docs/interop/vfio-user), as both sides use them:
// a header of 16 bytes, then a payload that the command determines. All numbers are in the byte
// order of the host; the structures below have no padding and are copied to and from the wire.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace hni::device::vfio_user {

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

struct Header {
  static constexpr std::uint32_t kTypeMask = 0xf;
  static constexpr std::uint32_t kReply = 0x1;
  static constexpr std::uint32_t kNoReply = 0x10;
  static constexpr std::uint32_t kError = 0x20;

  std::uint16_t id;       ///< echoed in the reply
  std::uint16_t command;  ///< a Command, if the sender is honest
  std::uint32_t bytes;    ///< of the whole message
  std::uint32_t flags;
  std::uint32_t error;  ///< an errno value, in a reply with kError
};

struct Version {  ///< then JSON text that ends with a NUL, or nothing
  std::uint16_t major;
  std::uint16_t minor;
};

struct DmaMap {
  static constexpr std::uint32_t kReadable = 1;
  static constexpr std::uint32_t kWritable = 2;
  std::uint32_t argsz;
  std::uint32_t flags;
  std::uint64_t offset;  ///< in the file that came along
  std::uint64_t address;
  std::uint64_t bytes;
};

struct DmaUnmap {
  static constexpr std::uint32_t kAll = 2;
  std::uint32_t argsz;
  std::uint32_t flags;
  std::uint64_t address;
  std::uint64_t bytes;
};

struct DeviceInfo {
  static constexpr std::uint32_t kReset = 1;
  static constexpr std::uint32_t kPci = 2;
  std::uint32_t argsz;
  std::uint32_t flags;
  std::uint32_t regions;
  std::uint32_t irqs;
};

struct RegionInfo {
  static constexpr std::uint32_t kRead = 1;
  static constexpr std::uint32_t kWrite = 2;
  std::uint32_t argsz;
  std::uint32_t flags;
  std::uint32_t index;
  std::uint32_t cap_offset;
  std::uint64_t bytes;
  std::uint64_t offset;
};

struct IrqInfo {
  static constexpr std::uint32_t kEventFd = 1;
  std::uint32_t argsz;
  std::uint32_t flags;
  std::uint32_t index;
  std::uint32_t count;
};

struct SetIrqs {  ///< then one byte a vector with kDataBool
  static constexpr std::uint32_t kDataNone = 0x01;
  static constexpr std::uint32_t kDataBool = 0x02;
  static constexpr std::uint32_t kDataEventFd = 0x04;
  static constexpr std::uint32_t kMask = 0x08;
  static constexpr std::uint32_t kUnmask = 0x10;
  static constexpr std::uint32_t kTrigger = 0x20;
  std::uint32_t argsz;
  std::uint32_t flags;
  std::uint32_t index;
  std::uint32_t start;
  std::uint32_t count;
};

struct RegionAccess {  ///< then `count` bytes, in a write and in the reply of a read
  std::uint64_t offset;
  std::uint32_t region;
  std::uint32_t count;
};

struct DmaAccess {  ///< then `count` bytes, in a write and in the reply of a read
  std::uint64_t address;
  std::uint64_t count;
};

struct MultiWrite {  ///< one element of kRegionWriteMulti, after the 64-bit number of them
  std::uint64_t offset;
  std::uint32_t region;
  std::uint32_t count;  ///< at most 8
  std::byte data[8];
};

static_assert(sizeof(Header) == 16 && sizeof(Version) == 4 && sizeof(DmaMap) == 32 &&
              sizeof(DmaUnmap) == 24 && sizeof(DeviceInfo) == 16 && sizeof(RegionInfo) == 32 &&
              sizeof(IrqInfo) == 16 && sizeof(SetIrqs) == 20 && sizeof(RegionAccess) == 16 &&
              sizeof(MultiWrite) == 24 && sizeof(DmaAccess) == 16);

/// Regions and interrupt kinds have the numbers that VFIO gives them for PCI.
inline constexpr std::uint32_t kBarRegions = 6;
inline constexpr std::uint32_t kRomRegion = 6;
inline constexpr std::uint32_t kConfigRegion = 7;
inline constexpr std::uint32_t kRegions = 9;
inline constexpr std::uint32_t kMsixIrq = 2;
inline constexpr std::uint32_t kIrqs = 5;

/// What this implementation takes, and says so when versions are negotiated.
inline constexpr std::uint32_t kMaxTransfer = 64 * 1024;
inline constexpr std::uint32_t kMaxMessageFds = 16;
inline constexpr std::uint32_t kMaxDmaMaps = 65535;
inline constexpr std::uint32_t kMaxMessage = sizeof(Header) + sizeof(RegionAccess) + kMaxTransfer;

/// The first bytes of `from` as a T. `from` holds at least so many.
template <class T>
requires std::is_trivially_copyable_v<T> T load(std::span<const std::byte> from) {
  T value;
  std::memcpy(&value, from.data(), sizeof value);
  return value;
}

template <class T>
requires std::is_trivially_copyable_v<T> std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

}  // namespace hni::device::vfio_user
