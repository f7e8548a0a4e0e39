// SPDX-License-Identifier: Apache-2.0
#pragma once
// A split virtqueue (virtio 1.2, 2.7), the device's side, in the memory of a front-end that is not
// trusted. Every index, address and length is checked; each descriptor is read once. Without
// indirect descriptors and event indexes, which this back-end does not offer.

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
  /// Guest addresses; the front-end's, unchecked.
  struct Layout {
    std::uint64_t desc = 0;
    std::uint64_t avail = 0;
    std::uint64_t used = 0;
  };

  explicit Virtqueue(vfio_user::GuestMemory& memory) : memory_(memory) {}

  /// False: not a power of two, or more than kMaxQueueSize.
  bool set_size(std::uint32_t entries);
  void set_base(std::uint16_t next_avail);
  std::uint16_t base() const { return next_avail_; }
  void set_layout(const Layout& layout) { layout_ = layout; }
  void enable(bool on) { enabled_ = on; }
  bool enabled() const { return enabled_; }
  void reset();

  /// True: pop() would return a buffer, or find that the queue is broken.
  bool has_available();
  /// The next available buffer. Nothing: none, the queue is disabled, or it is broken(). The chain
  /// is valid until the next call.
  Chain* pop();
  /// Returns a buffer, of which `bytes` were written. The driver sees it at once.
  void push(const Chain& chain, std::uint32_t bytes);
  /// The driver wants to be notified of used buffers.
  bool wants_notification();

  /// The front-end broke the rules; it stays broken until reset().
  bool broken() const { return why_ != nullptr; }
  const char* why() const { return why_ == nullptr ? "" : why_; }

 private:
  struct Rings {
    std::byte* desc = nullptr;
    std::byte* avail = nullptr;
    std::byte* used = nullptr;
  };

  /// Where the rings are in this process. The memory table may have changed since the last use.
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
