// SPDX-License-Identifier: Apache-2.0
#pragma once
// The device side of a split virtqueue (virtio 1.2, 2.7) in the memory of an untrusted front-end.
// Every index, address and length is checked, and each descriptor is read once. Indirect
// descriptors and event indexes are not supported, as this back-end does not offer them.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "vfio_user/guest_memory.hpp"

namespace hni::device::vhost_user {

/// One buffer that the driver made available.
struct Chain {
  std::uint16_t head = 0;
  std::vector<std::byte> readable;             ///< copied
  std::vector<std::span<std::byte>> writable;  ///< in guest memory
  std::size_t writable_bytes = 0;
};

class Virtqueue {
 public:
  /// Addresses of the front-end; not validated.
  struct Layout {
    std::uint64_t desc = 0;
    std::uint64_t avail = 0;
    std::uint64_t used = 0;
  };

  explicit Virtqueue(vfio_user::GuestMemory& memory) : memory_(memory) {}

  /// Returns false if the size is not a power of two or exceeds kMaxQueueSize.
  bool set_size(std::uint32_t entries);
  void set_base(std::uint16_t next_avail);
  std::uint16_t base() const { return next_avail_; }
  void set_layout(const Layout& layout) { layout_ = layout; }
  void enable(bool on) { enabled_ = on; }
  bool enabled() const { return enabled_; }
  void reset();

  /// Returns whether pop() would return a buffer or detect that the queue is broken.
  bool has_available();
  /// Returns the next available buffer, or nothing if there is none, the queue is disabled, or it
  /// is broken(). The chain is valid until the next call.
  Chain* pop();
  /// Returns a buffer to the driver, with `bytes` bytes written. The driver sees it immediately.
  void push(const Chain& chain, std::uint32_t bytes);
  /// Returns whether the driver requests notifications of used buffers.
  bool wants_notification();

  /// Returns whether the front-end violated the protocol; remains true until reset().
  bool broken() const { return why_ != nullptr; }
  const char* why() const { return why_ == nullptr ? "" : why_; }

 private:
  struct Rings {
    std::byte* desc = nullptr;
    std::byte* avail = nullptr;
    std::byte* used = nullptr;
  };

  /// Locates the rings in this process, as the memory table may have changed since the last use.
  std::optional<Rings> rings();
  Chain* fail(const char* why);
  bool add(std::uint64_t address, std::uint32_t bytes, bool writable);

  vfio_user::GuestMemory& memory_;
  Layout layout_;
  std::uint32_t size_ = 0;
  std::uint16_t next_avail_ = 0;
  std::uint16_t next_used_ = 0;
  bool enabled_ = false;
  const char* why_ = nullptr;
  Chain chain_;
};

}  // namespace hni::device::vhost_user
