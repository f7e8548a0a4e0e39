// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The /dev/vfio back end: the driver in this process, the card on this machine's PCI bus behind
/// its IOMMU. The kernel's vfio-pci driver must have the function; then registers are mapped into
/// this process, vectors are eventfds, and the card reaches exactly the memory of dma_alloc().
///
/// The source of the interface is the kernel's documentation (driver-api/vfio) and linux/vfio.h,
/// containers and groups, type 1 IOMMU, version 2. A group without an IOMMU is refused.

#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "driver/control/interrupts.hpp"
#include "driver/core/device_io.hpp"
#include "driver/io/dma_spans.hpp"
#include "driver/io/event_vectors.hpp"
#include "driver/io/pci_function.hpp"
#include "vfio_user/owned_fd.hpp"

namespace hni::io {

class Vfio {
 public:
  /// Opens the PCI function `address` ("0000:01:00.0", or "01:00.0"), checks that it is an fbnic,
  /// lets it master the bus, and gives each of its vectors an eventfd. An error is one line that
  /// names the remedy.
  static tl::expected<std::unique_ptr<Vfio>, std::string> open(const std::string& address);
  ~Vfio();
  Vfio(const Vfio&) = delete;
  Vfio& operator=(const Vfio&) = delete;

  // ---- DeviceIo
  std::uint32_t read32(Site /*site*/, RegAddr reg) {
    if (gone_) return ~0U;
    const std::uint32_t value = *word(reg);
    std::atomic_thread_fence(std::memory_order_acquire);
    return value;
  }
  void write32(RegAddr reg, std::uint32_t value) {
    if (gone_) return;
      // Descriptors and packet bytes are in memory before the doorbell leaves the processor: on
      // x86 stores keep their order, elsewhere device memory needs the full barrier.
#if defined(__x86_64__)
    std::atomic_signal_fence(std::memory_order_seq_cst);
#else
    __sync_synchronize();
#endif
    *word(reg) = value;
  }
  std::uint64_t load64(Site /*site*/, const std::uint64_t* at) {
    return std::atomic_ref(*const_cast<std::uint64_t*>(at)).load(std::memory_order_acquire);
  }
  void store64(std::uint64_t* at, std::uint64_t value) {
    std::atomic_ref(*at).store(value, std::memory_order_release);
  }
  void copy_in(Site /*site*/, std::byte* to, const std::byte* from, std::size_t n) {
    std::memcpy(to, from, n);
  }
  std::optional<DmaSpan> dma_alloc(std::size_t bytes);
  void dma_free(const DmaSpan& span);

  // ---- What is not a register
  /// Readable while a vector has fired, or the kernel wants the card back.
  [[nodiscard]] int interrupts() const {
    return vectors_.waitable();
  }
  /// Calls handle(Vector) for each vector that fired since the last call; how many. A kernel that
  /// wants the card back (its driver is unbound, it was unplugged) makes it gone().
  template <class Handle>
  unsigned take_interrupts(Handle&& handle) {
    unsigned taken = 0;
    for (const std::uint16_t vector : vectors_.take()) {
      if (vector >= card_vectors_) {
        give_up("the kernel wants the card back");
        continue;
      }
      handle(Vector{vector});
      ++taken;
    }
    return taken;
  }
  /// The address in the card's serial number.
  [[nodiscard]] const MacAddress& mac() const {
    return pci_.mac;
  }
  /// What the host allows the card, for PortConfig.
  [[nodiscard]] const PcieLimits& pcie() const {
    return pci_.pcie;
  }
  [[nodiscard]] unsigned vectors() const {
    return card_vectors_;
  }
  [[nodiscard]] bool gone() const {
    return gone_;
  }
  [[nodiscard]] const std::string& why() const {
    return why_;
  }

 private:
  using OwnedFd = device::vfio_user::OwnedFd;
  using Status = tl::expected<void, std::string>;

  struct Window {
    volatile std::uint32_t* words = nullptr;
    std::size_t bytes = 0;
  };

  Vfio() = default;

  Status open_function(const std::string& address);
  Status open_group(const std::string& number);
  Status map_registers();
  Status identify();
  Status open_interrupts();
  Status route(std::uint32_t index, unsigned first_eventfd, unsigned count);
  tl::expected<std::uint32_t, std::string> read_config(std::uint32_t offset) const;
  void give_up(const std::string& why);

  volatile std::uint32_t* word(RegAddr reg) {
    return windows_[reg.bar == Bar::kBar0 ? 0 : 1].words + reg.byte_offset / 4;
  }

  OwnedFd container_;
  OwnedFd group_;
  OwnedFd function_;
  Window windows_[2];  ///< BAR 0 and BAR 4
  std::uint64_t config_at_ = 0;
  unsigned card_vectors_ = 0;  ///< eventfds after these are not the card's
  EventVectors vectors_;
  PciFunction pci_;
  bool gone_ = false;
  std::string why_ = "it does not answer";
  DmaSpans spans_;
};

static_assert(DeviceIo<Vfio>);

}  // namespace hni::io
