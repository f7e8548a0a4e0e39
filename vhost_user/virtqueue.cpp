// SPDX-License-Identifier: Apache-2.0
#include "vhost_user/virtqueue.hpp"

#include <atomic>
#include <bit>

#include "vhost_user/protocol.hpp"

namespace hni::device::vhost_user {
namespace {

struct Descriptor {
  static constexpr std::uint16_t kNext = 1;
  static constexpr std::uint16_t kWrite = 2;
  static constexpr std::uint16_t kIndirect = 4;
  std::uint64_t address;
  std::uint32_t bytes;
  std::uint16_t flags;
  std::uint16_t next;
};
static_assert(sizeof(Descriptor) == 16);

constexpr std::size_t kRingHeader = 4;  // flags, index
constexpr std::size_t kUsedEntry = 8;
constexpr std::uint16_t kNoInterrupt = 1;

std::uint16_t read_index(const std::byte* at) {
  std::uint16_t value = 0;
  std::memcpy(&value, at, sizeof value);
  // Acquire: the driver's writes before the index are visible after it.
  std::atomic_thread_fence(std::memory_order_acquire);
  return value;
}

}  // namespace

bool Virtqueue::set_size(std::uint32_t entries) {
  if (!std::has_single_bit(entries) || entries > kMaxQueueSize) return false;
  size_ = entries;
  return true;
}

void Virtqueue::set_base(std::uint16_t next_avail) {
  next_avail_ = next_used_ = next_avail;
}

void Virtqueue::reset() {
  layout_ = {};
  size_ = 0;
  next_avail_ = next_used_ = 0;
  enabled_ = false;
  why_ = nullptr;
}

Chain* Virtqueue::fail(const char* why) {
  if (why_ == nullptr) why_ = why;
  return nullptr;
}

std::optional<Virtqueue::Rings> Virtqueue::rings() {
  if (!enabled_ || broken()) return std::nullopt;
  if (size_ == 0) {
    fail("an enabled virtqueue without a size");
    return std::nullopt;
  }
  const Rings at{memory_.at(layout_.desc, size_ * sizeof(Descriptor), true),
                 memory_.at(layout_.avail, kRingHeader + size_ * sizeof(std::uint16_t), true),
                 memory_.at(layout_.used, kRingHeader + size_ * kUsedEntry, true)};
  if (at.desc == nullptr || at.avail == nullptr || at.used == nullptr || layout_.avail % 2 != 0 ||
      layout_.used % 4 != 0) {
    fail("a virtqueue outside of the memory table");
    return std::nullopt;
  }
  return at;
}

bool Virtqueue::add(std::uint64_t address, std::uint32_t bytes, bool writable) {
  std::byte* const at = memory_.at(address, bytes, writable);
  if (at == nullptr) {
    fail("a buffer outside of the memory table");
    return false;
  }
  if (writable) {
    chain_.writable_bytes += bytes;
    chain_.writable.emplace_back(at, bytes);
  } else {
    chain_.readable.insert(chain_.readable.end(), at, at + bytes);
  }
  if (chain_.readable.size() > kMaxTransfer + sizeof(PciCommand) ||
      chain_.writable_bytes > kMaxTransfer) {
    fail("a buffer of more than 64 KiB");
    return false;
  }
  return true;
}

bool Virtqueue::has_available() {
  const auto at = rings();
  return at && read_index(at->avail + sizeof(std::uint16_t)) != next_avail_;
}

Chain* Virtqueue::pop() {
  const auto at = rings();
  if (!at) return nullptr;
  const auto available =
      static_cast<std::uint16_t>(read_index(at->avail + sizeof(std::uint16_t)) - next_avail_);
  if (available == 0) return nullptr;
  if (available > size_) return fail("more available buffers than entries");
  chain_.readable.clear();
  chain_.writable.clear();
  chain_.writable_bytes = 0;
  const std::size_t entry = next_avail_ & (size_ - 1);
  chain_.head = read_index(at->avail + kRingHeader + entry * sizeof(std::uint16_t));
  std::uint16_t index = chain_.head;
  for (std::uint32_t walked = 0;; ++walked) {
    if (index >= size_) return fail("a descriptor index beyond the table");
    if (walked >= size_) return fail("a descriptor chain that loops");
    const auto descriptor =
        load<Descriptor>(std::span(at->desc + index * sizeof(Descriptor), sizeof(Descriptor)));
    const bool writable = (descriptor.flags & Descriptor::kWrite) != 0;
    if ((descriptor.flags & Descriptor::kIndirect) != 0)
      return fail("an indirect descriptor, which was not negotiated");
    if (!writable && !chain_.writable.empty())
      return fail("a readable descriptor after a writable one");
    // At most 64 KiB are copied from a single descriptor.
    if (descriptor.bytes > kMaxTransfer + sizeof(PciCommand))
      return fail("a buffer of more than 64 KiB");
    if (descriptor.bytes != 0 && !add(descriptor.address, descriptor.bytes, writable))
      return nullptr;
    if ((descriptor.flags & Descriptor::kNext) == 0) break;
    index = descriptor.next;
  }
  ++next_avail_;
  return &chain_;
}

void Virtqueue::push(const Chain& chain, std::uint32_t bytes) {
  const auto at = rings();
  if (!at) return;
  const struct {
    std::uint32_t id;
    std::uint32_t bytes;
  } element{chain.head, bytes};
  const std::size_t entry = next_used_ & (size_ - 1);
  std::memcpy(at->used + kRingHeader + entry * kUsedEntry, &element, sizeof element);
  ++next_used_;
  // Release: the driver must see the buffer and its used element before the index.
  std::atomic_thread_fence(std::memory_order_release);
  std::memcpy(at->used + sizeof(std::uint16_t), &next_used_, sizeof next_used_);
  // Full barrier: the index must be written before the driver's notification flag is read.
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

bool Virtqueue::wants_notification() {
  const auto at = rings();
  return at && (read_index(at->avail) & kNoInterrupt) == 0;
}

}  // namespace hni::device::vhost_user
