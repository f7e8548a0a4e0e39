// SPDX-License-Identifier: Apache-2.0
#pragma once
// The messages of the vhost-user protocol (QEMU, docs/interop/vhost-user) that a User Mode Linux
// kernel sends, and the commands that it puts into the virtqueues of a PCI device (Linux,
// include/uapi/linux/virtio_pcidev.h). All numbers are in the byte order of the host; the
// structures have no padding and are copied to and from the wire.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace hni::device::vhost_user {

/// Requests of the front-end.
enum class Request : std::uint32_t {
  kGetFeatures = 1,
  kSetFeatures = 2,
  kSetOwner = 3,
  kResetOwner = 4,
  kSetMemTable = 5,
  kSetVringNum = 8,
  kSetVringAddr = 9,
  kSetVringBase = 10,
  kGetVringBase = 11,
  kSetVringKick = 12,
  kSetVringCall = 13,
  kSetVringErr = 14,
  kGetProtocolFeatures = 15,
  kSetProtocolFeatures = 16,
  kGetQueueNum = 17,
  kSetVringEnable = 18,
  kSetBackendReqFd = 21,
  kVringKick = 35,
};

/// Requests of the back-end, on the socket that kSetBackendReqFd passed.
enum class BackendRequest : std::uint32_t {
  kVringCall = 4,
};

struct Header {
  static constexpr std::uint32_t kVersionMask = 0x3;
  static constexpr std::uint32_t kVersion = 0x1;
  static constexpr std::uint32_t kReply = 0x4;
  static constexpr std::uint32_t kNeedReply = 0x8;

  std::uint32_t request;
  std::uint32_t flags;
  std::uint32_t bytes;  ///< of the payload
};

struct VringState {
  std::uint32_t index;
  std::uint32_t num;
};

struct VringAddr {  ///< user addresses, to be translated by the memory table
  std::uint32_t index;
  std::uint32_t flags;
  std::uint64_t desc;
  std::uint64_t used;
  std::uint64_t avail;
  std::uint64_t log;
};

struct MemTable {  ///< followed by `count` MemRegion
  std::uint32_t count;
  std::uint32_t padding;
};

struct MemRegion {
  std::uint64_t guest_address;
  std::uint64_t bytes;
  std::uint64_t user_address;
  std::uint64_t file_offset;
};

/// Index in the low byte; bit 8: no file descriptor.
inline constexpr std::uint64_t kVringIndexMask = 0xff;

inline constexpr std::uint64_t kFeatureProtocolFeatures = 1ull << 30;
inline constexpr std::uint64_t kFeatureVersion1 = 1ull << 32;
inline constexpr std::uint64_t kProtocolMq = 1ull << 0;
inline constexpr std::uint64_t kProtocolReplyAck = 1ull << 3;
inline constexpr std::uint64_t kProtocolBackendReq = 1ull << 5;
inline constexpr std::uint64_t kProtocolInbandNotifications = 1ull << 14;

/// The features that this back-end offers. The front-end must accept all of them: notifications
/// are messages, so that both sides know when a command is done, which virtual time requires.
inline constexpr std::uint64_t kFeatures = kFeatureProtocolFeatures | kFeatureVersion1;
inline constexpr std::uint64_t kProtocolFeatures =
    kProtocolMq | kProtocolReplyAck | kProtocolBackendReq | kProtocolInbandNotifications;

inline constexpr std::uint32_t kCommandQueue = 0;
inline constexpr std::uint32_t kInterruptQueue = 1;
inline constexpr std::uint32_t kQueues = 2;
inline constexpr std::uint32_t kMaxQueueSize = 1024;
inline constexpr std::size_t kMaxRegions = 8;
inline constexpr std::size_t kMaxMessageFds = 8;
inline constexpr std::size_t kMaxPayload = 512;

/// One operation on the PCI device, in the command queue; kMsi occurs in the interrupt queue.
enum class PciOp : std::uint8_t {
  kConfigRead = 1,
  kConfigWrite = 2,
  kMmioRead = 3,
  kMmioWrite = 4,
  kMmioMemset = 5,  ///< one byte of data, repeated `bytes` times
  kMsi = 7,
};

struct PciCommand {  ///< then the data
  std::uint8_t op;
  std::uint8_t bar;
  std::uint16_t reserved;
  std::uint32_t bytes;
  std::uint64_t address;
};

struct MsiCommand {
  PciCommand command;
  std::uint32_t data;
  static constexpr std::size_t kBytes = 20;  ///< without the structure's padding
};

static_assert(sizeof(Header) == 12 && sizeof(VringState) == 8 && sizeof(VringAddr) == 40 &&
              sizeof(MemTable) == 8 && sizeof(MemRegion) == 32 && sizeof(PciCommand) == 16 &&
              offsetof(MsiCommand, data) == 16);

/// The maximum size of a command and of a response: a copy of a part of a BAR.
inline constexpr std::size_t kMaxTransfer = 64 * 1024;

/// Returns the first bytes of `from` as a T. `from` must be at least as long as T.
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

}  // namespace hni::device::vhost_user
